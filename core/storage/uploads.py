"""The rows of pictures that people bring, and which pictures nothing refers to any more."""

from __future__ import annotations

import time
from collections.abc import Iterable

from sqlalchemy import Connection, delete, exists, func, select, union_all

from core.chat.picture import InputPicture
from core.storage.database import upsert
from core.storage.tables import continuations, uploads, used, versions

UNUSED_SECONDS = 86_400.0
"""How long an upload is kept that no message was sent with."""
MAX_UNUSED = 1_000_000_000
"""Bytes of such uploads, of all visitors; the oldest go first."""
LEAST_COUNTED = 100_000
"""A smaller upload counts as this many bytes, since it takes a file and a row too."""
STEP = 500
"""Names in one statement: a database takes only so many."""

_IS_UNUSED = ~exists().where(used.c.picture == uploads.c.picture)


def add_upload(connection: Connection, thread: str, picture: InputPicture) -> list[str]:
    """Notes which conversation a picture was brought into.

    Of too many unused ones it forgets the oldest, and returns the names of these pictures.
    """
    note_uploads(connection, thread, [picture])
    return _forget_beyond(connection, MAX_UNUSED, newest=picture.name)


def note_uploads(connection: Connection, thread: str, pictures: Iterable[InputPicture]) -> None:
    """Notes which conversation pictures were brought into, but for those that are noted already."""
    created = time.time()
    rows = [
        {
            "picture": picture.name,
            "thread": thread,
            "created": created,
            "content": picture.model_dump_json(),
            "size": picture.size,
        }
        for picture in pictures
    ]
    upsert(connection, uploads, rows, ["picture"])


def forget_unused(connection: Connection, most: int) -> list[str]:
    """Forgets the uploads that no message was sent with for a day, and the oldest beyond `most` bytes.

    Returns the names of these pictures.
    """
    since = time.time() - UNUSED_SECONDS
    old = select(uploads.c.picture).where(_IS_UNUSED, uploads.c.created <= since)
    gone = forget_pictures(connection, connection.execute(old).scalars().all(), uploads_since=since)
    return gone + _forget_beyond(connection, most)


def _forget_beyond(connection: Connection, most: int, newest: str | None = None) -> list[str]:
    unused = select(uploads.c.picture, uploads.c.size).where(_IS_UNUSED).order_by(uploads.c.created.desc())
    total, surplus = 0, list[str]()
    for name, size in connection.execute(unused):
        total += max(LEAST_COUNTED, size)
        if total > most and name != newest:
            surplus.append(name)
    return forget_pictures(connection, surplus, uploads_since=time.time())


def forget_pictures(connection: Connection, names: Iterable[str], uploads_since: float) -> list[str]:
    """Forgets those of these pictures that nothing refers to any more, and returns their names.

    An upload that is newer than `uploads_since` may still be sent.
    """
    left, gone = list(dict.fromkeys(names)), list[str]()
    while left:
        step, left = left[:STEP], left[STEP:]
        referred = union_all(
            select(versions.c.picture).where(versions.c.picture.in_(step)),
            select(used.c.picture).where(used.c.picture.in_(step)),
            select(uploads.c.picture).where(uploads.c.picture.in_(step), uploads.c.created > uploads_since),
        )
        kept = set(connection.execute(referred).scalars())
        gone += (unused := [name for name in step if name not in kept])
        for table in (uploads, continuations):
            connection.execute(delete(table).where(table.c.picture.in_(unused)))
    return gone


def bytes_of_uploads(connection: Connection) -> int:
    """Returns the bytes of all pictures that were brought."""
    return connection.execute(select(func.coalesce(func.sum(uploads.c.size), 0))).scalar_one()
