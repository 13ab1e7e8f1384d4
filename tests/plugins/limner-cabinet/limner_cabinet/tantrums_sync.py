"""A plain function that fails in whatever way the prompt names."""

from __future__ import annotations

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from limner_cabinet.tantrums import throw


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Tantrums", models=(ModelInfo(id="one"),))


@hookimpl
def generate(request: ImageRequest) -> ImageResult:
    return throw(request.prompt)
