"""Photographs as cameras save them: with a place, a serial number, and pixels that are to be turned."""

from __future__ import annotations

from io import BytesIO
from typing import Any

from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

SECRETS = (b"SERIAL-4711", b"COMMENT-4711", b"XMP-4711", b"GPSLatitude")
PROFILE: bytes = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SIZE = (96, 64)


def scene() -> Image.Image:
    """Returns a picture whose corners differ: red, green, blue and white, clockwise from the top left."""
    image = Image.new("RGB", SIZE, "grey")
    for colour, at in zip(
        ("red", "lime", "blue", "white"), ((0, 0), (64, 0), (64, 32), (0, 32)), strict=True
    ):
        image.paste(colour, (*at, at[0] + 32, at[1] + 32))
    return image


def corners(image: Image.Image) -> list[str]:
    """Returns the colours of the four corners, clockwise from the top left."""
    named = {"red": (255, 0, 0), "lime": (0, 255, 0), "blue": (0, 0, 255), "white": (255, 255, 255)}
    right, bottom = image.width - 9, image.height - 9
    found: list[str] = []
    for at in ((8, 8), (right, 8), (right, bottom), (8, bottom)):
        pixel: Any = image.convert("RGB").getpixel(at)
        found.append(
            min(named, key=lambda name: sum(abs(a - b) for a, b in zip(named[name], pixel, strict=True)))
        )
    return found


def photo(format: str, orientation: int = 1, **options: Any) -> bytes:
    """Returns a photograph in a format, by Pillow's name, with what betrays who took it, and where."""
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "SERIAL-4711"
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 51.0, 30.0), 3: "E", 4: (2.0, 17.0, 40.0)})
    more: dict[str, Any] = {"exif": exif, "icc_profile": PROFILE}
    if format == "JPEG":
        more |= {"comment": "COMMENT-4711", "quality": 95, "subsampling": 0}
    if format == "PNG":
        texts = PngInfo()
        texts.add_text("Comment", "COMMENT-4711")
        texts.add_text("Comment", "COMMENT-4711 " * 9, zip=True)
        texts.add_itxt("XML:com.adobe.xmp", "XMP-4711")
        more["pnginfo"] = texts
    if format in ("JPEG", "WEBP", "AVIF"):
        more["xmp"] = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>XMP-4711 GPSLatitude</x:xmpmeta>"
    if format == "WEBP":
        more["lossless"] = True
    file = BytesIO()
    scene().save(file, format, **(more | options))
    return file.getvalue()


def opened(data: bytes) -> Image.Image:
    """Returns a picture as whoever gets the file sees it, without any turn."""
    image = Image.open(BytesIO(data))
    image.load()
    return image
