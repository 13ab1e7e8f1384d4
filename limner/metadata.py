"""Drops what a picture's file says besides its pixels, without decoding or encoding anything.

A photograph tells where and when it was taken, by which device, and often holds a small copy of what it
showed before it was cropped. What is kept has an effect on the colours. The formats: PNG 3rd edition, ITU
T.81 (JPEG) with the ICC specification, annex B.4, and RFC 9649 (WebP).
"""

from __future__ import annotations

import struct
import zlib

from limner.chunks import JPEG_MARKER, parts_of
from limner.colour_profile import MOST_BYTES, plain_profile

_PNG_PIXELS = (b"IHDR", b"IDAT", b"IEND")
_PNG_KEPT = {
    **{b"PLTE": range(3, 769, 3), b"tRNS": range(1, 257), b"sBIT": range(1, 5)},
    **{b"gAMA": (4,), b"cHRM": (32,), b"sRGB": (1,), b"cICP": (4,), b"pHYs": (9,)},
}
"""How long the data of each chunk may be."""
_PROFILE_NAME = b"ICC Profile\0\0"  # as Pillow writes it
_WEBP_PIXELS = (b"VP8 ", b"VP8L", b"ALPH")
_WEBP_METADATA, _WEBP_PROFILE, _WEBP_MOVES = 0x08 | 0x04, 0x20, 0x02
"""The flags of a WebP file that has EXIF and XMP data, a profile, several frames."""
_JPEG_KEPT = {0xC0, 0xC1, 0xC2, 0xC4, 0xDA, 0xDB, 0xDC, 0xDD}
"""Frames, tables, scans and what belongs to them."""
_PIECE = 65_519
"""Bytes of a profile in one segment."""


def without_metadata(data: bytes, media_type: str) -> bytes:
    """Returns a whole PNG, JPEG or WebP without metadata: the same object if there is none."""
    kept = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}[media_type](data)
    return data if kept == data else kept


def is_moving_webp(data: bytes) -> bool:
    """Whether a file is a WebP with several frames, of which only the first has been proven."""
    return data[8:16] == b"WEBPVP8X" and bool(data[20] & _WEBP_MOVES)


def _png(data: bytes) -> bytes:
    """Returns a PNG's first picture; what moves after it has not been proven."""
    view = memoryview(data)
    kept: list[bytes | memoryview] = [data[:8]]
    seen: set[bytes] = set()
    for kind, start, body, stop, end in parts_of(data):
        chunk, length = view[start:end], stop - body
        if kind in _PNG_PIXELS or (
            length in _PNG_KEPT.get(kind, ()) and kind not in seen and _is_sound(chunk)
        ):
            kept.append(chunk)
        elif kind == b"iCCP" and kind not in seen:
            kept.append(_png_profile(data[body:stop]))
        seen.add(kind)
    return b"".join(kept)


def _is_sound(chunk: memoryview) -> bool:
    """Whether a chunk has the right checksum, without which many programs refuse the whole picture."""
    return struct.unpack(">I", chunk[-4:])[0] == zlib.crc32(chunk[4:-4])


def _png_profile(chunk: bytes) -> bytes:
    """Returns the chunk of a profile; nothing if there is none in it."""
    packed, inflating = chunk[chunk.find(b"\0") + 2 :], zlib.decompressobj()
    try:
        profile = inflating.decompress(packed, MOST_BYTES + 1)
    except zlib.error:
        return b""
    plain = plain_profile(profile)
    if plain is None:
        return b""
    is_plain = plain is profile and chunk.startswith(_PROFILE_NAME) and not inflating.unused_data
    body = b"iCCP" + (chunk if is_plain else _PROFILE_NAME + zlib.compress(plain))
    return struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))


def _jpeg(data: bytes) -> bytes:
    view, at, in_scan = memoryview(data), 2, False
    kept: list[bytes | memoryview] = [data[:2]]
    profile = _jpeg_profile(data)
    while found := JPEG_MARKER.search(data, at):
        marker, start = found[1][0], found.end() - 2
        if in_scan:
            kept.append(view[at:start])
        if marker in (0xD8, 0xD9):  # what comes after the end is another picture
            break
        at = start + 2 + struct.unpack_from(">H", data, start + 2)[0]
        if at > len(data):
            break
        if marker == 0xE0 and data.startswith(b"JFIF\0", start + 4) and at - start >= 18:
            kept += [b"\xff\xe0\0\x10", view[start + 4 : start + 16], b"\0\0"]  # without its small copy
        elif marker == 0xEE and data.startswith(b"Adobe", start + 4) and at - start >= 16:
            kept += [b"\xff\xee\0\x0e", view[start + 4 : start + 16]]
        elif marker == 0xE2 and data.startswith(b"ICC_PROFILE\0", start + 4):
            kept += profile
            profile = []
        elif marker in _JPEG_KEPT:
            kept.append(view[start:at])
        in_scan = marker == 0xDA or (in_scan and marker not in _JPEG_KEPT)
    else:
        kept.append(view[at:])
    return b"".join([*kept, b"\xff\xd9"])


def _jpeg_profile(data: bytes) -> list[bytes]:
    """Returns the segments of the profile, which has been cut into pieces; none if one is missing."""
    pieces: dict[int, bytes] = {}
    most = 0
    for kind, _, body, stop, _ in parts_of(data):
        if kind == b"\xe2" and data.startswith(b"ICC_PROFILE\0", body) and stop - body >= 14:
            most = data[body + 13]
            pieces.setdefault(data[body + 12], data[body + 14 : stop])
    if sorted(pieces) != [*range(1, most + 1)]:
        return []
    plain = plain_profile(b"".join(pieces[number] for number in sorted(pieces))) or b""
    cut = [plain[at : at + _PIECE] for at in range(0, len(plain), _PIECE)]
    return [
        b"\xff\xe2" + struct.pack(">H", len(piece) + 16) + b"ICC_PROFILE\0" + bytes([n, len(cut)]) + piece
        for n, piece in enumerate(cut, 1)
    ]


def _webp(data: bytes) -> bytes:
    view = memoryview(data)
    flags, flags_at = 0, 0
    kept: list[bytes | memoryview] = [b"WEBP"]
    seen: set[bytes] = set()
    for kind, start, body, stop, end in parts_of(data):
        if kind == b"VP8X" and stop - body >= 10 and kind not in seen:
            flags, flags_at = data[body] & ~(_WEBP_METADATA | _WEBP_PROFILE), len(kept) + 1
            kept += [struct.pack("<4sI", kind, 10), b"", view[body + 1 : body + 10]]
        elif kind in _WEBP_PIXELS and kind not in seen:
            kept.append(view[start:end])
        elif kind == b"ICCP" and flags_at and (plain := plain_profile(data[body:stop])):
            flags |= _WEBP_PROFILE
            kept += [struct.pack("<4sI", kind, len(plain)), plain, bytes(len(plain) & 1)]
        seen.add(kind)
    if flags_at:
        kept[flags_at] = bytes([flags])
    body = b"".join(kept)
    return b"RIFF" + struct.pack("<I", len(body)) + body
