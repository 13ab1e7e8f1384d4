"""Calls a plugin's `describe` in a fresh interpreter, and reports what that needed.

The fresh interpreter runs it as a script: ``interpreter.py SYS_PATH_AS_JSON IMPORT_PATH REPORT_FILE``.
"""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple


class FreshDescription(NamedTuple):
    """What importing a plugin and calling its `describe` needed."""

    imported: list[str]
    """The top-level modules that were imported, except Python's own and those that the host needs anyway."""
    connections: list[str]
    """The addresses that it tried to connect to."""
    seconds: float
    """The time that `describe` took."""
    error: str = ""
    is_missing: bool = False
    """The fresh interpreter did not find the plugin."""
    written: str = ""
    """What was printed to standard output."""


@cache
def describe_in_fresh_interpreter(plugin: str) -> FreshDescription:
    """Calls the `describe` of the plugin with this import path, once for all tests."""
    with TemporaryDirectory() as folder:
        report = Path(folder, "report.json")
        arguments = [sys.executable, __file__, json.dumps(sys.path), plugin, str(report)]
        ran = subprocess.run(arguments, capture_output=True, text=True, timeout=60)
        if not report.exists():
            last = ran.stderr.strip().rpartition("\n")[2]
            return FreshDescription([], [], 0.0, error=f"{last or 'nothing'} (exit code {ran.returncode})")
        return FreshDescription(**json.loads(report.read_text("utf-8")), written=ran.stdout)


def main(path: str, plugin: str, report: str) -> None:
    """Imports the plugin, calls its `describe`, and writes the report as JSON."""
    sys.path[:] = json.loads(path)
    import time
    from importlib import import_module
    from importlib.metadata import EntryPoint

    import pluggy

    from limner.checks import check_hooks

    import_module("anyio.to_thread")  # which the host imports anyway
    before, connections = _imported(), list[str]()

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"):
            connections.append(str(arguments[1] if event == "socket.connect" else arguments[0]))
            raise OSError("describe opens no connection")

    sys.addaudithook(watch)
    entry, seconds, error, is_missing = EntryPoint("plugin", plugin, "limner"), 0.0, "", False
    try:
        describe = check_hooks(pluggy.PluginManager("limner"), entry.load())["describe"]
        begun = time.perf_counter()
        describe()
        seconds = time.perf_counter() - begun
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
        is_missing = isinstance(raised, ModuleNotFoundError) and raised.name == entry.module
    imported = sorted(_imported() - before - sys.stdlib_module_names)
    found = FreshDescription(imported, connections, seconds, error, is_missing)._asdict()
    del found["written"]
    Path(report).write_text(json.dumps(found), "utf-8")


def _imported() -> set[str]:
    return {name.partition(".")[0] for name in sys.modules}


if __name__ == "__main__":
    main(*sys.argv[1:])
