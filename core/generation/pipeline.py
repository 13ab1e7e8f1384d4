"""The one road from a request to a stored picture, whoever asks: admit, make, keep.

Every limit stands on this road, so that no page, route or script can walk around it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from core.chat.failure import Failure, Rejected
from core.chat.message import Picture, Provenance
from core.chat.request import UserRequest
from core.generation.call import GenerationFailed, call, credential, failed
from core.generation.fetch import Fetcher
from core.generation.limits import UsageLimits, Visitor
from core.generation.normalise import Provers, normalise
from core.generation.resolve import Plan, resolve
from core.plugins.registry import Registry
from core.settings.schema import Settings
from core.storage.store import Store
from limner import ImageResult, ImageWarning, ProviderError, Size

SAME_SIZE = 0.05
"""How far ratio and area may be off without a warning: models that take a ratio choose their own pixels."""


class Pipeline:
    """Admits a request, has its picture made, and keeps it; belongs to one event loop."""

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self._settings = settings
        self._registry = registry
        self._store = store
        self._provers = Provers()
        self.limits = UsageLimits(settings, store.hits)

    def admit(self, request: UserRequest, visitor: Visitor) -> Plan:
        """Checks a request and takes its place within the limits, until `release`.

        Raises Rejected, and then nothing has changed.
        """
        plan = resolve(request, self._registry, self._settings, visitor)
        self.limits.acquire(visitor, paid=plan.provider.info.paid)
        return plan

    def release(self, plan: Plan) -> None:
        """Gives back the place of a plan that has been carried out."""
        self.limits.release(plan.visitor)

    async def make(
        self, plan: Plan, begin: Callable[[Plan], Awaitable[None]], report: Callable[[str], None]
    ) -> ImageResult:
        """Calls the provider, then those of the setting `fallback` as long as nothing has run; may be cancelled.

        `begin` is told each plan before its provider is called. Raises GenerationFailed.
        """
        untried = [name for name in self._settings.fallback if name != plan.provider.name]
        failures: list[Failure] = []
        while True:
            await begin(plan)
            try:
                secret = credential(plan.provider)
                return await call(plan, secret, self._registry, self._settings.max_retries, report)
            except GenerationFailed as error:
                failures.append(error.failure)
                other = self._fall_back(plan, untried, failures) if error.failure.did_not_run else None
                if other is None:
                    raise GenerationFailed(_in_turn(failures)) from error
                plan = other

    async def keep(self, plan: Plan, result: ImageResult) -> tuple[Picture, Provenance]:
        """Proves that the result is a picture and stores it; never cancelled, since it may have been paid for.

        Raises GenerationFailed if it is none.
        """
        fetcher = Fetcher(self._settings, plan.provider.base_url)
        try:
            data, info = await normalise(
                result.image,
                fetcher.fetch,
                self._provers,
                max_bytes=self._settings.max_bytes,
                max_pixels=self._settings.max_pixels,
            )
        except ProviderError as error:
            raise failed(plan.provider, error.category, why=error.why) from error
        picture = await self._store.put(data, info)
        return picture, plan.provenance.with_result(result, *_size_warning(plan, result, picture))

    def _fall_back(self, plan: Plan, untried: list[str], failures: list[Failure]) -> Plan | None:
        """Returns the plan for the next provider that takes the request and that the budget allows, if any."""
        while untried:
            update: dict[str, Any] = {"provider": untried.pop(0), "model": None, "options": {}}
            try:
                other = resolve(
                    plan.request.model_copy(update=update), self._registry, self._settings, plan.visitor
                )
                if other.provider.info.paid and not plan.provider.info.paid:
                    self.limits.spend(plan.visitor)
            except Rejected:
                continue
            because = ImageWarning(
                "provider", f"By {other.provider.label}, because: {_named(failures)}", "other"
            )
            return replace(other, request=plan.request, warnings=(because, *other.warnings))
        return None


def _size_warning(plan: Plan, result: ImageResult, picture: Picture) -> list[ImageWarning]:
    """Returns a warning if the picture has another size than it should, and the provider has not said so."""
    wanted, made = plan.image_request.size, Size(picture.width, picture.height)
    if wanted is None or any(warning.feature == "size" for warning in result.warnings):
        return []
    if abs(made.ratio / wanted.ratio - 1) < SAME_SIZE and abs(made.pixels / wanted.pixels - 1) < SAME_SIZE:
        return []
    return [ImageWarning("size", f"{wanted} was asked for, and {made} came.", "other")]


def _in_turn(failures: list[Failure]) -> Failure:
    """Returns the last failure, with those before it named, so that none hides another."""
    *before, last = failures
    if not before:
        return last
    return last.model_copy(update={"why": f"{last.why} Asked before it: {_named(before)}"})


def _named(failures: list[Failure]) -> str:
    return " ".join(failure.what for failure in failures)
