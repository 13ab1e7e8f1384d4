"""Why a request was rejected, or a picture failed: what happened, why, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from core.chat.causes import BILLED, ROWS, Cause, Whose, texts_of
from core.settings.sources import listed


class Rejected(Exception):
    """A request that is not started; the text is one sentence that says what to do. HTTP status 400."""

    status = 400
    retry_after: float | None = None
    """Seconds until the same request may be accepted; None if nobody knows."""

    def __init__(self, sentence: str, *, field: str | None = None) -> None:
        super().__init__(sentence)
        self.field = field
        """The field of the request, or the option, that is wrong; None if it is something else."""


class LimitReached(Rejected):
    """A request that a limit stops for now."""

    status = 429

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class BudgetReached(LimitReached):
    """A request for which a budget has nothing left for now."""


class Unavailable(Rejected):
    """A request that cannot be served at the moment, whatever it asks for."""

    status = 503
    retry_after = 5.0


class Missing(Rejected):
    """A request for something that does not exist, or that belongs to another visitor."""

    status = 404


class SamePicture(Rejected):
    """A request that would make, and bill, a picture which is there already."""

    status = 409


class Failure(BaseModel):
    """A failure as it is stored and shown."""

    model_config = ConfigDict(frozen=True)

    cause: Cause
    what: str
    why: str
    next: str
    service_message: str | None = None
    """The service's own words, already cleaned of secrets."""
    retry_after: float | None = None
    """Seconds."""
    did_not_run: bool = False
    answered: int | None = Field(default=None, exclude=True, repr=False)
    """The HTTP status of the service's answer: for the doctor alone, like the names of what was sent."""
    sent: tuple[str, ...] = Field(default=(), exclude=True, repr=False)

    @property
    def sentence(self) -> str:
        """What happened, why, and the next step, as plain text."""
        return f"{self.what} {self.why} {self.next}"

    @property
    def status(self) -> int:
        """The HTTP status that stands for this failure."""
        return ROWS[self.cause].status

    @property
    def can_try_again(self) -> bool:
        """Whether the same request may well succeed the next time."""
        return ROWS[self.cause].can_try_again

    @property
    def while_waiting(self) -> str:
        """What to say while the request waits to be sent again; empty if it must not be."""
        return ROWS[self.cause].while_waiting if self.did_not_run else ""


def failure(
    cause: Cause,
    *,
    label: str,
    credential: Whose = "owner",
    variables: Sequence[str] = ("the key",),
    get_one_at: str | None = None,
    culprit: str = "",
    why: str | None = None,
    service_message: str | None = None,
    retry_after: float | None = None,
    status: int | None = None,
    sent: tuple[str, ...] = (),
    did_not_run: bool = False,
    was_cancelled: bool = False,
    paid: bool = False,
) -> Failure:
    """Returns the failure of a cause, in words for the provider with that label.

    `why` replaces the cause's own reason if a better one is known. `retry_after` is in seconds; `status` is
    the HTTP status of the service's answer, None without one; `service_message` must already be clean of
    secrets. What did not run, or was cancelled there, is not said to be billed.
    """
    words = {
        "label": label,
        "variable": listed(variables),
        "are": "is" if len(variables) == 1 else "are",
        "get_one": f"Get a key at {get_one_at}. " if get_one_at else "",
        "culprit": culprit or label,
        "wait": "a minute" if retry_after is None else duration_words(retry_after),
        "when": "in a moment" if retry_after is None else f"in {duration_words(retry_after)}",
        "billed": BILLED if paid and not (did_not_run or was_cancelled) else "",
    }
    is_answered = status is not None or service_message is not None
    said = texts_of(cause, credential, status, is_answered, why is not None)
    what, reason, next_step = (text.format_map(words).strip() for text in said)
    if why and "{billed}" in said[1]:
        why = f"{why} {words['billed']}".strip()
    return Failure(
        cause=cause,
        what=what,
        why=why or reason,
        next=next_step,
        service_message=service_message,
        retry_after=retry_after,
        did_not_run=did_not_run,
        answered=status,
        sent=sent,
    )


def duration_words(seconds: float) -> str:
    """Returns a wait in words, rounded up: 8 seconds, 5 minutes, 24 hours."""
    whole = max(1, math.ceil(seconds))
    if whole < 120:
        return "a second" if whole == 1 else f"{whole} seconds"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"
