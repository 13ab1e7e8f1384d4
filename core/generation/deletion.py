"""Deletes versions and messages, restores them for a while, and then removes for good what is deleted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from core.chat.conversation import UNDO_SECONDS, Conversation
from core.chat.failure import Rejected
from core.chat.message import Message, Version
from core.generation.attempt import Attempt
from core.generation.saving import Saving
from core.tasks import Tasks

MARGIN = 1.0
"""Seconds between the end of the time to restore and the removal, so that the two never meet."""


class NoVersion(Rejected):
    """A request for a version that its message does not have, or not any more."""

    status = 404


class Deletion:
    """Deletes and restores; belongs to one event loop."""

    def __init__(self, saving: Saving, attempts: Mapping[Any, Attempt]) -> None:
        self._saving = saving
        self._attempts = attempts
        self._tasks = Tasks()
        self._covered = 0.0
        """Until when what is deleted goes with what was deleted before."""

    async def delete(self, conversation: Conversation, message: Message, number: int | None) -> None:
        """Deletes a version, with its message if it is the last, or all of a message.

        Nothing is lost for `UNDO_SECONDS`: a picture that still comes is kept until then. What is deleted
        already stays so: the answer to an earlier request may have been lost.
        """
        if message.deleted is not None:
            return
        changed: list[Version] = []
        now = time.time()
        if number is not None:
            version = message.version(number)
            if version is None:
                raise no_version()
            if version.deleted is not None:
                return
            changed.append(_mark(message, version, now))
        if number is None or not message.turns:
            message.deleted = now
        self.purge_later()
        await self._saving.change(conversation, message, *changed)

    async def restore(self, conversation: Conversation, message: Message, number: int | None) -> None:
        """Takes back that a version was deleted, or a message; raises Rejected if it is too late."""
        version = message.version(number)
        deleted = message.deleted if number is None else version and version.deleted
        if deleted is None or deleted < time.time() - UNDO_SECONDS:
            raise NoVersion("This cannot be restored any more.")
        # a message that went with its last version comes back with it
        together = [other for other in message.versions if other.deleted == deleted]
        if message.deleted == deleted:
            message.deleted = None
        restored = [_mark(message, other, None) for other in together if number in (None, other.number)]
        await self._saving.change(conversation, message, *restored)

    async def purge(self) -> None:
        """Removes for good what has been deleted long enough, but for what is still being made."""
        await self._saving.purge(time.time() - UNDO_SECONDS - MARGIN)

    def purge_later(self) -> None:
        """Removes for good what is deleted now, once it cannot be restored any more."""
        if (
            time.monotonic() < self._covered
        ):  # or each of many deletions would have a task, and a look at the disk
            return
        self._covered = time.monotonic() + MARGIN

        async def purge() -> None:
            await asyncio.sleep(UNDO_SECONDS + 2 * MARGIN)
            if stopping := [attempt.settled for attempt in self._attempts.values() if attempt.is_deleted]:
                await asyncio.wait(stopping)
            await self.purge()

        self._tasks.begin(purge())

    def sweep_later(self) -> None:
        """Deletes old pictures that belong to nothing, while others ask for theirs."""
        self._tasks.begin(self._saving.sweep())

    def close(self) -> None:
        """Leaves what is deleted and not removed yet to the next start."""
        self._tasks.cancel()


def no_version() -> NoVersion:
    """Returns the error for a version that is not there."""
    return NoVersion("This picture has no such version: reload the page.")


def _mark(message: Message, version: Version, deleted: float | None) -> Version:
    """Marks a version as deleted, or as not deleted, and returns it."""
    marked = version.model_copy(update={"deleted": deleted})
    message.versions[message.versions.index(version)] = marked
    return marked
