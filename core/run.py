"""One version of a message, brought to its end whatever happens on the way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from typing import Any, Literal, TypeAlias
from weakref import WeakMethod

from core.applied import applied, with_said
from core.failures import Failure, Refused
from core.fetch import Fetcher
from core.generation import Failed, Filtered, base_url_of, failed, generate
from core.normalise import Provers, normalise
from core.registry import Registry
from core.resolve import Resolved, resolve
from core.settings import Settings
from core.store import Store
from core.thread import Message, Notice, Picture, Thread, Version
from limner import ImageResult, ProviderError, Size, picture

log = logging.getLogger(__name__)

PROGRESS_EVERY = 0.2
"""Seconds between two changes of a message that only tell its progress."""

SAME_SIZE = 0.05
"""How far proportions and area may be off: models that take a ratio choose their own pixels."""

Save: TypeAlias = Callable[[Thread, Message, Version], Awaitable[None]]


class Run:
    """The work on one version: a task that Stop cancels, and one that nothing cancels and that settles.

    What is made after the provider has answered is kept, since it may have been paid for.
    """

    def __init__(
        self,
        thread: Thread,
        message: Message,
        resolved: Resolved,
        settings: Settings,
        registry: Registry,
        spend: Callable[[], None],
    ) -> None:
        self.thread = thread
        self.message = message
        self._resolved = resolved
        self._settings = settings
        self._registry = registry
        self._spend = spend
        self._version = Version(number=len(message.versions) + 1, applied=applied(resolved))
        self._stopped_by: Literal["person", "server"] | None = None
        self._telling: asyncio.TimerHandle | None = None

    def start(self, store: Store, provers: Provers, save: Save, ended: Callable[[], None]) -> None:
        """Adds the running version to the message and begins.

        `ended` is called in the same breath as the version settles, so that another may begin.
        """
        self.message.versions.append(self._version)
        self.message.progress = ""
        self._making = asyncio.create_task(self._make(save))
        self.settled = asyncio.create_task(self._settle(store, provers, save, ended))
        self.thread.add(self.message)

    def stop(self, by: Literal["person", "server"]) -> None:
        """Cancels the provider's work, once: it then has a few seconds to clean up."""
        if self._stopped_by is None and not self._making.done():
            self._stopped_by = by
            self._making.cancel()
            self.message.progress = "stopping"
            self.thread.touch(self.message)

    async def _make(self, save: Save) -> ImageResult:
        """Stores that the version runs, then waits for the answer of the provider, or of a fallback."""
        others = iter(self._settings.fallback)
        before: list[Failure] = []
        while True:
            await save(self.thread, self.message, self._version)
            try:
                return await generate(self._resolved, self._registry, self._settings, self._reporter())
            except Failed as error:
                before.append(error.failure)
                if not error.failure.did_not_run or not self._fall_back(others, before):
                    raise Failed(_in_turn(before)) from error

    def _fall_back(self, others: Iterator[str], before: list[Failure]) -> bool:
        """Turns to the next provider that can take the request and that the budget allows, if any."""
        asked = self.message.asked
        for name in others:
            if name == self._resolved.provider.name:
                continue
            try:
                other = asked.model_copy(update={"provider": name, "model": None, "options": {}})
                resolved = resolve(other, self._registry, self._settings)
                if resolved.provider.info.paid and not self._resolved.provider.info.paid:
                    self._spend()
            except Refused:
                continue
            because = f"By {resolved.provider.label}, because: {_named(before)}"
            resolved.notices.insert(0, Notice(feature="provider", details=because, type="other"))
            self._resolved = resolved
            self._version = self._version.model_copy(update={"applied": applied(resolved)})
            self.message.versions[-1] = self._version
            self.thread.touch(self.message)
            return True
        return False

    async def _settle(self, store: Store, provers: Provers, save: Save, ended: Callable[[], None]) -> None:
        begun = time.monotonic()
        outcome = await self._outcome(store, provers)
        duration = round(time.monotonic() - begun, 3)
        settled = self._version.model_copy(update={**outcome, "duration": duration})
        self.message.versions[-1] = settled
        self.message.progress = ""
        if settled.picture:
            self.message.chosen = settled.number
        ended()
        self.thread.revise(self.message)
        try:
            await save(self.thread, self.message, settled)
        finally:
            self.thread.announce()

    async def _outcome(self, store: Store, provers: Provers) -> dict[str, Any]:
        """Waits for the provider and gives the fields that settle the version."""
        try:
            return await self._keep(await self._making, store, provers)
        except asyncio.CancelledError:
            if self._stopped_by == "person":
                return {"status": "incomplete", "reason": "cancelled"}
            return _error(failed(self._resolved.provider, "interrupted").failure)
        except Filtered as refusal:
            return {"status": "incomplete", "reason": "content-filter", "refusal": refusal.words}
        except Failed as error:
            return _error(error.failure)
        except Exception:
            log.exception("A picture could not be made")
            return _error(failed(self._resolved.provider, "internal").failure)

    async def _keep(self, result: ImageResult, store: Store, provers: Provers) -> dict[str, Any]:
        """Proves and stores a result's picture and gives the fields of a complete version."""
        provider, settings = self._resolved.provider, self._settings
        try:
            data, facts = await normalise(
                result.image,
                Fetcher(settings, base_url_of(provider)).fetch,
                provers,
                most_bytes=settings.most_bytes,
                most_pixels=settings.most_pixels,
            )
        except ProviderError as error:
            raise failed(provider, error.category, why=error.service_message) from error
        notices = self._size_notice(result, facts.width, facts.height)
        name = await store.put(data, picture.extension(facts.media_type))
        return {
            "status": "complete",
            "applied": with_said(self._version.applied, result, *notices),
            "picture": Picture(
                name=name, media_type=facts.media_type, width=facts.width, height=facts.height, size=len(data)
            ),
        }

    def _size_notice(self, result: ImageResult, width: int, height: int) -> list[Notice]:
        """Says that the picture has another size than it should, unless the provider says so itself."""
        asked, came = self._resolved.size, Size(width, height)
        if asked is None or any(said.feature == "size" for said in result.warnings):
            return []
        if abs(came.ratio / asked.ratio - 1) < SAME_SIZE and abs(came.pixels / asked.pixels - 1) < SAME_SIZE:
            return []
        return [Notice(feature="size", details=f"{asked} was asked for, and {came} came.", type="other")]

    def _reporter(self) -> Callable[[str], None]:
        """Passes a provider's progress on, from whatever thread; a request that is kept keeps no thread."""
        loop, show_of = asyncio.get_running_loop(), WeakMethod(self._show)

        def report(progress: str) -> None:
            show = show_of()
            if show is not None:
                with suppress(RuntimeError):  # the loop has ended before the provider's thread
                    loop.call_soon_threadsafe(show, progress)

        return report

    def _show(self, progress: str) -> None:
        if self._making.done() or self._stopped_by or progress == self.message.progress:
            return
        self.message.progress = progress
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(PROGRESS_EVERY, self._tell)

    def _tell(self) -> None:
        self._telling = None
        if self.message.running:
            self.thread.touch(self.message)


def _in_turn(failures: list[Failure]) -> Failure:
    """Gives the last failure, with those before it named, so that none hides another."""
    *before, last = failures
    if not before:
        return last
    return last.model_copy(update={"why": f"{last.why} Asked before it: {_named(before)}"})


def _named(failures: list[Failure]) -> str:
    return " ".join(failure.what for failure in failures)


def _error(failure: Failure) -> dict[str, Any]:
    return {"status": "incomplete", "reason": "error", "failure": failure}
