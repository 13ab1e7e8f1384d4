"""`GET /api/providers`: what a visitor can choose from, as plain facts for other programs."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.asking import providers_for
from core.plugins.provider import Provider
from core.studio import Studio
from limner import ModelInfo, Size, SizeRange
from limner.options import option_schemas
from ui.http.visitors import Visitors

_schemas = lru_cache(option_schemas)  # the same for each request; nothing changes them


def providers_route(studio: Studio, visitors: Visitors) -> Route:
    """Returns the route: it answers the providers that make pictures for a visitor, in the page's order."""

    async def show(request: Request) -> Response:
        who = await visitors.of(request)
        providers = providers_for(studio, who)
        default = studio.settings.provider
        reply = {
            "default": default if default in {provider.name for provider in providers} else None,
            "providers": [_shown(provider, owner=who.is_owner) for provider in providers],
        }
        return JSONResponse(reply, headers={"Cache-Control": "no-store"})

    return Route("/api/providers", show)


def _shown(provider: Provider, *, owner: bool) -> dict[str, Any]:
    info = provider.info_for(owner=owner)
    return {
        "name": provider.name,
        "label": provider.label,
        "paid": info.paid,
        "models": [_model(provider, model) for model in info.models],
        "otherModels": info.other_models is not None,
    }


def _model(provider: Provider, model: ModelInfo) -> dict[str, Any]:
    usual = model.default_size
    listed, within = (None, model.sizes) if isinstance(model.sizes, SizeRange) else (model.sizes, None)
    return {
        "id": model.id,
        "label": model.name,
        "sizes": [_size(model, size) for size in listed or ()],
        "sizeRange": _in_camel_case(within) if within else None,
        "defaultSize": _size(model, usual) if usual else None,
        "seed": model.seed,
        "negativePrompt": model.negative_prompt,
        "images": _in_camel_case(model.images) if model.images else None,
        "options": _schemas(provider.info.options_of(model)),
    }


def _size(model: ModelInfo, size: Size) -> str:
    """Returns a size as a request names it; only its ratio counts where the service chooses the pixels."""
    return size.proportions if model.ratio_only else str(size)


def _in_camel_case(facts: BaseModel) -> dict[str, Any]:
    return {to_camel(name): value for name, value in facts.model_dump(mode="json").items()}
