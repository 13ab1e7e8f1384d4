"""`GET /api/threads/{id}`: who may read a conversation, what they get, and that reading changes nothing."""

from __future__ import annotations

import asyncio
import base64
import json
import tracemalloc
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from core.chat.conversation import NOBODY
from core.chat.failure import Rejected
from core.chat.request import UserRequest
from core.generation.visitor import Visitor
from core.storage.database import StoreError
from core.storage.store import Store
from core.thread_json import kept_messages, stream_thread
from limner import ImageInputs, ImageRequest, ImageResult
from tests.core.scripted import CONVERSATION, PNG, Gate, ScriptedProvider, ask, settled
from tests.ui.http.client import FOX, MESSAGES, Client, open_client, who

pytestmark = pytest.mark.anyio
THREAD = f"/api/threads/{CONVERSATION}"
URI = f"data:image/png;base64,{base64.b64encode(PNG).decode()}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


async def read(client: Client, path: str = THREAD) -> list[dict[str, Any]]:
    answer = await client.get(path)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store"), answer.text
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


async def test_a_picture_of_another_program_is_read_by_its_id_alone_and_stays_nobodys(tmp_path: Path) -> None:
    scripted = ScriptedProvider(model={"images": ImageInputs(most=2)})
    async with open_client(tmp_path, scripted) as (client, studio):
        sent = {"type": "image", "image": URI, "filename": "me.png"}
        made = (await client.post("/api/image", json={**FOX, "images": sent})).json()
        path = f"/api/threads/{made['thread']}"
        await client.get("/limner/conversations")  # which gives it the cookie of a visitor
        assert "limner_visitor" in client.cookies
        asked, answer = await read(client, path)
        entry = await studio.store.conversations.find(made["thread"])
    assert (asked["role"], asked["content"]) == ("user", [{"type": "text", "text": "a fox"}, sent])
    part = {"type": "image", "image": URI, "filename": "a-fox.png"}
    assert (answer["role"], answer["content"]) == ("assistant", [part])
    assert answer["status"] == {"type": "complete", "reason": "stop"}
    assert answer["id"] == f"{made['message']}-1"
    assert entry is not None
    assert entry.owner == NOBODY


async def test_whoever_knows_the_id_takes_nothing_from_the_program_that_asked(tmp_path: Path) -> None:
    """A retry that finds its picture gone would be paid for a second time."""
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, studio):
        retry: dict[str, Any] = {"json": FOX, "headers": {"Idempotency-Key": "k-1"}}
        made = await client.post("/api/image", **retry)
        thread, message = made.json()["thread"], made.json()["message"]
        await client.get("/limner/conversations")  # which gives it the cookie of a visitor
        other = Visitor("other", key="somebody else's")
        for work in (
            studio.delete_conversation(thread, other),
            studio.rename(thread, "mine", other),
        ):
            with pytest.raises(Rejected, match="may ask for it again"):
                await work
        assert await studio.conversations(other) == []
        shown = await client.get(f"/limner/threads/{thread}/messages/{message}/details")
        assert shown.status_code == 200
        actions = (f"messages/{message}/{action}" for action in ("regenerate", "stop", "delete"))
        for path in ("messages", *actions):
            answer = await client.post(f"/limner/threads/{thread}/{path}", json={"prompt": "mine"})
            assert (answer.status_code, "may ask for it again" in answer.json()["error"]) == (400, True)
        assert (await client.post("/api/image", **retry)).content == made.content
        assert (await client.get(f"/api/threads/{thread}")).status_code == 200
    assert len(scripted.requests) == 1


async def test_it_is_there_while_it_runs(tmp_path: Path) -> None:
    gate = Gate()
    async with open_client(tmp_path, ScriptedProvider(gate)) as (client, studio):
        asked = asyncio.create_task(client.post("/api/image", json=FOX))
        await asyncio.wait_for(gate.reached.wait(), 20)
        (attempt,) = studio._attempts.values()
        running = (await read(client, f"/api/threads/{attempt.conversation.id}"))[1]
        gate.open.set()
        assert (await asked).json()["thread"] == attempt.conversation.id
        settled = (await read(client, f"/api/threads/{attempt.conversation.id}"))[1]
    assert (running["status"], running["content"]) == ({"type": "running"}, [])
    assert (settled["status"]["type"], len(settled["content"])) == ("complete", 1)


