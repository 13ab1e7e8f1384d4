"""One call of a provider: its credential, its deadline, retries, and every way it can end."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar, cast

from core.chat.causes import Cause
from core.chat.failure import Failure, failure
from core.generation.deadline import DeadlinePassed, Escaped, before_deadline
from core.generation.newest import Newest
from core.generation.resolve import Plan
from core.generation.sanitize import sanitize
from core.generation.watch import Remembering, Watch
from core.plugins.guard import PluginCrashed, WrongResult
from core.plugins.imports import import_modules
from core.plugins.registry import Registry
from core.plugins.time_limit import TimeLimit
from core.redaction import clean_words
from limner import ContentFiltered, ImageRequest, ImageResult, LimnerError, ProviderError
from limner.errors import CATEGORIES

T = TypeVar("T")
log = logging.getLogger(__name__)

FIRST_WAIT = 1.0
"""Seconds before the first retry if the service names no wait; each further one waits twice as long."""
LEAST_LEFT = 0.5
"""The share of its time that a retry must have: what is cut off by the deadline may be billed."""
LONGEST_WAIT = 86_400.0
"""Seconds: a service that asks for more means no longer than a day."""

MAX_PROGRESS = 2_000
"""Characters of what a provider reports that are looked at: it may report often."""


class GenerationFailed(Exception):
    """The picture could not be made."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.cause)
        self.failure = failure


def failed(plan: Plan, cause: Cause, **more: Any) -> GenerationFailed:
    """Returns the error for a failure of the plan's provider, in the host's words."""
    provider, own = plan.provider, plan.credentials
    declared, set_at_all = provider.info.credential, provider.credential_variables.values()
    return GenerationFailed(
        failure(
            cause,
            label=provider.label,
            variables=provider.missing_variables or [*set_at_all] or ["the API key"],
            get_one_at=declared.url if declared else None,
            paid=provider.info.paid,
            credential=own.of if own.is_own or plan.visitor.is_owner else "owner's",
            **more,
        )
    )


async def call(
    plan: Plan,
    registry: Registry,
    max_retries: int,
    watch: Watch,
) -> ImageResult:
    """Calls the plan's provider and waits for its result; raises GenerationFailed.

    It is called again only if its request certainly did not run, and within the one deadline. When
    cancelled, it first lets the provider clean up, and still returns a result that arrives meanwhile.
    """
    if plan.provider.lacks_credential and not plan.credentials.is_own:
        raise failed(plan, "no-credential", did_not_run=True)
    credentials = plan.credentials.parts
    secrets = [part.get_secret_value() for part in credentials.values()]

    def report_clean(progress: object) -> None:
        words = str(progress) if isinstance(progress, int | float) else progress
        start = str.__getitem__(words, slice(MAX_PROGRESS)) if isinstance(words, str) else None
        watch.progress(_clean(start, secrets) or "")

    shows = {
        "on_progress": Newest(report_clean).take,
        "on_share": Newest(watch.share).take,
        "on_preview": watch.preview,
        "on_handle": Remembering(watch.remember).take,
        "is_handed_over": watch.is_handed_over,
    }
    first = credentials.get(next(iter(plan.provider.credential_variables), ""))
    request = replace(plan.image_request, credential=first, credentials=credentials, **shows)
    await import_modules(plan.provider.info.imports)
    limit = TimeLimit(request.timeout)
    for retries in range(max_retries + 1):
        try:
            return await _call_once(plan, request, registry, limit, secrets)
        except GenerationFailed as error:
            wait = _wait_before_retry(error.failure, retries)
            is_late = wait is not None and limit.left - wait < request.timeout * LEAST_LEFT
            if wait is None or retries == max_retries or is_late:
                raise
            await _wait_visibly(error.failure, wait, request.report)
    raise AssertionError("the last try returns or raises")


