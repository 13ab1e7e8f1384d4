"""Describes itself in another form than the contract's."""

from limner import ImageRequest, ImageResult, hookimpl


@hookimpl
def describe() -> dict[str, object]:
    return {"label": "Lies", "models": []}


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    return ImageResult(b"")
