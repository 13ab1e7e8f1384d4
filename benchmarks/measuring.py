"""Measures a process from outside, whatever it is written in, and prints what was measured as a table.

A measured process prints a line once it is warm, waits for a line, works, prints what it found as JSON and
ends. Linux only: it reads `/proc`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass
class Measured:
    """What a process needed for its work, after it was warm."""

    cpu: float
    """Seconds of all its threads."""
    wall: float
    """Seconds."""
    memory: int
    """Bytes at the most, above what it had when it was warm."""
    found: dict[str, Any]
    """What it printed itself."""


def measure(command: Sequence[str], variables: Mapping[str, str] | None = None) -> Measured:
    """Runs a command; raises RuntimeError if it fails."""
    environment = {**os.environ, **(variables or {})}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdin
        assert process.stdout
        if process.stdout.readline() != "warm\n":
            raise RuntimeError(f"{' '.join(command)} did not get warm")
        pid = process.pid
        forget_peak(pid)
        resident, cpu, begun = resident_bytes(pid), cpu_seconds(pid), time.perf_counter()
        process.stdin.write("go\n")
        process.stdin.flush()
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"{' '.join(command)} failed")
        measured = Measured(
            cpu=cpu_seconds(pid) - cpu,
            wall=time.perf_counter() - begun,
            memory=peak_bytes(pid) - resident,
            found=json.loads(line),
        )
        process.stdin.close()
    return measured


def cpu_seconds(pid: int) -> float:
    """Returns what a process has used so far, in all its threads."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def resident_bytes(pid: int) -> int:
    """Returns how much memory a process has now."""
    return _status(pid, "VmRSS")


def peak_bytes(pid: int) -> int:
    """Returns the most memory that a process has had so far."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Begins to look for the most memory anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> int:
    found = re.search(rf"{name}:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 if found else 0


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a table in Markdown, with its numbers to the right."""
    texts = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[at]) for row in texts) for at in range(len(heads))]
    texts.insert(1, ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])])
    for row in texts:
        first, *rest = (
            text.ljust(width) if not at else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        print(f"| {' | '.join([first, *rest])} |")
    print()
