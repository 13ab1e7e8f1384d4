"""Writes into a copy of a picture's file how it was made, between its parts: no pixel is coded again."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

from core.chat.message import Version
from core.metadata.parameters import write_parameters
from core.metadata.texts import GIF_TRAILER, XMP_BOX, XMP_GIF, XMP_JPEG, XMP_PNG, is_signed, read_texts
from core.metadata.xmp import packet_of
from limner.chunks import Part, parts_of

_WEBP_XMP, _WEBP_ALPHA = 0x04, 0x10
_XMP_ITEM = b"application/rdf+xml"


def write_details(data: bytes, version: Version) -> bytes:
    """Returns a copy of a version's picture that says how it was made; the same object if it cannot.

    A signed picture stays as it is, since any change would break its signature; so do an SVG, and a file with
    no room for the words.
    """
    write = _WRITERS.get(version.picture.media_type) if version.picture else None
    if write is None or is_signed(data):
        return data
    with suppress(Exception):  # an odd file, which decoders read nevertheless, is better unchanged than lost
        return write(data, packet_of(version, read_texts(data).xmp), version)
    return data


def _png(data: bytes, packet: bytes, version: Version) -> bytes:
    parts = list(parts_of(data))
    # where the header ends
    pieces = [data[: parts[0].end], _chunk(b"iTXt", XMP_PNG.encode() + bytes(5) + packet)]
    if "parameters" not in read_texts(data).by_name:
        text = write_parameters(version)
        try:
            pieces.append(_chunk(b"tEXt", b"parameters\0" + text.encode("latin-1")))
        except UnicodeEncodeError:
            pieces.append(_chunk(b"iTXt", b"parameters" + bytes(5) + text.encode()))
    name = XMP_PNG.encode() + b"\0"
    old = [part for part in parts if part.kind == b"iTXt" and data.startswith(name, part.body)]
    return b"".join([*pieces, *_without(old, data, parts[0].end)])


def _without(parts: Iterable[Part], data: bytes, start: int) -> Iterator[bytes]:
    """Yields a file from a place on, without some of its parts."""
    for part in parts:
        yield data[start : part.start]
        start = part.end
    yield data[start:]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _jpeg(data: bytes, packet: bytes, _: Version) -> bytes:
    parts = list(parts_of(data))
    first = 2
    for part in parts:  # those of JFIF and of EXIF come first
        if part.kind != b"\xe0" and not data.startswith(b"Exif\0\0", part.body):
            break
        first = part.end
    body = XMP_JPEG + packet
    pieces = [data[:first], b"\xff\xe1", struct.pack(">H", len(body) + 2), body]
    old = [part for part in parts if part.kind == b"\xe1" and data.startswith(XMP_JPEG, part.body)]
    return b"".join([*pieces, *_without(old, data, first)])


def _webp(data: bytes, packet: bytes, _: Version) -> bytes:
    parts = [part for part in parts_of(data) if part.kind != b"XMP "]
    first = parts[0]
    is_extended = first.kind == b"VP8X"
    head = bytearray(data[first.body : first.stop] if is_extended else _webp_head(data, first.kind))
    head[0] |= _WEBP_XMP
    kept = (data[part.start : part.end] for part in parts[is_extended:])
    chunks = b"".join([_riff(b"VP8X", bytes(head)), *kept, _riff(b"XMP ", packet)])
    return b"RIFF" + struct.pack("<I", len(chunks) + 4) + b"WEBP" + chunks


def _riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) & 1)


def _webp_head(data: bytes, kind: bytes) -> bytes:
    """Returns the head of the extended form for a file in the simple form."""
    flags = 0
    if kind == b"VP8L":
        bits = struct.unpack_from("<I", data, 21)[0]
        width, height = bits & 0x3FFF, bits >> 14 & 0x3FFF
        flags = _WEBP_ALPHA if bits >> 28 & 1 else 0
    else:
        width, height = (side - 1 & 0x3FFF for side in struct.unpack_from("<HH", data, 26))
    return bytes([flags, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")


def _gif(data: bytes, packet: bytes, _: Version) -> bytes:
    parts = list(parts_of(data))
    pieces = [b"GIF89a", data[6 : parts[0].start], b"!\xff", XMP_GIF, packet, GIF_TRAILER]
    old = [part for part in parts if data.startswith(XMP_GIF, part.body)]
    return b"".join([*pieces, *_without(old, data, parts[0].start)])


def _avif(data: bytes, packet: bytes, _: Version) -> bytes:
    """Adds a box at the end, as in other files of this kind, so that no offset in the file changes."""
    parts = list(parts_of(data))
    said = any(
        data.startswith(XMP_BOX, part.body)
        or (part.kind == b"meta" and _XMP_ITEM in data[part.body : part.stop])
        for part in parts
    )
    last = struct.unpack_from(">I", data, parts[-1].start)[0]
    if said or not last or parts[-1].end != len(data):  # the last box may go on to the end, whatever comes
        return data
    return b"".join([data, struct.pack(">I", len(packet) + 24), b"uuid", XMP_BOX, packet])


_WRITERS: dict[str, Callable[[bytes, bytes, Version], bytes]] = {
    "image/png": _png,
    "image/jpeg": _jpeg,
    "image/webp": _webp,
    "image/gif": _gif,
    "image/avif": _avif,
}
