"""A provider that uses every part of contract 1.

This file is never changed, since it stands for all plugins that others have written: where a test of
it fails, it is Limner that has broken its promise.
"""
# pyright: reportArgumentType=false

import base64
import io
import struct
import tempfile
import zlib
from pathlib import Path
from typing import Any, Literal

import limner
from limner import (
    ContentFiltered,
    Credential,
    ImageRequest,
    ImageResult,
    ImageWarning,
    LimnerError,
    ModelInfo,
    Options,
    ProviderError,
    ProviderInfo,
    Size,
    SizeRange,
    hookimpl,
    shared,
)

limner_contract = 1
assert limner.CONTRACT == 1


class Every(Options):
    steps: int = 20
    """How long it draws."""
    strength: float = 0.5
    raw: bool = False
    note: str = ""
    style: Literal["oil", "ink"] = "oil"
    shape: Literal["bytes", "file", "path", "base64", "data"] = "bytes"


class Few(Options):
    steps: int = 4


class Client:
    """Stands for an SDK's client."""

    made = 0
    closed = 0

    def __init__(self) -> None:
        Client.made += 1

    async def draw(self, size: Size) -> bytes:
        rows = (b"\0" + b"\x20\x80\xa0" * size.width) * size.height
        header = struct.pack(">IIBBBBB", size.width, size.height, 8, 2, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        written = (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
            for kind, data in chunks
        )
        return b"\x89PNG\r\n\x1a\n" + b"".join(written)

    async def aclose(self) -> None:
        Client.closed += 1


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(
        label="First",
        about="Drawn by a plugin of the contract's first version.",
        models=[
            ModelInfo(
                id="first-list",
                label="First, from a list",
                sizes=["64x48", "48x64"],
                seed=True,
                negative_prompt=True,
                options=Every,
            ),
            ModelInfo(
                id="first-range",
                sizes=SizeRange(
                    step=16, min_side=32, max_side=128, max_pixels=8192, max_ratio=2.0, default="64x64"
                ),
            ),
            ModelInfo(id="first-free"),
        ],
        other_models=ModelInfo(id="any", sizes=["32x32"]),
        options=Few,
        credential=Credential(variable="FIRST_API_KEY", url="https://first.example/keys", hugging_face=False),
        paid=True,
        base_url_variable="FIRST_BASE_URL",
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    _fail(request.prompt)
    request.report("drawing")
    client = shared(("first", request.base_url, request.credential), Client)
    size = request.size or Size.parse("40x30")
    picture = await client.draw(size)
    options = request.options
    return ImageResult(
        image=_shaped(picture, options.shape if isinstance(options, Every) else "bytes"),
        revised_prompt=f"{request.prompt}, by the first",
        seed=request.seed,
        model=f"{request.model}-2026",
        request_id="first-4711",
        usage={"steps": options.model_dump()["steps"]},
        metadata={
            "size": str(size),
            "ratio": size.ratio,
            "pixels": size.pixels,
            "negative": request.negative_prompt,
            "options": options.model_dump(),
            "key": request.credential.get_secret_value() if request.credential else None,
            "base_url": request.base_url,
            "settings": dict(request.settings),
            "timeout": 0 < request.timeout <= 300,
        },
        warnings=[
            ImageWarning("steps", "First rounds the steps."),
            ImageWarning(feature="note", details="First reads no notes.", type="other"),
        ],
    )


def _shaped(picture: bytes, shape: str) -> Any:
    if shape == "file":
        return io.BytesIO(picture)
    if shape == "path":
        with tempfile.NamedTemporaryFile(suffix=".png", delete=False) as file:
            file.write(picture)
        return Path(file.name)
    if shape == "base64":
        return base64.b64encode(picture).decode()
    if shape == "data":
        return f"data:image/png;base64,{base64.b64encode(picture).decode()}"
    return picture


def _fail(prompt: str) -> None:
    """Fails in the way that the prompt names."""
    what, _, category = prompt.partition(" ")
    if what == "refuse":
        raise ContentFiltered("First does not draw this.")
    if what == "fail":
        raise ProviderError(category, "First is sorry.", retry_after=8, did_not_run=True)
    if what == "root":
        try:
            raise ProviderError("provider", "the root of both")
        except LimnerError as error:
            raise ContentFiltered(error.service_message) from error
