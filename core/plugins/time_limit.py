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
        self._calls = self._pauses = 0
        self._pause_left = LONGEST_PAUSE
        self._still_since: float | None = None

    @property
    def left(self) -> float:
        """The seconds that are left, 0 or less if there are none; while it stands still, as many as then."""
        now = self._loop.time()
        return self._end + self._still(now) - now

    @contextmanager
    def call(self) -> Generator[None, None, None]:
        """Marks a call, of which a middleware may make several at once."""
        self._change(calls=1)
        try:
            yield
        finally:
            self._change(calls=-1)

    @contextmanager
    def paused(self) -> Generator[None, None, None]:
        """Lets it stand still until the end of the block, as long as no other call is at work."""
        self._change(pauses=1)
        try:
            yield
        finally:
            self._change(pauses=-1)

    def _change(self, calls: int = 0, pauses: int = 0) -> None:
        self._calls += calls
        self._pauses += pauses
        if 0 < self._pauses >= self._calls:
            self._still_since = self._still_since or self._loop.time()
        elif self._still_since is not None:
            still = self._still(self._loop.time())
            self._pause_left -= still
            self._end += still
            self._still_since = None

    def _still(self, now: float) -> float:
        """Returns for how many seconds it stands still by now, and may."""
        if self._still_since is None:
            return 0.0
        return min(now - self._still_since, self._pause_left)
