"""From what a person asked for to what a provider is sent: checked, completed, and every change noted."""

from __future__ import annotations

import secrets
import unicodedata
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

from core.chat.failure import Rejected
from core.chat.message import Provenance, Version
from core.chat.request import UserRequest
from core.generation.budget import Charge, Expense
from core.generation.credentials import Credentials, credentials_for
from core.generation.images import check_images
from core.generation.options import resolve_options
from core.generation.sizes import nearest_size
from core.generation.visitor import OWNER, Visitor
from core.plugins.calls import Calls
from core.plugins.provider import Provider
from core.plugins.registry import Registry
from core.settings.schema import Settings
from core.settings.sources import listed
from limner import ImageRequest, ImageWarning, ModelInfo, Size
from limner.options import field_names
from limner.price import Money, estimate

MAX_DRAWN_SEED = 2**31 - 1
"""The largest that every service takes; a person's own may be larger."""


class TakenOver(NamedTuple):
    """A version that another process had begun, and by what its provider finds it again."""

    version: Version
    handle: Any


@dataclass(frozen=True)
class Plan:
    """How a request is going to be made: by which provider and model, and what is sent."""

    request: UserRequest
    """As the person asked."""
    visitor: Visitor
    provider: Provider
    model: ModelInfo
    image_request: ImageRequest
    """What is sent, but for the credential."""
    warnings: tuple[ImageWarning, ...]
    """How that differs from what was asked."""
    credentials: Credentials
    """What it is made with."""
    charge: Charge = field(default_factory=Charge)
    """What it takes from the budgets."""
    calls: Calls = field(default_factory=Calls)
    """Those of the provider that may have run."""
    taken_over: TakenOver | None = None

    @cached_property
    def estimate(self) -> Money | None:
        """What the picture will cost, as far as its price is known."""
        sent = self.image_request
        values = sent.options.model_dump(mode="json")
        options = {name: values.get(field) for name, field in field_names(type(sent.options)).items()}
        size = None if self.model.ratio_only else sent.size  # the service chooses the pixels
        return estimate(self.model.prices, size, options)

    @property
    def paid(self) -> bool:
        """Whether the picture costs money."""
        cost, model = self.estimate, self.model
        if self.provider.info.paid or any(price.amount.amount for price in model.usage_prices):
            return True
        if cost is None:  # no price fits, and so nobody can say that it is free
            return any(price.amount.amount for price in model.prices)
        return cost.amount > 0

    @property
    def expense(self) -> Expense | None:
        """What the budgets must allow; None if the picture costs nothing, or the visitor pays."""
        if not self.paid or self.credentials.is_own:
            return None
        return Expense(self.model.name, self.provider.name, self.estimate)

    @property
    def provenance(self) -> Provenance:
        """What is known of the picture before the service has said anything."""
        if self.taken_over:
            return self.taken_over.version.provenance
        sent, cost = self.image_request, self.estimate
        return Provenance(
            prompt=sent.prompt,
            provider=self.provider.name,
            provider_label=self.provider.label,
            model=self.model.id,
            model_label=self.model.name,
            size=str(sent.size) if sent.size else None,
            seed=sent.seed,
            negative_prompt=sent.negative_prompt,
            options=sent.options.model_dump(mode="json"),
            paid=self.paid,
            from_pictures=bool(self.request.images),
            warnings=self.warnings,
            cost=cost.text if cost else None,
        )


def resolve(request: UserRequest, registry: Registry, settings: Settings, visitor: Visitor = OWNER) -> Plan:
    """Checks a request and fits it to its provider and model; raises Rejected if it is not valid.

    Only the owner, whose account pays, may use models that are not listed, and options without bounds.
    """
    provider = _provider(request.provider or default_provider(settings, visitor), registry, visitor)
    model = provider.info_for(owner=visitor.is_owner).model(request.model or None)
    if model is None:
        offered = ", ".join(model.id for model in provider.info.models)
        raise Rejected(f"{provider.label} has no model {request.model!r}: choose one of {offered}.")
    warnings: list[ImageWarning] = []
    check_length(request, settings.max_prompt_length)
    prompt = _prompt(request.prompt)
    warnings += check_images(request, model, registry, settings.max_bytes)
    size = _size(request, model, warnings)
    seed = _seed(request.seed, model, warnings)
    negative_prompt = _negative_prompt(request.negative_prompt, model, warnings)
    options, changed = resolve_options(request.options, provider, model, for_owner=visitor.is_owner)
    image_request = ImageRequest(
        prompt=prompt,
        model=model.id,
        size=size,
        seed=seed,
        seed_is_drawn=seed is not None and request.seed is None,
        negative_prompt=negative_prompt,
        options=options,
        base_url=provider.base_url,
        settings=provider.settings.extra,
        provider=provider.name,
        timeout=provider.settings.timeout or settings.timeout,
    )
    credentials = credentials_for(provider, visitor)
    return Plan(request, visitor, provider, model, image_request, (*warnings, *changed), credentials)


