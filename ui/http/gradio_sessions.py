"""The calls of Gradio's clients: begun by one request, and told of by an event stream of their session."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, NamedTuple, TypeAlias

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from core import Rejected
from core.chat.failure import Unavailable
from ui.http.requests import NotFound
from ui.http.streams import KEEP_ALIVE

log = logging.getLogger(__name__)

MAX_OF_ONE_VISITOR = 64
"""Calls whose end nobody has read yet; behind one address there may be a whole school."""
MAX_CALLS = 1_000
PATIENCE = 15.0
"""Seconds in which a client begins to read after a call: it does so at once, or it has gone away."""

Outcome: TypeAlias = Coroutine[Any, Any, dict[str, Any]]
"""What a client gets: `data`, or the sentence of an `error`."""


class _Reading(Rejected):
    """A second stream of a session, which would take events from the first."""

    status = 409


class _Call(NamedTuple):
    outcome: asyncio.Task[dict[str, Any]]
    stop: Callable[[], object]


class Session:
    """The calls of one client, and what it has not yet been told of them."""

    def __init__(self) -> None:
        self.calls: dict[str, _Call] = {}
        """By the ids of their events, until their end has been told."""
        self.is_read = False
        self._untold = asyncio.Queue[dict[str, Any]]()

    def begin(self, outcome: Outcome, stop: Callable[[], object]) -> str:
        """Begins to wait for an outcome, and returns the event's id; `stop` has it end sooner."""

        def tell(ended: asyncio.Task[dict[str, Any]]) -> None:
            if ended.cancelled():
                return
            if error := ended.exception():
                log.error("A call of Gradio's client could not be answered", exc_info=error)
            output = {"error": None} if error else ended.result()
            self._tell("process_completed", event, output=output, success="error" not in output)

        event = secrets.token_hex(16)
        self._tell("process_starts", event)
        self.calls[event] = _Call(asyncio.create_task(outcome), stop)
        self.calls[event].outcome.add_done_callback(tell)
        return event

    def stop(self, event: str) -> None:
        """Stops a call, if there is such a one; its outcome says so."""
        if call := self.calls.get(event):
            call.stop()

    def close(self) -> None:
        """Stops whatever is still waited for."""
        for call in self.calls.values():
            if not call.outcome.done():
                call.outcome.cancel()
                call.stop()
        self.calls.clear()

    async def next_told(self) -> dict[str, Any]:
        """Waits for the next event; the last of a call is its end."""
        event = await self._untold.get()
        if event["msg"] == "process_completed":
            self.calls.pop(event["event_id"], None)
        return event

    def _tell(self, msg: str, event: str, **more: object) -> None:
        self._untold.put_nowait({"msg": msg, "event_id": event, **more})


class Sessions:
    """Keeps the sessions whose calls have not all been told of; belongs to one event loop.

    Only the visitor who has begun a session reads it, or stops what it runs.
    """

    def __init__(self) -> None:
        self._sessions: dict[tuple[str, str], Session] = {}

    def check(self, visitor: str) -> None:
        """Raises Unavailable if a visitor, or all together, have too many calls that nobody reads."""
        owners = [name for (name, _), session in self._sessions.items() for _ in session.calls]
        if owners.count(visitor) >= MAX_OF_ONE_VISITOR or len(owners) >= MAX_CALLS:
            raise Unavailable("Too many calls are waiting to be read: try again in a moment.")

    def begin(self, visitor: str, name: str, outcome: Outcome, stop: Callable[[], object]) -> str:
        """Begins a call in a session, and returns the id of its event."""
        session = self._sessions.setdefault((visitor, name), Session())
        if not session.is_read:
            asyncio.get_running_loop().call_later(PATIENCE, self._forget_unread, visitor, name, session)
        return session.begin(outcome, stop)

    def stop(self, visitor: str, name: str, event: str) -> None:
        """Stops a call, if this visitor has begun such a one."""
        if session := self._sessions.get((visitor, name)):
            session.stop(event)

    def read(self, visitor: str, name: str) -> SessionStream:
        """Returns the stream of a session; raises NotFound, or Rejected if it is being read already."""
        session = self._sessions.get((visitor, name))
        if session is None:
            raise NotFound("There is no such session, or nothing is left of it: call again.")
        if session.is_read:
            raise _Reading("This session is being read already: use another session_hash.")
        session.is_read = True
        return SessionStream(session, lambda: self._forget(visitor, name, session))

    def _forget_unread(self, visitor: str, name: str, session: Session) -> None:
        if not session.is_read:
            self._forget(visitor, name, session)

    def _forget(self, visitor: str, name: str, session: Session) -> None:
        session.close()
        if self._sessions.get((visitor, name)) is session:
            del self._sessions[visitor, name]


class SessionStream(StreamingResponse):
    """Tells a client of its calls until all have ended; stops them if it goes away before."""

    media_type = "text/event-stream"

    def __init__(self, session: Session, forget: Callable[[], None]) -> None:
        super().__init__(
            _events(session, forget), headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        self._forget = forget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._forget()


async def _events(session: Session, forget: Callable[[], None]) -> AsyncIterator[str]:
    while session.calls:
        try:
            event = await asyncio.wait_for(session.next_told(), KEEP_ALIVE)
        except asyncio.TimeoutError:
            event = {"msg": "heartbeat"}
        yield _line(event)
    forget()  # a call that comes now is of a new session
    yield _line({"msg": "close_stream"})


def _line(event: dict[str, Any]) -> str:
    return f"data: {json.dumps(event, separators=(',', ':'))}\n\n"
