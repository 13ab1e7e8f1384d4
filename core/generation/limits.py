"""The limits on asking: how often, how much, and how many at once; every request passes here."""

from __future__ import annotations

import math
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from limits import parse

from core.chat.failure import LimitReached, Rejected
from core.settings.schema import Settings
from core.storage.database import Hit

BUDGET = "budget"


@dataclass(frozen=True)
class Visitor:
    """Who asks: the name that requests are counted by, and whether that is whoever runs Limner."""

    name: str
    is_owner: bool = False
    """The money and the keys are the asker's own."""


OWNER = Visitor("owner", is_owner=True)


class UsageLimits:
    """Counts what each visitor asks for and has under way; what was asked counts, whatever came of it.

    `hits` are those of an earlier process. Those that the store does not have yet are `unwritten`.
    """

    def __init__(self, settings: Settings, hits: Iterable[Hit] = ()) -> None:
        self._settings = settings
        self._rate = _Window(settings.rate_limit) if settings.rate_limit else None
        self._budget = _Window(settings.budget) if settings.budget else None
        self._under_way: Counter[str] = Counter()
        self.unwritten: list[Hit] = []
        for hit in sorted(hits, key=lambda hit: hit.at):
            window = self._budget if hit.key == BUDGET else self._rate
            if window and hit.at <= time.time():
                window.add(hit.key, hit.at)

    def acquire(self, visitor: Visitor, *, paid: bool) -> None:
        """Counts one more request of a visitor, until `release`.

        Raises LimitReached if a limit stands against it, Rejected if it would cost the owner money for
        which there is no budget; either counts nothing.
        """
        most, most_in_all = self._settings.max_in_flight, self._settings.max_in_flight_total
        if self._under_way[visitor.name] >= most:
            if most == 1:
                raise LimitReached("One of your pictures is being made already: wait for it, or stop it.")
            raise LimitReached(f"{most} of your pictures are being made already: wait for one, or stop one.")
        if self._under_way.total() >= most_in_all:
            raise LimitReached("Too many pictures are being made here right now: try again in a moment.")
        key = f"visitor {visitor.name}"
        if self._rate and (seconds := self._rate.wait(key)):
            limit = f"You have reached the limit here, {self._rate}"
            raise LimitReached(f"{limit}: try again in {_span(seconds)}.", seconds)
        if paid:
            self.spend(visitor)
        if self._rate:
            self.unwritten.append(self._rate.add(key, time.time()))
        self._under_way[visitor.name] += 1

    def spend(self, visitor: Visitor) -> None:
        """Counts one picture that costs money; raises as `acquire` does."""
        if self._budget is None:
            if not visitor.is_owner:
                raise Rejected(
                    "This provider costs money, and whoever runs Limner has set no budget for visitors "
                    "(LIMNER_BUDGET): choose a provider that costs nothing."
                )
            return
        if seconds := self._budget.wait(BUDGET):
            budget = f"The budget here, {self._budget}, is used up"
            advice = f"try again in {_span(seconds)}, or choose a provider that costs nothing"
            raise LimitReached(f"{budget}: {advice}.", seconds)
        self.unwritten.append(self._budget.add(BUDGET, time.time()))

    def release(self, visitor: Visitor) -> None:
        """Ends what `acquire` began."""
        self._under_way[visitor.name] -= 1
        if not self._under_way[visitor.name]:
            del self._under_way[visitor.name]


class _Window:
    """A moving window: when each key was hit, as far back as the limit looks; older keys are forgotten."""

    def __init__(self, limit: str) -> None:
        self._limit = parse(limit)
        self._hits: OrderedDict[str, deque[float]] = OrderedDict()  # the key that was hit last stands last

    def __str__(self) -> str:
        """Reads the limit aloud: 60 pictures per minute."""
        limit, unit = self._limit, self._limit.GRANULARITY.name
        span = unit if limit.multiples == 1 else f"{limit.multiples} {unit}s"
        return f"{limit.amount} picture{'' if limit.amount == 1 else 's'} per {span}"

    def wait(self, key: str) -> float:
        """Returns the seconds until the oldest hit that counts leaves the window; 0 if one more may come."""
        hits = self._hits.get(key)
        if hits is None or len(hits) < self._limit.amount:
            return 0
        return max(0, hits[0] + self._limit.get_expiry() - time.time())

    def add(self, key: str, at: float) -> Hit:
        """Counts a hit, later than every one before it."""
        span = self._limit.get_expiry()
        self._hits.setdefault(key, deque(maxlen=self._limit.amount)).append(at)
        self._hits.move_to_end(key)
        while next(iter(self._hits.values()))[-1] + span <= at:
            self._hits.popitem(last=False)
        return Hit(key, at, at + span)


def _span(seconds: float) -> str:
    seconds = math.ceil(seconds)
    if seconds < 120:
        return f"{seconds} s"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"
