"""Saves messages, keeps them in memory while the disk fails, and removes what is too old or too much."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any

from core.chat.conversation import Conversation
from core.chat.failure import Rejected, Unavailable
from core.chat.message import Message, Version
from core.generation.attempt import Attempt
from core.generation.limiter import Limiter
from core.settings.schema import Settings
from core.storage.database import StoreError
from core.storage.opened import OpenConversations
from core.storage.retention import Forgotten
from core.storage.store import Store
from core.tasks import Tasks

log = logging.getLogger(__name__)

MAX_UNSAVED = 1_000
"""Messages kept in memory because they could not be saved."""
SKEW_SECONDS = 300.0
"""How much the clocks of processes may differ that share a store; so long more all can be restored."""
RETRY_SECONDS = 5.0
"""The pause before that is tried again."""


class Saving:
    """Saves changes and removes what is no longer kept; belongs to one event loop."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        limiter: Limiter,
        conversations: OpenConversations,
        attempts: Mapping[Any, Attempt],
    ) -> None:
        """Takes what is open and what is being made, as the studio keeps them."""
        self._settings = settings
        self._store = store
        self._limiter = limiter
        self._conversations = conversations
        self._attempts = attempts
        self.unsaved: dict[Message, Conversation] = {}
        self._tasks = Tasks()

    async def claim(self, message: Message, count: int) -> None:
        """Takes the numbers of versions that begin; raises Rejected if another process was faster."""
        try:
            is_first = await self._store.running.claim_numbers(message, count)
        except StoreError:
            log.exception("The numbers of versions could not be claimed")
            if self._store.is_shared:
                raise Unavailable("The database cannot be reached: try again in a moment.") from None
            return
        if not is_first:
            raise Rejected("This was changed in another window just now: look at it, and try again.")

    async def save(self, conversation: Conversation, message: Message, *versions: Version) -> None:
        """Saves what changed, then what could not be saved before, and prunes by `keep_bytes`."""
        if not await self._try(conversation, message, *versions):
            return
        if self._settings.keep_bytes is not None and not message.running:
            await self.prune(newest=message)
        await self.retry()

    async def change(self, conversation: Conversation, message: Message, *versions: Version) -> None:
        """Marks a message as changed, saves it, and wakes those who wait."""
        conversation.revise(message)
        try:
            await self.save(conversation, message, *versions)
        finally:
            conversation.announce()

    async def retry(self) -> None:
        """Saves what could not be saved before, until the first that still cannot be."""
        kept = [(message, of) for message, of in self.unsaved.items() if not of.deleted]
        for message, conversation in kept:
            conversation.revise(message)
            if not await self._try(conversation, message):
                return
            conversation.announce()

    async def _retry_until_saved(self) -> None:
        while self.unsaved:
            await asyncio.sleep(RETRY_SECONDS)
            await self.retry()

    async def close(self, grace: float) -> None:
        """Saves what could not be saved before; what the network keeps from that has some seconds more."""
        self._tasks.cancel()
        end = time.monotonic() + (grace if self._store.is_remote else 0)
        await self.retry()
        while self.unsaved and time.monotonic() < end:
            await asyncio.sleep(min(1.0, grace))
            await self.retry()
        if self.unsaved:
            log.error("Messages that could not be saved are lost: %d", len(self.unsaved))

    async def _try(self, conversation: Conversation, message: Message, *versions: Version) -> bool:
        """Saves a message and returns whether that worked; if not, it is marked and stays in memory."""
        hits = self._limiter.take_unsaved()
        try:
            changed = message.versions if message.unsaved else versions
            await self._store.save(conversation.id, message, *changed, hits=hits, owner=conversation.owner)
        except StoreError as error:
            log.error("A message could not be saved; it stays in memory: %s", error)
            self._limiter.keep_unsaved(hits)
            message.unsaved = True
            self.unsaved[message] = conversation
            if len(self.unsaved) > MAX_UNSAVED:
                del self.unsaved[next(iter(self.unsaved))]
            if not self._tasks.running:
                self._tasks.begin(self._retry_until_saved())
            return False
        message.unsaved = False
        self.unsaved.pop(message, None)
        return True

    async def prune(self, keep_days: float | None = None, newest: Message | None = None) -> None:
        """Removes what is older than `keep_days`, and the oldest beyond `keep_bytes`."""
        protected = {attempt.message.id for attempt in self._attempts.values()}
        if newest:
            protected.add(newest.id)
        try:
            forgotten = await self._store.removal.prune(
                keep_days=keep_days,
                keep_bytes=self._settings.keep_bytes,
                in_use=self._conversations.ids(),
                protected=protected,
            )
        except StoreError:
            log.exception("Old messages could not be forgotten")
        else:
            self._forget(forgotten)

    async def sweep(self) -> None:
        """Deletes old pictures that belong to nothing."""
        made = (version.picture for message in self.unsaved for version in message.versions)
        try:
            await self._store.removal.sweep({picture.name for picture in made if picture})
        except StoreError:
            log.exception("Pictures that belong to nothing could not be deleted; they are deleted later")

    async def purge(self, before: float) -> None:
        """Removes for good what was deleted before a time; what is still being made goes another time."""
        if self._store.is_shared:
            before -= SKEW_SECONDS
        try:
            await self._conversations.purge(before)
            purged = await self._store.removal.purge(before, {message.id for message in self.unsaved})
        except StoreError:
            log.exception("What was deleted could not be removed; it is removed later")
        else:
            self._forget(purged)

    def _forget(self, forgotten: Iterable[Forgotten]) -> None:
        """Drops from the open conversations what the store does not have any more."""
        for conversation_id, message_id, number in forgotten:
            if number is None:
                self._conversations.forget(conversation_id, message_id)
            elif message := self._conversations.message(conversation_id, message_id):
                message.versions = [version for version in message.versions if version.number != number]
