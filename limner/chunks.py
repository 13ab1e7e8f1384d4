"""The parts of which a picture's file consists, in their order, found without decoding anything.

The formats: PNG 3rd edition, ITU T.81 (JPEG), RFC 9649 (WebP), GIF89a, and ISO 14496-12 (AVIF and HEIC).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from limner.bounds import check_parts, max_parts

JPEG_MARKER = re.compile(rb"\xff([\xc0-\xcf\xd8-\xfe])")
"""What begins a segment with a length, and the start and end of a picture; restart marks belong to a scan."""


class Part(NamedTuple):
    """One part of a file: what it holds is `data[body:stop]`, with all around it `data[start:end]`."""

    kind: bytes
    """A type of four letters; a JPEG's marker; for a GIF's extension ``!`` and its label."""
    start: int
    body: int
    stop: int
    end: int


def parts_of(data: bytes) -> Iterator[Part]:
    """Yields the parts of a PNG, JPEG, WebP, GIF, AVIF or HEIC; of a JPEG those before its first scan.

    Raises ProviderError for far too many, and IndexError, ValueError or struct.error for a file that is cut
    off or damaged.
    """
    walk = next((walk for magic, walk in _WALKS if magic.match(data)), None)
    if walk is None:
        raise ValueError("no format that has parts")
    for number, part in enumerate(walk(data), 1):
        check_parts(number, max_parts(len(data)))
        yield part


def _png(data: bytes) -> Iterator[Part]:
    at, kind = 8, b""
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + length + 12
        yield Part(kind, at, at + 8, end - 4, end)
        at = end


def _jpeg(data: bytes) -> Iterator[Part]:
    at = 2
    while (found := JPEG_MARKER.search(data, at)) and found[1] not in (b"\xd8", b"\xd9", b"\xda"):
        body = found.end() + 2
        at = found.end() + struct.unpack_from(">H", data, found.end())[0]
        yield Part(found[1], found.start(), body, at, at)


def _webp(data: bytes) -> Iterator[Part]:
    at = 12
    end = min(len(data), struct.unpack_from("<I", data, 4)[0] + 8)
    while at + 8 <= end:
        kind, length = struct.unpack_from("<4sI", data, at)
        start, at = at, at + 8 + length + (length & 1)
        yield Part(kind, start, start + 8, start + 8 + length, at)


def _gif(data: bytes) -> Iterator[Part]:
    def after_palette(at: int, flags: int) -> int:
        return at + (6 << (flags & 7) if flags & 0x80 else 0)

    at = after_palette(13, data[10])
    while (block := data[at : at + 1]) in (b"!", b","):
        start = at
        body = at + 2 if block == b"!" else after_palette(at + 10, data[at + 9]) + 1
        at, blocks = body, 0
        while data[at]:
            at, blocks = at + data[at] + 1, blocks + 1
            check_parts(blocks, max_parts(len(data)))
        at += 1
        yield Part(data[start : start + 2] if block == b"!" else block, start, body, at, at)


def _boxes(data: bytes) -> Iterator[Part]:
    at = 0
    while at + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        body = at + 8
        if length == 1:
            length, body = struct.unpack_from(">Q", data, at + 8)[0], at + 16
        start, at = at, at + length if length >= 8 else len(data)
        yield Part(kind, start, body, min(at, len(data)), min(at, len(data)))


_WALKS: tuple[tuple[re.Pattern[bytes], Callable[[bytes], Iterator[Part]]], ...] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), _png),
    (re.compile(rb"\xff\xd8\xff"), _jpeg),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), _webp),
    (re.compile(rb"GIF8[79]a"), _gif),
    (re.compile(rb".{4}ftyp", re.DOTALL), _boxes),
)
