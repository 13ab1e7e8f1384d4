"""An asynchronous provider that fails in whatever way the prompt names."""

from __future__ import annotations

import asyncio

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from limner_broken.raises import throw


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Raises", models=(ModelInfo(id="one"),))


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    if request.prompt == "cancels itself by its task":
        task = asyncio.current_task()
        assert task
        task.cancel()
    await asyncio.sleep(0)
    return throw(request.prompt)
