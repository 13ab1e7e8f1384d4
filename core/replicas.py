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
        self._refreshing: dict[str, bool] = {}
        """The conversations that are being read again, and whether they have changed meanwhile."""

    def start(self) -> None:
        """Begins to listen, and to look for what dead processes have left; a second call does nothing."""
        if self._is_started:
            return
        self._is_started = True
        loop = asyncio.get_running_loop()

        def hear(notice: Notice | None) -> None:
            loop.call_soon_threadsafe(self._hear, notice)

        def lose(lost: set[tuple[str, int]]) -> None:
            loop.call_soon_threadsafe(self._making.lose, lost)

        self._store.running.lease.on_lost = lose
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
        """Reads a conversation again, once for all changes that are told meanwhile."""
        if id in self._refreshing:
            self._refreshing[id] = True
            return
        self._refreshing[id] = True
        try:
            while self._refreshing[id]:
                self._refreshing[id] = False
                await self._conversations.refresh(id)
        except Rejected:
            log.warning("What another process has changed could not be read; it is read with the next change")
        finally:
            del self._refreshing[id]

    async def _told(self, notice: Notice) -> None:
        try:
            await self._store.tell(notice)
        except StoreError as error:
            log.error("The other processes could not be told: %s", error)

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
        waiting: list[Abandoned] = []
        was_away = False
        while True:
            try:
                if was_away:  # nobody could renew a lease: the others get the time to
                    are_others = await self._store.running.are_others()
                else:
                    taken = await self._store.running.take_over(self._registry.resumers)
                    are_others = taken.are_others
                    for id in taken.changed:
                        self._tasks.begin(self._refresh(id))
                    waiting += taken.abandoned
                was_away = False
            except StoreError as error:
                log.error("What other processes have left behind could not be read: %s", error)
                are_others = was_away = True
            waiting = [one for one in waiting if not await self._goes_on(one)]
            if not (are_others or waiting or self._store.is_shared):
                return
            await asyncio.sleep(LOOK_SECONDS)

    async def _goes_on(self, taken: Abandoned) -> bool:
        """Goes on with a version; returns False if that must be tried again."""
        try:
            await self._go_on(taken)
        except (StoreError, Rejected) as error:
            log.error("What another process has left behind could not be read: %s", error)
            return False
        return True

    async def _go_on(self, taken: Abandoned) -> None:
        conversation = await self._conversations.whosever(taken.conversation)
        message = conversation.get(taken.message) if conversation is not None else None
        version = message.version(taken.number) if message else None
        try:
            if conversation is None or message is None or version is None or version.deleted is not None:
                raise Rejected("It was deleted meanwhile.")
            if version.provenance.provider != taken.provider:
                raise Rejected("Another provider was asked for it since.")
            self._making.go_on(conversation, message, version, taken.handle)
        except Rejected as error:
            log.warning("A picture that another process had begun cannot be gone on with: %s", error)
            await self._store.running.give_up(taken)
            await self._conversations.refresh(taken.conversation)
        else:
            log.info("Going on with a picture that another process had begun")
