"""A real HTTP server on this machine that plays a provider's service in tests.

A test gives it the answers, and afterwards sees what was asked:

    with Loopback({"/v1/images": Reply(body={"url": "https://…"}, delay=0.1)}) as server:
        ask_it(server.url)
    assert server.requests[0].headers["authorization"] == "Bearer test"
"""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Request:
    """What a client sent; `path` is with its query, the names in `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes | str | dict[str, Any] = b""
    """A dict is sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    """They stand over those that the server sets, so that a test can lie about the length."""
    delay: float = 0.0
    """Seconds before anything is sent."""
    cut_after: int | None = None
    """Ends the connection after so many bytes of the body."""
    chunks: Sequence[bytes | float] = ()
    """A body sent in parts, in place of `body`: bytes, and seconds to pause between them."""


Handler: TypeAlias = "Mapping[str, Reply] | Callable[[Request], Reply | Awaitable[Reply]]"


class Loopback:
    """Serves on 127.0.0.1, in a thread of its own, until the ``with`` block ends.

    The handler maps a path to a reply, or is a function, which must not block. What it raises is
    answered as a 500 and raised again at the end of the block. `disconnects` counts the requests
    whose client went away before it had the answer.
    """

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.url, self.disconnects = "", 0
        self.requests: list[Request] = []
        self._handler, self._tls = handler, tls
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="loopback")

    def wait_until(self, what: Callable[[Loopback], object], seconds: float = 5) -> None:
        """Waits for something to be true of the server; blocks, so an event loop uses a thread for it."""
        give_up = time.monotonic() + seconds
        while not what(self):
            if time.monotonic() > give_up:
                raise TimeoutError(f"not within {seconds} seconds")
            time.sleep(0.002)

    def __enter__(self) -> Loopback:
        self._thread.start()
        self.wait_until(lambda server: server.url)
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self._failure and error is None:
            raise self._failure

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        host, port = server.sockets[0].getsockname()
        self.url = f"{'https' if self._tls else 'http'}://{host}:{port}"
        await self._stopping.wait()
        server.close()  # the connections are cancelled with the loop; `wait_closed` would wait for them

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with closing(writer), suppress(OSError, asyncio.IncompleteReadError):
            request = await _read(reader)
            while True:
                self.requests.append(request)
                answer = asyncio.create_task(self._answer(request, writer))
                following = asyncio.create_task(_read(reader))  # fails when the client goes away
                try:
                    await asyncio.wait({answer, following}, return_when=asyncio.FIRST_COMPLETED)
                    if not answer.done() and following.exception():
                        self.disconnects += 1
                        return
                    if not await answer:
                        return
                    request = await following
                finally:
                    answer.cancel()
                    following.cancel()
                    await asyncio.gather(answer, following, return_exceptions=True)

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Sends the reply; says whether the connection stays open for another request."""
        reply = await self._reply(request)
        await asyncio.sleep(reply.delay)
        body = json.dumps(reply.body) if isinstance(reply.body, dict) else reply.body
        parts = reply.chunks or [body.encode() if isinstance(body, str) else body]
        length = sum(len(part) for part in parts if isinstance(part, bytes))
        headers = {"content-type": "application/json"} if isinstance(reply.body, dict) else {}
        headers |= {name.lower(): value for name, value in reply.headers.items()}
        if "transfer-encoding" not in headers:
            headers.setdefault("content-length", str(length))
        head = [f"HTTP/1.1 {reply.status} ", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*head, "\r\n"]).encode("latin-1"))
        left = length if reply.cut_after is None else reply.cut_after
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part[:left])
                await writer.drain()
                left -= len(part[:left])
            elif left:
                await asyncio.sleep(part)
        return reply.cut_after is None and headers.get("connection") != "close"

    async def _reply(self, request: Request) -> Reply:
        if not callable(self._handler):
            return self._handler.get(request.path, Reply(404))
        try:
            reply = self._handler(request)
            return await reply if inspect.isawaitable(reply) else reply
        except Exception as error:
            self._failure = error
            return Reply(500, f"{type(error).__name__} in the handler")


async def _read(reader: asyncio.StreamReader) -> Request:
    """Reads one request; its body, if any, has a Content-Length."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    method, path, _ = head[0].split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, body)
