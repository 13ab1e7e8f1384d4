"""The limits on asking: how often, how much, and how many at once; every request passes here."""

from __future__ import annotations

import math
import time
from collections import Counter

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.failures import LimitReached
from core.settings import Settings


class Allowance:
    """Counts what each visitor asks for and has under way; what was asked counts, whatever came of it."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rate = parse(settings.rate) if settings.rate else None
        self._budget = parse(settings.budget) if settings.budget else None
        self._under_way: Counter[str] = Counter()

    def enter(self, visitor: str, *, paid: bool) -> None:
        """Counts one more request of a visitor, until `leave`.

        Raises LimitReached, and counts nothing, where a limit stands against it.
        """
        most, most_in_all = self._settings.in_flight, self._settings.in_flight_total
        if self._under_way[visitor] >= most:
            if most == 1:
                raise LimitReached("One of your pictures is being made already: wait for it, or stop it.")
            raise LimitReached(f"{most} of your pictures are being made already: wait for one, or stop one.")
        if self._under_way.total() >= most_in_all:
            raise LimitReached("Too many pictures are being made here right now: try again in a moment.")
        if self._rate and not self._limiter.test(self._rate, visitor):
            wait = self._wait(self._rate, visitor)
            raise LimitReached(f"You have reached the limit here, {_many(self._rate)}: {wait}.")
        if paid:
            self.spend()
        if self._rate:
            self._limiter.hit(self._rate, visitor)
        self._under_way[visitor] += 1

    def spend(self) -> None:
        """Counts one picture that costs money; raises LimitReached where the budget is used up."""
        if self._budget and not self._limiter.hit(self._budget, "budget"):
            wait = self._wait(self._budget, "budget")
            budget = f"The budget here, {_many(self._budget)}, is used up"
            raise LimitReached(f"{budget}: {wait}, or choose a provider that costs nothing.")

    def leave(self, visitor: str) -> None:
        """Ends what `enter` began."""
        self._under_way[visitor] -= 1
        if not self._under_way[visitor]:
            del self._under_way[visitor]

    def _wait(self, limit: RateLimitItem, key: str) -> str:
        """Says when the oldest request that counts leaves the window."""
        seconds = max(1, math.ceil(self._limiter.get_window_stats(limit, key).reset_time - time.time()))
        if seconds < 120:
            return f"try again in {seconds} s"
        if seconds < 7200:
            return f"try again in {math.ceil(seconds / 60)} minutes"
        return f"try again in {math.ceil(seconds / 3600)} hours"


def _many(limit: RateLimitItem) -> str:
    """Reads a limit aloud: 60 pictures per minute."""
    span = limit.GRANULARITY.name if limit.multiples == 1 else f"{limit.multiples} {limit.GRANULARITY.name}s"
    return f"{limit.amount} picture{'' if limit.amount == 1 else 's'} per {span}"
