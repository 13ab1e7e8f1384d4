"""A colour profile (ICC.1) without what has no effect on the colours of a picture.

A screenshot carries the profile of the screen, in which the system writes the screen's serial number, and
calibration tools write the day, the place and the device.
"""

from __future__ import annotations

import struct

MOST_BYTES = 4_000_000
"""Ordinary profiles have up to 4 kB, those of printers up to 2 MB."""
_MOST_TEXT = 4_096
_MOST_TAGS = 100
_HEADER = 128
_COLOURS = {
    *(b"rXYZ", b"gXYZ", b"bXYZ", b"rTRC", b"gTRC", b"bTRC", b"kTRC", b"wtpt", b"bkpt", b"chad", b"chrm"),
    *(b"A2B0", b"A2B1", b"A2B2", b"A2B3", b"B2A0", b"B2A1", b"B2A2", b"B2A3", b"gamt", b"lumi"),
    *(b"cicp", b"meas", b"tech", b"view"),
    *(b"D2B0", b"D2B1", b"D2B2", b"D2B3", b"B2D0", b"B2D1", b"B2D2", b"B2D3"),
}
_TEXTS = {b"desc", b"cprt"}
"""The name of the profile and its copyright, which every profile must have."""


def plain_profile(profile: bytes) -> bytes | None:
    """Returns a profile that has nothing but colours: the same object if it is so already.

    None if it is no profile.
    """
    if not _HEADER + 4 <= len(profile) <= MOST_BYTES or profile[36:40] != b"acsp":
        return None
    (number,) = struct.unpack_from(">I", profile, _HEADER)
    first = _HEADER + 4 + 12 * number
    if not 0 < number <= _MOST_TAGS or len(profile) < first:
        return None
    tags: list[tuple[bytes, int, int]] = [
        struct.unpack_from(">4sII", profile, _HEADER + 4 + 12 * n) for n in range(number)
    ]
    if any(start < first or start + length > len(profile) for _, start, length in tags):
        return None
    kept = [tag for tag in tags if tag[0] in _COLOURS or (tag[0] in _TEXTS and tag[2] <= _MOST_TEXT)]
    is_plain = len(kept) == number and int.from_bytes(profile[:4], "big") == len(profile)
    return profile if is_plain and not _gap(profile, first, tags) else _built(profile, kept)


def _gap(profile: bytes, first: int, tags: list[tuple[bytes, int, int]]) -> bool:
    """Whether there are bytes between the tags, or after them, that are no padding."""
    at = first
    for start, end in sorted({(start, start + length) for _, start, length in tags} | {(len(profile),) * 2}):
        if start - at > 3 or any(profile[at:start]):
            return True
        at = max(at, end)
    return False


def _built(profile: bytes, tags: list[tuple[bytes, int, int]]) -> bytes:
    """Returns a profile of these tags alone; those that share their data go on sharing it."""
    table, body = struct.pack(">I", len(tags)), b""
    placed: dict[tuple[int, int], int] = {}
    for name, start, length in tags:
        if (start, length) not in placed:
            placed[start, length] = _HEADER + 4 + 12 * len(tags) + len(body)
            body += profile[start : start + length] + bytes(-length % 4)
        table += struct.pack(">4sII", name, placed[start, length], length)
    head = bytearray(profile[:_HEADER])
    head[84:] = bytes(_HEADER - 84)  # the checksum of what it was, and what has no meaning
    head[:4] = struct.pack(">I", _HEADER + len(table) + len(body))
    return bytes(head) + table + body
