"""Which processes that share a data folder are alive, so that none settles the work of another."""

from __future__ import annotations

import contextlib
import secrets
import sqlite3
from pathlib import Path


class ProcessLock:
    """A name for this process among those that use the folder, locked until `close` or its end.

    The lock is SQLite's own on an empty file: the system releases it however the process ends. Take one,
    and call `is_alive`, only inside a write transaction, so that no other process does so meanwhile.
    """

    def __init__(self, folder: Path) -> None:
        self.name = secrets.token_hex(8)
        self._path = _path(folder, self.name)
        self._lock = _take(self._path)

    def close(self) -> None:
        """Releases the name."""
        if self._lock is not None:
            self._lock.close()
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


def is_alive(folder: Path, name: str) -> bool:
    """Whether the process of that name still runs; forgets one that does not."""
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
        lock.execute("PRAGMA journal_mode = MEMORY")  # no second file next to it
        lock.execute("BEGIN EXCLUSIVE")
        return lock
    except sqlite3.Error:
        lock.close()
        return None
