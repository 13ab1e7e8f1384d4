"""Sample requests to a model, from its own description: sizes, and values of each option."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from limner.info import ModelInfo
from limner.options import Options, listed_values
from limner.size import Size, SizeRange

UNKNOWN = "no-such-value"


def sizes_of(model: ModelInfo) -> list[Size]:
    """Returns the sizes that a model declares; for a range, the default and one at each of its bounds."""
    if not isinstance(model.sizes, SizeRange):
        return list(model.sizes)
    bounds = model.sizes
    min_side = math.ceil(bounds.min_side / bounds.step) * bounds.step
    max_side = bounds.max_side // bounds.step * bounds.step
    narrow = math.ceil(max_side / bounds.max_ratio / bounds.step) * bounds.step
    sizes = [
        bounds.default,
        Size(min_side, min_side),
        Size(min_side + bounds.step, min_side),
        Size(max_side, max(min_side, narrow)),
        Size(max(min_side, narrow), max_side),
    ]
    if bounds.max_pixels is not None:
        side = min(max_side, math.isqrt(bounds.max_pixels) // bounds.step * bounds.step)
        sizes.append(Size(side, side))
    return [size for size in dict.fromkeys(sizes) if bounds.takes(size)]


def smallest_size(model: ModelInfo) -> Size | None:
    """Returns the size with the fewest pixels; None if the model declares none."""
    return min(sizes_of(model), key=lambda size: size.pixels, default=None)


def accepted_values(schema: dict[str, Any]) -> list[Any]:
    """Returns values that a schema allows: those that it lists, true and false, a number's bounds."""
    if (listed := listed_values(schema)) is not None:
        return listed
    if schema.get("type") == "boolean":
        return [True, False]
    if schema.get("type") in ("integer", "number"):
        return [*dict.fromkeys(_bounds(schema))]
    if schema.get("type") == "string" and not {"pattern", "format"} & schema.keys():
        return ["words"[: schema.get("maxLength")].ljust(schema.get("minLength", 0), "s")]
    return []


def rejected_values(schema: dict[str, Any]) -> list[Any]:
    """Returns values just outside of what a schema allows."""
    if listed_values(schema) is not None:
        return [UNKNOWN]
    below = [schema[bound] - 1 for bound in ("minimum", "exclusiveMinimum") if bound in schema]
    above = [schema[bound] + 1 for bound in ("maximum", "exclusiveMaximum") if bound in schema]
    return below + above


def _bounds(schema: dict[str, Any]) -> Iterator[float]:
    whole = schema["type"] == "integer"
    step = schema.get("multipleOf", 1 if whole else 0)
    inside = step or 1e-3  # from an exclusive bound of numbers that have no step
    for bound, away, to_step in (("minimum", 1, math.ceil), ("maximum", -1, math.floor)):
        exclusive = f"exclusive{bound.capitalize()}"
        if bound in schema:
            at = schema[bound]
        elif exclusive in schema:
            at = schema[exclusive] + away * inside
        else:
            continue
        at = to_step(at / step) * step if step else at
        yield int(at) if whole else at


def rejection(options: type[Options], name: str, value: Any) -> str | None:
    """Returns why a class of options rejects the value of one option; None if it accepts it.

    A validator of the whole class may reject a value together with the others' defaults, which a schema
    cannot express: that counts as accepted.
    """
    try:
        options.model_validate({name: value})
    except ValidationError as error:
        own = [wrong for wrong in error.errors(include_url=False) if wrong["loc"][:1] == (name,)]
        return own[0]["msg"] if own else None
    return None


def accepts(options: type[Options], values: dict[str, Any]) -> bool:
    """Whether a class accepts these options together."""
    try:
        options.model_validate(values)
    except ValidationError:
        return False
    return True


def options_as_json(options: type[Options]) -> str:
    """Returns a class of options as JSON: its schema and its defaults."""
    return json.dumps([options.model_json_schema(), options().model_dump(mode="json")], sort_keys=True)
