"""The models under the names that OpenAI's clients send: `provider/model`, or the model's own id alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from core.asking import providers_for
from core.chat.failure import Rejected
from core.generation.visitor import Visitor
from core.plugins.provider import Provider
from core.studio import Studio
from limner import ModelInfo
from ui.http.gateway.errors import ModelNotFound

_SHOWN = 20
"""Models that a refusal names."""


@dataclass(frozen=True)
class Offer:
    """A model, and the provider that has it."""

    provider: Provider
    model: ModelInfo

    @property
    def id(self) -> str:
        """The name that is never ambiguous."""
        return f"{self.provider.name}/{self.model.id}"


def offers(studio: Studio, visitor: Visitor) -> dict[str, Offer]:
    """Returns what a visitor may use, by all its names, those that are never ambiguous first.

    A model's own id is a name where one provider alone has it, or where the default provider does.
    """
    found = [Offer(one, model) for one in providers_for(studio, visitor) for model in one.info.models]
    count = Counter(offer.model.id for offer in found)
    default = studio.settings.provider
    alone = [offer for offer in found if count[offer.model.id] == 1 or offer.provider.name == default]
    whole = {offer.id: offer for offer in found}
    return {**whole, **{offer.model.id: offer for offer in alone if offer.model.id not in whole}}


def find_offer(studio: Studio, visitor: Visitor, name: str | None) -> Offer:
    """Returns the model of a name, or without one the default of the default provider.

    The owner may name models that are in no list, or cannot be used yet. Raises ModelNotFound.
    """
    offered = offers(studio, visitor)
    if name in offered:
        return offered[name]
    known = {offer.provider.name: offer.provider for offer in offered.values()}
    if not name:
        return _default(studio, visitor, [*known.values()])
    if visitor.is_owner:  # whom the road tells what a provider lacks
        known |= {provider.name: provider for provider in studio.registry}
    first, _, rest = name.partition("/")
    for provider, model in ((known.get(first), rest), (known.get(studio.settings.provider), name)):
        if provider and model and (found := provider.info_for(owner=visitor.is_owner).model(model)):
            return Offer(provider, found)
    ids = [offer.id for offer in dict.fromkeys(offered.values())]
    others = ", …" if len(ids) > _SHOWN else ""
    choose = f"choose one of {', '.join(ids[:_SHOWN])}{others}." if ids else "no provider can be used here."
    raise ModelNotFound(
        f"There is no provider with a model {name[:100]!r}: {choose}", "model", "model_not_found"
    )


def described(name: str, offer: Offer) -> dict[str, Any]:
    """Returns a model as OpenAI describes one; when it came is not known, and so 0."""
    return {"id": name, "object": "model", "created": 0, "owned_by": offer.provider.name}


def _default(studio: Studio, visitor: Visitor, usable: list[Provider]) -> Offer:
    """Returns the default model; whoever may use certain providers alone gets the first of theirs instead."""
    default = studio.registry.get(studio.settings.provider)
    if visitor.providers is not None and (default is None or default.name not in visitor.providers):
        default = next(iter(usable), None)
    if default is None:
        raise Rejected("The default provider cannot be used: name a model.", field="model")
    return Offer(default, default.info.models[0])
