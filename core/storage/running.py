"""What is being made, here and by other processes: who begins, who works on it, and who takes it over."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import NamedTuple

from sqlalchemy import Connection

from core.chat.message import Message
from core.storage.database import Database
from core.storage.leases import Abandoned, Lease, kept_handle, owners, remember, settle_interrupted, take_over
from core.storage.messages import claim_numbers
from core.storage.notices import Notice, Notices


class TakenOver(NamedTuple):
    """What was left by processes that have ended."""

    abandoned: list[Abandoned]
    """What this process goes on with."""
    changed: set[str]
    """The conversations in which something has changed."""
    are_others: bool
    """Whether other processes were at work."""


class Running:
    """The versions that run, of all processes that share the store; methods may raise StoreError."""

    def __init__(self, database: Database, notices: Notices, process: str) -> None:
        self._database = database
        self._notices = notices
        self._process = process
        self.lease = Lease(database, process)

    async def claim_numbers(self, message: Message, count: int) -> bool:
        """Takes the numbers of versions that are about to begin; False if another process was faster."""
        stored = message.stored
        if stored is None:
            return True
        known, last = stored.last_number, message.claimed(count)
        if not await self._database.write(lambda db: claim_numbers(db, message.id, known, last)):
            return False
        stored.last_number = last
        return True

    async def remember(self, message: Message, number: int, provider: str, handle: object) -> bool:
        """Keeps by what a provider finds a running version again; False if the version is not stored yet.

        Raises TypeError or ValueError if that is no JSON.
        """
        kept = kept_handle(provider, handle)
        return await self._database.write(lambda db: remember(db, message.id, number, self._process, kept))

    async def take_over(self, resumes: Collection[str]) -> TakenOver:
        """Takes over what processes that have ended were making, or settles it as interrupted.

        `resumes` names the providers that can be asked for what was remembered.
        """
        dead, are_others = await self._database.read(lambda connection: owners(connection, self._process))
        if not dead:
            return TakenOver([], set(), are_others)
        taken, changed = await self._database.write(
            lambda connection: self._take_over(connection, dead, resumes)
        )
        for one in taken:
            self.lease.note(one.message, {one.number}, set())
        return TakenOver(taken, changed, are_others)

    async def are_others(self) -> bool:
        """Whether other processes are at work, alive or dead."""
        dead, alive = await self._database.read(lambda connection: owners(connection, self._process))
        return alive or bool(dead)

    async def give_up(self, taken: Abandoned) -> None:
        """Settles as interrupted what was taken over, and cannot be gone on with."""
        is_it = (taken.message, taken.number)

        def write(connection: Connection) -> None:
            settle_interrupted(connection, *is_it, self._process)
            self._notices.tell(connection, Notice("changed", taken.conversation))

        await self._database.write(write)
        self.lease.note(taken.message, set(), {taken.number})

    def settle(self, connection: Connection) -> None:
        """Settles what processes that have ended were making, but for what is remembered."""
        self._take_over(connection, owners(connection, self._process)[0], None)

    def _take_over(
        self, connection: Connection, dead: Iterable[str], resumes: Collection[str] | None
    ) -> tuple[list[Abandoned], set[str]]:
        taken, changed = list[Abandoned](), set[str]()
        for owner in dead:
            more, of_them = take_over(connection, owner, self._process, resumes)
            taken += more
            changed |= of_them
        for conversation in changed:
            self._notices.tell(connection, Notice("changed", conversation))
        if taken:
            self.lease.renew(connection)
        return taken, changed
