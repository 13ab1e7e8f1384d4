"""A visitor's conversations: nobody else's, listed, renamed, deleted and restored."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from core.chat.failure import Missing, Rejected, Unavailable
from core.chat.request import UserRequest
from core.generation import deletion
from core.generation.visitor import OWNER, Visitor
from core.studio import Studio
from tests.core.scripted import CONVERSATION, PNG, Gate, ScriptedProvider, ask, settled, studio_of
from tests.core.storage.samples import execute

pytestmark = pytest.mark.anyio

ME, OTHER, KEYLESS = Visitor("a", key="me"), Visitor("a", key="other"), Visitor("a")
FOX = UserRequest(prompt="a fox")


async def begin(studio: Studio, visitor: Visitor = ME, id: str = CONVERSATION) -> None:
    """Makes a picture in a conversation of a visitor's."""
    conversation = await studio.conversation(id, visitor)
    await settled(conversation, await studio.start(conversation, FOX, visitor=visitor))


async def listed(studio: Studio, visitor: Visitor = ME, **asked: Any) -> list[str]:
    return [entry.id for entry in await studio.conversations(visitor, **asked)]


async def is_missing(studio: Studio, visitor: Visitor = ME) -> bool:
    try:
        await studio.conversation(CONVERSATION, visitor)
    except Missing:
        return True
    return False


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_conversation_is_that_visitors_who_began_it(tmp_path: Path, restarted: bool) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio)
        here = await studio.conversation(CONVERSATION, ME)
        if not restarted:
            assert [await is_missing(studio, who) for who in (OTHER, KEYLESS, OWNER)] == [True] * 3
            assert await studio.conversation(CONVERSATION, ME) is here
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        for work in (
            studio.conversation(CONVERSATION, OTHER),
            studio.conversation(CONVERSATION),
            studio.entry(CONVERSATION, OTHER),
            studio.rename(CONVERSATION, "Mine", OTHER),
            studio.delete_conversation(CONVERSATION, KEYLESS),
            studio.restore_conversation(CONVERSATION, OTHER),
        ):
            with pytest.raises(Missing, match="does not exist any more"):
                await work
        assert [await listed(studio, who) for who in (ME, OTHER, KEYLESS)] == [[CONVERSATION], [], []]
        assert len(await studio.conversation(CONVERSATION, ME)) == 1


async def test_what_is_nobodys_becomes_the_first_visitors_with_a_key(tmp_path: Path) -> None:
    """So an older conversation, and one of a browser that has not sent its cookie back yet, is kept."""
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio, KEYLESS)
        assert await listed(studio, KEYLESS) == []
        assert (await studio.entry(CONVERSATION, KEYLESS)).owner is None
        await studio.conversation(CONVERSATION, ME)
        assert await is_missing(studio, KEYLESS)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        assert await is_missing(studio, OTHER)
        assert await listed(studio) == [CONVERSATION]


