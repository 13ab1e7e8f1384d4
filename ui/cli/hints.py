"""Where to look in the settings when a provider's first picture fails, one sentence for each place.

A provider is known here by what it declares alone: of its own settings those are named that the service's
words are about. A setting is about its name, its alias, and what its description has in backquotes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from textwrap import shorten
from typing import Any, cast, get_args

from pydantic.fields import FieldInfo

from core.chat.failure import Failure
from core.plugins.provider import Provider
from core.settings.sources import listed

_OF_KEYS = {"key", "auth", "header", "token"}
_OF_ADDRESSES = {"path", "paths", "route", "version", "deployment"}
"""Words in the names of settings that say how a key is sent, and where a request goes."""
_OF_SIZES = ("size", "width", "height", "resolution", "aspect ratio", "dimension")
_MAX_DESCRIPTION = 400


def hints(provider: Provider, failure: Failure, model: str) -> list[str]:
    """Returns what the failure may come from, the likeliest first; empty if no setting has to do with it."""
    words = failure.service_message or ""
    found: list[str] = []
    of_model = [_about_the_model(provider, model)] if _is_about("model", words) else []
    if failure.cause in ("auth", "no-credential"):
        found += [*_about_the_key(provider), *_own(provider, _OF_KEYS)]
    elif failure.cause == "unavailable" and failure.answered is None:
        found += [f"It asked {_address(provider)}: does a server run there, and is the port right?"]
    elif failure.answered in (404, 405, 410) or failure.cause == "bad-response":
        found += [
            f"It asked {_address(provider)}: is that where its documentation says, such as below /v1?",
            *of_model,
            *_own(provider, _OF_ADDRESSES),
            _about_the_model(provider, model),
        ]
    if failure.cause in ("invalid-request", "provider", "auth"):
        found += [*of_model, *_own(provider, words=words)]
        if any(_is_about(word, words) for word in _OF_SIZES):
            found += [f"The sizes that people may choose are set by sizes in {_tables(provider)}."]
    if failure.cause == "invalid-request" and not found and (names := [*_fields(provider)]):
        found += [f"What is sent can be changed by providers.{provider.name}: {listed(names)}."]
    if failure.sent:
        found += [f"The request had the fields {listed(failure.sent)}; their values are not shown."]
    return [*dict.fromkeys(found)]


def _about_the_key(provider: Provider) -> Iterator[str]:
    setting = f"providers.{provider.name}.api_key_env"
    variables = provider.credential_variables
    if not variables:
        yield f"No key was sent: let {setting} name the variable that holds it."
    for part, variable in variables.items():
        if part in provider.credentials:
            is_its = "which is set: is it this service's?"
            yield f"The key was read from {variable}, {is_its} {setting} names the variable."
        elif os.environ.get(variable, "").strip():
            yield f"{variable} is set, but is used only if {setting} names it."
        else:
            yield f"{variable} is not set: set it, or name another variable in {setting}."


def _about_the_model(provider: Provider, model: str) -> str:
    own = f"providers.{provider.name}.models, or the id of {_tables(provider)}"
    return f"It asked for the model {model}: is that its name there? It is set by {own}."


def _tables(provider: Provider) -> str:
    return f"[[providers.{provider.name}.model]]"


def _address(provider: Provider) -> str:
    setting = f"providers.{provider.name}.base_url"
    if provider.base_url is None:
        return f"the service's usual address ({setting} names another)"
    return (
        f"{provider.base_url} ({setting if provider.settings.base_url else provider.info.base_url_variable})"
    )


def _own(provider: Provider, topics: Iterable[str] = (), words: str = "") -> Iterator[str]:
    """Returns the settings of its own that are about a topic by their names, or about the service's words."""
    fields = _fields(provider)
    for name, field in sorted(fields.items(), key=lambda each: not _is_about(each[0], words)):
        is_meant = bool(set(name.split("_")) & {*topics})
        if is_meant or any(_is_about(term, words) for term in _terms(name, field)):
            extra = provider.settings.extra
            now = f"now {extra[name]!r:.80}" if name in extra else "not set"
            about = " ".join((field.description or "").replace("``", "`").split())
            about = shorten(about, _MAX_DESCRIPTION, placeholder=" …")
            yield f"providers.{provider.name}.{name} ({now}): {about}".removesuffix(": ")


def _fields(provider: Provider) -> dict[str, FieldInfo]:
    declared = provider.info.settings
    fields = declared.model_fields if declared else {}
    return {field.alias or name: field for name, field in fields.items()}


def _terms(name: str, field: FieldInfo) -> set[str]:
    quoted = re.findall(r"`+([^`]{1,80})`+", field.description or "")
    found = {word for code in quoted for word in re.findall(r"[A-Za-z_][\w-]*", code)}
    return {name} | (found - {*_values(field.annotation), "None", "null", "true", "false"})


def _values(annotation: Any) -> Iterator[str]:
    """Returns the texts that a setting may be, which say nothing of what it is about."""
    for part in cast("tuple[Any, ...]", get_args(annotation)):
        if isinstance(part, str):
            yield part
        else:
            yield from _values(part)


def _is_about(term: str, words: str) -> bool:
    """Whether a text has a term in it, however that is written: `responseFormat`, "Response format"."""
    return re.search(rf" {re.escape(_plain(term))}s? ", f" {_plain(words)} ") is not None


def _plain(text: str) -> str:
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", text)
    return re.sub(r"[^a-z0-9]+", " ", apart.lower()).strip()
