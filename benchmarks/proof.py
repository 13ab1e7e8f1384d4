"""The proof that bytes are one whole picture, beside the least that the same certainty costs.

`python -m benchmarks.proof` compares them by format. The least for a PNG is to inflate its pixels, which its
checksums then prove; for a JPEG it is to read all of its codes, of which libjpeg makes the smallest picture;
the other formats have no checksums, and must be decoded.
"""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy
from PIL import Image
from zlib_ng import zlib_ng

from benchmarks.measuring import print_table
from limner.picture import ImageInfo, identify, identify_by_checksums

SIDE, ROUNDS = 1024, 15
FORMATS: dict[str, tuple[str, dict[str, Any]]] = {
    "PNG": ("PNG", {}),
    "JPEG": ("JPEG", {"quality": 92}),
    "JPEG, progressive": ("JPEG", {"quality": 92, "progressive": True}),
    "WebP": ("WEBP", {"quality": 85}),
    "WebP, lossless": ("WEBP", {"lossless": True}),
    "GIF": ("GIF", {}),
    "AVIF": ("AVIF", {}),
}


def main() -> None:
    """Prints the milliseconds of CPU for a picture of a megapixel in each format."""
    rows: list[list[str]] = []
    for name, (format, options) in FORMATS.items():
        written = io.BytesIO()
        _picture().save(written, format, **options)
        data = written.getvalue()
        calls = (_least(format, data), partial(_prove, data), partial(_decode, data))
        least, ours, decoded = _milliseconds(*calls)
        rows.append(
            [
                f"{name}, {len(data) / 1e6:.1f} MB",
                f"{least:.1f} ms",
                f"{ours:.1f} ms",
                f"{ours / least:.2f}",
                f"{decoded:.1f} ms",
                f"{ours / decoded:.2f}",
            ]
        )
    print_table(("picture", "the least", "proof", "of the least", "full decode", "of the decode"), rows)


def _picture() -> Image.Image:
    """Returns a picture with about the detail of a photograph."""
    noise = numpy.random.default_rng(7).normal(0, 12, (SIDE, SIDE, 3))
    across = numpy.linspace(0, 255, SIDE)
    gradient = (across[None, :, None] + across[:, None, None]) / 2
    return Image.fromarray(numpy.clip(gradient + noise, 0, 255).astype(numpy.uint8))


def _least(format: str, data: bytes) -> Callable[[], object]:
    if format == "PNG":
        packed = _pixels_of(data)
        return partial(zlib_ng.decompress, packed)
    return partial(_decode, data, smallest=True)


def _prove(data: bytes) -> ImageInfo:
    return identify_by_checksums(data) or identify(data)


def _decode(data: bytes, *, smallest: bool = False) -> None:
    with Image.open(io.BytesIO(data)) as image:
        if smallest:
            image.draft(image.mode, (1, 1))
        image.load()


def _pixels_of(png: bytes) -> bytes:
    parts: list[bytes] = []
    at = 8
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] == b"IDAT":
            parts.append(png[at + 8 : at + 8 + length])
        at += 12 + length
    return b"".join(parts)


def _milliseconds(*calls: Callable[[], object]) -> list[float]:
    """Returns the median of each call's CPU time, measured in turns."""
    taken: list[list[float]] = [[] for _ in calls]
    for _ in range(ROUNDS):
        for call, times in zip(calls, taken, strict=True):
            begun = time.process_time()
            call()
            times.append((time.process_time() - begun) * 1000)
    return [statistics.median(times) for times in taken]


if __name__ == "__main__":
    main()
