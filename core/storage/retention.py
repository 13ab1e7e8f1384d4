"""Removes messages that are too old or too many, with all their versions and pictures."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, delete, exists, func, null, select, union, union_all

from core.storage.conversations import forget_empty, forget_message
from core.storage.tables import messages, used, versions
from core.storage.uploads import MAX_UNUSED, bytes_of_uploads, forget_pictures, forget_unused

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
    connection: Connection,
    *,
    keep_days: float | None,
    keep_bytes: int | None,
    in_use: Collection[str],
    protected: Collection[str],
) -> tuple[list[Forgotten], list[str]]:
    """Forgets messages older than `keep_days`, then the oldest beyond `keep_bytes`, and unused uploads.

    A picture stays as long as a message has it, or was sent with it. Those of the conversations in use go
    last, and only if there is nothing else. Those in `protected` stay, and those that are being made. Returns
    also the names of the pictures that are not needed any more.
    """
    room = MAX_UNUSED if keep_bytes is None else min(MAX_UNUSED, keep_bytes // _SHARE_OF_UNUSED)
    gone = forget_unused(connection, room)
    surplus = 0 if keep_bytes is None else _surplus(connection, keep_bytes)
    if keep_days is None and surplus <= 0:
        return [], gone
    oldest_kept = time.time() - keep_days * DAY if keep_days is not None else 0
    forgotten = list[Forgotten]()
    by_age: Sequence[Any] = connection.execute(_by_age()).all()
    for is_used in (False, True):
        for message, conversation, created, size in by_age:
            if (conversation in in_use) != is_used or message in protected:
                continue
            if (created >= oldest_kept or is_used) and surplus <= 0:
                break
            before = bytes_of_uploads(connection)
            gone += _forget(connection, message)
            surplus -= size + before - bytes_of_uploads(connection)
            forgotten.append(Forgotten(conversation, message))
    if forgotten:
        forget_empty(connection)
    return forgotten, gone


def purge(
    connection: Connection, before: float, protected: Collection[str]
) -> tuple[list[Forgotten], list[str]]:
    """Forgets the messages and versions that were deleted before a time, and the pictures that go with them.

    What is still being made stays, and so does all of the messages in `protected`. Returns also the names of
    these pictures.
    """
    due = [Forgotten(*row) for row in connection.execute(_due(before)) if row.id not in protected]
    gone = list[str]()
    for _, message, version in due:
        gone += _forget(connection, message, version)
    return due, gone


def _forget(connection: Connection, message: str, version: int | None = None) -> list[str]:
    """Deletes a message or a version, and returns the names of the pictures that nothing has any more."""
    names = (
        connection.execute(
            union(
                select(versions.c.picture).where(
                    versions.c.message == message, versions.c.picture.is_not(None)
                ),
                select(used.c.picture).where(used.c.message == message),
            )
        )
        .scalars()
        .all()
    )
    if version is None:
        forget_message(connection, message)
    else:
        is_it = (versions.c.message == message, versions.c.number == version)
        connection.execute(delete(versions).where(*is_it))
    return forget_pictures(connection, names, uploads_since=time.time())


def _due(before: float) -> Any:
    runs = exists().where(versions.c.message == messages.c.id, versions.c.owner.is_not(None))
    of_message = select(messages.c.thread, messages.c.id, null().label("number"))
    of_version = select(messages.c.thread, messages.c.id, versions.c.number).join(
        messages, versions.c.message == messages.c.id
    )
    return union_all(
        of_message.where(messages.c.deleted < before, ~runs),
        of_version.where(
            versions.c.deleted < before, versions.c.owner.is_(None), messages.c.deleted.is_(None)
        ),
    )


def _surplus(connection: Connection, keep_bytes: int) -> int:
    """Returns the bytes to free; 0 or less if everything may be kept."""
    sizes = (select(func.coalesce(func.sum(table.c.size), 0)) for table in (messages, versions))
    kept = bytes_of_uploads(connection) + sum(connection.execute(size).scalar_one() for size in sizes)
    return kept - keep_bytes + keep_bytes // _SPARE_ROOM if kept > keep_bytes else 0


def _by_age() -> Any:
    """Returns the messages of which nothing runs, the oldest first, and the bytes of each."""
    size = messages.c.size + func.sum(versions.c.size)
    return (
        select(messages.c.id, messages.c.thread, messages.c.created, size)
        .join(versions, versions.c.message == messages.c.id)
        .group_by(messages.c.id, messages.c.thread, messages.c.created, messages.c.size)
        .having(func.count(versions.c.owner) == 0)
        .order_by(messages.c.created)
    )
