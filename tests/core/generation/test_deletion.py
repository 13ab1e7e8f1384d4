"""What is deleted can be restored exactly as it was for a while, and then goes with all that it had."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.chat.conversation import Conversation
from core.chat.failure import Rejected
from core.chat.message import Message
from core.chat.request import UserRequest
from core.generation import deletion
from core.storage.store import Store
from core.studio import Studio
from limner import ImageInputs
from tests.core.scripted import (
    CONVERSATION,
    AnswersWhileItStops,
    Gate,
    ScriptedProvider,
    ask,
    settled,
    studio_of,
)

pytestmark = pytest.mark.anyio


def state(message: Message) -> tuple[Any, ...]:
    return (list(message.versions), message.chosen, message.deleted, message.shown, message.attempt)


async def stored(folder: Path) -> list[Message]:
    store = Store(folder)
    messages = await store.load(CONVERSATION)
    await store.close()
    return messages


def files(folder: Path) -> set[str]:
    return {path.name for path in (folder / "pictures").iterdir()}


def name_of(message: Message, number: int) -> str:
    version = message.version(number)
    assert version
    assert version.picture
    return version.picture.name


async def three_turns(studio: Studio) -> tuple[Conversation, Message]:
    conversation, message, _ = await ask(studio)
    for _ in range(2):
        await studio.regenerate(conversation, message)
        await settled(conversation, message)
    return conversation, message


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is deleted can be restored for no time at all."""
    monkeypatch.setattr(deletion, "UNDO_SECONDS", 0.0)
    monkeypatch.setattr(deletion, "MARGIN", 0.01)


async def test_a_deleted_version_gives_way_to_its_neighbour_and_comes_back_as_it_was(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message = await three_turns(studio)
        before = state(message)
        rev = message.rev
        for number, neighbour in ((3, 2), (2, 1)):
            await studio.delete(conversation, message, number)
            assert [version.number for version in message.shown] == [neighbour]
        assert message.rev > rev
        assert [version.number for version in message.pictures] == [1]
        rev = message.rev
        await studio.delete(conversation, message, 3)  # again, as when the answer was lost
        assert message.rev == rev
        with pytest.raises(Rejected, match="no such version"):
            await studio.choose(conversation, message, 3)
        for number in (2, 3):
            await studio.restore(conversation, message, number)
        assert state(message) == before
        await studio.choose(conversation, message, 1)
        await studio.delete(conversation, message, 1)
        assert message.main.number == 2, "there is none before it"
        with pytest.raises(Rejected, match="cannot be restored any more"):
            await studio.restore(conversation, message, 2)
    (again,) = await stored(tmp_path)
    assert state(again) == state(message)


@pytest.mark.parametrize("restored", [1, None])
async def test_the_last_version_takes_its_message_along_and_back(
    tmp_path: Path, restored: int | None
) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message, _ = await ask(studio)
        before = state(message)
        await studio.delete(conversation, message, 1)
        assert message.deleted
        await studio.restore(conversation, message, restored)
        assert state(message) == before
        await studio.delete(conversation, message)
        await studio.restore(conversation, message)
        assert state(message) == before
    (again,) = await stored(tmp_path)
    assert state(again) == before


async def test_it_is_too_late_in_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message, _ = await ask(studio)
        await studio.delete(conversation, message)
        monkeypatch.setattr(deletion, "UNDO_SECONDS", -1.0)
        with pytest.raises(Rejected, match="cannot be restored any more"):
            await studio.restore(conversation, message)


async def gone(studio: Studio) -> None:
    """Waits until what is due has been removed."""
    await asyncio.wait_for(asyncio.gather(*studio._deletion._tasks.running), 20)


async def test_many_deletions_are_one_piece_of_work(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message, _ = await ask(studio)
        for _ in range(50):
            await studio.delete(conversation, message)
            await studio.restore(conversation, message)
            studio._deletion.purge_later()
        assert len(studio._deletion._tasks.running) < 50


async def test_what_goes_for_good_leaves_nothing_and_pages_are_told(tmp_path: Path, soon: None) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message, _ = await ask(studio)
        _, kept, _ = await ask(studio, "another")
        seen = message.rev
        await studio.delete(conversation, message)
        told = conversation.rev
        await gone(studio)
        assert list(conversation) == [kept]
        assert conversation.has_lost(seen)
        assert not conversation.has_lost(told), "it was told that the message was deleted"
    assert [message.request.prompt for message in await stored(tmp_path)] == ["another"]
    assert files(tmp_path) == {name_of(kept, 1)}


async def test_a_version_goes_alone_and_its_number_is_never_used_again(tmp_path: Path, soon: None) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message = await three_turns(studio)
        await studio.delete(conversation, message, 3)
        await gone(studio)
        assert [version.number for version in message.versions] == [1, 2]
        assert message.main.number == 2
        assert files(tmp_path) == {name_of(message, 1), name_of(message, 2)}
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        (message,) = conversation = await studio.conversation(CONVERSATION)
        await studio.regenerate(conversation, message)
        assert (await settled(conversation, message)).number == 4


async def test_what_was_deleted_before_a_restart_goes_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        conversation, message, _ = await ask(studio)
        await ask(studio, "another")
        await studio.delete(conversation, message)
        assert len(files(tmp_path)) == 2
    monkeypatch.setattr(deletion, "UNDO_SECONDS", -2.0)  # as if so much time had passed
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        assert len(await studio.conversation(CONVERSATION)) == 1
        assert len(files(tmp_path)) == 1


async def test_a_picture_that_another_message_was_sent_with_stays(tmp_path: Path, soon: None) -> None:
    scripted = ScriptedProvider(model={"images": ImageInputs(most=1)})
    async with studio_of(tmp_path, scripted) as studio:
        conversation, message, _ = await ask(studio)
        name = name_of(message, 1)
        other = await studio.start(conversation, UserRequest(prompt="edit it"), images=[name])
        await settled(conversation, other)
        await studio.delete(conversation, message)
        await gone(studio)
        assert files(tmp_path) == {name, name_of(other, 1)}
        await studio.delete(conversation, other)
        await gone(studio)
        assert files(tmp_path) == set()


async def test_a_running_version_is_stopped_and_its_picture_kept_for_as_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The picture comes while Stop cleans up, and may have been paid for."""
    provider = AnswersWhileItStops()
    gate = Gate(provider.play)
    gate.open.set()
    async with studio_of(tmp_path, ScriptedProvider(gate)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        await gate.reached.wait()
        await studio.delete(conversation, message, 1)
        await asyncio.wait_for(provider.cleaning.wait(), 20)
        assert not message.running
        monkeypatch.setattr(deletion, "UNDO_SECONDS", -2.0)
        await studio._deletion.purge()
        assert conversation.get(message.id), "it is not removed while it is made"
        monkeypatch.setattr(deletion, "UNDO_SECONDS", 60.0)
        provider.answer.set()
        await asyncio.wait_for(asyncio.gather(*studio._attempts), 20)
        assert name_of(message, 1) in files(tmp_path)
        await studio.restore(conversation, message, 1)
        assert (message.shown, message.deleted) == (message.versions, None)
