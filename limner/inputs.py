"""Pictures that go into a request: what a model takes, and what a provider gets."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from limner.formats import FORMATS
from limner.size import Size

_USUAL = ("image/png", "image/jpeg", "image/webp")


class ImageInputs(BaseModel):
    """How many pictures a model takes, and of which kind; the host sends no others.

    A picture of another media type, or a larger one, is converted to JPEG or PNG first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    least: int = Field(default=0, ge=0)
    """1 for a model that only edits, and makes nothing of words alone."""
    most: int = Field(default=1, ge=1, le=16)
    mask: bool = False
    """It takes a mask, which says where the first picture may change."""
    media_types: tuple[str, ...] = Field(default=_USUAL, min_length=1)
    most_bytes: int = Field(default=20_000_000, ge=100_000)
    """Of each picture, before it is written as base64."""

    if TYPE_CHECKING:  # what may be written, where the fields say what is read

        def __init__(
            self,
            *,
            least: int = 0,
            most: int = 1,
            mask: bool = False,
            media_types: Sequence[str] = _USUAL,
            most_bytes: int = 20_000_000,
        ) -> None: ...

    @field_validator("media_types")
    @classmethod
    def _are_known(cls, media_types: tuple[str, ...]) -> tuple[str, ...]:
        known = [format.media_type for format in FORMATS]
        if unknown := set(media_types) - set(known):
            raise ValueError(f"{min(unknown)} is none of {', '.join(known)}")
        if not {*media_types} & {"image/png", "image/jpeg"}:
            raise ValueError("neither image/png nor image/jpeg is among them")
        return media_types

    @model_validator(mode="after")
    def _least_is_not_most(self) -> ImageInputs:
        if self.least > self.most:
            raise ValueError(f"least is {self.least}, more than most, which is {self.most}")
        return self


@dataclass(frozen=True, slots=True)
class InputImage:
    """A picture that a person gave: whole, upright and without metadata, as the host has proven.

    A mask has the size of the first picture. It is a PNG that can be read in two ways: where the picture may
    change, its pixels are white and transparent; where it stays as it is, they are black and opaque.
    """

    data: bytes = field(repr=False)
    """The bytes of the file."""
    media_type: str
    size: Size
    """In pixels."""
    filename: str
    """A name that is safe on every system, with the extension of the media type."""

    @property
    def base64(self) -> str:
        return base64.b64encode(self.data).decode()

    @property
    def data_uri(self) -> str:
        """The picture as a ``data:`` URI."""
        return f"data:{self.media_type};base64,{self.base64}"
