"""One call of a provider: credential, deadline, and every way it can end, in the host's words."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any

from pydantic import SecretStr

from core.failures import Cause, Failure, failure
from core.redaction import clean_words
from core.registry import PluginCrashed, Provider, Registry
from core.resolve import Resolved
from core.settings import Settings
from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError

log = logging.getLogger(__name__)

CLEANUP = 5.0
"""Seconds that a cancelled provider has to clean up."""


class Failed(Exception):
    """The picture could not be made."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.cause)
        self.failure = failure


class Filtered(Exception):
    """The service refused the picture; `words` are its own, cleaned."""

    def __init__(self, words: str | None) -> None:
        super().__init__("content-filter")
        self.words = words


def credential_of(provider: Provider) -> SecretStr | None:
    """Reads the provider's secret from the environment variable that the settings or it itself names."""
    variable = credential_variable(provider)
    value = os.environ.get(variable, "").strip() if variable else ""
    return SecretStr(value) if value else None


def credential_variable(provider: Provider) -> str | None:
    """Names the environment variable that holds the provider's secret."""
    if provider.settings.api_key_env:
        return provider.settings.api_key_env
    return provider.info.credential.variable if provider.info.credential else None


def base_url_of(provider: Provider) -> str | None:
    """Gives the provider's address where the settings or its variable name one."""
    variable = provider.info.base_url_variable
    return provider.settings.base_url or (os.environ.get(variable) or None if variable else None)


def failed(provider: Provider, cause: Cause, **more: Any) -> Failed:
    """Puts a cause into a failure of that provider."""
    credential = provider.info.credential
    return Failed(
        failure(
            cause,
            label=provider.label,
            variable=credential_variable(provider) or "its key",
            get_one_at=credential.url if credential else None,
            paid=provider.info.paid,
            **more,
        )
    )


async def generate(
    resolved: Resolved, registry: Registry, settings: Settings, report: Callable[[str], None]
) -> ImageResult:
    """Calls the provider once and waits for its result; raises Failed or Filtered."""
    provider = resolved.provider
    credential = credential_of(provider)
    if credential is None and provider.info.credential and base_url_of(provider) is None:
        raise failed(provider, "no-credential", did_not_run=True)
    known = credential.get_secret_value() if credential else ""
    request = ImageRequest(
        prompt=resolved.prompt,
        model=resolved.model.id,
        size=resolved.size,
        seed=resolved.seed,
        negative_prompt=resolved.negative_prompt,
        options=resolved.options,
        credential=credential,
        base_url=base_url_of(provider),
        settings=provider.settings.extra,
        timeout=provider.settings.timeout or settings.timeout,
        progress=lambda words: report(clean_words(words, known) or ""),
    )
    try:
        return await _before_deadline(registry.generate(provider, request), request.timeout)
    except ContentFiltered as refusal:
        raise Filtered(clean_words(refusal.service_message, known)) from refusal
    except ProviderError as error:
        raise failed(
            provider,
            error.category,
            service_message=clean_words(error.service_message, known),
            retry_after=error.retry_after,
            did_not_run=error.did_not_run,
        ) from error
    except PluginCrashed as error:
        log.error("The plugin %s failed while making a picture", error.plugin, exc_info=error.__cause__)
        raise failed(provider, "crash", culprit=error.plugin) from error


async def _before_deadline(call: Any, timeout: float) -> ImageResult:
    """Awaits a call; at the deadline or when cancelled it cancels the call and gives it time to clean up.

    A result that arrives during the clean-up is kept: it may have been paid for.
    """
    task: asyncio.Task[ImageResult] = asyncio.ensure_future(call)
    try:
        await asyncio.wait({task}, timeout=timeout)
    except asyncio.CancelledError:
        if await _cancelled(task):
            raise
        return task.result()
    if not task.done() and await _cancelled(task):
        raise ProviderError("timeout")
    if task.cancelled():
        raise ProviderError("provider", "The provider cancelled itself.")
    return task.result()


async def _cancelled(task: asyncio.Task[ImageResult]) -> bool:
    """Cancels a call, waits for it to end, and says whether it ended without a result."""
    task.cancel()
    await asyncio.wait({task}, timeout=CLEANUP)
    if not task.done():
        log.warning("A cancelled provider did not end within %.0f seconds", CLEANUP)
        task.add_done_callback(_forget)
        return True
    return task.cancelled() or task.exception() is not None


def _forget(task: asyncio.Task[ImageResult]) -> None:
    """Takes the late outcome of an abandoned call, so that nobody complains that it was never read."""
    if not task.cancelled() and task.exception() is not None:
        log.warning("A cancelled provider failed late: %s", type(task.exception()).__name__)
