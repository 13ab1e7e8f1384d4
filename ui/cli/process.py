"""A Limner in a process of its own, which plugins may end: what it is given, and what it answers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from queue import Queue
from types import TracebackType
from typing import IO, Any

START_TIMEOUT = 60.0
"""Seconds that Limner itself may take to start in another process."""
STARTED = "started"
"""What it answers first."""


class Process:
    """Runs one command of Limner in another process until it is left; its answers are lines of JSON."""

    def __init__(
        self, *command: str, given: object, environment: Mapping[str, str], is_quiet: bool = False
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "limner", *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL if is_quiet else None,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._lines: Queue[str | None] = Queue()
        self._reading = threading.Thread(target=_read, args=(self._process.stdout, self._lines), daemon=True)
        self._reading.start()
        with suppress(BrokenPipeError), self._process.stdin:
            json.dump(given, self._process.stdin)

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        self._reading.join(1)

    def answer(self, seconds: float) -> Any:
        """Returns the next answer, None if the process has ended; raises Empty if neither comes in time."""
        line = self._lines.get(timeout=seconds)
        return None if line is None else json.loads(line)

    def exit_code(self) -> int:
        """Waits until it has ended, and returns its exit code."""
        return self._process.wait()

    def pass_on(self, signal: int) -> None:
        """Sends it a signal, where the system has such; Windows gives it Ctrl-C by itself."""
        with suppress(ValueError, ProcessLookupError):
            self._process.send_signal(signal)


def _read(stream: IO[str], lines: Queue[str | None]) -> None:
    with stream:
        for line in stream:
            lines.put(line)
    lines.put(None)


def environment() -> dict[str, str]:
    """Returns an environment in which the process finds this same Limner, wherever it runs from."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


@contextmanager
def answering() -> Generator[Callable[[object], None], None, None]:
    """Answers `STARTED` from the other process, and provides the function that sends further answers.

    What plugins print goes to standard error, so that it cannot mix with the answers.
    """
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)

        def answer(value: object) -> None:
            print(json.dumps(value), file=output, flush=True)

        answer(STARTED)
        yield answer
