"""`limner mcp`: the tools for assistants on standard input and output, for the owner, on their machine."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import suppress

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from mcp import types
from mcp.shared.message import SessionMessage
from pydantic_core import from_json

from core import SettingsError, open_studio
from core.asking import with_pictures
from core.generation.visitor import Visitor
from core.logs import log_without_secrets
from core.plugins.loop import run
from core.settings.schema import load_settings
from core.studio import Studio
from limner.proxies import tidy_variables
from limner.threads import call_in_thread
from ui.mcp.answers import Address
from ui.mcp.messages import Malformed, read_message
from ui.mcp.server import mcp_server

_AT_ONCE = 65_536
_OWNER = Visitor("assistant", is_owner=True)
_LAST_ANSWERS = 2.0
"""Seconds in which a client that ends takes its last answers."""


def serve() -> int:
    """Serves until standard input ends, or a signal comes; returns the exit code."""
    wire = _Wire()
    log_without_secrets("WARNING")
    tidy_variables()
    try:
        studio = open_studio(load_settings())
    except SettingsError as error:
        print(f"Limner cannot start. {error}", file=sys.stderr)  # noqa: T201
        return 2
    return run(_serve(studio, wire))


class _Wire:
    """Standard input and output, which nothing else has from now on.

    What a plugin prints goes to standard error, and it reads nothing: neither may stand among the messages.
    """

    def __init__(self) -> None:
        sys.stdout.flush()
        self._in, self._out = os.dup(0), os.dup(1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        os.dup2(2, 1)
        self._turn = asyncio.Lock()

    async def lines(self, most: int) -> AsyncGenerator[bytes | None]:
        """Yields the lines; None in place of one of more bytes, of which nothing is kept."""
        line, is_long = bytearray(), False
        while data := await call_in_thread(lambda: os.read(self._in, _AT_ONCE)):
            *ends, rest = data.split(b"\n")
            for end in ends:
                line += end
                yield None if is_long or len(line) > most else bytes(line)
                line, is_long = bytearray(), False
            line += rest
            if len(line) > most:
                line, is_long = bytearray(), True
        if line and not is_long:
            yield bytes(line)

    async def send(self, data: bytes) -> None:
        """Writes a line, after those that are being written; does nothing if nobody reads any more."""

        def write() -> None:
            rest = memoryview(data + b"\n")
            while rest:
                rest = rest[os.write(self._out, rest) :]

        async with self._turn:
            with suppress(OSError):
                await call_in_thread(write)


async def _serve(studio: Studio, wire: _Wire) -> int:
    settings = studio.settings
    to, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, answers = anyio.create_memory_object_stream[SessionMessage](0)
    asked_to_end = asyncio.Event()
    signals = _signals(asked_to_end)
    server = mcp_server(studio, _OWNER, Address((settings.public_url or "").rstrip("/"), has_files=True))
    most = with_pictures(settings.max_bytes)

    async def pass_on() -> None:
        async for line in wire.lines(most):
            try:
                message = _read(line, most)
            except Malformed as error:
                await wire.send(json.dumps(error.answer).encode())
                continue
            if message is not None:
                await to.send(message)

    reading = asyncio.create_task(pass_on())
    writing = asyncio.create_task(_write(wire, answers))
    options = server.create_initialization_options()
    serving = asyncio.create_task(server.run(read, write, options, stateless=True))
    ending = asyncio.create_task(asked_to_end.wait())
    await asyncio.wait({reading, ending, serving}, return_when="FIRST_COMPLETED")
    reading.cancel()
    ending.cancel()
    await to.aclose()  # which cancels the calls, and so stops their pictures
    await asyncio.wait({serving})
    await asyncio.wait({writing}, timeout=_LAST_ANSWERS)
    writing.cancel()
    await studio.close()
    return 130 if signal.SIGINT in signals else 0


def _signals(asked_to_end: asyncio.Event) -> list[int]:
    """Has Ctrl-C and SIGTERM set the event, and returns which have come; a second Ctrl-C ends at once."""
    loop, came = asyncio.get_running_loop(), list[int]()

    def note(number: int, _: object) -> None:
        came.append(number)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        loop.call_soon_threadsafe(asked_to_end.set)

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, note)
    return came


def _read(line: bytes | None, most: int) -> SessionMessage | None:
    """Returns a line as a message; raises Malformed."""
    if line is None:
        raise Malformed(f"This is larger than {most:,} bytes: send something smaller.", types.INVALID_REQUEST)
    if not line.strip():
        return None
    try:
        values = from_json(line, allow_inf_nan=False)  # refuses what is nested deeper than 200
    except ValueError:
        values = None
    if not isinstance(values, dict):
        raise Malformed("The message is not a valid JSON object: send one in a line.", types.PARSE_ERROR)
    return read_message(values)


async def _write(wire: _Wire, answers: MemoryObjectReceiveStream[SessionMessage]) -> None:
    async for answer in answers:
        data = answer.message.model_dump_json(by_alias=True, exclude_none=True)
        await wire.send(data.encode())
