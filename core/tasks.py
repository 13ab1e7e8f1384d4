"""Work beside what is being asked for: an event loop keeps no task, so that somebody has to."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Tasks:
    """Keeps tasks until they end; belongs to one event loop."""

    def __init__(self) -> None:
        self.running = set[asyncio.Task[None]]()

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Begins work, and returns its task."""
        task = asyncio.create_task(work)
        self.running.add(task)
        task.add_done_callback(self.running.discard)
        return task

    def cancel(self) -> None:
        """Cancels all work that has not ended."""
        for task in self.running:
            task.cancel()