def resolve_again(
    version: Version, asked: UserRequest, handle: Any, registry: Registry, settings: Settings
) -> Plan:
    """Returns how the provider of a version that another process has begun is asked for it.

    Raises Rejected if the settings do not have it any more.
    """
    was = version.provenance
    known: dict[str, Any] = {"provider": was.provider, "model": was.model, "seed": was.seed}
    if asked.provider not in (None, was.provider):  # it was a fallback
        known["options"] = {}
    plan = resolve(asked.model_copy(update=known), registry, settings)
    plan.calls.begin()
    return replace(plan, request=asked, taken_over=TakenOver(version, handle))


def default_provider(settings: Settings, visitor: Visitor) -> str:
    """Returns which provider a request that names none is for: that of all, or the first of the visitor's."""
    theirs = visitor.providers
    return settings.provider if theirs is None or settings.provider in theirs else next(iter(theirs))


def check_length(request: UserRequest, longest: int) -> None:
    """Raises Rejected if a text of a request is too long, which is known before anything else is."""
    for what, text in (("prompt", request.prompt), ("negative prompt", request.negative_prompt or "")):
        if len(text) > longest:
            raise Rejected(f"The {what} has {len(text):,} characters: shorten it to {longest:,}.")


def _provider(name: str, registry: Registry, visitor: Visitor) -> Provider:
    if visitor.providers is not None and name not in visitor.providers:
        raise Rejected(
            f"This key is not for the provider {name!r}: it is for {listed(sorted(visitor.providers))}."
        )
    provider = registry.get(name)
    if provider is not None:
        return provider
    broken = registry.fault_of(name)
    if broken is not None:
        raise Rejected(f"The provider {name} cannot be used. {broken.fault}")
    names = ", ".join(provider.name for provider in registry)
    raise Rejected(f"There is no provider {name!r} here: choose one of {names}.")


def _prompt(prompt: str) -> str:
    prompt = _stripped("prompt", prompt)
    if not prompt:
        raise Rejected("The prompt is empty: describe the picture that you want.")
    return prompt


def _stripped(what: str, text: str) -> str:
    if any(unicodedata.category(character) == "Cc" and character not in "\n\t\r" for character in text):
        raise Rejected(f"The {what} contains control characters: remove them.")
    return text.strip()


def _negative_prompt(text: str | None, model: ModelInfo, warnings: list[ImageWarning]) -> str | None:
    text = _stripped("negative prompt", text or "")
    if text and not model.negative_prompt:
        _warn(
            warnings, "negative_prompt", f"{model.name} does not support a negative prompt; it was left out."
        )
        return None
    return text or None


def _seed(seed: int | None, model: ModelInfo, warnings: list[ImageWarning]) -> int | None:
    if model.seed:
        if seed is None:
            return secrets.randbelow(min(MAX_DRAWN_SEED, model.max_seed) + 1)
        if seed <= model.max_seed:
            return seed
        fitting = seed % (model.max_seed + 1)  # the same for the same seed
        _warn(warnings, "seed", f"{fitting} instead of {seed}: {model.name} takes {model.max_seed} at most.")
        return fitting
    if seed is not None:
        _warn(warnings, "seed", f"{model.name} does not support a seed; it was left out.")
    return None


def _size(request: UserRequest, model: ModelInfo, warnings: list[ImageWarning]) -> Size | None:
    """Returns the size to make: what was asked for, or else one with the ratio of the first picture."""
    wanted = request.size
    if not wanted or not wanted.strip():
        if not (request.images and model.sizes):
            return model.default_size
        first = Size(request.images[0].width, request.images[0].height)
        usual = nearest_size(first, model.sizes, by_ratio=True)
        # the very size, if the model takes it, moves no pixel; a much larger one costs what nobody asked for
        exact = nearest_size(first, model.sizes, by_ratio=False)
        return first if exact == first and first.pixels <= 1.5 * usual.pixels else usual
    size, is_ratio = _read_size(wanted)
    if not model.sizes:
        _warn(warnings, "size", f"{model.name} chooses the size itself; {_shown(wanted)} was left out.")
        return None
    is_ratio = is_ratio or model.ratio_only
    nearest = nearest_size(size, model.sizes, by_ratio=is_ratio)
    changed = abs(nearest.ratio / size.ratio - 1) > 0.01 if is_ratio else nearest != size
    if changed:
        _warn(
            warnings,
            "size",
            f"{nearest.proportions if model.ratio_only else nearest.text} instead of {_shown(wanted)}, the "
            f"nearest size that {model.name} supports.",
        )
    return nearest


def _read_size(text: str) -> tuple[Size, bool]:
    """Reads a size, or a ratio as a size of which only the proportions count."""
    try:
        if ":" in text:
            return Size.of_ratio(text), True
        return Size.parse(text), False
    except ValueError:
        raise Rejected(
            f"The size {text!r} is not clear: write it as 1024x768, or a ratio such as 3:2.", field="size"
        ) from None


def _shown(wanted: str) -> str:
    """Returns a size as the person wrote it, in the form in which sizes are shown."""
    return wanted.strip() if ":" in wanted else Size.parse(wanted).text


def _warn(warnings: list[ImageWarning], feature: str, details: str) -> None:
    warnings.append(ImageWarning(feature, details))
