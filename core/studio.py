"""The one road from prompt to picture, whoever asks."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any
from weakref import WeakValueDictionary

from core.allowance import Allowance
from core.asked import Asked
from core.failures import Failure, Refused
from core.fetch import Fetcher
from core.generation import Failed, Filtered, base_url_of, failed, generate
from core.normalise import normalise
from core.registry import Registry
from core.resolve import Resolved, resolve
from core.settings import Settings
from core.store import Store
from core.thread import Applied, Message, Notice, Picture, Thread, Version
from limner import ImageResult, ProviderError, picture
from limner.clients import close_shared

log = logging.getLogger(__name__)


class Studio:
    """Makes pictures for messages in threads; belongs to one event loop, that of its first use.

    Every limit stands here, so that a page, a route or a script cannot walk around it.
    """

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self.settings = settings
        self.registry = registry
        self.store = store
        self._allowance = Allowance(settings)
        self._threads: WeakValueDictionary[str, Thread] = WeakValueDictionary()
        self._opening = asyncio.Lock()
        self._making: dict[Message, asyncio.Task[ImageResult]] = {}
        self._settling: dict[Message, asyncio.Task[None]] = {}
        self._closing = False

    async def thread(self, thread_id: str) -> Thread:
        """Gives the thread of that id, with what the store has of it; one object however many ask."""
        async with self._opening:
            thread = self._threads.get(thread_id)
            if thread is None:
                thread = self._threads[thread_id] = Thread(thread_id, await self.store.load(thread_id))
            return thread

    async def start(self, thread: Thread, asked: Asked, *, visitor: str = "") -> Message:
        """Adds a message to the thread and starts its picture; raises Refused and changes nothing."""
        resolved = self._admit(asked, visitor)
        message = Message(id=secrets.token_hex(8), asked=asked, created=time.time())
        self._begin(thread, message, resolved, visitor)
        return message

    async def regenerate(self, thread: Thread, message: Message, *, visitor: str = "") -> None:
        """Starts another version of a message's picture; raises Refused and changes nothing."""
        if message.running:
            raise Refused("This picture is being made already: wait for it, or stop it.")
        resolved = self._admit(message.asked, visitor)
        self._begin(thread, message, resolved, visitor)

    def stop(self, message: Message) -> None:
        """Cancels what a message is running, if anything; the provider is told."""
        making = self._making.get(message)
        if making is not None:
            making.cancel()

    async def choose(self, thread: Thread, message: Message, number: int) -> None:
        """Shows another version of a message; raises Refused where that version has no picture."""
        if number not in {version.number for version in message.pictures}:
            raise Refused("There is no such version of this picture.")
        message.chosen = number
        await self._save(thread, message)
        thread.touch(message)

    async def close(self) -> None:
        """Refuses new requests, lets what runs settle for a while, then stops the rest and closes all."""
        self._closing = True
        if under_way := list(self._settling.values()):
            log.info("Waiting for %d pictures under way", len(under_way))
            await asyncio.wait(under_way, timeout=self.settings.shutdown_grace)
            for making in self._making.values():
                making.cancel()
            await asyncio.wait(under_way)
        await close_shared()
        await self.store.close()

    def _admit(self, asked: Asked, visitor: str) -> Resolved:
        if self._closing:
            raise Refused("The server is stopping: try again in a moment.")
        resolved = resolve(asked, self.registry, self.settings)
        self._allowance.enter(visitor, paid=resolved.provider.info.paid)
        return resolved

    def _begin(self, thread: Thread, message: Message, resolved: Resolved, visitor: str) -> None:
        version = Version(number=len(message.versions) + 1, applied=_applied(resolved))
        message.versions.append(version)
        message.progress = ""
        making = asyncio.create_task(self._make(thread, message, version, resolved))
        settling = asyncio.create_task(self._settle(thread, message, version, resolved, making))
        self._making[message], self._settling[message] = making, settling

        def settled(_: asyncio.Task[None]) -> None:
            del self._making[message], self._settling[message]
            self._allowance.leave(visitor)

        settling.add_done_callback(settled)
        thread.add(message)

    async def _make(
        self, thread: Thread, message: Message, version: Version, resolved: Resolved
    ) -> ImageResult:
        """The part that Stop cancels: it ends when the provider has answered."""
        await self._save(thread, message, version)
        return await generate(resolved, self.registry, self.settings, _reporter(thread, message))

    async def _settle(
        self,
        thread: Thread,
        message: Message,
        version: Version,
        resolved: Resolved,
        making: asyncio.Task[ImageResult],
    ) -> None:
        """The part that nothing cancels: it brings the version to its end and stores it."""
        begun = time.monotonic()
        outcome = await self._outcome(version, resolved, making)
        settled = version.model_copy(update={**outcome, "duration": round(time.monotonic() - begun, 3)})
        message.versions[-1] = settled
        if settled.picture:
            message.chosen = settled.number
        await self._save(thread, message, settled)
        thread.touch(message)

    async def _outcome(
        self, version: Version, resolved: Resolved, making: asyncio.Task[ImageResult]
    ) -> dict[str, Any]:
        """Waits for the provider and gives the fields that settle a version, whatever happens on the way."""
        provider = resolved.provider
        try:
            return await self._keep(version.applied, resolved, await making)
        except asyncio.CancelledError:
            if not self._closing:
                return {"status": "incomplete", "reason": "cancelled"}
            return _error(failed(provider, "interrupted").failure)
        except Filtered as refusal:
            return {"status": "incomplete", "reason": "content-filter", "refusal": refusal.words}
        except Failed as error:
            return _error(error.failure)
        except Exception:
            log.exception("A picture could not be made")
            return _error(failed(provider, "internal").failure)

    async def _keep(self, applied: Applied, resolved: Resolved, result: ImageResult) -> dict[str, Any]:
        """Proves and stores a result's picture and gives the fields of a complete version."""
        fetcher = Fetcher(self.settings, base_url_of(resolved.provider))
        try:
            data, facts = await normalise(
                result.image,
                fetcher.fetch,
                most_bytes=self.settings.most_bytes,
                most_pixels=self.settings.most_pixels,
            )
        except ProviderError as error:
            raise failed(resolved.provider, error.category, service_message=error.service_message) from error
        name, on_disk = await self.store.put(data, picture.extension(facts.media_type))
        return {
            "status": "complete",
            "applied": _with_result(applied, result, () if on_disk else (_NOT_ON_DISK,)),
            "picture": Picture(
                name=name, media_type=facts.media_type, width=facts.width, height=facts.height, size=len(data)
            ),
        }

    async def _save(self, thread: Thread, message: Message, *versions: Version) -> None:
        try:
            await self.store.save(thread.id, message, *versions)
            message.unsaved = False
        except (OSError, sqlite3.Error):
            log.exception("A message could not be stored")
            message.unsaved = True


