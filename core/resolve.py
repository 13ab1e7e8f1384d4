"""From what a person asked to what a provider gets: checked, completed, and every change noted."""

from __future__ import annotations

import logging
import secrets
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeAliasType

from core.asked import MOST_SEED, Asked
from core.failures import Refused
from core.fit import fit
from core.registry import Provider, Registry
from core.settings import Settings
from core.thread import Notice
from limner import ModelInfo, Options, Size

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resolved:
    """A request that fits its model; `notices` tell how it differs from what was asked."""

    provider: Provider
    model: ModelInfo
    prompt: str
    size: Size | None
    seed: int | None
    negative_prompt: str | None
    options: Options
    notices: list[Notice]


def resolve(asked: Asked, registry: Registry, settings: Settings, *, for_owner: bool = True) -> Resolved:
    """Fits what was asked to the chosen model; raises Refused with a sentence where that misleads.

    Others than the owner, whose account pays, get the listed models with options that have bounds.
    """
    provider = _provider(asked.provider or settings.provider, registry)
    model = provider.info_for(owner=for_owner).model(asked.model or None)
    if model is None:
        offered = ", ".join(model.id for model in provider.info.models)
        raise Refused(f"{provider.label} has no model {asked.model!r}: choose one of {offered}.")
    notices: list[Notice] = []
    return Resolved(
        provider=provider,
        model=model,
        prompt=_prompt(asked.prompt, settings.longest_prompt),
        size=_size(asked.size, model, notices),
        seed=_seed(asked.seed, model, notices),
        negative_prompt=_negative_prompt(asked.negative_prompt, model, settings.longest_prompt, notices),
        options=_options(asked.options, provider, model, notices, for_owner=for_owner),
        notices=notices,
    )


def _provider(name: str, registry: Registry) -> Provider:
    provider = registry.get(name)
    if provider is not None:
        return provider
    broken = registry.fault_of(name)
    if broken is not None:
        raise Refused(f"The provider {name} cannot be used. {broken.fault}")
    names = ", ".join(provider.name for provider in registry)
    raise Refused(f"There is no provider {name!r} here: choose one of {names}.")


def _prompt(prompt: str, longest: int) -> str:
    prompt = _bounded("prompt", prompt, longest)
    if not prompt:
        raise Refused("The prompt is empty: describe the picture that you want.")
    return prompt


def _bounded(what: str, text: str, longest: int) -> str:
    if len(text) > longest:
        raise Refused(f"The {what} has {len(text):,} characters: shorten it to {longest:,}.")
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t\r" for character in text):
        raise Refused(f"The {what} has control characters in it: remove them.")
    return text.strip()


def _negative_prompt(text: str | None, model: ModelInfo, longest: int, notices: list[Notice]) -> str | None:
    text = _bounded("negative prompt", text or "", longest)
    if text and not model.negative_prompt:
        _note(notices, "negative_prompt", f"{model.name} takes no negative prompt; it was left out.")
        return None
    return text or None


def _seed(seed: int | None, model: ModelInfo, notices: list[Notice]) -> int | None:
    if model.seed:
        return secrets.randbelow(MOST_SEED + 1) if seed is None else seed
    if seed is not None:
        _note(notices, "seed", f"{model.name} takes no seed; it was left out.")
    return None


def unbounded_options(options: type[Options]) -> list[str]:
    """Names the options that take anything at all, such as a dictionary for a service's own input."""
    return [name for name, field in options.model_fields.items() if _is_unbounded(field.annotation)]


def _is_unbounded(annotation: Any, within: tuple[Any, ...] = ()) -> bool:
    """Whether a type lets anything in: none is named, a mapping, or an alias such as `JsonValue`."""
    kind, inner = get_origin(annotation) or annotation, get_args(annotation)
    if annotation in (Any, object) or isinstance(annotation, TypeAliasType):
        return True
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if kind in within:
            return False
        if kind.model_config.get("extra") == "allow":
            return True
        within, inner = (*within, kind), [field.annotation for field in kind.model_fields.values()]
    elif isinstance(kind, type) and issubclass(kind, Iterable) and not issubclass(kind, str | bytes):
        inner = (Any,) if issubclass(kind, Mapping) or not inner else inner
    return any(_is_unbounded(one, within) for one in inner)


def _refuse_unbounded(asked: dict[str, Any], declared: type[Options]) -> None:
    """Refuses what could make the owner pay for anything; an option at its default asks for nothing."""
    unbounded = unbounded_options(declared)
    for name, value in asked.items():
        field = declared.model_fields.get(name)
        is_unbounded = declared.model_config.get("extra") == "allow" if field is None else name in unbounded
        if is_unbounded and (field is None or value != field.get_default(call_default_factory=True)):
            raise Refused(f"Only whoever runs Limner may set the option {name[:80]!r}: leave it out.")


def _options(
    asked: dict[str, Any], provider: Provider, model: ModelInfo, notices: list[Notice], *, for_owner: bool
) -> Options:
    declared = provider.info.options_of(model)
    if not for_owner:
        _refuse_unbounded(asked, declared)
    try:
        options = declared.model_validate(asked)
        applied = options.model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        name = ".".join(str(part) for part in first["loc"])[:80] or "options"
        if first["type"] == "extra_forbidden":
            takes = ", ".join(declared.model_fields) or "none"
            raise Refused(f"{model.name} has no option {name!r}; its options are: {takes}.") from None
        allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        raise Refused(f"The option {name} is wrong: it should be {allowed}.") from None
    except Exception as error:  # a plugin's own validator may raise anything
        log.exception("The plugin %s failed to read its options", provider.plugin.name)
        advice = "leave them out, or tell its author"
        raise Refused(f"The plugin {provider.plugin.name} failed to read these options: {advice}.") from error
    for name, value in asked.items():
        if _differs(value, applied.get(name, value)):
            _note(notices, name, f"{value} became {applied[name]}: {model.name} changed it.")
    return options


def _differs(asked: Any, applied: Any) -> bool:
    """Whether a plugin changed a plain option, and did not only read it, such as a number from text."""
    if isinstance(asked, str) and isinstance(applied, str):
        return asked.strip().casefold() != applied.strip().casefold()
    return isinstance(asked, int | float) and isinstance(applied, int | float) and asked != applied


def _size(asked: str | None, model: ModelInfo, notices: list[Notice]) -> Size | None:
    if not asked or not asked.strip():
        return model.default_size
    wanted, is_ratio = _read_size(asked)
    if not model.sizes:
        _note(notices, "size", f"{model.name} decides the size by itself; {asked} was left out.")
        return None
    size = fit(wanted, model.sizes, by_ratio=is_ratio)
    changed = abs(size.ratio / wanted.ratio - 1) > 0.01 if is_ratio else size != wanted
    if changed:
        _note(notices, "size", f"{asked.strip()} became {size}, the nearest that {model.name} takes.")
    return size


def _read_size(text: str) -> tuple[Size, bool]:
    """Reads a size, or a ratio as a size whose proportions are all that counts."""
    try:
        if ":" in text:
            return Size.parse(text.replace(":", "x")), True
        return Size.parse(text), False
    except ValueError:
        raise Refused(
            f"The size {text!r} is not clear: write it as 1024x768, or a ratio such as 3:2."
        ) from None


def _note(notices: list[Notice], feature: str, details: str) -> None:
    notices.append(Notice(feature=feature, details=details))
