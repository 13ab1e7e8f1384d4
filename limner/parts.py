"""Walks over the parts of a picture's file without decoding anything.

A walk finds the parts that make the first frame's pixels, and only these are decoded: comments,
profiles, EXIF data and later frames never reach a decoder, which would need minutes and gigabytes
to read them in a malicious file. Every loop over a file has a bound that a legitimate file
stays far below. The formats: GIF89a, ITU T.81 (JPEG), RFC 9649 (WebP).
"""

from __future__ import annotations

import re
import struct
from functools import partial
from itertools import count

from limner.avif import walk_avif
from limner.bounds import Parts, check_parts, check_pixels, max_parts
from limner.chunks import JPEG_MARKER, parts_of
from limner.metadata import is_moving_webp
from limner.png import walk_png

_MIN_JPEG_SCANS = 20
"""libjpeg writes 10 for RGB and 18 for CMYK."""
_MAX_JPEG_SCANS = 200
_MAX_SCANNED_PIXELS = 400_000_000
"""Scans times pixels, for JPEGs with more scans; 40 million pixels take at least 30 ms per scan."""
_MAX_JPEG_TABLES = 65_535  # bytes; at most eight tables of up to 275 are used
_JPEG_RESERVED = re.compile(rb"\xff[\x02-\xbf]")  # no decoder continues after one
_JPEG_PADDINGS = (bytes(16), b"\xd6\x3b\xa9\x7e" * 4)
"""What stands in for a missing end: decoders read 8 bytes ahead. The bits of the two differ."""
_ZEROS = re.compile(rb"\0+")


def walk(name: str, data: bytes, max_pixels: int) -> Parts:
    """Walks a file of the format with that name, in Pillow's spelling.

    Raises ProviderError for a file that exceeds a limit, and any other exception for one that is cut off
    or damaged.
    """
    return _WALKS[name](data, max_pixels)


def _walk_gif(data: bytes, max_pixels: int) -> Parts:
    allowed, parts = max_parts(len(data)), 0

    def after_blocks(at: int) -> int:
        nonlocal parts
        while data[at]:
            at += data[at] + 1
            parts += 1
            if parts > allowed:
                break
        parts += 1
        check_parts(parts, allowed)
        return at + 1

    def palette(flags: int) -> int:
        return 6 << (flags & 7) if flags & 0x80 else 0

    sides: tuple[int, int] = struct.unpack_from("<HH", data, 6)
    check_pixels(*sides, max_pixels)
    head = at = 13 + palette(data[10])
    frames, first, memory, see_through = 0, memoryview(b""), 0, False
    # of the blocks that are there, each is whole: the trailer after them may be missing
    while (at < len(data) or not first) and (block := data[at]) != 0x3B:
        if block == 0x21:
            if data[at + 1] == 0xF9 and data[at + 2] not in (0, 4):
                raise ValueError("a graphic control of another length")
            see_through = see_through or (data[at + 1] == 0xF9 and bool(data[at + 3] & 1))
            at = after_blocks(at + 2)
        elif first and (zeros := _ZEROS.match(data, at)):
            at, parts = zeros.end(), parts + 1
            check_parts(parts, allowed)
        elif block == 0x2C:
            left, top, width, height, flags = struct.unpack_from("<4HB", data, at + 1)
            check_pixels(left + width, top + height, max_pixels)
            start, at = at, after_blocks(at + 11 + palette(flags))
            frames += 1
            if frames == 1:
                first = memoryview(data)[start:at]
                memory = 2 * max(sides[0], left + width) * max(sides[1], top + height)
        else:
            raise ValueError("unknown block")

    def coded() -> bytes:
        return b"".join([data[:head], first, b";"])

    return Parts(memory, coded, animated=frames > 1, see_through=see_through)


def _walk_jpeg(data: bytes, max_pixels: int) -> Parts:
    head, tables, exif, at = [data[:2]], 0, b"", 2
    scans = first = pixels = layers = 0
    progressive, found = False, None
    for part in count(1):
        check_parts(part, max_parts(len(data)))
        found = JPEG_MARKER.search(data, at)
        if found is None:
            if not first:
                raise IndexError("the end is missing")
            break  # whether the scan is whole, decoding tells; one of several scans never is
        before, marker, start, at = at, found[1][0], found.start(), found.end()
        if marker == 0xD9:
            break
        unknown = marker in (0xC8, 0xDE, 0xDF) or 0xF0 <= marker <= 0xFD
        if not first and (unknown or _JPEG_RESERVED.search(data, before, start)):
            raise ValueError("a marker that no decoder knows")
        length = struct.unpack_from(">H", data, at)[0]
        if marker == 0xD8 or length < 2:
            raise ValueError("a picture in the picture, or a segment without a length")
        at += length
        if marker == 0xDA:
            first, scans = first or start, scans + 1
            allowed = max(_MIN_JPEG_SCANS, min(_MAX_JPEG_SCANS, _MAX_SCANNED_PIXELS // max(1, pixels)))
            check_parts(scans, allowed)
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            if layers or marker > 0xC2:  # browsers show no other coding
                raise ValueError("a second frame header, or that of a rare kind")
            height, width, layers = struct.unpack_from(">HHB", data, start + 5)
            check_pixels(width, height, max_pixels)
            pixels, progressive = width * height, marker == 0xC2
        elif marker == 0xE1 and not exif and data.startswith(b"Exif\0\0", start + 4):
            exif = data[start + 10 : at]
        tables += length if marker in (0xC4, 0xDB) and not first else 0
        check_parts(tables, _MAX_JPEG_TABLES)
        if not first and (marker <= 0xCF or marker in (0xDB, 0xDD)):
            head.append(data[start:at])
    if not (first and layers):
        raise ValueError("no scan")
    each = (1 if layers == 1 else 4) + (2 * layers if progressive or scans > 1 else 0)
    if found:
        return Parts(each * pixels, lambda: b"".join([*head, memoryview(data)[first:at]]), exif)

    def ended(padding: bytes) -> bytes:
        scan = data[first:].rstrip(b"\0")  # the rest of a file that was given more room than it filled
        return b"".join([*head, scan, b"\0" if scan.endswith(b"\xff") else b"", padding])

    coded, otherwise = (partial(ended, padding) for padding in _JPEG_PADDINGS)
    return Parts(each * pixels + len(data), coded, exif, otherwise)


def _walk_webp(data: bytes, max_pixels: int) -> Parts:
    kind = data[12:16]
    if kind == b"VP8X":
        width, height = (int.from_bytes(data[at : at + 3], "little") + 1 for at in (24, 27))
    elif kind == b"VP8L":
        sides = struct.unpack_from("<I", data, 21)[0]
        width, height = (sides & 0x3FFF) + 1, (sides >> 14 & 0x3FFF) + 1
    else:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    check_pixels(width, height, max_pixels)
    for _ in parts_of(data):  # which counts them
        pass
    return Parts(18 * width * height, lambda: data, animated=is_moving_webp(data))


_WALKS = {"PNG": walk_png, "GIF": _walk_gif, "JPEG": _walk_jpeg, "WebP": _walk_webp, "AVIF": walk_avif}
