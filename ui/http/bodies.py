"""The bodies of requests, of which only so much is in memory, or on the disk, at once: of each and of all."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import IO, Any, TypeVar

import anyio
from starlette.requests import Request

from core.asking import MAX_BODY
from core.chat.failure import LimitReached, Rejected, Unavailable
from core.workers import Workers
from limner.threads import call_in_thread
from ui.http.requests import TooLarge, check_is_json, parse_object, whole_number

MAX_EACH = 64_000_000
"""Bytes that the bodies of one visitor may hold; a larger one is read if it is the only one."""
MAX_IN_ALL = 128_000_000
SMALL = 16_384
"""Bytes of a body that is read however many there are, such as that of a prompt."""
MAX_FILES = 8
"""Files of visitors that are on the disk at once."""
STEP = 1_000_000
"""Bytes that are written to a file at once."""
PATIENCE = 10.0
"""Seconds that a body may come, however slowly, before it makes room for others that need some."""
_Parsed = TypeVar("_Parsed")
_TOO_MUCH = "Too much is being sent at the same time: try again in a moment."
_TOO_SLOW = "This came slowly, and others needed the room: try again in a moment."
_ANOTHER = "Another file is still being read: try again when that is done."


@dataclass(eq=False)
class _Place:
    """A body that comes, or has come whole and is used."""

    visitor: str
    begun: float
    held: int = 0
    is_whole: bool = False
    coming: anyio.CancelScope = field(default_factory=anyio.CancelScope)


class Bodies:
    """Counts the bytes of the bodies that are being read or used; belongs to one event loop.

    Where all room is taken, the body that comes most slowly makes room for another.
    """

    def __init__(self) -> None:
        self.workers = Workers(2)
        """Threads for what takes long of a large body: to parse it, and to tell it from another."""
        self._held: Counter[str] = Counter()
        self._held_in_all = 0
        self._reading: dict[_Place, None] = {}
        self._saving: dict[_Place, None] = {}

    @asynccontextmanager
    async def read(self, request: Request, visitor: str, most: int) -> AsyncGenerator[list[bytes]]:
        """Reads a body of at most so many bytes, in parts: the list, whose bytes count until the block ends.

        It may be emptied before. Many bodies that each grow in one piece would take twice the memory.

        Raises TooLarge, LimitReached if this visitor holds too much, or Unavailable if all together do; each
        as soon as it is known.
        """
        parts, place = list[bytes](), _Place(visitor, monotonic())
        if whole_number(request.headers.get("content-length", "")) > most:
            raise _too_large(most)
        self._reading[place] = None
        try:
            with place.coming:
                async for part in request.stream():
                    parts.append(part)
                    self._count(place, len(part))
                    if place.held > most:
                        raise _too_large(most)
                    if self._held[visitor] > max(MAX_EACH, place.held):
                        raise LimitReached(_TOO_MUCH)
                    while place.held > SMALL and self._held_in_all > max(MAX_IN_ALL, place.held):
                        slowest = self._make_room(self._reading, place, Unavailable(_TOO_MUCH))
                        self._count(slowest, -slowest.held)
                place.is_whole = True
            if not place.is_whole:
                raise LimitReached(_TOO_SLOW)
            yield parts
        finally:
            parts.clear()  # which a refusal still refers to, from its traceback
            self._count(place, -place.held)
            self._reading.pop(place, None)

    async def parse(
        self, request: Request, parts: list[bytes], parse: Callable[[list[bytes]], _Parsed]
    ) -> _Parsed:
        """Returns what a body of JSON is; a large one is parsed in a thread: others would wait for it.

        Raises NotJSON, and what `parse` raises.
        """
        check_is_json(request.headers)
        is_large = sum(map(len, parts)) > MAX_BODY
        return await self.workers.run(lambda: parse(parts)) if is_large else parse(parts)

    @asynccontextmanager
    async def read_object(
        self, request: Request, visitor: str, *, may_be_empty: bool = False
    ) -> AsyncGenerator[dict[str, Any]]:
        """Reads a body that is a JSON object, which counts until the block ends.

        Raises Rejected if it is none, and as `read` does.
        """
        async with self.read(request, visitor, MAX_BODY) as parts:
            is_empty = may_be_empty and not any(parts)
            yield {} if is_empty else await self.parse(request, parts, parse_object)

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
        place = _Place(visitor, monotonic())
        if [other.visitor for other in self._saving].count(visitor) > 1:
            raise LimitReached(_ANOTHER)
        if len(self._saving) >= MAX_FILES:
            self._make_room(self._saving, place, LimitReached(_ANOTHER))
        self._saving[place] = None
        try:
            with await call_in_thread(lambda: TemporaryFile(dir=folder)) as file:
                with place.coming:
                    part = bytearray()
                    async for more in request.stream():
                        part += more
                        place.held += len(more)
                        if place.held > most:
                            raise _too_large(most)
                        if len(part) > STEP or not more:
                            await call_in_thread(lambda part=part: file.write(part))
                            part = bytearray()
                    place.is_whole = True
                if not place.is_whole:
                    raise LimitReached(_TOO_SLOW)
                yield file
        except OSError as error:
            raise Unavailable("The file could not be written to the disk: try again in a moment.") from error
        finally:
            self._saving.pop(place, None)

    def _count(self, place: _Place, more: int) -> None:
        place.held += more
        self._held[place.visitor] += more
        self._held_in_all += more
        if not self._held[place.visitor]:
            del self._held[place.visitor]

    def _make_room(self, places: dict[_Place, None], mine: _Place, refusal: Rejected) -> _Place:
        """Ends the slowest of those that come, and returns it; raises the refusal if that would be mine."""
        now = monotonic()
        slow = [place for place in places if not place.is_whole and now - place.begun > PATIENCE]
        slowest = min(slow, key=lambda place: place.held / (now - place.begun), default=mine)
        if slowest is mine:
            raise refusal
        slowest.coming.cancel()
        del places[slowest]
        return slowest


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"This is larger than {most:,} bytes: send something smaller.")
