"""Has a hook whose name nobody calls."""

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Misspelt", models=(ModelInfo(id="one"),))


@hookimpl
async def genrate(request: ImageRequest) -> ImageResult:
    return ImageResult(b"")
