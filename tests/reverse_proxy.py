"""A reverse proxy on the loopback, as people put one in front of the app; one connection for each request."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from contextlib import suppress


class ReverseProxy:
    """Passes on what comes below a path, and answers 404 to anything else, until the ``with`` block ends.

    `takes_off` says whether the path is taken off; `headers` are set in each request, `{host}` in them is the
    host that the browser named, and `{client}` its address.
    """

    def __init__(
        self, port: int, path: str = "", *, takes_off: bool = True, headers: Mapping[str, str] | None = None
    ) -> None:
        self._port, self._path, self._takes_off = port, path, takes_off
        self._headers = dict(headers or {})
        self._ready = threading.Event()
        self._tasks = set[object]()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="reverse proxy")

    def __enter__(self) -> ReverseProxy:
        self._thread.start()
        assert self._ready.wait(30)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop, self._stopping = asyncio.get_running_loop(), asyncio.Event()
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}{self._path}"
        self._ready.set()
        await self._stopping.wait()
        server.close()

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._tasks.add(asyncio.current_task())  # the loop itself keeps none
        with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.rstrip("\r\n").split("\r\n")
            method, target, version = line.split(" ")
            if target != self._path and not target.startswith(f"{self._path}/"):
                writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                await writer.drain()
                writer.close()
                return
            if self._takes_off:
                target = target[len(self._path) :] or "/"
            sent = dict(one.split(": ", 1) for one in lines)
            host = next(value for name, value in sent.items() if name.lower() == "host")
            ours = {"Host": f"127.0.0.1:{self._port}", "Connection": "close", **self._headers}
            kept = {name: value for name, value in sent.items() if name.title() not in ours}
            for name, value in ours.items():
                kept[name] = value.format(host=host, client="203.0.113.7")
            server, to_server = await asyncio.open_connection("127.0.0.1", self._port)
            written = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in kept.items())]
            to_server.write("\r\n".join([*written, "", ""]).encode("latin-1"))
            asking = asyncio.create_task(_copy(reader, to_server))
            await _copy(server, writer)
            asking.cancel()
            to_server.close()
        writer.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
