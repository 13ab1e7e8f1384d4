"""One call of a provider: credential, deadline, and every way it can end, in the host's words."""

from __future__ import annotations

import asyncio
import logging
import math
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import SecretStr

from core.deadline import DeadlinePassed, Strayed, before_deadline
from core.failures import Cause, Failure, failure
from core.redaction import clean_words
from core.registry import PluginCrashed, Provider, Registry
from core.resolve import Resolved
from core.retry import wait_before_retry, wait_visibly
from core.said import fit_to_keep
from core.settings import Settings
from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError
from limner.errors import CATEGORIES

log = logging.getLogger(__name__)


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
    """Reads the provider's secret from the environment variable that the settings or it itself names.

    On a Space a Hugging Face token is its owner's own, and visitors use it only where the settings
    name it in `api_key_env`.
    """
    credential, variable = provider.info.credential, credential_variable(provider)
    if (
        credential
        and credential.hugging_face
        and not provider.settings.api_key_env
        and "SPACE_ID" in os.environ
    ):
        return None
    value = os.environ.get(variable, "").strip() if variable else ""
    return SecretStr(value) if value else None


def credential_variable(provider: Provider) -> str | None:
    """Names the environment variable that holds the provider's secret.

    Another server, which the settings configure under a name of its own, gets the secret that they
    name for it: never the one that is meant for the service itself.
    """
    own = provider.settings
    if own.api_key_env or (own.base_url and provider.name != provider.plugin.name):
        return own.api_key_env
    return provider.info.credential.variable if provider.info.credential else None


def lacks_credential(provider: Provider) -> bool:
    """Says whether the provider needs a secret that is not set; another server than its own may need none."""
    needs_one = provider.info.credential is not None and base_url_of(provider) is None
    return needs_one and credential_of(provider) is None


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
    """Calls the provider and waits for its result; raises Failed or Filtered.

    It is called again only where its request certainly did not run, within the one deadline.
    Cancelled, it first lets the provider clean up; a result that arrives meanwhile it gives all the
    same.
    """
    provider = resolved.provider
    credential = credential_of(provider)
    if lacks_credential(provider):
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
        provider=provider.name,
        timeout=provider.settings.timeout or settings.timeout,
        progress=lambda words: report(_clean(words, known) or ""),
    )
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.timeout
    for retries in range(settings.max_retries + 1):
        try:
            return await _call(provider, replace(request, timeout=deadline - loop.time()), registry, known)
        except Failed as error:
            wait = wait_before_retry(error.failure, retries)
            if wait is None or retries == settings.max_retries or loop.time() + wait >= deadline:
                raise
            await wait_visibly(error.failure, wait, request.report)
    raise AssertionError("the last try returns or raises")


async def _call(provider: Provider, request: ImageRequest, registry: Registry, known: str) -> ImageResult:
    begun = threading.Event()
    try:
        result = await before_deadline(registry.generate(provider, request, begun.set), request.timeout)
    except ContentFiltered as refusal:
        raise Filtered(_clean(getattr(refusal, "service_message", None), known)) from refusal
    except ProviderError as error:
        raise _reported(provider, error, known) from error
    except DeadlinePassed:
        raise failed(provider, "timeout", did_not_run=not begun.is_set()) from None
    except PluginCrashed as error:
        raise _crashed(provider, error.plugin, error) from error
    except Strayed as error:
        raise _crashed(provider, provider.plugin.name, error) from error
    return fit_to_keep(result, known)


def _clean(words: object, known: str) -> str | None:
    return clean_words(None if words is None else str(words), known)


def _reported(provider: Provider, error: ProviderError, known: str) -> Failed:
    """Puts a provider's own error into a failure; what a subclass of it got wrong counts as not said."""
    category = getattr(error, "category", None)
    wait = getattr(error, "retry_after", None)
    return failed(
        provider,
        category if category in CATEGORIES else "provider",
        service_message=_clean(getattr(error, "service_message", None), known),
        retry_after=wait if isinstance(wait, int | float) and 0 <= wait < math.inf else None,
        did_not_run=getattr(error, "did_not_run", None) is True,
    )


def _crashed(provider: Provider, culprit: str, error: BaseException) -> Failed:
    cause = error.__cause__
    if isinstance(cause, ModuleNotFoundError) and cause.name:
        log.error("The plugin %s needs the module %s, which is not installed", culprit, cause.name)
        return failed(provider, "not-installed", culprit=cause.name)
    log.error("The plugin %s failed while making a picture", culprit, exc_info=error.__cause__)
    return failed(provider, "crash", culprit=culprit)
