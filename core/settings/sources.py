"""Where settings come from, and the sentence for one that is wrong."""

from __future__ import annotations

import difflib
import importlib
import json
import logging
import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

log = logging.getLogger(__name__)
tomllib: Any = importlib.import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")

PREFIX = "LIMNER_"
CONFIG_VARIABLE = "LIMNER_CONFIG"
"""Names another file than ``limner.toml`` in the working directory."""
SECRET_NAME = re.compile(r"(?i)(^|_)(api_?key|key|token|secret|password|credential)$")
WHERE_SECRETS_GO = "put it into an environment variable, and the name of that into api_key_env"


_WITH_PASSWORD = ("database", "limits")
"""Settings whose addresses may have a password in them, which only a variable may."""
_MEANT = {"provider": "[providers.NAME]", "providers.NAME.models": "[[providers.NAME.model]]"}
"""Settings whose names are nearly those of tables."""


class SettingsError(Exception):
    """A setting is wrong; the text is one sentence that names it and what it may be."""


def config_file() -> Path:
    """Returns the path of the settings file; raises SettingsError if one is named that does not exist."""
    named = os.environ.get(CONFIG_VARIABLE, "").strip()
    if named and not Path(named).is_file():
        raise SettingsError(f"{CONFIG_VARIABLE} must name a file, and {named} does not exist.")
    return Path(named or "limner.toml")


def parse_toml(text: str) -> dict[str, Any]:
    """Returns what a text in TOML says; raises ValueError, with the line, if it is none."""
    return tomllib.loads(text)


def read_toml() -> dict[str, Any]:
    """Reads the file; raises SettingsError, with the line, if it is not TOML.

    A relative folder in it, such as `data_dir`, starts at the file's own folder.
    """
    file = config_file()
    try:
        settings = parse_toml(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise SettingsError(f"The file {file} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SettingsError(f"The file {file} must be saved as UTF-8.") from None
    except ValueError as error:
        raise SettingsError(f"The file {file} is not TOML: {error}.") from None
    for name in _WITH_PASSWORD:
        if _has_password(settings.get(name)):
            variable = f"{PREFIX}{name}".upper()
            raise SettingsError(
                f"Secrets do not belong in the settings: put {name}, with its password, into {variable}."
            )
    for name in ("data_dir", "bucket_dir", "plugins_dir"):
        if isinstance(folder := settings.get(name), str):
            settings[name] = str(file.parent / Path(folder).expanduser())
    return settings


def _has_password(address: object) -> bool:
    user, at, _ = address.rpartition("@") if isinstance(address, str) else ("", "", "")
    return "password=" in str(address) or (bool(at) and ":" in user.partition("://")[2])


def read_list(value: object) -> object:
    """Reads a list from a variable: ``a,b`` or JSON."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return [item.strip() for item in value.split(",") if item.strip()]


def names_in(values: object) -> Iterator[str]:
    """Yields the names of a table and of all tables within."""
    if isinstance(values, Mapping):
        for name, value in cast("Mapping[str, object]", values).items():
            yield name
            yield from names_in(value)
    elif isinstance(values, list | tuple):
        for value in cast("list[object]", values):
            yield from names_in(value)


def warn_of_unknown_variables(settings: Iterable[str]) -> None:
    """Logs which variables look like settings but are not: a typo, or what Kubernetes sets for a service."""
    known = {f"{PREFIX}{name}".upper() for name in settings} | {CONFIG_VARIABLE}
    for variable, value in sorted(os.environ.items()):
        name = variable.upper().split("__")[0]
        if name.startswith(PREFIX) and name not in known and value.strip():
            close = difflib.get_close_matches(name, sorted(known), n=1)
            advice = f": did you mean {close[0]}?" if close else "."
            log.warning("%s is not a setting of Limner and is ignored%s", variable, advice)


def sentence(error: ValidationError, settings: type[BaseModel]) -> str:
    """Returns the first of pydantic's errors in words: which setting, where it comes from, what it may be."""
    first = error.errors(include_url=False)[0]
    schema = settings.model_json_schema()
    path = _path([part for part in first["loc"] if isinstance(part, str)], schema)
    name = ".".join(path)
    if first["type"] == "extra_forbidden":
        if SECRET_NAME.search(name):
            return f"Secrets do not belong in the settings: remove {name}, {WHERE_SECRETS_GO}."
        known = set(_schema_at(path[:-1], schema).get("properties", {}))
        return f"{name} is not a setting of Limner{_suggestion(path[-1], known)}"
    meant = _MEANT.get(re.sub(r"^(providers\.)[^.]+", r"\1NAME", name))
    if meant and first["type"] != "value_error" and isinstance(first["input"], Mapping):
        return f"The setting {name}{_origin(path)} is no table: did you mean {meant}?"
    if first["type"] == "missing":
        allowed = "set"
    elif first["type"] == "value_error":
        allowed = first["msg"].removeprefix("Value error, ")
    else:
        allowed = _what_it_may_be(_schema_at(path, schema))
    return f"The setting {name}{_origin(path)} must be {allowed}."


def not_json(error: ValueError) -> str:
    """Returns in words which setting a variable should hold as JSON, and does not."""
    named = re.search(r'field "(\w+)"', str(error))
    name = named[1] if named else "providers"
    return f"The setting {name} ({PREFIX}{name.upper()}) must be a JSON object."


def _path(parts: list[str], schema: dict[str, Any]) -> list[str]:
    """Returns the names of an error's place, without those of the types that pydantic tried in turn."""
    for end in range(len(parts), 1, -1):
        inner = _schema_at(parts[: end - 1], schema)
        if inner.get("type") == "object":
            return parts[:end]
    return parts[:1]


def listed(names: Sequence[str]) -> str:
    """Returns names in words: A, B and C."""
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


def _origin(path: list[str]) -> str:
    """Returns the variable or the file that a setting comes from; empty if it is an argument."""
    for end in range(len(path), 0, -1):
        variable = PREFIX + "__".join(path[:end]).upper()
        if os.environ.get(variable, "").strip():
            return f" ({variable})"
    inner: Any = read_toml()
    for part in path:
        if not isinstance(inner, Mapping) or part not in inner:
            return ""
        inner = cast("Mapping[str, Any]", inner)[part]
    return f" in {config_file()}"


def _suggestion(name: str, known: set[str]) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f": did you mean {close[0]}?" if close else f": there are {', '.join(sorted(known))}."


_KINDS = {
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list of texts, or in a variable a,b",
    "string": "text",
    "object": "a table",
}


def _schema_at(path: list[str], schema: dict[str, Any]) -> dict[str, Any]:
    """Returns the JSON schema of a setting; that of its tables, if it is a list of them."""
    definitions = schema.get("$defs", {})
    for part in path:
        schema = schema.get("properties", {}).get(part) or schema.get("additionalProperties") or {}
        schema = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
        schema = schema if "$ref" not in schema.get("items", {}) else schema["items"]
        schema = definitions.get(str(schema.get("$ref", "")).rpartition("/")[2], schema)
    return schema


def _what_it_may_be(schema: dict[str, Any]) -> str:
    """Returns in words what a JSON schema allows."""
    if "enum" in schema:
        return f"one of {', '.join(schema['enum'])}"
    allowed = _KINDS.get(str(schema.get("type")), "something else")
    words = {"exclusiveMinimum": "above", "minimum": "from", "maximum": "up to"}
    bounds = [f" {word} {schema[bound]:,}" for bound, word in words.items() if bound in schema]
    return (
        allowed
        + " and".join(bounds)
        + (f" of at most {schema['maxLength']} characters" if "maxLength" in schema else "")
    )
