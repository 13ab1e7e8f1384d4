"""What the composer's controls mean: from the values that the page sends to a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from core import Rejected
from core.chat.request import UserRequest
from core.plugins.registry import Registry
from limner import Options
from limner.options import field_names
from ui.page.controls import read_options


def option_groups(registry: Registry) -> dict[type[Options], str]:
    """Names each class of options in use after the first model that takes it; no two names are the same."""
    groups: dict[type[Options], str] = {}
    for provider in registry:
        others = [provider.info.other_models] if provider.info.other_models else []
        for model in (*provider.info.models, *others):
            options = provider.info.options_of(model)
            if options.model_fields:
                groups.setdefault(options, f"{provider.name}/{model.id}")
    return groups


def read_request(registry: Registry, values: Mapping[str, Any]) -> UserRequest:
    """Reads the controls' values by name; raises Rejected if one makes no sense."""
    provider = registry.get(str(values.get("provider")))
    model = provider and provider.info.model(values.get("model"))
    options: dict[str, Any] = {}
    if provider and model and (declared := provider.info.options_of(model)).model_fields:
        group = option_groups(registry)[declared]
        given = {name: values.get(f"{group}/{name}") for name in field_names(declared)}
        options = read_options(declared, given)
    try:
        return UserRequest(
            prompt=values["prompt"],
            provider=values.get("provider"),
            model=values.get("model"),
            size=values.get("size") or None,
            seed=_read_seed(values.get("seed")),
            negative_prompt=values.get("negative_prompt") or None,
            options=options,
        )
    except (KeyError, ValidationError):
        raise Rejected("This page is older than the server: reload it.") from None


def _read_seed(text: object) -> int | None:
    text = str(text or "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()):
        raise Rejected(
            f"The seed {text[:20]!r} is not a whole number: correct it, or empty it for a new one each time."
        )
    return int(text[:20])
