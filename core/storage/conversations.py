"""Conversations as rows: their owners and titles, the list of an owner's, and their removal."""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, cast

from sqlalchemy import ColumnElement, Connection, case, delete, exists, func, select, union, update

from core.chat.conversation import ConversationEntry, title_of
from core.storage.database import Database, upsert
from core.storage.notices import Notice, Notices
from core.storage.tables import conversations, messages, uploads, used, versions
from core.storage.uploads import forget_pictures

PAGE = 50
"""Entries of the list that are read at once."""
SEARCH_SECONDS = 2.0
"""How long a search may keep the others waiting: a SQLite file has one thread."""
STEP = 100
"""Conversations of which the prompts are read at once."""

_HAS_MESSAGES = exists().where(messages.c.thread == conversations.c.id)
_IS_SHOWN = exists().where(messages.c.thread == conversations.c.id, messages.c.deleted.is_(None))
_OF_MESSAGES = messages.join(versions, versions.c.message == messages.c.id)
_RUNS = (
    exists()
    .select_from(_OF_MESSAGES)
    .where(messages.c.thread == conversations.c.id, versions.c.owner.is_not(None))
)  # what still runs would bring a conversation back when it settles


def _entries() -> Any:
    latest = (
        select(versions.c.picture)
        .select_from(_OF_MESSAGES)
        .where(
            messages.c.thread == conversations.c.id,
            versions.c.picture.is_not(None),
            messages.c.deleted.is_(None),
            versions.c.deleted.is_(None),
        )
        .order_by(
            messages.c.created.desc(),
            messages.c.position.desc(),
            case((versions.c.number == messages.c.chosen, 0), else_=1),
            versions.c.number.desc(),
        )
        .limit(1)
        .correlate(conversations)
        .scalar_subquery()
    )
    of_row = (
        conversations.c[name] for name in ("id", "owner", "title", "created", "updated", "deleted", "purged")
    )
    return select(*of_row, latest)


class Conversations:
    """The rows of all conversations; every method may raise StoreError."""

    def __init__(self, database: Database, notices: Notices) -> None:
        self._database = database
        self._notices = notices

    async def find(self, id: str) -> ConversationEntry | None:
        """Returns a conversation, also one that is deleted; None if there is no row of it."""

        def read(connection: Connection) -> ConversationEntry | None:
            row = connection.execute(_entries().where(conversations.c.id == id)).one_or_none()
            return ConversationEntry(*row) if row else None

        return await self._database.read(read)

    async def of_owner(
        self, owner: str, search: str = "", before: float | None = None
    ) -> list[ConversationEntry]:
        """Returns an owner's conversations, the latest first, `PAGE` at most.

        Each word of the search is in the title, or all of them in one prompt. What `SEARCH_SECONDS` are not
        enough for is not found.
        """
        words = _folded(search).split()
        is_listed = [conversations.c.owner == owner, conversations.c.deleted.is_(None), _IS_SHOWN]
        if before is not None:
            is_listed.append(conversations.c.updated < before)

        def read(connection: Connection) -> list[ConversationEntry]:
            found = list(islice(_matching(connection, is_listed, words), PAGE)) if words else None
            entries = _entries().order_by(conversations.c.updated.desc()).limit(PAGE)
            which = is_listed if found is None else [conversations.c.id.in_(found)]
            return [ConversationEntry(*row) for row in connection.execute(entries.where(*which))]

        return await self._database.read(read)

    async def adopt(self, id: str, owner: str) -> None:
        """Sets the owner of a conversation that has none."""
        await self._update(conversations.c.owner.is_(None), id=id, owner=owner)

    async def give(self, owner: str, to: str) -> None:
        """Makes another the owner of all conversations of one."""
        await self._update(conversations.c.owner == owner, owner=to)

    async def rename(self, id: str, title: str) -> None:
        """Renames a conversation."""
        await self._update(id=id, title=title)

    async def mark_deleted(self, id: str, deleted: float | None) -> None:
        """Marks a conversation as deleted at a time; None restores it."""
        await self._update(id=id, deleted=deleted)

    async def _update(
        self, *which: ColumnElement[bool], id: str | None = None, **values: str | float | None
    ) -> None:
        def write(connection: Connection) -> None:
            is_it = [*which] if id is None else [*which, conversations.c.id == id]
            connection.execute(update(conversations).where(*is_it).values(**values))
            if id is not None:
                self._notices.tell(connection, Notice("changed", id))

        await self._database.write(write)


