"""Ctrl-C and SIGTERM: the services are told to stop, and a second one ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Generator
from contextlib import contextmanager, suppress
from types import FrameType

from core.asking import Asked
from core.chat.message import Version
from core.studio import Studio
from limner.threads import call_on

_ASKED = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Whether this process was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self.event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    @property
    def code(self) -> int | None:
        """The exit code of a process that was stopped; None if it was not."""
        return None if self.signal is None else 128 + self.signal

    async def wait(self, seconds: float) -> None:
        """Waits so long, or until the process is asked to stop."""
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self.event.wait(), seconds)

    def take(self, number: int, _: FrameType | None) -> None:
        """Takes a signal, in the main thread and between any two steps of it."""
        if self.signal is not None:
            os._exit(128 + number)
        self.signal = number
        call_on(self._loop, self.event.set)


@contextmanager
def stopped_by_signals() -> Generator[Stop, None, None]:
    """Has Ctrl-C and SIGTERM set a `Stop`; the loop's own handlers do not exist on Windows."""
    stop = Stop()
    before = {number: signal.signal(number, stop.take) for number in _ASKED}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def settled(studio: Studio, asked: Asked, stop: Stop) -> Version:
    """Waits for the one picture; a stop cancels it as the page's does, so that the provider is told."""
    settling = asyncio.create_task(asked.settled())
    stopping = asyncio.create_task(stop.event.wait())
    await asyncio.wait({settling, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        studio.stop(asked.message)
    stopping.cancel()
    return (await settling)[-1]
