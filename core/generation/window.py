"""A moving window: how much each key has taken within a time, and when it may take more."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from core.storage.database import Hit


@dataclass
class _Taken:
    hits: OrderedDict[int, Hit] = field(default_factory=OrderedDict[int, Hit])
    """By their identity, the oldest first."""
    total: Decimal = Decimal(0)


class Window:
    """At most so much within so many seconds, for each key on its own; keys of long ago are forgotten.

    `amount_of` says how much a hit takes.
    """

    def __init__(
        self, most: Decimal | int, seconds: float, amount_of: Callable[[Hit], Decimal | int] = lambda _: 1
    ) -> None:
        self.most = most
        self.seconds = seconds
        self._amount_of = amount_of
        self._taken: OrderedDict[str, _Taken] = OrderedDict()  # the key that was hit last is last
        self._by_id: dict[str, Hit] = {}

    def left(self, key: str) -> Decimal:
        """Returns how much a key may take now."""
        return max(Decimal(0), self.most - self._current(key).total)

    def wait(self, key: str, amount: Decimal | int = 1) -> float:
        """Returns the seconds until a key may take an amount, which must not be more than the window has."""
        taken = self._current(key)
        surplus = taken.total + amount - self.most  # how much of the oldest must leave the window first
        now = until = time.time()
        for hit in taken.hits.values():
            if surplus <= 0:
                break
            surplus -= self._amount_of(hit)
            until = max(until, hit.at + self.seconds)  # the clock may have been set back between two
        return until - now

    def add(self, hit: Hit) -> None:
        """Counts a hit, later than every one before it."""
        taken = self._taken.setdefault(hit.key, _Taken())
        taken.hits[id(hit)] = hit
        taken.total += self._amount_of(hit)
        if hit.id:
            self._by_id[hit.id] = hit
        self._taken.move_to_end(hit.key)
        while (oldest := next(iter(self._taken))) != hit.key and not self._current(oldest).hits:
            del self._taken[oldest]

    def change(self, hit: Hit, cost: str | None) -> None:
        """Sets what a hit cost; it takes as much more or less."""
        taken = self._taken.get(hit.key)
        if taken is None or id(hit) not in taken.hits:  # it has left the window
            return
        taken.total -= self._amount_of(hit)
        hit.cost = cost
        taken.total += self._amount_of(hit)

    def remove(self, hit: Hit) -> None:
        """Stops counting a hit."""
        taken = self._taken.get(hit.key)
        if taken and taken.hits.pop(id(hit), None):
            self._forget(taken, hit)

    def find(self, id: str) -> Hit | None:
        """Returns the hit with that id, if it is counted."""
        return self._by_id.get(id)

    def _current(self, key: str) -> _Taken:
        """Returns what a key has taken, without what has left the window."""
        taken, now = self._taken.get(key, _Taken()), time.time()
        while taken.hits and next(iter(taken.hits.values())).at + self.seconds <= now:
            self._forget(taken, taken.hits.popitem(last=False)[1])
        return taken

    def _forget(self, taken: _Taken, hit: Hit) -> None:
        taken.total -= self._amount_of(hit)
        self._by_id.pop(hit.id or "", None)
