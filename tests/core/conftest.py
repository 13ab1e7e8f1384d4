"""Asynchronous tests run on asyncio, by anyio's own plugin for pytest; and the log as the server has it."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator

import pytest

from core.logs import log_without_secrets
from tests.postgres import Postgres, run_postgres


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def log_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets up the log of this process as the server does, until the test ends.

    pytest keeps every record that the root's level lets through.
    """
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    yield lambda form="text": log_without_secrets(form=form)
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with run_postgres() as running:
        yield running