_NOT_ON_DISK = Notice(
    feature="store", details="The disk did not take this picture: download it now.", type="other"
)


def _error(failure: Failure) -> dict[str, Any]:
    return {"status": "incomplete", "reason": "error", "failure": failure}


def _applied(resolved: Resolved) -> Applied:
    return Applied(
        prompt=resolved.prompt,
        provider=resolved.provider.name,
        provider_label=resolved.provider.label,
        model=resolved.model.id,
        model_label=resolved.model.name,
        size=str(resolved.size) if resolved.size else None,
        seed=resolved.seed,
        negative_prompt=resolved.negative_prompt,
        options=resolved.options.model_dump(mode="json"),
        warnings=tuple(resolved.notices),
    )


def _with_result(applied: Applied, result: ImageResult, notices: tuple[Notice, ...]) -> Applied:
    """Adds what the service said; whatever of it is no plain JSON becomes text."""
    said = [Notice(feature=w.feature, details=w.details, type=w.type) for w in result.warnings]
    return applied.model_copy(
        update={
            "model": result.model or applied.model,
            "model_label": applied.model_label if result.model in (None, applied.model) else result.model,
            "seed": applied.seed if result.seed is None else result.seed,
            "revised_prompt": result.revised_prompt or None,
            "request_id": result.request_id,
            "usage": _plain(result.usage),
            "metadata": _plain(result.metadata),
            "warnings": (*applied.warnings, *said, *notices),
        }
    )


def _plain(values: Mapping[str, Any]) -> dict[str, Any]:
    return json.loads(json.dumps(dict(values), default=str))


def _reporter(thread: Thread, message: Message) -> Callable[[str], None]:
    """Passes a provider's progress, from whatever thread, to those who watch the message."""
    loop = asyncio.get_running_loop()

    def show(progress: str) -> None:
        if message.running and progress != message.progress:
            message.progress = progress
            thread.touch(message)

    def report(progress: str) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(show, progress)

    return report
