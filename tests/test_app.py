"""The process: it starts or says in a sentence why not, and ends promptly without losing what runs."""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import pytest

from core import open_studio
from core.settings.schema import load_settings
from core.storage.store import Store
from tests.serving import Serving
from tests.warm_serving import WarmServing
from ui.http.middleware import SecurityMiddleware
from ui.http.server import launch_arguments
from ui.page.page import Page

THREAD = "0" * 32
started_warm = pytest.mark.parametrize("kind_of_serving", [WarmServing], ids=[""])
"""For a test of what the app does once it runs."""


WITH_TELEMETRY = """
import sys
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

exporter = ConsoleSpanExporter(formatter=lambda span: span.to_json(indent=None) + chr(10))
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""
"""Sets up the SDK before the program begins, as `opentelemetry-instrument` does."""


def ask(serving: Serving, prompt: str, outcome: str = "picture") -> None:
    """Asks as the page does, by the names of its controls."""
    body = {"prompt": prompt, "provider": "sketch", "size": "256x256", "options": {"outcome": outcome}}
    request = urllib.request.Request(
        f"{serving.url}/limner/threads/{THREAD}/messages",
        json.dumps(body).encode(),
        {"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        assert response.status == 201


def wait_for(text: str, read: Callable[[], str]) -> None:
    give_up = time.monotonic() + 30
    while text not in read():
        assert time.monotonic() < give_up, f"{text} did not come"
        time.sleep(0.01)


@contextmanager
def open_page(serving: Serving) -> Iterator[list[str]]:
    """Holds an event stream open, as a page does, and collects what comes."""
    heard: list[str] = []
    stream = urllib.request.urlopen(f"{serving.url}/limner/threads/{THREAD}/events", timeout=30)

    def listen() -> None:
        try:
            for line in stream:
                heard.append(line.decode())
        except OSError:
            pass

    listening = threading.Thread(target=listen)
    listening.start()
    yield heard
    listening.join(30)
    stream.close()


def stored(folder: Path) -> list[str]:
    """Says how each version in a data folder settled."""

    async def look() -> list[str]:
        store = Store(folder)
        messages = await store.load(THREAD)
        await store.close()
        return [
            f"{version.reason or version.status} {version.failure.cause if version.failure else ''}".strip()
            for message in messages
            for version in message.versions
        ]

    return asyncio.run(look())


@started_warm
def test_sigterm_lets_what_runs_settle_and_open_pages_see_it(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    serving = serve(LIMNER_SHUTDOWN_GRACE="600")  # as long as `stop` would not wait
    with open_page(serving) as heard:
        ask(serving, "a fox", "slow-picture")
        wait_for("drawing slowly", lambda: "".join(heard))
        refused: list[tuple[int, str | None, str]] = []

        def refuse(ask: Callable[[], object]) -> None:
            try:
                ask()
            except HTTPError as error:
                refused.append((error.code, error.headers["Retry-After"], json.load(error)["error"]))

        def ask_meanwhile() -> None:
            wait_for("Waiting for 1 pictures", serving.log.read_text)
            serving.send(signal.SIGTERM)  # a second one, which changes nothing
            refuse(lambda: ask(serving, "another"))
            refuse(lambda: urllib.request.urlopen(f"{serving.url}/readyz", timeout=30))
            with urllib.request.urlopen(f"{serving.url}/healthz", timeout=30) as alive:
                assert alive.status == 200

        asking = threading.Thread(target=ask_meanwhile)
        asking.start()
        assert serving.stop() == 0
        asking.join()
    assert refused == [(503, "5", "The server is stopping: try again in a moment.")] * 2
    assert "limner/pictures/" in "".join(heard)
    assert stored(tmp_path / "data") == ["complete"]
    assert "Traceback" not in serving.log.read_text()


def test_a_collector_gets_json_and_a_span_without_the_prompt(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(WITH_TELEMETRY)
    serving = serve(
        LIMNER_LOG_FORMAT="json",
        PYTHONPATH=os.pathsep.join([str(site), *filter(None, [os.environ.get("PYTHONPATH")])]),
    )
    with urllib.request.urlopen(f"{serving.url}/readyz", timeout=30) as ready:
        assert ready.status == 200
    with socket.create_connection(("127.0.0.1", serving.port), timeout=30) as broken:
        broken.sendall(b"this is no HTTP\r\n\r\n")
        broken.recv(1000)
    with open_page(serving) as heard:
        ask(serving, "a fox that nobody may read of")
        wait_for("limner/pictures/", lambda: "".join(heard))
        assert serving.stop() == 0
    written = serving.log.read_text()
    lines = [json.loads(line) for line in written.splitlines()]
    (picture,) = [line for line in lines if line.get("message") == "picture"]
    (span,) = [line for line in lines if "context" in line]
    assert [line["logger"] for line in lines if line.get("level") == "WARNING"] == ["uvicorn.error"]
    assert (picture["provider"], picture["outcome"]) == ("sketch", "complete")
    assert (span["name"], span["attributes"]["gen_ai.output.type"]) == (
        f"generate_content {picture['model']}",
        "image",
    )
    assert "nobody may read" not in written
    assert THREAD not in written


@started_warm
def test_sigint_without_grace_waits_for_no_picture_and_says_so(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    serving = serve(LIMNER_SHUTDOWN_GRACE="0")
    with open_page(serving) as heard:
        ask(serving, "a fox", "slow-picture")
        wait_for("drawing slowly", lambda: "".join(heard))
        assert serving.stop(signal.SIGINT) == 0
    assert stored(tmp_path / "data") == ["error interrupted"]


@started_warm
def test_a_killed_server_starts_again_with_the_thread(serve: Callable[..., Serving], tmp_path: Path) -> None:
    serving = serve()
    with open_page(serving) as heard:
        ask(serving, "a fox", "slow-picture")
        wait_for("drawing slowly", lambda: "".join(heard))
        serving.restart(signal.SIGKILL)
    with urllib.request.urlopen(f"{serving.url}/limner/threads/{THREAD}/events", timeout=30) as stream:
        for line in stream:
            if b"The server stopped while this picture was being made." in line:  # once the lease has ended
                break
    assert serving.stop() == 0
    assert stored(tmp_path / "data") == ["error interrupted"]


@started_warm
def test_gradio_is_told_to_show_and_tell_nothing(serve: Callable[..., Serving]) -> None:
    """What gradio has on by default: errors in full, pages about visitors, a call home, another server."""
    with urllib.request.urlopen(serve(GRADIO_ANALYTICS_ENABLED="True").url, timeout=30) as page:
        told = re.search(r"window\.gradio_config = (\{.*?\});</script>", page.read().decode(), re.DOTALL)
    assert told
    config = json.loads(told[1])
    expected = {"show_error": False, "analytics_enabled": False, "run_history": False, "mcp_server": False}
    assert {name: config[name] for name in expected} == expected
    assert [(one["backend_fn"], one["api_visibility"]) for one in config["dependencies"]] == [
        (False, "private")
    ] * len(config["dependencies"]), "no handler of the page's can be called"


def test_gradio_is_launched_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    async def run() -> None:
        app = importlib.import_module("app")  # on a loop, without which gradio leaves one open
        try:
            given = launch_arguments(app.studio, app.page)
            closed = {"show_error", "ssr_mode", "run_history", "enable_monitoring"}
            assert {name: given[name] for name in closed} == dict.fromkeys(closed, False)
            assert given["state_session_capacity"] == 1
            assert given["app_kwargs"]["middleware"][0].cls is SecurityMiddleware
            assert app.demo.analytics_enabled is False
            assert (app.demo._queue.max_size, app.demo.api_open) == (1, False)
        finally:
            await app.studio.close()
            monkeypatch.delitem(sys.modules, "app")

    asyncio.run(run())


def test_the_server_prepares_the_studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    studio = open_studio(load_settings(data_dir=tmp_path))
    prepared = asyncio.Event()

    async def prepare() -> None:
        prepared.set()

    async def run() -> None:
        monkeypatch.setattr(studio, "prepare", prepare)
        lifespan = launch_arguments(studio, Page(studio))["app_kwargs"]["lifespan"]
        async with lifespan(None):
            await asyncio.wait_for(prepared.wait(), 60)

    asyncio.run(run())


@pytest.mark.parametrize(
    "variables",
    [
        {"http_proxy": "http://127.0.0.1:9", "ALL_PROXY": "socks://127.0.0.1:9", "NO_PROXY": "fd07::/64"},
        {"HTTPS_PROXY": "nonsense nonsense", "http_proxy": "ftp://x", "no_proxy": "[,*.x,10.0.0.0/99"},
    ],
)
def test_it_starts_and_paints_whatever_the_proxy_variables_hold(
    variables: dict[str, str], serve: Callable[..., Serving]
) -> None:
    serving = serve(**variables)
    body = json.dumps({"prompt": "a fox", "size": "256x256"}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"{serving.url}/api/image", body, headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert json.load(answer)["mimeType"] == "image/png"


@started_warm
def test_what_stops_the_start_is_one_sentence_and_no_traceback(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "limner.sqlite3").write_bytes(b"damaged " * 1_000)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for variables, sentence in (
            (
                {"LIMNER_TIMEOUT": "soon"},
                "The setting timeout (LIMNER_TIMEOUT) must be a number above 0 and",
            ),
            (
                {"LIMNER_PROVIDER": "nonsense"},
                "The setting provider is 'nonsense', which does not exist: it must be one of",
            ),
            (
                {"LIMNER_DATA_DIR": str(tmp_path / "damaged")},
                f"The database {tmp_path}/damaged/limner.sqlite3 cannot be used (file is not a database):",
            ),
            ({"GRADIO_SERVER_PORT": port}, f"Port {port} is taken by another program:"),
            (
                {"GRADIO_SERVER_PORT": "soon"},
                "GRADIO_SERVER_PORT must be a port from 1 to 65535, not 'soon'.",
            ),
        ):
            with pytest.raises(RuntimeError, match=r"did not start, and ended with 1:") as raised:
                serve(**variables)
            said = str(raised.value)
            assert "Traceback" not in said
            assert said.splitlines()[-1].startswith(f"Limner cannot start. {sentence}")


@started_warm
def test_a_folder_that_cannot_be_written_to_is_said_and_pictures_are_made_all_the_same(
    serve: Callable[..., Serving], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    serving = serve(LIMNER_DATA_DIR=str(tmp_path / "file" / "data"))
    with urllib.request.urlopen(serving.url, timeout=30) as page:
        assert b"The data folder cannot be written to" in page.read()
    with open_page(serving) as heard:
        ask(serving, "a fox")
        wait_for("limner/pictures/", lambda: "".join(heard))
        assert serving.stop() == 0
