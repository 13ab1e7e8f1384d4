"""Makes a thumbnail of a proven picture: upright, in the colours of the screen, as WebP."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, Any

from limner.bounds import MAX_SIDE
from limner.formats import NAMES
from limner.identify import orientation_of
from limner.metadata import is_moving_webp, without_metadata
from limner.parts import walk
from limner.prepare import KEPT, named_errors, turned, with_eight_bits

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_THUMBNAIL_SIDE = 640
"""Pixels of the longer side."""
FEW_BYTES = 60_000
"""A picture with no more of these, and no longer side, is shown itself."""


@named_errors()
def make_thumbnail(data: bytes, media_type: str) -> bytes:
    """Returns a WebP picture; nothing if it would be no smaller than the picture itself.

    Of an animation that is the first frame. This takes up to half a second: call it in a worker thread.
    Raises ``ProviderError("bad-image")`` for a picture that cannot be decoded.
    """
    from PIL import Image

    name = NAMES[media_type]
    parts = walk(name, data, MAX_SIDE**2)
    with_profile = media_type in KEPT and not is_moving_webp(data)
    coded = without_metadata(data, media_type) if with_profile else parts.coded()
    with Image.open(BytesIO(coded), formats=[name]) as image:
        if max(image.size) <= MAX_THUMBNAIL_SIDE and len(data) <= FEW_BYTES:
            return b""
        exif = parts.exif or image.info.get("exif", b"")
        image.draft(
            None, (2 * MAX_THUMBNAIL_SIDE, 2 * MAX_THUMBNAIL_SIDE)
        )  # a JPEG of more pixels is decoded to fewer
        image.load()
        thumbnail = turned(_small(image), orientation_of(exif))
    file = BytesIO()
    thumbnail.save(file, "WebP", quality=80, method=1)  # the default, 4, takes four times as long
    return file.getvalue() if file.tell() < len(data) else b""


def _small(image: Image) -> Image:
    """Returns a picture of no more than the thumbnail's size in sRGB, with its transparency."""
    from PIL import ImageCms

    colours: Any = ImageCms
    profile = image.info.get("icc_profile")
    image = with_eight_bits(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode not in (mode, "CMYK"):
        image = image.convert(mode)
    image.thumbnail((MAX_THUMBNAIL_SIDE, MAX_THUMBNAIL_SIDE))
    if profile:
        with suppress(colours.PyCMSError, OSError):  # a profile for other channels than these
            to = colours.createProfile("sRGB")
            image = colours.profileToProfile(image, BytesIO(profile), to, outputMode=mode)
    return image if image.mode == mode else image.convert(mode)
