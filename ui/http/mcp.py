"""`/mcp`: the tools for assistants by streamable HTTP, each message in a request of its own.

No session is kept: its name, which the client gets and repeats, only tells whose call a notification means
to cancel. So any server process answers, and no table grows.
"""

from __future__ import annotations

import asyncio
import math
import secrets
from contextlib import suppress
from typing import Any, TypeAlias

import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.message import SessionMessage
from mcp.shared.version import SUPPORTED_PROTOCOL_VERSIONS
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from core import Rejected
from core.asking import with_pictures
from core.studio import Studio
from ui.http.bodies import Bodies
from ui.http.requests import parse_object, problem
from ui.http.streams import KEEP_ALIVE
from ui.http.visitors import Visitors
from ui.mcp.answers import Address
from ui.mcp.messages import Malformed, Sent, read_message
from ui.mcp.server import mcp_server

_SESSION = "mcp-session-id"
_VERSION = "mcp-protocol-version"
_Call: TypeAlias = tuple[str, str, str | int]
"""The visitor, the name of their session, and the id of the request."""


def mcp_route(studio: Studio, bodies: Bodies, visitors: Visitors) -> Route:
    """Returns the route; what it raises as Rejected is answered by the server's exception handler."""
    return Route("/mcp", _Endpoint(studio, bodies, visitors), methods=["GET", "POST", "DELETE"])


class _Endpoint:
    """Answers each message, as JSON, or while pictures are made as a stream of events."""

    def __init__(self, studio: Studio, bodies: Bodies, visitors: Visitors) -> None:
        self._studio, self._bodies, self._visitors = studio, bodies, visitors
        self._most = with_pictures(studio.settings.max_bytes)
        self._address = Address((studio.settings.public_url or "").rstrip("/"))
        self._running: dict[_Call, _Exchange] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request, and ends what it has begun as soon as its client goes away."""
        request = Request(scope, receive)
        response = _refusal(request)
        if response is not None:
            await response(scope, receive, send)
            return
        visitor, exchange = await self._visitors.of(request), None
        session = request.headers.get(_SESSION, "")
        going = None
        try:
            async with self._bodies.read(request, visitor.name, self._most) as parts:
                try:
                    message = read_message(await self._parsed(request, parts))
                except Malformed as error:
                    await JSONResponse(error.answer, 400 if error.id is None else 200)(scope, receive, send)
                    return
                if message is None or isinstance(message.message.root, types.JSONRPCNotification):
                    self._pass_on(message, visitor.name, session)
                    await Response(status_code=202)(scope, receive, send)
                    return
                going = asyncio.ensure_future(_gone(receive))
                server = mcp_server(self._studio, visitor, self._address)
                exchange = _Exchange(server, message, going)
                self._running[visitor.name, session, exchange.id] = exchange
                await exchange.begun()
            await exchange.answer(request, send)
        finally:
            if going:
                going.cancel()
            if exchange:
                if self._running.get(call := (visitor.name, session, exchange.id)) is exchange:
                    del self._running[call]
                await exchange.close()

    async def _parsed(self, request: Request, parts: list[bytes]) -> dict[str, Any]:
        """Parses a body; raises Malformed."""
        try:
            return await self._bodies.parse(request, parts, parse_object)
        except Rejected as error:
            raise Malformed(str(error), types.PARSE_ERROR) from None

    def _pass_on(self, message: SessionMessage | None, visitor: str, session: str) -> None:
        """Tells what serves a call that it is cancelled; what another process serves runs on."""
        params = getattr(message.message.root, "params", None) if message and session else None
        id = params.get("requestId") if isinstance(params, dict) else None
        if message and isinstance(id, str | int) and (exchange := self._running.get((visitor, session, id))):
            exchange.send(message)


class _Exchange:
    """One request, served by a server of its own, and what that answers."""

    def __init__(
        self, server: Server[Any, Sent], message: SessionMessage, going: asyncio.Future[None]
    ) -> None:
        self._to, read = anyio.create_memory_object_stream[SessionMessage | Exception](2)
        write, self._from = anyio.create_memory_object_stream[SessionMessage](math.inf)
        self._to.send_nowait(message)
        options = server.create_initialization_options()
        self._serving = asyncio.create_task(server.run(read, write, options, stateless=True))
        self._next: asyncio.Future[SessionMessage] | None = None
        self._going = going
        root, metadata = message.message.root, message.metadata
        assert isinstance(root, types.JSONRPCRequest)
        assert metadata is not None
        self.id, self._method = root.id, root.method
        self._sent: Sent = getattr(metadata, "request_context")  # noqa: B009

    async def begun(self) -> None:
        """Waits until the arguments are used, or the client has gone."""
        using = asyncio.ensure_future(self._sent.used.wait())
        await asyncio.wait({using, self._going, self._receive()}, return_when="FIRST_COMPLETED")
        using.cancel()

    def send(self, message: SessionMessage) -> None:
        """Tells the server more about its request."""
        with suppress(anyio.WouldBlock, anyio.BrokenResourceError, anyio.ClosedResourceError):
            self._to.send_nowait(message)

    async def answer(self, request: Request, send: Send) -> None:
        """Sends what the server says until it has answered; nothing if the client has gone."""
        is_stream = self._method == "tools/call" and "text/event-stream" in request.headers.get("accept", "")
        if is_stream and not self._going.done():
            headers = [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")]
            headers.append((b"x-accel-buffering", b"no"))
            await send({"type": "http.response.start", "status": 200, "headers": headers})
        while not self._going.done():
            next = self._receive()
            await asyncio.wait({next, self._going}, timeout=KEEP_ALIVE, return_when="FIRST_COMPLETED")
            if self._going.done():
                return
            if not next.done():
                if is_stream:
                    await send(_body(b": alive\n\n", more=True))
                continue
            self._next, message = None, next.result().message
            is_last = isinstance(message.root, types.JSONRPCResponse | types.JSONRPCError)
            data = message.model_dump_json(by_alias=True, exclude_none=True).encode()
            if is_stream:
                await send(_body(b"event: message\ndata: %b\n\n" % data, more=not is_last))
            elif is_last:
                named = {_SESSION: secrets.token_hex(16)} if self._method == "initialize" else {}
                await Response(data, 200, named, "application/json")(request.scope, request.receive, send)
            if is_last:
                return

    async def close(self) -> None:
        """Ends what still runs."""
        self._sent.drop()
        if self._next:
            self._next.cancel()
        await self._to.aclose()
        await asyncio.wait({self._serving})
        self._from.close()

    def _receive(self) -> asyncio.Future[SessionMessage]:
        if self._next is None:
            self._next = asyncio.ensure_future(self._from.receive())
        return self._next


def _refusal(request: Request) -> Response | None:
    """Returns the answer to what is not a message; None to one."""
    if request.method == "DELETE":
        return Response(status_code=204)  # there is nothing to delete
    if request.method != "POST":
        sentence = "Assistants speak to this address: give it to one, which sends its messages with POST."
        reply = problem(sentence, 405)
        reply.headers["Allow"] = "POST, DELETE"
        return reply
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        return problem("A message must be JSON: send it as application/json.", 415)
    version = request.headers.get(_VERSION)
    if version is not None and version not in SUPPORTED_PROTOCOL_VERSIONS:
        known = ", ".join(SUPPORTED_PROTOCOL_VERSIONS)
        return problem(f"The protocol's version {version[:20]!r} is not known here: use one of {known}.", 400)
    return None


def _body(data: bytes, *, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def _gone(receive: Receive) -> None:
    """Waits until the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass
