"""A real HTTP server on this machine that plays a provider's service in tests.

`ProviderSuite` starts one for each event loop; any other test may have its own. It is given the answers,
and lists the requests that it received:

    with Loopback({"/v1/images": Reply(body={"url": "https://…"}, delay=0.1)}) as server:
        ask_it(server.url)
    assert server.requests[0].headers["authorization"] == "Bearer test"
"""

from __future__ import annotations

import asyncio
import inspect
import json
import ssl
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Request:
    """What a client sent; `path` includes the query, the names in `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """What the server answers after `delay` seconds; `headers` replace those that it sets itself."""

    status: int = 200
    body: bytes | str | dict[str, Any] = b""
    """A dict is sent as JSON."""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay: float = 0.0
    cut_after: int | None = None
    """Closes the connection after this many bytes of the body."""
    chunks: Sequence[bytes | float] = ()
    """A body sent in parts, instead of `body`: bytes, and seconds to pause between them."""


Handler: TypeAlias = "Mapping[str, Reply] | Callable[[Request], Reply | Awaitable[Reply]]"
"""Replies by path (any other path is a 404), or a function of the request."""


class Loopback:
    """Serves on 127.0.0.1, in a thread of its own, until the ``with`` block ends.

    The handler maps paths to replies, or is a function, which must not block; an exception in it closes
    the connection, and is raised at the end of the block. `disconnects` counts the clients that left
    before they were answered.
    """

    def __init__(self, handler: Handler, tls: ssl.SSLContext | None = None) -> None:
        self.url, self.disconnects = "", 0
        self.requests: list[Request] = []
        self._handler, self._tls = handler, tls
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="loopback")

    def wait_until(self, condition: Callable[[Loopback], object], seconds: float = 5) -> None:
        """Waits until a condition holds; blocks, so call it in a thread if there is an event loop."""
        give_up = time.monotonic() + seconds
        while not condition(self):
            if time.monotonic() > give_up:
                raise TimeoutError(f"not within {seconds} seconds")
            time.sleep(0.002)

    def __enter__(self) -> Loopback:
        self._thread.start()
        self.wait_until(lambda server: server.url)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()
        if self._failure:
            raise self._failure

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, ssl=self._tls, backlog=1024)
        self.url = f"http{'s' if self._tls else ''}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await self._stopping.wait()
        server.close()  # the connections are cancelled with the loop; `wait_closed` would wait for them

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request, stays = await _read(reader), True
            while stays:
                self.requests.append(request)
                answer = asyncio.create_task(self._answer(request, writer))
                following = asyncio.create_task(_read(reader))  # fails when the client goes away
                try:
                    await asyncio.wait({answer, following}, return_when=asyncio.FIRST_COMPLETED)
                    if gone := not answer.done() and following.exception() is not None:
                        self.disconnects += 1
                    if stays := not gone and await answer:
                        request = await following
                finally:
                    answer.cancel()
                    following.cancel()
                    await asyncio.gather(answer, following, return_exceptions=True)
            writer.close()
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            writer.transport.abort()
        except Exception as error:
            self._failure = error
            writer.transport.abort()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Sends the reply; returns whether the connection stays open for another request."""
        found = self._handler(request) if callable(self._handler) else self._handler.get(request.path)
        reply = await found if inspect.isawaitable(found) else found or Reply(404)
        await asyncio.sleep(reply.delay)
        body = json.dumps(reply.body) if isinstance(reply.body, dict) else reply.body
        parts = reply.chunks or [body.encode() if isinstance(body, str) else body]
        headers = {name.lower(): value for name, value in reply.headers.items()}
        if "transfer-encoding" not in headers:
            headers.setdefault("content-length", str(sum(len(p) for p in parts if isinstance(p, bytes))))
        if isinstance(reply.body, dict):
            headers.setdefault("content-type", "application/json")
        head = [f"HTTP/1.1 {reply.status} ", *(f"{name}: {value}" for name, value in headers.items())]
        writer.write("\r\n".join([*head, "\r\n"]).encode("latin-1"))
        left = sys.maxsize if reply.cut_after is None else reply.cut_after
        for part in parts:
            if isinstance(part, bytes):
                writer.write(part[:left])
                left -= len(part[:left])
            elif left:
                await asyncio.sleep(part)
        return reply.cut_after is None and headers.get("connection") != "close"


async def _read(reader: asyncio.StreamReader) -> Request:
    """Reads one request; its body, if any, has a Content-Length."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").splitlines()
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[:-1])}
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
