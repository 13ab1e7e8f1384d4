"""The installed plugin in the host: found by its entry point, and stopped in the middle of a picture."""

from __future__ import annotations

import asyncio
import time
from importlib.metadata import distribution, entry_points
from pathlib import Path

import pytest
from conftest import TINY

pytest.importorskip("pydantic_settings", reason="the host is not installed")

import limner_diffusers

from core import open_studio
from core.chat.request import UserRequest
from core.settings.schema import load_settings


class Sitting:
    """A studio with the tiny model as the provider's only one, and a conversation in it."""

    def __init__(self, data: Path, **settings) -> None:
        own = {"models": [TINY], **settings.pop("own", {})}
        self.settings = load_settings(
            data_dir=data, provider="diffusers", providers={"diffusers": own}, **settings
        )

    async def __aenter__(self) -> Sitting:
        self.studio = open_studio(self.settings)
        self.conversation = await self.studio.conversation("0" * 32)
        return self

    async def __aexit__(self, *_) -> None:
        await self.studio.close()

    async def start(self, steps: int):
        options = {"steps": steps}
        return await self.studio.start(
            self.conversation, UserRequest(prompt="a fox", size="256x256", options=options)
        )

    async def reaches(self, message, words: str) -> None:
        while not message.live[1].progress.startswith(words):
            assert message.running
            await asyncio.wait_for(self.conversation.changes(message.rev), 60)

    async def settled(self, message):
        return await asyncio.wait_for(self.conversation.settled(message), 60)


def test_it_is_installed_with_its_entry_point() -> None:
    assert distribution("limner-diffusers").version == "0.1.0"
    (entry,) = entry_points(group="limner", name="diffusers")
    assert entry.value == "limner_diffusers"
    assert "site-packages" in Path(limner_diffusers.__file__).parts, "not the one beside these tests"


def test_a_picture_through_the_studio(tmp_path: Path) -> None:
    async def main():
        async with Sitting(tmp_path) as sitting:
            assert sitting.studio.registry.broken == []
            return await sitting.settled(await sitting.start(2))

    version = asyncio.run(main())
    assert version.status == "complete", version.failure
    assert (version.picture.media_type, version.picture.width, version.picture.height) == (
        "image/png",
        256,
        256,
    )
    assert version.provenance.seed is not None


def test_stop_through_the_studio_ends_it_within_one_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    done: list[int] = []
    step = FlowMatchEulerDiscreteScheduler.step

    def counted(*arguments, **more):
        done.append(1)
        return step(*arguments, **more)

    monkeypatch.setattr(FlowMatchEulerDiscreteScheduler, "step", counted)

    async def main():
        async with Sitting(tmp_path) as sitting:
            message = await sitting.start(100)
            await sitting.reaches(message, "step ")
            sitting.studio.stop(message)
            at_stop = len(done)
            version = await sitting.settled(message)
            again = await sitting.settled(await sitting.start(1))
            return version, len(done) - at_stop, again

    version, later, again = asyncio.run(main())
    assert (version.status, version.reason) == ("incomplete", "cancelled")
    assert later <= 1 + 1, "the step under way, and the one of the next picture"
    assert again.status == "complete", again.failure


def test_the_deadline_ends_it_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers import FlowMatchEulerDiscreteScheduler

    step = FlowMatchEulerDiscreteScheduler.step

    def slow(*arguments, **more):  # as on a machine for which a hundred take longer than the deadline
        time.sleep(0.02)
        return step(*arguments, **more)

    monkeypatch.setattr(FlowMatchEulerDiscreteScheduler, "step", slow)

    async def main():
        async with Sitting(tmp_path) as sitting:
            await sitting.settled(await sitting.start(1))  # so that the load takes no time of it
        async with Sitting(tmp_path, own={"timeout": 1}) as sitting:
            return await sitting.settled(await sitting.start(100))

    version = asyncio.run(main())
    assert version.failure.cause == "timeout"


def test_a_wrong_setting_is_named(tmp_path: Path) -> None:
    from core.settings.sources import SettingsError

    async def main() -> None:
        async with Sitting(tmp_path, own={"idel": 3}):
            pass

    with pytest.raises(SettingsError, match="did you mean idle"):
        asyncio.run(main())
