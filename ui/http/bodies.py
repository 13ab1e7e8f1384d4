"""Large bodies, of which only so much is in memory, or on the disk, at once: for each visitor, and in all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from starlette.requests import Request

from core.chat.failure import LimitReached, Unavailable
from limner.threads import call_in_thread
from ui.http.requests import TooLarge, whole_number

MAX_EACH = 200_000_000
"""Bytes that one visitor's requests may hold."""
MAX_IN_ALL = 600_000_000
MAX_FILES = 8
"""Files of visitors that are on the disk at once."""
STEP = 1_000_000
"""Bytes that are written to a file at once."""


class Bodies:
    """Counts the bytes of the bodies that are being read or used; belongs to one event loop."""

    def __init__(self) -> None:
        self._held: Counter[str] = Counter()
        self._saving: list[str] = []

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

    @asynccontextmanager
    async def save(
        self, request: Request, visitor: str, most: int, folder: Path
    ) -> AsyncGenerator[IO[bytes]]:
        """Reads a body of at most so many bytes into a file without a name, which ends with the block.

        Raises TooLarge, or LimitReached if this visitor has two already, which is one that is sent again
        because its connection broke, or if all have too many.
        """
        if whole_number(request.headers.get("content-length", "")) > most:
            raise _too_large(most)
        if self._saving.count(visitor) > 1 or len(self._saving) >= MAX_FILES:
            raise LimitReached("Another file is still being read: try again when that is done.")
        self._saving.append(visitor)
        try:
            with await call_in_thread(lambda: TemporaryFile(dir=folder)) as file:
                part, held = bytearray(), 0
                async for more in request.stream():
                    part += more
                    held += len(more)
                    if held > most:
                        raise _too_large(most)
                    if len(part) > STEP or not more:
                        await call_in_thread(lambda part=part: file.write(part))
                        part = bytearray()
                yield file
        except OSError as error:
            raise Unavailable("The file could not be written to the disk: try again in a moment.") from error
        finally:
            self._saving.remove(visitor)


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"This is larger than {most:,} bytes: send something smaller.")
