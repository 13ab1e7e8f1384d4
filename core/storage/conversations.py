"""Conversations as rows: their owners and titles, the list of an owner's, and their removal."""

from __future__ import annotations

import sqlite3
import time
import unicodedata
from collections.abc import Callable
from typing import Protocol, TypeVar

from core.chat.conversation import ConversationEntry, title_of
from core.storage.pictures import Pictures
from core.storage.uploads import forget_pictures

T = TypeVar("T")
PAGE = 50
"""Entries of the list that are read at once."""
SEARCH_SECONDS = 2.0
"""How long a search may keep the others waiting: the store has one thread."""

_ENTRY = """
SELECT id, owner, title, created, updated, deleted, purged, (
    SELECT picture FROM message JOIN version ON message = message.id
    WHERE thread = conversation.id AND picture IS NOT NULL AND message.deleted IS NULL
        AND version.deleted IS NULL
    ORDER BY message.created DESC, position DESC, number IS chosen DESC, number DESC LIMIT 1
) FROM conversation
"""
_LIST = f"""
{_ENTRY} WHERE owner = :owner AND deleted IS NULL AND updated < :before
    AND EXISTS (SELECT 1 FROM message WHERE thread = conversation.id AND deleted IS NULL)
    AND (:everything OR matches(title) OR EXISTS (
        SELECT 1 FROM message WHERE thread = conversation.id AND deleted IS NULL
            AND json_valid(asked) AND matches(json_extract(asked, '$.prompt'))
    ) OR EXISTS (
        SELECT 1 FROM message JOIN version ON message = message.id
        WHERE thread = conversation.id AND message.deleted IS NULL
            AND CASE WHEN content LIKE '%"request":{{%' AND json_valid(content)
                THEN matches(json_extract(content, '$.request.prompt')) END
    )) ORDER BY updated DESC LIMIT {PAGE}
"""
_NOTE = """
INSERT INTO conversation (id, owner, title, created, updated) VALUES (:id, :owner, :title, :at, :at)
ON CONFLICT (id) DO UPDATE SET
    owner = coalesce(owner, excluded.owner),
    title = iif(title = '', excluded.title, title), updated = max(updated, excluded.updated)
"""
_PICTURES = """
SELECT picture FROM version JOIN message ON message = message.id WHERE thread = :id AND picture IS NOT NULL
UNION SELECT picture FROM used JOIN message ON message = message.id WHERE thread = :id
UNION SELECT picture FROM upload WHERE thread = :id
"""
_DUE = """
SELECT id FROM conversation WHERE deleted < ? AND NOT EXISTS (
    SELECT 1 FROM message JOIN version ON message = message.id
    WHERE thread = conversation.id AND version.owner IS NOT NULL
)
"""  # what still runs would bring the conversation back when it settles
_NOTE_PURGED = """
UPDATE conversation SET purged = max(purged, (SELECT rev FROM message WHERE id = :message))
WHERE id = (SELECT thread FROM message WHERE id = :message)
"""
_FORGET_EMPTY = """
DELETE FROM conversation WHERE NOT EXISTS (SELECT 1 FROM message WHERE thread = conversation.id)
    AND NOT EXISTS (SELECT 1 FROM upload WHERE thread = conversation.id)
"""


class InDatabase(Protocol):
    """Does work with the database, in the store's thread."""

    async def __call__(self, work: Callable[[sqlite3.Connection], T], /) -> T:
        """Returns what the work returns; raises StoreError."""
        ...


class Conversations:
    """The rows of all conversations; every method may raise StoreError."""

    def __init__(self, run: InDatabase, pictures: Pictures) -> None:
        self._run = run
        self._pictures = pictures

    async def find(self, id: str) -> ConversationEntry | None:
        """Returns a conversation, also one that is deleted; None if there is no row of it."""

        def read(database: sqlite3.Connection) -> ConversationEntry | None:
            row = database.execute(f"{_ENTRY} WHERE id = ?", (id,)).fetchone()
            return ConversationEntry(*row) if row else None

        return await self._run(read)

    async def of_owner(
        self, owner: str, search: str = "", before: float | None = None
    ) -> list[ConversationEntry]:
        """Returns an owner's conversations, the latest first, `PAGE` at most.

        Each word of the search is in the title, or all of them in one prompt. What `SEARCH_SECONDS` are not
        enough for is not found.
        """
        words = _folded(search).split()

        def read(database: sqlite3.Connection) -> list[ConversationEntry]:
            end = time.monotonic() + SEARCH_SECONDS  # from when the store's thread has come to it

            def matches(text: str | None) -> bool:
                folded = _folded(text or "") if time.monotonic() < end else ""
                return all(word in folded for word in words)

            database.create_function("matches", 1, matches)
            latest = float("inf") if before is None else before
            values = {"owner": owner, "before": latest, "everything": not words}
            return [ConversationEntry(*row) for row in database.execute(_LIST, values)]

        return await self._run(read)

    async def adopt(self, id: str, owner: str) -> None:
        """Sets the owner of a conversation that has none."""
        await self._write("UPDATE conversation SET owner = ? WHERE id = ? AND owner IS NULL", owner, id)

    async def give(self, owner: str, to: str) -> None:
        """Makes another the owner of all conversations of one."""
        await self._write("UPDATE conversation SET owner = ? WHERE owner = ?", to, owner)

    async def rename(self, id: str, title: str) -> None:
        """Renames a conversation."""
        await self._write("UPDATE conversation SET title = ? WHERE id = ?", title, id)

    async def mark_deleted(self, id: str, deleted: float | None) -> None:
        """Marks a conversation as deleted at a time; None restores it."""
        await self._write("UPDATE conversation SET deleted = ? WHERE id = ?", deleted, id)

    async def purge(self, before: float) -> list[str]:
        """Removes for good what was deleted before a time, and returns the ids of these conversations."""

        def write(database: sqlite3.Connection) -> list[str]:
            due = [id for (id,) in database.execute(_DUE, (before,)).fetchall()]
            for id in due:
                pictures = [name for (name,) in database.execute(_PICTURES, {"id": id}).fetchall()]
                with database:
                    for statement in ("conversation WHERE id", "message WHERE thread", "upload WHERE thread"):
                        database.execute(f"DELETE FROM {statement} = ?", (id,))
                forget_pictures(database, self._pictures, pictures, uploads_since=time.time())
            forget_empty(database)
            return due

        return await self._run(write)

    async def _write(self, statement: str, *values: str | float | None) -> None:
        def write(database: sqlite3.Connection) -> None:
            with database:
                database.execute(statement, values)

        await self._run(write)


def note(
    database: sqlite3.Connection, id: str, owner: str | None, prompt: str = "", at: float | None = None
) -> None:
    """Notes that something was asked, made or brought in a conversation; the first prompt is its title.

    Call it inside a transaction.
    """
    at = time.time() if at is None else at
    database.execute(_NOTE, {"id": id, "owner": owner, "title": title_of(prompt), "at": at})


def forget_message(database: sqlite3.Connection, message: str) -> None:
    """Deletes the row of a message, and notes its revision for those who may still show it.

    Call it inside a transaction.
    """
    database.execute(_NOTE_PURGED, {"message": message})
    database.execute("DELETE FROM message WHERE id = ?", (message,))


def forget_empty(database: sqlite3.Connection) -> None:
    """Deletes the rows of conversations in which nothing is left."""
    with database:
        database.execute(_FORGET_EMPTY)


def _folded(text: str) -> str:
    """Returns a text so that upper and lower case, and other forms of a letter, are the same."""
    return unicodedata.normalize("NFKC", text).casefold()
