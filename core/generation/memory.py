"""A memory budget that tasks share if they need much at once."""

from __future__ import annotations

import asyncio
from collections import deque


class Memory:
    """A number of bytes, lent first come, first served; belongs to one event loop.

    A task that needs more than there is gets all of it, alone.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.free = most
        self.waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, amount: int) -> int:
        """Waits its turn, and returns what it took, for `give_back`; takes nothing if it is cancelled."""
        amount = min(amount, self.most)
        turn = asyncio.get_running_loop().create_future()
        self.waiting.append((amount, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.cancelled():
                self._serve()  # it may have been the first, too large for those behind it
            else:  # served and cancelled in the same turn of the loop
                self.give_back(amount)
            raise
        return amount

    def give_back(self, amount: int) -> None:
        """Frees what was taken for those who wait."""
        self.free += amount
        self._serve()

    def _serve(self) -> None:
        while self.waiting:
            amount, turn = self.waiting[0]
            if not turn.done():
                if amount > self.free:
                    return
                self.free -= amount
                turn.set_result(None)
            self.waiting.popleft()
