"""A good provider that only looks like a broken one."""

from typing import Any

from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl
from limner.hookspecs import wrap  # the name and the form of a hook, and none of this plugin's

__all__ = ["wrap"]


@hookimpl(specname="describe")
def about() -> ProviderInfo:
    return ProviderInfo(label="Unusual", models=(ModelInfo(id="one"),))


@hookimpl
async def generate(request: ImageRequest, quality: int = 1, **others: Any) -> ImageResult:
    return ImageResult(b"", metadata={"unusual": True})


@hookimpl(optionalhook=True)
def upscale(request: ImageRequest) -> ImageResult:
    """A hook of some later version of the contract."""
    return ImageResult(b"")
