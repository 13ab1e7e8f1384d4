"""OpenAI's Images API, and the servers that speak it: Ark, Azure, LocalAI, Together, vLLM-Omni, xAI.

The settings add such a server as this provider under another name, with a `base_url` and `models` of its own;
`Settings` lists what else may differ.
"""

from __future__ import annotations

from limner import Credential, ImageRequest, ImageResult, ProviderInfo, hookimpl, parse_reply
from providers.openai.answer import result_of
from providers.openai.body import fields_of
from providers.openai.connection import ask
from providers.openai.models import MODELS, OTHER_MODELS, FinerOptions, GptImageOptions
from providers.openai.moderation import check
from providers.openai.pictures import refuse_what_is_not_taken
from providers.openai.settings import Settings

__all__ = ["FinerOptions", "GptImageOptions", "Settings", "describe", "generate", "moderate"]


@hookimpl
def describe() -> ProviderInfo:
    """Returns what OpenAI offers, and what any other model of a compatible server takes."""
    return ProviderInfo(
        label="OpenAI",
        about="Made by OpenAI's image models, or by a server that speaks the same API.",
        models=MODELS,
        other_models=OTHER_MODELS,
        options=GptImageOptions,
        any_options=True,
        credential=Credential(variable="OPENAI_API_KEY", url="https://platform.openai.com/api-keys"),
        paid=True,
        base_url_variable="OPENAI_BASE_URL",
        settings=Settings,
        imports=("openai",),
    )


@hookimpl
async def generate(request: ImageRequest) -> ImageResult:
    """Sends one request, and never again: one whose answer is lost may have been billed."""
    settings = Settings.model_validate(dict(request.settings))
    refuse_what_is_not_taken(request, settings)
    fields, warnings = fields_of(request, settings)
    reply = await ask(request, settings, fields)
    return result_of(reply, await parse_reply(reply.content), request, fields, warnings)


@hookimpl
async def moderate(request: ImageRequest) -> None:
    """Asks the moderation endpoint, which is free, about the texts and the pictures that go in."""
    await check(request)
