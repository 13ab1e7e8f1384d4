"""Notices a plugin that holds up the event loop, and with it everybody's page."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any

log = logging.getLogger(__name__)

TOO_LONG = 0.5
"""Seconds between two awaits that are worth a line in the log."""


class Spent:
    """The seconds that the plugins inside of another have taken of its step; one for each request."""

    inside = 0.0


class SlowStepWatch:
    """Awaits a plugin's coroutine, and logs each of its steps between two awaits that took too long.

    What the plugins inside of it take of the step is theirs, so that the one that holds up the loop is named.
    """

    def __init__(self, coroutine: Coroutine[Any, Any, Any], plugin: str, spent: Spent) -> None:
        self._coroutine = coroutine
        self._plugin = plugin
        self._spent = spent
        self.thrown: BaseException | None = None
        """What has come from outside last, such as a cancellation: not the plugin's own."""

    def __await__(self) -> Generator[Any, Any, Any]:
        """Passes every step on as it is: what is sent, what is thrown, and what is returned."""
        step: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        spent = self._spent
        while True:
            begun, before = time.perf_counter(), spent.inside
            spent.inside = 0.0
            try:
                awaited = step(value)
            except StopIteration as end:
                return end.value
            finally:
                whole = time.perf_counter() - begun
                if whole - spent.inside > TOO_LONG:
                    self._warn(whole - spent.inside)
                spent.inside = before + whole
            try:
                step, value = self._coroutine.send, (yield awaited)
            except BaseException as thrown:
                step, value = self._coroutine.throw, thrown
                self.thrown = thrown

    def _warn(self, seconds: float) -> None:
        log.warning(
            "The plugin %s held up the event loop for %.1f s, and with it every page: its author should "
            "await there, or leave that work to a thread",
            self._plugin,
            seconds,
        )
