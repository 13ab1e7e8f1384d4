"""Runs a plain function in a thread of its own."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Workers:
    """A bounded number of worker threads, each counted until it really ends.

    A thread cannot be stopped: where the caller is cancelled the function runs on, still counted.
    The threads are daemons, so that none of them holds up the program's exit, which is what
    `asyncio.to_thread` and `anyio.to_thread` do not give together with the counting.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self._lock = threading.Lock()
        self._waiting: list[asyncio.Future[None]] = []

    async def run(self, function: Callable[[], T]) -> T:
        """Calls the function in a worker thread, after waiting for a free one."""
        loop = asyncio.get_running_loop()
        await self._enter(loop)
        outcome: asyncio.Future[T] = loop.create_future()
        context = contextvars.copy_context()

        def settle(result: T | None, error: BaseException | None) -> None:
            if outcome.done():
                return
            if error is not None:
                outcome.set_exception(error)
            else:
                outcome.set_result(result)  # pyright: ignore[reportArgumentType]

        def work() -> None:
            result, error = None, None
            try:
                result = context.run(function)
            except (StopIteration, SystemExit, KeyboardInterrupt) as raised:
                # A future takes no StopIteration, and the other two would end the event loop.
                error = RuntimeError(f"{type(raised).__name__} in a worker thread")
            except BaseException as raised:
                error = raised
            self._leave()
            if not loop.is_closed():
                loop.call_soon_threadsafe(settle, result, error)

        threading.Thread(target=work, daemon=True, name="limner-worker").start()
        return await outcome

    async def _enter(self, loop: asyncio.AbstractEventLoop) -> None:
        while True:
            with self._lock:
                if self.running < self.most:
                    self.running += 1
                    return
                turn = loop.create_future()
                self._waiting.append(turn)
            await turn

    def _leave(self) -> None:
        with self._lock:
            self.running -= 1
            waiting, self._waiting = self._waiting, []
        for turn in waiting:
            loop = turn.get_loop()
            if not loop.is_closed():
                loop.call_soon_threadsafe(lambda turn=turn: turn.done() or turn.set_result(None))
