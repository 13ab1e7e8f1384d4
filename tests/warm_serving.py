"""The app for tests that are not about its start: it begins in a process that has Gradio imported already."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping
from pathlib import Path
from subprocess import TimeoutExpired

from tests.serving import ROOT, Process, Serving

_CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()
_PROCESSES = multiprocessing.get_context("forkserver") if _CAN_FORK else multiprocessing.get_context("spawn")
_PROCESSES.set_forkserver_preload(["gradio"])  # two thirds of a start, and nothing of ours


class WarmServing(Serving):
    """`python app.py` in a copy of that process; only a test of the start itself needs a new one."""

    def _begin(self) -> Process:
        return _Warm(self._environment, self._cwd, self.log)


class _Warm:
    """A process that becomes the app."""

    def __init__(self, environment: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._process = _PROCESSES.Process(target=_become_the_app, args=(environment, cwd, log), daemon=True)
        self._process.start()

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, sig: int, /) -> None:
        assert self._process.pid
        os.kill(self._process.pid, sig)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float, /) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired("app.py", timeout)
        return self._process.exitcode


def _become_the_app(environment: Mapping[str, str], cwd: Path, log: Path) -> None:
    written = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(written, stream.fileno())
        stream.reconfigure(line_buffering=True)  # pyright: ignore
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.argv = [str(ROOT / "app.py")]
    sys.path[:0] = [str(ROOT), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
    runpy.run_path(sys.argv[0], run_name="__main__")
