"""The options of a request: read by the model's own class; visitors may only set those with bounds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from typing_extensions import TypeAliasType

from core.chat.failure import Rejected
from core.plugins.provider import Provider
from limner import ImageWarning, ModelInfo, Options
from limner.options import field_names

log = logging.getLogger(__name__)


def resolve_options(
    wanted: dict[str, Any], provider: Provider, model: ModelInfo, *, for_owner: bool
) -> tuple[Options, list[ImageWarning]]:
    """Returns the model's options with what was wanted, and a warning for each that the plugin changed.

    Raises Rejected for an option that the model does not have or does not take, and for one without
    bounds from anyone but the owner.
    """
    declared = provider.info.options_of(model)
    try:
        options = declared.model_validate(wanted)
        unbounded = [] if for_owner else _set_unbounded(wanted, options)
        used = options.model_dump(mode="json")
    except ValidationError as error:
        field = str((*error.errors()[0]["loc"], "")[0])
        raise Rejected(_sentence(error, declared, model), field=field) from None
    except BaseException as error:  # a plugin's own validator may raise anything, and call sys.exit
        log.exception("The plugin %s failed to read its options", provider.plugin.name)
        advice = "leave them out, or tell its author"
        raise Rejected(
            f"The plugin {provider.plugin.name} failed to read these options: {advice}."
        ) from error
    if unbounded:
        raise Rejected(f"Only whoever runs Limner may set the option {unbounded[0][:80]!r}: leave it out.")
    names = field_names(declared)
    changed = [
        ImageWarning(name, f"{used[names[name]]} instead of {value}: {model.name} changed it.")
        for name, value in wanted.items()
        if name in names and _differs(value, used[names[name]])
    ]
    return options, changed


def unbounded_options(options: type[Options]) -> list[str]:
    """Returns the names of the options that take anything, such as a dictionary for a service's own input."""
    names = field_names(options)
    return [alias for alias, name in names.items() if _is_unbounded(options.model_fields[name].annotation)]


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


def _set_unbounded(wanted: dict[str, Any], options: Options) -> list[str]:
    """Returns the options with which somebody could make the owner pay for anything.

    The fields that were set are looked at, since one may be set by other names than its first; a
    value that is the default asks for nothing.
    """
    declared, usual = type(options), type(options)()
    names = {field: name for name, field in field_names(declared).items()}
    unbounded = [
        names.get(field, field)
        for field in declared.model_fields
        if field in options.model_fields_set
        and _is_unbounded(declared.model_fields[field].annotation)
        and getattr(options, field) != getattr(usual, field)
    ]
    return unbounded + [name for name in wanted if name in (options.model_extra or {})]


def _sentence(error: ValidationError, declared: type[Options], model: ModelInfo) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    name = ".".join(str(part) for part in first["loc"])[:80] or "options"
    if first["type"] == "extra_forbidden":
        takes = ", ".join(field_names(declared)) or "none"
        return f"{model.name} has no option {name!r}; its options are: {takes}."
    allowed = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return f"The option {name} is wrong: it should be {allowed}."


def _differs(wanted: Any, used: Any) -> bool:
    """Whether a plugin changed a plain option, rather than only read it, such as a number from text."""
    if isinstance(wanted, str) and isinstance(used, str):
        return wanted.strip().casefold() != used.strip().casefold()
    return isinstance(wanted, int | float) and isinstance(used, int | float) and wanted != used
