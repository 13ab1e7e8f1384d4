"""The one road from prompt to picture, whoever asks."""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from functools import partial
from typing import Any
from weakref import WeakValueDictionary

from core.allowance import OWNER, Allowance, Visitor
from core.asked import Asked
from core.database import StoreError
from core.failures import Refused, Unavailable
from core.normalise import Provers
from core.reaping import DAY
from core.registry import Registry
from core.resolve import resolve
from core.run import Run
from core.settings import Settings
from core.store import Store
from core.thread import Message, Thread, Version
from limner.clients import close_shared

log = logging.getLogger(__name__)

LAST_GRACE = 10.0
"""Seconds that a closing studio gives to what it has stopped."""
MOST_UNSAVED = 1_000
"""Messages kept in memory because the disk did not take them."""
MOST_MESSAGES = 2_000
"""Messages in a conversation, all of which are in memory while it is open."""
MOST_VERSIONS = 200
"""Versions of a message."""


class Studio:
    """Makes pictures for messages in threads; belongs to one event loop, that of its first use.

    Every limit stands here, so that a page, a route or a script cannot walk around it.
    """

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self.settings = settings
        self.registry = registry
        self.store = store
        self._allowance = Allowance(settings, store.hits)
        self._provers = Provers()
        self._threads: WeakValueDictionary[str, Thread] = WeakValueDictionary()
        self._opening = asyncio.Lock()
        self._runs: dict[Message, Run] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._unsaved: dict[Message, Thread] = {}
        self._next_reaping = 0.0
        self._closing = False

    async def thread(self, thread_id: str) -> Thread:
        """Gives the thread of that id, with what the store has of it; one object however many ask.

        Raises Unavailable where the store cannot be read.
        """
        async with self._opening:
            if time.monotonic() >= self._next_reaping:
                self._next_reaping = time.monotonic() + DAY
                await self._reap(self.settings.keep_days)
            thread = self._threads.get(thread_id)
            if thread is None:
                try:
                    messages = await self.store.load(thread_id)
                except StoreError as error:
                    log.exception("A conversation could not be read")
                    advice = "try again in a moment, or tell whoever runs this"
                    raise Unavailable(f"The disk does not give this conversation: {advice}.") from error
                thread = self._threads[thread_id] = Thread(thread_id, messages)
            return thread

    async def start(self, thread: Thread, asked: Asked, *, visitor: Visitor = OWNER) -> Message:
        """Adds a message to the thread and starts its picture; raises Refused and changes nothing."""
        if len(thread) >= MOST_MESSAGES:
            raise Refused(f"This conversation has {MOST_MESSAGES:,} messages: start a new one.")
        message = Message(id=secrets.token_hex(8), asked=asked, created=time.time())
        self._begin(thread, message, visitor)
        return message

    async def regenerate(self, thread: Thread, message: Message, *, visitor: Visitor = OWNER) -> None:
        """Starts another version of a message's picture; raises Refused and changes nothing."""
        if len(message.versions) >= MOST_VERSIONS:
            raise Refused(f"This message has {MOST_VERSIONS} versions: send its prompt as a new one.")
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
        await self._save_later()
        await close_shared()
        await self.store.close()

    def _begin(self, thread: Thread, message: Message, visitor: Visitor) -> None:
        """The road's first steps: validate, allow, and start; Refused by any of them changes nothing."""
        if self._closing:
            raise Unavailable("The server is stopping: try again in a moment.")
        resolved = resolve(message.asked, self.registry, self.settings, for_owner=visitor.is_owner)
        spend = partial(self._allowance.spend, visitor)
        run = Run(thread, message, resolved, self.settings, self.registry, spend)
        self._allowance.enter(visitor, paid=resolved.provider.info.paid)

        def ended() -> None:
            del self._runs[message]
            self._allowance.leave(visitor)

        self._runs[message] = run
        run.start(self.store, self._provers, self._save, ended)
        self._settling.add(run.settled)
        run.settled.add_done_callback(self._settling.discard)

    async def _save(self, thread: Thread, message: Message, *versions: Version) -> None:
        """Stores what changed, then what the disk did not take before, and forgets what is too much."""
        if not await self._is_saved(thread, message, *versions):
            return
        if self.settings.keep_bytes is not None and not message.running:
            await self._reap(newest=message)
        await self._save_later()

    async def _save_later(self) -> None:
        """Stores what the disk did not take before, as long as it takes it."""
        for other, its_thread in list(self._unsaved.items()):
            its_thread.revise(other)
            if not await self._is_saved(its_thread, other):
                return
            its_thread.announce()

    async def _is_saved(self, thread: Thread, message: Message, *versions: Version) -> bool:
        """Stores a message; one that the disk does not take is marked and stays in memory for later."""
        hits, self._allowance.unwritten = self._allowance.unwritten, []
        try:
            changed = message.versions if message.unsaved else versions
            await self.store.save(thread.id, message, *changed, hits=hits)
        except StoreError:
            log.exception("A message could not be stored; it stays in memory")
            self._allowance.unwritten += hits
            message.unsaved = True
            self._unsaved[message] = thread
            if len(self._unsaved) > MOST_UNSAVED:
                del self._unsaved[next(iter(self._unsaved))]
            return False
        message.unsaved = False
        self._unsaved.pop(message, None)
        return True

    async def _reap(self, keep_days: float | None = None, newest: Message | None = None) -> None:
        """Lets the store forget what is too much, and what is older than `keep_days`."""
        spare = {message.id for message in (*self._runs, *([newest] if newest else ()))}
        keep: dict[str, Any] = {"keep_days": keep_days, "keep_bytes": self.settings.keep_bytes}
        try:
            forgotten = await self.store.reap(**keep, in_use=set(self._threads), spare=spare)
        except StoreError:
            log.exception("What is old could not be forgotten")
            return
        for thread_id, message_id, _ in forgotten:
            if thread := self._threads.get(thread_id):
                thread.forget(message_id)
