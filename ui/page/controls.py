"""The controls that one model offers: sizes, and its own options drawn from their JSON schema."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic_core import from_json

from core.chat.failure import Rejected
from core.generation.sizes import nearest_size
from limner import ModelInfo, Options, Size, SizeRange
from limner.options import listed_values, option_schemas

_YES_OR_NO = {"true": True, "false": False}
_AUTO = ("Auto", "")
RATIOS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")


def size_choices(model: ModelInfo) -> list[tuple[str, str]]:
    """Returns the choices as (label, value): the model's list of sizes, or ratios within its range.

    The first leaves the size to the host, which goes by the first picture that is sent; none if a model has
    no sizes.
    """
    if not model.sizes:
        return []
    if not isinstance(model.sizes, SizeRange):
        return [_AUTO, *((_times(size), str(size)) for size in model.sizes)]
    fitted = {
        ratio: nearest_size(Size.parse(ratio.replace(":", "x")), model.sizes, by_ratio=True)
        for ratio in RATIOS
    }
    choices = [(f"{ratio} · {_times(size)}", ratio) for ratio, size in fitted.items()]
    default = model.sizes.default
    listed = [] if fitted["1:1"] == default else [(_times(default), str(default))]
    return [_AUTO, *listed, *choices]


def _times(size: Size) -> str:
    return f"{size.width} × {size.height}"


def option_controls(options: type[Options]) -> dict[str, Component]:
    """Draws one control for each option, by the name that a request gives it."""
    return {name: _control(name, schema) for name, schema in option_schemas(options).items()}


def read_options(options: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that the controls' values mean, without those left alone or emptied again.

    Raises Rejected for a text that is not the number or the JSON which its option needs.
    """
    return {
        name: _read(name, schema, values[name])
        for name, schema in option_schemas(options).items()
        if not _is_left_alone(schema, values.get(name))
    }


def _is_left_alone(schema: dict[str, Any], value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip() or value == _initial(schema)
    return value is None or value is _initial(schema)


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
            raise Rejected(f"The option {name} is not valid JSON: correct it or empty it.") from None
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
    raise Rejected(f"The option {name} must be {what}: correct it or empty it.")


def _control(name: str, schema: dict[str, Any]) -> Component:
    """Draws the control of an option; none is a Number, which turns an empty one into 0."""
    initial = _initial(schema)
    about: dict[str, Any] = {
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "info": " ".join(schema.get("description", "").split()) or None,
        "value": initial,
    }
    kind = schema.get("type")
    if (listed := listed_values(schema)) is not None:
        # as JSON, which tells 1 from "1" and null from what is left to its default
        choices = [
            (_word(value), json.dumps(value)) for value in listed if value is not None or initial != ""
        ]
        return gr.Dropdown(choices if initial != "" else [("default", ""), *choices], **about)
    if kind == "boolean":
        if isinstance(initial, bool):
            return gr.Checkbox(**about)
        return gr.Dropdown([("default", ""), ("yes", "true"), ("no", "false")], **about)
    if kind in ("integer", "number"):
        keypad = f"limner-{kind}" if schema.get("minimum", -1) >= 0 else None  # some have no minus
        about |= {"placeholder": _range(schema), "max_lines": 1, "elem_classes": keypad}
    if kind in ("array", "object"):
        about["placeholder"] = "JSON"
    return gr.Textbox(**about)


def _range(schema: dict[str, Any]) -> str:
    """Returns what an empty number box says: that the default is used, and what else may be."""
    least, most = schema.get("minimum"), schema.get("maximum")
    return "default" if least is None or most is None else f"default, or {least} to {most}"


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
