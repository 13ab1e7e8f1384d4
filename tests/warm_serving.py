"""The app and its command for tests that are not about their start: a process has imported all already."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

from core.plugins.loader import BUILT_IN
from tests.serving import ROOT, Process, Serving

_CAN_FORK = "forkserver" in multiprocessing.get_all_start_methods()
_PROCESSES = multiprocessing.get_context("forkserver") if _CAN_FORK else multiprocessing.get_context("spawn")
_PROCESSES.set_forkserver_preload(  # imported, nothing called
    ["gradio", "ui.cli.commands", "ui.http.server", "ui.page.page", *BUILT_IN.values()]
)


class WarmServing(Serving):
    """`python app.py` in a copy of that process; only a test of the start itself needs a new one."""

    def _begin(self) -> Process:
        return _Warm(self._environment, self._cwd, self.log)


class _Warm:
    """A process that becomes the app."""

    def __init__(self, environment: Mapping[str, str], cwd: Path, log: Path) -> None:
        self._process = _PROCESSES.Process(target=_become_the_app, args=(environment, cwd, log), daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, sig: int, /) -> None:
        os.kill(self.pid, sig)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float, /) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise TimeoutExpired("app.py", timeout)
        return self._process.exitcode


def warm_limner(
    arguments: Sequence[str], variables: Mapping[str, str], cwd: Path, given: bytes = b""
) -> CompletedProcess[str]:
    """`python -m limner` in a copy of that process, with something on its standard input."""
    out, err = cwd.with_name(f"{cwd.name}.out"), cwd.with_name(f"{cwd.name}.err")
    sent = cwd.with_name(f"{cwd.name}.in")
    sent.write_bytes(given)
    command = ["limner", *arguments]
    process = _PROCESSES.Process(
        target=_become_limner, args=(command, {**os.environ, **variables}, cwd, sent, out, err)
    )
    process.start()
    process.join(60)
    if process.exitcode is None:
        process.kill()
        raise TimeoutExpired(command, 60)
    return CompletedProcess(command, process.exitcode, out.read_text(), err.read_text())


def _become_the_app(environment: Mapping[str, str], cwd: Path, log: Path) -> None:
    with log.open("a") as written:
        _become(environment, cwd, written.fileno(), written.fileno())
    sys.argv = [str(ROOT / "app.py")]
    runpy.run_path(sys.argv[0], run_name="__main__")


def _become_limner(
    command: list[str], environment: Mapping[str, str], cwd: Path, sent: Path, out: Path, err: Path
) -> None:
    with sent.open("rb") as given, out.open("w") as written, err.open("w") as said:
        os.dup2(given.fileno(), 0)
        _become(environment, cwd, written.fileno(), said.fileno())
    sys.argv = command
    runpy.run_module("limner", run_name="__main__", alter_sys=True)


def _become(environment: Mapping[str, str], cwd: Path, out: int, err: int) -> None:
    """Gives this process what a new one has from the start."""
    os.dup2(out, sys.stdout.fileno())
    os.dup2(err, sys.stderr.fileno())
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # pyright: ignore
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    sys.path[:0] = [str(ROOT), *filter(None, environment.get("PYTHONPATH", "").split(os.pathsep))]
