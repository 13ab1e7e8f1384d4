"""The life of one version: begun, stopped if the person wants, and settled whatever happens."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Literal, TypeAlias
from weakref import WeakMethod

from core.chat.conversation import Conversation
from core.chat.message import Message, Version
from core.chat.picture import Preview
from core.generation.call import GenerationFailed, failed
from core.generation.pipeline import Pipeline
from core.generation.previews import Previews
from core.generation.resolve import Plan
from limner import CancelConfirmed, ImageResult

log = logging.getLogger(__name__)

PROGRESS_EVERY = 0.2
"""Seconds between two changes of a message that only show its progress."""

Save: TypeAlias = Callable[[Conversation, Message, Version], Awaitable[None]]


class Attempt:
    """The work on one version of a message: a task that Stop cancels, and one that nothing cancels.

    Whatever is made after the provider has answered is kept, since it may have been paid for.
    `settled` is the second task.
    """

    def __init__(
        self, conversation: Conversation, message: Message, plan: Plan, pipeline: Pipeline, save: Save
    ) -> None:
        """Adds the running version to the message and begins."""
        self.conversation = conversation
        self.message = message
        self._plan: Plan = plan
        self._pipeline: Pipeline = pipeline
        self._save = save
        self._version: Version = Version(number=len(message.versions) + 1, provenance=plan.provenance)
        self._stopped_by: Literal["person", "server"] | None = None
        self._announcing: asyncio.TimerHandle | None = None
        message.versions.append(self._version)
        message.progress = ""
        self._previews = Previews(pipeline.prove_preview, self._show_preview)
        making = pipeline.make(plan, self._begin, self._reporter(), self._previews.take)
        self._making: asyncio.Task[ImageResult] = asyncio.create_task(making)
        self.settled = asyncio.create_task(self._settle())
        conversation.add(message)

    def stop(self, by: Literal["person", "server"]) -> None:
        """Cancels the provider's work, once: it then has a few seconds to clean up."""
        if self._stopped_by is None and not self._making.done():
            self._stopped_by = by
            self._making.cancel()
            self.message.progress = "stopping"
            self.conversation.touch(self.message)

    async def _begin(self, plan: Plan) -> None:
        """Stores which provider is going to be called; a fallback's name replaces the first one's."""
        if plan is not self._plan:
            self._plan = plan
            self._version = self._version.model_copy(update={"provenance": plan.provenance})
            self.message.versions[-1] = self._version
            self.conversation.touch(self.message)
        await self._save(self.conversation, self.message, self._version)

    async def _settle(self) -> None:
        begun = time.monotonic()
        outcome = await self._outcome(self._making)
        self._previews.end()
        settled = outcome.model_copy(update={"duration": round(time.monotonic() - begun, 3)})
        self.message.versions[-1] = settled
        self.message.progress, self.message.preview = "", None
        if settled.picture:
            self.message.chosen = settled.number
        self._pipeline.release(self._plan)  # together with the end of the version, so that another may begin
        self.conversation.revise(self.message)
        try:
            await self._save(self.conversation, self.message, settled)
        finally:
            self.conversation.announce()

    async def _outcome(self, making: asyncio.Task[ImageResult]) -> Version:
        """Waits for the provider, keeps its picture, and returns the settled version."""
        try:
            result = await making
            return self._version.completed(*await self._pipeline.keep(self._plan, result))
        except asyncio.CancelledError as error:
            if self._stopped_by == "person":
                return self._version.cancelled()
            ended = CancelConfirmed.is_in(error)
            return self._version.failed(
                failed(self._plan.provider, "interrupted", was_cancelled=ended).failure
            )
        except GenerationFailed as error:
            return self._version.failed(error.failure)
        except Exception:
            log.exception("A picture could not be made")
            return self._version.failed(failed(self._plan.provider, "internal").failure)

    def _reporter(self) -> Callable[[str], None]:
        """Returns what shows progress, from any thread; a plugin that keeps it does not keep the attempt."""
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
        if self._announcing is None:
            self._announcing = asyncio.get_running_loop().call_later(PROGRESS_EVERY, self._announce)

    def _show_preview(self, preview: Preview) -> None:
        if not (self._making.done() or self._stopped_by):
            self.message.preview = preview
            self.conversation.touch(self.message)

    def _announce(self) -> None:
        self._announcing = None
        if self.message.running:
            self.conversation.touch(self.message)
