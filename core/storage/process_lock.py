"""Tells which processes that share a data folder are alive, so that nobody settles another's work."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from pathlib import Path


class ProcessLock:
    """This process's name among those that use the folder, held by a lock until `close` or its end.

    The lock is SQLite's own on an empty file: the system lets go of it whatever ends the process.
    Make one, and ask for the dead, only while no other process does: inside of a write transaction.
    """

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._path = _path(folder, self.name)
        self._lock = _take(self._path)

    def close(self) -> None:
        """Lets go of the name."""
        if self._lock is not None:
            self._lock.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Says whether the process of that name still runs; forgets one that does not."""
    path = _path(folder, name)
    if not path.exists():
        return False
    lock = _take(path)
    if lock is None:
        return True
    lock.close()
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)
    return False


def _path(folder: Path, name: str) -> Path:
    return folder / f"in-use-{name}"


def _take(path: Path) -> sqlite3.Connection | None:
    lock = sqlite3.connect(path, timeout=0, isolation_level=None)
    try:
        lock.execute("PRAGMA journal_mode = MEMORY")  # no second file beside it
        lock.execute("BEGIN EXCLUSIVE")
        return lock
    except sqlite3.Error:
        lock.close()
        return None
