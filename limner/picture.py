"""Turns what a provider returned into a picture's bytes, and finds out what these are.

`read` accepts every form of `limner.result.ImageSource` except a URL, which only the host fetches
(`is_url` recognises one); `identify` proves that the bytes are one whole picture, for which it needs
at most the memory that `memory_to_prove` returns, and `identify_by_checksums` proves it without decoding,
where it can. They trust no label, and encode nothing again: the bytes stay as the service sent them. If it
is not a picture, they raise
``ProviderError("bad-image", …)``, whose sentence quotes nothing from outside.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import sys
from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeGuard

from limner.bounds import bad_image, check_pixels
from limner.errors import ProviderError
from limner.identify import KEPT, MAX_PIXELS, ImageInfo, identify, identify_by_checksums, memory_to_prove
from limner.result import ImageSource

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = [
    "MAX_BYTES",
    "MAX_PIXELS",
    "ImageInfo",
    "identify",
    "identify_by_checksums",
    "is_url",
    "memory_to_prove",
    "read",
]

MAX_BYTES = 50_000_000

_URL = re.compile(r"\s*https?://", re.IGNORECASE)
_DATA_HEAD = re.compile(r"\s*data:([^,]*),", re.IGNORECASE)
_ESCAPE = re.compile(rb"%([0-9a-f]{2})", re.IGNORECASE)
_STEP = 1_000_000
"""Characters of base64 that are decoded at once."""
_TO_STANDARD_BASE64 = bytes.maketrans(b"-_", b"+/")


def is_url(image: ImageSource) -> bool:
    """Whether the picture still has to be fetched: a string with an http or https URL."""
    return isinstance(image, str) and _URL.match(image) is not None


def read(image: ImageSource, max_bytes: int = MAX_BYTES) -> bytes:
    """Returns the bytes of a picture in any form except a URL; only `identify` checks what they are.

    Bytes are returned as the same object. A file object is read from its start if it can be rewound,
    and stays open. For a PIL image that was opened from a file and not loaded yet, the file's own
    bytes are returned; any other is encoded as PNG, upright, its current frame only, without loss
    except for what PNG lacks (CMYK, 32 bits). A string is base64 (the URL-safe alphabet, white space
    and missing padding are accepted) or a `data:` URI, never a path. The call may read a disk and
    encode: make it in a worker thread.

    Raises ValueError for a URL, and ``ProviderError("bad-image")`` for a picture that is empty, larger
    than `max_bytes`, of another type, or cannot be read.
    """
    if is_url(image):
        raise ValueError("a URL must be fetched first; read accepts the response's bytes")
    try:
        data = _bytes_of(image, max_bytes)
    except (ProviderError, KeyboardInterrupt):
        raise
    except BaseException as error:  # a provider's own file object or PIL image may call sys.exit, too
        raise bad_image("The picture that was given cannot be read.") from error
    if not data:
        raise bad_image("The picture is empty.")
    _check_bytes(len(data), max_bytes)
    return data


def _check_bytes(size: float, max_bytes: int) -> None:
    if size > max_bytes:
        raise bad_image(f"The picture is larger than {max_bytes:,} bytes.")


def _bytes_of(image: ImageSource, max_bytes: int) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, (bytearray, memoryview)):
        _check_bytes(memoryview(image).nbytes, max_bytes)
        return bytes(image)
    if isinstance(image, str):
        return _decode(image, max_bytes)
    if isinstance(image, os.PathLike):
        return _read_path(image, max_bytes)
    if _is_pillow(image):
        return _read_pillow(image, max_bytes)
    if hasattr(image, "read"):
        return _read_file(image, max_bytes)
    raise bad_image("The provider gave no picture.")


def _is_pillow(image: object) -> TypeGuard[Image]:
    pillow = sys.modules.get("PIL.Image")  # if it is not imported, there is no PIL image
    return pillow is not None and isinstance(image, pillow.Image)


def _decode(text: str, max_bytes: int) -> bytes:
    _check_bytes((len(text) - 1_000) / 3, max_bytes)  # no byte is longer than %41
    head = _DATA_HEAD.match(text)
    if not head:
        return _decode_base64(text, max_bytes)
    payload: str | bytes = text[head.end() :].strip()
    if "%" in payload:  # urllib's unquote_to_bytes needs 240 bytes of memory for each escape
        payload = _ESCAPE.sub(lambda escape: bytes.fromhex(escape[1].decode()), payload.encode())
    if "base64" in head[1].lower().replace(" ", "").split(";"):
        return _decode_base64(payload, max_bytes)
    return payload.encode() if isinstance(payload, str) else payload


def _decode_base64(text: str | bytes, max_bytes: int) -> bytes:
    """Decodes plain digits at once, and all else in steps, between which other threads go on."""
    if len(text) * 3 // 4 <= max_bytes + 2:
        with suppress(ImportError, ValueError):
            from pybase64 import b64decode  # takes 2 % of the time of Python's own

            return b64decode(text, validate=True)
    text = text.encode() if isinstance(text, str) else text
    end = len(text.rstrip(b"= \t\r\n\f\v"))
    data, left = bytearray(), b""
    try:
        for at in range(0, end, _STEP):
            digits = left + text[at : min(at + _STEP, end)].translate(_TO_STANDARD_BASE64, b" \t\r\n\f\v")
            _check_bytes(len(data) + len(digits) * 3 // 4, max_bytes)
            whole = len(digits) // 4 * 4
            data += _decoded(digits[:whole])
            left = digits[whole:]
        data += _decoded(left)
    except ValueError as error:
        raise bad_image("The picture's text is not base64.") from error
    return bytes(data)


def _decoded(digits: bytes) -> bytes:
    if b"=" in digits:
        raise ValueError("it ends before its end")
    return base64.b64decode(digits + b"=" * (-len(digits) % 4), validate=True)


def _read_path(path: os.PathLike[str], max_bytes: int) -> bytes:
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait forever
        raise bad_image("The picture's path is not that of a file.")
    _check_bytes(status.st_size, max_bytes)
    with open(path, "rb") as file:
        return file.read(max_bytes + 1)


def _read_file(file: Any, max_bytes: int) -> bytes:
    with suppress(AttributeError, OSError):  # a stream cannot be rewound
        file.seek(0)
    parts: list[bytes] = []
    left = max_bytes + 1
    while left > 0 and (part := file.read(left)):
        if not isinstance(part, bytes):
            raise bad_image("The picture's file is not open for reading bytes.")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_pillow(image: Image, max_bytes: int) -> bytes:
    original: Any = getattr(image, "fp", None)  # Pillow drops it when it loads the pixels
    if original and image.format in KEPT and image.tell() == 0:
        position = original.tell()
        try:
            return _read_file(original, max_bytes)
        finally:
            original.seek(position)
    check_pixels(image.width, image.height, MAX_PIXELS)
    from PIL import ImageOps

    with suppress(Exception):  # a picture with broken EXIF data is still a picture
        image = ImageOps.exif_transpose(image)
    # a CMYK profile would distort the picture once it is RGB
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