async def test_a_picture_alone_makes_a_conversation_a_visitors(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        with pytest.raises(Missing):
            await studio.entry(CONVERSATION, ME)
        conversation = await studio.conversation(CONVERSATION, ME)
        _, _, version = await ask(studio, id="1" * 32)
        assert version.picture
        data = await studio.store.read(version.picture.name)
        await studio.add_picture(conversation, data or b"", visitor=ME)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        assert await is_missing(studio, OTHER)
        assert await listed(studio) == [], "nothing is in it that a list could show"


async def test_deleting_stops_what_runs_and_can_be_taken_back(tmp_path: Path) -> None:
    gate = Gate()
    scripted = ScriptedProvider(gate)
    async with studio_of(tmp_path, scripted) as studio:
        conversation = await studio.conversation(CONVERSATION, ME)
        message = await studio.start(conversation, FOX, visitor=ME)
        elsewhere = await studio.conversation("1" * 32, ME)
        goes_on = await studio.start(elsewhere, FOX, visitor=ME)
        await asyncio.wait_for(gate.reached.wait(), 20)

        await studio.delete_conversation(CONVERSATION, ME)

        assert (await settled(conversation, message)).reason == "cancelled"
        assert await is_missing(studio)
        assert await listed(studio) == ["1" * 32]
        for work in (studio.entry(CONVERSATION, ME), studio.start(conversation, FOX, visitor=ME)):
            with pytest.raises(Missing):
                await work
        deleted = conversation.deleted
        await studio.delete_conversation(CONVERSATION, ME)  # again, as when the answer was lost
        assert conversation.deleted == deleted
        entry = await studio.restore_conversation(CONVERSATION, ME)
        assert (entry.title, entry.deleted) == ("a fox", None)
        assert await studio.conversation(CONVERSATION, ME) is conversation
        assert {*await listed(studio)} == {"1" * 32, CONVERSATION}
        gate.open.set()
        assert (await settled(elsewhere, goes_on)).picture


async def test_one_without_a_message_is_missing_too_once_it_is_deleted(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        open_in_a_tab = await studio.conversation(CONVERSATION, ME)
        await studio.add_picture(open_in_a_tab, PNG, visitor=ME)
        await studio.delete_conversation(CONVERSATION, ME)
        assert await is_missing(studio)


async def test_after_a_minute_it_is_gone_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "UNDO_SECONDS", 0.0)
    monkeypatch.setattr(deletion, "MARGIN", 0.01)
    monkeypatch.setattr("core.storage.opened.UNDO_SECONDS", 0.0)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio)
        conversation = await studio.conversation(CONVERSATION, ME)
        await studio.delete_conversation(CONVERSATION, ME)
        with pytest.raises(Missing):
            await studio.restore_conversation(CONVERSATION, ME)
        await asyncio.gather(*studio._deletion._tasks.running)
        assert list((tmp_path / "pictures").iterdir()) == []
        assert list(await studio.conversation(CONVERSATION, OTHER)) == [], "the id is free"
        assert len(conversation) == 1


async def test_what_a_server_left_deleted_goes_at_its_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio)
        await studio.delete_conversation(CONVERSATION, ME)
    assert len(list((tmp_path / "pictures").iterdir())) == 1
    monkeypatch.setattr(deletion, "UNDO_SECONDS", -2.0)  # as if so much time had passed
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await studio.conversation("1" * 32, ME)
        assert list((tmp_path / "pictures").iterdir()) == []


async def test_what_a_server_left_deleted_just_now_goes_a_minute_after_its_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio)
        await studio.delete_conversation(CONVERSATION, ME)
    monkeypatch.setattr(deletion, "MARGIN", 0.01)
    monkeypatch.setattr(deletion, "UNDO_SECONDS", 0.5)
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await studio.conversation("1" * 32, ME)
        await asyncio.gather(*studio._deletion._tasks.running)
        assert list((tmp_path / "pictures").iterdir()) == []


@pytest.mark.parametrize("title", ["", " \n", "a" * 81, "\0", "\u200b \u202e"])
async def test_a_title_has_bounds(tmp_path: Path, title: str) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio)
        with pytest.raises(Rejected, match="1 to 80 characters"):
            await studio.rename(CONVERSATION, title, ME)
        for given, kept in (
            (" My\nfox ", "My fox"),
            ("half \ud800", "half ?"),
            ("<b>", "<b>"),
            ("a\u202eb\0c", "a b c"),
        ):
            assert (await studio.rename(CONVERSATION, given, ME)).title == kept
            assert await listed(studio, search=kept) == [CONVERSATION]


async def test_what_the_disk_has_no_room_for_is_there_while_it_is_open(tmp_path: Path) -> None:
    full = "CREATE TRIGGER full BEFORE INSERT ON message BEGIN SELECT RAISE(ABORT, 'full'); END"
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await execute(studio.store, full)
        conversation = await studio.conversation(CONVERSATION, ME)
        await settled(conversation, await studio.start(conversation, FOX, visitor=ME))
        assert (await studio.entry(CONVERSATION, ME)).title == "a fox"
        with pytest.raises(Missing):
            await studio.entry(CONVERSATION, OTHER)


async def test_a_disk_that_fails_is_said(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider()) as studio:
        await begin(studio)
        open_already = await studio.conversation(CONVERSATION, ME)
        rename = "ALTER TABLE conversation RENAME TO elsewhere"
        await execute(studio.store, rename)
        for work in (studio.conversations(ME), studio.delete_conversation(CONVERSATION, ME)):
            with pytest.raises(Unavailable, match="cannot be read right now"):
                await work
        assert await studio.conversation(CONVERSATION, ME) is open_already
