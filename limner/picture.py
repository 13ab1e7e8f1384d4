"""From what a provider gave to a picture's bytes, and what those bytes are.

`read` takes every shape of `limner.result.ImageSource` but a URL, which is the host's to fetch
(`is_url` tells one apart); `identify` proves that the bytes are one whole picture. Neither trusts a
label, and nothing is encoded again: the bytes stay as the service gave them. A picture that is not
one is a ``ProviderError("bad-image", …)`` whose sentence quotes nothing that came from outside.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import struct
import sys
import zlib
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any, NamedTuple, TypeGuard
from xml.parsers import expat

from limner.errors import ProviderError
from limner.result import ImageSource

if TYPE_CHECKING:
    from PIL.Image import Image

MOST_BYTES = 50_000_000
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
_PASSED_ON = {kind.name.upper() for kind in _KINDS} | {"MPO"}  # what Pillow calls some JPEGs

_URL = re.compile(r"\s*https?://", re.IGNORECASE)
_DATA_HEAD = re.compile(r"\s*data:([^,]*),", re.IGNORECASE)
_ESCAPE = re.compile(rb"%([0-9a-f]{2})", re.IGNORECASE)
_TO_STANDARD_BASE64 = bytes.maketrans(b"-_", b"+/")
_MARKUP = re.compile(rb"(\xef\xbb\xbf)?\s*<|\xff\xfe<\x00|\xfe\xff\x00<")
_SVG_ROOT = "http://www.w3.org/2000/svg svg"
_SVG_LENGTH = re.compile(r"\+?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.IGNORECASE)
_MOST_JPEG_SCANS = 200
_MOST_PNG_CHUNKS = 1_000
_MOST_GIF_COMMENTS = 100_000  # bytes


def is_url(image: ImageSource) -> bool:
    """Says whether the picture still has to be fetched: a string with an http or https URL."""
    return isinstance(image, str) and _URL.match(image) is not None


def read(image: ImageSource, most_bytes: int = MOST_BYTES) -> bytes:
    """Gives the bytes of a picture in any shape but a URL; they may be anything until `identify`.

    Bytes come back as the same object. A file object is read from its start where it can be rewound,
    and stays open. A PIL image that was opened from a file and not loaded yet gives that file's own
    bytes; any other is encoded as PNG, upright, its current frame only, without loss but for what
    PNG lacks (CMYK, 32 bits). A string is base64 (the URL-safe alphabet, white space and missing
    padding are fine) or a `data:` URI, never a path.
    It may read a disk and encode: call it in a worker thread.

    Raises ValueError for a URL, and ``ProviderError("bad-image")`` for what is empty, larger than
    `most_bytes`, of another type, or cannot be read.
    """
    if is_url(image):
        raise ValueError("a URL is fetched first; read takes what came back")
    try:
        data = _bytes_of(image, most_bytes)
    except ProviderError:
        raise
    except Exception as error:  # a provider's own file object or PIL image may raise anything
        raise _bad("The picture that the provider gave cannot be read.") from error
    if not data:
        raise _bad("The provider gave an empty picture.")
    _check_bytes(len(data), most_bytes)
    return data


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
    raise _bad("What came back is not a PNG, JPEG, WebP, GIF, AVIF or SVG picture.")


def extension(media_type: str) -> str:
    """Gives the file name extension, without a dot, of a media type that `identify` gives."""
    return _EXTENSIONS[media_type]


def _bad(sentence: str) -> ProviderError:
    return ProviderError("bad-image", sentence)


def _check_bytes(size: float, most_bytes: int) -> None:
    if size > most_bytes:
        raise _bad(f"The picture is larger than {most_bytes:,} bytes.")


def _check_pixels(width: int, height: int, most_pixels: int) -> None:
    if width * height > most_pixels:
        raise _bad(f"The picture is {width} x {height} pixels, more than {most_pixels:,} in all.")


# The shapes, to bytes


def _bytes_of(image: ImageSource, most_bytes: int) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, (bytearray, memoryview)):
        _check_bytes(memoryview(image).nbytes, most_bytes)
        return bytes(image)
    if isinstance(image, str):
        return _decode(image, most_bytes)
    if isinstance(image, os.PathLike):
        return _read_path(image, most_bytes)
    if _is_pillow(image):
        return _read_pillow(image, most_bytes)
    if hasattr(image, "read"):
        return _read_file(image, most_bytes)
    raise _bad("The provider gave no picture.")


def _is_pillow(image: object) -> TypeGuard[Image]:
    pillow = sys.modules.get("PIL.Image")  # not imported yet: nobody made a PIL image
    return pillow is not None and isinstance(image, pillow.Image)


def _decode(text: str, most_bytes: int) -> bytes:
    _check_bytes((len(text) - 1_000) / 3, most_bytes)  # no byte is longer than %41
    head = _DATA_HEAD.match(text)
    if not head:
        return _decode_base64(text.encode(), most_bytes)
    # urllib's unquote_to_bytes needs 240 bytes of memory for each escape
    payload = text[head.end() :].strip().encode()
    payload = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), payload)
    if "base64" in head[1].lower().replace(" ", "").split(";"):
        return _decode_base64(payload, most_bytes)
    return payload


def _decode_base64(text: bytes, most_bytes: int) -> bytes:
    digits = text.translate(_TO_STANDARD_BASE64, b" \t\r\n\f\v").rstrip(b"=")
    _check_bytes(len(digits) * 3 // 4, most_bytes)
    try:
        return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)
    except ValueError as error:
        raise _bad("The picture's text is not base64.") from error


def _read_path(path: os.PathLike[str], most_bytes: int) -> bytes:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for ever
        raise _bad("The picture's path is not that of a file.")
    _check_bytes(status.st_size, most_bytes)
    with open(path, "rb") as file:
        return file.read(most_bytes + 1)


def _read_file(file: Any, most_bytes: int) -> bytes:
    with suppress(AttributeError, OSError):  # a stream cannot be rewound
        file.seek(0)
    parts: list[bytes] = []
    left = most_bytes + 1
    while left > 0 and (part := file.read(left)):
        if not isinstance(part, bytes):
            raise _bad("The picture's file is not open for reading bytes.")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_pillow(image: Image, most_bytes: int) -> bytes:
    original: Any = getattr(image, "fp", None)  # Pillow lets go of it when it loads the pixels
    if original and image.format in _PASSED_ON and image.tell() == 0:
        position = original.tell()
        try:
            return _read_file(original, most_bytes)
        finally:
            original.seek(position)
    _check_pixels(image.width, image.height, MOST_PIXELS)
    from PIL import ImageOps

    with suppress(Exception):  # a picture with broken EXIF data is still a picture
        image = ImageOps.exif_transpose(image)
    # a profile for inks would distort what becomes red, green and blue
    icc_profile = None if image.mode == "CMYK" else image.info.get("icc_profile")
    file = BytesIO()
    _for_png(image).save(file, "PNG", icc_profile=icc_profile)
    return file.getvalue()


def _for_png(image: Image) -> Image:
    if image.mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        return image
    if image.mode.startswith("I"):
        return image.convert("I").convert("I;16")
    if image.mode == "F":
        return image.convert("L")
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


# The bytes, to facts


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
            _check_pixels(width, height, most_pixels)
            animated = kind.name != "JPEG" and bool(getattr(image, "is_animated", False))
            image.load()
            with suppress(Exception):  # a picture with broken EXIF data is still a picture
                if image.getexif().get(0x0112) in (5, 6, 7, 8):  # lies on its side
                    width, height = height, width
            return Facts(kind.media_type, width, height, animated)
    except ProviderError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _bad("The picture has too many pixels.") from error
    except Exception as error:  # decoders raise nearly anything for damaged data
        of = f"{len(data):,} bytes of {kind.name} data"
        if isinstance(error, (struct.error, IndexError)) or "truncated" in str(error):
            raise _bad(f"The picture is cut off: {of} end too early.") from error
        raise _bad(f"The picture is cut off or damaged: {of} do not decode.") from error


# What Pillow does not check: that PNG and GIF data reach their end, how large an animation's frames are
# before it takes memory for them, and parts repeated until reading them takes it hours.


def _check_parts(count: int, most: int) -> None:
    if count > most:
        raise _bad("The picture has far more parts than a picture needs.")


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
            _check_pixels(*struct.unpack_from(">II", view, 16), most_pixels)
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

    _check_pixels(*struct.unpack_from("<HH", data, 6), most_pixels)
    at, comments = 13 + palette(data[10]), 0
    while (block := data[at]) != 0x3B:
        if block == 0x21:
            start, at = at, after_blocks(at + 2)
            if data[start + 1] == 0xFE:
                comments += at - start
                _check_parts(comments, _MOST_GIF_COMMENTS)
        elif block == 0x2C:
            left, top, width, height, flags = struct.unpack_from("<4HB", data, at + 1)
            _check_pixels(left + width, top + height, most_pixels)
            at = after_blocks(at + 11 + palette(flags))
        else:
            raise ValueError("unknown block")


def _identify_svg(data: bytes) -> Facts:
    if len(data) > MOST_SVG_BYTES:
        raise _bad(f"The SVG picture is larger than {MOST_SVG_BYTES:,} bytes.")
    roots: list[dict[str, str]] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        if name != _SVG_ROOT:
            raise _bad("What came back is a web page or another document, not a picture.")
        roots.append(attributes)
        parser.StartElementHandler = None

    def doctype(name: str, *_: object) -> None:
        if name.lower() == "svg":
            raise _bad("The SVG picture declares a document type, which could hide entities.")
        raise _bad("What came back is a web page or another document, not a picture.")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if roots:
            raise _bad("The SVG picture is cut off or damaged.") from error
        raise _bad("What came back is a web page or another document, not a picture.") from error
    return _svg_facts(roots[0])


def _svg_facts(root: dict[str, str]) -> Facts:
    named = [root.get(side, "").strip().removesuffix("px") for side in ("width", "height")]
    box = re.split(r"[\s,]+", root.get("viewBox", "").strip())[2:]
    for sides in (named, box):
        if len(sides) == 2 and all(len(side) <= 40 and _SVG_LENGTH.fullmatch(side) for side in sides):
            width, height = map(float, sides)
            if min(width, height) > 0 and max(width, height) <= LONGEST_SVG_SIDE:
                return Facts(_SVG, max(1, round(width)), max(1, round(height)))
    raise _bad("The SVG picture does not say how large it is.")
