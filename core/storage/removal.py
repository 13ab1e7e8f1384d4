"""Removes for good: what is too old or too much, what was deleted, and what belongs to nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection

from core.storage.conversations import purge_conversations
from core.storage.database import Database
from core.storage.notices import Notice, Notices
from core.storage.pictures import Pictures
from core.storage.retention import Forgotten, prune, purge
from core.storage.uploads import forget_pictures

T = TypeVar("T")
log = logging.getLogger(__name__)

ORPHAN_SECONDS = 86_400.0
"""The age of a picture that no row refers to, after which it is deleted."""


class Removal:
    """Deletes rows, and then the pictures that they alone had; every method may raise StoreError.

    `wait` waits for work with the pictures.
    """

    def __init__(
        self,
        database: Database,
        pictures: Pictures,
        notices: Notices,
        wait: Callable[[Callable[[], Any]], Awaitable[Any]],
    ) -> None:
        self._database = database
        self._pictures = pictures
        self._notices = notices
        self._wait = wait

    async def prune(
        self,
        *,
        keep_days: float | None,
        keep_bytes: int | None,
        in_use: Collection[str],
        protected: Collection[str] = (),
    ) -> list[Forgotten]:
        """Forgets what is too old, and the oldest beyond `keep_bytes` of pictures and rows together.

        None sets no limit. Messages of the conversations in use go last, those in `protected` never.
        """

        limits = partial(
            prune, keep_days=keep_days, keep_bytes=keep_bytes, in_use=in_use, protected=protected
        )
        forgotten = await self.without(partial(self._telling, limits))
        if forgotten:
            log.info("Forgot %d old messages", len(forgotten))
        return forgotten

    async def purge(self, before: float, protected: Collection[str]) -> list[Forgotten]:
        """Removes for good what was deleted before a time, but for what is still being made.

        Nothing of the messages in `protected` is removed.
        """
        due = partial(purge, before=before, protected=protected)
        return await self.without(partial(self._telling, due))

    async def purge_conversations(self, before: float) -> list[str]:
        """Removes for good the conversations that were deleted before a time, and returns their ids."""
        return await self.without(partial(purge_conversations, before=before))

    async def sweep(self, kept: Collection[str]) -> int:
        """Deletes old pictures that no row refers to, but for those that are kept; returns how many.

        A process that was killed may have left them.
        """
        steps, swept = self._pictures.old(time.time() - ORPHAN_SECONDS), 0
        while (names := await self._wait(lambda: next(steps, None))) is not None:
            left = [name for name in names if name not in kept and self._pictures.in_memory(name) is None]
            gone = await self.without(lambda db, left=left: ((n := forget_pictures(db, left, 0)), n))
            swept += len(gone)
        if swept:
            log.info("Deleted %d pictures that belonged to nothing", swept)
        return swept

    async def without(self, work: Callable[[Connection], tuple[T, list[str]]]) -> T:
        """Does work that returns also which pictures are not needed any more, and then deletes these."""

        def write() -> T:
            done, gone = self._database.write_now(work)
            try:
                self._pictures.forget(gone)
            except self._pictures.failures:
                log.exception("Pictures could not be deleted; they are deleted as orphans")
            return done

        return await self._database.run(write)

    def _telling(
        self, work: Callable[[Connection], tuple[list[Forgotten], list[str]]], connection: Connection
    ) -> tuple[list[Forgotten], list[str]]:
        forgotten, gone = work(connection)
        for conversation in {one.conversation for one in forgotten}:
            self._notices.tell(connection, Notice("changed", conversation))
        return forgotten, gone
