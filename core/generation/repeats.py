"""Whether a request would only repeat a picture of its message, for which nobody should pay by accident."""

from __future__ import annotations

from core.chat.message import Message, Provenance
from core.generation.resolve import Plan

_SAME = ("prompt", "provider", "size", "seed", "negative_prompt", "options")


def repeats(plan: Plan, message: Message) -> bool:
    """Whether a plan with a seed that the person chose is the same as one that made a picture.

    Any of the message's pictures counts, not only the one that is shown: the same seed makes each again.
    """
    if plan.request.seed is None or plan.image_request.seed is None:  # drawn anew, or not taken
        return False
    return any(_is_same(plan, version.provenance) for version in message.pictures)


def _is_same(plan: Plan, made: Provenance) -> bool:
    planned = plan.provenance
    return _is_same_model(plan, made.model) and all(
        getattr(made, name) == getattr(planned, name) for name in _SAME
    )


def _is_same_model(plan: Plan, made_by: str) -> bool:
    """Whether a picture came from the plan's model, which a service may have named in its own way."""
    others = {model.id for model in plan.provider.info.models} - {plan.model.id}
    return made_by not in others
