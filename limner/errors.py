"""How a provider fails.

    LimnerError
    ├── ContentFiltered    the service refused the prompt or the picture
    └── ProviderError      everything else, by category:
        auth               the credential is missing, wrong, or not allowed to do this
        quota              no credit is left, or a spending limit is reached
        rate-limit         too many requests for now
        invalid-request    the service does not take this request as it stands
        timeout            the service did not answer in time
        unavailable        the service is down, overloaded or out of reach
        bad-image          what came back is not a whole picture
        bad-response       what came back is not the service's own form
        provider           any other failure of the service

The sentence that a person reads is the host's, by category; the service's own words travel beside
it, are cleaned of secrets by the host and are shown as the service's. Whatever else a provider
raises is shown as one fixed sentence, never as its own text. A provider that is cancelled lets the
cancellation pass, or raises `CancelConfirmed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, get_args

Category: TypeAlias = Literal[
    "auth",
    "quota",
    "rate-limit",
    "invalid-request",
    "timeout",
    "unavailable",
    "bad-image",
    "bad-response",
    "provider",
]
CATEGORIES: tuple[Category, ...] = get_args(Category)


class LimnerError(Exception):
    """The root of all errors of the contract.

    `service_message` holds the service's own words, if there are any. `why` is a sentence of the plugin's
    own: it replaces the host's general reason, and is never shown as the service's. `sent` may name the
    fields that went to the service, without their values: `limner doctor --live` shows them.
    """

    sent: Sequence[str] = ()
    sentence = ""
    """What the host says of it to a person; set only where a program is told, as by `limner.generate`."""

    def __init__(self, service_message: str | None = None, *, why: str | None = None) -> None:
        super().__init__(service_message or why or type(self).__name__)
        self.service_message = service_message
        self.why = why

    def __str__(self) -> str:
        return self.sentence or super().__str__()


class ContentFiltered(LimnerError):
    """The service refused to make this picture, or to hand it out."""


class CancelConfirmed(asyncio.CancelledError):
    """A provider that was cancelled raises it if the service confirmed that it ended the request."""

    @classmethod
    def is_in(cls, error: BaseException | None) -> bool:
        """Whether a cancellation is confirmed; asyncio may have put another error around it."""
        return isinstance(error, cls) or (error is not None and isinstance(error.__context__, cls))


class ProviderError(LimnerError):
    """The service, or the way to it, failed.

    `status` is the HTTP status of the service's answer, or the one that the answer stands for; None if none
    came. `retry_after` is in seconds, if the service asks for a wait. `did_not_run` is True only if it is
    certain that the request was not carried out, and so not billed. `was_cancelled` is True only if the
    service confirmed that it ended the request without a picture.
    """

    def __init__(
        self,
        category: Category,
        service_message: str | None = None,
        *,
        why: str | None = None,
        status: int | None = None,
        retry_after: float | None = None,
        did_not_run: bool = False,
        was_cancelled: bool = False,
    ) -> None:
        if category not in CATEGORIES:
            raise ValueError(f"{category!r} is none of the categories: {', '.join(CATEGORIES)}")
        super().__init__(service_message, why=why)
        self.category: Category = category
        self.status = status
        self.retry_after = retry_after
        self.did_not_run = did_not_run
        self.was_cancelled = was_cancelled

    def __reduce__(self) -> tuple[Any, ...]:
        """Lets the error come out of another process as it went in, whatever a subclass is made of."""
        return Exception.__new__, (type(self), *self.args), vars(self)

    def __str__(self) -> str:
        if self.sentence:
            return self.sentence
        words = self.service_message or self.why
        return f"{self.category}: {words}" if words else self.category
