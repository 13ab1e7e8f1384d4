"""A plugin that holds up the event loop is named in the log; one that awaits is not."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from core.chat.request import UserRequest
from core.plugins import blocking
from limner import ImageRequest, ImageResult
from tests.core.scripted import PNG, Gate, ScriptedProvider, ask, studio_of

pytestmark = pytest.mark.anyio


async def test_one_that_blocks_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "TOO_LONG", 0.05)

    async def block(_: ImageRequest) -> ImageResult:
        await asyncio.sleep(0)
        time.sleep(0.1)  # noqa: ASYNC251
        await asyncio.sleep(0)
        return ImageResult(PNG)

    async with studio_of(tmp_path, ScriptedProvider(block)) as studio:
        _, _, version = await ask(studio)
    assert version.status == "complete"
    assert "The plugin scripted held up the event loop for 0.1 s" in caplog.text


async def test_one_that_awaits_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocking, "TOO_LONG", 0.05)

    async def wait(_: ImageRequest) -> ImageResult:
        await asyncio.sleep(0.1)
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
