"""What a picture's bytes are: its type, its size, and whether it is whole."""

from __future__ import annotations

import re
import struct
import zlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import NamedTuple
from xml.parsers import expat

from limner.errors import ProviderError

MOST_PIXELS = 40_000_000
MOST_SVG_BYTES = 5_000_000
LONGEST_SVG_SIDE = 1_000_000


@dataclass(frozen=True, slots=True)
class Facts:
    """What a picture's own bytes say of it; width and height in pixels, as a person sees it upright."""

    media_type: str
    width: int
    height: int
    animated: bool = False


class _Kind(NamedTuple):
    media_type: str
    extension: str
    name: str
    magic: re.Pattern[bytes]


_KINDS = (
    _Kind("image/png", "png", "PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    _Kind("image/jpeg", "jpg", "JPEG", re.compile(rb"\xff\xd8\xff")),
    _Kind("image/webp", "webp", "WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    _Kind("image/gif", "gif", "GIF", re.compile(rb"GIF8[79]a")),
    _Kind("image/avif", "avif", "AVIF", re.compile(rb".{4}ftyp(avif|avis|mif1|msf1)", re.DOTALL)),
)
_SVG = "image/svg+xml"
_EXTENSIONS = {kind.media_type: kind.extension for kind in _KINDS} | {_SVG: "svg"}
KEPT = {kind.name.upper() for kind in _KINDS} | {"MPO"}
"""The formats that are passed on as they are, in Pillow's names; MPO is what it calls some JPEGs."""

_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<|\xff\xfe<\x00|\xfe\xff\x00<")
_SVG_ROOT = "http://www.w3.org/2000/svg svg"
_SVG_LENGTH = re.compile(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_MOST_JPEG_SCANS = 200
_MOST_PNG_CHUNKS = 1_000
_MOST_GIF_COMMENTS = 100_000  # bytes


def identify(data: bytes, most_pixels: int = MOST_PIXELS) -> Facts:
    """Proves that the bytes are one whole picture, and says which.

    The size in the header is checked before anything is decoded; then the picture, of an animation
    the first frame, is decoded once. For 1024x1024 this takes 7 ms for a JPEG, 17 for a PNG and 36
    for a WebP: call it in a worker thread. An SVG is proved to be well-formed and no more; its size
    is in CSS pixels, from its width and height or its viewBox. Show it in an ``<img>`` alone.

    Raises ``ProviderError("bad-image")`` for anything else, ImportError where Pillow is missing.
    """
    kind = next((kind for kind in _KINDS if kind.magic.match(data)), None)
    if kind:
        return _identify_with_pillow(data, kind, most_pixels)
    if _MARKUP.match(data):
        return _identify_svg(data)
    raise bad_image("What came back is not a PNG, JPEG, WebP, GIF, AVIF or SVG picture.")


def extension(media_type: str) -> str:
    """Gives the file name extension, without a dot, of a media type that `identify` gives."""
    return _EXTENSIONS[media_type]


def bad_image(sentence: str) -> ProviderError:
    """Makes the error for what is no picture; the sentence quotes nothing from outside."""
    return ProviderError("bad-image", sentence)


def check_pixels(width: int, height: int, most_pixels: int) -> None:
    """Refuses a picture with more pixels than that."""
    if width * height > most_pixels:
        raise bad_image(f"The picture is {width} x {height} pixels, more than {most_pixels:,} in all.")


def _identify_with_pillow(data: bytes, kind: _Kind, most_pixels: int) -> Facts:
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError("Pillow is missing: install limner[app], or limner[testing] to test") from error
    try:
        if kind.name == "PNG":
            _walk_png(data, most_pixels)
        elif kind.name == "GIF":
            _walk_gif(data, most_pixels)
        elif kind.name == "JPEG":
            _check_parts(data.count(b"\xff\xda"), _MOST_JPEG_SCANS)
            _check_parts(data.count(b"Exif\0\0"), _MOST_JPEG_SCANS)
        with Image.open(BytesIO(data), formats=[kind.name]) as image:
            width, height = image.size
            check_pixels(width, height, most_pixels)
            animated = kind.name != "JPEG" and bool(getattr(image, "is_animated", False))
            image.load()
            with suppress(Exception):  # a picture with broken EXIF data is still a picture
                if image.getexif().get(0x0112) in (5, 6, 7, 8):  # lies on its side
                    width, height = height, width
            return Facts(kind.media_type, width, height, animated)
    except ProviderError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise bad_image("The picture has too many pixels.") from error
    except Exception as error:  # decoders raise nearly anything for damaged data
        of = f"{len(data):,} bytes of {kind.name} data"
        if isinstance(error, (struct.error, IndexError)) or "truncated" in str(error):
            raise bad_image(f"The picture is cut off: {of} end too early.") from error
        raise bad_image(f"The picture is cut off or damaged: {of} do not decode.") from error


def _check_parts(count: int, most: int) -> None:
    if count > most:
        raise bad_image("The picture has far more parts than a picture needs.")


def _walk_png(data: bytes, most_pixels: int) -> None:
    view, at, kind, others = memoryview(data), 8, b"", 0
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", view, at)
        end = at + 8 + length
        if struct.unpack_from(">I", view, end)[0] != zlib.crc32(view[at + 4 : end]):
            raise ValueError("a chunk's checksum is wrong")
        if (kind == b"IHDR") != (at == 8):
            raise ValueError("the header is not first, or not alone")
        if at == 8:
            check_pixels(*struct.unpack_from(">II", view, 16), most_pixels)
        others += kind not in (b"IDAT", b"fcTL", b"fdAT")
        _check_parts(others, _MOST_PNG_CHUNKS)
        at = end + 4


def _walk_gif(data: bytes, most_pixels: int) -> None:
    def after_blocks(at: int) -> int:
        while data[at]:
            at += data[at] + 1
        return at + 1

    def palette(flags: int) -> int:
        return 6 << (flags & 7) if flags & 0x80 else 0

    check_pixels(*struct.unpack_from("<HH", data, 6), most_pixels)
    at, comments = 13 + palette(data[10]), 0
    while (block := data[at]) != 0x3B:
        if block == 0x21:
            start, at = at, after_blocks(at + 2)
            if data[start + 1] == 0xFE:
                comments += at - start
                _check_parts(comments, _MOST_GIF_COMMENTS)
        elif block == 0x2C:
            left, top, width, height, flags = struct.unpack_from("<4HB", data, at + 1)
            check_pixels(left + width, top + height, most_pixels)
            at = after_blocks(at + 11 + palette(flags))
        else:
            raise ValueError("unknown block")


def _identify_svg(data: bytes) -> Facts:
    if len(data) > MOST_SVG_BYTES:
        raise bad_image(f"The SVG picture is larger than {MOST_SVG_BYTES:,} bytes.")
    roots: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name != _SVG_ROOT:
            raise bad_image("What came back is a web page or another document, not a picture.")
        roots.append(attributes)
        parser.StartElementHandler = None

    def doctype(name: str, *_: object) -> None:
        if name.lower() == "svg":
            raise bad_image("The SVG picture declares a document type, which could hide entities.")
        raise bad_image("What came back is a web page or another document, not a picture.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if roots:
            raise bad_image("The SVG picture is cut off or damaged.") from error
        raise bad_image("What came back is a web page or another document, not a picture.") from error
    return _svg_facts(roots[0])


def _svg_facts(root: dict[str, str]) -> Facts:
    named = [root.get(side, "").strip().removesuffix("px") for side in ("width", "height")]
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())[2:]
    for sides in (named, box):
        if len(sides) == 2 and all(len(side) <= 40 and _SVG_LENGTH.fullmatch(side) for side in sides):
            width, height = map(float, sides)
            if min(width, height) > 0 and max(width, height) <= LONGEST_SVG_SIDE:
                return Facts(_SVG, max(1, round(width)), max(1, round(height)))
    raise bad_image("The SVG picture does not say how large it is.")
