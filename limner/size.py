"""Sizes of pictures in pixels, and the range of sizes that a model accepts."""

from __future__ import annotations

import re
from typing import Any, NamedTuple, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

_SIZE = re.compile(r"(\d{1,5})\s*[x×*]\s*(\d{1,5})", re.IGNORECASE)


class Size(NamedTuple):
    """Width and height of a picture in pixels; reads and prints as ``1024x768``."""

    width: int
    height: int

    @classmethod
    def parse(cls, text: str) -> Size:
        """Returns the size that a text such as ``1024x768`` states; raises ValueError for any other text."""
        match = _SIZE.fullmatch(text.strip())
        size = cls(int(match[1]), int(match[2])) if match else cls(0, 0)
        if 0 in size:
            raise ValueError(f"{text!r} is not a size such as 1024x768")
        return size

    @property
    def ratio(self) -> float:
        return self.width / self.height

    @property
    def pixels(self) -> int:
        return self.width * self.height

    @property
    def text(self) -> str:
        """The size as a person reads it: ``1024 × 768``."""
        return f"{self.width} × {self.height}"

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Size:
            if isinstance(value, str):
                return cls.parse(value)
            if isinstance(value, tuple | list):
                sides = list(cast("list[object]", value))
                if len(sides) == 2 and all(type(side) is int and 0 < side < 100_000 for side in sides):
                    return cls(*cast("list[int]", sides))
            raise ValueError(f"{value!r} is not a size such as 1024x768")

        return core_schema.no_info_plain_validator_function(
            read, serialization=core_schema.plain_serializer_function_ser_schema(str)
        )


class SizeRange(BaseModel):
    """Any size within bounds, for a model that accepts more than a list.

    Each side is a multiple of `step` from `min_side` to `max_side`; `max_pixels` bounds the area and
    `max_ratio` the ratio of the longer side to the shorter.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: int = Field(default=1, ge=1)
    min_side: int = Field(default=256, ge=1)
    max_side: int = Field(default=2048, ge=1)
    max_pixels: int | None = None
    max_ratio: float = Field(default=4.0, ge=1)
    default: Size = Size(1024, 1024)

    @model_validator(mode="after")
    def _default_is_inside(self) -> SizeRange:
        if not self.takes(self.default):
            raise ValueError(f"the default size {self.default} is outside of its own range")
        return self

    def takes(self, size: Size) -> bool:
        """Whether a size is exactly one of those in the range."""
        return (
            all(side % self.step == 0 and self.min_side <= side <= self.max_side for side in size)
            and max(size.ratio, 1 / size.ratio) <= self.max_ratio + 1e-9
            and (self.max_pixels is None or size.pixels <= self.max_pixels)
        )
