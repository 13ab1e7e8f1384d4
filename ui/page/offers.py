"""What the composer offers for a provider and a model, as the page's script takes it."""

from __future__ import annotations

from typing import Any

from core.generation.images import model_and_provider
from core.generation.options import unbounded_options
from core.plugins.registry import Provider, Registry
from core.settings.sources import listed
from limner import ModelInfo
from ui.page.controls import option_fields, size_choices
from ui.page.views import options_html


def offer(registry: Registry, name: str, model_id: str | None = None, *, owner: bool) -> dict[str, Any]:
    """Returns what a provider and one of its models, or its first, offer; empty if they are not here.

    Others than the owner cannot enter a model of their own, nor options without bounds.
    """
    provider = registry.get(name)
    info = provider and provider.info_for(owner=owner)
    model = info and info.model(model_id)
    if provider is None or info is None or model is None:
        return {}
    options = info.options_of(model)
    hidden = [] if owner else unbounded_options(options)
    fields = [field for field in option_fields(options) if field["name"] not in hidden]
    return {
        "provider": provider.name,
        "model": model.id,
        "models": [{"id": listed.id, "name": listed.name} for listed in info.models],
        "other_models": info.other_models is not None,
        "sizes": size_choices(model),
        "options": options_html(model, fields),
        "about": provider.info.about,
        "paid": provider.info.paid,
        "priced": bool(model.prices),
        "key": _missing_key(provider, owner=owner),
        "takes": takes(provider, model),
    }


def takes(provider: Provider, model: ModelInfo) -> dict[str, Any]:
    """Returns how many pictures a model takes, and whether a mask and a seed."""
    images = model.images
    return {
        "provider": provider.name,
        "model": model.id,
        "name": model.name,
        "label": model_and_provider(provider, model),
        "least": images.least if images else 0,
        "most": images.most if images else 0,
        "mask": bool(images and images.mask),
    }


def _missing_key(provider: Provider, *, owner: bool) -> dict[str, str] | None:
    """Returns which credential a provider lacks, and where to get one; None if it can be used."""
    if not provider.lacks_credential:
        return None
    declared = provider.info.credential
    return {
        "variable": listed(provider.missing_variables) if owner else "",
        "url": (declared.url or "" if declared else "") if owner else "",
    }
