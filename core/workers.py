"""Turns, in which a number of calls run at once, and worker threads for plain functions, which take turns.

None of the threads holds up the program's end.
"""

from __future__ import annotations

import asyncio
import threading
import time
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
"""Seconds that calls which all hang are waited for."""


def _nobody_listens(_: int) -> None:
    """Drops the news that a caller waits."""


class OnlyHungCalls(Exception):
    """All turns are taken by calls whose callers have gone, and which have not ended for long."""

    def __init__(self, hung: int) -> None:
        super().__init__(hung)
        self.hung = hung


class Turn:
    """The turn of one call, which counts until the call really ends, also if its caller goes before."""

    def __init__(self, turns: Turns) -> None:
        self._turns = turns
        self._is_over = False

    def end(self) -> None:
        """Frees the turn: the call has ended."""
        turns = self._turns
        with turns.lock:
            turns.running -= 1
            turns.hung -= self._is_over
            self._is_over = True
            turns.look_again()

    def leave(self) -> None:
        """Counts the call as hung, if its caller goes before it has ended."""
        with self._turns.lock:
            self._turns.hung += not self._is_over
            self._is_over = True
            self._turns.look_again()


class _Waiting:
    """A call that waits for its turn, on its own event loop."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.woken = self.loop.create_future()

    def wake(self) -> None:
        """Has it look again whether it is its turn; from any thread."""
        call_on(self.loop, lambda: self.woken.done() or self.woken.set_result(None))


class Turns:
    """Lets a number of calls run at once, in the order in which they come; for any event loop."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.running = 0
        self.hung = 0
        """Those of them whose callers have gone."""
        self.lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._all_hung_since: float | None = None

    async def take(self, on_wait: Callable[[int], None]) -> Turn:
        """Waits for a turn, and returns it; `on_wait` is told its place whenever that changes, from 1 on.

        Raises OnlyHungCalls.
        """
        me, told = _Waiting(), None
        with self.lock:
            self._waiting.append(me)
        try:
            while True:
                with self.lock:
                    place = self._place(me)
                    if place <= self.most - self.running:
                        self.running += 1
                        self._waiting.remove(me)
                        self.look_again()
                        return Turn(self)
                    me.woken = me.loop.create_future()
                    left = self._patience_left()
                if place != told:
                    on_wait(place)
                    told = place
                await asyncio.wait({me.woken}, timeout=left)
        finally:
            with self.lock:
                if me in self._waiting:  # it has got no turn
                    self._waiting.remove(me)
                    self.look_again()

    def look_again(self) -> None:
        """Has all who wait look at their places, since something has changed; with the lock."""
        if not 0 < self.running == self.hung:
            self._all_hung_since = None
        elif self._all_hung_since is None:
            self._all_hung_since = time.monotonic()
        for one in self._waiting:
            one.wake()

    def _patience_left(self) -> float | None:
        """Returns the seconds to wait for calls that all hang; None if others run. Raises OnlyHungCalls."""
        if self._all_hung_since is None:
            return None
        left = self._all_hung_since + PATIENCE - time.monotonic()
        if left <= 0:
            raise OnlyHungCalls(self.hung)
        return left

    def _place(self, one: _Waiting) -> int:
        """Returns the place among those that wait, but for those whose loop has ended."""
        before = self._waiting[: self._waiting.index(one)]
        return 1 + sum(not other.loop.is_closed() for other in before)


class Workers:
    """A bounded number of worker threads, each counted until it really ends; for any event loop.

    A thread cannot be stopped: if the caller is cancelled, the function runs on and is still counted,
    unless it is told so and ends by itself.
    The threads are daemons, so that none of them holds up the program's exit, which is what
    `asyncio.to_thread` and `anyio.to_thread` do not give together with the counting.
    """

    def __init__(self, most: int) -> None:
        self.turns = Turns(most)
        self._lock = threading.Lock()
        self._work: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._idle = 0
        """Threads that wait for work, or soon will, which nobody has given them yet."""

    async def run(
        self,
        function: Callable[[], T],
        on_wait: Callable[[int], None] = _nobody_listens,
        on_cancel: Callable[[], None] | None = None,
    ) -> T:
        """Calls the function in a worker thread; `on_wait` is told its place among those that wait for one.

        Raises what the function raises; RuntimeError in place of what is no `Exception`, or is
        StopIteration, since neither survives an event loop; OnlyHungCalls if it waits for hung calls alone.

        `on_cancel` tells a running function that its caller is cancelled: what it returns within `CLEANUP`
        seconds is returned after all. A second cancellation does not wait.
        """
        turn = await self.turns.take(on_wait)

        def counted() -> T:
            try:
                return function()
            finally:
                with self._lock:
                    self._idle += 1  # before the turn ends, so that nobody starts one more thread meanwhile
                turn.end()

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
            turn.end()
            raise
        try:
            return await (outcome if on_cancel is None else _outcome_of(outcome, on_cancel))
        finally:
            turn.leave()

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
