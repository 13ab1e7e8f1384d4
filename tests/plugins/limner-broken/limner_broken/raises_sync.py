"""A plain function that fails in whatever way the prompt names."""

from __future__ import annotations

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from limner_broken.raises import throw


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Raises", models=(ModelInfo(id="one"),))


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    return throw(request.prompt)
