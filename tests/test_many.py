"""A hundred pictures at once through each asynchronous provider: no thread each, nothing left open or kept.

The service answers nobody before all have asked, so that none may have waited for another.
"""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from statistics import median

import pytest

from core import open_studio
from core.chat.request import UserRequest
from core.generation.normalise import PROVERS
from core.generation.visitor import Visitor
from core.settings.schema import load_settings
from core.studio import Studio
from limner.testing.loopback import Loopback, Reply, Request
from tests.test_swapping import Services, enter

__all__ = ["enter"]  # the fixture

MOST = 100
MAX_THREADS = 2 * PROVERS + min(32, (os.cpu_count() or 1) + 4) + 2
"""Those that prove pictures, those of asyncio for what blocks for a moment, and two to spare."""
ROUND = 25
MAX_BLOCKS = 20 * ROUND
"""What a round of so many may leave beside the one before; an answered message alone takes fifty for each."""


class Crowd(Loopback):
    """Holds every answer back until `expected` have asked; counts requests and connections."""

    def __init__(self) -> None:
        super().__init__(self._hold)
        self._answer_as = Services(16)
        self.expected = self.waiting = self.most_waiting = self.connections = 0

    async def _hold(self, request: Request) -> Reply:
        if request.method == "POST":
            if not self.waiting:
                self._all_here = asyncio.Event()
            all_here, self.waiting = self._all_here, self.waiting + 1
            self.most_waiting = max(self.most_waiting, self.waiting)
            if self.waiting == self.expected:
                all_here.set()
            await asyncio.wait_for(all_here.wait(), 60)  # where it fails, the test does
            self.waiting -= 1
        return self._answer_as(request)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            await super()._talk(reader, writer)
        finally:
            self.connections -= 1


async def ask_all(studio: Studio, many: int) -> int:
    """Has so many visitors ask, each in a conversation of their own; gives the most threads at a time."""

    async def one(number: int) -> str:
        conversation = await studio.conversation(f"{number}")
        message = await studio.start(
            conversation, UserRequest(prompt=f"Fox {number}"), visitor=Visitor(str(number), is_owner=True)
        )
        version = await conversation.settled(message)
        return version.failure.what if version.failure else version.status

    async def count() -> None:
        nonlocal threads
        while True:
            threads = max(threads, threading.active_count())
            await asyncio.sleep(0.005)

    threads = 0
    counting = asyncio.create_task(count())
    outcomes = await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(many))), 120)
    counting.cancel()
    assert outcomes == ["complete"] * many
    return threads


async def kept_after(studio: Studio, crowd: Crowd) -> int:
    """Returns the blocks of memory that Python holds after one more round."""
    await ask_all(studio, ROUND)
    crowd.requests.clear()
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.parametrize("name", ["openai", "gemini", "replicate", "fal", "huggingface"])
def test_a_hundred_at_once(name: str, enter: Callable[[Loopback], object]) -> None:
    async def work() -> None:
        settings = load_settings(provider=name, max_in_flight=500, max_in_flight_total=500, rate_limit=None)
        studio = open_studio(settings)
        before = threading.active_count()
        try:
            crowd.expected = MOST
            assert await ask_all(studio, MOST) - before <= MAX_THREADS
            assert crowd.most_waiting == MOST
            crowd.expected = ROUND
            crowd.requests.clear()
            kept = [await kept_after(studio, crowd) for _ in range(5)]
            # what is kept of each picture shows in every round; what fills or leaves a cache does not
            assert median(after - before for before, after in pairwise(kept)) < MAX_BLOCKS
        finally:
            await studio.close()
        await asyncio.to_thread(crowd.wait_until, lambda _: crowd.connections == 0, 30)

    crowd = Crowd()
    enter(crowd)
    asyncio.run(work())
