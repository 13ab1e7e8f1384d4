"""Walks the boxes of an AVIF file and the AV1 data that they point to, which is what a decoder works on.

libavif decodes whatever AV1 data an item points to, whatever the number and size of its frames, and only
then compares them with the size in the boxes. The formats: ISO 14496-12
(boxes), ISO 23008-12 (items), and the AV1 specification 1.0, sections 5.3 and 5.5.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from itertools import count

from limner.bounds import Parts, check_parts, check_pixels, max_parts
from limner.chunks import parts_of

_MAX_HEAD = 1_000_000  # bytes of the boxes that locate everything else; 300 for a picture, 8 for a frame
_MAX_TABLE = 65_535  # bytes; libavif's time grows with the square of the items
_MAX_ITEMS = 10_000  # tiles have at least 64 x 64 pixels
_MAX_DRAWN = 16
"""All decoded frames together, as a multiple of the largest picture's pixels: colours, transparency and
a preview or two, each up to four times as large as the bits in the sequence header suggest."""
_MAX_SHARED = 1_000_000  # bytes that items read again: equal tiles of a grid are stored once
_MEMORY = 16  # bytes for a pixel; 11 were measured for 8 bits
_MAX_FRAME = 1 << 28  # pixels, where libavif stops

_TABLE = re.compile(rb"(.{4})(iloc|ipma|iref)", re.DOTALL)
_SIZE = re.compile(rb"ispe.{4}(.{8})", re.DOTALL)
_EXIF = re.compile(rb"(infe(?:\x02.{7}|\x03.{9}))Exif", re.DOTALL)
_AV1 = re.compile(rb"infe(?=\x02.{3}(.{2}).{2}av01|\x03.{3}(.{4}).{2}av01)", re.DOTALL)
_SAMPLES = re.compile(rb"stsz.{4}(.{12})", re.DOTALL)
_CHUNKS = re.compile(rb"stco.{8}(.{4})|co64.{8}(.{8})", re.DOTALL)
_SEQUENCE_HEADER, _FRAME_HEADER, _FRAME = 1, 3, 6


def walk_avif(data: bytes, max_pixels: int) -> Parts:
    """Walks an AVIF file, and hides its EXIF data from Pillow, which would read every value in it."""
    view, heads, drawn = memoryview(data), 0, 0
    pieces: list[bytes | memoryview] = []
    for kind, at, _, _, end in parts_of(data):
        pieces.append(view[at:end])
        if kind in (b"meta", b"moov"):
            heads += end - at
            check_parts(heads, _MAX_HEAD)
            head = data[at:end]
            _check_head(head, max_pixels)
            for payloads in (_items(head, view), _first_samples(head, view)):
                drawn = max(drawn, _drawn(payloads, _MAX_DRAWN * max_pixels, 2 * len(data) + _MAX_SHARED))
            pieces[-1] = _EXIF.sub(rb"\1free", head)
    return Parts(_MEMORY * drawn, lambda: b"".join(pieces))


def _check_head(head: bytes, max_pixels: int) -> None:
    check_parts(head.count(b"infe"), _MAX_ITEMS)
    for table in _TABLE.finditer(head):
        size = int.from_bytes(table[1], "big")
        if size < 8:
            raise ValueError("a table without a length")
        check_parts(size, _MAX_TABLE)
    for size in _SIZE.finditer(head):
        check_pixels(*struct.unpack(">II", size[1]), max_pixels)


def _items(head: bytes, data: memoryview) -> Iterator[list[memoryview]]:
    """Returns the pieces of the AV1 data of each item that has some, from the table of item locations."""
    coded = {int.from_bytes(item[1] or item[2], "big") for item in _AV1.finditer(head)}
    inside = memoryview(head)[head.find(b"idat") + 4 :]
    parts = 0
    for table in (table for table in _TABLE.finditer(head) if table[2] == b"iloc"):
        at = table.end()
        version, sizes, bases = head[at], head[at + 4], head[at + 5]
        at += 6

        def number(size: int) -> int:
            nonlocal at
            at += size
            return int.from_bytes(head[at - size : at], "big")

        wide = 4 if version == 2 else 2
        for _ in range(number(wide)):
            item, method = number(wide), number(2) & 15 if version else 0
            number(2)
            base, extents = number(bases >> 4), number(2)
            parts += 1 + extents
            check_parts(parts, _MAX_ITEMS)
            pieces: list[memoryview] = []
            for _ in range(extents):
                number(bases & 15 if version else 0)
                start, length = base + number(sizes >> 4), number(sizes & 15)
                source = inside if method == 1 else data
                pieces.append(source[start : start + length if length else None])
            if item in coded:
                yield pieces


def _first_samples(head: bytes, data: memoryview) -> Iterator[list[memoryview]]:
    """Returns the AV1 data of each track's first frame, the only part of a track that is decoded."""
    max_length = 0
    for sizes in _SAMPLES.finditer(head):
        every, _, first = struct.unpack(">III", sizes[1])
        max_length = max(max_length, every or first)
    for chunk in _CHUNKS.finditer(head):
        start = int.from_bytes(chunk[1] or chunk[2], "big")
        yield [data[start : start + max_length]]


def _drawn(payloads: Iterator[list[memoryview]], max_pixels: int, max_bytes: int) -> int:
    """Returns the pixels of all frames in AV1 data, each as large as it may be."""
    drawn = pixels = size = 0
    for pieces in payloads:
        size += sum(map(len, pieces))
        check_parts(size, max_bytes)
        for kind, unit in _units(memoryview(b"".join(pieces))):
            if kind == _SEQUENCE_HEADER:
                pixels = _largest_frame(unit)
            elif kind in (_FRAME_HEADER, _FRAME):
                drawn += pixels or _MAX_FRAME
                check_parts(drawn, max_pixels)
    return drawn


def _units(payload: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Returns the type and the body of each open bitstream unit (AV1, section 5.3)."""
    at = 0
    for unit in count(1):
        if at >= len(payload):
            break
        check_parts(unit, max_parts(len(payload)))
        head, size, shift, more = payload[at], 0, 0, True
        at += 2 if head & 4 else 1
        while head & 2 and more:
            size |= (payload[at] & 0x7F) << shift
            more, shift, at = payload[at] & 0x80, shift + 7, at + 1
            if shift > 56:
                raise ValueError("a length that is too long")
        if not head & 2:
            size = len(payload) - at
        yield head >> 3 & 15, payload[at : at + size]
        at += size


def _largest_frame(header: memoryview) -> int:
    """Returns the most pixels that a frame can have after this sequence header (AV1, section 5.5.1)."""
    bits, left = int.from_bytes(bytes(header[:100]).ljust(100, b"\0"), "big"), 800

    def read(number: int) -> int:
        nonlocal left
        left -= number
        return bits >> left & (1 << number) - 1

    read(4)
    if read(1):  # one still picture: the fields between are left out
        read(5)
    else:
        if read(1):  # timing fields, of varying length, which a picture does not need
            return _MAX_FRAME
        delays = read(1)
        for _ in range(read(5) + 1):
            read(12)
            read(1 if read(5) > 7 else 0)
            read(4 if delays and read(1) else 0)
    return min(_MAX_FRAME, 1 << read(4) + 1 + read(4) + 1)
