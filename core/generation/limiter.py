"""Where requests are counted: by this process alone, or together with others in a log that all read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from core.chat.failure import Rejected, Unavailable
from core.generation.budget import Charge, Expense
from core.generation.limits import Taken, UsageLimits
from core.generation.shared_log import Entry, LogFails, SharedLog
from core.generation.visitor import Visitor
from core.storage.database import Hit
from core.tasks import Tasks
from limner.price import Money

T = TypeVar("T")
log = logging.getLogger(__name__)

LOOK_SECONDS = 4.0
"""How often a process says in the log that it lives, and looks what others have counted."""


class Limiter:
    """Counts requests against the limits before they are made; belongs to one event loop.

    Methods that wait raise LimitReached or Rejected as the checks of `UsageLimits` do, and Unavailable if the
    log cannot be reached: then nothing is counted, and nothing is made.
    """

    def __init__(self, limits: UsageLimits, shared: SharedLog | None) -> None:
        self._limits = limits
        self._shared = shared
        self._turn = asyncio.Lock()
        self._ended: list[Entry] = []
        """What the log does not have yet."""
        self._tasks = Tasks()
        self._is_looking = False

    async def acquire(self, visitor: Visitor, expenses: Sequence[Expense | None]) -> list[Charge]:
        """Counts more requests of a visitor, all or none; each is in flight until `release`.

        There is one for each of `expenses`; None costs nothing. Returns what each takes from the budgets.
        """
        taken, count = Taken.of(visitor, expenses), len(expenses)
        check = partial(self._limits.check, visitor, expenses)
        return await self._agree(
            check, _as_entry(taken, count), taken, partial(self._limits.take, taken, count)
        )

    async def spend(self, visitor: Visitor, expenses: Sequence[Expense | None]) -> list[Charge]:
        """Counts what costs money against the budgets, all or nothing."""
        taken = Taken.of(visitor, expenses)
        self._tell()
        check = partial(self._limits.check_budgets, visitor, expenses)
        return await self._agree(check, _as_entry(taken, 0), taken, partial(self._limits.take, taken, 0))

    async def count_upload(self, visitor: Visitor, count: int = 1) -> None:
        """Counts pictures that a visitor brings.

        Many at once may go beyond the limit; then the next one waits until they have left the window.
        """
        taken = Taken(visitor.name, [])
        entry = {"kind": "upload", "visitor": visitor.name, "count": count}

        def take() -> None:
            self._limits.take_uploads(visitor.name, count, taken.at)

        await self._agree(partial(self._limits.check_uploads, visitor), entry, taken, take)

    def release(self, visitor: Visitor) -> None:
        """Ends the time in flight of one request, and tells what has changed of its cost."""
        self._limits.release(visitor.name)
        if self._shared:
            self._ended.append({"kind": "end", "visitor": visitor.name})
            self._tell()

    def take_unsaved(self) -> list[Hit]:
        """Returns the hits that the store has not, or not as they are now; with a log it needs none."""
        return [] if self._shared else self._limits.take_unsaved()

    def keep_unsaved(self, hits: Sequence[Hit]) -> None:
        """Takes back hits that the store could not write."""
        self._limits.unsaved_hits += hits

    async def close(self) -> None:
        """Tells the log the last of it, and that this process ends."""
        self._tasks.cancel()
        if self._shared:
            try:
                await self._flush(self._shared)
                await self._shared.leave()
            except LogFails:
                log.warning("The log of the limits cannot be reached; what was in flight ends by itself")

    async def _agree(self, check: Callable[[], None], entry: Entry, taken: Taken, take: Callable[[], T]) -> T:
        """Checks until no other process has counted anything meanwhile, and then counts it."""
        if self._shared is None:
            check()
            return take()
        async with self._turn:  # what is written is counted here before anything else is read
            try:
                await self._join(self._shared)
                is_fresh = False
                while True:
                    try:
                        check()
                    except Rejected:
                        if is_fresh:
                            raise
                        await self._read(self._shared)
                        is_fresh = True
                        continue
                    at, missed = await self._shared.append_after_all(entry)
                    if at is not None:
                        taken.at = at
                        return take()
                    self._take_in(missed)
                    is_fresh = True
            except LogFails as error:
                log.error("The log of the limits cannot be reached: %s", error)
                raise Unavailable("The limits cannot be counted right now: try again in a moment.") from None

    async def _join(self, shared: SharedLog) -> None:
        """Reads what others have counted, and goes on to look for that; once."""
        if self._is_looking:
            return
        await self._read(shared)
        self._is_looking = True
        self._tasks.begin(self._look(shared))

    async def _look(self, shared: SharedLog) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with self._turn:
                    await self._read(shared)
                await self._flush(shared)
            except LogFails as error:
                log.error("The log of the limits cannot be reached: %s", error)

    async def _read(self, shared: SharedLog) -> None:
        """Counts what others have written, but for what was in flight at dead ones."""
        self._take_in(await shared.read())
        for process in await shared.dead(self._limits.processes()):
            self._limits.release_all(process)

    def _tell(self) -> None:
        """Writes to the log what costs have changed, and what has ended, soon."""
        if self._shared:
            changed = (hit for hit in self._limits.take_unsaved() if hit.id)
            self._ended += [
                {"kind": "change", "id": hit.id, "cost": hit.cost, "until": hit.until} for hit in changed
            ]
            self._tasks.begin(self._told(self._shared))

    async def _told(self, shared: SharedLog) -> None:
        try:
            await self._flush(shared)
        except LogFails:
            log.warning("The log of the limits cannot be reached; what has ended is told later")

    async def _flush(self, shared: SharedLog) -> None:
        ended, self._ended = self._ended, []
        try:
            await shared.append(ended)
        except BaseException:
            self._ended = ended + self._ended
            raise

    def _take_in(self, missed: Sequence[tuple[float, Entry]]) -> None:
        """Counts what other processes have written."""
        waiting = self._limits.take_unsaved()
        for at, entry in missed:
            match entry["kind"]:
                case "take":
                    taken = Taken(entry["visitor"], _costs(entry), at, entry["id"], entry["process"])
                    self._limits.take(taken, entry["count"])
                case "upload":
                    self._limits.take_uploads(entry["visitor"], entry["count"], at)
                case "end":
                    self._limits.release(entry["visitor"], entry["process"])
                case "change":
                    self._limits.change(entry["id"], entry["cost"], entry["until"])
                case _:  # of a newer Limner
                    pass
        self._limits.take_unsaved()  # the log has these
        self._limits.unsaved_hits += waiting


def _as_entry(taken: Taken, count: int) -> Entry:
    costs = [(paid, str(cost) if cost else None) for paid, cost in taken.costs]
    return {"kind": "take", "visitor": taken.visitor, "count": count, "costs": costs, "id": taken.id}


def _costs(entry: Entry) -> list[tuple[bool, Money | None]]:
    return [(bool(paid), Money.parse(cost) if cost else None) for paid, cost in entry["costs"]]
