"""Forgets the decorator of one hook."""

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Undecorated", models=(ModelInfo(id="one"),))


async def generate(request: ImageRequest) -> ImageResult:
    return ImageResult(b"")
