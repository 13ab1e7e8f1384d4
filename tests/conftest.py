"""Fixtures that every test may use: a fresh data folder, the running app, a real browser."""

from __future__ import annotations

import gc
import os
import shutil
import ssl
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.bucket_mount import bucket_mount, can_mount
from tests.serving import Serving

PAGE = Path(__file__).parent / "ui" / "page"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.hf.space 127.0.0.1",  # for a Space at its own address
    "--process-per-site",
    "--js-flags=--single-threaded",  # each worker has a core of its own
]


def find_chromium() -> str | None:
    """Returns the path of a Chromium; the shell, which draws no window, saves a third of the time."""
    known = ("chromium-headless-shell", "chromium", "google-chrome")
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, known)), None)


def pytest_xdist_auto_num_workers() -> int:
    """Returns how many processes `-n auto` means: each has an app and a browser of its own.

    One more than there are processors, since much of a test is waiting for a page or for another process.
    """
    return min((os.cpu_count() or 1) + 1, 4)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts the files with browser tests last, and of those the tests of the page, the largest first.

    From the first browser test on, Playwright's event loop runs in the main thread: no other test of such a
    file has one there. Each of several processes takes one file after another: small ones at the end leave
    none of them idle, while the tests of servers that are killed and taken over wait for much of their time.
    """
    with_browser = {item.path for item in items if item.get_closest_marker("browser")}
    sizes = Counter(item.path for item in items)

    def order(item: pytest.Item) -> tuple[bool, bool, int, str]:
        if item.path not in with_browser:
            return False, False, 0, ""
        return True, item.path.is_relative_to(PAGE), -sizes[item.path], str(item.path)

    items.sort(key=order)


def pytest_collection() -> None:
    """Keeps the garbage collector from looking through thousands of tests again and again."""
    gc.disable()


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keeps the developer's own keys and settings out of the tests."""
    for variable in list(os.environ):
        ours = ("_API_KEY", "_API_TOKEN", "_BASE_URL", "_PROXY", "_proxy")
        if variable.startswith("LIMNER_") or variable.endswith(ours):
            monkeypatch.delenv(variable)
    monkeypatch.setenv("LIMNER_DATA_DIR", str(tmp_path / "data"))


@pytest.fixture(autouse=True, scope="session")
def no_public_certificates() -> Iterator[None]:
    """Spares each client the reading of the public certificates, most of its cost: no server here has one."""
    load = ssl.SSLContext.load_verify_locations
    public = os.environ.get("SSL_CERT_FILE")

    def load_others(context: ssl.SSLContext, cafile: Any = None, *given: Any, **named: Any) -> None:
        if not cafile or (cafile != public and not str(cafile).endswith("/certifi/cacert.pem")):
            load(context, cafile, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ssl.SSLContext, "load_verify_locations", load_others)
        yield


@pytest.fixture
def kind_of_serving() -> type[Serving]:
    """Returns how `serve` starts the app: as a person does."""
    return Serving


@pytest.fixture
def serve(tmp_path: Path, kind_of_serving: type[Serving]) -> Iterator[Callable[..., Serving]]:
    """Starts the app with the settings given as variables; stops what it started."""
    started: list[Serving] = []

    def start(**variables: str) -> Serving:
        started.append(kind_of_serving(tmp_path, variables))
        return started[-1]

    yield start
    for serving in started:
        serving.stop()


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Path]:
    """Returns a bucket, which has the rules of one where the tests may mount it; its files lie in `files`."""
    if can_mount():
        with bucket_mount(tmp_path / "files", tmp_path / "bucket") as mount:
            yield mount
    else:
        (tmp_path / "files").mkdir()
        (tmp_path / "bucket").symlink_to(tmp_path / "files")
        yield tmp_path / "bucket"


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


class Visitor:
    """A browser's storage for one test after another, in which only the scripts stay that it has compiled."""

    def __init__(self, browser: Browser) -> None:
        self.context = browser.new_context(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        self.context.set_default_timeout(30_000)
        self._blank = self.context.new_page()
        self._storage = self.context.new_cdp_session(self._blank)
        self._addresses: set[str] = set()
        self._errors: list[str] = []
        self.context.on("page", self._see_page)
        self.context.on("weberror", lambda error: self._errors.append(str(error.error)))

    def _see_page(self, page: Page) -> None:
        page.on("framenavigated", lambda frame: self._addresses.add(frame.url))

    def leave(self) -> list[str]:
        """Closes the pages, forgets what they stored and were allowed, and returns the errors in them."""
        self.context.unroute_all()
        for page in self.context.pages:
            if page != self._blank:
                page.close()
        self.context.set_offline(False)
        self.context.clear_permissions()
        self.context.clear_cookies()
        kinds = "local_storage,indexeddb,cache_storage,service_workers"
        for origin in {"{0.scheme}://{0.netloc}".format(urlsplit(address)) for address in self._addresses}:
            self._storage.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": kinds})
        self._addresses.clear()
        errors, self._errors = self._errors, []
        return errors


@pytest.fixture(scope="session")
def visitor(browser: Browser) -> Iterator[Visitor]:
    visitor = Visitor(browser)
    yield visitor
    visitor.context.close()


@pytest.fixture
def context(visitor: Visitor) -> Iterator[BrowserContext]:
    """Returns a visitor who has never been there; errors in the page fail the test.

    What cannot be undone, such as a script for every page, needs a context of its own.
    """
    yield visitor.context
    assert visitor.leave() == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()
