"""The open conversations: one object each for all who ask, and only for the owner."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import Awaitable
from typing import TypeVar
from weakref import WeakValueDictionary

from core.chat.conversation import MAX_TITLE, NOBODY, UNDO_SECONDS, Conversation, ConversationEntry, title_of
from core.chat.failure import Missing, Rejected, Unavailable
from core.chat.message import Message
from core.storage.database import StoreError
from core.storage.store import Store

T = TypeVar("T")
log = logging.getLogger(__name__)

_UNSEEN = re.compile("[\\x00-\\x1f\\x7f-\\x9f\u202a-\u202e\u2066-\u2069]")
"""Control characters, and those that turn the direction of the text around a title."""
_MISSING = "This conversation does not exist any more: start a new one."


class OpenConversations:
    """Opens conversations, lists them, renames them and deletes them; belongs to one event loop.

    A key says who asks. A conversation with another owner is Missing, like one that does not exist, and one
    without an owner becomes theirs. Without a key only those without an owner are found. Every method but
    `purge` may raise Unavailable.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rows = store.conversations
        self._open: WeakValueDictionary[str, Conversation] = WeakValueDictionary()
        self._opening = asyncio.Lock()

    def ids(self) -> set[str]:
        """Returns the ids of the conversations that are open."""
        return set(self._open)

    async def open(self, id: str, key: str | None) -> Conversation:
        """Returns a conversation with its messages; one without any if nothing is stored. Raises Missing."""
        async with self._opening:
            conversation = await self._opened(id, key)
            if key and conversation.owner is None:
                conversation.owner = key
                await self._adopt(id, key)
            return conversation

    async def find(self, id: str, key: str | None) -> Conversation:
        """Returns a conversation that exists, and adopts nothing; raises Missing."""
        _check(await self._find(id), key)
        async with self._opening:
            return await self._opened(id, key)

    async def whosever(self, id: str) -> Conversation | None:
        """Returns a conversation whoever asks; None if it is deleted, or not there."""
        entry = await _stored(self._rows.find(id))
        if entry is None or entry.deleted is not None:
            return None
        async with self._opening:
            return await self._opened(id, entry.owner)

    async def refresh(self, id: str) -> None:
        """Takes in what other processes have changed in a conversation, if it is open."""
        conversation = self._open.get(id)
        if conversation is None:
            return
        while True:
            stored = {message.id: message.stored for message in conversation if message.stored}
            known = {id: of_message.rev for id, of_message in stored.items()}
            changed, gone = await _stored(self._store.changed(id, known))
            entry = await _stored(self._rows.find(id))
            if all(message.stored is stored.get(message.id) for message in conversation):
                break  # else this process has saved something, and what was read may be older
        for message in changed:
            conversation.take_in(message)
        for message_id in gone:
            conversation.forget(message_id)
        if entry:
            conversation.owner, conversation.deleted = entry.owner, entry.deleted
            conversation.purged = max(conversation.purged, entry.purged)
        conversation.announce()

    async def give(self, key: str, to: str) -> None:
        """Makes all conversations of a key those of another, also those that are being written."""
        async with self._opening:
            for conversation in self._open.values():
                if conversation.owner == key:
                    conversation.owner = to
            await _stored(self._rows.give(key, to))

    async def of_owner(self, key: str | None, search: str, before: float | None) -> list[ConversationEntry]:
        """Returns the conversations of a key, the latest first; none without a key."""
        return await _stored(self._rows.of_owner(key, search, before)) if key else []

    async def entry(self, id: str, key: str | None) -> ConversationEntry:
        """Returns what is stored of a conversation; raises Missing if that is nothing."""
        entry = await self._find(id)
        _check(entry, key)
        if key and entry.owner is None:
            await self.open(id, key)
        return entry

    async def rename(self, id: str, title: str, key: str | None) -> ConversationEntry:
        """Renames a conversation; raises Rejected for a title that is empty or too long."""
        title = " ".join(_UNSEEN.sub(" ", title.encode(errors="replace").decode()).split())
        if not any(map(str.isprintable, title)) or len(title) > MAX_TITLE:
            raise Rejected(f"A title has 1 to {MAX_TITLE} characters: type another.")
        check_changeable(await self.entry(id, key))
        await _stored(self._rows.rename(id, title))
        return await self._find(id)

    async def delete(self, id: str, key: str | None) -> None:
        """Marks a conversation as deleted: it is then Missing, and can be restored for `UNDO_SECONDS`."""
        entry = await self._find(id)
        _check(entry, key, since=time.time() - UNDO_SECONDS)
        check_changeable(entry)
        if entry.deleted is None:  # else the answer to an earlier request may have been lost
            await self._mark(id, time.time())

    async def restore(self, id: str, key: str | None) -> ConversationEntry:
        """Takes back that a conversation was deleted; raises Missing if it is too late."""
        entry = await self._find(id)
        _check(entry, key, since=time.time() - UNDO_SECONDS)
        await self._mark(id, None)
        return await self._find(id)

    async def purge(self, before: float) -> None:
        """Removes for good what was deleted before a time; raises StoreError."""
        for id in await self._store.removal.purge_conversations(before):
            self._open.pop(id, None)

    def opened(self, id: str) -> Conversation | None:
        """Returns a conversation if it is open."""
        return self._open.get(id)

    def message(self, id: str, message_id: str) -> Message | None:
        """Returns a message of a conversation that is open."""
        conversation = self._open.get(id)
        return conversation.get(message_id) if conversation is not None else None

    def forget(self, id: str, message_id: str) -> None:
        """Drops a message that the store has forgotten."""
        if (conversation := self._open.get(id)) is not None:
            conversation.forget(message_id)

    async def _opened(self, id: str, key: str | None) -> Conversation:
        conversation = self._open.get(id)
        if conversation is None:
            conversation = self._open[id] = await _stored(self._load(id))
        if self._store.is_shared:
            await self.refresh(id)  # also of one that was just read: what is told from now on is heard
        _check(conversation, key)
        return conversation

    async def _load(self, id: str) -> Conversation:
        messages, entry = await self._store.load(id), await self._rows.find(id)
        if entry is None:
            return Conversation(id, messages)
        return Conversation(id, messages, owner=entry.owner, deleted=entry.deleted, purged=entry.purged)

    async def _find(self, id: str) -> ConversationEntry:
        entry = await _stored(self._rows.find(id)) or self._unsaved(id)
        if entry is None:
            raise Missing(_MISSING)
        return entry

    def _unsaved(self, id: str) -> ConversationEntry | None:
        """Returns a conversation with messages that the disk could not store."""
        conversation = self._open.get(id)
        if not conversation:
            return None
        first = next(iter(conversation))
        title, times = title_of(first.request.prompt), (first.created, conversation.last_created)
        return ConversationEntry(
            id, conversation.owner, title, *times, conversation.deleted, conversation.purged, None
        )

    async def _mark(self, id: str, deleted: float | None) -> None:
        await _stored(self._rows.mark_deleted(id, deleted))
        if (conversation := self._open.get(id)) is not None:  # one without messages is false
            conversation.deleted = deleted

    async def _adopt(self, id: str, key: str) -> None:
        try:
            await self._rows.adopt(id, key)
        except StoreError:
            log.exception("The owner of a conversation could not be noted; the next message does so")


def _check(found: Conversation | ConversationEntry, key: str | None, since: float | None = None) -> None:
    """Raises Missing for another's conversation, and for one that was deleted, unless after a time."""
    is_gone = found.deleted is not None and (since is None or found.deleted <= since)
    if is_gone or found.owner not in (None, NOBODY, key):
        raise Missing(_MISSING)


def check_changeable(found: Conversation | ConversationEntry) -> None:
    """Raises Rejected for what a program has asked for."""
    if found.owner == NOBODY:
        raise Rejected("A program has asked for this picture, and may ask for it again: it stays as it is.")


async def _stored(work: Awaitable[T]) -> T:
    try:
        return await work
    except StoreError as error:
        log.error("A conversation could not be read or changed: %s", error)
        advice = "try again in a moment, or tell whoever runs this server"
        raise Unavailable(f"This conversation cannot be read right now: {advice}.") from error
