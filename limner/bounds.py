"""What every walk over a picture's file keeps to, and what it finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from limner.errors import ProviderError

MAX_SIDE = 65_535
"""Pixels; JPEG and GIF can say no more, browsers show less, and each row of a PNG has its own cost."""

_BYTES_A_PART = 128
"""A file may have one part (chunk, block, segment, frame) for so many bytes: GIF encoders fill blocks of
256 bytes, and PNG encoders write chunks of 1,000 and more."""
_PARTS_OF_ANY_FILE = 100_000
"""Parts beside that, for animations of many tiny frames; 100,000 take 0.1 s."""


class Parts(NamedTuple):
    """What a walk finds in a file.

    `memory` is what decoding takes beside the file's own size, in bytes, as measured with Pillow 12;
    `coded` copies what makes the first frame's pixels.
    """

    memory: int
    coded: Callable[[], bytes]
    exif: bytes = b""


def bad_image(sentence: str) -> ProviderError:
    """Makes the error for what is no picture; the sentence quotes nothing from outside."""
    return ProviderError("bad-image", why=sentence)


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Refuses a picture with more pixels than that, or with a side that nothing shows."""
    if width * height > max_pixels:
        raise bad_image(f"The picture is {width} x {height} pixels, more than {max_pixels:,} in all.")
    if max(width, height) > MAX_SIDE:
        raise bad_image(f"The picture is {width} x {height} pixels, too long to be shown.")


def check_parts(number: int, max_number: int) -> None:
    """Refuses a picture with more parts than that."""
    if number > max_number:
        raise bad_image("The picture has far more parts than a picture needs.")


def max_parts(size: int) -> int:
    """Returns the number of parts that a file of so many bytes may have."""
    return _PARTS_OF_ANY_FILE + size // _BYTES_A_PART