def purge_conversations(connection: Connection, before: float) -> tuple[list[str], list[str]]:
    """Removes for good what was deleted before a time.

    Returns the ids of these conversations, and the names of the pictures that go with them.
    """
    is_due = (conversations.c.deleted < before, ~_RUNS)
    due = connection.execute(select(conversations.c.id).where(*is_due)).scalars().all()
    pictures = list[str]()
    for id in due:
        of_messages = messages.c.thread == id
        names = connection.execute(
            union(
                select(versions.c.picture)
                .select_from(_OF_MESSAGES)
                .where(of_messages, versions.c.picture.is_not(None)),
                select(used.c.picture).join(messages, used.c.message == messages.c.id).where(of_messages),
                select(uploads.c.picture).where(uploads.c.thread == id),
            )
        ).scalars()
        pictures += names
        for table, column in ((conversations, "id"), (messages, "thread"), (uploads, "thread")):
            connection.execute(delete(table).where(table.c[column] == id))
    gone = forget_pictures(connection, pictures, uploads_since=time.time())
    forget_empty(connection)
    return [*due], gone


def note(
    connection: Connection, id: str, owner: str | None, prompt: str = "", at: float | None = None
) -> None:
    """Notes that something was asked, made or brought in a conversation; the first prompt is its title."""
    at = time.time() if at is None else at
    row = {"id": id, "owner": owner, "title": title_of(prompt), "created": at, "updated": at}
    upsert(connection, conversations, [row], ["id"], _noted)


def _noted(new: Any) -> dict[str, Any]:
    old = conversations.c
    return {
        "owner": func.coalesce(old.owner, new.owner),
        "title": case((old.title == "", new.title), else_=old.title),
        "updated": case((old.updated < new.updated, new.updated), else_=old.updated),
    }


def forget_message(connection: Connection, message: str) -> None:
    """Deletes the row of a message, and notes its revision for those who may still show it."""
    found = select(messages.c.thread, messages.c.rev).where(messages.c.id == message)
    if (row := connection.execute(found).one_or_none()) is None:  # another process was faster
        return
    is_older = (conversations.c.id == row.thread, conversations.c.purged < row.rev)
    connection.execute(update(conversations).where(*is_older).values(purged=row.rev))
    connection.execute(delete(messages).where(messages.c.id == message))


def forget_empty(connection: Connection) -> None:
    """Deletes the rows of conversations in which nothing is left."""
    has_uploads = exists().where(uploads.c.thread == conversations.c.id)
    connection.execute(delete(conversations).where(~_HAS_MESSAGES, ~has_uploads))


def _matching(
    connection: Connection, is_listed: Sequence[ColumnElement[bool]], words: Sequence[str]
) -> Iterator[str]:
    """Yields the ids of the conversations with all words in their title, or in one prompt."""
    end = time.monotonic() + SEARCH_SECONDS  # from when a thread has come to it

    def matches(text: object) -> bool:
        folded = _folded(text) if isinstance(text, str) else ""
        return all(word in folded for word in words)

    titles = select(conversations.c.id, conversations.c.title).where(*is_listed)
    left = connection.execute(titles.order_by(conversations.c.updated.desc())).all()
    while left and time.monotonic() < end:
        step, left = left[:STEP], left[STEP:]
        found = {id for id, title in step if matches(title)}
        rest = [id for id, _ in step if id not in found]
        for id, prompt in _prompts(connection, rest):
            if id not in found and matches(prompt):
                found.add(id)
            if time.monotonic() > end:
                break
        yield from (id for id, _ in step if id in found)


def _prompts(connection: Connection, ids: Sequence[str]) -> Iterator[tuple[str, object]]:
    """Yields each prompt of these conversations, also those that only one version was asked with."""
    is_shown = (messages.c.thread.in_(ids), messages.c.deleted.is_(None))
    for id, asked in connection.execute(select(messages.c.thread, messages.c.asked).where(*is_shown)):
        yield id, _read(asked).get("prompt")
    asked_anew = versions.c.content.like('%"request":{%')
    found = select(messages.c.thread, versions.c.content).select_from(_OF_MESSAGES)
    for id, content in connection.execute(found.where(*is_shown, asked_anew)):
        yield id, _object(_read(content).get("request")).get("prompt")


def _read(content: str) -> dict[str, Any]:
    """Returns the object in a row; one that is damaged has nothing in it."""
    with suppress(ValueError, RecursionError):
        return _object(json.loads(content))
    return {}


def _object(value: object) -> dict[str, Any]:
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _folded(text: str) -> str:
    """Returns a text so that upper and lower case, and other forms of a letter, are the same."""
    return unicodedata.normalize("NFKC", text).casefold()
