"""What was applied to a version: what is asked of the provider, then what the service said of it."""

from __future__ import annotations

from core.resolve import Resolved
from core.thread import Applied, Notice
from limner import ImageResult


def applied(resolved: Resolved) -> Applied:
    """Says what is asked of the provider."""
    return Applied(
        prompt=resolved.prompt,
        provider=resolved.provider.name,
        provider_label=resolved.provider.label,
        model=resolved.model.id,
        model_label=resolved.model.name,
        size=str(resolved.size) if resolved.size else None,
        seed=resolved.seed,
        negative_prompt=resolved.negative_prompt,
        options=resolved.options.model_dump(mode="json"),
        paid=resolved.provider.info.paid,
        warnings=tuple(resolved.notices),
        cost=resolved.provider.settings.price,
    )


def with_said(asked: Applied, result: ImageResult, *notices: Notice) -> Applied:
    """Adds what the service said, which `core.said` has made fit to be kept, and further notices."""
    said = [Notice(feature=w.feature, details=w.details, type=w.type) for w in result.warnings]
    return asked.model_copy(
        update={
            "model": result.model or asked.model,
            "model_label": asked.model_label if result.model in (None, asked.model) else result.model,
            "seed": asked.seed if result.seed is None else result.seed,
            "revised_prompt": result.revised_prompt,
            "request_id": result.request_id,
            "usage": dict(result.usage),
            "metadata": dict(result.metadata),
            "warnings": (*asked.warnings, *said, *notices),
        }
    )
