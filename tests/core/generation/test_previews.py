"""A preview is the newest there is, comes twice a second at most, and goes with its version."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from core.chat.picture import Preview
from core.chat.request import UserRequest
from core.generation import previews
from core.generation.previews import Previews
from limner import ImageRequest, ImageResult, ProviderError
from limner.identify import ImageInfo
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, settled, studio_of

pytestmark = pytest.mark.anyio


def png(side: int) -> bytes:
    file = BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    return file.getvalue()


async def test_the_running_message_shows_the_newest_and_stores_none(tmp_path: Path) -> None:
    go_on = asyncio.Event()

    async def play(request: ImageRequest) -> ImageResult:
        request.preview(png(8))
        await go_on.wait()
        return ImageResult(PNG)

    async with studio_of(tmp_path, ScriptedProvider(play)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        while message.live[1].preview is None:
            await asyncio.wait_for(conversation.changes(message.last_rev), 20)
        shown = message.live[1].preview
        assert (shown.data, shown.media_type, studio.preview(shown.name)) == (png(8), "image/png", shown)
        assert studio.preview("0" * 32) is None
        go_on.set()
        version = await settled(conversation, message)
        assert version.picture
        assert (message.live, studio.preview(shown.name)) == ({}, None)
        assert [path.name for path in (tmp_path / "pictures").iterdir()] == [version.picture.name]


class Shown:
    """Keeps what is shown."""

    def __init__(self) -> None:
        self.previews: list[Preview] = []
        self.changed = asyncio.Event()

    async def prove(self, data: bytes) -> ImageInfo:
        if data == b"wrong":
            raise ProviderError("bad-image", why="no picture")
        return ImageInfo("image/png", 8, 8)

    def show(self, preview: Preview) -> None:
        self.previews.append(preview)
        self.changed.set()

    async def wait_for(self, data: bytes) -> None:
        while not (self.previews and self.previews[-1].data == data):
            self.changed.clear()
            await asyncio.wait_for(self.changed.wait(), 20)


@pytest.fixture
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(previews, "PREVIEW_EVERY", 0.001)


async def test_of_many_the_first_and_the_last_are_shown(fast: None) -> None:
    shown = Shown()
    taking = Previews(shown.prove, shown.show)
    taking.take(b"first")
    await shown.wait_for(b"first")
    for n in range(1_000):
        taking.take(b"%d" % n)
    await shown.wait_for(b"999")
    assert len(shown.previews) == 2
    assert len({preview.name for preview in shown.previews}) == 2


async def test_they_may_come_from_any_thread(fast: None) -> None:
    shown = Shown()
    taking = Previews(shown.prove, shown.show)
    thread = threading.Thread(target=lambda: [taking.take(b"%d" % n) for n in range(100)])
    thread.start()
    await shown.wait_for(b"99")
    thread.join()


@pytest.mark.parametrize("wrong", [b"wrong", b"", "text", None, 5, b"x" * 2_000_001])
async def test_what_is_no_small_picture_is_passed_over(fast: None, wrong: object) -> None:
    shown = Shown()
    taking = Previews(shown.prove, shown.show)
    taking.take(wrong)
    await asyncio.sleep(0)
    taking.take(b"right")
    await shown.wait_for(b"right")
    assert [preview.data for preview in shown.previews if preview.data != b""] == [b"right"]


async def test_nothing_comes_after_the_end(fast: None) -> None:
    shown = Shown()
    taking = Previews(shown.prove, shown.show)
    taking.take(b"one")
    taking.end()
    for _ in range(5):
        await asyncio.sleep(0)
    taking.take(b"two")
    for _ in range(5):
        await asyncio.sleep(0)
    assert shown.previews == []


async def test_a_plugin_that_keeps_its_request_does_not_keep_the_message(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await settled(conversation, message)
        await asyncio.sleep(0)
        gone = weakref.ref(message)
        del message, conversation
        gc.collect()
        assert gone() is None
        scripted.requests[0].preview(PNG)
