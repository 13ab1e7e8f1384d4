"""Why a request was rejected, or a picture failed: what happened, why, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from core.settings.sources import listed
from limner.errors import Category

Cause: TypeAlias = (
    Category
    | Literal[
        "content-filter", "no-credential", "bad-input", "not-installed", "crash", "interrupted", "internal"
    ]
)
"""A provider's category, or one of the host's own: the service refused, no credential is set, a picture that
was sent cannot be used, a module is missing, the plugin raised something outside the contract, the server
stopped, or Limner itself failed."""


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


class Unavailable(Rejected):
    """A request that cannot be served at the moment, whatever it asks for."""

    status = 503


class Missing(Rejected):
    """A request for something that does not exist, or that belongs to another visitor."""

    status = 404


class SamePicture(Rejected):
    """A request that would make, and bill, a picture which is there already."""

    status = 409


class _Row(NamedTuple):
    what: str
    why: str
    next: str
    status: int = 502
    can_try_again: bool = True
    while_waiting: str = ""


_BILLED = "The picture may still have been made, and billed."

_ROWS: dict[Cause, _Row] = {
    "content-filter": _Row(
        "Image could not be generated.",
        "{label} refused it: its content filter does not allow this prompt or this picture.",
        "Change the prompt and send it again.",
        status=422,
        can_try_again=False,
    ),
    "auth": _Row(
        "{label} rejected the API key.",
        "The key is wrong, has expired, or may not use this model.",
        "Check {variable} on the server and restart Limner, or choose another provider.",
        can_try_again=False,
    ),
    "no-credential": _Row(
        "{label} needs an API key.",
        "{variable} {are} not set on the server.",
        "{get_one}Set {variable} and restart Limner, or choose another provider.",
        status=503,
        can_try_again=False,
    ),
    "quota": _Row(
        "There is no credit left at {label}.",
        "The account has used up its credit or reached its spending limit.",
        "Add credit or raise the limit there, then try again, or choose another provider.",
        status=503,
    ),
    "rate-limit": _Row(
        "{label} accepts no more requests right now.",
        "Too many were sent in a short time.",
        "Wait {wait} and try again.",
        status=429,
        while_waiting="rate limited",
    ),
    "invalid-request": _Row(
        "{label} did not accept this request.",
        "An option, the size or the model does not fit.",
        "Change the prompt or the options and send it again.",
        status=400,
        can_try_again=False,
    ),
    "timeout": _Row(
        "{label} did not answer in time.",
        "The time limit for one picture has passed. {billed}",
        "Try again, or choose a smaller size or a faster model.",
        status=504,
    ),
    "unavailable": _Row(
        "{label} cannot be reached.",
        "The connection to it failed or was lost. {billed}",
        "Check the connection and try again {when}.",
        status=503,
        while_waiting="unavailable",
    ),
    "bad-image": _Row(
        "{label} sent something that is not a complete picture.",
        "It is cut off, empty, too large, or not the type that it claims to be. {billed}",
        "Try again; if it happens again, choose another model.",
    ),
    "bad-response": _Row(
        "{label} sent an answer that Limner does not understand.",
        "It does not have the service's usual form. {billed}",
        "Try again; if it happens again, check the address and the model in the settings.",
    ),
    "provider": _Row(
        "{label} could not make this picture.",
        "The service reported an error of its own. {billed}",
        "Try again, or change the prompt or the model.",
    ),
    "bad-input": _Row(
        "A picture that you sent cannot be used.",
        "It is damaged, too large, or not on the server any more.",
        "Remove it, or add another one, and send the prompt again.",
        status=400,
        can_try_again=False,
    ),
    "not-installed": _Row(
        "{label} is missing a module.",
        "It needs the module {culprit}, which is not installed on the server.",
        "Install it with pip and restart Limner, or choose another provider.",
        status=503,
        can_try_again=False,
    ),
    "crash": _Row(
        "The plugin {culprit} failed.",
        "It raised an error that it should have handled; the server's log has the details. {billed}",
        "Try again; if it happens again, tell the plugin's author, or choose another provider.",
    ),
    "interrupted": _Row(
        "The server stopped while this picture was being made.",
        "Limner was restarted or shut down. {billed}",
        "Try again.",
        status=503,
    ),
    "internal": _Row(
        "Limner failed while making this picture.",
        "This is a bug in Limner; the server's log has the details. {billed}",
        "Try again, and report it if it happens again.",
    ),
}
"""For each cause the texts, the HTTP status, whether the same request may well succeed the next time, and
what the person reads while a request that did not run waits to be sent again; never again if empty."""

_ANSWERED = _Row(
    "{label} answered with an error.",
    "The service is down or overloaded. {billed}",
    "Try again {when}.",
)
_NOT_FOUND = _Row(
    "{label} does not know this model.",
    "The model does not exist there, or the address in the settings is wrong.",
    "Choose another model, or check the model and the address in the settings.",
)
_EXPLAINED = _Row("{label} did not accept this request.", "", "Change that and send it again.")


def _texts(cause: Cause, status: int | None, is_answered: bool, is_explained: bool) -> tuple[str, str, str]:
    """Returns the texts for a cause; for two of them they depend on what the service has answered."""
    row = _ROWS[cause]
    if cause == "unavailable" and is_answered:
        row = _ANSWERED
    elif cause == "invalid-request" and status in (404, 405, 410):
        row = _NOT_FOUND
    elif cause == "invalid-request" and is_explained and not is_answered:
        row = _EXPLAINED
    return row.what, row.why, row.next


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
        return _ROWS[self.cause].status

    @property
    def can_try_again(self) -> bool:
        """Whether the same request may well succeed the next time."""
        return _ROWS[self.cause].can_try_again

    @property
    def while_waiting(self) -> str:
        """What to say while the request waits to be sent again; empty if it must not be."""
        return _ROWS[self.cause].while_waiting if self.did_not_run else ""


def failure(
    cause: Cause,
    *,
    label: str,
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
        "billed": _BILLED if paid and not (did_not_run or was_cancelled) else "",
    }
    is_answered = status is not None or service_message is not None
    texts = _texts(cause, status, is_answered, why is not None)
    what, reason, next_step = (text.format_map(words).strip() for text in texts)
    if why and "{billed}" in texts[1]:
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
