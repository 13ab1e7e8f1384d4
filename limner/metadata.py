"""What a picture's file says beside its pixels: dropped here, without decoding or encoding anything.

A photograph tells where and when it was taken, by which device, and often holds a small copy of what it
showed before it was cropped. What is kept has an effect on the colours. The formats: PNG 3rd edition, ITU
T.81 (JPEG) with the ICC specification, annex B.4, and RFC 9649 (WebP).
"""

from __future__ import annotations

import re
import struct

_PNG_KEPT = {
    *(b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"acTL", b"fcTL", b"fdAT"),
    *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"sBIT", b"pHYs"),
}
_WEBP_KEPT = {b"VP8X", b"VP8 ", b"VP8L", b"ALPH", b"ANIM", b"ANMF", b"ICCP"}
_WEBP_METADATA = 0x08 | 0x04
"""The flags of a WebP file that has EXIF and XMP data."""
_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
"""A restart mark, and a zero after 0xff, belong to a scan."""
_MOST_PROFILE = 4_000_000
"""Bytes of a colour profile; ordinary ones have up to 4 kB, those of printers up to 2 MB."""


def without_metadata(data: bytes, media_type: str) -> bytes:
    """Returns a whole PNG, JPEG or WebP without metadata: the same object if there is none."""
    kept = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}[media_type](data)
    return data if len(kept) == len(data) else kept


def _png(data: bytes) -> bytes:
    view, at, kind = memoryview(data), 8, b""
    kept: list[bytes | memoryview] = [data[:8]]
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in _PNG_KEPT and (kind != b"iCCP" or length <= _MOST_PROFILE):
            kept.append(view[at : at + length + 12])
        at += length + 12
    return b"".join(kept)


def _jpeg(data: bytes) -> bytes:
    view, at, profile = memoryview(data), 2, 0
    kept: list[bytes | memoryview] = [data[:2]]
    while found := _MARKER.search(data, at):
        marker, start = found[1][0], found.end() - 2
        if start > at:
            kept.append(view[at:start])  # of a scan
        if marker in (0xD8, 0xD9):  # what comes after the end is another picture
            break
        at = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        is_profile = data.startswith(b"ICC_PROFILE\0", start + 4)
        profile += (at - start) * is_profile
        is_app = 0xE0 <= marker <= 0xEF or marker == 0xFE
        changes_colours = (marker == 0xE2 and is_profile and profile <= _MOST_PROFILE) or (
            marker == 0xEE and data.startswith(b"Adobe", start + 4)
        )
        is_jfif = marker == 0xE0 and data.startswith(b"JFIF\0", start + 4)
        if not is_app or changes_colours or is_jfif:
            kept.append(view[start:at])
    else:
        kept.append(view[at:])
    return b"".join([*kept, b"\xff\xd9"])


def _webp(data: bytes) -> bytes:
    view, at = memoryview(data), 12
    kept: list[bytes | memoryview] = [b"WEBP"]
    while at + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, at)
        end = at + 8 + length + (length & 1)
        if kind == b"VP8X":
            flags = data[at + 8] & ~_WEBP_METADATA
            kept += [view[at : at + 8], bytes([flags]), view[at + 9 : end]]
        elif kind in _WEBP_KEPT and (kind != b"ICCP" or length <= _MOST_PROFILE):
            kept.append(view[at:end])
        at = end
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
