"""How a test of the suite fails: with a sentence, and a section of plugins.md to read."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import NoReturn

import pytest

# The headings of plugins.md that a failure points to.
FIRST_PLUGIN = "A first provider"
DESCRIPTION = "Describing a provider"
REQUEST = "The request"
RESULT = "The result"
FAILS = "Failures"
QUEUE = "A provider with a queue"
TESTING = "Testing"
VERSION = "The contract's version"

_HERE = str(Path(__file__).parent)


def fail(sentence: str, section: str, error: BaseException | None = None) -> NoReturn:
    """Fails the running test with a sentence, a section of plugins.md, and what the plugin raised."""
    text = f'{sentence}\nSee plugins.md, "{section}".'
    if error is not None:
        text = f"{text}\n\n{_traceback(error)}"
    pytest.fail(text, pytrace=False)


def _traceback(error: BaseException) -> str:
    """Returns the traceback of an error, starting at the plugin's own first line."""
    trace = error.__traceback__
    while trace and trace.tb_next and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return "".join(traceback.format_exception(type(error), error, trace)).rstrip()
