"""Fails when it is asked what it is."""

from limner import ImageRequest, ImageResult, ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    raise ConnectionError("https://models.example/list?key=sk-secret")


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    return ImageResult(b"")
