"""The pictures that people bring into a conversation, and what a service needs to go on from one it made."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable

from core.chat.picture import InputPicture
from core.storage.pictures import Pictures

UNUSED_SECONDS = 86_400.0
"""How long an upload is kept that no message was sent with."""
MAX_UNUSED = 1_000_000_000
"""Bytes of such uploads, of all visitors; the oldest go first."""
LEAST_COUNTED = 100_000
"""A smaller upload counts as this many bytes, since it takes a file and a row too."""

_UNUSED = "FROM upload WHERE NOT EXISTS (SELECT 1 FROM used WHERE used.picture = upload.picture)"
_REFERRED = """
SELECT picture FROM version WHERE picture = :picture
UNION ALL SELECT picture FROM used WHERE picture = :picture
UNION ALL SELECT picture FROM upload WHERE picture = :picture AND created > :since
"""


def add_upload(database: sqlite3.Connection, pictures: Pictures, thread: str, picture: InputPicture) -> None:
    """Notes which conversation a picture was brought into; of too many unused ones it forgets the oldest."""
    row = (picture.name, thread, time.time(), picture.model_dump_json())
    with database:
        database.execute("INSERT INTO upload (picture, thread, created, content) VALUES (?, ?, ?, ?)", row)
    _forget_beyond(database, pictures, MAX_UNUSED, newest=picture.name)


def uploads_of(database: sqlite3.Connection, thread: str, names: Collection[str]) -> list[InputPicture]:
    """Returns those of the named pictures that were brought into a conversation."""
    marks = ", ".join("?" * len(names))
    found = f"SELECT content FROM upload WHERE thread = ? AND picture IN ({marks})"
    rows = database.execute(found, (thread, *names))
    return [InputPicture.model_validate_json(content) for (content,) in rows]


def upload(database: sqlite3.Connection, name: str) -> InputPicture | None:
    """Returns a picture that somebody brought, by its name."""
    row = database.execute("SELECT content FROM upload WHERE picture = ?", (name,)).fetchone()
    return InputPicture.model_validate_json(row[0]) if row else None


def forget_unused(database: sqlite3.Connection, pictures: Pictures, most: int) -> None:
    """Forgets the uploads that no message was sent with for a day, and the oldest beyond `most` bytes."""
    since = time.time() - UNUSED_SECONDS
    old = database.execute(f"SELECT picture {_UNUSED} AND created <= ?", (since,)).fetchall()
    forget_pictures(database, pictures, [name for (name,) in old], uploads_since=since)
    _forget_beyond(database, pictures, most)


def _forget_beyond(
    database: sqlite3.Connection, pictures: Pictures, most: int, newest: str | None = None
) -> None:
    size = f"max({LEAST_COUNTED}, json_extract(content, '$.size'))"
    unused = database.execute(f"SELECT picture, {size} {_UNUSED} ORDER BY created DESC").fetchall()
    total, surplus = 0, list[str]()
    for name, bytes in unused:
        total += bytes
        if total > most and name != newest:
            surplus.append(name)
    forget_pictures(database, pictures, surplus, uploads_since=time.time())


def forget_pictures(
    database: sqlite3.Connection, pictures: Pictures, names: Iterable[str], uploads_since: float
) -> int:
    """Deletes those of these pictures that nothing refers to any more, and returns the bytes that they took.

    An upload that is newer than `uploads_since` may still be sent.
    """
    gone = [
        name
        for name in names
        if not database.execute(_REFERRED, {"picture": name, "since": uploads_since}).fetchone()
    ]
    with database:
        for table in ("upload", "continuation"):
            rows = [(name,) for name in gone]
            database.executemany(f"DELETE FROM {table} WHERE picture = ?", rows)
    return pictures.forget(gone)
