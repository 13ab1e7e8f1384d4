"""Forgets what is old or too much: messages with all their versions, and the files of their pictures."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

DAY = 86_400.0
"""Seconds."""
ROOM = 20
"""One in so many bytes is freed beyond what is too much, so that this is not due again with each picture."""


class Forgotten(NamedTuple):
    """A message that was forgotten, and the bytes that its pictures took."""

    thread: str
    message: str
    picture_bytes: int


def bytes_of_pictures(database: sqlite3.Connection, pictures: Path) -> int:
    """Adds up the sizes of the pictures of all messages; those of none are not there to be forgotten."""
    names = database.execute("SELECT picture FROM version WHERE picture IS NOT NULL")
    return sum(_size(pictures / name) for (name,) in names)


def bytes_of_rows(database: sqlite3.Connection) -> int:
    """Returns the size of the database without its free pages."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def reap(
    database: sqlite3.Connection,
    pictures: Path,
    *,
    keep_days: float | None,
    too_many: int,
    in_use: Collection[str],
    spare: Collection[str],
) -> list[Forgotten]:
    """Forgets messages older than `keep_days`, then the oldest until `too_many` bytes are gone.

    Those of the threads in use go last, and only if there is nothing else. Those in `spare` stay, and
    those that are being made.
    """
    oldest_kept = time.time() - keep_days * DAY if keep_days is not None else 0
    forgotten: list[Forgotten] = []
    by_age = list(_by_age(database))
    for used in (False, True):
        for message, thread, created, names, row_bytes in by_age:
            if (thread in in_use) != used or message in spare:
                continue
            if (created >= oldest_kept or used) and too_many <= 0:
                break
            with database:
                database.execute("DELETE FROM message WHERE id = ?", (message,))
            picture_bytes = sum(_unlink(pictures / name) for name in names)
            too_many -= picture_bytes + row_bytes
            forgotten.append(Forgotten(thread, message, picture_bytes))
    return forgotten


def _unlink(picture: Path) -> int:
    """Deletes a file and returns its size; 0 if it is gone already, or stays."""
    size = _size(picture)
    try:
        picture.unlink()
    except OSError:
        return 0
    return size


def _size(picture: Path) -> int:
    try:
        return picture.stat().st_size
    except OSError:
        return 0


def _by_age(database: sqlite3.Connection) -> Iterator[tuple[str, str, float, list[str], int]]:
    rows = database.execute(
        "SELECT id, thread, created, group_concat(picture), length(asked) + sum(length(content))"
        " FROM message JOIN version ON message = id"
        " GROUP BY id HAVING count(owner) = 0 ORDER BY created"
    )
    for message, thread, created, names, row_bytes in rows:
        yield message, thread, created, names.split(",") if names else [], row_bytes
