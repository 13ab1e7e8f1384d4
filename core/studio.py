"""The one road from prompt to picture, whoever asks."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from weakref import WeakValueDictionary

from core.allowance import Allowance
from core.asked import Asked
from core.database import StoreError
from core.failures import Refused
from core.reaping import DAY
from core.registry import Registry
from core.resolve import resolve
from core.run import Run
from core.settings import Settings
from core.store import Store
from core.thread import Message, Thread, Version
from core.worker import Workers
from limner.clients import close_shared

log = logging.getLogger(__name__)

LAST_GRACE = 10.0
"""Seconds that a closing studio gives to what it has stopped."""
PROVERS = 8
"""Pictures decoded at once, each of which may take four bytes a pixel."""
MOST_UNSAVED = 1_000
"""Messages kept in memory because the disk did not take them."""


class Studio:
    """Makes pictures for messages in threads; belongs to one event loop, that of its first use.

    Every limit stands here, so that a page, a route or a script cannot walk around it.
    """

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self.settings = settings
        self.registry = registry
        self.store = store
        self._allowance = Allowance(settings)
        self._provers = Workers(PROVERS)
        self._threads: WeakValueDictionary[str, Thread] = WeakValueDictionary()
        self._opening = asyncio.Lock()
        self._runs: dict[Message, Run] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._unsaved: dict[Message, Thread] = {}
        self._next_reaping = 0.0
        self._closing = False

    async def thread(self, thread_id: str) -> Thread:
        """Gives the thread of that id, with what the store has of it; one object however many ask.

        Raises Refused where the store cannot be read.
        """
        async with self._opening:
            await self._reap_when_due()
            thread = self._threads.get(thread_id)
            if thread is None:
                try:
                    messages = await self.store.load(thread_id)
                except StoreError as error:
                    log.exception("A conversation could not be read")
                    advice = "try again in a moment, or tell whoever runs this"
                    raise Refused(f"The disk does not give this conversation: {advice}.") from error
                thread = self._threads[thread_id] = Thread(thread_id, messages)
            return thread

    async def start(self, thread: Thread, asked: Asked, *, visitor: str = "") -> Message:
        """Adds a message to the thread and starts its picture; raises Refused and changes nothing."""
        message = Message(id=secrets.token_hex(8), asked=asked, created=time.time())
        self._begin(thread, message, visitor)
        return message

    async def regenerate(self, thread: Thread, message: Message, *, visitor: str = "") -> None:
        """Starts another version of a message's picture; raises Refused and changes nothing."""
        if message.running:
            raise Refused("This picture is being made already: wait for it, or stop it.")
        self._begin(thread, message, visitor)

    def stop(self, message: Message) -> None:
        """Cancels what a message is running, if anything; the provider is told."""
        run = self._runs.get(message)
        if run is not None:
            run.stop("person")

    async def choose(self, thread: Thread, message: Message, number: int) -> None:
        """Shows another version of a message; raises Refused where that version has no picture."""
        if number not in {version.number for version in message.pictures}:
            raise Refused("There is no such version of this picture: reload the page.")
        message.chosen = number
        thread.revise(message)
        await self._save(thread, message)
        thread.announce()

    async def close(self) -> None:
        """Refuses new requests, lets what runs settle for `shutdown_grace`, stops the rest, closes all.

        A second call does nothing.
        """
        if self._closing:
            return
        self._closing = True
        if settling := set(self._settling):
            log.info("Waiting for %d pictures under way", len(settling))
            await asyncio.wait(settling, timeout=self.settings.shutdown_grace)
            for run in self._runs.values():
                run.stop("server")
            await asyncio.wait(settling, timeout=LAST_GRACE)
        await close_shared()
        await self.store.close()

    def _begin(self, thread: Thread, message: Message, visitor: str) -> None:
        """The road's first steps: validate, allow, and start; Refused by any of them changes nothing."""
        if self._closing:
            raise Refused("The server is stopping: try again in a moment.")
        resolved = resolve(message.asked, self.registry, self.settings)
        run = Run(thread, message, resolved, self.settings, self.registry, self._allowance.spend)
        self._allowance.enter(visitor, paid=resolved.provider.info.paid)

        def ended() -> None:
            del self._runs[message]
            self._allowance.leave(visitor)

        self._runs[message] = run
        run.start(self.store, self._provers, self._save, ended)
        self._settling.add(run.settled)
        run.settled.add_done_callback(self._settling.discard)

    async def _save(self, thread: Thread, message: Message, *versions: Version) -> None:
        """Stores what changed, and after that what the disk did not take before."""
        if not await self._is_saved(thread, message, *versions):
            return
        for other, its_thread in list(self._unsaved.items()):
            its_thread.revise(other)
            if not await self._is_saved(its_thread, other):
                return
            its_thread.announce()

    async def _is_saved(self, thread: Thread, message: Message, *versions: Version) -> bool:
        """Stores a message; one that the disk does not take is marked and stays in memory for later."""
        try:
            await self.store.save(thread.id, message, *(message.versions if message.unsaved else versions))
        except StoreError:
            log.exception("A message could not be stored; it stays in memory")
            message.unsaved = True
            self._unsaved[message] = thread
            if len(self._unsaved) > MOST_UNSAVED:
                del self._unsaved[next(iter(self._unsaved))]
            return False
        message.unsaved = False
        self._unsaved.pop(message, None)
        return True

    async def _reap_when_due(self) -> None:
        """Lets the store forget what is old, at the first use and then once a day."""
        keep_days, keep_bytes = self.settings.keep_days, self.settings.keep_bytes
        if (keep_days is None and keep_bytes is None) or time.monotonic() < self._next_reaping:
            return
        self._next_reaping = time.monotonic() + DAY
        try:
            await self.store.reap(keep_days=keep_days, keep_bytes=keep_bytes, in_use=set(self._threads))
        except StoreError:
            log.exception("What is old could not be forgotten")
