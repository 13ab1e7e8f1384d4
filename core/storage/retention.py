"""Removes messages that are too old or too many, with all their versions and pictures."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterator
from typing import NamedTuple

from core.storage.conversations import forget_empty, forget_message
from core.storage.pictures import Pictures
from core.storage.uploads import MAX_UNUSED, forget_pictures, forget_unused

DAY = 86_400.0
"""Seconds."""
_SPARE_ROOM = 20
"""One byte in this many is freed beyond the limit, so that it is not reached again by the next picture."""
_SHARE_OF_UNUSED = 5
"""Unused uploads take at most one byte in this many, so that they displace no conversation."""


class Forgotten(NamedTuple):
    """A message that is gone for good, or a version of one, by its number."""

    conversation: str
    message: str
    version: int | None = None


def prune(
    database: sqlite3.Connection,
    pictures: Pictures,
    *,
    keep_days: float | None,
    keep_bytes: int | None,
    in_use: Collection[str],
    protected: Collection[str],
) -> list[Forgotten]:
    """Forgets messages older than `keep_days`, then the oldest beyond `keep_bytes`, and unused uploads.

    A picture stays as long as a message has it, or was sent with it.

    Those of the conversations in use go last, and only if there is nothing else. Those in `protected` stay,
    and those that are being made.
    """
    room = MAX_UNUSED if keep_bytes is None else min(MAX_UNUSED, keep_bytes // _SHARE_OF_UNUSED)
    forget_unused(database, pictures, room)
    surplus = 0 if keep_bytes is None else _surplus(database, pictures, keep_bytes)
    if keep_days is None and surplus <= 0:
        return []
    oldest_kept = time.time() - keep_days * DAY if keep_days is not None else 0
    forgotten: list[Forgotten] = []
    by_age = list(_by_age(database))
    for used in (False, True):
        for message, conversation, created, names, row_bytes in by_age:
            if (conversation in in_use) != used or message in protected:
                continue
            if (created >= oldest_kept or used) and surplus <= 0:
                break
            with database:
                forget_message(database, message)
            surplus -= forget_pictures(database, pictures, names, uploads_since=time.time()) + row_bytes
            forgotten.append(Forgotten(conversation, message))
    if forgotten:
        forget_empty(database)
    return forgotten


def purge(
    database: sqlite3.Connection, pictures: Pictures, before: float, protected: Collection[str]
) -> list[Forgotten]:
    """Forgets the messages and versions that were deleted before a time, and the pictures that go with them.

    What is still being made stays, and so does all of the messages in `protected`.
    """
    due = [Forgotten(*row) for row in database.execute(_DUE, {"before": before})]
    due = [forgotten for forgotten in due if forgotten.message not in protected]
    for _, message, version in due:
        names = [name for (name,) in database.execute(_PICTURES, {"message": message})]
        with database:
            if version is None:
                forget_message(database, message)
            else:
                database.execute("DELETE FROM version WHERE message = ? AND number = ?", (message, version))
        forget_pictures(database, pictures, names, uploads_since=time.time())
    return due


_DUE = """
SELECT thread, id, NULL FROM message WHERE deleted < :before
    AND NOT EXISTS (SELECT 1 FROM version WHERE message = id AND owner IS NOT NULL)
UNION ALL SELECT thread, id, number FROM version JOIN message ON message = id
    WHERE version.deleted < :before AND owner IS NULL AND message.deleted IS NULL
"""
_PICTURES = """
SELECT picture FROM version WHERE message = :message AND picture IS NOT NULL
UNION SELECT picture FROM used WHERE message = :message
"""


def _surplus(database: sqlite3.Connection, pictures: Pictures, keep_bytes: int) -> int:
    """Returns the bytes to free; 0 or less if everything may be kept."""
    names = database.execute(
        "SELECT picture FROM version WHERE picture IS NOT NULL"
        " UNION SELECT picture FROM used UNION SELECT picture FROM upload"
    )
    kept = pictures.total(name for (name,) in names) + _bytes_of_rows(database)
    return kept - keep_bytes + keep_bytes // _SPARE_ROOM if kept > keep_bytes else 0


def _bytes_of_rows(database: sqlite3.Connection) -> int:
    """Returns the size of the database without its free pages."""
    pages, free, size = (
        database.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return (pages - free) * size


def _by_age(database: sqlite3.Connection) -> Iterator[tuple[str, str, float, list[str], int]]:
    rows = database.execute(
        "SELECT id, thread, created, group_concat(picture), length(asked) + sum(length(content)),"
        " (SELECT group_concat(picture) FROM used WHERE message = id)"
        " FROM message JOIN version ON message = id"
        " GROUP BY id HAVING count(owner) = 0 ORDER BY created"
    )
    for message, conversation, created, made, row_bytes, used in rows:
        names = [name for listed in (made, used) if listed for name in str(listed).split(",")]
        yield message, conversation, created, names, row_bytes
