"""What went wrong, said to a person: what happened, why, and the next step; one text per category."""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

from limner.errors import Category

Cause: TypeAlias = Category | Literal["no-credential", "not-installed", "crash", "interrupted", "internal"]
"""A provider's category, or one of the host's own: no credential is set, a module is missing, the
provider raised something outside of the contract, the server stopped meanwhile, or Limner failed."""


class Refused(Exception):
    """A request that Limner does not start; its text is one sentence that says what to do."""


class LimitReached(Refused):
    """A request that a limit stands against for now; `retry_after` is in seconds, None if nobody knows."""

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.retry_after = retry_after


class Unavailable(Refused):
    """A request that cannot be served for the moment, whatever it asks for."""


class Failure(BaseModel):
    """A settled failure, as it is stored and shown."""

    model_config = ConfigDict(frozen=True)

    cause: Cause
    what: str
    why: str
    next: str
    service_message: str | None = None
    """The service's own words, already cleaned of secrets."""
    retry_after: float | None = None
    did_not_run: bool = False

    @property
    def can_try_again(self) -> bool:
        """Whether the same request may well succeed the next time."""
        return self.cause not in _SAME_AGAIN


_SAME_AGAIN = {"auth", "no-credential", "not-installed", "invalid-request"}
_BILLED = "It may have been carried out, and billed, all the same."

_TEXTS: dict[Cause, tuple[str, str, str]] = {
    "auth": (
        "{label} did not let us in.",
        "The key is wrong, expired, or not allowed to use this model.",
        "Check {variable} where Limner runs and start it again, or choose another provider.",
    ),
    "no-credential": (
        "{label} needs a key.",
        "{variable} is not set where Limner runs.",
        "{get_one}Set {variable} and start Limner again, or choose another provider.",
    ),
    "quota": (
        "There is no credit left at {label}.",
        "The account has used up its credit or reached its spending limit.",
        "Add credit or raise the limit there, then try again, or choose another provider.",
    ),
    "rate-limit": (
        "{label} is taking no more requests for the moment.",
        "Too many were sent in a short time.",
        "Wait {wait} and try again.",
    ),
    "invalid-request": (
        "{label} does not take this request.",
        "The service refused it as it stands: an option, a size or the model does not fit.",
        "Change the prompt or the options and send it again.",
    ),
    "timeout": (
        "{label} did not answer in time.",
        "The time limit for one picture is over. {billed}",
        "Try again, or choose a smaller size or a faster model.",
    ),
    "unavailable": (
        "{label} is out of reach.",
        "The service is down or overloaded, or the network is. {billed}",
        "Check the connection and try again in a moment.",
    ),
    "bad-image": (
        "{label} sent something that is not a whole picture.",
        "It was cut off, empty, too large, or of another kind than it claims.",
        "Try again; if it stays so, choose another model.",
    ),
    "bad-response": (
        "{label} sent an answer that Limner does not understand.",
        "It is not in the service's usual form.",
        "Try again; if it stays so, check the address and the model in the settings.",
    ),
    "provider": (
        "{label} could not make this picture.",
        "The service reported a failure of its own.",
        "Try again, or change the prompt or the model.",
    ),
    "not-installed": (
        "{label} is not installed completely.",
        "It needs the module {culprit}, which is not there where Limner runs.",
        "Install it with pip and start Limner again, or choose another provider.",
    ),
    "crash": (
        "The plugin {culprit} failed.",
        "It raised an error that it should have handled; the server's log has the details.",
        "Try again; if it stays so, tell the plugin's author, or choose another provider.",
    ),
    "interrupted": (
        "The server stopped while this picture was being made.",
        "Limner was restarted or shut down. {billed}",
        "Try again.",
    ),
    "internal": (
        "Limner failed while making this picture.",
        "This is a fault of Limner itself; the server's log has the details. {billed}",
        "Try again, and report it if it happens again.",
    ),
}


def failure(
    cause: Cause,
    *,
    label: str,
    variable: str = "the key",
    get_one_at: str | None = None,
    culprit: str = "",
    why: str | None = None,
    service_message: str | None = None,
    retry_after: float | None = None,
    did_not_run: bool = False,
    paid: bool = False,
) -> Failure:
    """Puts a cause into words for the provider with that label.

    `why` replaces the category's own reason where the host knows a better one. `retry_after` is in
    seconds; `service_message` must already be clean of secrets.
    """
    words = {
        "label": label,
        "variable": variable,
        "get_one": f"Get a key at {get_one_at}. " if get_one_at else "",
        "culprit": culprit or label,
        "wait": _span(retry_after) if retry_after else "a minute",
        "billed": _BILLED if paid and not did_not_run else "",
    }
    what, reason, next_step = (text.format_map(words).strip() for text in _TEXTS[cause])
    return Failure(
        cause=cause,
        what=what,
        why=why or reason,
        next=next_step,
        service_message=service_message,
        retry_after=retry_after,
        did_not_run=did_not_run,
    )


def _span(seconds: float) -> str:
    whole = math.ceil(seconds)
    if whole < 120:
        return "a second" if whole == 1 else f"{whole} seconds"
    return f"{math.ceil(seconds / 60)} minutes" if seconds < 7200 else f"{math.ceil(seconds / 3600)} hours"
