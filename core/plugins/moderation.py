"""What may be asked for: the owner's block list, then a provider that moderates, before anything is spent."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from core.plugins.blocked import BlockedWords
from core.plugins.calls import Calls
from core.plugins.provider import Provider
from core.settings.schema import Settings
from core.settings.sources import listed
from limner import ContentFiltered, ImageRequest, ProviderError

log = logging.getLogger(__name__)

TIME = 30.0
"""Seconds for a check."""
NOT_ALLOWED = "This server does not allow one of the words in it."
_FAULTS = {
    "auth": "rejected the API key",
    "quota": "has no credit left",
    "rate-limit": "accepts no more requests right now",
    "timeout": "did not answer in time",
    "unavailable": "cannot be reached",
}

Ask = Callable[[Provider, ImageRequest, Calls], Coroutine[Any, Any, None]]


class Moderation:
    """Refuses requests that the owner does not allow; one that cannot be checked is not let through."""

    def __init__(self, settings: Settings, moderator: Provider | None, ask: Ask) -> None:
        """Takes the provider that the settings name, and how it is asked."""
        self._blocked = BlockedWords(settings.blocked_words)
        self._is_asked = settings.moderation is not None
        self._moderator = moderator
        self._ask = ask

    async def check(self, request: ImageRequest, calls: Calls) -> None:
        """Raises ContentFiltered for what is not allowed, and ProviderError if nobody can tell."""
        if self._blocked.are_in(request):
            raise ContentFiltered(why=NOT_ALLOWED)
        if not self._is_asked:
            return
        moderator = self._moderator
        if moderator is None:
            raise _unchecked("the provider that the settings name for that cannot be used")
        if moderator.lacks_credential:
            raise _unchecked(f"{moderator.label} lacks {listed(moderator.missing_variables)}")
        own = {
            "credential": moderator.credential,
            "credentials": moderator.credentials,
            "base_url": moderator.base_url,
            "settings": moderator.settings.extra,
            "provider": moderator.name,
            "timeout": min(TIME, request.timeout),
        }
        request.report("checking what is asked for")
        asked = asyncio.ensure_future(self._ask(moderator, replace(request, **own), calls))
        try:
            await asyncio.wait({asked}, timeout=TIME)
            if not asked.done():
                raise ProviderError("timeout")
            if asked.cancelled():  # by the moderator itself
                raise ProviderError("provider")
            await asked
        except ProviderError as error:
            said = getattr(error, "category", None)
            fault = next((words for category, words in _FAULTS.items() if category == said), "failed")
            log.error("%s could not check what is asked for: it %s", moderator.name, fault)
            raise _unchecked(f"{moderator.label} {fault}") from error
        finally:
            asked.cancel()
            asked.add_done_callback(lambda late: late.cancelled() or late.exception())  # nobody waits for it


def _unchecked(why: str) -> ProviderError:
    sentence = f"It was not asked, since what is asked for is checked here first, and {why}."
    return ProviderError("provider", why=sentence, did_not_run=True)
