"""Nobody pays unasked for a picture that the message has already."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core.chat.conversation import Conversation
from core.chat.failure import SamePicture
from core.chat.message import Message
from core.studio import Studio
from limner import ContentFiltered, ImageRequest, ImageResult, ModelInfo, Options, ProviderError
from tests.core.scripted import PNG, ScriptedProvider, ask, at_once, settled, studio_of

pytestmark = pytest.mark.anyio


class Stepped(Options):
    steps: int = 20


async def again(studio: Studio, conversation: Conversation, message: Message, **how: Any) -> None:
    await studio.regenerate(conversation, message, **how)
    await settled(conversation, message)


async def test_a_picture_with_a_fixed_seed_is_not_billed_twice_unasked(tmp_path: Path) -> None:
    scripted = ScriptedProvider(paid=True)
    async with studio_of(tmp_path, scripted, rate_limit="4/hour") as studio:
        conversation, message, first = await ask(studio, seed=5)
        with pytest.raises(SamePicture, match="its seed is fixed, and it costs money: ask with"):
            await studio.regenerate(conversation, message)
        assert (len(message.versions), message.running) == (1, False)
        await again(studio, conversation, message, new_seed=True)
        assert message.request.seed == 5
        drawn = message.versions[1].provenance.seed
        assert drawn == scripted.requests[1].seed != 5
        await again(studio, conversation, message)  # as this one was asked for: with a new seed
        assert message.versions[2].provenance.seed not in (5, drawn)
        with pytest.raises(SamePicture):  # the first one again, though another is shown
            await studio.regenerate(conversation, message, version=1)
        await again(studio, conversation, message, version=1, new_seed=False)  # and no refusal was counted
        assert message.versions[3].provenance.seed == first.provenance.seed == 5
    assert len(scripted.requests) == 4


async def test_it_is_asked_again_after_a_restart(tmp_path: Path) -> None:
    scripted = ScriptedProvider(paid=True, model={"options": Stepped})
    asked = {"seed": 5, "size": "300x900", "negative_prompt": "fog", "options": {"steps": 9}}
    async with studio_of(tmp_path, scripted) as studio:
        conversation, _, _ = await ask(studio, **asked)
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(conversation.id)
        with pytest.raises(SamePicture):
            await studio.regenerate(conversation, next(iter(conversation)))


@pytest.mark.parametrize("free", ["no cost", "no seed", "a model without seeds"])
async def test_what_is_another_picture_or_costs_nothing_is_simply_made(tmp_path: Path, free: str) -> None:
    scripted = ScriptedProvider(
        paid=free != "no cost", model={"seed": False} if free == "a model without seeds" else {}
    )
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await ask(studio, seed=None if free == "no seed" else 5)
        await again(studio, conversation, message)
        await again(studio, conversation, message, new_seed=True)
    assert len(scripted.requests) == 3


@pytest.mark.parametrize("error", [ProviderError("provider"), ContentFiltered("no")])
async def test_nothing_is_asked_as_long_as_there_is_no_picture(tmp_path: Path, error: Exception) -> None:
    async def fail(_: ImageRequest) -> ImageResult:
        raise error

    scripted = ScriptedProvider(fail, paid=True)
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await ask(studio, seed=5)
        await again(studio, conversation, message)
        scripted.play = at_once
        await again(studio, conversation, message)
        assert message.main.picture
        with pytest.raises(SamePicture):
            await studio.regenerate(conversation, message)


@pytest.mark.parametrize(
    ("said", "asks"),
    [({"model": "p-1-2026"}, True), ({"model": "p-2"}, False), ({"seed": 6}, False), ({}, True)],
)
async def test_what_the_service_said_of_the_picture_counts(
    tmp_path: Path, said: dict[str, Any], asks: bool
) -> None:
    """A service may give the model a name of its own; another model, or another seed, is another picture."""

    async def play(_: ImageRequest) -> ImageResult:
        return ImageResult(PNG, **said)

    scripted = ScriptedProvider(play, paid=True)
    models = (*scripted.describe().models, ModelInfo(id="p-2", seed=True))
    scripted._info = scripted.describe().model_copy(update={"models": models})
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await ask(studio, seed=5)
        if asks:
            with pytest.raises(SamePicture):
                await studio.regenerate(conversation, message)
        else:
            await again(studio, conversation, message)


async def test_another_default_is_another_picture(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(paid=True, model={"options": Stepped})) as studio:
        conversation, _, _ = await ask(studio, seed=5)

    class Newer(Options):
        steps: int = 30

    async with studio_of(tmp_path, ScriptedProvider(paid=True, model={"options": Newer})) as studio:
        conversation = await studio.conversation(conversation.id)
        message = next(iter(conversation))
        await again(studio, conversation, message)
        assert [version.provenance.options for version in message.versions] == [{"steps": 20}, {"steps": 30}]
