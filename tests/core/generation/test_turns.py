"""Several versions at once: each has its own state, and all of them stand under the limits together."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.chat.failure import LimitReached, Rejected, SamePicture
from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from core.storage.store import Store
from limner import ContentFiltered, ImageRequest, ImageResult, hookimpl
from tests.core.scripted import CONVERSATION, PNG, ScriptedProvider, ask, at_once, settled, studio_of
from tests.plugins.objects import registry_of

pytestmark = pytest.mark.anyio


class Doors:
    """A play in which each request waits for its own door, named by its seed."""

    def __init__(self, *seeds: int) -> None:
        self.doors: dict[int | None, asyncio.Future[Any]] = {
            seed: asyncio.get_running_loop().create_future() for seed in seeds
        }

    async def __call__(self, request: ImageRequest) -> ImageResult:
        request.report(f"at {request.seed}", 0.5)
        return await self.doors[request.seed]


def seeded(*seeds: int, **asked: Any) -> list[UserRequest]:
    return [UserRequest(prompt="a fox", seed=seed, **asked) for seed in seeds]


async def test_several_at_once_settle_one_by_one_and_a_failed_one_hides_nothing(tmp_path: Path) -> None:
    doors = Doors(5, 6, 7)
    async with studio_of(tmp_path, ScriptedProvider(doors)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, *seeded(5, 6, 7))
        while len([live for live in message.live.values() if live.share]) < 3:
            await asyncio.wait_for(conversation.changes(message.last_rev), 20)
        assert {n: (live.progress, live.share) for n, live in message.live.items()} == {
            n: (f"at {n + 4}", 0.5) for n in (1, 2, 3)
        }
        doors.doors[7].set_result(ImageResult(PNG))
        while message.versions[2].status == "running":
            await asyncio.wait_for(conversation.changes(message.rev), 20)
        assert [version.status for version in message.versions] == ["running", "running", "complete"]
        assert (message.chosen, message.main.number, sorted(message.live)) == (3, 3, [1, 2])
        assert (message.shown, message.attempt) == (message.versions, [])
        doors.doors[5].set_exception(ContentFiltered("no"))
        while message.versions[0].status == "running":
            await asyncio.wait_for(conversation.changes(message.rev), 20)
        doors.doors[6].set_result(ImageResult(PNG))
        await settled(conversation, message)
        assert [version.reason for version in message.versions] == ["content-filter", None, None]
        assert (message.chosen, message.live) == (3, {}), "the first that came is shown first"
        assert [version.request and version.request.seed for version in message.versions] == [None, 6, 7]
        assert [version.provenance.seed for version in message.versions] == [5, 6, 7]
    store = Store(tmp_path)
    (again,) = await store.load(CONVERSATION)
    await store.close()
    assert (again.versions, again.shown, again.chosen) == (message.versions, message.versions, 3)


async def test_one_of_several_is_stopped_alone(tmp_path: Path) -> None:
    doors = Doors(5, 6)
    async with studio_of(tmp_path, ScriptedProvider(doors)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, *seeded(5, 6))
        studio.stop(message, 1)
        while message.versions[0].status == "running":
            await asyncio.wait_for(conversation.changes(message.rev), 20)
        assert [version.status for version in message.versions] == ["incomplete", "running"]
        doors.doors[6].set_result(ImageResult(PNG))
        await settled(conversation, message)
        assert message.main.number == 2


async def test_all_or_none_are_begun(tmp_path: Path) -> None:
    doors, me = Doors(*range(9)), Visitor("me")
    scripted = ScriptedProvider(doors)
    async with studio_of(tmp_path, scripted, max_in_flight=3, rate_limit="4/hour") as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Rejected, match="3 of your pictures can be made at once, not 4"):
            await studio.start(conversation, *seeded(1, 2, 3, 4), visitor=me)
        with pytest.raises(Rejected, match="no model"):
            await studio.start(conversation, *seeded(1), *seeded(2, model="x"), visitor=me)
        assert len(conversation) == 0
        message = await studio.start(conversation, *seeded(1, 2), visitor=me)
        with pytest.raises(
            LimitReached, match=r"2 of your pictures are already being made: .+ ask for fewer"
        ):
            await studio.start(conversation, *seeded(3, 4), visitor=me)
        with pytest.raises(Rejected, match="already being made"):
            await studio.add_versions(conversation, message, *seeded(3), visitor=me)
        for door in doors.doors.values():
            door.set_result(ImageResult(PNG))
        await settled(conversation, message)
        with pytest.raises(LimitReached, match=r"4 pictures per hour: try again in .+, or ask for fewer"):
            await studio.add_versions(conversation, message, *seeded(3, 4, 5), visitor=me)
        await studio.add_versions(conversation, message, *seeded(3, 4), visitor=me)
        await settled(conversation, message)
        assert (len(message.versions), len(conversation), len(scripted.requests)) == (4, 1, 4)
        assert [[version.number for version in turn] for turn in message.turns] == [[1, 2], [3, 4]]


async def test_a_turn_is_regenerated_as_it_was_asked_and_never_paid_twice_unasked(tmp_path: Path) -> None:
    scripted = ScriptedProvider(paid=True)
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await ask(studio)
        others = [UserRequest(prompt="a wolf"), UserRequest(prompt="a wolf", seed=9, size="512x512")]
        await studio.add_versions(conversation, message, *others)
        await settled(conversation, message)
        assert message.main.turn == 2
        with pytest.raises(SamePicture):
            await studio.regenerate(conversation, message, version=3)
        with pytest.raises(SamePicture):
            await studio.add_versions(conversation, message, others[1])
        await studio.regenerate(conversation, message, version=1)
        await settled(conversation, message)
        await studio.choose(conversation, message, 3)
        await studio.regenerate(conversation, message, new_seed=False)
        await settled(conversation, message)
        with pytest.raises(Rejected, match="no such version"):
            await studio.regenerate(conversation, message, version=99)
    asked = [(request.prompt, str(request.size)) for request in scripted.requests]
    wolves = [("a wolf", "1024x1024"), ("a wolf", "512x512")]
    assert asked == [("a fox", "1024x1024"), *wolves, ("a fox", "1024x1024"), *wolves]
    assert (scripted.requests[2].seed, scripted.requests[5].seed) == (9, 9)


class OldMiddleware:
    """Takes the progress as plugins did before there was a share."""

    @hookimpl
    def wrap(self, generate: Any) -> Any:
        async def wrapped(request: ImageRequest) -> ImageResult:
            said = request.on_progress
            return await generate(replace(request, on_progress=lambda words: said(f"styled: {words}")))

        return wrapped


async def test_a_share_goes_through_a_middleware_and_ends_with_the_next_report(tmp_path: Path) -> None:
    heard = asyncio.Event()

    async def play(request: ImageRequest) -> ImageResult:
        request.report("painting", 0.25)
        await heard.wait()
        request.report("sending")
        heard.clear()
        await heard.wait()
        return ImageResult(PNG)

    scripted = ScriptedProvider(play)
    async with studio_of(tmp_path, scripted) as studio:
        registry = registry_of(settings=studio.settings, scripted=scripted, old=OldMiddleware())
        studio._pipeline._registry = registry
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        for words, share in (("styled: painting", 0.25), ("styled: sending", None)):
            while (message.live[1].progress, message.live[1].share) != (words, share):
                await asyncio.wait_for(conversation.changes(message.last_rev), 20)
            heard.set()
        await settled(conversation, message)


async def test_the_usual_time_is_the_median_of_the_latest_also_after_a_restart(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        assert studio.usual_seconds("scripted", "p-1") is None
        _, message, version = await ask(studio)
        assert studio.usual_seconds("scripted", "p-1") == version.duration
        for number, seconds in enumerate([9.0] * 30 + [2.0] * 9 + [4.0] * 12, 2):
            made = version.model_copy(update={"number": number, "duration": seconds})
            await studio.store.save(CONVERSATION, message, made)
    async with studio_of(tmp_path, ScriptedProvider(at_once)) as studio:
        await studio.conversation(CONVERSATION)
        assert studio.usual_seconds("scripted", "p-1") == 4.0
        assert studio.usual_seconds("scripted", "p-2") is None
