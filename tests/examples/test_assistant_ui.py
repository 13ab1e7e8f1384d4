"""The example of a front end: installed and built as its README says, and used in a browser."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.node import commands, environment, install
from tests.plugins.installing import install as install_plugins
from tests.serving import ROOT, free_port
from tests.ui.conftest import Gate
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.browser
EXAMPLE = ROOT / "examples" / "assistant-ui"


class Front(NamedTuple):
    """The example, and what is behind it."""

    url: str
    data: Path
    gates: Path


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    folder, site = tmp_path_factory.mktemp("front"), tmp_path_factory.mktemp("site")
    install_plugins(site, "limner-shapes")
    package = json.loads((EXAMPLE / "package.json").read_text("utf-8"))
    packages = install({**package["dependencies"], **package["devDependencies"]})
    shutil.copytree(EXAMPLE, folder / "page", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (folder / "page" / "node_modules").symlink_to(packages)
    serving = WarmServing(
        folder,
        {
            "LIMNER_DATA_DIR": str(folder / "data"),
            "LIMNER_PROVIDER": "shapes",
            "LIMNER_PROVIDERS__SHAPES__GATES": str(folder),
            "LIMNER_MAX_RETRIES": "0",
            "PYTHONPATH": str(site),
        },
    )
    at, port = {"cwd": folder / "page", "env": {**environment(), "LIMNER_URL": serving.url}}, free_port()
    build = subprocess.run([*commands().npm, "run", "build"], **at, capture_output=True, text=True)
    assert build.returncode == 0, build.stdout + build.stderr
    listen = ["preview", "--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    with (folder / "vite.log").open("wb") as log:
        vite = subprocess.Popen(
            [*commands().node, "node_modules/vite/bin/vite.js", *listen], **at, stdout=log, stderr=log
        )
    url = f"http://127.0.0.1:{port}/"
    until(lambda: answers(url) or vite.poll() is not None)
    yield Front(url, folder / "data", folder)
    vite.terminate()
    vite.wait(30)
    serving.stop()


def until(condition: Callable[[], object]) -> None:
    """Returns once a condition holds, which another process brings about."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except OSError:
        return False


def ask(page: Page, prompt: str) -> Locator:
    """Sends a prompt, and returns the answer, which is the last of the thread."""
    page.get_by_label("Prompt").fill(prompt)
    page.get_by_role("button", name="Create").click()
    expect(page.locator(".user").last).to_have_text(prompt)
    return page.locator(".assistant").last


def picture_of(answer: Locator) -> bytes:
    """Returns the bytes of an answer's picture, once it is drawn."""
    image = answer.locator("img")
    expect(image).to_have_js_property("complete", True)
    assert image.evaluate("image => image.naturalWidth") > 0
    return base64.b64decode(str(image.get_attribute("src")).partition("base64,")[2])


def is_stored(front: Front, picture: bytes) -> bool:
    return any(picture == file.read_bytes() for file in (front.data / "pictures").iterdir())


def test_a_picture_arrives_and_is_saved_byte_for_byte(front: Front, page: Page) -> None:
    page.goto(front.url)
    answer = ask(page, "A boat")
    picture = picture_of(answer)
    assert is_stored(front, picture)
    with page.expect_download() as download:
        answer.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "a-boat.png"
    assert download.value.path().read_bytes() == picture


def test_a_picture_of_any_type_can_be_copied(front: Front, page: Page) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=front.url)
    page.goto(front.url)
    answer = ask(page, "A boat #jpeg")
    assert picture_of(answer).startswith(b"\xff\xd8")
    answer.get_by_role("button", name="Copy").click()
    types = "async () => (await navigator.clipboard.read()).flatMap((item) => item.types)"
    until(lambda: page.evaluate(types) == ["image/png"])


def test_a_reload_brings_the_thread_back(front: Front, page: Page) -> None:
    page.goto(front.url)
    picture = picture_of(ask(page, "A boat"))
    refusal = ask(page, "A boat #filtered")
    expect(refusal).to_contain_text("its content filter does not allow this prompt")
    page.reload()
    expect(page.locator(".user")).to_have_text(["A boat", "A boat #filtered"])
    assert picture_of(page.locator(".assistant").first) == picture
    expect(page.locator(".assistant").last).to_contain_text("its content filter does not allow this prompt")
    ask(page, "A boat #wide")
    picture_of(page.locator(".assistant").nth(2))


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("A boat #filtered", "Shapes refused it: its content filter"),
        ("A boat #auth", "Shapes rejected the API key."),
        ("a" * 8_001, "shorten it to 8,000"),
    ],
)
def test_a_refusal_shows_its_sentence(front: Front, page: Page, prompt: str, words: str) -> None:
    page.goto(front.url)
    answer = ask(page, prompt)
    expect(answer.get_by_role("status")).to_have_count(0, timeout=60_000)  # it is not being made any more
    expect(answer.locator("p")).to_contain_text(words)
    assert "{" not in answer.inner_text()


def test_regenerate_shows_another_picture_beside_the_first(front: Front, page: Page) -> None:
    page.goto(front.url)
    answer = ask(page, "A boat")
    first = picture_of(answer)
    answer.get_by_role("button", name="Regenerate").click()
    expect(answer).to_contain_text(re.compile("2 of 2"))
    second = picture_of(answer)
    assert second != first
    assert is_stored(front, second)
    answer.get_by_role("button", name="Previous picture").click()
    assert picture_of(answer) == first


def test_stop_ends_the_work_at_the_provider(front: Front, page: Page) -> None:
    page.goto(front.url)
    answer = ask(page, "A boat #gate-stop")
    expect(answer).to_have_text("Making the picture…")
    gate = Gate(front.gates / "gate-stop")
    until(lambda: gate.is_at("reached"))
    page.get_by_role("button", name="Stop").click()
    expect(answer).to_contain_text("The picture was stopped.")
    until(lambda: gate.is_at("stopped"))
