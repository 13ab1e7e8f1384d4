"""Large bodies, of which only so much is in memory at once: for each visitor, and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from starlette.requests import Request

from core.chat.failure import LimitReached
from ui.http.requests import TooLarge, whole_number

MAX_EACH = 200_000_000
"""Bytes that one visitor's requests may hold."""
MAX_IN_ALL = 600_000_000


class Bodies:
    """Counts the bytes of the bodies that are being read or used; belongs to one event loop."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()

    @asynccontextmanager
    async def read(self, request: Request, visitor: str, most: int) -> AsyncGenerator[bytearray]:
        """Reads a body of at most so many bytes, which count until the block ends; it may be emptied before.

        Raises TooLarge, or LimitReached if this visitor or all together hold too much; each as soon as it is
        known.
        """
        body, held = bytearray(), 0
        if whole_number(request.headers.get("content-length", "")) > most:
            raise _too_large(most)
        try:
            async for part in request.stream():
                body += part
                held += len(part)
                self._held[visitor] += len(part)
                if held > most:
                    raise _too_large(most)
                if self._held[visitor] > MAX_EACH or self._held.total() > MAX_IN_ALL:
                    raise LimitReached("Too much is being sent at the same time: try again in a moment.")
            yield body
        finally:
            self._held[visitor] -= held
            if not self._held[visitor]:
                del self._held[visitor]


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"This is larger than {most:,} bytes: send something smaller.")
