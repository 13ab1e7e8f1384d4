"""A provider that is a plain function: a picture in one colour, for which it may wait in its thread."""

from __future__ import annotations

import struct
import threading
import zlib

from limner import ImageRequest, ImageResult, ModelInfo, Options, ProviderInfo, Size, hookimpl, shared

clients: list[Client] = []
"""Every client that was made."""
heard: list[str] = []
"""The prompts of all pictures that were begun, in order."""
let_go = threading.Event()
"""Ends every wait early."""


class EchoOptions(Options):
    seconds: float = 0
    """How long a picture takes; nothing can interrupt it."""


class Client:
    """Stands for an SDK's synchronous client."""

    def __init__(self) -> None:
        self.is_closed = False
        clients.append(self)

    def draw(self, size: Size, colour: bytes) -> bytes:
        assert not self.is_closed
        rows = (b"\0" + colour * size.width) * size.height
        head = struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0)
        chunks = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )

    def close(self) -> None:
        self.is_closed = True


@hookimpl
def describe() -> ProviderInfo:
    echo = ModelInfo(id="echo-1", sizes=(Size(64, 48), Size(48, 64)), seed=True)
    return ProviderInfo(label="Sync Echo", models=(echo,), options=EchoOptions)


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    assert isinstance(request.options, EchoOptions)
    assert request.size
    client = shared("sync-echo", Client)
    heard.append(request.prompt)
    request.report("echoing")
    let_go.wait(request.options.seconds)
    seed = request.seed or 0
    image = client.draw(request.size, seed.to_bytes(4, "big")[:3])
    return ImageResult(image, seed=seed, model="echo-1", metadata={"heard": request.prompt})