async def test_a_conversation_of_the_page_is_its_visitors_alone(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        await client.get("/limner/conversations")
        begun = (await client.post(MESSAGES, json=FOX)).json()
        conversation = await studio.conversation(CONVERSATION, who(client))
        message = conversation.get(begun["message"])
        assert message
        await settled(conversation, message)
        assert len(await read(client)) == 2
        client.cookies.clear()
        stranger = await client.get(THREAD)
        unknown = await client.get(f"/api/threads/{'1' * 32}")
    assert (stranger.status_code, stranger.json()["category"]) == (404, "not-found")
    assert stranger.json() == unknown.json(), "nobody learns that it exists"


@pytest.mark.parametrize("id", ["1" * 32, "0", "A" * 32, "g" * 32, "%00" * 32, "1" * 33])
async def test_asking_for_what_is_not_there_makes_nothing(tmp_path: Path, id: str) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        for _ in range(2):
            answer = await client.get(f"/api/threads/{id}")
            assert (answer.status_code, answer.json()["category"]) == (404, "not-found")
            assert answer.json()["error"].endswith(".")
        assert studio._conversations.ids() == set()
        assert await studio.store.conversations.find(id) is None


async def test_what_was_deleted_is_not_read(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        conversation, first, version = await ask(studio)
        _, second, _ = await ask(studio, "an owl")
        await studio.regenerate(conversation, first)
        await settled(conversation, first)
        await studio.delete(conversation, first, version.number)
        await studio.delete(conversation, second)
        assert [item["id"] for item in await read(client)] == [f"{first.id}-asked", f"{first.id}-2"]
        await client.post(f"/limner/threads/{CONVERSATION}/delete")
        assert (await client.get(THREAD)).status_code == 404


async def test_a_date_is_as_javascript_writes_one(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        _, message, _ = await ask(studio)
        asked, _ = await read(client)
    assert len(asked["createdAt"]) == len("2026-01-31T10:00:00.000Z")
    at = datetime.fromisoformat(asked["createdAt"].replace("Z", "+00:00")).timestamp()
    assert message.created - 0.001 <= at <= message.created


async def test_the_disk_that_cannot_be_read_is_a_503(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(*_: Any) -> Any:
        raise StoreError("no disk")

    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        monkeypatch.setattr(Store, "load", fail)
        monkeypatch.setattr("core.storage.conversations.Conversations.find", fail)
        answer = await client.get(THREAD)
    assert (answer.status_code, answer.json()["category"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "5"


async def test_a_public_address_makes_them_links(tmp_path: Path) -> None:
    public = "https://pictures.example/app/"
    async with open_client(tmp_path, ScriptedProvider(), public_url=public, hosts=["localhost"]) as (
        client,
        _,
    ):
        made = (await client.post("/api/image", json=FOX)).json()
        (part,) = (await read(client, f"/api/threads/{made['thread']}"))[1]["content"]
    assert part["image"] == made["image"]
    assert part["image"].startswith("https://pictures.example/app/limner/pictures/")


async def test_a_picture_that_is_gone_is_no_part(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        _, _, version = await ask(studio)
        assert version.picture
        (tmp_path / "pictures" / version.picture.name).unlink()
        assert (await read(client))[1]["content"] == []


async def test_however_large_it_is_little_of_it_is_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noise = BytesIO()
    Image.effect_noise((1800, 1800), 90).save(noise, "PNG")
    size = len(noise.getvalue())
    monkeypatch.setattr("core.thread_json.MAX_INLINE", 9 * size)

    async def made(_: ImageRequest) -> ImageResult:
        return ImageResult(noise.getvalue())

    async with open_client(tmp_path, ScriptedProvider(made), max_in_flight=10) as (client, studio):
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, *[UserRequest(prompt="noise")] * 10)
        await settled(conversation, message)
        messages, most, whole = kept_messages(conversation), 0, tmp_path / "whole.json"
        with whole.open("wb") as file:
            tracemalloc.start()
            async for piece in stream_thread(messages, studio.store, studio.settings, "http://host/"):
                file.write(piece)
                most = max(most, len(piece))
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        items = json.loads(whole.read_text())
        assert [item["id"] for item in await read(client)] == [item["id"] for item in items]
        images = [item["content"][0]["image"] for item in items[1:]]
        assert [base64.b64decode(image.partition(",")[2]) for image in images[:9]] == [noise.getvalue()] * 9
        assert images[9].startswith("http://host/limner/pictures/"), "JavaScript could not read a longer text"
    assert size > 2_000_000
    assert (most < 2_500_000, peak < 12_000_000) == (True, True), (most, peak)


async def test_a_head_has_no_body(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        await ask(studio)
        head = await client.head(THREAD)
    assert (head.status_code, head.content) == (200, b"")
