"""The open event streams: how many one visitor may have, how many there may be, and who makes room."""

from __future__ import annotations

from collections.abc import AsyncIterable

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from core.failures import LimitReached, Unavailable
from ui.connection import MAX_CONNECTIONS

MAX_OF_ONE_VISITOR = 64
"""A page holds one while it is seen; behind one address there may be a whole school."""
MAX_STREAMS = min(1_000, MAX_CONNECTIONS * 2 // 3)
RETRY_AFTER = 10.0
"""Seconds."""


class Streams:
    """Counts the open streams; once all places are taken, whoever has the most makes room for others."""

    def __init__(self) -> None:
        self._open: dict[str, list[anyio.CancelScope]] = {}

    def open(self, visitor: str) -> anyio.CancelScope:
        """Takes a place, until `close`; the scope is cancelled if it is needed for somebody else.

        Raises LimitReached if the visitor has too many, Unavailable if there is no place for anybody.
        """
        own = self._open.get(visitor, [])
        if len(own) >= MAX_OF_ONE_VISITOR:
            raise LimitReached("Too many pages are open at your address: close some of them.", RETRY_AFTER)
        if sum(map(len, self._open.values())) >= MAX_STREAMS:
            largest = max(self._open.values(), key=len)
            if len(largest) <= len(own) + 1:
                raise Unavailable("Too many pages are open here right now: try again in a moment.")
            largest.pop(0).cancel()
        scope = anyio.CancelScope()
        self._open.setdefault(visitor, []).append(scope)
        return scope

    def close(self, visitor: str, scope: anyio.CancelScope) -> None:
        """Gives a place back; one that was taken away is gone already."""
        own = self._open.get(visitor, [])
        if scope in own:
            own.remove(scope)
        if not own:
            self._open.pop(visitor, None)


class EventStream(StreamingResponse):
    """Server-sent events, for as long as the visitor's place is kept; raises as `Streams.open` does."""

    media_type = "text/event-stream"

    def __init__(self, events: AsyncIterable[str], streams: Streams, visitor: str) -> None:
        super().__init__(events, headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
        self._streams, self._visitor = streams, visitor
        self._place = streams.open(visitor)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events, and the end of the reply if the place is taken away."""
        try:
            with self._place:
                await super().__call__(scope, receive, send)
            if self._place.cancelled_caught:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.close(self._visitor, self._place)
