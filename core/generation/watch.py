"""What a provider says while it works, and what it is told: the other side of the request's callbacks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from core.tasks import Tasks
from limner.request import Done


async def _forget(_: Any) -> None:
    """Keeps no handle."""


class Watch(NamedTuple):
    """Whoever watches one call of a provider; all of it on the event loop."""

    progress: Callable[[str], None] = lambda _: None
    share: Callable[[float | None], None] = lambda _: None
    preview: Callable[[bytes], None] = lambda _: None
    remember: Callable[[Any], Awaitable[None]] = _forget
    is_handed_over: Callable[[], bool] = lambda: False


class Remembering:
    """Has a handle kept, from whichever thread it comes; belongs to the event loop on which it is made."""

    def __init__(self, keep: Callable[[Any], Awaitable[None]]) -> None:
        self._keep = keep
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        self._tasks = Tasks()

    def take(self, handle: Any) -> Awaitable[None]:
        """Begins to keep a handle, and returns what waits for that; another thread waits here."""
        if threading.get_ident() != self._thread:
            asyncio.run_coroutine_threadsafe(self._kept(handle), self._loop).result()
            return Done()
        return asyncio.shield(self._tasks.begin(self._kept(handle)))

    async def _kept(self, handle: Any) -> None:
        await self._keep(handle)
