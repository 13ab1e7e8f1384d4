"""The causes for which a picture fails, and the texts about each: what happened, why, what to do next."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

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


Whose: TypeAlias = Literal["owner", "owner's", "key", "sign-in"]
"""Whose credential was used: the owner's, who asks; the owner's, for a visitor; their own key or sign-in."""


class Row(NamedTuple):
    """What people read, the HTTP status, and whether the same request may well succeed the next time."""

    what: str
    why: str
    next: str
    status: int = 502
    can_try_again: bool = True
    while_waiting: str = ""


BILLED = "The picture may still have been made, and billed."

ROWS: dict[Cause, Row] = {
    "content-filter": Row(
        "Image could not be generated.",
        "{label} refused it: its content filter does not allow this prompt or this picture.",
        "Change the prompt and send it again.",
        status=422,
        can_try_again=False,
    ),
    "auth": Row(
        "{label} rejected the API key.",
        "The key is wrong, has expired, or may not use this model.",
        "Check {variable} on the server and restart Limner, or choose another provider.",
        can_try_again=False,
    ),
    "no-credential": Row(
        "{label} needs an API key.",
        "{variable} {are} not set on the server.",
        "{get_one}Set {variable} and restart Limner, or choose another provider.",
        status=503,
        can_try_again=False,
    ),
    "quota": Row(
        "There is no credit left at {label}.",
        "The account has used up its credit or reached its spending limit.",
        "Add credit or raise the limit there, then try again, or choose another provider.",
        status=503,
    ),
    "rate-limit": Row(
        "{label} accepts no more requests right now.",
        "Too many were sent in a short time.",
        "Wait {wait} and try again.",
        status=429,
        while_waiting="rate limited",
    ),
    "invalid-request": Row(
        "{label} did not accept this request.",
        "An option, the size or the model does not fit.",
        "Change the prompt or the options and send it again.",
        status=400,
        can_try_again=False,
    ),
    "timeout": Row(
        "{label} did not answer in time.",
        "The time limit for one picture has passed. {billed}",
        "Try again, or choose a smaller size or a faster model.",
        status=504,
    ),
    "unavailable": Row(
        "{label} cannot be reached.",
        "The connection to it failed or was lost. {billed}",
        "Check the connection and try again {when}.",
        status=503,
        while_waiting="unavailable",
    ),
    "bad-image": Row(
        "{label} sent something that is not a complete picture.",
        "It is cut off, empty, too large, or not the type that it claims to be. {billed}",
        "Try again; if it happens again, choose another model.",
    ),
    "bad-response": Row(
        "{label} sent an answer that Limner does not understand.",
        "It does not have the service's usual form. {billed}",
        "Try again; if it happens again, check the address and the model in the settings.",
    ),
    "provider": Row(
        "{label} could not make this picture.",
        "The service reported an error of its own. {billed}",
        "Try again, or change the prompt or the model.",
    ),
    "bad-input": Row(
        "A picture that you sent cannot be used.",
        "It is damaged, too large, or not on the server any more.",
        "Remove it, or add another one, and send the prompt again.",
        status=400,
        can_try_again=False,
    ),
    "not-installed": Row(
        "{label} is missing a module.",
        "It needs the module {culprit}, which is not installed on the server.",
        "Install it with pip and restart Limner, or choose another provider.",
        status=503,
        can_try_again=False,
    ),
    "crash": Row(
        "The plugin {culprit} failed.",
        "It raised an error that it should have handled; the server's log has the details. {billed}",
        "Try again; if it happens again, tell the plugin's author, or choose another provider.",
    ),
    "interrupted": Row(
        "The server stopped while this picture was being made.",
        "Limner was restarted or shut down. {billed}",
        "Try again.",
        status=503,
    ),
    "internal": Row(
        "Limner failed while making this picture.",
        "This is a bug in Limner; the server's log has the details. {billed}",
        "Try again, and report it if it happens again.",
    ),
}
"""For each cause the texts, the HTTP status, whether the same request may well succeed the next time, and
what the person reads while a request that did not run waits to be sent again; never again if empty."""

_ANSWERED = Row(
    "{label} answered with an error.",
    "The service is down or overloaded. {billed}",
    "Try again {when}.",
)
_NOT_FOUND = Row(
    "{label} does not know this model.",
    "The model does not exist there, or the address in the settings is wrong.",
    "Choose another model, or check the model and the address in the settings.",
)
_EXPLAINED = Row("{label} did not accept this request.", "", "Change that and send it again.")


_OTHERS: dict[tuple[Cause, Whose], Row] = {
    ("no-credential", "owner's"): Row(
        "{label} needs an API key.",
        "This server has none.",
        "Use a key of your own, or choose another provider.",
    ),
    ("auth", "owner's"): Row(
        "{label} rejected the API key.",
        "The key of this server is wrong, has expired, or may not use this model.",
        "Tell whoever runs this server, or choose another provider.",
    ),
    ("auth", "key"): Row(
        "{label} rejected your API key.",
        "The key is wrong, has expired, or may not use this model.",
        "Check the key that you entered, or choose another provider.",
    ),
    ("auth", "sign-in"): Row(
        "{label} rejected your sign-in.",
        "It has expired, or does not allow pictures on your account.",
        "Sign out and in again, or choose another provider.",
    ),
    ("quota", "owner's"): Row(
        "There is no credit left at {label}.",
        "The account of this server has used up its credit or reached its spending limit.",
        "Tell whoever runs this server, or choose another provider.",
    ),
}
"""The texts for a visitor where they differ: what they can do depends on whose credential it was."""


def texts_of(
    cause: Cause, credential: Whose, status: int | None, is_answered: bool, is_explained: bool
) -> tuple[str, str, str]:
    """Returns the texts for a cause; for some they depend on what the service has answered, and to whom."""
    row = _OTHERS.get((cause, credential), ROWS[cause])
    if cause == "unavailable" and is_answered:
        row = _ANSWERED
    elif cause == "invalid-request" and status in (404, 405, 410):
        row = _NOT_FOUND
    elif cause == "invalid-request" and is_explained and not is_answered:
        row = _EXPLAINED
    return row.what, row.why, row.next
