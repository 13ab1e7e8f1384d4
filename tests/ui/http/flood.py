"""Many clients at once, each on a connection of its own, and a visitor among them who wants a picture."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from io import BytesIO

from PIL import Image

SIZE = 500_000
"""Bytes of a body."""
NO_ANSWER = "none"
CUT = "cut"
"""The server ended the connection without an answer."""


def one_address(_: int) -> str:
    return "203.0.113.7"


def many_addresses(number: int) -> str:
    return f"10.1.{number // 250}.{number % 250 + 1}"


def head(line: str, address: str, length: int | None = None) -> bytes:
    """Returns the head of a request that a proxy passes on, with a cookie that was never seen."""
    lines = [
        f"{line} HTTP/1.1",
        "Host: localhost",
        f"X-Forwarded-For: 198.51.100.9, {address}",
        f"Cookie: limner_visitor={secrets.token_hex(16)}",
        *([f"Content-Length: {length}", "Content-Type: application/json"] if length is not None else []),
    ]
    return "".join(f"{one}\r\n" for one in [*lines, ""]).encode()


@cache
def long_prompt() -> bytes:
    return json.dumps({"prompt": "x" * SIZE}).encode()


@cache
def image_to_edit() -> bytes:
    """Returns a request with a picture of half a megabyte, as text."""
    file = BytesIO()
    Image.effect_noise((600, 600), 90).convert("RGB").save(file, "JPEG", quality=98)
    image = f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
    return json.dumps({"prompt": "a fox", "size": "256x256", "images": [{"image": image}]}).encode()


def message(address: str) -> list[bytes]:
    line = f"POST /limner/threads/{secrets.token_hex(16)}/messages"
    return [head(line, address, len(long_prompt())), long_prompt()]


def image(address: str) -> list[bytes]:
    return [head("POST /api/image", address, len(image_to_edit())), image_to_edit()]


def half_a_message(address: str) -> list[bytes]:
    """Returns a request of which the last byte never comes."""
    line = f"POST /limner/threads/{secrets.token_hex(16)}/messages"
    return [head(line, address, SIZE + 1), long_prompt()[:SIZE]]


def half_a_head(address: str) -> list[bytes]:
    return [head("GET /", address)[:-2]]


def stream(address: str) -> list[bytes]:
    return [head(f"GET /limner/threads/{secrets.token_hex(16)}/events", address)]


async def ask(port: int, parts: Sequence[bytes], bound: float, until: asyncio.Event | None = None) -> str:
    """Sends a request and returns the status of its answer; then the connection stays, if that is said."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return CUT

    async def send() -> None:
        with suppress(OSError):
            for part in parts:
                for start in range(0, len(part), 65_536):
                    writer.write(part[start : start + 65_536])
                    await writer.drain()

    sending = asyncio.create_task(send())
    try:
        line = await asyncio.wait_for(reader.readline(), bound)
        if until:
            await until.wait()
        return line.split()[1].decode() if line else CUT
    except (TimeoutError, asyncio.TimeoutError):
        return NO_ANSWER
    except OSError:
        return CUT
    finally:
        sending.cancel()
        writer.close()


class Flood:
    """So many clients at once; `met` counts the statuses of their answers."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.met: Counter[str] = Counter()
        self.answered = 0.0
        """Seconds until the last one had its answer."""

    async def come(
        self,
        request: Callable[[str], Sequence[bytes]],
        address: Callable[[int], str],
        count: int,
        *,
        bound: float = 60,
        stay: bool = False,
    ) -> list[float]:
        """Sends the requests, and returns the seconds after which a visitor meanwhile had each picture.

        The answer counts as none after `bound` seconds. With `stay` no connection ends before all answers
        have come, and the visitor has four pictures.
        """
        begun, last = time.monotonic(), asyncio.Event()
        left = count

        async def one(number: int) -> None:
            nonlocal left
            asking = ask(self._port, request(address(number)), bound, last if stay else None)
            self.met[await asking] += 1

        async def visit() -> list[float]:
            served = [await visitor(self._port)]
            while not all(task.done() for task in clients) and not (stay and len(served) > 3):
                await asyncio.sleep(1)  # who asks more often is beyond the rate that visitors have
                served.append(await visitor(self._port))
            return served

        clients = [asyncio.create_task(one(number)) for number in range(count)]
        served = await visit()
        last.set()
        await asyncio.wait(clients)
        self.answered = time.monotonic() - begun
        return served


async def visitor(port: int) -> float:
    """Asks for a small picture as a person does, again when they are told to; returns the seconds it took."""
    begun = time.monotonic()
    body = json.dumps({"prompt": "a fox", "size": "256x256"}).encode()
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(head("POST /api/image", "192.0.2.1", len(body)) + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode()
            if " 200 " in answer.partition("\r\n")[0]:
                return time.monotonic() - begun
            waits = [
                line.partition(": ")[2] for line in answer.lower().split("\r\n") if "retry-after" in line
            ]
            await asyncio.sleep(float(waits[0]))
        finally:
            writer.close()
