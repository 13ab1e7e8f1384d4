"""What a picture's file says in words, and whether it came signed; read from its parts, decoding nothing.

A signature is a C2PA manifest (Content Credentials, specification 2.2, appendix A). Nothing of it is
verified: that takes the whole file, and a list of whom to trust.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple
from xml.parsers import expat

from limner.chunks import Part, parts_of
from limner.svg import MARKUP, MAX_SVG_BYTES

MAX_TEXT = 100_000
"""Bytes of a text that is read, after its compression is undone."""
XMP_PNG = "XML:com.adobe.xmp"
XMP_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
XMP_GIF = b"\x0bXMP DataXMP"
XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
GIF_TRAILER = bytes([1, *range(255, -1, -1), 0])
"""What ends an XMP packet in a GIF: whatever byte a reader of blocks jumps from, it comes to the last one."""
_READ = {XMP_PNG, "parameters", "prompt", "invokeai_metadata"}
_SAYS = {b"tEXt", b"zTXt", b"iTXt", b"\xe1", b"XMP ", b"EXIF", b"!\xff", b"uuid"}
"""The kinds of parts that hold words."""
_MAY_HOLD_MANIFEST = {b"caBX", b"\xeb", b"C2PA", b"!\xff", b"uuid"}
_MANIFEST = b"jumdc2pa\0\x11\0\x10\x80\0\0\xaa\0\x38\x9b\x71"
_MANIFEST_WITHIN = 100
"""Bytes of a part within which a manifest's head ends, in every format."""
_SVG_MANIFEST = "http://c2pa.org/manifest manifest"
_USER_COMMENT, _EXIF_DIRECTORY = 0x9286, 0x8769
_ENCODINGS = {b"ASCII\0\0\0": "ascii", b"UNICODE\0": "utf-16"}


class Texts(NamedTuple):
    """The words in a file: an XMP packet, and texts by the names that programs of this field give them."""

    xmp: bytes
    by_name: dict[str, str]


def is_signed(data: bytes) -> bool:
    """Whether a picture carries a C2PA manifest, or names one that is kept elsewhere."""
    if MARKUP.match(data):
        return _is_signed_svg(data)
    with suppress(Exception):  # the file may say anything
        if any(is_manifest(data, part) for part in parts_of(data)):
            return True
    return b"dcterms:provenance" in read_texts(data).xmp


def is_manifest(data: bytes, part: Part) -> bool:
    """Whether a part of a file holds a C2PA manifest."""
    head = data[part.body : min(part.body + _MANIFEST_WITHIN, part.stop)]
    return part.kind in _MAY_HOLD_MANIFEST and _MANIFEST in head


def read_texts(data: bytes) -> Texts:
    """Returns the words in a file, the first under each name; what is damaged or too long is left out."""
    xmp, texts = b"", dict[str, str]()
    with suppress(Exception):
        for name, text in _named(data):
            if name == XMP_PNG:
                xmp = xmp or text
            else:
                texts.setdefault(name, text.decode(errors="replace"))
    return Texts(xmp, texts)


def _named(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yields the texts that are read, in UTF-8, and their names; an XMP packet has that of a PNG's."""
    seen = set[str]()
    for part in parts_of(data):
        if part.kind not in _SAYS:
            continue
        body = data[part.body : part.stop]
        if part.kind in (b"tEXt", b"zTXt", b"iTXt"):
            name = body[:80].partition(b"\0")[0].decode("latin-1")
            if name in _READ and name not in seen:
                seen.add(name)
                with suppress(ValueError, zlib.error, IndexError):
                    yield name, _png_text(part.kind, body[len(name) + 1 :])
        elif part.kind == b"\xe1" and body.startswith(XMP_JPEG):
            yield XMP_PNG, body[len(XMP_JPEG) :]
        elif part.kind == b"XMP " and len(body) <= MAX_TEXT:
            yield XMP_PNG, body
        elif part.kind == b"!\xff" and body.startswith(XMP_GIF) and len(body) <= MAX_TEXT:
            yield XMP_PNG, body[len(XMP_GIF) : -len(GIF_TRAILER)]
        elif part.kind == b"uuid" and body.startswith(XMP_BOX) and len(body) <= MAX_TEXT:
            yield XMP_PNG, body[len(XMP_BOX) :]
        elif part.kind == b"EXIF" or (part.kind == b"\xe1" and body.startswith(b"Exif\0\0")):
            with suppress(ValueError, struct.error):
                yield "parameters", _user_comment(body.removeprefix(b"Exif\0\0"))


def _png_text(kind: bytes, rest: bytes) -> bytes:
    """Returns the text of a PNG's chunk, of which `rest` follows the name."""
    packed = kind == b"zTXt"
    if packed:
        rest = rest[1:]
    elif kind == b"iTXt":
        packed, rest = bool(rest[0]), rest[2:].split(b"\0", 2)[2]
    text = zlib.decompressobj().decompress(rest, MAX_TEXT + 1) if packed else rest
    if len(text) > MAX_TEXT:
        raise ValueError("too long")
    return text if kind == b"iTXt" else text.decode("latin-1").encode()


def _user_comment(exif: bytes) -> bytes:
    """Returns the comment in EXIF data, where a JPEG or a WebP holds what a PNG has as `parameters`."""
    order = {b"II": "<", b"MM": ">"}[exif[:2]] if exif[:2] in (b"II", b"MM") else ">"

    def entry(wanted: int, start: int) -> tuple[int, int]:
        for number in range(struct.unpack_from(f"{order}H", exif, start)[0]):
            tag, _, size, value = struct.unpack_from(f"{order}HHII", exif, start + 2 + 12 * number)
            if tag == wanted:
                return size, value
        raise ValueError("no such entry")

    _, directory = entry(_EXIF_DIRECTORY, struct.unpack_from(f"{order}I", exif, 4)[0])
    size, start = entry(_USER_COMMENT, directory)
    encoding = _ENCODINGS.get(exif[start : start + 8])
    if encoding is None or not 8 < size <= MAX_TEXT:
        raise ValueError("no text, or too long")
    if encoding == "utf-16":
        text = exif[start + 8 : start + size]
        # the order of the bytes is often not that of the rest: every letter of a Latin text has a zero
        encoding = "utf-16-be" if text[::2].count(0) > text[1::2].count(0) else "utf-16-le"
    return exif[start + 8 : start + size].decode(encoding).rstrip("\0").encode()


def _is_signed_svg(data: bytes) -> bool:
    found = list[str]()
    parser = expat.ParserCreate(namespace_separator=" ")

    def start(name: str, _: dict[str, str]) -> None:
        if name == _SVG_MANIFEST:
            found.append(name)

    def stop(*_: object) -> None:
        raise ValueError("entities are not expanded")

    parser.StartElementHandler, parser.EntityDeclHandler = start, stop
    with suppress(expat.ExpatError, ValueError, LookupError):
        parser.Parse(data[:MAX_SVG_BYTES], True)
    return bool(found)
