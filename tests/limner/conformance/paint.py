"""Two good providers, which the faulty ones inherit: one of a service, one that draws by itself."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import time
from enum import Enum
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import Field

from limner import (
    CancelConfirmed,
    ContentFiltered,
    Credential,
    ImageInputs,
    ImageRequest,
    ImageResult,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
    SizeRange,
    hookimpl,
    service_words,
    shared,
)

PREVIEW = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

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
    images = ImageInputs(
        most=3, mask=True, media_types=("image/png", "image/jpeg", "image/webp", "image/gif", "image/avif")
    )
    url = "https://paint.example/keys"

    @hookimpl
    def describe(self) -> ProviderInfo:
        model = ModelInfo(
            id="paint-1",
            sizes=(Size(64, 64), Size(96, 64)),
            seed=True,
            negative_prompt=True,
            images=self.images,
            options=self.options,
        )
        credential = Credential(variable="PAINT_API_KEY", url=self.url)
        return ProviderInfo(label="Paint", models=(model,), credential=credential, paid=True)

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:
        request.report("painting")
        request.preview(base64.b64decode(PREVIEW))
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
        given = {"pictures": [image.data_uri for image in request.images], "after": request.continuation}
        given["mask"] = request.mask.base64 if request.mask else None
        return {**asked, **given, "without": request.negative_prompt, **request.options.model_dump()}

    def result(self, status: int, headers: dict[str, str], content: bytes, /) -> ImageResult:
        try:
            reply = json.loads(content)
        except ValueError:
            reply = None
        reply = reply if isinstance(reply, dict) else {}
        words = service_words(reply)
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
        said: dict[str, Any] = {"text": "Here it is.", "continuation": {"painting": "painting-1"}}
        return ImageResult(reply["image"], metadata={"status": status}, **said)


class Signed(Paint):
    """A provider of the same service, whose credential has two parts, and a third one that is optional."""

    credential = Credential(
        variable="PAINT_ACCESS_KEY", others=["PAINT_SECRET_KEY"], optional_others=["PAINT_SESSION"]
    )

    @hookimpl
    def describe(self) -> ProviderInfo:
        return super().describe().model_copy(update={"credential": self.credential})

    def key(self, request: ImageRequest) -> str:
        return ":".join(secret.get_secret_value() for secret in request.credentials.values())


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


class Retouch(Paint):
    """A provider of a service that only edits, and takes a form with the files as they are."""

    images = ImageInputs(least=1, most=2, mask=True)

    async def post(self, request: ImageRequest) -> Answered:
        if not request.images:
            raise ProviderError("invalid-request")
        boundary = secrets.token_hex(16)
        fields = [(name, json.dumps(value).encode()) for name, value in self.body(request).items()]
        fields += [("image[]", image.data) for image in request.images]
        fields += [("mask", request.mask.data)] if request.mask else []
        parts = [
            f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n'.encode() + value
            for name, value in fields
        ]
        headers = {"authorization": f"Bearer {self.key(request)}"}
        headers["content-type"] = f"multipart/form-data; boundary={boundary}"
        body = b"\r\n".join([*parts, f"--{boundary}--\r\n".encode()])
        return await self.client().post(f"{request.base_url}/retouch", headers, body)

    def body(self, request: ImageRequest) -> dict[str, Any]:
        return super().body(request) | {"pictures": None, "mask": None}


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


class OneAtATime(Dots):
    """It relies on the host for its turns, and for its load step before each picture."""

    def __init__(self) -> None:
        self._loaded: str | None = None

    @hookimpl
    def describe(self) -> ProviderInfo:
        return super().describe().model_copy(update={"most_at_once": 1})

    @hookimpl
    def load(self, request: ImageRequest) -> None:
        assert self._loaded is None, "another is at work"
        self._loaded = request.prompt

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        loaded, self._loaded = self._loaded, None
        assert loaded == request.prompt
        return super().generate(request)


class AsyncDots(Dots):
    """One that draws by itself on the event loop, slowly if that is asked for."""

    @hookimpl
    async def generate(self, request: ImageRequest) -> ImageResult:  # pyright: ignore[reportIncompatibleMethodOverride]
        assert isinstance(request.options, DotsOptions)
        if request.options.outcome == "late":
            await asyncio.sleep(60)
        return super().generate(request)


class StoppableDots(Dots):
    """One that draws by itself in a thread, slowly if that is asked for, and looks whether it should stop."""

    step = 0.01

    @hookimpl
    def generate(self, request: ImageRequest) -> ImageResult:
        assert isinstance(request.options, DotsOptions)
        for _ in range(6000 * (request.options.outcome == "late")):
            if request.cancelled:
                self.end(request)
            time.sleep(self.step)
        return super().generate(request)

    def end(self, request: ImageRequest) -> None:
        raise CancelConfirmed


paint, signed, named, retouch = Paint(), Signed(), Named(), Retouch()
dots, async_dots, stoppable_dots = Dots(), AsyncDots(), StoppableDots()
one_at_a_time = OneAtATime()
