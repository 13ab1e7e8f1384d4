"""Where requests are counted: by this process alone, or together with others in a log that all read."""

from __future__ import annotations

import asyncio
import logging
import time
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
PAUSE_SECONDS = 1.0
"""How long a log that does not answer is not asked again."""


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
        self._is_closed = False
        self._fails_until = 0.0
        """Until when the log is not asked, since it does not answer."""
        self._was_away = False
        """The log did not answer, and so others may have taken this process for dead."""

    async def acquire(self, visitor: Visitor, expenses: Sequence[Expense | None]) -> list[Charge]:
        """Counts more requests of a visitor, all or none; each is in flight until `release`.

        There is one for each of `expenses`; None costs nothing. Returns what each takes from the budgets.
        """
        taken, count = Taken.of(visitor, expenses), len(expenses)
        check = partial(self._limits.check, visitor, expenses)
        return await self._agree(
            check, _as_entry(taken, count), taken, partial(self._limits.take, taken, count)
        )

    async def spend(self, visitor: Visitor, expense: Expense | None, place: str) -> Charge:
        """Counts against the budgets what somebody else is asked for, in the same place in flight."""
        taken = Taken.of(visitor, [expense])
        self._tell()
        check = partial(self._limits.check_budgets, visitor, [expense])
        (charge,) = await self._agree(check, _as_entry(taken, 0), taken, partial(self._limits.take, taken, 0))
        charge.place = place
        return charge

    async def count_upload(self, visitor: Visitor, count: int = 1) -> None:
        """Counts pictures that a visitor brings.

        Many at once may go beyond the limit; then the next one waits until they have left the window.
        """
        taken = Taken(visitor.name, [])
        entry = {"kind": "upload", "visitor": visitor.name, "count": count}

        def take() -> None:
            self._limits.take_uploads(visitor.name, count, taken.at)

        await self._agree(partial(self._limits.check_uploads, visitor), entry, taken, take)

    def release(self, charge: Charge) -> None:
        """Ends the time in flight of one request, and tells what has changed of its cost."""
        self._limits.release(charge.place)
        if self._shared:
            self._ended.append(_end(charge.place))
            self._tell()

    def take_unsaved(self) -> list[Hit]:
        """Returns the hits that the store has not, or not as they are now; with a log it needs none."""
        return [] if self._shared else self._limits.take_unsaved()

    def keep_unsaved(self, hits: Sequence[Hit]) -> None:
        """Takes back hits that the store could not write."""
        self._limits.unsaved_hits += hits

    async def close(self) -> None:
        """Tells the log the last of it, and that this process ends."""
        self._is_closed = True
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
                    at, missed = await self._append(self._shared, entry, taken)
                    self._take_in(missed)
                    if at is not None:
                        taken.at = at
                        return take()
                    is_fresh = True
            except LogFails as error:
                self._fails(error)
                raise Unavailable("The limits cannot be counted right now: try again in a moment.") from None

    async def _append(
        self, shared: SharedLog, entry: Entry, taken: Taken
    ) -> tuple[float | None, list[tuple[float, Entry]]]:
        try:
            return await shared.append_after_all(entry)
        except LogFails:  # it may have been written: what follows it takes it back
            numbers = range(len(taken.costs))
            self._ended += [_end(taken.place(number)) for number in numbers]
            hits = [taken.hit(number, own=own) for number in numbers for own in (False, True)]
            self._ended += [_change(hit, None, 0) for hit in hits]
            raise

    def _fails(self, error: LogFails) -> None:
        if time.monotonic() >= self._fails_until:
            log.error("The log of the limits cannot be reached: %s", error)
        self._fails_until, self._was_away = time.monotonic() + PAUSE_SECONDS, True

    async def _join(self, shared: SharedLog) -> None:
        """Reads what others have counted, and goes on to look for that; once."""
        if time.monotonic() < self._fails_until:  # so that not everybody waits who asks meanwhile
            raise LogFails("it did not answer just now")
        if self._is_looking:
            return
        await self._read(shared)
        self._is_looking = True
        self._tasks.begin(self._look(shared))

    async def _look(self, shared: SharedLog) -> None:
        while not self._is_closed:  # redis takes a cancellation for a lost connection now and then
            await asyncio.sleep(LOOK_SECONDS)
            try:
                async with self._turn:
                    await self._read(shared)
                await self._flush(shared)
            except LogFails as error:
                self._fails(error)
            except Exception:
                log.exception("What other processes count could not be read")

    async def _read(self, shared: SharedLog) -> None:
        """Counts what others have written, but for what was in flight at dead ones."""
        was_known = await shared.say_alive()
        held = {place: name for place, (name, process) in self._limits.in_flight.items() if not process}
        if held and (self._was_away or not was_known):  # the others may have given its places away
            self._ended.append({"kind": "held", "places": held})
        self._was_away = False
        while (missed := await shared.read()) is not None:
            self._take_in(missed)
        for process in await shared.dead(self._limits.processes()):
            self._limits.release_all(process)

    def _tell(self) -> None:
        """Writes to the log what costs have changed, and what has ended, soon."""
        if self._shared:
            changed = (hit for hit in self._limits.take_unsaved() if hit.id)
            self._ended += [_change(hit.id or "", hit.cost, hit.until) for hit in changed]
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
            try:
                self._count(at, entry)
            except (KeyError, TypeError, ValueError, AttributeError):  # of a newer Limner
                log.warning("The log of the limits has an entry that is not understood; it is left out")
        self._limits.take_unsaved()  # the log has these
        self._limits.unsaved_hits += waiting

    def _count(self, at: float, entry: Entry) -> None:
        match entry["kind"]:
            case "take":
                taken = Taken(entry["visitor"], _costs(entry), at, entry["id"], entry["process"])
                self._limits.take(taken, entry["count"])
            case "upload":
                self._limits.take_uploads(entry["visitor"], entry["count"], at)
            case "end":
                self._limits.release(entry["place"])
            case "held":
                held = {place: (name, entry["process"]) for place, name in entry["places"].items()}
                self._limits.in_flight |= held
            case "change":
                self._limits.change(entry["id"], entry["cost"], entry["until"])
            case _:
                pass


def _end(place: str) -> Entry:
    return {"kind": "end", "place": place}


def _change(id: str, cost: str | None, until: float) -> Entry:
    return {"kind": "change", "id": id, "cost": cost, "until": until}


def _as_entry(taken: Taken, count: int) -> Entry:
    costs = [(paid, str(cost) if cost else None) for paid, cost in taken.costs]
    return {"kind": "take", "visitor": taken.visitor, "count": count, "costs": costs, "id": taken.id}


def _costs(entry: Entry) -> list[tuple[bool, Money | None]]:
    return [(bool(paid), Money.parse(cost) if cost else None) for paid, cost in entry["costs"]]
