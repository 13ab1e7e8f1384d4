"""Rates: how many pictures each visitor may have within a time, and all visitors together."""

from __future__ import annotations

import time
from dataclasses import replace

from limits import RateLimitItem

from core.chat.failure import LimitReached, Rejected, duration_words
from core.generation.window import Window
from core.settings.budget import read_rates, span_words
from core.storage.database import Hit

ALL = "all visitors"
"""The key under which a hit counts for all together."""


class Rates:
    """The limits on pictures within a time, `own` for each visitor and `total` for all; None sets none.

    `what` says which pictures, if these are not those that are made.
    """

    def __init__(self, own: str | None, total: str | None, what: str = "") -> None:
        self._what = what
        self._rates = [
            *(_Rate(item) for item in (read_rates(own) if own else ())),
            *(_Rate(item, of_all=True) for item in (read_rates(total) if total else ())),
        ]

    def load(self, hit: Hit) -> None:
        """Counts a hit of an earlier process."""
        for rate in self._rates:
            rate.add(hit)

    def check(self, key: str, count: int) -> None:
        """Raises LimitReached if so many more are not allowed for now, Rejected if they never will be."""
        for rate in self._rates:
            if count > rate.most:
                raise Rejected(
                    f"{count} pictures at once are more than the limit of {rate.words}: ask for fewer."
                )
        if not self._rates:
            return
        seconds, rate = max(((rate.wait(key, count), rate) for rate in self._rates), key=lambda one: one[0])
        if seconds:
            fewer = ", or ask for fewer at once" if count > 1 else ""
            limit = f"{rate.whose} reached the limit of {rate.words}{self._what}"
            raise LimitReached(f"{limit}: try again in {duration_words(seconds)}{fewer}.", seconds)

    def add(self, key: str, count: int) -> list[Hit]:
        """Counts so many, and returns what is to be stored of that."""
        if not self._rates:
            return []
        now = time.time()
        hits = [Hit(key, now, now + max(rate.seconds for rate in self._rates)) for _ in range(count)]
        for hit in hits:
            self.load(hit)
        return hits


class _Rate:
    """One of the limits."""

    def __init__(self, item: RateLimitItem, *, of_all: bool = False) -> None:
        self.words = f"{item.amount} picture{'' if item.amount == 1 else 's'} per {span_words(item)}"
        self.whose = "All visitors together have" if of_all else "You have"
        self.most, self.seconds = item.amount, item.get_expiry()
        self._window = Window(self.most, self.seconds)
        self._of_all = of_all

    def wait(self, key: str, count: int) -> float:
        return self._window.wait(ALL if self._of_all else key, count)

    def add(self, hit: Hit) -> None:
        if hit.at + self.seconds > time.time():
            self._window.add(replace(hit, key=ALL) if self._of_all else hit)
