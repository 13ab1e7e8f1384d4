"""This process among those that share a store: what they tell each other, and what dead ones have left."""

from __future__ import annotations

import asyncio
import logging

from core.chat.failure import Rejected
from core.chat.message import Live, Message
from core.generation.making import Making
from core.plugins.registry import Registry
from core.storage.database import StoreError
from core.storage.leases import Abandoned
from core.storage.notices import Notice
from core.storage.opened import OpenConversations
from core.storage.store import Store
from core.tasks import Tasks

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
"""How often a process looks for what others have left behind."""
TELL_SECONDS = 1.0
"""How often the others are told how far a picture is."""


class Replicas:
    """Belongs to one event loop, on which `start` is called."""

    def __init__(
        self,
        store: Store,
        conversations: OpenConversations,
        making: Making,
        registry: Registry,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._making = making
        self._registry = registry
        self._tasks = Tasks()
        self._is_started = False

    def start(self) -> None:
        """Begins to listen, and to look for what dead processes have left; a second call does nothing."""
        if self._is_started:
            return
        self._is_started = True
        loop = asyncio.get_running_loop()

        def hear(notice: Notice | None) -> None:
            loop.call_soon_threadsafe(self._hear, notice)

        self._store.notices.listen(hear)
        self._tasks.begin(self._take_over())
        if self._store.is_shared:
            self._tasks.begin(self._tell_how_far())

    def stop(self, message: Message, version: int | None) -> None:
        """Has the other processes stop what they make for a message, or one version of it."""
        if any(one.status == "running" and version in (None, one.number) for one in message.versions):
            self.tell(Notice("stop", "", message.id, version))

    def tell(self, notice: Notice) -> None:
        """Tells the other processes, soon."""
        if self._store.is_shared:
            self._tasks.begin(self._told(notice))

    def close(self) -> None:
        """Ends all of it."""
        self._tasks.cancel()

    def _hear(self, notice: Notice | None) -> None:
        if notice is None:  # whatever was told meanwhile
            for id in self._conversations.ids():
                self._tasks.begin(self._refresh(id))
        elif notice.kind == "changed":
            self._tasks.begin(self._refresh(notice.conversation))
        elif notice.kind == "stop":
            self._making.stop(notice.conversation or None, notice.message or None, notice.number)
        elif notice.kind == "live":
            self._show(notice)

    def _show(self, notice: Notice) -> None:
        conversation = self._conversations.opened(notice.conversation)
        message = conversation.get(notice.message) if conversation is not None else None
        version = message.version(notice.number) if message else None
        if conversation is None or message is None or version is None or version.status != "running":
            return
        if not any(
            one.message is message and one.number == version.number for one in self._making.attempts.values()
        ):
            message.live[version.number] = Live(notice.progress, notice.share)
            conversation.touch_live(message)

    async def _refresh(self, id: str) -> None:
        try:
            await self._conversations.refresh(id)
        except Rejected:
            log.warning("What another process has changed could not be read; it is read with the next change")

    async def _told(self, notice: Notice) -> None:
        try:
            await self._store.tell(notice)
        except StoreError:
            log.exception("The other processes could not be told")

    async def _tell_how_far(self) -> None:
        told: dict[tuple[str, int], tuple[str, float | None]] = {}
        while True:
            await asyncio.sleep(TELL_SECONDS)
            now: dict[tuple[str, int], tuple[str, float | None]] = {}
            for attempt in [*self._making.attempts.values()]:
                key, live = (attempt.message.id, attempt.number), attempt.message.live.get(attempt.number)
                if live is None or not live.progress:
                    continue
                now[key] = live.progress, live.share
                if told.get(key) != now[key]:
                    await self._told(Notice("live", attempt.conversation.id, *key, *now[key]))
            told = now

    async def _take_over(self) -> None:
        while True:
            try:
                taken = await self._store.running.take_over(self._registry.resumers)
                are_others = taken.are_others
                for id in taken.changed:
                    await self._conversations.refresh(id)
                for one in taken.abandoned:
                    await self._go_on(one)
            except (StoreError, Rejected):
                log.exception("What other processes have left behind could not be read")
                are_others = True
            if not (are_others or self._store.is_shared):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _go_on(self, taken: Abandoned) -> None:
        conversation = await self._conversations.whosever(taken.conversation)
        message = conversation.get(taken.message) if conversation is not None else None
        version = message.version(taken.number) if message else None
        try:
            if conversation is None or message is None or version is None or version.deleted is not None:
                raise Rejected("It was deleted meanwhile.")
            self._making.go_on(conversation, message, version, taken.handle)
        except Rejected as error:
            log.warning("A picture that another process had begun cannot be gone on with: %s", error)
            await self._store.running.give_up(taken)
            await self._conversations.refresh(taken.conversation)
        else:
            log.info("Going on with a picture that another process had begun")