async def _call_once(
    plan: Plan, request: ImageRequest, registry: Registry, limit: TimeLimit, secrets: Sequence[str]
) -> ImageResult:
    provider, calls, cancelled = plan.provider, plan.calls, threading.Event()
    request = replace(request, timeout=limit.left, is_cancelled=cancelled.is_set)
    try:
        handle = plan.taken_over and plan.taken_over.handle
        made = registry.generate(provider, request, calls, handle, limit)
        result = await before_deadline(made, limit, cancelled.set, lambda: calls.at_work)
        return _read(plan, result, partial(_cleaned, plan, result, secrets))
    except (ContentFiltered, ProviderError) as error:
        raise _read(plan, error, partial(_failure_from_error, plan, error, secrets)) from error
    except DeadlinePassed as passed:
        ended = {"did_not_run": not calls.may_have_run, "was_cancelled": passed.was_cancelled}
        if passed.plugin not in ("", provider.plugin.name):  # it is a middleware
            why = f"It did not end within {request.timeout:.0f} seconds."
            raise failed(plan, "crash", culprit=passed.plugin, why=why, **ended) from None
        raise failed(plan, "timeout", **ended) from None
    except PluginCrashed as error:
        raise _crashed(plan, error.plugin, error.__cause__) from error
    except Escaped as error:
        raise _crashed(plan, _source(plan, error.__cause__), error.__cause__) from error
    finally:
        calls.leave()


def _read(plan: Plan, given: object, read: Callable[[], T]) -> T:
    """Reads what a plugin gave, whose own methods may raise anything, and call `sys.exit`."""
    try:
        return read()
    except BaseException as error:
        raise _crashed(plan, _source(plan, given), error) from error


def _cleaned(plan: Plan, result: ImageResult, secrets: Sequence[str]) -> ImageResult:
    clean = sanitize(result, secrets, partial(_source, plan))
    plan.calls.image_from = _source(plan, clean.image, "image")
    return clean


def _source(plan: Plan, given: object, field: str = "") -> str:
    """Returns the plugin that gave a result, an error or a field: the provider, or a middleware's own."""
    return plan.calls.source_of(given, field) or plan.provider.plugin.name


def _wait_before_retry(failure: Failure, retries: int) -> float | None:
    """Returns the seconds to wait before the next try; None if there must be none."""
    if not failure.while_waiting:
        return None
    return FIRST_WAIT * 2**retries if failure.retry_after is None else failure.retry_after


async def _wait_visibly(failure: Failure, seconds: float, report: Callable[[str], None]) -> None:
    """Waits, and reports each second why and how much longer; a Stop ends it."""
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while (left := end - loop.time()) > 0:
        report(f"{failure.while_waiting}, trying again in {math.ceil(left)} s")
        await asyncio.sleep(min(left, 1))
    report("trying again")


def _clean(words: object, secrets: Sequence[str]) -> str | None:
    return clean_words(None if words is None else str(words), *secrets)


def _names(sent: object, secrets: Sequence[str]) -> tuple[str, ...]:
    names = cast("list[object]", [*sent]) if isinstance(sent, list | tuple) else []
    return tuple(filter(None, (_clean(name, secrets) for name in names[:50] if isinstance(name, str))))


def _failure_from_error(plan: Plan, error: LimnerError, secrets: Sequence[str]) -> GenerationFailed:
    """Returns the failure that a plugin reports; what a subclass of the error got wrong is left out.

    A middleware cannot say that nothing ran if the provider does not.
    """
    category, wait = getattr(error, "category", None), getattr(error, "retry_after", None)
    status = getattr(error, "status", None)
    cause: Cause = category if category in CATEGORIES else "provider"
    claims = isinstance(error, ProviderError) and getattr(error, "did_not_run", None) is True
    return failed(
        plan,
        "content-filter" if isinstance(error, ContentFiltered) else cause,
        why=_clean(getattr(error, "why", None), secrets),
        service_message=_clean(getattr(error, "service_message", None), secrets),
        retry_after=min(wait, LONGEST_WAIT) if isinstance(wait, int | float) and wait >= 0 else None,
        status=status if isinstance(status, int) else None,
        sent=_names(getattr(error, "sent", ()), secrets),
        did_not_run=claims and not plan.calls.may_have_run,
        was_cancelled=getattr(error, "was_cancelled", None) is True,
    )


def _crashed(plan: Plan, culprit: str, cause: BaseException | None) -> GenerationFailed:
    nothing_ran = not plan.calls.may_have_run
    why = str(cause) if isinstance(cause, WrongResult) else None
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        log.error("The plugin %s needs the module %s, which is not installed", culprit, cause.name)
        if culprit == plan.provider.plugin.name:
            return failed(plan, "not-installed", culprit=cause.name, did_not_run=nothing_ran)
        why = f"It needs the module {cause.name}, which is not installed."
    else:
        log.error("The plugin %s failed while making a picture", culprit, exc_info=cause)
    return failed(plan, "crash", culprit=culprit, why=why, did_not_run=nothing_ran)
