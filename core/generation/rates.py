"""Rates: how many pictures each visitor may have within a time, and all visitors together."""

from __future__ import annotations

import time
from collections.abc import Mapping
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

    `instead` has those of single keys, in place of `own`; `what` says which pictures, if these are not those
    that are made.
    """

    def __init__(
        self, own: str | None, total: str | None, instead: Mapping[str, str | None], what: str = ""
    ) -> None:
        self._what = what
        self._own = _rates(own)
        self._instead = {key: _rates(text) for key, text in instead.items()}
        self._total = _rates(total, of_all=True)

    @property
    def longest(self) -> float:
        """The seconds of the longest of the limits; 0 without any."""
        rates = [*self._own, *self._total, *(rate for rates in self._instead.values() for rate in rates)]
        return max((rate.seconds for rate in rates), default=0.0)

    def load(self, hit: Hit) -> None:
        """Counts a hit of an earlier process."""
        for rate in self._of(hit.key):
            rate.add(hit)

    def check(self, key: str, count: int) -> None:
        """Raises LimitReached if so many more are not allowed for now, Rejected if they never will be."""
        rates = self._of(key)
        for rate in rates:
            if count > rate.most:
                raise Rejected(
                    f"{count} pictures at once are more than the limit of {rate.words}: ask for fewer."
                )
        if not rates:
            return
        seconds, rate = max(((rate.wait(key, count), rate) for rate in rates), key=lambda one: one[0])
        if seconds:
            fewer = ", or ask for fewer at once" if count > 1 else ""
            limit = f"{rate.whose} reached the limit of {rate.words}{self._what}"
            raise LimitReached(f"{limit}: try again in {duration_words(seconds)}{fewer}.", seconds)

    def add(self, key: str, count: int, at: float) -> list[Hit]:
        """Counts so many, and returns what is to be stored of that."""
        rates = self._of(key)
        if not rates:
            return []
        hits = [Hit(key, at, at + max(rate.seconds for rate in rates)) for _ in range(count)]
        for hit in hits:
            self.load(hit)
        return hits

    def _of(self, key: str) -> list[_Rate]:
        """Returns the limits under which a key stands."""
        return [*self._instead.get(key, self._own), *self._total]


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


def _rates(text: str | None, *, of_all: bool = False) -> list[_Rate]:
    return [_Rate(item, of_all=of_all) for item in (read_rates(text) if text else ())]
