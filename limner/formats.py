"""The formats of pictures that are recognised, kept unchanged, stored and served."""

from __future__ import annotations

import re
from typing import NamedTuple


class Format(NamedTuple):
    """A raster format, which Pillow decodes."""

    media_type: str
    extension: str
    """The extension of file names, without the dot."""
    name: str
    """The format's name in Pillow's spelling."""
    magic: re.Pattern[bytes]
    """The bytes with which a file begins."""


FORMATS = (
    Format("image/png", "png", "PNG", re.compile(rb"\x89PNG\r\n\x1a\n")),
    Format("image/jpeg", "jpg", "JPEG", re.compile(rb"\xff\xd8\xff")),
    Format("image/webp", "webp", "WebP", re.compile(rb"RIFF.{4}WEBP", re.DOTALL)),
    Format("image/gif", "gif", "GIF", re.compile(rb"GIF8[79]a")),
    Format("image/avif", "avif", "AVIF", re.compile(rb".{4}ftyp(avif|avis|mif1|msf1)", re.DOTALL)),
)
SVG = "image/svg+xml"

EXTENSIONS = {format.media_type: format.extension for format in FORMATS} | {SVG: "svg"}
"""The extension of each media type, SVG included."""
NAMES = {format.media_type: format.name for format in FORMATS}
"""The name of each raster format by its media type."""
MEDIA_TYPES = {extension: media_type for media_type, extension in EXTENSIONS.items()}
"""The media type of each extension."""
