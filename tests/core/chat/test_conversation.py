"""`since` misses nothing and repeats nothing, and revisions only grow."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest

from core.chat.conversation import Conversation
from core.chat.message import Message, Provenance, Version
from core.chat.picture import Picture
from core.chat.request import UserRequest

pytestmark = pytest.mark.anyio

PROVENANCE = Provenance(prompt="a", provider="p", provider_label="P", model="m", model_label="M")
PICTURE = Picture(name="a.png", media_type="image/png", width=1, height=1, size=1)


def message(id: str, *versions: Version, rev: int = 0) -> Message:
    return Message(id, UserRequest(prompt=id), 0.0, rev, list(versions))


def version(number: int, turn: int = 0, *, picture: bool) -> Version:
    turn = turn or number
    if picture:
        return Version(number=number, turn=turn, provenance=PROVENANCE, status="complete", picture=PICTURE)
    return Version(number=number, turn=turn, provenance=PROVENANCE, status="incomplete", reason="cancelled")


async def test_a_watcher_sees_every_last_state_whatever_the_order_of_changes() -> None:
    conversation = Conversation("t")
    messages = [message(str(n)) for n in range(5)]
    seen: dict[str, str] = {}

    async def watch() -> None:
        rev = 0
        while any(state != "99" for state in seen.values()) or len(seen) < 5:
            changed = await conversation.changes(rev)
            assert all(message.rev > rev for message in changed)
            rev = max(message.rev for message in changed)
            seen.update({message.id: message.request.prompt for message in changed})

    watching = asyncio.create_task(watch())
    for n in range(100):
        for one in messages:
            one.request = UserRequest(prompt=str(n))
            conversation.add(one) if n == 0 else conversation.touch(one)
            if n % 7 == 0:
                await asyncio.sleep(0)
    await asyncio.wait_for(watching, 30)
    assert set(seen.values()) == {"99"}


async def test_revisions_only_grow_also_when_the_clock_is_behind() -> None:
    ahead = time.time_ns() // 1000 + 10**12
    conversation = Conversation("t", [message("old", rev=ahead)])
    new = message("new")
    revs = [ahead]
    for _ in range(1_000):
        conversation.touch(new)
        revs.append(new.rev)
    assert all(earlier < later for earlier, later in pairwise(revs))


async def test_since_gives_what_is_newer_in_the_order_of_the_conversation() -> None:
    conversation = Conversation("t")
    first, second = message("1"), message("2")
    conversation.add(first)
    conversation.add(second)
    assert conversation.since(0) == [first, second]
    assert conversation.since(first.rev) == [second]
    assert conversation.since(second.rev) == []
    rev = second.rev
    conversation.touch(first)
    assert conversation.since(rev) == [first]
    conversation.touch(second)
    assert conversation.since(rev) == [first, second]


async def test_a_revision_from_another_past_gives_everything() -> None:
    conversation = Conversation("t")
    conversation.add(message("1"))
    assert len(conversation.since(10**17)) == 1
    assert await asyncio.wait_for(conversation.changes(10**17), 30)


async def test_a_revised_message_is_newer_at_once_and_wakes_only_when_announced() -> None:
    conversation = Conversation("t")
    one = message("1")
    conversation.add(one)
    waiting = asyncio.create_task(conversation.changes(one.rev))
    await asyncio.sleep(0)
    conversation.revise(one)
    await asyncio.sleep(0)
    assert not waiting.done()
    conversation.announce()
    assert await asyncio.wait_for(waiting, 30) == [one]


async def test_what_is_shown_and_what_was_tried_last() -> None:
    nothing = message("0")
    assert (nothing.shown, nothing.attempt, nothing.running) == ([], [], False)
    good, better, bad = version(1, picture=True), version(2, picture=True), version(3, picture=False)
    one = message("1", good, better, bad)
    assert (one.shown, one.attempt) == ([better], [bad])
    one.chosen = 1
    assert (one.shown, one.attempt) == ([good], [bad])
    one.chosen = 3
    assert one.shown == [better], "a version without a picture is never shown in place of one"
    one.versions.append(Version(number=4, turn=4, provenance=PROVENANCE))
    assert one.running
    assert one.shown == [better]
