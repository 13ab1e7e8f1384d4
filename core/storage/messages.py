"""Messages and their versions as rows: written as they change, and read again."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from core.chat.failure import Rejected
from core.chat.message import Message, Version
from core.chat.request import UserRequest

log = logging.getLogger(__name__)

_SAVE_MESSAGE = """
INSERT INTO message (id, thread, created, rev, asked, chosen, deleted, last_number)
VALUES (:id, :thread, :created, :rev, :asked, :chosen, :deleted, :last_number)
ON CONFLICT (id) DO UPDATE SET rev = excluded.rev, chosen = excluded.chosen,
    deleted = excluded.deleted, last_number = excluded.last_number
"""
_SAVE_VERSION = """
INSERT INTO version (message, number, owner, picture, deleted, content) VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (message, number) DO UPDATE SET owner = excluded.owner, picture = excluded.picture,
    deleted = excluded.deleted, content = excluded.content
"""
_MESSAGES = """
SELECT id, created, rev, asked, chosen, deleted, last_number FROM message WHERE thread = ?
ORDER BY created, position
"""
_VERSIONS = "SELECT content FROM version WHERE message = ? ORDER BY number"
_VERSION_OF = "SELECT content FROM version WHERE picture = ?"
_DURATIONS = """
SELECT provider, model, duration FROM (
    SELECT rowid, json_extract(content, '$.provenance.provider') AS provider,
        json_extract(content, '$.provenance.model') AS model, json_extract(content, '$.duration') AS duration
    FROM version WHERE picture IS NOT NULL AND json_valid(content) ORDER BY rowid DESC LIMIT 1000
) WHERE provider IS NOT NULL AND model IS NOT NULL AND duration IS NOT NULL ORDER BY rowid
"""

Rows = tuple[dict[str, Any], list[tuple[Any, ...]], list[tuple[str, str]]]


def rows_of(conversation_id: str, message: Message, versions: Iterable[Version], process: str) -> Rows:
    """Returns a message and versions of it as rows, and which pictures it was sent with.

    The process is what works on those that run.
    """
    row = {
        "id": message.id,
        "thread": conversation_id,
        "created": message.created,
        "rev": message.rev,
        "asked": message.request.model_dump_json(),
        "chosen": message.chosen,
        "deleted": message.deleted,
        "last_number": message.last_number,
    }
    contents = [
        (
            message.id,
            version.number,
            process if version.status == "running" else None,
            version.picture.name if version.picture else None,
            version.deleted,
            version.model_dump_json(),
        )
        for version in versions
    ]
    return row, contents, [(picture.name, message.id) for picture in message.request.pictures]


def write_rows(database: sqlite3.Connection, rows: Rows) -> None:
    """Writes a message's rows; call it inside a transaction."""
    message, versions, used = rows
    database.execute(_SAVE_MESSAGE, message)
    database.executemany(_SAVE_VERSION, versions)
    database.executemany("INSERT OR IGNORE INTO used VALUES (?, ?)", used)


def read_messages(database: sqlite3.Connection, conversation_id: str) -> list[Message]:
    """Returns the messages of a conversation, oldest first, but for those that cannot be read."""
    messages: dict[str, Message] = {}
    for id, created, rev, asked, *more in database.execute(_MESSAGES, (conversation_id,)):
        try:
            request = UserRequest.model_validate_json(asked)
            contents = database.execute(_VERSIONS, (id,)).fetchall()
            versions = [Version.model_validate_json(content) for (content,) in contents]
        except (ValidationError, Rejected):
            log.exception("The message %s in the database cannot be read; it is left out", id)
        else:
            messages[id] = Message(id, request, created, rev, versions, *more)
    return list(messages.values())


def version_of(database: sqlite3.Connection, picture: str) -> Version | None:
    """Returns the version that a picture belongs to; None if there is none, or it cannot be read."""
    row = database.execute(_VERSION_OF, (picture,)).fetchone()
    try:
        return Version.model_validate_json(row[0]) if row else None
    except (ValidationError, Rejected):
        return None


def durations(database: sqlite3.Connection) -> list[tuple[str, str, float]]:
    """Returns the provider, the model and the seconds of the latest pictures, oldest first."""
    return database.execute(_DURATIONS).fetchall()
