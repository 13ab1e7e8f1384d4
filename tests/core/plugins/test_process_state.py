"""What all plugins share is as it was after each has been loaded, and the doctor says who has changed it."""

from __future__ import annotations

import io
import json
import logging
import os
import platform
import re
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
    "careless changes what all plugins share when it is loaded: builtins.open, json.dumps, the "
    "working folder, sys.stdout, the recursion limit, the policy of event loops, what SIGINT does, the "
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


def put_back(changes: str) -> subprocess.CompletedProcess[str]:
    """Prints in another process what was changed there and is put back."""
    script = f"""
import asyncio, json, os, pathlib, signal, sys, threading, time
from core.plugins.process_state import ProcessState
state = ProcessState()
{changes}
print(*state.put_back(), sep="\\n")
print(*state.put_back(), sep="\\n", end="")
"""
    return subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("json.dumps = None", "json.dumps"),
        ("sys.exit = os._exit = None", "sys.exit\nos._exit"),
        ("pathlib.Path.open = None", "pathlib.Path.open"),
        ("pathlib.PosixPath.read_text = None", "pathlib.PosixPath.read_text"),
        ("del threading.Thread.start", "threading.Thread.start"),
        ("threading.Thread.daemon = None", "threading.Thread.daemon"),
        ("asyncio.run = print", "asyncio.run"),
        ("asyncio.BaseEventLoop.run_forever = None", "asyncio.BaseEventLoop.run_forever"),
        ("os.umask(0o777)", "who may read new files (umask)"),
        ("signal.alarm(1)", "the timers, by one that sends a signal"),
        ("import selectors; selectors.DefaultSelector.select = None", "selectors.EpollSelector.select"),
        (
            "import builtins; builtins.setattr = builtins.callable = print",
            "builtins.callable\nbuiltins.setattr",
        ),
        ("import builtins; builtins.vars = lambda _: {}", "builtins.vars"),
        ("signal.getsignal = None", "signal.getsignal"),
        ("del sys.stderr", "sys.stderr"),
        ("os.environ = sys.modules = None", "sys.modules\nos.environ"),
        ("sys.excepthook = threading.excepthook = print", ""),
        ("asyncio.run(asyncio.sleep(0))", ""),
    ],
)
def test_what_nobody_could_go_on_with_is_put_back(change: str, what: str) -> None:
    ran = put_back(change)
    assert ran.stdout == f"{what}\n", ran.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such limits")
@pytest.mark.parametrize(("most", "then"), [("before", "as before"), ("9", "9")])
def test_a_limit_that_was_lowered_is_raised_again_as_far_as_that_goes(most: str, then: str) -> None:
    ran = put_back(f"""
import resource
now, before = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (3, {most}))
print(*state.put_back())
again, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
print("as before" if again == now else again)
""")
    assert ran.stdout.splitlines()[:2] == ["a limit of this process (RLIMIT_NOFILE)", then], ran.stderr


def test_a_folder_that_is_gone_is_said_and_the_rest_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    before, limit = ProcessState(), sys.getrecursionlimit()
    os.chdir(tmp_path)
    folder.rmdir()
    sys.setrecursionlimit(limit - 1)
    assert before.put_back() == ["the working folder", "the recursion limit"]
    assert sys.getrecursionlimit() == limit


def test_a_stream_that_was_closed_before_is_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    sys.stdin.close()
    assert ProcessState().put_back() == []


def test_a_search_path_that_is_none_is_made_again() -> None:
    ran = put_back("sys.path = None")
    assert re.fullmatch(r"sys\.path, of which \d+ were gone\n", ran.stdout), ran.stderr


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_process_that_a_plugin_forked_goes_on_once() -> None:
    ran = put_back("os.fork() and os.wait()")
    assert ran.stdout == "\n", ran.stderr
