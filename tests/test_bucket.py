"""The process on a machine whose disk is forgotten: what is in the bucket is there after every kill."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import signal
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.serving import Serving
from tests.warm_serving import WarmServing

pytestmark = pytest.mark.parametrize("kind_of_serving", [WarmServing], ids=[""])
THREAD, OTHER = "0" * 32, "1" * 32


class Space:
    """The app with a bucket, and a browser that keeps its cookie."""

    def __init__(self, serve: Callable[..., Serving], folder: Path, bucket: Path, **settings: str) -> None:
        self._data = folder / "data"
        self.bucket = bucket
        self._serving = serve(LIMNER_DATA_DIR=str(self._data), LIMNER_BUCKET_DIR=str(bucket), **settings)
        self.browser = httpx.Client(base_url=self._serving.url, timeout=30)
        self.browser.get("/limner/conversations").raise_for_status()

    def forget(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Ends the app, loses its disk, and starts it again."""
        self._serving.stop(how)
        shutil.rmtree(self._data)
        self._serving.restart()

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.browser.post(f"/limner/threads/{path}", json=body if body is not None else {})

    def ask(self, prompt: str, thread: str = THREAD, outcome: str = "picture") -> str:
        """Asks for a picture and returns the message."""
        body = {"prompt": prompt, "provider": "sketch", "size": "256x256", "options": {"outcome": outcome}}
        return self.post(f"{thread}/messages", body).raise_for_status().json()["message"]

    def details(self, message: str, thread: str = THREAD) -> dict[str, Any]:
        path = f"/limner/threads/{thread}/messages/{message}/details"
        return self.browser.get(path).raise_for_status().json()

    def settled(self, message: str, thread: str = THREAD) -> dict[str, Any]:
        """Waits until a message has settled and the log says so."""
        wait_for(lambda: self.details(message, thread)["status"] != "running")
        wait_for(lambda: f'"{message}","number":1,"owner":null' in self.log.replace('\\"', '"'))
        return self.details(message, thread)

    def shown(self, thread: str = THREAD) -> dict[str, str]:
        """Returns the messages as the page shows them."""
        shown: dict[str, str] = {}
        with self.browser.stream("GET", f"/limner/threads/{thread}/events") as events:
            for line in events.raise_for_status().iter_lines():
                if line.startswith("data: "):
                    event = json.loads(line.removeprefix("data: "))
                    shown |= {message["id"]: str(message) for message in event["messages"]}
                    if not event["more"]:
                        break
        return shown

    def titles(self) -> list[str]:
        listed = self.browser.get("/limner/conversations").raise_for_status().json()["conversations"]
        return [one["title"] for one in listed]

    def pictures(self, thread: str = THREAD) -> list[str]:
        """Returns the names of the pictures that are shown, each of which is whole."""
        names = re.findall(r"limner/pictures/([0-9a-f]{32}\.\w+)", str(self.shown(thread)))
        for name in {*names}:
            data = self.browser.get(f"/limner/pictures/{name}/x").raise_for_status().content
            Image.open(BytesIO(data)).load()
            assert self.browser.get(f"/limner/thumbnails/{name}").status_code == 200
        return sorted({*names})

    @property
    def log(self) -> str:
        texts: list[str] = []
        for path in sorted((self.bucket / "log").iterdir()):
            with contextlib.suppress(FileNotFoundError):  # replaced
                texts.append(path.read_text())
        return "".join(texts)


def wait_for(condition: Callable[[], object]) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up, "it did not come"
        time.sleep(0.02)


def test_conversations_come_back_as_they_were_left(
    serve: Callable[..., Serving], tmp_path: Path, bucket: Path
) -> None:
    space = Space(serve, tmp_path, bucket, LIMNER_RATE_LIMIT="4/hour")
    first, second = space.ask("a fox"), space.ask("a boat")
    gone = space.ask("a secret", OTHER)
    for message, thread in ((first, THREAD), (second, THREAD), (gone, OTHER)):
        assert space.settled(message, thread)["status"] == "complete"
    space.post(f"{THREAD}/messages/{first}/regenerate").raise_for_status()
    wait_for(lambda: space.details(first)["version"] == 2 and space.details(first)["status"] == "complete")
    space.post(f"{THREAD}/messages/{first}/choose?version=1").raise_for_status()
    space.browser.patch(f"/limner/threads/{THREAD}", json={"title": "Foxes"}).raise_for_status()
    space.post(f"{OTHER}/delete").raise_for_status()
    kept, chosen = space.pictures(), space.details(first)
    assert len(kept) == 2
    wait_for(lambda: "Foxes" in space.log and '"chosen":1' in space.log)
    wait_for(lambda: re.search(rf'"of":"conversation","key":"\[\\"{OTHER}.*"deleted":1', space.log))
    shown = space.shown()

    for how in (signal.SIGKILL, signal.SIGTERM):
        space.forget(how)
        assert space.titles() == ["Foxes"]
        assert space.pictures() == kept
        assert space.details(first) == chosen
        assert list(space.shown()) == list(shown) == [first, second]
        assert space.browser.get(f"/limner/threads/{OTHER}").status_code == 404
        stranger = httpx.Client(base_url=space.browser.base_url)
        assert stranger.get(f"/limner/threads/{THREAD}").status_code == 404
        refused = space.post(f"{THREAD}/messages", {"prompt": "one more", "provider": "sketch"})
        assert refused.status_code == 429, "what counted before counts still"


def test_a_kill_at_any_moment_leaves_whole_pictures_and_settled_messages(
    serve: Callable[..., Serving], tmp_path: Path, bucket: Path
) -> None:
    space = Space(serve, tmp_path, bucket)
    safe: list[str] = []
    for n in range(5):
        messages = [space.ask(f"a fox {n} {m}", outcome="picture") for m in range(3)]
        space.ask("slowly", outcome="slow-picture")
        for message in messages[:n]:  # the others may have come as far as they will
            space.settled(message)
            safe.append(message)
        space.forget()
        shown = space.shown()
        assert {*safe} <= {*shown}
        for message in safe:
            assert space.details(message)["status"] == "complete"
        assert "running" not in {space.details(message)["status"] for message in shown}
        assert len(space.pictures()) >= len(safe)
    space.forget(signal.SIGTERM)
    files = {path.name for path in (bucket / "pictures").iterdir()}
    assert {*space.pictures()} <= files
