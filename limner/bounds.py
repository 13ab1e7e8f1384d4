"""The limits of every walk over a picture's file, what it found, and what a picture is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from limner.errors import ProviderError

MAX_SIDE = 65_535
"""Pixels: the most that JPEG and GIF can state, and more than browsers show."""

_BYTES_PER_PART = 128
"""The bytes of a file for each part (chunk, block, segment, frame) that it may have: GIF encoders fill
blocks of 256 bytes, and PNG encoders write chunks of 1,000 and more."""
_MIN_PARTS = 100_000
"""Parts that any file may have on top, for animations of many tiny frames; 100,000 take 0.1 s."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a picture's own bytes state; width and height are in pixels, with the picture upright."""

    media_type: str
    width: int
    height: int
    black: bool = field(default=False, compare=False)
    """It is black all over, without anything transparent, which is how some services withhold one."""
    orientation: int = field(default=1, compare=False)
    """How the stored pixels must be turned, as EXIF numbers it (1 to 8); 1 is as they are."""
    animated: bool = field(default=False, compare=False)
    """There are more frames than the first."""


class NoPicture(ProviderError):
    """The data are of no kind that is recognised; the sentence quotes nothing from outside."""

    def __init__(self, sentence: str) -> None:
        super().__init__("bad-image", why=sentence)


class Parts(NamedTuple):
    """What a walk found in a file.

    `memory` is what decoding needs in addition to the file itself, in bytes, as measured with Pillow 12;
    `coded` returns a copy of the parts that make the first frame's pixels. If the mark at their end is
    missing, `otherwise` returns them with other bytes after them: the picture is whole only if these
    change nothing in its last pixels. `animated` means that there are more frames, `see_through` that a
    colour is transparent, as said outside of those parts. `is_proven` tells in a megabyte of memory whether
    the format's own checksums prove the pixels, so that they need not be decoded.
    """

    memory: int
    coded: Callable[[], bytes]
    exif: bytes = b""
    otherwise: Callable[[], bytes] | None = None
    animated: bool = False
    see_through: bool = False
    is_proven: Callable[[], bool] = lambda: False


def bad_image(sentence: str) -> ProviderError:
    """Returns the error for data that is not a whole picture; the sentence quotes nothing from outside."""
    return ProviderError("bad-image", why=sentence)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Raises ProviderError for a picture with more pixels, or with a side that nothing can show."""
    if width * height > max_pixels:
        raise bad_image(f"The picture is {width} x {height} pixels, more than {max_pixels:,} in all.")
    if max(width, height) > MAX_SIDE:
        raise bad_image(f"The picture is {width} x {height} pixels, too long to be shown.")


def check_parts(number: int, max_number: int) -> None:
    """Raises ProviderError for a picture with more parts."""
    if number > max_number:
        raise bad_image("The picture has far more parts than a picture needs.")


def max_parts(size: int) -> int:
    """Returns the number of parts that a file of this many bytes may have."""
    return _MIN_PARTS + size // _BYTES_PER_PART
