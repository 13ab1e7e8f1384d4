"""A provider that gives far too much, in whatever way the prompt names."""

from __future__ import annotations

import base64

from limner import ImageRequest, ImageResult, ImageWarning, ModelInfo, ProviderInfo, hookimpl

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MUCH = 60_000_000


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Excess", models=(ModelInfo(id="one"),))


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    if request.prompt == "an enormous picture":
        return ImageResult(bytes(MUCH))
    return ImageResult(
        PIXEL,
        revised_prompt="x" * 1_000_000,
        metadata={"reply": "x" * 1_000_000},
        warnings=[ImageWarning("steps", "x" * 1_000_000)],
    )
