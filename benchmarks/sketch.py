"""What the built-in provider's drawing costs by size, beside the encoding of a plain picture of that size.

`python -m benchmarks.sketch`; each is measured in a process of its own.
"""

from __future__ import annotations

import asyncio
import io
import json
import sys

from PIL import Image

from benchmarks.measuring import measure, print_table
from limner import ImageRequest, Size
from providers.sketch import SketchOptions, generate

SIZES = (256, 512, 1024, 1536)
TIMES = 3


def main() -> None:
    """Measures the two in turn, and prints what one picture of each size takes."""
    rows: list[list[str]] = []
    for side in SIZES:
        encoded, drawn = (
            measure([sys.executable, "-m", "benchmarks.sketch", what, str(side)])
            for what in ("encode", "draw")
        )
        cpu, of_encoding = drawn.cpu / TIMES, drawn.cpu / max(encoded.cpu, 0.01)
        rows.append(
            [
                f"{side} x {side}",
                f"{encoded.cpu / TIMES * 1000:.0f} ms",
                f"{cpu * 1000:.0f} ms",
                f"{of_encoding:.1f}",
                f"{encoded.memory / 1e6:.0f} MB",
                f"{drawn.memory / 1e6:.0f} MB",
                f"{drawn.found['bytes'] / side**2:.1f}",
            ]
        )
    heads = ("size", "encoding", "drawing", "of encoding", "its memory", "the drawing's", "bytes a pixel")
    print_table(heads, rows)


def run(what: str, side: int) -> None:
    """Gets warm with a small picture, waits for a line, and makes the pictures."""
    _make(what, 256)
    print("warm", flush=True)
    sys.stdin.readline()
    size = 0
    for _ in range(TIMES):
        size = _make(what, side)
    print(json.dumps({"bytes": size}), flush=True)
    sys.stdin.readline()


def _make(what: str, side: int) -> int:
    """Returns how many bytes the picture has."""
    if what == "draw":
        request = ImageRequest(
            prompt="A fox in the snow, at dusk",
            model="sketch-1",
            size=Size(side, side),
            seed=7,
            options=SketchOptions(),
        )
        made = asyncio.run(generate(request)).image
        assert isinstance(made, bytes)
        return len(made)
    file = io.BytesIO()
    Image.linear_gradient("L").resize((side, side)).convert("RGB").save(file, "png")
    return file.tell()


if __name__ == "__main__":
    if sys.argv[1:]:
        run(sys.argv[1], int(sys.argv[2]))
    else:
        main()
