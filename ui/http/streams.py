"""Server-sent events of what changes in a conversation, and how many such streams may be open."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias

import anyio
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from core.chat.conversation import Conversation
from core.chat.failure import LimitReached, Unavailable
from core.chat.message import Message
from ui.http.connection import MAX_CONNECTIONS
from ui.http.requests import whole_number

MAX_OF_ONE_VISITOR = 64
"""A page holds one while it is seen; behind one address there may be a whole school."""
MAX_STREAMS = min(1_000, MAX_CONNECTIONS * 2 // 3)
RETRY_AFTER = 10.0
"""Seconds."""
KEEP_ALIVE = 15
"""Seconds after which a silent stream says that it is alive, so that proxies keep it open."""

UNKNOWN = 2**62
"""A revision that no conversation has had."""
LAST_MESSAGES = 40
"""Messages that a page gets at once; it asks for older ones as somebody scrolls up to them."""

Show: TypeAlias = Callable[[Message], dict[str, Any]]


class Streams:
    """Counts the open streams; once all places are taken, whoever has the most makes room for others."""

    def __init__(self) -> None:
        self._open: dict[str, list[anyio.CancelScope]] = {}
        self._shows: dict[anyio.CancelScope, Conversation] = {}

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

    def show(self, scope: anyio.CancelScope, conversation: Conversation) -> None:
        """Notes what the stream in a place shows."""
        self._shows[scope] = conversation

    def end(self, owner: str) -> None:
        """Ends the streams of an owner's conversations; whoever may still see them opens another at once."""
        for scope, conversation in self._shows.items():
            if conversation.owner == owner:
                scope.cancel()

    def close(self, visitor: str, scope: anyio.CancelScope) -> None:
        """Frees a place; one that was taken away is already gone."""
        self._shows.pop(scope, None)
        own = self._open.get(visitor, [])
        if scope in own:
            own.remove(scope)
        if not own:
            self._open.pop(visitor, None)


class EventStream(StreamingResponse):
    """Sends what is newer than a revision while the visitor has a place; raises as `Streams.open` does.

    Revisions are those of one process: where there are several, each event's id names the process, and who
    comes with that of another gets everything.
    """

    media_type = "text/event-stream"

    def __init__(
        self,
        conversation: Conversation,
        since: str,
        show: Show,
        streams: Streams,
        visitor: str,
        process: str = "",
    ) -> None:
        number, _, of = since.partition("-")
        rev = whole_number(number)
        if rev and of != process:
            rev = UNKNOWN
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(_events(conversation, rev, show, process), headers=headers)
        self._streams, self._visitor = streams, visitor
        self._place = streams.open(visitor)
        streams.show(self._place, conversation)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events, and the end of the reply if the place is taken away."""
        try:
            with self._place:
                await super().__call__(scope, receive, send)
            if self._place.cancelled_caught:
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            self._streams.close(self._visitor, self._place)


def last_messages(conversation: Conversation, before: Message | None = None) -> tuple[list[Message], bool]:
    """Returns the last messages, or those before one, and whether there are older ones; none is deleted."""
    earlier = list(conversation)
    if before is not None:
        earlier = earlier[: earlier.index(before)]
    kept = [message for message in earlier if message.deleted is None]
    return kept[-LAST_MESSAGES:], len(kept) > LAST_MESSAGES


def shown(message: Message, show: Show) -> dict[str, Any]:
    """Returns a message as an event has it."""
    return show(message) if message.deleted is None else {"id": message.id, "deleted": True}


async def _events(conversation: Conversation, rev: int, show: Show, process: str = "") -> AsyncIterator[str]:
    """Yields what is newer than a revision at once, and then what changes as it happens."""
    yield "retry: 1000\n\n"
    changed, older, reset = conversation.since(rev), False, conversation.has_lost(rev)
    if reset or not rev:
        (changed, older), rev = last_messages(conversation), 0
    while True:
        reached = conversation.rev
        for message in changed[:-1]:
            yield _event([message], rev, show, reset=reset, older=older, more=True)
            reset = False
            await asyncio.sleep(0)  # a client that takes all at once would hold the loop meanwhile
        id = f"{reached}-{process}" if process else reached
        yield f"id: {id}\n{_event(changed[-1:], rev, show, reset=reset, older=older)}"
        rev, changed, reset, older = reached, [], False, False
        while not changed:
            try:
                changed = await asyncio.wait_for(conversation.changes(rev), KEEP_ALIVE)
            except asyncio.TimeoutError:
                yield ": alive\n\n"


def _event(
    changed: list[Message], rev: int, show: Show, *, reset: bool, older: bool, more: bool = False
) -> str:
    """Returns an event; only the last of a change names the revision: a broken change is sent again.

    `more` says that this is not the last, `reset` that the page must forget what it shows, and `older` that
    there are older messages than those of this change.
    """
    event = {
        "now": time.time(),
        "messages": [shown(message, show) for message in changed if message.rev > rev],
        "live": [part for message in changed for part in _live(message)],
        "more": more,
        "reset": reset,
        "older": older,
    }
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n"


def _live(message: Message) -> list[dict[str, Any]]:
    """Returns how far a message's versions are."""
    return [
        {
            "id": message.id,
            "version": number,
            "progress": live.progress,
            "share": live.share,
            "preview": live.preview and f"limner/previews/{live.preview.name}",
        }
        for number, live in message.live.items()
        if message.deleted is None
    ]
