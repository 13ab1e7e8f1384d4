"""Takes the prompt instead of the request."""

from limner import ImageResult, ModelInfo, ProviderInfo, hookimpl


@hookimpl
def describe() -> ProviderInfo:
    return ProviderInfo(label="Wrong signature", models=(ModelInfo(id="one"),))


@hookimpl
async def generate(prompt: str) -> ImageResult:
    return ImageResult(b"")
