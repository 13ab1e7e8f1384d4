"""The newest of many values, shown on the event loop: so that no flood of them reaches it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

from limner.threads import call_on

T = TypeVar("T")

SLOWED = 0.0001
"""Seconds that a thread pauses which reports faster than the loop can show: others need time, too."""


class Newest(Generic[T]):
    """Takes values from any thread, of which one at most waits for the loop; `show` is called there."""

    def __init__(self, show: Callable[[T], object]) -> None:
        self._show = show
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._lock = threading.Lock()
        self._waiting: list[T] = []

    def take(self, value: T) -> None:
        """Takes a value, in place of one that still waits."""
        with self._lock:
            is_due, self._waiting = bool(self._waiting), [value]
        if not is_due:
            call_on(self._loop, self._show_it)
        elif threading.get_ident() != self._thread:
            time.sleep(SLOWED)

    def _show_it(self) -> None:
        with self._lock:
            (value,), self._waiting = self._waiting, []
        self._show(value)
