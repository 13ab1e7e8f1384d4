"""The limits: how often, how much, and how many at once; every request passes here."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from limits import parse

from core.chat.failure import LimitReached, Rejected, duration_words
from core.settings.schema import Settings
from core.storage.database import Hit

BUDGET = "budget"


@dataclass(frozen=True)
class Visitor:
    """Who asks: the name under which requests are counted, and whether it is the owner, who runs Limner."""

    name: str
    is_owner: bool = False
    """Whoever runs Limner, whose money and keys are used."""
    key: str | None = None
    """Whose conversations they see: a hash of the secret that their browser keeps, if it keeps one."""


OWNER = Visitor("owner", is_owner=True)


class UsageLimits:
    """Counts the requests of each visitor, whatever becomes of them, and those in flight.

    `hits` are those of an earlier process; `unsaved_hits` are those that the store does not have yet.
    """

    def __init__(self, settings: Settings, hits: Iterable[Hit] = ()) -> None:
        self._settings = settings
        self._rate = _Window(settings.rate_limit) if settings.rate_limit else None
        self._uploads = _Window(settings.rate_limit) if settings.rate_limit else None
        self._budget = _Window(settings.budget) if settings.budget else None
        self._in_flight: Counter[str] = Counter()
        self.unsaved_hits: list[Hit] = []
        for hit in sorted(hits, key=lambda hit: hit.at):
            window = self._budget if hit.key == BUDGET else self._rate
            if window and hit.at <= time.time():
                window.add(hit.key, hit.at)

    def acquire(self, visitor: Visitor, count: int = 1, paid_count: int = 0) -> None:
        """Counts more requests of a visitor, all or none; each is in flight until `release`.

        Raises LimitReached if a limit does not allow them for now, Rejected if it never will, or if they
        would cost the owner money for which there is no budget; then nothing is counted.
        """
        self._check_in_flight(visitor, count)
        key = f"visitor {visitor.name}"
        if self._rate and (seconds := self._rate.wait(key, count)):
            limit = f"You have reached the limit of {self._rate}"
            fewer = ", or ask for fewer at once" if count > 1 else ""
            raise LimitReached(f"{limit}: try again in {duration_words(seconds)}{fewer}.", seconds)
        if paid_count:
            self.spend(visitor, paid_count)
        if self._rate:
            self.unsaved_hits += [self._rate.add(key, time.time()) for _ in range(count)]
        self._in_flight[visitor.name] += count

    def _check_in_flight(self, visitor: Visitor, count: int) -> None:
        most, running = self._settings.max_in_flight, self._in_flight[visitor.name]
        if count > most:
            raise Rejected(f"{most} of your pictures can be made at once, not {count}: ask for fewer.")
        if running + count > most:
            if most == 1:
                raise LimitReached("One of your pictures is already being made: wait for it, or stop it.")
            fewer = ", or ask for fewer at once" if running < most else ""
            already = f"{running} of your pictures are already being made"
            raise LimitReached(f"{already}: wait for one, or stop one{fewer}.")
        if self._in_flight.total() + count > self._settings.max_in_flight_total:
            raise LimitReached("Too many pictures are being made right now: try again in a moment.")

    def count_upload(self, visitor: Visitor, count: int = 1) -> None:
        """Counts pictures that a visitor brings; raises LimitReached beyond the limit on pictures.

        Many at once may go beyond it; then the next one waits until they have left the window.
        """
        if self._uploads is None:
            return
        if seconds := self._uploads.wait(visitor.name):
            limit = f"You have reached the limit of {self._uploads}"
            raise LimitReached(f"{limit} that you may add: try again in {duration_words(seconds)}.", seconds)
        for _ in range(count):
            self._uploads.add(visitor.name, time.time())

    def spend(self, visitor: Visitor, count: int = 1) -> None:
        """Counts pictures that cost money; raises as `acquire` does."""
        if self._budget is None:
            if not visitor.is_owner:
                raise Rejected(
                    "This provider costs money, and the owner has set no budget for visitors "
                    "(LIMNER_BUDGET): choose a free provider."
                )
            return
        if seconds := self._budget.wait(BUDGET, count):
            budget = f"The budget of {self._budget} is used up"
            advice = f"try again in {duration_words(seconds)}, or choose a free provider"
            raise LimitReached(f"{budget}: {advice}.", seconds)
        self.unsaved_hits += [self._budget.add(BUDGET, time.time()) for _ in range(count)]

    def release(self, visitor: Visitor) -> None:
        """Ends the time in flight of one request."""
        self._in_flight[visitor.name] -= 1
        if not self._in_flight[visitor.name]:
            del self._in_flight[visitor.name]


class _Window:
    """A moving window: when each key was hit, as far back as the limit looks; older keys are forgotten."""

    def __init__(self, limit: str) -> None:
        self._limit = parse(limit)
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()  # the key that was hit last is last

    def __str__(self) -> str:
        """Returns the limit in words: 60 pictures per minute."""
        limit, unit = self._limit, self._limit.GRANULARITY.name
        span = unit if limit.multiples == 1 else f"{limit.multiples} {unit}s"
        return f"{limit.amount} picture{'' if limit.amount == 1 else 's'} per {span}"

    def wait(self, key: str, count: int = 1) -> float:
        """Returns the seconds until this many more hits are allowed; raises Rejected beyond the limit."""
        if count > self._limit.amount:
            raise Rejected(f"{count} pictures at once are more than the limit of {self}: ask for fewer.")
        hits = self._hits.get(key, deque[float]())
        surplus = len(hits) + count - self._limit.amount  # how many of the oldest must leave the window first
        return 0 if surplus <= 0 else max(0, hits[surplus - 1] + self._limit.get_expiry() - time.time())

    def add(self, key: str, at: float) -> Hit:
        """Counts a hit, later than every one before it."""
        span = self._limit.get_expiry()
        self._hits.setdefault(key, deque(maxlen=self._limit.amount)).append(at)
        self._hits.move_to_end(key)
        while next(iter(self._hits.values()))[-1] + span <= at:
            self._hits.popitem(last=False)
        return Hit(key, at, at + span)
