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
failures of a web service, `limner.finding` where its pictures are, `limner.bounded` how to read no more than
a picture needs, and `limner.picture` which shapes of picture the host takes.

Scripts and notebooks make pictures with `generate` and `agenerate`: see `limner.generating`.

Each name is imported when it is first asked for: whoever needs few of them starts sooner.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    __version__: str
    from limner.bounded import ACCEPTED, parse_reply, read_bounded
    from limner.clients import KEEPALIVE, shared, shared_async
    from limner.errors import CancelConfirmed, Category, ContentFiltered, LimnerError, ProviderError
    from limner.finding import find_pictures
    from limner.generating import Picture, Rejected, agenerate, generate
    from limner.hookspecs import CONTRACT, Generate, hookimpl
    from limner.info import Credential, ModelInfo, NoSettings, ProviderInfo
    from limner.inputs import ImageInputs, InputImage
    from limner.options import Options
    from limner.price import Money, Price, UsagePrice
    from limner.proxies import proxy_for
    from limner.request import ImageRequest, ordinal
    from limner.responses import (
        failure_from_response,
        failure_without_answer,
        read_reply,
        refusal_in,
        retry_after,
        service_words,
    )
    from limner.result import ImageResult, ImageWarning
    from limner.size import Size, SizeRange

__all__ = [
    "ACCEPTED",
    "CONTRACT",
    "KEEPALIVE",
    "CancelConfirmed",
    "Category",
    "ContentFiltered",
    "Credential",
    "Generate",
    "ImageInputs",
    "ImageRequest",
    "ImageResult",
    "ImageWarning",
    "InputImage",
    "LimnerError",
    "ModelInfo",
    "Money",
    "NoSettings",
    "Options",
    "Picture",
    "Price",
    "ProviderError",
    "ProviderInfo",
    "Rejected",
    "Size",
    "SizeRange",
    "UsagePrice",
    "agenerate",
    "failure_from_response",
    "failure_without_answer",
    "find_pictures",
    "generate",
    "hookimpl",
    "ordinal",
    "parse_reply",
    "proxy_for",
    "read_bounded",
    "read_reply",
    "refusal_in",
    "retry_after",
    "service_words",
    "shared",
    "shared_async",
]

_HOMES = {
    "limner.bounded": ("ACCEPTED", "parse_reply", "read_bounded"),
    "limner.clients": ("KEEPALIVE", "shared", "shared_async"),
    "limner.errors": ("CancelConfirmed", "Category", "ContentFiltered", "LimnerError", "ProviderError"),
    "limner.finding": ("find_pictures",),
    "limner.generating": ("Picture", "Rejected", "agenerate", "generate"),
    "limner.hookspecs": ("CONTRACT", "Generate", "hookimpl"),
    "limner.info": ("Credential", "ModelInfo", "NoSettings", "ProviderInfo"),
    "limner.inputs": ("ImageInputs", "InputImage"),
    "limner.options": ("Options",),
    "limner.price": ("Money", "Price", "UsagePrice"),
    "limner.proxies": ("proxy_for",),
    "limner.request": ("ImageRequest", "ordinal"),
    "limner.responses": (
        "failure_from_response",
        "failure_without_answer",
        "read_reply",
        "refusal_in",
        "retry_after",
        "service_words",
    ),
    "limner.result": ("ImageResult", "ImageWarning"),
    "limner.size": ("Size", "SizeRange"),
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        return import_module("limner.installation").version()
    for home, names in _HOMES.items():
        if name in names:
            value = globals()[name] = getattr(import_module(home), name)
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
