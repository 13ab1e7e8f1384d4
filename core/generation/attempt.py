"""The life of one version: begun, stopped if the person wants, and settled whatever happens."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeAlias, TypeVar
from weakref import WeakMethod

from core.chat.conversation import Conversation
from core.chat.message import Live, Message, Version
from core.chat.picture import Preview
from core.generation.call import GenerationFailed, failed
from core.generation.pipeline import Pipeline
from core.generation.previews import Previews
from core.generation.resolve import Plan
from core.generation.visitor import pseudonym
from core.generation.watch import Watch
from core.logs import unsaid
from core.tasks import Tasks
from limner import CancelConfirmed, ImageResult

T = TypeVar("T")
log = logging.getLogger(__name__)

PROGRESS_EVERY = 0.2
"""Seconds between two changes of a message that only show its progress."""
REMEMBER_SECONDS, REMEMBER_AGAIN_SECONDS = 5.0, 2.0
"""How long a provider waits until its handle is kept, and the pause before that is tried again."""

Save: TypeAlias = Callable[[Conversation, Message, Version], Awaitable[None]]


class Attempt:
    """The work on one version of a message: a task that Stop cancels, and one that nothing cancels.

    Whatever is made after the provider has answered is kept, since it may have been paid for.
    `settled` is the second task. Of a plan that is taken over the version has begun already.
    """

    def __init__(
        self,
        conversation: Conversation,
        message: Message,
        plan: Plan,
        pipeline: Pipeline,
        save: Save,
        turn: int | None = None,
    ) -> None:
        """Adds the running version to the message, to a turn that others have begun or to a new one."""
        self.conversation = conversation
        self.message = message
        self._plan: Plan = plan
        self._pipeline: Pipeline = pipeline
        self._save = save
        if plan.taken_over:
            self._version: Version = plan.taken_over.version
        else:
            number = message.next_number()
            self._version = Version(
                number=number,
                turn=turn or number,
                request=None if plan.request == message.request else plan.request,
                provenance=plan.provenance,
            )
            message.versions.append(self._version)
        self.number = self._version.number
        self._stopped_by: Literal["person", "server"] | None = None
        self._is_handed_over = threading.Event()
        self.is_remembered = plan.taken_over is not None
        """Whether another process could ask the provider for it."""
        self._remembering = Tasks()
        self._announcing: asyncio.TimerHandle | None = None
        self.begun = asyncio.Event()
        """It is in the store, or cannot be written there."""
        self._live = message.live[self.number] = Live()
        self._previews = Previews(pipeline.prove_preview, self._show_preview)
        watch = Watch(
            _weak(self._show_progress),
            _weak(self._show_share),
            self._previews.take,
            _weak_async(self._remember),
            self._is_handed_over.is_set,
        )
        making = pipeline.make(plan, self._begin, watch)
        with unsaid(plan.request.prompt, plan.request.negative_prompt):
            self._making: asyncio.Task[ImageResult] = asyncio.create_task(making)
            self.settled = asyncio.create_task(self._settle())
        self.settled.add_done_callback(lambda _: self.begun.set())
        conversation.add(message)

    @property
    def version(self) -> Version:
        """The version as it is now."""
        return self.message.version(self.number) or self._version

    @property
    def is_deleted(self) -> bool:
        """Whether the version is deleted, alone or with its message or conversation."""
        return any(one.deleted is not None for one in (self.conversation, self.message, self.version))

    @property
    def model(self) -> tuple[str, str]:
        """The names of the provider and of the model that were asked last."""
        return self._plan.provider.name, self._plan.model.id

    def stop(self, by: Literal["person", "server"]) -> None:
        """Cancels the provider's work, once: it then has a few seconds to clean up."""
        if self._stopped_by is None and not self._making.done():
            self._stopped_by = by
            self._making.cancel()
            self._live.progress, self._live.share = "stopping", None
            self.conversation.touch_live(self.message)

    def hand_over(self) -> None:
        """Ends the work here, and leaves the job at the service to whichever process takes it over."""
        self._is_handed_over.set()
        self._making.cancel()

    async def _remember(self, handle: Any) -> None:
        """Keeps a handle, and tries that for as long as the job runs; the provider need not wait for all."""
        self._remembering.cancel()
        keeping = self._remembering.begin(self._keep(handle))
        await asyncio.wait({keeping}, timeout=REMEMBER_SECONDS)

    async def _keep(self, handle: Any) -> None:
        while not self._making.done():
            kept = await self._pipeline.remember(self._plan, self.message, self.number, handle)
            if kept is not None:
                self.is_remembered = kept or self.is_remembered
                return
            await asyncio.sleep(REMEMBER_AGAIN_SECONDS)

    async def _begin(self, plan: Plan) -> None:
        """Stores which provider is going to be called; a fallback's name replaces the first one's."""
        if plan is not self._plan:
            self._plan = plan
            self._version = self._version.model_copy(update={"provenance": plan.provenance})
            self.message.replace(self._version)
            self.conversation.touch(self.message)
        await self._save(self.conversation, self.message, self.version)
        self.begun.set()

    async def _settle(self) -> None:
        begun = time.monotonic()
        if self._plan.taken_over:
            begun -= max(0.0, time.time() - self._version.started)
        outcome = await self._outcome(self._making)
        self._previews.end()
        if self._announcing:
            self._announcing.cancel()  # it would keep the conversation in memory for as long
        if self._is_handed_over.is_set() and not outcome.picture:
            self.message.live.pop(self.number, None)
            self._pipeline.release(self._plan)
            return
        duration = round(time.monotonic() - begun, 3)
        settled = self.message.replace(outcome.model_copy(update={"duration": duration}))
        self.message.live.pop(self.number, None)
        if [version for version in self.message.pictures if version.turn == settled.turn] == [settled]:
            self.message.chosen = self.number  # the first of its turn; a later one leads nobody back there
        self._pipeline.release(self._plan)  # together with the end of the version, so that another may begin
        self.conversation.revise(self.message)
        log.info("picture", extra={"fields": self._event(settled)})
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
            nothing_ran = not self._plan.calls.may_have_run
            ending = failed(self._plan, "interrupted", was_cancelled=ended, did_not_run=nothing_ran)
            return self._version.failed(ending.failure)
        except GenerationFailed as error:
            return self._version.failed(error.failure)
        except BaseException:  # whatever it is, the version must end, and its place be free again
            log.exception("A picture could not be made")
            return self._version.failed(failed(self._plan, "internal").failure)

    def _event(self, settled: Version) -> dict[str, Any]:
        """Returns what the log says of a settled version: without its prompt, and without who asked."""
        provider, model = self.model
        fields = {
            "provider": provider,
            "model": model,
            "outcome": settled.reason or settled.status,
            "cause": settled.failure and settled.failure.cause,
            "seconds": settled.duration,
            "cost": settled.provenance.cost if self._plan.calls.may_have_run else None,
            "visitor": pseudonym(self._plan.visitor),
            "message_id": self.message.id,
            "version": self.number,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def _show_progress(self, progress: str) -> None:
        self._show(progress=progress)

    def _show_share(self, share: float | None) -> None:
        self._show(share=share)

    def _show(self, **changes: Any) -> None:
        if self._making.done() or self._stopped_by or changes.items() <= vars(self._live).items():
            return
        vars(self._live).update(changes)
        if self._announcing is None:
            self._announcing = asyncio.get_running_loop().call_later(PROGRESS_EVERY, self._announce)

    def _show_preview(self, preview: Preview) -> None:
        if not (self._making.done() or self._stopped_by):
            self._live.preview = preview
            self.conversation.touch_live(self.message)

    def _announce(self) -> None:
        self._announcing = None
        self.conversation.touch_live(self.message)


def _weak_async(keep: Callable[[T], Awaitable[None]]) -> Callable[[T], Awaitable[None]]:
    """Does the same for what is awaited."""
    keep_of = WeakMethod(keep)

    async def keep_if_alive(what: T) -> None:
        if keep := keep_of():
            await keep(what)

    return keep_if_alive


def _weak(show: Callable[[T], None]) -> Callable[[T], None]:
    """Returns what shows something while the attempt lives, which a plugin that keeps it does not keep."""
    show_of = WeakMethod(show)

    def show_if_alive(what: T) -> None:
        if show := show_of():
            show(what)

    return show_if_alive
