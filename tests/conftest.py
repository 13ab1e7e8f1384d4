"""Fixtures that every test may use: a fresh data folder, the running app, a real browser."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.serving import Serving

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def find_chromium() -> str | None:
    """Returns the path of a Chromium; the shell, which draws no window, saves a third of the time."""
    known = ("chromium-headless-shell", "chromium", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, known)), None)


def pytest_xdist_auto_num_workers() -> int:
    """Returns how many processes `-n auto` means: each has an app and a browser of its own."""
    return min(os.cpu_count() or 1, 4)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts browser tests last, also in each of several processes, and leaves the tests of a file together.

    From the first browser test on, Playwright's event loop runs in the main thread.
    """
    items.sort(key=lambda item: item.get_closest_marker("browser") is not None)
    for item in items:
        kind = "browser" if item.get_closest_marker("browser") else "other"
        item.add_marker(pytest.mark.xdist_group(f"{item.path.name} {kind}"))


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the developer's own keys and settings out of the tests."""
    for variable in list(os.environ):
        ours = ("_API_KEY", "_API_TOKEN", "_BASE_URL", "_PROXY", "_proxy")
        if variable.startswith("LIMNER_") or variable.endswith(ours):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("LIMNER_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Serving]]:
    """Starts the app as a person does, with the settings given as variables; stops what it started."""
    started: list[Serving] = []

    def start(**variables: str) -> Serving:
        started.append(Serving(tmp_path, variables))
        return started[-1]

    yield start
    for serving in started:
        serving.stop()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = find_chromium()
    if executable is None:
        problem = "There is no Chromium: install chromium-headless-shell, or name one in CHROMIUM."
        if os.environ.get("CI"):
            pytest.fail(problem)
        pytest.skip(problem)
    expect.set_options(timeout=30_000)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """Returns a visitor with a storage of their own; errors in the page fail the test."""
    visitor = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
    visitor.set_default_timeout(30_000)
    errors: list[str] = []
    visitor.on("weberror", lambda error: errors.append(str(error.error)))
    yield visitor
    visitor.close()
    assert errors == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
