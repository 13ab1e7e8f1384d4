"""Forgets what is old: messages with all their versions, and the files of their pictures."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path

DAY = 86_400.0
"""Seconds."""


def reap(
    database: sqlite3.Connection,
    pictures: Path,
    *,
    keep_days: float | None,
    keep_bytes: int | None,
    in_use: Collection[str],
) -> int:
    """Forgets messages older than `keep_days`, then the oldest until the pictures fit into `keep_bytes`.

    Those of the threads in use, and those that are being made, stay. Gives how many were forgotten.
    """
    sizes = {file.name: file.stat().st_size for file in pictures.iterdir()}
    too_many = sum(sizes.values()) - keep_bytes if keep_bytes is not None else 0
    oldest_kept = time.time() - keep_days * DAY if keep_days is not None else 0
    forgotten: list[str] = []
    for message, thread, created, names in list(_by_age(database)):
        if created >= oldest_kept and too_many <= 0:
            break
        if thread not in in_use:
            with database:
                database.execute("DELETE FROM message WHERE id = ?", (message,))
            for name in names:
                too_many -= sizes.get(name, 0)
                with contextlib.suppress(OSError):
                    (pictures / name).unlink(missing_ok=True)
            forgotten.append(message)
    return len(forgotten)


def _by_age(database: sqlite3.Connection) -> Iterator[tuple[str, str, float, list[str]]]:
    rows = database.execute(
        "SELECT id, thread, created, group_concat(picture) FROM message JOIN version ON message = id"
        " GROUP BY id HAVING count(owner) = 0 ORDER BY created"
    )
    for message, thread, created, names in rows:
        yield message, thread, created, names.split(",") if names else []
