"""An asynchronous provider: a picture in one colour, which its client draws as slowly as it is asked to."""

from __future__ import annotations

import asyncio
import struct
import zlib
from typing import Literal

from limner import ImageRequest, ImageResult, ModelInfo, Options, ProviderInfo, Size, hookimpl, shared

clients: list[Client] = []
"""Every client that was made."""
cleaned_up: list[str] = []
"""The prompts whose pictures were cancelled and cleaned up, in order."""


class EchoOptions(Options):
    seconds: float = 0
    """How long a picture takes."""
    when_cancelled: Literal["clean-up", "linger", "answer", "ignore"] = "clean-up"
    """Clean up at once or after a moment, give the picture at once, or go on as if nothing had been said."""


class Client:
    """Stands for an SDK's client: it works on the event loop on which it was made, until it is closed."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.is_closed = False
        clients.append(self)

    async def draw(self, size: Size, colour: bytes) -> bytes:
        assert asyncio.get_running_loop() is self.loop
        assert not self.is_closed
        rows = (b"\0" + colour * size.width) * size.height
        head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
        chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )

    async def aclose(self) -> None:
        await asyncio.sleep(0)
        self.is_closed = True


@hookimpl
def describe() -> ProviderInfo:
    echo = ModelInfo(id="echo-1", sizes=(Size(64, 48), Size(48, 64)), seed=True)
    any_other = ModelInfo(id="any", sizes=echo.sizes, seed=True)
    return ProviderInfo(label="Async Echo", models=(echo,), other_models=any_other, options=EchoOptions)


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    options, size = request.options, request.size
    assert isinstance(options, EchoOptions)
    assert size
    client = shared("async-echo", Client)
    request.report("echoing")
    try:
        await asyncio.sleep(options.seconds)
    except asyncio.CancelledError:
        if options.when_cancelled == "ignore":
            await asyncio.sleep(options.seconds)
        if options.when_cancelled in ("clean-up", "linger"):
            await asyncio.sleep(0.05 if options.when_cancelled == "linger" else 0)
            cleaned_up.append(request.prompt)
            raise
    seed = request.seed or 0
    image = await client.draw(size, seed.to_bytes(4, "big")[1:])
    return ImageResult(image, seed=seed, model="echo-1", metadata={"heard": request.prompt})
