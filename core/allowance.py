"""The limits on asking: how often, how much, and how many at once; every request passes here."""

from __future__ import annotations

import math
import time
from collections import Counter

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.failures import Refused
from core.settings import Settings


class Allowance:
    """Counts what each visitor asks for and has under way."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rate = parse(settings.rate) if settings.rate else None
        self._budget = parse(settings.budget) if settings.budget else None
        self._under_way: Counter[str] = Counter()

    def enter(self, visitor: str, *, paid: bool) -> None:
        """Counts one more request of a visitor, until `leave`; raises Refused where a limit stands against it."""
        if self._under_way[visitor] >= self._settings.in_flight:
            raise Refused(
                f"{self._settings.in_flight} of your pictures are being made already: wait for one, or stop one."
            )
        if self._under_way.total() >= self._settings.in_flight_total:
            raise Refused("Too many pictures are being made here right now: try again in a moment.")
        if self._rate and not self._limiter.test(self._rate, visitor):
            raise Refused(
                f"You asked for {self._settings.rate}, the limit here: {self._wait(self._rate, visitor)}."
            )
        if self._budget and paid and not self._limiter.hit(self._budget, "budget"):
            wait = self._wait(self._budget, "budget")
            raise Refused(
                f"The budget here is used up ({self._settings.budget}): {wait}, or choose a free provider."
            )
        if self._rate:
            self._limiter.hit(self._rate, visitor)
        self._under_way[visitor] += 1

    def leave(self, visitor: str) -> None:
        """Ends what `enter` began."""
        self._under_way[visitor] -= 1
        if not self._under_way[visitor]:
            del self._under_way[visitor]

    def _wait(self, limit: RateLimitItem, key: str) -> str:
        seconds = max(1, math.ceil(self._limiter.get_window_stats(limit, key).reset_time - time.time()))
        if seconds < 120:
            return f"try again in {seconds} s"
        return f"try again in {math.ceil(seconds / 60)} minutes" if seconds < 7200 else "try again tomorrow"
