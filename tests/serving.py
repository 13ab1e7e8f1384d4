"""The app as a process of its own, as a person starts it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parent.parent


class Process(Protocol):
    """What is needed of `subprocess.Popen`."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def send_signal(self, sig: int, /) -> None: ...
    def kill(self) -> None: ...
    def wait(self, timeout: float, /) -> int: ...


class Serving:
    """`python app.py` on a free port of the loopback, its log and data in a folder of the test's.

    `command` starts it in another way, from the folder `cwd`.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        command: Sequence[str] = (sys.executable, str(ROOT / "app.py")),
        cwd: Path | None = None,
    ) -> None:
        self._command, self._cwd = [*command], cwd or folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder / f"app-{self.port}.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("GRADIO_")},
            "GRADIO_SERVER_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
            **variables,
        }
        self._process = self._start()

    def _begin(self) -> Process:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self._command,
                cwd=self._cwd,
                env=self._environment,
                stdout=log,
                stderr=log,
            )

    def _start(self) -> Process:
        process = self._begin()
        wait_for_answer(process, self.url, self.log)
        return process

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, how: signal.Signals) -> None:
        """Sends the app a signal, if it still runs."""
        if self._process.poll() is None:
            self._process.send_signal(how)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Asks the app to end, waits until it has, and gives its exit code."""
        self.send(how)
        return self._process.wait(60)

    def wait(self) -> int:
        """Waits until the app has ended by itself, and gives its exit code."""
        return self._process.wait(60)

    def restart(self, how: signal.Signals = signal.SIGTERM) -> None:
        """Stops the app and starts it again on the same port, with the same data."""
        self.stop(how)
        self._process = self._start()


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def wait_for_answer(process: Process, url: str, log: Path) -> None:
    """Waits until a server that was started answers with a page; ends it and raises if it does not."""
    deadline = time.monotonic() + 120  # on a machine that does much beside
    while not _answers(url):
        code = process.poll()
        if code is not None or time.monotonic() > deadline:
            process.kill()
            raise RuntimeError(f"It did not start, and ended with {code}:\n{log.read_text()}")
        time.sleep(0.05)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2):
            return True
    except OSError:
        return False
