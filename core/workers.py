"""Worker threads for plain functions: few, and none of them holds up the program's end."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import TypeVar

from limner.errors import CancelConfirmed
from limner.threads import as_work, call_on

T = TypeVar("T")

CLEANUP = 5.0
"""Seconds that a cancelled call has to clean up."""
IDLE = 5.0
"""Seconds that a thread waits for more work before it ends; starting one takes as long as a small task."""

PATIENCE = 30.0
"""Seconds that a call waits where only hung ones are before it."""


def _nobody_listens() -> None:
    """Drops the news that a caller waits."""


class NoWorkerFree(Exception):
    """All threads are taken by calls whose callers have gone, and which have not ended for long."""

    def __init__(self, hung: int) -> None:
        super().__init__(hung)
        self.hung = hung


class Workers:
    """A bounded number of worker threads, each counted until it really ends; for any event loop.

    A thread cannot be stopped: if the caller is cancelled, the function runs on and is still counted,
    unless it is told so and ends by itself.
    The threads are daemons, so that none of them holds up the program's exit, which is what
    `asyncio.to_thread` and `anyio.to_thread` do not give together with the counting.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self._hung = 0
        """Those of them whose callers have gone."""
        self._lock = threading.Lock()
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = 0
        """Threads that wait for work, or soon will, which nobody has given them yet."""
        self._waiting: list[asyncio.Future[None]] = []

    async def run(
        self,
        function: Callable[[], T],
        on_wait: Callable[[], None] = _nobody_listens,
        on_cancel: Callable[[], None] | None = None,
    ) -> T:
        """Calls the function in a worker thread; `on_wait` is called first if none is free.

        Raises what the function raises; RuntimeError in place of what is no `Exception`, or is
        StopIteration, since neither survives an event loop; NoWorkerFree if it waits for hung calls alone.

        `on_cancel` tells a running function that its caller is cancelled: what it returns within `CLEANUP`
        seconds is returned after all. A second cancellation does not wait.
        """
        await self._enter(asyncio.get_running_loop(), on_wait)

        is_over = threading.Event()  # for whichever is the first: the function ends, or its caller goes

        def counted() -> T:
            try:
                return function()
            finally:
                self._leave(is_over, idle=1)  # at once, so that nobody starts one more thread meanwhile

        outcome, work = as_work(counted)
        with self._lock:
            is_idle = self._idle > 0
            self._idle -= is_idle
        try:
            if is_idle:
                self._work.put(work)
            else:
                threading.Thread(target=self._run, args=([work],), daemon=True, name="limner-worker").start()
        except BaseException:  # the system has no thread left
            self._leave(is_over, idle=0)
            raise
        try:
            return await (outcome if on_cancel is None else _outcome_of(outcome, on_cancel))
        finally:
            self._give_up(is_over)

    def _run(self, given: list[Callable[[], None]]) -> None:
        """Does the work that a thread is given, and then what comes."""
        while True:
            given.pop()()  # which then refers to nothing of it any more
            try:
                given.append(self._work.get(timeout=IDLE))
            except Empty:
                with self._lock:
                    if self._idle:
                        self._idle -= 1
                        return
                given.append(self._work.get())  # it was given some just now

    async def _enter(self, loop: asyncio.AbstractEventLoop, on_wait: Callable[[], None]) -> None:
        while True:
            with self._lock:
                if self.running < self.most:
                    self.running += 1
                    return
                turn = loop.create_future()
                self._waiting.append(turn)
            on_wait()
            await asyncio.wait({turn}, timeout=PATIENCE)
            if not turn.done() and self._hung == self.running:
                raise NoWorkerFree(self._hung)

    def _give_up(self, is_over: threading.Event) -> None:
        """Counts a call as hung, if its caller goes before it has ended."""
        with self._lock:
            self._hung += not is_over.is_set()
            is_over.set()

    def _leave(self, is_over: threading.Event, idle: int) -> None:
        """Wakes all who wait, in order, since the first may be cancelled or its loop be gone."""
        with self._lock:
            self.running -= 1
            self._hung -= is_over.is_set()
            is_over.set()
            self._idle += idle
            waiting, self._waiting = self._waiting, []
        for turn in waiting:
            call_on(turn.get_loop(), lambda turn=turn: turn.done() or turn.set_result(None))


async def _outcome_of(outcome: asyncio.Future[T], on_cancel: Callable[[], None]) -> T:
    """Waits for a function; when cancelled, tells it so and waits for what it still returns."""
    try:
        await asyncio.wait({outcome})
    except asyncio.CancelledError:
        on_cancel()
        try:
            await asyncio.wait({outcome}, timeout=CLEANUP)
        finally:
            outcome.cancel()  # if it has none yet
        if outcome.cancelled():
            raise
        if error := outcome.exception():
            if isinstance(error.__cause__, CancelConfirmed):
                raise error.__cause__ from None
            raise
    return outcome.result()
