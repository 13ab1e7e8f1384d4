"""Many visitors at once, with a provider that takes five seconds: what Limner adds, and what it needs.

`python -m benchmarks.visitors [VISITORS [BYTES]]`: three crowds one after another at one server, the first
all at the same moment, the others within twice the seconds that the provider takes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import quantiles

from benchmarks.measuring import cpu_seconds, forget_peak, peak_bytes, print_table, resident_bytes
from benchmarks.service import service
from benchmarks.start import free_port, started

TAKES = 5.0
"""Seconds of the provider."""
ROUNDS = {"all at the same moment": 0.0, "within 10 s": 10.0, "the same again": 10.0}
HEADS = (
    "visitors",
    "finished",
    "p50 added",
    "p95 added",
    "CPU a visitor",
    "before",
    "peak",
    "after",
    "threads",
)


def main(visitors: int, size: int) -> None:
    """Serves the app, sends the crowds one after another, and prints what they met."""
    rows: list[list[str]] = []
    with service() as address:
        variables = {
            "LIMNER_PROVIDERS__OPENAI__BASE_URL": f"{address}/{size}/{TAKES}/v1",
            "OPENAI_API_KEY": "sk-benchmark",
            "LIMNER_BEHIND_PROXY": "true",
            "LIMNER_RATE_LIMIT": "none",
            "LIMNER_BUDGET": "1000000/day",
            "LIMNER_MAX_IN_FLIGHT_TOTAL": str(visitors),
        }
        with started(["app.py"], variables, port := free_port()) as app:
            _crowd(app.pid, port, 1, 0)  # imports the SDK, and connects
            for name, within in ROUNDS.items():
                rows.append([f"{visitors} {name}", *_crowd(app.pid, port, visitors, within)])
    print_table(HEADS, rows)


def _crowd(pid: int, port: int, visitors: int, within: float) -> list[str]:
    command = [sys.executable, "-m", "benchmarks.crowd", str(port), str(visitors), str(within)]
    before, cpu, threads = resident_bytes(pid), cpu_seconds(pid), 0
    forget_peak(pid)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:
        while crowd.poll() is None:
            threads = max(threads, len(list(Path(f"/proc/{pid}/task").iterdir())))
            time.sleep(0.05)
        assert crowd.stdout
        waited = json.loads(crowd.stdout.readlines()[-1])
    used = cpu_seconds(pid) - cpu
    time.sleep(2)
    added = quantiles([seconds - TAKES for seconds in waited], n=20) if len(waited) > 1 else [0.0] * 19
    return [
        f"{len(waited) / visitors * 100:.0f} %",
        f"{added[9]:.2f} s",
        f"{added[18]:.2f} s",
        f"{used / visitors * 1000:.0f} ms",
        *(f"{value / 1e6:.0f} MB" for value in (before, peak_bytes(pid), resident_bytes(pid))),
        str(threads),
    ]


if __name__ == "__main__":
    given = [int(one) for one in sys.argv[1:]]
    main(*given, *(500, 300_000)[len(given) :])
