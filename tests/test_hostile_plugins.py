"""A plugin that floods, exits, stops the loop or hangs harms itself alone, in the app as people start it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from tests.plugins.installing import install
from tests.serving import Serving
from tests.warm_serving import WarmServing

THREAD = "0" * 32


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    install(folder, "limner-attacks")
    return folder


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, site: Path) -> Iterator[Serving]:
    folder = tmp_path_factory.mktemp("app")
    serving = attacked(folder, site)
    yield serving
    serving.stop()


def attacked(folder: Path, site: Path, **variables: str) -> Serving:
    settings = {
        "LIMNER_DATA_DIR": str(folder / "data"),
        "LIMNER_SHUTDOWN_GRACE": "0",
        "PYTHONPATH": str(site),
    }
    return WarmServing(folder, {**settings, **variables})


def ask(serving: Serving, prompt: str, provider: str = "attacks") -> tuple[int, dict[str, Any]]:
    body = json.dumps({"prompt": prompt, "provider": provider}).encode()
    try:
        asked = urllib.request.Request(f"{serving.url}/api/image", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, json.load(answer)
    except HTTPError as error:
        return error.code, json.load(error)


def logged(serving: Serving, words: str, times: int = 1) -> None:
    """Waits until the log has some words so many times."""
    deadline = time.monotonic() + 60
    while serving.log.read_text().count(words) < times:
        assert time.monotonic() < deadline, serving.log.read_text()
        time.sleep(0.02)


@pytest.mark.parametrize("flood", ["flood_at_once", "flood_from_a_thread"])
def test_a_flood_of_progress_ends_with_its_picture(app: Serving, flood: str) -> None:
    assert ask(app, flood)[0] == 200
    assert ask(app, "behave")[0] == 200


@pytest.mark.parametrize(
    ("attack", "did"),
    [
        ("exit_in_a_task", "raised SystemExit in a task of its own"),
        ("interrupt_in_a_task", "raised KeyboardInterrupt in a task of its own"),
        ("exit_in_a_callback", "raised SystemExit in a task of its own"),
        ("stop_the_loop", "stopped the event loop"),
        ("stop_from_a_thread", "stopped the event loop"),
    ],
)
def test_what_would_end_the_loop_is_named_and_ends_nothing(app: Serving, attack: str, did: str) -> None:
    before = app.log.stat().st_size
    assert ask(app, attack)[0] == 200
    assert f"The plugin attacks {did}" in app.log.read_text()[before:]
    assert ask(app, "behave")[0] == 200


def test_one_that_exits_has_failed(app: Serving) -> None:
    status, answer = ask(app, "exit")
    assert (status, answer["error"].partition(".")[0]) == (502, "The plugin attacks failed")
    assert ask(app, "behave")[0] == 200


def test_an_endless_flood_leaves_the_others_served(tmp_path: Path, site: Path) -> None:
    serving = attacked(tmp_path, site)
    with ThreadPoolExecutor() as clients:
        flooding = clients.submit(ask, serving, "flood_without_end")
        logged(serving, "It floods.", times=3)
        answers = [ask(serving, "behave")[0] for _ in range(3)]
        assert ask(serving, "a fox", "sketch")[0] == 200
        assert serving.stop() == 0
        flooding.result(60)
    assert answers == [200] * 3


def test_hung_calls_of_a_provider_take_no_thread_from_another(tmp_path: Path, site: Path) -> None:
    other = json.dumps({"honest": {"uses": "hangs"}})
    serving = attacked(tmp_path, site, LIMNER_WORKERS="2", LIMNER_PROVIDERS=other)
    with ThreadPoolExecutor() as clients:
        hanging = [clients.submit(ask, serving, f"hang {n}", "hangs") for n in range(2)]
        logged(serving, "It hangs.", times=2)
        assert ask(serving, "behave", "honest")[0] == 200
        assert serving.stop() == 0
        assert [call.result(60)[0] for call in hanging] == [503, 503]


def test_a_server_that_is_ended_from_within_says_so_and_can_be_started_again(
    tmp_path: Path, site: Path
) -> None:
    serving = attacked(tmp_path, site)
    logged(serving, "To create a public link")  # what Gradio says once it has started
    with suppress(OSError, ValueError):  # the answer may be cut off, or none of ours
        ask(serving, "cancel_everything")
    assert serving.wait() == 1
    assert "The server's event loop has ended by itself" in serving.log.read_text()
    serving.restart()
    assert ask(serving, "behave")[0] == 200
    assert serving.stop() == 0
