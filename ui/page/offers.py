"""What the composer offers for a provider and a model: the change of each of its controls, by name."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from core.generation.options import unbounded_options
from core.plugins.registry import Provider, Registry
from limner import ModelInfo
from ui.page.choices import option_groups
from ui.page.controls import size_choices
from ui.page.inputs import takes


def offer(
    registry: Registry, name: str, model_id: str | None = None, *, owner: bool
) -> dict[str, dict[str, Any]]:
    """Returns the changes for a provider and one of its models, or its first; none if they are not here.

    Under `images` stands what the model takes, which is no control's change. Others than the owner cannot
    enter a model of their own.
    """
    provider = registry.get(name)
    model = provider and provider.info_for(owner=owner).model(model_id)
    if provider is None or model is None:
        return {}
    return {
        "model": _models(provider, model, owner=owner),
        **_taken(registry, provider, model, owner=owner),
        "images": takes(provider, model),
    }


def _models(provider: Provider, chosen: ModelInfo, *, owner: bool) -> dict[str, Any]:
    info = provider.info_for(owner=owner)
    return gr.update(
        choices=[(model.name, model.id) for model in info.models],
        value=chosen.id,
        allow_custom_value=info.other_models is not None,
        filterable=info.other_models is not None or len(info.models) > 10,
        visible=info.other_models is not None or len(info.models) > 1,
    )


def _taken(
    registry: Registry, provider: Provider, model: ModelInfo, *, owner: bool
) -> dict[str, dict[str, Any]]:
    """Returns the changes that show what a model takes, and hide the rest."""
    sizes = size_choices(model)
    options = provider.info.options_of(model)
    hidden = [] if owner else unbounded_options(options)
    return {
        "size": gr.update(
            choices=sizes,
            value=sizes[0][1] if sizes else None,
            visible=bool(sizes),
            allow_custom_value=bool(sizes),
        ),
        "seed": gr.update(visible=model.seed),
        "negative_prompt": gr.update(visible=model.negative_prompt),
        "about": gr.update(value=_about(provider)),
        "more": gr.update(
            visible=model.seed or model.negative_prompt or len(options.model_fields) > len(hidden)
        ),
        **{group: gr.update(visible=of is options) for of, group in option_groups(registry).items()},
    }


def _about(provider: Provider) -> str:
    """Returns where a provider's pictures come from, and whether they cost money, as HTML."""
    costs = "Each picture costs money." if provider.info.paid else ""
    return f"<p>{escape(' '.join(filter(None, (provider.info.about, costs))))}</p>"
