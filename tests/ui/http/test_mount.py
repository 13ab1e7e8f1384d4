"""The page below a path of a server that is somebody else's, and under Gradio's own command."""

from __future__ import annotations

import json
import os
import re
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from playwright.sync_api import Page

from tests.serving import ROOT, Serving
from tests.test_documents import blocks
from tests.ui.chat import Chat

SERVE = """
import os, uvicorn
from run import server
server.add_api_route("/", lambda: "mine")
uvicorn.run(server, port=int(os.environ["GRADIO_SERVER_PORT"]), timeout_graceful_shutdown=1)
"""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Serving]]:
    """Starts the file of README.md with uvicorn."""
    started: list[Serving] = []

    def start() -> Serving:
        folder = tmp_path_factory.mktemp("mounted")
        (code,) = (code for code in blocks("README.md", "python") if code.startswith("# file: run.py\n"))
        (folder / "run.py").write_text(code)
        variables = {"LIMNER_DATA_DIR": str(folder / "data"), "PYTHONPATH": str(ROOT)}
        started.append(Serving(folder, variables, [sys.executable, "-c", SERVE]))
        return started[-1]

    yield start
    for serving in started:
        serving.stop()


@pytest.fixture(scope="module")
def mounted(start: Callable[[], Serving]) -> Serving:
    return start()


def get(url: str, **headers: str) -> tuple[int, Any, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.mark.browser
def test_a_prompt_on_the_page_becomes_a_picture(mounted: Serving, page: Page) -> None:
    chat = Chat(page, f"{mounted.url}/pictures/")
    picture = chat.picture(chat.ask("a red fox"))
    assert picture.evaluate("image => image.naturalWidth")


def test_it_is_guarded_as_everywhere(mounted: Serving) -> None:
    status, headers, _ = get(
        f"{mounted.url}/pictures/limner/offer?provider=sketch", Origin="http://evil.test"
    )
    assert status == 200
    assert "form-action 'self'" in headers["content-security-policy"]
    assert not [name for name in headers if name.lower().startswith("access-control")]
    for path in ("gradio_api/upload", "gradio_api/app_id", "login_check", "gradio_api/file=/etc/passwd"):
        assert get(f"{mounted.url}/pictures/{path}")[0] == 404, path
    assert get(f"{mounted.url}/")[2] == b'"mine"'
    asked = json.dumps({"prompt": "a fox", "size": "64x64", "response_format": "url"}).encode()
    with urllib.request.urlopen(f"{mounted.url}/pictures/v1/images/generations", asked, timeout=30) as answer:
        link = json.load(answer)["data"][0]["url"]
    assert link.startswith(f"{mounted.url}/pictures/limner/pictures/")
    assert get(link)[0] == 200
    assert get(f"{mounted.url}/pictures/config")[0] == 200
    assert json.loads(get(f"{mounted.url}/pictures/config")[2])["root"] == f"{mounted.url}/pictures"


def test_what_runs_is_kept_when_the_server_ends(start: Callable[[], Serving]) -> None:
    serving = start()
    body = {"prompt": "a fox", "provider": "sketch", "size": "64x64", "options": {"outcome": "slow-picture"}}
    asked = urllib.request.Request(
        f"{serving.url}/pictures/limner/threads/{'0' * 32}/messages",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 201
    serving.stop()
    log = serving.log.read_text()
    assert re.search(r'picture provider="sketch" .* outcome="complete"', log), log
    assert log.index("Waiting for application shutdown") < log.index('outcome="complete"')
    assert "Application shutdown complete" in log


@pytest.mark.parametrize(
    "kind_of_serving", [Serving], ids=[""]
)  # Gradio reads the variables when it is imported
def test_gradios_reloader_is_not_used_and_that_is_said(serve: Callable[..., Serving], tmp_path: Path) -> None:
    watched = {
        "GRADIO_WATCH_DIRS": str(tmp_path),
        "GRADIO_WATCH_MODULE_NAME": "app",
        "GRADIO_WATCH_DEMO_PATH": os.path.join(ROOT, "app.py"),
    }
    log = serve(**watched).log.read_text()
    assert "does not reload it: start it again after an edit" in log
    assert "Watching demo" not in log
