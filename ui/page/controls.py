"""The controls that one model offers: sizes, and its own options drawn from their JSON schema."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from gradio.components import Component
from pydantic_core import from_json

from core.chat.failure import Rejected
from core.generation.sizes import nearest_size
from limner import ModelInfo, Options, Size, SizeRange

RATIOS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")


def size_choices(model: ModelInfo) -> list[tuple[str, str]]:
    """Gives what a person may choose as (label, value): the model's list, or ratios within its range."""
    if not isinstance(model.sizes, SizeRange):
        return [(_times(size), str(size)) for size in model.sizes]
    fitted = {
        ratio: nearest_size(Size.parse(ratio.replace(":", "x")), model.sizes, by_ratio=True)
        for ratio in RATIOS
    }
    choices = [(f"{ratio} · {_times(size)}", ratio) for ratio, size in fitted.items()]
    default = model.sizes.default
    return choices if fitted["1:1"] == default else [(_times(default), str(default)), *choices]


def _times(size: Size) -> str:
    return f"{size.width} × {size.height}"


def option_controls(options: type[Options]) -> dict[str, Component]:
    """Draws one control for each option, by name, from the class's JSON schema."""
    schema = options.model_json_schema()
    return {
        name: _control(name, _resolved(property, schema.get("$defs", {})))
        for name, property in schema.get("properties", {}).items()
    }


def read_option(options: type[Options], name: str, value: Any) -> Any:
    """Turns a control's value into the option's; None where the person left it to its default."""
    if value == "":
        return None
    schema = options.model_json_schema()
    kind = _resolved(schema["properties"][name], schema.get("$defs", {})).get("type")
    if kind in ("array", "object") and isinstance(value, str):
        try:
            return from_json(value, allow_inf_nan=False)
        except ValueError:
            raise Rejected(f"The option {name} is not valid JSON: correct it or empty it.") from None
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _resolved(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Follows a reference and takes the type beside null of an optional one."""
    schema = dict(schema)
    for nested in (*schema.pop("anyOf", []), *schema.pop("allOf", [])):
        if nested.get("type") != "null":
            schema = {**_resolved(nested, definitions), **schema}
    reference = schema.pop("$ref", "").rpartition("/")[2]
    return {**definitions[reference], **schema} if reference else schema


def _control(name: str, schema: dict[str, Any]) -> Component:
    default = schema.get("default")
    about: dict[str, Any] = {
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "info": " ".join(schema.get("description", "").split()) or None,
        "value": default,
    }
    kind = schema.get("type")
    if "enum" in schema:
        choices: list[Any] = [(str(choice), choice) for choice in schema["enum"]]
        return gr.Dropdown(choices if default is not None else [("default", ""), *choices], **about)
    if kind == "boolean":
        return gr.Checkbox(**about)
    if kind in ("integer", "number"):
        bounds = {"minimum": schema.get("minimum"), "maximum": schema.get("maximum")}
        return gr.Number(precision=0 if kind == "integer" else None, **bounds, **about)
    if kind in ("array", "object"):
        about |= {"value": "" if default is None else json.dumps(default), "placeholder": "JSON"}
    return gr.Textbox(**about)
