"""The base class of a model's options, and the only reader of their JSON schema."""

from __future__ import annotations

from functools import cache
from typing import Any, cast

from pydantic import AliasChoices, BaseModel, ConfigDict
from pydantic.fields import FieldInfo


class Options(BaseModel):
    """The base class of a model's options; a plugin's subclass declares typed fields with defaults.

    The fields' JSON schema draws the controls in the page: an enumeration or a Literal becomes a
    list, a boolean a check box, a number a number box with its bounds, a string a text box; `title`
    and `description` are its label and its help. Options that no field declares are rejected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


_MAX_REFERENCES = 5
"""How many references are followed inside one another: types that refer to each other never end."""
_MAPS = ("properties", "patternProperties")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_SCHEMAS = ("items", "additionalProperties", "propertyNames", "contains", "not")


def field_names(options: type[Options]) -> dict[str, str]:
    """Returns the field of each option by its name in a request: the alias if it has one, or its own name.

    An option that has no single name, because its alias is a path, is left out.
    """
    config = options.model_config
    by_alias = config.get("validate_by_alias") is not False
    by_name = config.get("validate_by_name") or config.get("populate_by_name")
    names: dict[str, str] = {}
    for name, field in options.model_fields.items():
        alias = _alias(field)
        if by_alias and alias:
            names[alias] = name
        elif field.validation_alias is None or by_name:
            names[name] = name
    return names


@cache
def option_schemas(options: type[Options]) -> dict[str, dict[str, Any]]:
    """Returns the JSON schema of each option by its name in a request: the same each time, not to be changed.

    Each schema is self-contained: references are replaced by what they refer to, and a type that may
    be null by the type without null. A type that contains itself is followed once; inside, only its
    JSON type is kept.
    """
    root = options.model_json_schema()
    definitions = root.get("$defs", {})
    if "$ref" in root:  # a class that refers to itself
        root = definitions[_target(root)]
    properties = root.get("properties", {})
    schemas: dict[str, dict[str, Any]] = {}
    for name, field in field_names(options).items():
        key = _alias(options.model_fields[field]) or field
        if key in properties:  # a field may be left out of the schema
            schemas[name] = _inlined(properties[key], definitions)
    return schemas


def listed_values(schema: dict[str, Any]) -> list[Any] | None:
    """Returns the values that an option's schema lists; None if it lists none."""
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _alias(field: FieldInfo) -> str | None:
    """Returns the alias under which a field's value is passed and its schema is listed."""
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        paths = alias.convert_to_aliases()
        return next((path[0] for path in paths if len(path) == 1 and isinstance(path[0], str)), None)
    return alias if isinstance(alias, str) else None


def _target(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]


def _inlined(
    schema: dict[str, Any], definitions: dict[str, Any], followed: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Returns a schema without references; `followed` names the definitions that contain it."""

    def inner(part: Any) -> Any:
        return _inlined(cast("dict[str, Any]", part), definitions, followed) if _is_dict(part) else part

    own: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _MAPS and _is_dict(value):
            own[key] = {name: inner(part) for name, part in value.items()}
        elif key in _LISTS and isinstance(value, list):
            own[key] = [inner(part) for part in cast("list[Any]", value)]
        elif key in _SCHEMAS:
            own[key] = inner(value)
        elif key == "discriminator":  # its mapping is made of references
            own[key] = {"propertyName": value.get("propertyName")}
        elif key != "$ref":
            own[key] = value
    for key in ("anyOf", "oneOf", "allOf"):
        kinds = [kind for kind in own.get(key, ()) if kind.get("type") != "null"]
        if len(kinds) == 1:
            own = {**kinds[0], **{name: value for name, value in own.items() if name != key}}
    if "$ref" not in schema:
        return own
    name = _target(schema)
    definition = definitions.get(name, {})
    if name in followed or len(followed) == _MAX_REFERENCES:
        return {**{key: definition[key] for key in ("type",) if key in definition}, **own}
    definition = _inlined(definition, definitions, (*followed, name))
    definition.pop("title", None)  # the name of a class, not of the option
    return {**definition, **own}


def _is_dict(value: Any) -> bool:
    return isinstance(value, dict)
