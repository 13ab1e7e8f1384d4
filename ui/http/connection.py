"""A connection to the server that ends if its client keeps it waiting, and makes room for others."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import sys
from contextlib import suppress
from typing import Any

import h11
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

log = logging.getLogger(__name__)

MAX_REQUEST_SECONDS = 30.0
"""A request, head and body, has come whole by then, or goes on coming at `SLOWEST`."""
SLOWEST = 30_000
"""Bytes per second of a large body, such as a photograph that a phone sends."""
MAX_UNREAD_SECONDS = 60.0
"""A client that takes nothing of its reply for so long is gone, or means harm."""
SEND_BUFFER = 262_144
"""Bytes that the system holds for a client, up to 4,000,000 of itself; it says that some were taken only when
a third is free, which a slow reader of so much does not reach in time."""
READ_AT_ONCE = 16_384
"""Bytes; by itself asyncio reads sixteen times as many from each of all connections before any is served."""
SURELY_UNREAD_SECONDS = 5.0
"""The one that took nothing for longest makes room for others, if it is at least so long."""
_RESERVED = 256
"""Descriptors for the database and what is open to providers; each connection may have a picture open too."""
_LOOK_EVERY = 5.0
HIDDEN = "limner.hidden"
"""Where a request's scope has the headers that gradio does not see."""


def _max_connections() -> int:
    """Raises the limit on open descriptors as far as it may, and returns how many may be connections."""
    if sys.platform == "win32":  # sockets are no descriptors there
        return 4000
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(64, (8192 if soft == resource.RLIM_INFINITY else min(soft, 8192)) - _RESERVED) // 2


MAX_CONNECTIONS = _max_connections()


class Connection(H11Protocol):
    """uvicorn's connection with limits to its patience; by itself it waits without end for a request.

    It takes no web sockets: nothing here speaks them.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.app: Any = around(self.app)
        self.ws_protocol_class = None
        self._waits_since: float | None = self.loop.time()
        self._read_at = self.loop.time()
        self._unsent = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begins to wait for a request, and makes room for it if all places are taken."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        with suppress(AttributeError):  # a loop of another kind reads as it likes
            transport.max_size = READ_AT_ONCE  # pyright: ignore[reportAttributeAccessIssue]
        self._look_again()
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stops looking at the connection."""
        self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Notes when a request has come whole, and that one goes on coming; reads no more than is taken."""
        super().data_received(data)
        if self.cycle is not None and self.cycle.body:
            self.flow.pause_reading()  # until the app takes it, or answers
        if self._waits_since is not None and self.cycle is not None and self.cycle.more_body:
            self._waits_since = min(self.loop.time(), self._waits_since + len(data) / SLOWEST)
        self._stop_waiting_if_whole()

    def on_response_complete(self) -> None:
        """Begins to wait for the next request, which may be there already, and drops what nobody took."""
        self._waits_since = self.loop.time()
        self.cycle.body = bytearray()
        super().on_response_complete()
        self._stop_waiting_if_whole()

    def resume_writing(self) -> None:
        """Notes that the client has read much of what was sent."""
        self._read_at = self.loop.time()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Refuses what is no HTTP; a request that was taken for one before is not answered as well."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def _unsupported_upgrade_warning(self) -> None:
        """Logs nothing: an upgrade that is not possible is answered like any other request."""

    def _stop_waiting_if_whole(self) -> None:
        if self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete:
            self._waits_since = None

    def _look_again(self) -> None:
        """Ends a connection whose client neither asks nor reads."""
        now, unsent = self.loop.time(), self.transport.get_write_buffer_size()
        if unsent < self._unsent or not unsent:
            self._read_at = now
        self._unsent = unsent
        if self._waits_since is not None and (unsent or self.flow.read_paused):
            self._waits_since = now  # the reply is on its way, or this server has not read what came
        if self._waited(now) > MAX_REQUEST_SECONDS or self._unread(now) > MAX_UNREAD_SECONDS:
            self.transport.abort()
        self._watch: asyncio.TimerHandle = self.loop.call_later(_LOOK_EVERY, self._look_again)

    def _waited(self, now: float) -> float:
        """Returns the seconds that a request is waited for; 0 while one is served."""
        if self._waits_since is None or self.transport.get_write_buffer_size():
            return 0
        return now - self._waits_since

    def _unread(self, now: float) -> float:
        """Returns the seconds in which nothing of what is to be sent was taken."""
        return now - self._read_at if self.transport.get_write_buffer_size() else 0

    def _make_room(self) -> None:
        """Ends the connection that is silent for longest, or else one that does not read, or this one."""
        now = self.loop.time()
        mine = [one for one in self.connections if isinstance(one, Connection)]
        open = [one for one in mine if not one.transport.is_closing()]
        if len(open) <= MAX_CONNECTIONS:
            return
        silent = max(open, key=lambda one: one._waited(now))
        unread = max(open, key=lambda one: one._unread(now))
        if silent is not self and silent._waited(now):
            silent.transport.abort()
        elif unread._unread(now) > SURELY_UNREAD_SECONDS:
            unread.transport.abort()
        else:
            self.transport.abort()


def report_once_a_minute(loop: asyncio.AbstractEventLoop) -> None:
    """Has the loop say once a minute that it accepts nothing; alone it says so 2,000 times a second."""
    last = -math.inf

    def report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        nonlocal last
        if not str(context.get("message")).startswith("socket.accept()"):
            loop.default_exception_handler(context)
        elif loop.time() - last > 60:
            last = loop.time()
            log.error("No more connections can be accepted: the system's limit on open files is reached")

    loop.set_exception_handler(report)


def around(app: ASGIApp) -> ASGIApp:
    """Adds to a request of HTTP/1.0 the host, which it may leave out, and that gradio cannot do without.

    Hides the origin from gradio, which lets all sites send and read before any middleware is asked; ours
    brings it back.
    """

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await app(scope, receive, send)
            return
        scope = {**scope, "headers": [*scope["headers"]]}
        if not any(name == b"host" for name, _ in scope["headers"]):
            scope["headers"].append((b"host", b"localhost"))
        scope[HIDDEN] = [header for header in scope["headers"] if header[0] == b"origin"]
        scope["headers"] = [header for header in scope["headers"] if header[0] != b"origin"]
        receive, send = _closing_gently(scope, receive, send)
        await app(scope, receive, send)

    return call


def _closing_gently(scope: Scope, receive: Receive, send: Send) -> tuple[Receive, Send]:
    """Lets a connection that ends with its answer stay until the request has come, and drops what comes.

    What is closed with something unread is reset, and a client that still sends loses the answer.
    """
    connection = b",".join(value for name, value in scope["headers"] if name == b"connection").lower()
    if scope["http_version"] != "1.0" and b"close" not in connection:
        return receive, send  # it stays open, and uvicorn drops the rest
    is_whole = False

    async def receive_and_note() -> Message:
        nonlocal is_whole
        message = await receive()
        is_whole = not message.get("more_body")  # or the client has gone
        return message

    async def send_and_wait(message: Message) -> None:
        if message["type"] == "http.response.body" and not message.get("more_body"):
            await send({**message, "more_body": True})
            while not is_whole:
                await receive_and_note()
            message = {"type": "http.response.body"}
        await send(message)

    return receive_and_note, send_and_wait
