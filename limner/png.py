"""Walks over a PNG's chunks, and proves its pixels by the checksums that the format has (PNG 3rd edition)."""

from __future__ import annotations

import struct
import zlib
from array import array
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import count
from typing import Any

from limner.bounds import Parts, bad_image, check_parts, check_pixels, max_parts

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 4: (8, 16), 6: (8, 16)}
"""Bits of a value that a colour type may have; a palette (3) is left to the decoder, which looks into it."""
_CRITICAL = (b"IHDR", b"PLTE", b"IDAT")
_END = struct.pack(">I4sI", 0, b"IEND", zlib.crc32(b"IEND"))
_FILTERS = 4
"""The highest number of a filter, which stands before each row."""
_INPUT, _OUTPUT = 262_144, 1 << 20
"""Bytes that are inflated at once, and the most that they give in one step: a bomb takes no more memory."""


@cache
def _library() -> Any:
    """Returns what inflates: zlib-ng takes a third less time than zlib, and a tenth for a checksum."""
    try:
        from zlib_ng import zlib_ng
    except ImportError:
        return zlib
    return zlib_ng


def walk_png(data: bytes, max_pixels: int) -> Parts:
    """Walks a PNG; raises as `limner.parts.walk` does."""
    view, at, before, crc32 = memoryview(data), 8, b"", _library().crc32
    width, height, depth, colours = struct.unpack_from(">IIBB", data, 16)
    check_pixels(width, height, max_pixels)
    kept, exif = [data[:33]], b""
    pixels = array("Q")  # the start and the end of each IDAT chunk's data
    frames, size, animated, see_through = 0, 0, False, False
    for part in count(1):
        check_parts(part, max_parts(len(data)))
        length, kind = struct.unpack_from(">I4s", view, at)
        end = at + 8 + length
        checksum = struct.unpack_from(">I", view, end)[0]
        # browsers read a text or a profile whatever its checksum; that of a later frame is its only proof
        if kind in (*_CRITICAL, b"fdAT") and checksum != crc32(view[at + 4 : end]):
            raise ValueError("a chunk's checksum is wrong")
        if (kind == b"IHDR") != (part == 1) or (part == 1 and length != 13):
            raise ValueError("the header is not first, or not alone")
        if kind == b"IDAT":
            if pixels and before != kind:
                raise ValueError("the pixels are in two places")
            frames = frames or 1  # what comes before the first fcTL is a frame of its own
            pixels.extend((at + 8, end))
            size += length
        elif kind == b"fcTL":
            frames += 1
        elif kind == b"acTL":
            animated = animated or not pixels
        elif kind == b"tRNS":
            see_through = True
        elif kind == b"PLTE" and not pixels:
            if len(kept) > 1 or not length:
                raise ValueError("a second palette, or an empty one")
            kept.append(data[at : end + 4])
        elif kind == b"eXIf":
            exif = data[at + 8 : end]
        elif kind == b"IEND":
            break
        elif kind[:1].isupper() and not pixels and kind != b"IHDR":
            raise ValueError("a chunk that is needed, and unknown")
        before, at = kind, end + 4
    if colours == 3 and len(kept) == 1:
        raise ValueError("the palette is missing")
    bits = depth * _CHANNELS[colours]
    row = width * bits // 8 + 2
    # deflate adds less than a thousandth to data that it cannot compress
    if size > 2 * row * height + 100_000:
        raise bad_image("The picture has far more data than its pixels need.")
    kept.append(struct.pack(">I4s", size, b"IDAT"))
    tail = bytes(4) + _END

    def chunks() -> Iterator[memoryview]:
        for i in range(0, len(pixels), 2):
            yield view[pixels[i] : pixels[i + 1]]

    def coded() -> bytes:
        return b"".join([*kept, *chunks(), tail])

    def is_proven() -> bool:
        is_plain = depth in _DEPTHS.get(colours, ()) and data[26:29] == bytes(3)  # not interlaced
        return is_plain and _are_rows(chunks(), (width * bits + 7) // 8 + 1, height)

    each = 4 if colours in (2, 4, 6) else max(1, depth // 8)
    memory = each * width * height + 2 * row + 100 * len(pixels)
    animated = animated and frames > 1
    return Parts(memory, coded, exif, animated=animated, see_through=see_through, is_proven=is_proven)


def _are_rows(chunks: Iterable[memoryview], row: int, height: int) -> bool:
    """Whether the chunks inflate to exactly these rows, each with a filter that exists.

    The checksum at the end of what was compressed (Adler-32) must agree, too. Whatever the bytes of such
    rows are, they are pixels: a decoder does nothing more that could fail.
    """
    inflater, size = _library().decompressobj(), 0
    try:
        for chunk in chunks:
            for at in range(0, len(chunk), _INPUT):
                if inflater.eof:  # it would copy all that follows again with each piece
                    return False
                left: bytes | memoryview = chunk[at : at + _INPUT]
                while left:
                    part: bytes = inflater.decompress(left, _OUTPUT)
                    if max(part[-size % row :: row], default=0) > _FILTERS:
                        return False
                    size, left = size + len(part), inflater.unconsumed_tail
                    if size > row * height:
                        return False
    except _library().error:
        return False
    return inflater.eof and not inflater.unused_data and size == row * height
