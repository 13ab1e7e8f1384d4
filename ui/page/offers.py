"""What the composer offers for a provider and a model, as the page's script takes it."""

from __future__ import annotations

from typing import Any

from core.generation.credentials import needs_own, stand_ins, takes_sign_in
from core.generation.images import model_and_provider
from core.generation.options import unbounded_options
from core.plugins.registry import Provider
from core.settings.sources import listed
from core.studio import Studio
from limner import ModelInfo
from ui.page.controls import option_fields, size_choices
from ui.page.views import in_words, options_html


def offer(studio: Studio, name: str, model_id: str | None = None, *, owner: bool) -> dict[str, Any]:
    """Returns what a provider and one of its models, or its first, offer; empty if they are not here.

    Others than the owner cannot enter a model of their own, nor options without bounds.
    """
    provider = studio.registry.get(name)
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
        "key": _key(provider, studio, owner=owner),
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


def _key(provider: Provider, studio: Studio, *, owner: bool) -> dict[str, Any] | None:
    """Returns what is to be known of a visitor's own key, and of what happens without it.

    None if there is nothing to enter, and nothing lacks; the owner, whose key is there, enters no other.
    """
    declared, needed = provider.info.credential, needs_own(provider, studio.settings, may_spend=owner)
    parts, others = _parts(provider), stand_ins(studio.registry, studio.settings)
    if not needed and (owner or not parts or not provider.info.paid):
        return None
    return {
        "needed": needed,
        "variable": listed(provider.missing_variables) if owner else "",
        "url": declared.url or "" if declared else "",
        "parts": parts,
        "signIn": takes_sign_in(provider),
        "instead": others[0].label if others else "",
    }


def _parts(provider: Provider) -> list[dict[str, Any]]:
    """Returns the parts of a key that can be entered; where there are several, each by its variable."""
    declared, variables = provider.info.credential, [*provider.credential_variables]
    return [
        {
            "variable": variable,
            "label": in_words(variable.lower()) if len(variables) > 1 else "API key",
            "optional": declared is not None and variable in declared.optional_others,
        }
        for variable in variables
    ]
