"""What became of a prompt: the exit code that stands for it, and what is said about it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from core import Rejected, SettingsError
from core.chat.causes import Cause
from core.chat.failure import LimitReached, Unavailable
from core.chat.message import Version
from core.parts import provenance

DONE, FAILED, REJECTED, FILTERED, UNPAID, LATER = range(6)
"""The exit codes, which `limner.__main__` explains."""

_CODES: dict[Cause, int] = {
    "content-filter": FILTERED,
    "auth": UNPAID,
    "quota": UNPAID,
    "no-credential": UNPAID,
    "rate-limit": LATER,
    "unavailable": LATER,
    "timeout": LATER,
    "interrupted": LATER,
    "invalid-request": REJECTED,
    "bad-input": REJECTED,
}


def code_of(version: Version) -> int:
    """Returns the exit code that stands for a settled version."""
    if version.picture:
        return DONE
    return _CODES.get(version.failure.cause, FAILED) if version.failure else FAILED


def code_of_refusal(problem: Exception) -> int:
    """Returns the exit code that stands for a request that was not begun."""
    return LATER if isinstance(problem, LimitReached | Unavailable) else REJECTED


def code_of_all(codes: Collection[int]) -> int:
    """Returns the exit code of several pictures: `DONE`, or what all failures have in common."""
    failures = {*codes} - {DONE}
    return failures.pop() if len(failures) == 1 else FAILED if failures else DONE


def known_of(version: Version) -> dict[str, Any]:
    """Returns what the line of JSON says about a settled version, without its file."""
    if version.picture:
        return provenance(version)
    failure = version.failure
    said = {"error": failure.sentence if failure else "Stopped."}
    return {**said, "category": failure.cause if failure else "cancelled", **provenance(version)}


def known_of_refusal(problem: Exception, prompt: str | None) -> dict[str, Any]:
    """Returns what the line of JSON says about a request that was not begun."""
    category = "rejected"
    if isinstance(problem, LimitReached):
        category = "limit"
    elif isinstance(problem, Unavailable):
        category = "unavailable"
    elif isinstance(problem, SettingsError):
        category = "settings"
    said = {"prompt": prompt, "error": str(problem), "category": category}
    if isinstance(problem, Rejected):
        said |= {"field": problem.field, "retry_after": problem.retry_after}
    return {name: value for name, value in said.items() if value is not None}


def sentences_of(version: Version) -> list[str]:
    """Returns what is said to a person about a version without a picture."""
    failure = version.failure
    if failure is None:
        return ["Stopped."]
    said = [f"The service says: {failure.service_message}"] if failure.service_message else []
    return [failure.sentence, *said]
