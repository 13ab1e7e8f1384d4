"""How long a model usually takes: the median of its latest pictures here."""

from __future__ import annotations

import logging
from collections import deque
from statistics import median

from core.storage.database import StoreError
from core.storage.store import Store

log = logging.getLogger(__name__)

COUNTED = 20
"""Pictures of a model."""


class UsualTimes:
    """The seconds that each model's latest pictures took; belongs to one event loop."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._seconds: dict[tuple[str, str], deque[float]] = {}
        self._is_loaded = False

    async def load(self) -> None:
        """Reads what the store knows, the first time."""
        if self._is_loaded:
            return
        self._is_loaded = True
        try:
            for provider, model, seconds in await self._store.durations():
                self.note(provider, model, seconds)
        except StoreError:
            log.exception("How long earlier pictures took cannot be read")

    def note(self, provider: str, model: str, seconds: float) -> None:
        """Notes how long another picture took."""
        self._seconds.setdefault((provider, model), deque(maxlen=COUNTED)).append(seconds)

    def of(self, provider: str, model: str) -> float | None:
        """Returns the seconds that a model usually takes; None if it has made no picture here."""
        seconds = self._seconds.get((provider, model))
        return median(seconds) if seconds else None
