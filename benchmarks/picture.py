"""A picture's way from the service to its bytes: Limner's whole road beside the peers' bare calls.

`python -m benchmarks.picture [ROAD …]` makes pictures of three sizes, at 1 and at 32 at once.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.measuring import Measured, measure, print_table
from benchmarks.peers import node_command, python_of_peers
from benchmarks.service import picture, service

SIZES = (300_000, 2_700_000, 12_000_000)
"""Bytes of a picture."""
AT_ONCE = (1, 32)
ROADS = ("limner", "openai SDK", "litellm", "AI SDK")


def main(roads: Sequence[str]) -> None:
    """Measures the roads one after another, and prints what each picture costs."""
    rows: list[list[str]] = []
    with service() as address:
        for size in SIZES:
            for at_once in AT_ONCE:
                pictures = 64 if size < 5_000_000 else 32
                first: Measured | None = None
                for road in roads:
                    measured = measure(_command(road, f"{address}/{size}/0.05/v1", pictures, at_once))
                    first = first or measured
                    rows.append(
                        [
                            f"{size / 1e6:.1f} MB, {at_once} at once",
                            road,
                            f"{measured.cpu / pictures * 1000:.0f} ms",
                            f"{measured.cpu / first.cpu:.2f}",
                            f"{measured.wall / pictures * 1000:.0f} ms",
                            f"{measured.memory / at_once / (len(picture(size)) * 4 / 3):.1f}",
                            f"{measured.found['late'] * 1000:.0f} ms" if "late" in measured.found else "",
                        ]
                    )
    heads = ("reply", "road", "CPU a picture", "of the first", "wall a picture", "memory", "loop held")
    print_table(heads, rows)
    print(
        "Memory: at the most, above the warm process, for each picture in flight, in lengths of its base64."
    )


def _command(road: str, address: str, pictures: int, at_once: int) -> list[str]:
    if road == "AI SDK":
        return [*node_command("ai_sdk.mjs"), address, str(pictures), str(at_once)]
    python = python_of_peers() if road == "litellm" else sys.executable
    return [python, "-m", "benchmarks.roads", road, address, str(pictures), str(at_once)]


if __name__ == "__main__":
    main(sys.argv[1:] or ROADS)
