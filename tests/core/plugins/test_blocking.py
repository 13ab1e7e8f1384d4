"""A plugin that holds up the event loop is named in the log; one that awaits is not."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.chat.request import UserRequest
from core.plugins import blocking
from limner import ImageRequest, ImageResult
from tests.core.scripted import PNG, Gate, ScriptedProvider, ask, studio_of

pytestmark = pytest.mark.anyio


class Clock:
    """The watch's clock, which stands still unless a test moves it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr(blocking, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def move(self) -> None:
        self.now += 2 * blocking.TOO_LONG


async def test_one_that_blocks_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    async def block(_: ImageRequest) -> ImageResult:
        await asyncio.sleep(0)
        clock.move()
        await asyncio.sleep(0)
        return ImageResult(PNG)

    async with studio_of(tmp_path, ScriptedProvider(block)) as studio:
        _, _, version = await ask(studio)
    assert version.status == "complete"
    assert "The plugin scripted held up the event loop for 1.0 s" in caplog.text


async def test_one_that_awaits_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    async def wait(_: ImageRequest) -> ImageResult:
        asyncio.get_running_loop().call_soon(clock.move)
        await asyncio.sleep(0)
        return ImageResult(PNG)

    async with studio_of(tmp_path, ScriptedProvider(wait)) as studio:
        await ask(studio)
    assert "held up" not in caplog.text


async def test_cancellation_passes_through(tmp_path: Path) -> None:
    gate = Gate()
    async with studio_of(tmp_path, ScriptedProvider(gate)) as studio:
        conversation = await studio.conversation("0" * 32)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        studio.stop(message)
        assert (await conversation.settled(message)).reason == "cancelled"
