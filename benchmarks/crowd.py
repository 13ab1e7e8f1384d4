"""Visitors of a served Limner, in a process of their own: each opens its conversation and asks for a picture.

Each holds the stream of its events, sends a prompt as the page does, and takes its picture once the stream
says where that is. Prints, as JSON, the seconds from prompt to picture of each who got one.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import sys
import time

BOUND = 60
"""Seconds; who has no picture by then has none."""
_PICTURE = re.compile(rb'src=\\"(limner/thumbnails/[^"\\]+)\\"')
ASKED = {"prompt": "A fox in the snow, at dusk", "provider": "openai", "model": "gpt-image-2"}


class Visitor:
    """One visitor, with an address, a cookie and a conversation of its own."""

    def __init__(self, port: int, number: int) -> None:
        self._port = port
        self._open: list[asyncio.StreamWriter] = []
        self._thread = secrets.token_hex(16)
        self._headers = (
            f"Host: 127.0.0.1:{port}\r\nX-Forwarded-For: 10.1.{number // 250}.{number % 250 + 1}\r\n"
            f"Cookie: limner_visitor={secrets.token_hex(16)}\r\nAccept-Encoding: gzip\r\n"
        )

    async def come(self) -> None:
        """Opens the stream of events, and waits for the first."""
        self._events = await self._ask("GET", f"limner/threads/{self._thread}/events?since=0")
        await self._events.readuntil(b'"older":false}')

    async def picture(self, delay: float) -> float:
        """Asks for a picture after a while; returns the seconds until the stream had it."""
        await asyncio.sleep(delay)
        begun = time.perf_counter()
        body = json.dumps(ASKED)
        reply = await self._ask("POST", f"limner/threads/{self._thread}/messages", body)
        status = await reply.readline()
        if b" 201 " not in status:
            raise RuntimeError((await reply.read(5000)).decode())
        event = b""
        while b'"state":"complete"' not in event:
            event = await self._events.readuntil(b'"older":false}')
            if b'"state":"error"' in event:
                raise RuntimeError(event.decode())
        seconds = time.perf_counter() - begun
        found = _PICTURE.search(event)
        assert found, event
        taken = await self._ask("GET", found[1].decode())
        if b" 200 " not in await taken.readline() or len(await taken.read()) < 5_000:
            raise RuntimeError("The picture cannot be loaded")
        return seconds

    async def _ask(self, method: str, path: str, body: str = "") -> asyncio.StreamReader:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=20_000_000)
        self._open.append(writer)  # or the connection would end
        sent = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if body else ""
        kept = "" if path.endswith("since=0") else "Connection: close\r\n"
        writer.write(f"{method} /{path} HTTP/1.1\r\n{self._headers}{kept}{sent}\r\n{body}".encode())
        return reader


async def run(port: int, visitors: int, within: float) -> None:
    """Lets all come, then ask within some seconds, and prints how long each waited."""
    crowd = [Visitor(port, number) for number in range(visitors)]
    for one in crowd:
        await one.come()
    print("warm", flush=True)
    asking = [one.picture(within * number / visitors) for number, one in enumerate(crowd)]
    got = await asyncio.gather(*(asyncio.wait_for(one, BOUND) for one in asking), return_exceptions=True)
    if failures := [one for one in got if isinstance(one, BaseException)]:
        print(f"{len(failures)} have no picture: {failures[0]!r:.1000}", file=sys.stderr)
    print(json.dumps([one for one in got if isinstance(one, float)]), flush=True)


if __name__ == "__main__":
    asyncio.run(run(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
