"""How deep JSON that is kept with a message may be nested: pydantic writes about 250 levels, and no more."""

from __future__ import annotations

from typing import Any, cast

MOST_NESTING = 32
"""Levels of objects and lists."""


def cut(value: Any, levels: int = MOST_NESTING) -> Any:
    """Returns a JSON value with "…" in place of every object and list that is nested deeper."""
    if not isinstance(value, dict | list):
        return value
    if not levels:
        return "…"
    if isinstance(value, dict):
        return {name: cut(inner, levels - 1) for name, inner in cast("dict[str, Any]", value).items()}
    return [cut(inner, levels - 1) for inner in cast("list[Any]", value)]
