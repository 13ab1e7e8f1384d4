"""A plugin that holds up the event loop is named in the log; one that awaits is not."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.chat.request import UserRequest
from core.plugins import blocking
from limner import Generate, ImageRequest, ImageResult, ProviderError, hookimpl
from tests.core.scripted import PNG, Gate, ScriptedProvider, ask, studio_of
from tests.plugins.objects import ask as ask_registry
from tests.plugins.objects import registry_of

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


def around(before: Callable[[], object], after: Callable[[], object], *, in_a_task: bool = False) -> Any:
    """Returns a middleware that does something before and after it calls what is inside of it."""

    class Around:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def call(request: ImageRequest) -> ImageResult:
                before()
                inner = generate(request)
                result = await (asyncio.ensure_future(inner) if in_a_task else inner)
                after()
                return result

            return call

    return Around()


def nothing() -> None:
    """Takes no time."""


@pytest.mark.parametrize("in_a_task", [False, True])
@pytest.mark.parametrize("place", ["before", "after"])
@pytest.mark.parametrize("culprit", ["a_outer", "b_middle", "c_inner", "scripted"])
async def test_of_several_inside_one_another_the_one_that_blocks_is_named(
    culprit: str,
    place: str,
    in_a_task: bool,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)

    def does(name: str, here: str) -> Callable[[], None]:
        return clock.move if (name, here) == (culprit, place) else nothing

    async def play(_: ImageRequest) -> ImageResult:
        does("scripted", "before")()
        await asyncio.sleep(0)
        does("scripted", "after")()
        return ImageResult(PNG)

    middlewares = {
        name: around(does(name, "before"), does(name, "after"), in_a_task=in_a_task)
        for name in ("a_outer", "b_middle", "c_inner")
    }
    await ask_registry(registry_of(scripted=ScriptedProvider(play), **middlewares), "scripted")
    assert [record.getMessage().partition(" for ")[0] for record in caplog.records] == [
        f"The plugin {culprit} held up the event loop"
    ]


async def test_one_that_blocks_before_it_fails_is_named(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)

    async def fail(_: ImageRequest) -> ImageResult:
        clock.move()
        raise ProviderError("provider")

    registry = registry_of(scripted=ScriptedProvider(fail), outer=around(nothing, nothing))
    with pytest.raises(ProviderError):
        await ask_registry(registry, "scripted")
    assert "The plugin scripted held up" in caplog.text
    assert "outer" not in caplog.text
