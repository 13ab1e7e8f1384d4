"""What all plugins share is as it was after each has been loaded, and the doctor says who has changed it."""

from __future__ import annotations

import io
import json
import logging
import os
import platform
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.plugins import loader
from core.plugins.loader import Plugins, find_plugins
from core.plugins.process_state import ProcessState
from core.settings.schema import Settings
from tests.plugins.installing import install, site_of
from tests.serving import ROOT

CHANGES = (
    "careless changes what all plugins share when it is loaded: the working folder, sys.stdout, the "
    "recursion limit, the policy of event loops, what SIGINT does, builtins.open, json.dumps, the "
    "environment (CARELESS) and the threads, by one that is no daemon (careless). Tell its author."
)
site = site_of("limner-async-echo", autouse=False)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    site = folder / "site"
    if not site.exists():
        site.mkdir()
        install(site, "limner-careless")
    environment = {
        **os.environ,
        "PYTHONPATH": f"{site}{os.pathsep}{ROOT}",
        "LIMNER_DATA_DIR": str(folder / "data"),
        "LIMNER_ALLOW_PLUGINS": "careless",
        "LIMNER_PROVIDER": "careless",
    }
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-m", "limner", *arguments]
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_careless_plugin_harms_nobody_and_the_process_ends(tmp_path: Path) -> None:
    made = run(tmp_path, "generate", "a boat", "-o", "boat.png", "--json")
    assert made.returncode == 0, made.stderr
    assert json.loads(made.stdout)["file"] == "boat.png"
    assert (tmp_path / "boat.png").read_bytes().startswith(b"\x89PNG")


def test_the_doctor_says_what_it_changes(tmp_path: Path) -> None:
    examined = run(tmp_path, "doctor", "--json")
    assert examined.returncode == 0, examined.stderr
    assert json.loads(examined.stdout)["changes"] == [CHANGES]
    assert CHANGES in run(tmp_path, "doctor").stdout


@pytest.mark.usefixtures("site")
def test_the_start_says_which_plugin_it_waits_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    monkeypatch.setattr(loader, "SLOW_SECONDS", 0.0)
    said = threading.Event()

    class Watching(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "Waiting for the plugin async-echo to load":
                said.set()

    watching = Watching()
    loader.log.addHandler(watching)
    check = loader.check_info
    monkeypatch.setattr(loader, "check_info", lambda describe: (said.wait(10), check(describe))[1])
    try:
        Plugins(find_plugins(), Settings(allow_plugins=("async-echo",)))
    finally:
        loader.log.removeHandler(watching)
    assert said.is_set()


def test_what_is_gone_for_all_is_put_back_and_what_is_new_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    before, paths = ProcessState(), [*sys.path]
    sys.path[:] = ["/a/new/folder"]
    sys.meta_path.clear()
    sys.modules["platform"] = None  # pyright: ignore[reportArgumentType]
    logging.disable()
    sys.stdout.close()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
    changes = before.put_back()
    assert sys.path == ["/a/new/folder", *paths]
    assert "sys.path, of which" in changes[1]
    assert sys.meta_path
    assert sys.modules["platform"] is platform
    assert logging.root.manager.disable == 0
    assert not sys.stdout.closed
    assert signal.SIGUSR1 not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert [change.split(",")[0].split(" (")[0] for change in changes] == [
        *("sys.stdout", "sys.path", "sys.meta_path", "sys.modules", "the log", "which signals arrive")
    ]
    sys.stdout.close()


def test_an_event_loop_that_was_run_and_is_over_is_no_change() -> None:
    script = """
import asyncio
from core.plugins.process_state import ProcessState
before = ProcessState()
asyncio.run(asyncio.sleep(0))
print(before.put_back())
"""
    ran = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.stdout == "[]\n", ran.stderr
