"""The time that a call may take, which stands still while the call cannot begin yet."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import contextmanager

LONGEST_PAUSE = 3600.0
"""Seconds for which it stands still at most, such as for a large model that is downloaded."""


class TimeLimit:
    """The seconds that are left for a call; belongs to one event loop."""

    def __init__(self, seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + seconds
        self._pauses = 0
        self._paused_since = 0.0

    @property
    def left(self) -> float:
        """The seconds that are left, 0 or less if there are none; while it stands still, as many as then."""
        now, since = self._loop.time(), self._paused_since
        if not self._pauses:
            return self._end - now
        return self._end - since if now - since < LONGEST_PAUSE else 0

    @contextmanager
    def paused(self) -> Generator[None, None, None]:
        """Lets it stand still until the end of the block; of several at once, until that of the last."""
        if not self._pauses:
            self._paused_since = self._loop.time()
        self._pauses += 1
        try:
            yield
        finally:
            self._pauses -= 1
            if not self._pauses:
                self._end += self._loop.time() - self._paused_since
