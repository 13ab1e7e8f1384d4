"""Sizes of pictures in pixels, and the range of sizes that a model accepts."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

_SIZE = re.compile(r"([0-9]{1,5})\s*[x×*]\s*([0-9]{1,5})", re.IGNORECASE)
_RATIO = re.compile(r"([0-9]{1,5}(?:\.[0-9])?)\s*:\s*([0-9]{1,5}(?:\.[0-9])?)")


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
            advice = f": write Size.of_ratio({text.strip()!r})" if _RATIO.fullmatch(text.strip()) else ""
            raise ValueError(f"{text!r} is not a size such as 1024x768{advice}")
        return size

    @classmethod
    def of_ratio(cls, text: str) -> Size:
        """Returns the size of a megapixel or so with a ratio such as ``16:9``; raises ValueError."""
        match = _RATIO.fullmatch(text.strip())
        sides = (Fraction(match[1]), Fraction(match[2])) if match else (Fraction(0), Fraction(0))
        if 0 in sides:
            raise ValueError(f"{text!r} is not a ratio such as 16:9")
        ratio = sides[0] / sides[1]
        count = max(1, round(math.sqrt(1024 * 1024 / (ratio.numerator * ratio.denominator))))
        return cls(ratio.numerator * count, ratio.denominator * count)

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

    @property
    def proportions(self) -> str:
        """The ratio as services write it, such as ``16:9``: a usual one that is close, or in lowest terms."""
        usual = min(_PROPORTIONS, key=lambda one: abs(math.log(one[1] / self.ratio)))
        if abs(usual[1] / self.ratio - 1) < 0.03:
            return usual[0]
        common = math.gcd(*self)
        return f"{self.width // common}:{self.height // common}"

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
            read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


SizeLike: TypeAlias = str | tuple[int, int]
"""What may be written for a size: ``"1024x768"``, ``(1024, 768)``, or a `Size`."""


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

    if TYPE_CHECKING:  # what may be written, where the fields say what is read

        def __init__(
            self,
            *,
            step: int = 1,
            min_side: int = 256,
            max_side: int = 2048,
            max_pixels: int | None = None,
            max_ratio: float = 4.0,
            default: SizeLike = ...,
        ) -> None: ...

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


_USUAL = ("1:1", "5:4", "4:3", "3:2", "16:9", "2:1", "19.5:9", "20:9", "21:9", "3:1", "4:1", "8:1")
_PROPORTIONS = [
    (f"{a}:{b}", float(a) / float(b))
    for one, other in (ratio.split(":") for ratio in _USUAL)
    for a, b in ((one, other), (other, one))
]
"""The ratios that services name, and their values."""
