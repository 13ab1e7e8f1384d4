"""The controls that one model offers: sizes, and its own options drawn from their JSON schema."""

from __future__ import annotations

import json
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

RATIOS = ("1:1", "4:3", "3:2", "16:9", "3:4", "2:3", "9:16")


def size_choices(model: ModelInfo) -> list[tuple[str, str]]:
    """Returns the choices as (label, value): the model's list of sizes, or ratios within its range."""
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
    """Draws one control for each option, by the name that a request gives it."""
    return {name: _control(name, schema) for name, schema in option_schemas(options).items()}


def read_options(options: type[Options], values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the options that the controls' values mean, without those left to their default.

    Raises Rejected for a text that is not the JSON which its option needs.
    """
    return {
        name: _read(name, schema, values[name])
        for name, schema in option_schemas(options).items()
        if not _is_left_out(schema, values.get(name))
    }


def _is_left_out(schema: dict[str, Any], value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, str) and value == _as_text(schema))


def _as_text(schema: dict[str, Any]) -> str | None:
    """Returns what the text box of an option of several types holds at first; None for any other control."""
    default = schema.get("default")
    if default is None or "type" in schema or listed_values(schema) is not None:
        return None
    return default if isinstance(default, str) else json.dumps(default)


def _read(name: str, schema: dict[str, Any], value: Any) -> Any:
    for listed in listed_values(schema) or ():
        if value == json.dumps(listed):
            return listed
    kind = schema.get("type")
    if kind in ("array", "object") and isinstance(value, str):
        try:
            return from_json(value, allow_inf_nan=False)
        except ValueError:
            raise Rejected(f"The option {name} is not valid JSON: correct it or empty it.") from None
    if kind is None and isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        with suppress(ValueError):  # one of several types, and the text is meant as it is
            return from_json(value, allow_inf_nan=False)
    if kind == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _control(name: str, schema: dict[str, Any]) -> Component:
    default = schema.get("default")
    about: dict[str, Any] = {
        "label": schema.get("title") or name.replace("_", " ").capitalize(),
        "info": " ".join(schema.get("description", "").split()) or None,
        "value": default,
    }
    kind = schema.get("type")
    if (listed := listed_values(schema)) is not None:
        # as JSON, which tells 1 from "1" and null from what is left to its default
        choices = [
            (_word(value), json.dumps(value)) for value in listed if value is not None or default is not None
        ]
        if default is None:
            return gr.Dropdown([("default", ""), *choices], **about)
        return gr.Dropdown(choices, **{**about, "value": json.dumps(default)})
    if kind == "boolean":
        return gr.Checkbox(**about)
    if kind in ("integer", "number"):
        bounds = {"minimum": schema.get("minimum"), "maximum": schema.get("maximum")}
        return gr.Number(precision=0 if kind == "integer" else None, **bounds, **about)
    if kind in ("array", "object"):
        about |= {"value": "" if default is None else json.dumps(default), "placeholder": "JSON"}
    return gr.Textbox(**{**about, "value": _as_text(schema) or about["value"]})


def _word(value: Any) -> str:
    return "none" if value is None else str(value)
