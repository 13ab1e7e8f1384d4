"""Open streams are counted, never keep others out, and send a long conversation bit by bit."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from core.chat.conversation import Conversation
from core.chat.failure import LimitReached, Unavailable
from core.chat.message import Live, Message, Provenance, Version
from core.chat.picture import Preview
from core.chat.request import UserRequest
from ui.http import streams
from ui.http.streams import EventStream, Streams
from ui.page.views import message_html

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS", 10)
    monkeypatch.setattr(streams, "MAX_OF_ONE_VISITOR", 6)


async def test_one_visitor_has_so_many_and_no_more() -> None:
    places = Streams()
    own = [places.open("me") for _ in range(6)]
    with pytest.raises(LimitReached, match="Too many pages are open at your address") as reached:
        places.open("me")
    assert reached.value.retry_after
    places.close("me", own[0])
    places.open("me")
    assert not any(scope.cancel_called for scope in own)


async def test_whoever_has_the_most_makes_room_for_others() -> None:
    places = Streams()
    many = [places.open("many") for _ in range(6)]
    few = [places.open("few") for _ in range(4)]
    new = [places.open("new") for _ in range(3)]
    assert [scope.cancel_called for scope in many] == [True] * 3 + [False] * 3, "the oldest go"
    assert not any(scope.cancel_called for scope in few + new[:2])


async def test_where_everybody_has_the_same_nobody_is_sent_away() -> None:
    places = Streams()
    scopes = [places.open(str(n)) for n in range(10)]
    with pytest.raises(Unavailable, match="Too many pages are open here right now"):
        places.open("one more")
    assert not any(scope.cancel_called for scope in scopes)


async def test_nothing_stays_of_those_that_have_gone() -> None:
    places = Streams()
    for n in range(100):
        scope = places.open(str(n))
        places.close(str(n), scope)
        places.close(str(n), scope)
    assert places._open == {}


SCOPE = {"type": "http", "asgi": {"spec_version": "2.3"}, "method": "GET", "headers": []}


def long_conversation(messages: int) -> Conversation:
    provenance = Provenance(prompt="a fox", provider="p", provider_label="P", model="m", model_label="M")

    def message(number: int) -> Message:
        version = Version(number=1, provenance=provenance, status="incomplete", reason="cancelled")
        asked = UserRequest(prompt=f"fox {number}")
        # revisions out of order: an old message may have been changed last
        return Message(f"m{number}", asked, 1.0, rev=1_000 - number, versions=[version])

    return Conversation("0" * 32, [message(number) for number in range(messages)])


def show(message: Message) -> dict[str, str]:
    prompt, answer = message_html(message)
    return {"id": message.id, "prompt": prompt, "answer": answer}


async def stays_connected() -> Any:
    await asyncio.Event().wait()


async def test_a_client_that_does_not_read_has_no_more_made_for_it() -> None:
    made: list[str] = []

    def show_noted(message: Message) -> dict[str, str]:
        made.append(message.id)
        return show(message)

    taken: list[bytes] = []
    full = asyncio.Event()

    async def send(message: Any) -> None:
        taken.append(message.get("body", b""))
        if len(taken) > 5:
            full.set()
            await asyncio.Event().wait()

    places = Streams()
    stream = EventStream(long_conversation(500), "0", show_noted, places, "me")
    sending = asyncio.create_task(stream(SCOPE, stays_connected, send))
    await full.wait()
    assert len(made) <= len(taken)
    sending.cancel()
    await asyncio.wait({sending})
    assert places._open == {}


async def test_others_get_their_turn_while_a_long_conversation_is_sent() -> None:
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(other_work())
    events: list[dict[str, Any]] = []
    ids: list[str] = []
    async for event in streams._events(long_conversation(300), 0, show):
        ids += re.findall("^id: (.+)$", event, re.MULTILINE)
        events += [json.loads(data) for data in re.findall("^data: (.+)$", event, re.MULTILINE)]
        if events and not events[-1]["more"]:
            break
    working.cancel()
    sent = [message["id"] for event in events for message in event["messages"]]
    assert sent == [f"m{n}" for n in range(260, 300)], "the last ones; older ones when somebody asks"
    assert {event["older"] for event in events} == {True}
    assert ids == ["1000"], "only the end of it is where a broken stream goes on from"
    assert turns >= 39


async def test_a_stream_that_makes_room_ends_properly() -> None:
    places = Streams()
    sent: list[Any] = []
    begun = asyncio.Event()

    async def send(message: Any) -> None:
        sent.append(message)
        begun.set()

    stream = EventStream(Conversation("0" * 32), "0", show, places, "many")
    for _ in range(5):
        places.open("many")
    sending = asyncio.create_task(stream(SCOPE, stays_connected, send))
    await begun.wait()
    for n in range(5):
        places.open(f"{n}")
    await asyncio.wait_for(sending, 30)
    assert sent[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def events_of(conversation: Conversation, since: int, *changes: Callable[[], object]) -> list[Any]:
    """Returns the events that a page gets which has a revision, and after each of further changes."""
    events: list[Any] = []
    unmade = list(changes)
    async for event in streams._events(conversation, since, show):
        events += [json.loads(data) for data in re.findall("^data: (.+)$", event, re.MULTILINE)]
        if events and not events[-1]["more"]:
            if not unmade:
                break
            unmade.pop(0)()
    return events


async def test_progress_travels_alone_and_costs_the_same_in_a_long_conversation() -> None:
    sizes: list[int] = []
    for length in (1, 1_000):
        conversation = long_conversation(length)
        message = list(conversation)[-1]
        message.versions.append(Version(number=2, turn=2, provenance=message.versions[0].provenance))
        message.live[2] = Live()

        def report(of: Message = message, on: Conversation = conversation) -> None:
            of.live[2] = Live("painting", 0.5, Preview("f" * 32, "image/png", b""))
            on.touch_live(of)

        *_, event = await events_of(conversation, conversation.rev, report)
        assert event["messages"] == []
        assert event["live"] == [
            {
                "id": message.id,
                "version": 2,
                "progress": "painting",
                "share": 0.5,
                "preview": f"limner/previews/{'f' * 32}",
            }
        ]
        sizes.append(len(json.dumps(event)) - len(message.id))
    assert sizes[0] < 300
    assert abs(sizes[1] - sizes[0]) < 10  # the clock's digits


async def test_a_page_is_told_what_was_deleted_and_starts_anew_if_it_missed_that() -> None:
    conversation = long_conversation(3)
    _, second, _ = conversation
    seen = conversation.rev

    def delete() -> None:
        second.deleted = 1.0
        conversation.touch(second)

    *_, event = await events_of(conversation, seen, delete)
    assert event["messages"] == [{"id": "m1", "deleted": True}]
    assert [len(event["messages"]) for event in await events_of(conversation, 0)] == [1, 1], "nothing of it"
    told = conversation.rev
    conversation.forget("m1")
    for since in (seen, 10**17):
        events = await events_of(conversation, since)
        assert [event["reset"] for event in events] == [True, False]
        assert [message["id"] for event in events for message in event["messages"]] == ["m0", "m2"]
    assert [(event["reset"], event["messages"]) for event in await events_of(conversation, told)] == [
        (False, [])
    ]
