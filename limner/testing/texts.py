"""The texts that a call leaves behind, where a credential and the bytes of a picture must not stand."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from limner.testing.runner import Outcome

CONTINUATION = "the result's continuation"
SERVICE_MESSAGE = "the error's service_message"
_CHATTY = ("httpx", "httpx2", "httpcore", "httpcore2")
"""Loggers of HTTP libraries that the host silences."""
_OF_RESULT = ("revised_prompt", "model", "request_id", "usage", "metadata", "warnings", "text")


def texts_of(
    outcomes: Sequence[Outcome], caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> Iterator[tuple[str, str]]:
    """Returns what was logged, printed and returned, each with the words for where it stands.

    The service's own words, which only the host can clean, are given as such.
    """
    yield "a line of its log", _logged(caplog)
    yield "what it prints", "".join(capfd.readouterr())
    for outcome in outcomes:
        yield "a progress report", " ".join(map(str, outcome.progress))
        if outcome.result:
            for name in _OF_RESULT:
                yield f"the result's {name}", repr(getattr(outcome.result, name))
            yield CONTINUATION, repr(outcome.result.continuation)
        if outcome.error:
            words = outcome.error.service_message or ""
            more: dict[str, Any] = {**vars(outcome.error), "service_message": None}
            text = str(outcome.error)
            yield "the error's text", text.replace(words, "") if words else text
            yield "the error's attributes", repr(more)
            yield SERVICE_MESSAGE, words


def _logged(caplog: pytest.LogCaptureFixture) -> str:
    format = logging.Formatter().format
    return "\n".join(
        format(record) for record in caplog.records if record.name.partition(".")[0] not in _CHATTY
    )
