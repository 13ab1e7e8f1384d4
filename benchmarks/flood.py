"""A flood of requests at a served Limner: its answers, how long a visitor meanwhile waits, and its memory.

`python -m benchmarks.flood [REQUESTS]`: half a megabyte each, all at the same moment, behind a proxy that
names one address, or another for each; then as many streams that nobody needs, and requests that never end.
"""

from __future__ import annotations

import asyncio
import sys
import time

from benchmarks.measuring import cpu_seconds, forget_peak, peak_bytes, print_table, resident_bytes
from benchmarks.start import free_port, started
from tests.ui.http.flood import (
    Flood,
    half_a_head,
    half_a_message,
    image,
    many_addresses,
    message,
    one_address,
    stream,
)

KINDS = {
    "messages": message,
    "idle streams": stream,
    "bodies without end": half_a_message,
    "heads without end": half_a_head,
    "pictures to edit": image,
}
HEADS = (
    "requests",
    "answers",
    "all answered after",
    "CPU",
    "visitor, median",
    "visitor, longest",
    "before",
    "peak",
)


def main(count: int) -> None:
    """Serves the app and prints what each flood met."""
    rows: list[list[str]] = []
    variables = {"LIMNER_BEHIND_PROXY": "true"}
    for kind, request in KINDS.items():
        for address in (one_address, many_addresses):
            with started(["app.py"], variables, port := free_port()) as app:
                time.sleep(2)
                before, cpu = resident_bytes(app.pid), cpu_seconds(app.pid)
                forget_peak(app.pid)
                flood = Flood(port)
                served = sorted(
                    asyncio.run(flood.come(request, address, count, bound=60, stay=kind == "idle streams"))
                )
                met = ", ".join(f"{number} x {status}" for status, number in flood.met.most_common())
                rows.append(
                    [
                        f"{count} {kind}, {address.__name__.replace('_', ' ')}",
                        met,
                        f"{flood.answered:.1f} s",
                        f"{cpu_seconds(app.pid) - cpu:.1f} s",
                        f"{served[len(served) // 2]:.2f} s",
                        f"{served[-1]:.2f} s",
                        *(f"{value / 1e6:.0f} MB" for value in (before, peak_bytes(app.pid))),
                    ]
                )
                print(rows[-1], file=sys.stderr)
    print_table(HEADS, rows)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2_000)
