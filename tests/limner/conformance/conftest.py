"""Reports what failed, by class, as JSON, and keeps the suite from waiting long."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from limner.testing import concurrency

classes: dict[str, dict[str, Any]] = {}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcomes", type=Path)


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--outcomes", default=None):  # not where all tests of the project run
        concurrency.CLEANUP = concurrency.HELD = 0.3
        concurrency.READING = 0.03


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    name = item.cls.__name__ if item.cls else ""
    found = classes.setdefault(
        name, {"expected": getattr(item.cls, "expected", None), "failed": {}, "skipped": {}}
    )
    if report.failed:
        found["failed"][item.name] = report.longreprtext
    if report.skipped:
        found["skipped"][item.name] = report.longreprtext
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    if path := session.config.getoption("--outcomes", default=None):
        path.write_text(json.dumps(classes), "utf-8")
