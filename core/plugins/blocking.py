"""Notices a plugin that holds up the event loop, and with it everybody's page."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Coroutine, Generator
from typing import Any

log = logging.getLogger(__name__)

TOO_LONG = 0.5
"""Seconds between two awaits that are worth a line in the log."""


class SlowStepWatch:
    """Awaits a plugin's coroutine, and logs each of its steps between two awaits that took too long."""

    def __init__(self, coroutine: Coroutine[Any, Any, Any], plugin: str) -> None:
        self._coroutine = coroutine
        self._plugin = plugin

    def __await__(self) -> Generator[Any, Any, Any]:
        """Passes every step on as it is: what is sent, what is thrown, and what is returned."""
        step: Callable[[Any], Any] = self._coroutine.send
        value: Any = None
        while True:
            begun = time.perf_counter()
            try:
                awaited = step(value)
            except StopIteration as end:
                return end.value
            finally:
                self._notice(time.perf_counter() - begun)
            try:
                step, value = self._coroutine.send, (yield awaited)
            except BaseException as thrown:
                step, value = self._coroutine.throw, thrown

    def _notice(self, seconds: float) -> None:
        if seconds > TOO_LONG:
            log.warning(
                "The plugin %s held up the event loop for %.1f s, and with it every page: its author should "
                "await there, or make generate a plain def",
                self._plugin,
                seconds,
            )
