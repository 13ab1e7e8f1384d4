"""Everything that this process is making: begun, gone on with, stopped, and ended."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import Any

from core.chat.conversation import Conversation
from core.chat.failure import Rejected
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.generation.attempt import Attempt
from core.generation.pipeline import Pipeline
from core.generation.resolve import Plan
from core.generation.saving import Saving
from core.generation.usual import UsualTimes
from core.generation.visitor import Visitor

log = logging.getLogger(__name__)

LAST_GRACE = 10.0
"""Seconds that what is stopped at the end has to clean up."""


class Making:
    """Begins attempts and keeps them until they settle, in the mapping that it is given."""

    def __init__(
        self,
        attempts: dict[asyncio.Task[None], Attempt],
        pipeline: Pipeline,
        saving: Saving,
        usual: UsualTimes,
    ) -> None:
        self.attempts = attempts
        self._pipeline = pipeline
        self._saving = saving
        self._usual = usual

    async def begin(
        self, conversation: Conversation, message: Message, requests: Sequence[UserRequest], visitor: Visitor
    ) -> None:
        """Begins one turn of a message, with a version for each request, and waits until that is stored.

        Raises Rejected, and then none is begun.
        """
        plans = await self._pipeline.admit(requests, visitor)
        try:
            await self._saving.claim(message, len(plans))
        except Rejected:
            for plan in plans:
                self._pipeline.release(plan)
            raise
        turn, begun = None, list[Attempt]()
        for plan in plans:
            begun.append(self._add(conversation, message, plan, turn))
            turn = turn or begun[0].number
        for attempt in begun:
            await attempt.begun.wait()

    def go_on(self, conversation: Conversation, message: Message, version: Version, handle: Any) -> None:
        """Goes on with a version that another process has begun; raises Rejected if that cannot be."""
        plan = self._pipeline.admit_again(version, message.requested(version), handle)
        self._add(conversation, message, plan)

    def stop(
        self, conversation_id: str | None = None, message_id: str | None = None, number: int | None = None
    ) -> None:
        """Stops what is being made for a conversation, for a message, or for one version of it."""
        for attempt in self.attempts.values():
            is_meant = conversation_id in (None, attempt.conversation.id)
            if is_meant and message_id in (None, attempt.message.id) and number in (None, attempt.number):
                attempt.stop("person")

    def lose(self, lost: Collection[tuple[str, int]]) -> None:
        """Leaves to another process what that has taken over, since this one did not renew its lease."""
        for attempt in self.attempts.values():
            if attempt.is_remembered and (attempt.message.id, attempt.number) in lost:
                log.warning("Another process goes on with a picture, since this one was held up")
                attempt.hand_over()

    async def end(self, grace: float) -> None:
        """Waits for what is being made; after some seconds it is stopped, or left to other processes."""
        if settling := set(self.attempts):
            log.info("Waiting for %d pictures that are being made", len(settling))
            await asyncio.wait(settling, timeout=grace)
            for attempt in self.attempts.values():
                if attempt.is_remembered:
                    attempt.hand_over()
                else:
                    attempt.stop("server")
            await asyncio.wait(settling, timeout=LAST_GRACE)

    def _add(
        self, conversation: Conversation, message: Message, plan: Plan, turn: int | None = None
    ) -> Attempt:
        attempt = Attempt(conversation, message, plan, self._pipeline, self._saving.save, turn)
        self.attempts[attempt.settled] = attempt
        attempt.settled.add_done_callback(self._end)
        return attempt

    def _end(self, settled: asyncio.Task[None]) -> None:
        attempt = self.attempts.pop(settled)
        version = attempt.version
        if version.picture and version.duration is not None:
            self._usual.note(*attempt.model, version.duration)
