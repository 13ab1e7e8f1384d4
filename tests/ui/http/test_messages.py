"""The routes of messages and versions: several at once, again, deleted, restored, older ones, and details."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from core.chat.message import Message
from core.studio import Studio
from tests.core.scripted import CONVERSATION, Gate, ScriptedProvider
from tests.ui.http.client import FOX, MESSAGES, Client, open_client, who
from ui.http import streams

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[tuple[Client, Studio]]:
    async with open_client(tmp_path, ScriptedProvider()) as opened:
        conversation = await opened[1].conversation(CONVERSATION)
        yield opened
        del conversation  # until now it stays open


async def made(client: Client, studio: Studio, **asked: Any) -> Message:
    """Sends a prompt and waits until all of its versions have settled."""
    sent = await client.post(MESSAGES, json={**FOX, **asked})
    assert sent.status_code == 201
    conversation = await studio.conversation(CONVERSATION, who(client))
    message = conversation.get(sent.json()["message"])
    assert message
    await conversation.settled(message)
    return message


async def test_several_at_once_are_begun_once_under_one_key(tmp_path: Path) -> None:
    gate = Gate()
    scripted = ScriptedProvider(gate)
    async with open_client(tmp_path, scripted) as (client, studio):
        key = {"Idempotency-Key": "k"}
        answers = [await client.post(MESSAGES, json={**FOX, "count": 3}, headers=key) for _ in range(2)]
        assert answers[0].json() == answers[1].json()
        conversation = await studio.conversation(CONVERSATION, who(client))
        (message,) = conversation
        assert (await client.post(f"{MESSAGES}/{message.id}/stop?version=2")).status_code == 200
        gate.open.set()
        await conversation.settled(message)
        assert [version.reason for version in message.versions] == [None, "cancelled", None]
        again = [
            await client.post(
                f"{MESSAGES}/{message.id}/regenerate?version=1", headers={"Idempotency-Key": "r"}
            )
            for _ in range(2)
        ]
        assert [answer.status_code for answer in again] == [200, 200]
        await conversation.settled(message)
        assert [[version.number for version in turn] for turn in message.turns] == [[1, 2, 3], [4]]


async def test_a_message_is_made_again_with_other_values(opened: tuple[Client, Studio]) -> None:
    client, studio = opened
    message = await made(client, studio)
    other = {"prompt": "a wolf", "seed": 7, "count": 2}
    answer = await client.post(f"{MESSAGES}/{message.id}/regenerate", json=other)
    assert answer.status_code == 200
    await (await studio.conversation(CONVERSATION, who(client))).settled(message)
    assert [version.provenance.prompt for version in message.versions] == ["a fox", "a wolf", "a wolf"]
    assert message.request.prompt == "a fox"
    known = (await client.get(f"{MESSAGES}/{message.id}/details?version=2")).json()
    assert known["requested"] == {"prompt": "a wolf", "seed": 7}
    assert (known["version"], known["turn"], known["status"], known["width"]) == (2, 2, "complete", 16)
    shown = (await client.get(f"{MESSAGES}/{message.id}/details")).json()
    assert shown["version"] == message.main.number
    assert (await client.get(f"{MESSAGES}/{message.id}/details?version=9")).status_code == 404
    wrong = await client.post(f"{MESSAGES}/{message.id}/regenerate?version=x")
    assert wrong.json()["error"] == "This picture has no such version: reload the page."


async def test_what_is_deleted_is_not_there_until_it_is_restored(opened: tuple[Client, Studio]) -> None:
    client, studio = opened
    message = await made(client, studio, count=2)
    at = f"{MESSAGES}/{message.id}"
    assert (await client.post(f"{at}/delete?version=2")).status_code == 200
    assert [version.number for version in message.shown] == [1]
    assert (await client.get(f"{at}/details?version=2")).status_code == 404
    assert (await client.post(f"{at}/restore?version=2")).status_code == 200
    assert [version.number for version in message.shown] == [1, 2]
    for _ in range(2):  # the second, as when the answer to the first was lost, changes nothing
        assert (await client.post(f"{at}/delete")).status_code == 200
    for action in ("regenerate", "stop", "choose?version=1"):
        gone = await client.post(f"{at}/{action}")
        assert (gone.status_code, gone.json()["error"]) == (
            404,
            "This message no longer exists: reload the page.",
        )
    assert (await client.post(f"{at}/restore")).status_code == 200
    again = await client.post(f"{at}/restore")
    assert (again.status_code, again.json()["error"]) == (404, "This cannot be restored any more.")


async def test_older_messages_come_when_they_are_asked_for(
    opened: tuple[Client, Studio], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "LAST_MESSAGES", 2)
    client, studio = opened
    messages = [await made(client, studio) for _ in range(5)]
    await client.post(f"{MESSAGES}/{messages[1].id}/delete")

    async def before(message: Message) -> tuple[list[str], bool]:
        answer = (await client.get(MESSAGES, params={"before": message.id})).json()
        return [shown["id"] for shown in answer["messages"]], answer["more"]

    first, _, third, fourth, last = messages
    assert await before(last) == ([third.id, fourth.id], True)
    assert await before(third) == ([first.id], False)
    assert await before(first) == ([], False)
    assert (await client.get(MESSAGES, params={"before": "x"})).status_code == 404
    assert sorted(messages, key=lambda message: message.created) == messages
