"""A service on the loopback that answers as OpenAI's Images API does; a process of its own.

Under `/{bytes}/{seconds}/v1` it answers a request with a PNG of about so many bytes, after so many seconds.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import numpy
from PIL import Image


@cache
def picture(size: int) -> bytes:
    """Returns a PNG of about so many bytes, as hard to compress as a photograph: noise over a gradient."""
    side = math.isqrt(round(size / 2.65))
    noise = numpy.random.default_rng(7).integers(0, 100, (side, side, 3), dtype=numpy.uint8)
    gradient = numpy.linspace(0, 150, side, dtype=numpy.uint8)[:, None, None]
    written = io.BytesIO()
    Image.fromarray(noise + gradient).save(written, "png")
    return written.getvalue()


@cache
def _reply(size: int) -> bytes:
    said = {
        "created": 1_750_000_000,
        "data": [{"b64_json": base64.b64encode(picture(size)).decode()}],
        "usage": {"input_tokens": 10, "output_tokens": 4160, "total_tokens": 4170},
    }
    body = json.dumps(said).encode()
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: req_1\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class _Connection(asyncio.Protocol):
    """One client's connection, which is kept alive."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, found, body = self._read.partition(b"\r\n\r\n")
        lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if not found or len(body) < int(lengths[0]):
            return
        self._read = b""
        size, seconds = head.split(b"/", 3)[1:3]
        reply = _reply(int(size))
        asyncio.get_running_loop().call_later(float(seconds), self._answer, reply)

    def _answer(self, reply: bytes) -> None:
        if isinstance(self._transport, asyncio.WriteTransport) and not self._transport.is_closing():
            self._transport.write(reply)


async def _serve() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Connection, "127.0.0.1", 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)  # until whoever started it goes


@contextmanager
def service() -> Iterator[str]:
    """Starts the service, and yields its address."""
    command = [sys.executable, "-m", "benchmarks.service"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.stdin.close()


if __name__ == "__main__":
    asyncio.run(_serve())
