"""Finds the type and the size of a picture, and proves that it is whole."""

from __future__ import annotations

import re
import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any
from xml.parsers import expat

from limner.bounds import bad_image, check_pixels
from limner.errors import ProviderError
from limner.formats import FORMATS, SVG, Format
from limner.parts import walk

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 40_000_000
MAX_SVG_BYTES = 5_000_000
MAX_SVG_SIDE = 1_000_000
SVG_MEMORY = 40
"""The most bytes of memory that checking takes for each byte of an SVG: one element with only attributes."""


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What a picture's own bytes state; width and height are in pixels, with the picture upright."""

    media_type: str
    width: int
    height: int
    black: bool = field(default=False, compare=False)
    """It is black all over, without anything transparent, which is how some services withhold one."""


KEPT = {format.name.upper() for format in FORMATS} | {"MPO"}
"""The formats that are passed on unchanged, by Pillow's names; it calls some JPEGs MPO."""

_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<|\xff\xfe<\x00|\xfe\xff\x00<")
_SVG_ROOT = "http://www.w3.org/2000/svg svg"
_SVG_LENGTH = re.compile(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_SVG_NAMESPACE = re.compile(rb"""\sxmlns(?::[^\s=<>"']*)?\s*=\s*["'][^"']{1000}""")


def identify(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Returns what the picture is, having proved that the bytes are one whole picture.

    The size in the header is checked before anything is decoded; then the picture, or the first frame
    of an animation, is decoded once. For 1024x1024 this takes 7 ms for a JPEG, 17 for a PNG and 36
    for a WebP: call it in a worker thread. An SVG is only checked to be well-formed; its size
    is in CSS pixels, from its width and height or its viewBox. Show it only in an ``<img>``.

    Raises ``ProviderError("bad-image")`` for anything else, ImportError if Pillow is missing.
    """
    format = _format_of(data)
    return _identify_with_pillow(data, format, max_pixels) if format else _identify_svg(data)


def memory_to_prove(data: bytes, max_pixels: int = MAX_PIXELS) -> int:
    """Returns the most bytes of memory that `identify` needs for this picture, in addition to its own.

    Nothing is decoded, but the file is walked (0.2 s for 50 MB): call it in a worker thread.

    Raises ``ProviderError("bad-image")`` for most of what `identify` rejects.
    """
    format = _format_of(data)
    if format is None:
        return SVG_MEMORY * min(len(data), MAX_SVG_BYTES)
    with _errors_named(data, format):
        parts = walk(format.name, data, max_pixels)
    return parts.memory + len(data)


def _format_of(data: bytes) -> Format | None:
    """Returns the format by its magic number; None for markup."""
    format = next((format for format in FORMATS if format.magic.match(data)), None)
    if format or _MARKUP.match(data):
        return format
    raise bad_image("The result is not a PNG, JPEG, WebP, GIF, AVIF or SVG picture.")


def _identify_with_pillow(data: bytes, format: Format, max_pixels: int) -> ImageInfo:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Pillow is missing: install limner[app], or limner[testing] to test") from error
    with _errors_named(data, format):
        parts = walk(format.name, data, max_pixels)
        with Image.open(BytesIO(parts.coded()), formats=[format.name]) as image:
            width, height = image.size
            check_pixels(width, height, max_pixels)
            image.load()
            if _is_turned(parts.exif or image.info.get("exif", b"")):
                width, height = height, width
            is_plain = (
                not (parts.animated or parts.see_through) and len(data) <= 100_000 + width * height // 8
            )
            black = is_plain and _is_black(image)  # no format needs more for black, with a profile beside
            return ImageInfo(format.media_type, width, height, black)


def _is_black(image: Image) -> bool:
    """Whether no pixel is lighter than 2 of 255 and none is transparent; True also for a palette of black."""
    bands: Any = {"1": 1, "L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}.get(image.mode)
    if not bands or getattr(image, "is_animated", False) or "transparency" in image.info:
        return False
    pixels: list[int] = image.histogram()  # of each band, how many have each of its 256 values
    if image.mode == "P":
        colours: list[int] = image.getpalette() or []
        used = [3 * index for index in range(256) if pixels[index]]
        return all(max(colours[at : at + 3], default=255) <= 2 for at in used)
    if image.mode.endswith("A"):
        bands -= 1
        if any(pixels[-256:-1]):
            return False
    return not any(any(pixels[256 * band + 3 : 256 * band + 256]) for band in range(bands))


@contextmanager
def _errors_named(data: bytes, format: Format) -> Generator[None]:
    """Raises a bad-image error instead of whatever a walk or a decoder raises for damaged data."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:
        if "DecompressionBomb" in type(error).__name__:
            raise bad_image("The picture has too many pixels.") from error
        of = f"{len(data):,} bytes of {format.name} data"
        if isinstance(error, (struct.error, IndexError)) or "truncated" in str(error):
            raise bad_image(f"The picture is cut off: {of} end too early.") from error
        raise bad_image(f"The picture is cut off or damaged: {of} do not decode.") from error


def _is_turned(exif: bytes) -> bool:
    """Whether EXIF data turns the picture by 90 degrees: tag 0x0112 in its first directory (TIFF 6.0).

    Pillow would read every value in the data, each of which may be as long as the data itself.
    """
    exif = exif.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(exif[:4])
    with suppress(struct.error):  # a picture with broken EXIF data is still a picture
        if order:
            start = struct.unpack_from(f"{order}I", exif, 4)[0]
            for entry in range(struct.unpack_from(f"{order}H", exif, start)[0]):
                tag, _, _, value = struct.unpack_from(f"{order}HHIH", exif, start + 2 + 12 * entry)
                if tag == 0x0112:
                    return value in (5, 6, 7, 8)
    return False


def _identify_svg(data: bytes) -> ImageInfo:
    if len(data) > MAX_SVG_BYTES:
        raise bad_image(f"The SVG picture is larger than {MAX_SVG_BYTES:,} bytes.")
    plain = data.replace(b"\0", b"")  # UTF-16 too
    # expat continues after a handler has raised, and expands all that a document type declares
    if doctype := re.search(rb"<!DOCTYPE\s*(svg\b)?", plain):
        if doctype[1]:
            raise bad_image("The SVG picture declares a document type, which could hide entities.")
        raise bad_image("The result is a web page or another document, not a picture.")
    if _SVG_NAMESPACE.search(plain):  # expat copies it for every name
        raise bad_image("The SVG picture has a namespace that is much too long.")
    roots: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name != _SVG_ROOT:
            raise bad_image("The result is a web page or another document, not a picture.")
        roots.append(attributes)
        parser.StartElementHandler = None

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if roots:
            raise bad_image("The SVG picture is cut off or damaged.") from error
        raise bad_image("The result is a web page or another document, not a picture.") from error
    return _svg_facts(roots[0])


def _svg_facts(root: dict[str, str]) -> ImageInfo:
    named = [root.get(side, "").strip().removesuffix("px") for side in ("width", "height")]
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())[2:]
    for sides in (named, box):
        if len(sides) == 2 and all(len(side) <= 40 and _SVG_LENGTH.fullmatch(side) for side in sides):
            width, height = map(float, sides)
            if min(width, height) > 0 and max(width, height) <= MAX_SVG_SIDE:
                return ImageInfo(SVG, max(1, round(width)), max(1, round(height)))
    raise bad_image("The SVG picture does not say how large it is.")
