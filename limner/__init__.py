"""Everything that a provider plugin of Limner imports.

A provider is a module, or an object, with two hooks:

    from limner import ImageRequest, ImageResult, ModelInfo, ProviderInfo, hookimpl

    @hookimpl
    def describe() -> ProviderInfo:
        return ProviderInfo(label="Dots", models=[ModelInfo(id="dots-1", sizes=["512x512"])])

    @hookimpl
    async def generate(request: ImageRequest) -> ImageResult:
        return ImageResult(await ask_the_service(request.prompt, request.size))

It is found through an entry point in the group ``limner``, whose name is the provider's name.
`limner.hookspecs` says what each hook owes, `limner.errors` how to fail, `limner.responses` how to read the
failures of a web service, and `limner.picture` which shapes of picture the host takes.
"""

from limner.clients import shared
from limner.errors import CancelConfirmed, Category, ContentFiltered, LimnerError, ProviderError
from limner.hookspecs import CONTRACT, Generate, hookimpl
from limner.info import Credential, ModelInfo, ProviderInfo
from limner.options import Options
from limner.request import ImageRequest
from limner.responses import failure_from_response, read_reply, refusal_in, retry_after, service_words
from limner.result import ImageResult, ImageWarning
from limner.size import Size, SizeRange

__all__ = [
    "CONTRACT",
    "CancelConfirmed",
    "Category",
    "ContentFiltered",
    "Credential",
    "Generate",
    "ImageRequest",
    "ImageResult",
    "ImageWarning",
    "LimnerError",
    "ModelInfo",
    "Options",
    "ProviderError",
    "ProviderInfo",
    "Size",
    "SizeRange",
    "failure_from_response",
    "hookimpl",
    "read_reply",
    "refusal_in",
    "retry_after",
    "service_words",
    "shared",
]
