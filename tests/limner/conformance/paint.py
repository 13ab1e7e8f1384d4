"""Two good providers, which the faulty ones inherit: one of a service, one that draws by itself."""

from __future__ import annotations

import asyncio
import json
from enum import Enum
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from limner import (
    ContentFiltered,
    Credential,
    ImageRequest,
    ImageResult,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
    SizeRange,
    hookimpl,
    shared,
)

Answered = tuple[int, dict[str, str], bytes]


class Client:
    """A small asynchronous HTTP client: its connections are kept, and so belong to one event loop."""

    def __init__(self) -> None:
        self.idle: dict[str, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = {}

    async def post(self, url: str, headers: dict[str, str], body: bytes) -> Answered:
        host, path = urlsplit(url).netloc, urlsplit(url).path
        idle = self.idle.setdefault(host, [])
        name, _, port = host.partition(":")
        reader, writer = idle.pop() if idle else await asyncio.open_connection(name, int(port or 443))
        try:
            lines = [f"POST {path} HTTP/1.1", f"content-length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            writer.write("\r\n".join([*lines, "\r\n"]).encode() + body)
            first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
            answered = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
            content = await reader.readexactly(int(answered.get("content-length", 0)))
        except BaseException:
            writer.close()
            raise
        idle.append((reader, writer))
        return int(first.split()[1]), answered, content

    async def aclose(self) -> None:
        for connections in self.idle.values():
            for _, writer in connections:
                writer.close()
                await writer.wait_closed()


class PaintOptions(Options):
    style: Literal["oil", "ink"] = "oil"
    steps: int = Field(default=20, ge=1, le=50)
    varnished: bool = False


class Paint:
    """A provider of a service."""

    options: type[Options] = PaintOptions
    url = "https://paint.example/keys"

    @hookimpl
    def describe(self) -> ProviderInfo:
        model = ModelInfo(
            id="paint-1",
            sizes=(Size(64, 64), Size(96, 64)),
            seed=True,
            negative_prompt=True,
            options=self.options,
        )
        credential = Credential(variable="PAINT_API_KEY", url=self.url)
        return ProviderInfo(label="Paint", models=(model,), credential=credential, paid=True)

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        request.report("painting")
        try:
            status, headers, content = await self.post(request)
        except (OSError, asyncio.IncompleteReadError) as error:
            raise ProviderError(
                "unavailable", did_not_run=isinstance(error, ConnectionRefusedError)
            ) from error
        return self.result(status, headers, content)

    async def post(self, request: ImageRequest) -> Answered:
        headers = {"authorization": f"Bearer {self.key(request)}"}
        body = json.dumps(self.body(request)).encode()
        return await self.client().post(f"{request.base_url}/paint", headers, body)

    def client(self) -> Client:
        return shared("paint", Client)

    def key(self, request: ImageRequest) -> str:
        return request.credential.get_secret_value() if request.credential else ""

    def body(self, request: ImageRequest) -> dict[str, Any]:
        asked = {"prompt": request.prompt, "size": str(request.size), "seed": request.seed}
        return {**asked, "without": request.negative_prompt, **request.options.model_dump()}

    def result(self, status: int, headers: dict[str, str], content: bytes, /) -> ImageResult:
        try:
            reply = json.loads(content)
        except ValueError:
            reply = None
        reply = reply if isinstance(reply, dict) else {}
        words = reply.get("message")
        if reply.get("code") == "unsafe":
            raise ContentFiltered(words)
        if status == 401:
            raise ProviderError("auth", words, did_not_run=True)
        if status == 429:
            raise ProviderError("rate-limit", words, retry_after=float(headers.get("retry-after", 0)))
        if status >= 500:
            raise ProviderError("unavailable", words)
        if not isinstance(reply.get("image"), str):
            raise ProviderError("bad-response", words)
        return ImageResult(reply["image"], metadata={"status": status})


class Mood(Enum):
    CALM = "calm"
    WILD = "wild"


class NamedOptions(PaintOptions):
    mood: Mood = Mood.CALM
    grain: int = Field(default=3, ge=1, le=9, alias="filmGrain")
    paper: Literal["rough"] = Field(default="rough", alias="paperKind")


class Named(Paint):
    """A provider of the same service, whose options have references and aliases."""

    options = NamedOptions

    def body(self, request: ImageRequest) -> dict[str, Any]:
        return {**super().body(request), **request.options.model_dump(mode="json")}


class DotsOptions(Options):
    outcome: Literal["dots", "quota", "late"] = "dots"


class Dots:
    """A provider that draws by itself, in a plain function."""

    @hookimpl
    def describe(self) -> ProviderInfo:
        sizes = SizeRange(step=8, min_side=16, max_side=64, default=Size(32, 32))
        return ProviderInfo(label="Dots", models=(ModelInfo(id="dots-1", sizes=sizes),), options=DotsOptions)

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        assert isinstance(request.options, DotsOptions)
        if request.options.outcome == "quota":
            raise ProviderError("quota")
        return self.draw(request)

    def draw(self, request: ImageRequest) -> ImageResult:
        from PIL import Image

        assert request.size
        return ImageResult(Image.new("RGB", request.size))


class AsyncDots(Dots):
    """One that draws by itself on the event loop, slowly if that is asked for."""

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert isinstance(request.options, DotsOptions)
        if request.options.outcome == "late":
            await asyncio.sleep(60)
        return super().generate(request)


paint, named, dots, async_dots = Paint(), Named(), Dots(), AsyncDots()
