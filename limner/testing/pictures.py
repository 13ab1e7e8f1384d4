"""A picture to answer with, and a check of the picture in a result."""

from __future__ import annotations

import struct
import zlib
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from limner.errors import ProviderError
from limner.picture import ImageInfo, identify, is_url, read
from limner.result import ImageResult


def picture(width: int = 64, height: int = 64) -> bytes:
    """Returns a whole PNG of this size, in one colour, for a service to answer with."""
    rows = (b"\0" + b"\x40\x80\xc0" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def picture_of(result: ImageResult, service: str | None) -> ImageInfo | None:
    """Returns what a result's picture is, as the host would find; None for an https URL elsewhere.

    A URL of the played service is fetched, without a credential.

    Raises ``ProviderError("bad-image")`` if it is not a picture.
    """
    image = result.image
    if isinstance(image, str) and is_url(image):
        if service and image.strip().startswith(f"{service}/"):
            image = _fetch(image.strip())
        elif image.strip().lower().startswith("https://"):
            return None
        else:
            raise ProviderError("bad-image", "The host does not fetch plain http URLs.")
    return identify(read(image))


def _fetch(url: str) -> bytes:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as reply:  # past the proxies of this machine
            return reply.read()
    except URLError as error:
        raise ProviderError(
            "bad-image", f"The picture's URL could not be fetched: {error.reason}."
        ) from error
