"""The one road from a request to a stored picture, whoever asks: admit, make, keep.

The studio admits a request; an attempt (`core.generation.attempt`) then makes and keeps its picture, and
releases its place. Every limit on use is enforced here, so that no caller can bypass it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from core.chat.failure import Failure, Rejected
from core.chat.message import Message, Provenance, Version
from core.chat.picture import Picture
from core.chat.request import UserRequest
from core.generation.call import GenerationFailed, call, failed
from core.generation.credentials import OwnInUse, advice, stand_ins
from core.generation.fetch import Fetcher
from core.generation.inputs import Accepted, Inputs
from core.generation.limiter import Limiter
from core.generation.limits import UsageLimits
from core.generation.normalise import DecodeResources, normalise, prove
from core.generation.repeats import repeats
from core.generation.resolve import Plan, resolve, resolve_again
from core.generation.shared_log import SharedLog
from core.generation.telemetry import traced
from core.generation.visitor import Visitor
from core.generation.watch import Watch
from core.metadata.texts import is_signed
from core.plugins.registry import Registry
from core.settings.schema import Settings
from core.storage.database import StoreError
from core.storage.store import Store
from limner import ImageResult, ImageWarning, ProviderError, Size
from limner.finding import is_marked_unsafe
from limner.formats import MEDIA_TYPES, NAMES
from limner.identify import ImageInfo
from limner.price import cost_of_usage, total
from limner.request import MAX_PREVIEW_PIXELS

log = logging.getLogger(__name__)

SIZE_TOLERANCE = 0.05
"""How far ratio and area may be off without a warning: models that take a ratio choose their own pixels."""
BLACK = "The picture is black all over, which is how some services withhold one."
MARKED = "The service marked the picture as not safe for work."


class Pipeline:
    """Admits a request, has its picture made, and keeps it; belongs to one event loop."""

    def __init__(self, settings: Settings, registry: Registry, store: Store) -> None:
        self._settings = settings
        self._registry = registry
        self._store = store
        self._resources = DecodeResources()
        # of their own, so that no crowd of large pictures holds up one that has been paid for
        self.inputs = Inputs(settings, store, DecodeResources())
        self._usage = UsageLimits(settings, [] if settings.limits else store.hits)
        self.limits = Limiter(self._usage, SharedLog.of(settings, store.process, self._usage.longest))
        self._credentials = OwnInUse()

    def would_bill_twice(self, message: Message, requests: Sequence[UserRequest], visitor: Visitor) -> bool:
        """Whether one of the requests costs money for a picture that the message has already.

        Raises Rejected if one is not accepted any more.
        """
        plans = self._resolve(requests, visitor)
        return any(plan.paid and repeats(plan, message) for plan in plans)

    def price(self, requests: Sequence[UserRequest], visitor: Visitor) -> str:
        """Returns what pictures will cost together; empty if nobody knows, or nothing. Raises Rejected."""
        plans = self._resolve(requests, visitor)
        estimates = [plan.estimate for plan in plans if plan.paid]
        known = [cost for cost in estimates if cost]
        return total(known) if len(known) == len(estimates) else ""

    async def admit(self, requests: Sequence[UserRequest], visitor: Visitor) -> list[Plan]:
        """Checks requests and takes a place within the limits for each, until `release`: for all or none.

        Raises Rejected, and then nothing has changed.
        """
        plans = self._resolve(requests, visitor)
        charges = await self.limits.acquire(visitor, [plan.expense for plan in plans])
        return [replace(plan, charge=charge) for plan, charge in zip(plans, charges, strict=True)]

    def _resolve(self, requests: Sequence[UserRequest], visitor: Visitor) -> list[Plan]:
        """Returns how requests are made; raises Rejected.

        For others than the owner a free provider stands in where they need a credential of their own.
        """
        plans = [resolve(request, self._registry, self._settings, visitor) for request in requests]
        return plans if visitor.is_owner else [self._affordable(plan) for plan in plans]

    def _affordable(self, plan: Plan) -> Plan:
        """Returns the plan, or that of a free provider where the owner does not pay for a visitor's.

        Raises Rejected if there is no free one.
        """
        label, own_way = plan.provider.label, advice(plan.provider)
        try:
            if plan.provider.lacks_credential and not plan.credentials.is_own:
                raise Rejected(f"{label} needs a key, which this server does not have: {own_way}.")
            self._usage.check_budgets(plan.visitor, [plan.expense], own_way)
        except Rejected as error:
            if free := self._instead(plan, str(error)):
                return free
            raise
        return plan

    def _instead(self, plan: Plan, why: str) -> Plan | None:
        """Returns the plan of the first free provider that takes the request, the default one first."""
        others = stand_ins(self._registry, self._settings)
        return next(filter(None, (self._by_other(plan, other.name, why) for other in others)), None)

    def _by_other(self, plan: Plan, name: str, why: str) -> Plan | None:
        """Returns the plan for another provider; None if that does not take the request."""
        update: dict[str, Any] = {"provider": name, "model": None, "options": {}}
        try:
            request = plan.request.model_copy(update=update)
            other = resolve(request, self._registry, self._settings, plan.visitor)
        except Rejected:
            return None
        warning = ImageWarning("provider", f"{other.provider.label} made this instead: {why}", "other")
        return replace(other, request=plan.request, warnings=(warning, *other.warnings))

    def admit_again(self, version: Version, asked: UserRequest, handle: Any) -> Plan:
        """Returns the plan of a version that another process has begun, within whose limits it is."""
        return resolve_again(version, asked, handle, self._registry, self._settings)

    def release(self, plan: Plan) -> None:
        """Frees the place of a plan, and returns what it took from the budgets if it surely did not run."""
        if plan.taken_over:
            return
        if not plan.calls.may_have_run:
            plan.charge.give_back()
        self.limits.release(plan.charge)

    async def accept(self, image: bytes | str, visitor: Visitor) -> Accepted:
        """Returns a picture that a visitor sends, as it is to be kept; raises Rejected."""
        await self.limits.count_upload(visitor)
        return await self.inputs.accept(image, visitor.name)

    async def prove_preview(self, data: bytes) -> ImageInfo:
        """Returns what a preview is; raises ProviderError if it is no picture, or a large one."""
        _, info = await prove(data, self._resources, max_bytes=len(data), max_pixels=MAX_PREVIEW_PIXELS)
        return info

    async def make(
        self,
        plan: Plan,
        begin: Callable[[Plan], Awaitable[None]],
        watch: Watch,
    ) -> ImageResult:
        """Calls the provider, and then the fallbacks in turn while a request certainly did not run.

        Stop and the end of the server cancel it. `begin` is called with each plan before its provider is.
        Raises GenerationFailed.
        """
        untried = [name for name in dict.fromkeys(self._settings.fallback) if name != plan.provider.name]
        failures: list[Failure] = []
        while True:
            await begin(plan)
            try:
                async with self.inputs.load(plan) as request, self._credentials.use(plan.credentials):
                    loaded, retries = replace(plan, image_request=request), self._settings.max_retries
                    making = call(loaded, self._registry, retries, watch)
                    return await traced(loaded, making)
            except GenerationFailed as error:
                failures.append(error.failure)
                may_go_on = error.failure.did_not_run
                other = await self._fall_back(plan, untried, failures) if may_go_on else None
                if other is None:
                    raise GenerationFailed(_with_earlier(failures)) from error
                plan = other

    async def remember(self, plan: Plan, message: Message, number: int, handle: Any) -> bool | None:
        """Keeps by what a provider finds a version again; returns whether another process can ask for it.

        It cannot if a visitor's own key makes the picture, which no other has. None if the store fails.
        """
        plugin = plan.provider.plugin
        if plan.credentials.is_own or "resume" not in plugin.hooks or handle is None:
            return False
        try:
            is_kept = await self._store.running.remember(message, number, plan.provider.name, handle)
        except (TypeError, ValueError):
            log.error("The plugin %s wants to remember what is no JSON, or too long", plugin.name)
            return False
        except StoreError as error:
            log.error("By what a picture is found again could not be kept: %s", error)
            return None
        return is_kept or None

    async def keep(self, plan: Plan, result: ImageResult) -> tuple[Picture, Provenance]:
        """Proves that the result is a picture, and stores it.

        Nothing cancels it, since the picture may have been paid for. Raises GenerationFailed if it is not a
        picture.
        """
        used = self._correct(plan, result)
        fetcher = Fetcher(self._settings, plan.provider.base_url)
        try:
            data, info = await normalise(
                result.image,
                fetcher.fetch,
                self._resources,
                plugin=plan.calls.image_from,
                max_bytes=self._settings.max_bytes,
                max_pixels=self._settings.max_pixels,
            )
        except ProviderError as error:
            raise failed(plan, error.category, why=error.why) from error
        if info.black and plan.provider.is_service:
            raise failed(plan, "content-filter", why=BLACK)
        if is_marked_unsafe(result.metadata):
            raise failed(plan, "content-filter", why=MARKED)
        signed = await self._resources.decoders.run(lambda: is_signed(data))
        picture = await self._store.put(data, info)
        if result.continuation is not None:
            await self.inputs.keep_continuation(plan, picture.name, result.continuation)
        warnings = (*_size_warning(plan, result, picture), *_format_warning(plan, result, picture))
        provenance = plan.provenance.with_result(result, *warnings)
        return picture, provenance.model_copy(update={"signed": signed, **used})

    def _correct(self, plan: Plan, result: ImageResult) -> dict[str, Any]:
        """Charges what a picture has really cost, and returns what its provenance says of that."""
        if not plan.calls.may_have_run:  # a middleware had it already
            return {"cost": None}
        cost = cost_of_usage(plan.model.usage_prices, result.usage)
        if cost is None:
            return {}
        plan.charge.correct(cost)
        return {"cost": cost.text, "cost_from_usage": True}

    async def _fall_back(self, plan: Plan, untried: list[str], failures: list[Failure]) -> Plan | None:
        """Returns the plan of the next fallback that takes the request within the budget, if there is one."""
        plan.charge.give_back()
        while untried:
            other = self._by_other(plan, untried.pop(0), _what_happened(failures))
            with suppress(Rejected):
                if other:
                    charge = await self.limits.spend(plan.visitor, other.expense, plan.charge.place)
                    return replace(other, charge=charge)
        return None


def _size_warning(plan: Plan, result: ImageResult, picture: Picture) -> list[ImageWarning]:
    """Returns a warning if the size is not the one that was sent, and the provider has not said so."""
    wanted, made = plan.image_request.size, Size(picture.width, picture.height)
    if wanted is None or any(warning.feature == "size" for warning in result.warnings):
        return []
    if plan.request.images and not plan.request.size:  # nobody chose it, and many models keep a picture's own
        return []
    is_ratio = abs(made.ratio / wanted.ratio - 1) < SIZE_TOLERANCE
    if is_ratio and (plan.model.ratio_only or abs(made.pixels / wanted.pixels - 1) < SIZE_TOLERANCE):
        return []
    instead = wanted.proportions if plan.model.ratio_only else wanted.text
    return [ImageWarning("size", f"{made.text} instead of {instead}.", "other")]


def _format_warning(plan: Plan, result: ImageResult, picture: Picture) -> list[ImageWarning]:
    """Returns a warning if the format is not the one that was chosen, and the provider has not said so."""
    options = plan.image_request.options
    for name in ("output_format", "format"):
        wanted = str(options.model_dump(mode="json").get(name)).lower().removeprefix("image/")
        media_type = MEDIA_TYPES.get("jpg" if wanted == "jpeg" else wanted, picture.media_type)
        is_said = any(warning.feature == name for warning in result.warnings)
        if name in options.model_fields_set and media_type != picture.media_type and not is_said:
            details = f"{NAMES.get(picture.media_type, 'SVG')} instead of {NAMES.get(media_type, 'SVG')}."
            return [ImageWarning(name, details, "other")]
    return []


def _with_earlier(failures: list[Failure]) -> Failure:
    """Returns the last failure, with those before it named, so that none hides another."""
    *before, last = failures
    if not before:
        return last
    return last.model_copy(update={"why": f"{last.why} Tried before: {_what_happened(before)}"})


def _what_happened(failures: list[Failure]) -> str:
    return " ".join(failure.what for failure in failures)
