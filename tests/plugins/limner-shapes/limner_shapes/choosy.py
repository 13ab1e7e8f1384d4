"""A provider with an option of every type; under its picture stands which options it was given."""

from __future__ import annotations

from enum import Enum
from typing import Any, Literal

from pydantic import Field

from limner import ImageRequest, ImageResult, ModelInfo, Options, ProviderInfo, hookimpl
from limner_shapes.shapes import picture


class Style(Enum):
    OIL = "oil"
    INK = "ink"


class Many(Options):
    maybe_count: int | None = Field(default=None, ge=1, le=50)
    maybe_ratio: float | None = Field(default=None, gt=0)
    maybe_fast: bool | None = None
    maybe_text: str | None = None
    maybe_level: Literal["low", "high"] | None = None
    maybe_style: Style | None = None
    maybe_list: list[int] | None = None
    maybe_table: dict[str, Any] | None = None
    maybe_mixed: int | list[int] | None = None
    made_count: int = Field(default_factory=lambda: 3, ge=1)
    made_fast: bool = Field(default_factory=lambda: True)
    count: int = Field(default=28, ge=1, le=50)
    ratio: float = Field(default=3.5, gt=0)
    fast: bool = True
    text: str = "plain"
    level: Literal["low", "high"] = "high"
    style: Style = Style.OIL
    list_: list[int] = Field(default=[1, 2], alias="list")
    table: dict[str, int] = Field(default={"a": 1})
    mixed: int | list[int] = 5
    steps: int | None = Field(default=None, alias="numSteps", ge=4)


class Few(Options):
    few_count: int | None = Field(default=None, ge=1)
    few_fast: bool = False


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label="Choosy",
        models=(
            ModelInfo(id="many", label="Many", options=Many, seed=True, negative_prompt=True),
            ModelInfo(id="few", label="Few", options=Few),
        ),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    given = request.options.model_dump_json(exclude_unset=True, by_alias=True)
    return ImageResult(picture(set(), request.seed or 0), revised_prompt=f"Options: {given}")
