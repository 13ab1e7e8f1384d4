"""Finds the type and the size of a picture, and proves that it is whole."""

from __future__ import annotations

import struct
from collections.abc import Generator
from contextlib import contextmanager, suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from limner.bounds import ImageInfo, NoPicture, Parts, bad_image, check_pixels
from limner.errors import ProviderError
from limner.formats import FORMATS, Format
from limner.parts import walk
from limner.svg import MARKUP, MAX_SVG_BYTES, SVG_MEMORY, identify_svg

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 40_000_000
KEPT = {format.name.upper() for format in FORMATS} | {"MPO"}
"""The formats that are passed on unchanged, by Pillow's names; it calls some JPEGs MPO."""


def identify(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageInfo:
    """Returns what the picture is, having proved that the bytes are one whole picture.

    The size in the header is checked before anything is decoded; then the picture, or the first frame
    of an animation, is decoded once. For 1024x1024 this takes 5 ms for a JPEG, 15 for a PNG and 19
    for a WebP: call it in a worker thread. An SVG is only checked to be well-formed; its size
    is in CSS pixels, from its width and height or its viewBox. Show it only in an ``<img>``.

    Raises ``ProviderError("bad-image")`` for anything else, ImportError if Pillow is missing.
    """
    format = _format_of(data)
    return _identify_with_pillow(data, format, max_pixels) if format else identify_svg(data)


def identify_by_checksums(data: bytes, max_pixels: int = MAX_PIXELS) -> ImageInfo | None:
    """Returns what `identify` returns, if the file's own checksums prove its pixels; else None.

    That is so for nearly every PNG, takes half the time and a megabyte of memory. No other format has
    checksums over all its pixels, and whether a picture is black, which only a small file may be, is seen
    in its pixels alone.

    Raises ``ProviderError("bad-image")`` for most of what `identify` rejects.
    """
    format = _format_of(data)
    if format is None or format.name != "PNG":
        return None
    with _errors_named(data, format):
        parts = walk(format.name, data, max_pixels)
        width, height = struct.unpack_from(">II", data, 16)
        if _may_be_black(data, parts, width, height) or not parts.is_proven():
            return None
        return _info(format, parts, width, height, orientation_of(parts.exif))


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
    if format or MARKUP.match(data):
        return format
    raise NoPicture("This is not a PNG, JPEG, WebP, GIF, AVIF or SVG picture.")


def _identify_with_pillow(data: bytes, format: Format, max_pixels: int) -> ImageInfo:
    try:
        from PIL import Image as pillow
    except ImportError as error:
        raise ImportError("Pillow is missing: install limner[app], or limner[testing] to test") from error
    undo_settings_of_others(max_pixels)
    with _errors_named(data, format):
        parts = walk(format.name, data, max_pixels)
        with pillow.open(BytesIO(parts.coded()), formats=[format.name]) as image:
            width, height = image.size
            check_pixels(width, height, max_pixels)
            may_be_black = _may_be_black(data, parts, width, height)
            if not (may_be_black or parts.otherwise):
                image.draft(image.mode, (1, 1))  # a JPEG: reads all of its codes, and makes an eighth of them
            image.load()
            orientation = orientation_of(parts.exif or image.info.get("exif", b""))
            last = _last_pixels(image) if parts.otherwise else b""
            black = may_be_black and _is_black(image)
        if parts.otherwise:
            with pillow.open(BytesIO(parts.otherwise()), formats=[format.name]) as image:
                if _last_pixels(image) != last:
                    raise IndexError("the last pixels are missing")
        return _info(format, parts, width, height, orientation, black=black)


def undo_settings_of_others(max_pixels: int) -> None:
    """Has Pillow take whole pictures alone, and all that are allowed, whatever another module has told it."""
    from PIL import Image as pillow
    from PIL import ImageFile

    ImageFile.LOAD_TRUNCATED_IMAGES = False
    if pillow.MAX_IMAGE_PIXELS is not None:
        pillow.MAX_IMAGE_PIXELS = max(pillow.MAX_IMAGE_PIXELS, max_pixels)


def _info(
    format: Format, parts: Parts, width: int, height: int, orientation: int, *, black: bool = False
) -> ImageInfo:
    sides = (height, width) if orientation > 4 else (width, height)
    return ImageInfo(format.media_type, *sides, black, orientation, parts.animated)


def _may_be_black(data: bytes, parts: Parts, width: int, height: int) -> bool:
    """Whether so few bytes can be nothing but black, in any format and even with a profile."""
    is_small = len(data) <= 100_000 + width * height // 8
    return is_small and not (parts.animated or parts.see_through)


def _last_pixels(image: Image) -> bytes:
    """Returns the pixels of the last block of a JPEG, which is at most 32 pixels wide and high."""
    width, height = image.size
    return image.crop((max(0, width - 32), max(0, height - 32), width, height)).tobytes()


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


def orientation_of(exif: bytes) -> int:
    """Returns how EXIF data turns the picture: tag 0x0112 in its first directory (TIFF 6.0), else 1.

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
                    return value if 1 <= value <= 8 else 1
    return 1
