"""The controls that one model offers: sizes, and its own options as their JSON schema tells them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pydantic_core import from_json

from core.chat.failure import Rejected
from core.generation.sizes import nearest_size
from limner import ModelInfo, Options, Size, SizeRange
from limner.options import listed_values, option_schemas

_YES_OR_NO = {"true": True, "false": False}
RATIOS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")


def size_choices(model: ModelInfo) -> list[dict[str, Any]]:
    """Returns the sizes to choose from: the model's own list, or ratios in its range; none if it has none.

    Each has the `value` that is sent, the `name` to show first, its `pixels`, and `width` and `height`.
    """
    if not model.sizes:
        return []
    if model.ratio_only and not isinstance(model.sizes, SizeRange):
        return [{**_choice(size.proportions, size), "pixels": ""} for size in model.sizes]
    if not isinstance(model.sizes, SizeRange):
        return [_choice(str(size), size) for size in model.sizes]
    fitted = {ratio: nearest_size(Size.of_ratio(ratio), model.sizes, by_ratio=True) for ratio in RATIOS}
    fitted = {ratio: size for ratio, size in fitted.items() if _is_close(ratio, size, 0.05)}
    default = model.sizes.default
    listed = [] if fitted.get("1:1") == default else [_choice(str(default), default)]
    return [*listed, *(_choice(ratio, size) for ratio, size in fitted.items())]


def _choice(value: str, size: Size) -> dict[str, Any]:
    close = (ratio for ratio in RATIOS if _is_close(ratio, size, 0.01))
    name = value if ":" in value else next(close, size.text)
    return {"value": value, "name": name, "pixels": size.text, "width": size.width, "height": size.height}


def _is_close(ratio: str, size: Size, share: float) -> bool:
    width, height = ratio.split(":")
    return abs(int(width) / int(height) / size.ratio - 1) < share


def option_fields(options: type[Options]) -> list[dict[str, Any]]:
    """Returns what the template needs to draw a control for each option."""
    return [_field(name, schema) for name, schema in option_schemas(options).items()]


def read_options(options: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that the controls' values mean, without those left alone or emptied again.

    An option of an earlier request comes as it was asked for, None too.

    Raises Rejected for a text that is not the number or the JSON which its option needs.
    """
    return {
        name: _read(name, schema, values[name])
        for name, schema in option_schemas(options).items()
        if name in values and not _is_left_alone(schema, values[name])
    }


def _is_left_alone(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip() or value == _initial(schema)
    return value is _initial(schema) or (value is None and schema.get("default") is None)


def _initial(schema: dict[str, Any]) -> str | bool:
    """Returns what an option's control holds until somebody changes it: empty is the model's own default."""
    default = schema.get("default")
    if default is None:
        return ""
    if listed_values(schema) is not None:
        return json.dumps(default)
    if isinstance(default, str) or (isinstance(default, bool) and schema.get("type") == "boolean"):
        return default
    return json.dumps(default)


def _read(name: str, schema: dict[str, Any], value: Any) -> Any:
    for listed in listed_values(schema) or ():
        if value == json.dumps(listed):
            return listed
    kind = schema.get("type")
    if kind == "boolean" and isinstance(value, str):
        return _YES_OR_NO.get(value, value)
    if kind in ("array", "object") and isinstance(value, str):
        try:
            return from_json(value, allow_inf_nan=False)
        except ValueError:
            sentence = f"The option {name} is not valid JSON: correct it or empty it."
            raise Rejected(sentence, field=name) from None
    if kind is None and isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError):  # one of several types, and the text is meant as it is
            return from_json(value, allow_inf_nan=False)
    if kind in ("integer", "number") and isinstance(value, str):
        value = _number(name, value, whole=kind == "integer")
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _number(name: str, text: str, *, whole: bool) -> int | float:
    with suppress(ValueError):
        return int(text)
    with suppress(ValueError):
        if math.isfinite(number := float(text)):
            return number
    what = "a whole number" if whole else "a number"
    raise Rejected(f"The option {name} must be {what}: correct it or empty it.", field=name)


def _field(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    initial, kind, listed = _initial(schema), schema.get("type"), listed_values(schema)
    least, most = schema.get("minimum"), schema.get("maximum")
    field: dict[str, Any] = {
        "name": name,
        "label": _label(name, schema.get("title")),
        "help": " ".join(schema.get("description", "").split()),
        "initial": initial,
        "kind": "text",
        "choices": [],
        "placeholder": "",
    }
    if listed is not None:
        # as JSON, which tells 1 from "1" and null from what is left to its default
        words = {json.dumps(value): _word(value) for value in listed if value is not None or initial != ""}
        return {
            **field,
            "kind": "list",
            "choices": [*({} if initial else {"": "Default"}).items(), *words.items()],
        }
    if kind == "boolean" and isinstance(initial, bool):
        return {**field, "kind": "switch"}
    if kind == "boolean":
        return {**field, "kind": "list", "choices": [("", "Default"), ("true", "Yes"), ("false", "No")]}
    if kind in ("integer", "number"):
        # the keypad of some phones has no minus
        keypad = "text" if least is None or least < 0 else "numeric" if kind == "integer" else "decimal"
        field |= {"kind": "number", "keypad": keypad, "placeholder": _range(schema)}
        if least is not None and most is not None:
            step = schema.get("multipleOf") or (1 if kind == "integer" else (most - least) / 100)
            field |= {"least": least, "most": most, "step": step}
    if kind in ("array", "object"):
        field["placeholder"] = "JSON"
    return field


def _label(name: str, title: str | None) -> str:
    """Returns an option's label: its title, unless pydantic has made that from the name."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name)
    return words.capitalize() if title in (None, name.replace("_", " ").title()) else title


def _range(schema: dict[str, Any]) -> str:
    """Returns what an empty number box says: that the default is used, and what else may be."""
    least, most = schema.get("minimum"), schema.get("maximum")
    return "Default" if least is None or most is None else f"{least} to {most}"


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
