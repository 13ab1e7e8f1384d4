"""The official client, by either transport, and messages as a client that knows no better sends them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import httpx
from mcp import ClientSession
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult

from tests.serving import ROOT

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "test", "version": "1"},
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class Door(Protocol):
    """A way in: a client of it, and the folder in which its server keeps pictures."""

    pictures: Path

    def client(self) -> AbstractAsyncContextManager[ClientSession]: ...


class OverHTTP:
    def __init__(self, url: str, data: Path, **headers: str) -> None:
        self.url, self.pictures, self.headers = f"{url}/mcp", data / "pictures", headers

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ClientSession]:
        async with (
            httpx.AsyncClient(headers=self.headers, timeout=60) as http,
            streamable_http_client(self.url, http_client=http) as (read, write, _),
            ClientSession(read, write) as session,
        ):
            await session.initialize()
            yield session


class OverStdio:
    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self.folder, self.pictures = folder, folder / "data" / "pictures"
        self.log = folder / "stderr"
        self.variables = environment(folder, variables)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[ClientSession]:
        server = StdioServerParameters(
            command=sys.executable, args=["-m", "limner", "mcp"], env=self.variables, cwd=self.folder
        )
        with self.log.open("a") as log:
            async with (
                stdio_client(server, errlog=log) as (read, write),
                ClientSession(read, write) as session,
            ):
                await session.initialize()
                yield session


def environment(folder: Path, variables: Mapping[str, str]) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), variables.get("PYTHONPATH")]))
    return {**os.environ, **variables, "PYTHONPATH": path, "LIMNER_DATA_DIR": str(folder / "data")}


def start(folder: Path, variables: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Starts `limner mcp` with pipes for messages, and its log in the folder."""
    with (folder / "stderr").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "limner", "mcp"],
            cwd=folder,
            env=environment(folder, variables),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
        )


def message(method: str, params: Any = None, id: Any = 1) -> bytes:
    """Returns a request in a line; without an id it is a notification."""
    values = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
    return json.dumps({name: value for name, value in values.items() if value is not None}).encode()


def call(tool: str, arguments: Any, id: Any = 1) -> bytes:
    return message("tools/call", {"name": tool, "arguments": arguments}, id)


def picture(result: CallToolResult, number: int = 0) -> bytes:
    """Returns the bytes of a picture that a call answered."""
    assert not result.isError, result.content
    images = [part for part in result.content if part.type == "image"]
    return base64.b64decode(images[number].data)


def facts(result: CallToolResult) -> dict[str, Any]:
    """Returns the structured content, which the text says too where it is no refusal."""
    assert result.structuredContent is not None
    text = result.content[-1]
    assert text.type == "text"
    if not result.isError:
        assert json.loads(text.text) == result.structuredContent
    return result.structuredContent


def sentence(result: CallToolResult) -> str:
    """Returns what a refusal says: one line, which is all that it is."""
    assert result.isError
    (text,) = result.content
    assert text.type == "text"
    assert facts(result)["error"] == text.text
    assert "\n" not in text.text
    assert "Traceback" not in text.text
    return text.text
