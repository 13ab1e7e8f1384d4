"""Removes for good: what is too old or too much, what was deleted, and what belongs to nothing."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, select

from core.storage.conversations import purge_conversations
from core.storage.database import Database, StoreError
from core.storage.notices import Notice, Notices
from core.storage.pictures import Pictures
from core.storage.retention import Forgotten, prune, purge
from core.storage.tables import origin
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

        A process that was killed may have left them. Those that are older than the database are not its own,
        and neither are any that are marked as another's.
        """
        its_own = select(origin.c.id, origin.c.created)
        id, created = await self._database.read(lambda db: db.execute(its_own).one())
        if not await self._wait(lambda: self._pictures.belong_to(id)):
            log.warning("The pictures belong to another database too: what nothing refers to here is kept")
            return 0
        steps, swept = self._pictures.old(time.time() - ORPHAN_SECONDS), 0
        while (found := await self._wait(lambda: next(steps, None))) is not None:
            names = [name for name, at in found if at > created and name not in kept]
            left = [name for name in names if self._pictures.in_memory(name) is None]
            gone = await self._database.write(partial(forget_pictures, names=left, uploads_since=0))
            await self._forget(gone)
            swept += len(gone)
        if swept:
            log.info("Deleted %d pictures that belonged to nothing", swept)
        return swept

    async def without(self, work: Callable[[Connection], tuple[T, list[str]]]) -> T:
        """Does work that returns also which pictures are not needed any more, and then deletes these."""
        done, gone = await self._database.write(work)
        await self._forget(gone)
        return done

    async def _forget(self, gone: list[str]) -> None:
        if gone:
            try:
                await self._wait(lambda: self._pictures.forget(gone))
            except StoreError:
                log.exception("Pictures could not be deleted; they are deleted as orphans")

    def _telling(
        self, work: Callable[[Connection], tuple[list[Forgotten], list[str]]], connection: Connection
    ) -> tuple[list[Forgotten], list[str]]:
        forgotten, gone = work(connection)
        for conversation in {one.conversation for one in forgotten}:
            self._notices.tell(connection, Notice("changed", conversation))
        return forgotten, gone
