"""Pictures to answer with and to send, and a check of the picture in a result."""

from __future__ import annotations

import struct
import zlib
from functools import cache
from io import BytesIO
from random import Random
from urllib.error import URLError
from urllib.request import ProxyHandler, build_opener

from limner.errors import ProviderError
from limner.formats import EXTENSIONS, NAMES
from limner.info import ModelInfo
from limner.inputs import InputImage
from limner.picture import ImageInfo, identify, is_url, read
from limner.result import ImageResult
from limner.size import Size


def picture(width: int = 64, height: int = 64) -> bytes:
    """Returns a whole PNG of this size, in one colour, for a service to answer with."""
    rows = (b"\0" + b"\x40\x80\xc0" * width) * height
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@cache
def input_image(number: int, media_type: str = "image/png") -> InputImage:
    """Returns a picture as the host sends one; each number has a size and pixels of its own."""
    from PIL import Image

    size = Size(56 + 8 * number, 40)
    file = BytesIO()
    pixels = Random(number).randbytes(3 * size.pixels)  # no two pictures have bytes in common
    Image.frombytes("RGB", size, pixels).save(file, NAMES[media_type])
    return InputImage(file.getvalue(), media_type, size, f"image-{number + 1}.{EXTENSIONS[media_type]}")


def input_images(model: ModelInfo, count: int, media_type: str | None = None) -> tuple[InputImage, ...]:
    """Returns pictures as the host sends them to a model, of the first media type that it takes."""
    media_type = media_type or (model.images.media_types[0] if model.images else "image/png")
    return tuple(input_image(number, media_type) for number in range(count))


@cache
def input_mask(size: Size, *, left: bool = True) -> InputImage:
    """Returns a mask as the host sends one, with which the left or the right half may change."""
    from PIL import Image

    file, half = BytesIO(), size.width // 2
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    may_change = Image.new("RGBA", (half, size.height), (255, 255, 255, 0))
    mask.paste(may_change, (0 if left else size.width - half, 0))
    mask.save(file, "PNG")
    return InputImage(file.getvalue(), "image/png", size, "mask.png")


def picture_of(result: ImageResult, service: str | None) -> tuple[bytes, ImageInfo] | None:
    """Returns a result's picture, and what it is, as the host would find; None for an https URL elsewhere.

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
    data = read(image)
    return data, identify(data)


def _fetch(url: str) -> bytes:
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5) as reply:  # past the proxies of this machine
            return reply.read()
    except URLError as error:
        raise ProviderError(
            "bad-image", f"The picture's URL could not be fetched: {error.reason}."
        ) from error
