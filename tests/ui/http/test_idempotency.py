"""What a client asks for twice under one `Idempotency-Key` is made, billed and counted once."""

from __future__ import annotations

import asyncio
import gc
import json
import weakref
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from core.generation.visitor import Visitor
from limner import ImageRequest, ImageResult, ProviderError
from tests.core.scripted import CONVERSATION, Gate, ScriptedProvider
from tests.ui.http.client import FOX, MESSAGES, Client, open_client, who
from ui.http import idempotency
from ui.http.idempotency import Begun, IdempotencyKeys

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def post(client: Client, key: str | None, body: object = FOX, to: str = "/api/image") -> Any:
    return client.post(to, json=body, headers={} if key is None else {"Idempotency-Key": key})


async def test_a_retry_gets_the_same_answer_and_counts_once(tmp_path: Path) -> None:
    scripted = ScriptedProvider(paid=True)
    async with open_client(tmp_path, scripted, rate_limit="2/hour", budget="2/hour") as (client, _):
        first = await post(client, "k-1")
        again = await client.post(
            "/api/image", content=b'{ "prompt" :"a fox"}', headers={"Idempotency-Key": "k-1"}
        )
        assert (first.status_code, first.content) == (200, again.content)
        assert len(scripted.requests) == 1
        other = await post(client, "k-2")
        assert other.json()["metadata"]["seed"] != first.json()["metadata"]["seed"]
        assert (await post(client, "k-3")).status_code == 429
        assert (await post(client, None)).status_code == 429
        assert (await post(client, "k-1")).content == first.content  # beyond every limit: nothing is made
    assert len(scripted.requests) == 2


async def test_without_a_key_each_request_is_its_own(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        for _ in range(2):
            assert (await post(client, None)).status_code == 200
    assert len(scripted.requests) == 2


async def test_a_retry_waits_for_what_is_under_way(tmp_path: Path) -> None:
    gate = Gate()
    scripted = ScriptedProvider(gate)
    async with open_client(tmp_path, scripted, max_in_flight=1) as (client, _):
        answers = asyncio.gather(*(post(client, "k") for _ in range(4)))
        await asyncio.wait_for(gate.reached.wait(), 20)
        gate.open.set()
        bodies = {answer.content for answer in await answers}
    assert (len(bodies), len(scripted.requests)) == (1, 1)
    assert b"data:image/png" in bodies.pop()


async def test_a_client_that_went_away_finds_its_picture(tmp_path: Path) -> None:
    gate = Gate()
    scripted = ScriptedProvider(gate)
    async with open_client(tmp_path, scripted) as (client, _):
        gone = asyncio.create_task(post(client, "k"))
        await asyncio.wait_for(gate.reached.wait(), 20)
        gone.cancel()
        await asyncio.wait([gone])
        gate.open.set()
        assert (await post(client, "k")).status_code == 200
    assert len(scripted.requests) == 1


async def test_a_failure_is_the_same_answer_too(tmp_path: Path) -> None:
    async def fail(_: ImageRequest) -> ImageResult:
        raise ProviderError("rate-limit", "The service's own words.", retry_after=7)

    scripted = ScriptedProvider(fail)
    async with open_client(tmp_path, scripted) as (client, _):
        first, again = [await post(client, "k") for _ in range(2)]
    assert (first.status_code, first.headers["retry-after"]) == (429, "7")
    assert (again.status_code, again.headers, again.content) == (429, first.headers, first.content)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize(
    ("body", "to"), [({"prompt": "a fox", "seed": 5}, "/api/image"), (FOX, MESSAGES), (FOX, "/api/image?a=1")]
)
async def test_a_key_that_came_with_another_request_is_refused(
    tmp_path: Path, body: dict[str, Any], to: str
) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        await post(client, "k")
        answer = await post(client, "k", body, to)
    assert (answer.status_code, answer.json()) == (
        422,
        {
            "error": "This Idempotency-Key was sent with another request: use a new one for each.",
            "category": "invalid-request",
        },
    )
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("key", ["", "k" * 201, "a b", "a\tb", "a\x7f", "clé", "a\x01"])
async def test_a_wrong_key_is_a_400(tmp_path: Path, key: str) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, _):
        for to in ("/api/image", MESSAGES):
            headers = [(b"Idempotency-Key", key.encode("latin-1")), (b"Content-Type", b"application/json")]
            answer = await client.post(to, content=json.dumps(FOX), headers=headers)
            assert answer.status_code == 400
            assert answer.json()["error"].startswith("The Idempotency-Key must be one text of 1 to 200")
        twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        assert (await client.post("/api/image", json=FOX, headers=twice)).status_code == 400
    assert scripted.requests == []


async def test_what_was_rejected_is_not_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = Gate()
    scripted = ScriptedProvider(gate)
    async with open_client(tmp_path, scripted, max_in_flight=1) as (client, studio):
        assert (await post(client, "k", {"prompt": " "})).status_code == 400
        assert (await post(client, "k", {"prompt": "a", "model": "nobody"})).status_code == 400
        monkeypatch.setattr(studio, "is_closing", True)
        assert (await post(client, "k")).status_code == 503
        monkeypatch.setattr(studio, "is_closing", False)
        first = asyncio.create_task(post(client, "other"))
        await asyncio.wait_for(gate.reached.wait(), 20)
        assert (await post(client, "k")).status_code == 429
        gate.open.set()
        assert (await first).status_code == 200
        assert (await post(client, "k")).status_code == 200
    assert len(scripted.requests) == 2


async def test_a_picture_that_is_not_kept_any_more_is_not_made_again(tmp_path: Path) -> None:
    scripted = ScriptedProvider()
    async with open_client(tmp_path, scripted) as (client, studio):
        await post(client, "k")
        gc.collect()  # the conversation leaves the memory
        await studio.store.removal.prune(keep_days=0, keep_bytes=0, in_use=set(), protected=set())
        answer = await post(client, "k")
    assert (answer.status_code, len(scripted.requests)) == (410, 1)
    assert "use a new key" in answer.json()["error"]


async def test_a_message_and_its_next_version_begin_once(tmp_path: Path) -> None:
    gate = Gate()
    scripted = ScriptedProvider(gate)
    async with open_client(tmp_path, scripted) as (client, studio):
        first, again = [await post(client, "send", to=MESSAGES) for _ in range(2)]
        assert (first.status_code, first.json()) == (201, again.json())
        conversation = await studio.conversation(CONVERSATION, who(client))
        (message,) = conversation
        gate.open.set()
        await conversation.settled(message)
        gate.open.clear()
        path = f"{MESSAGES}/{message.id}/regenerate"
        answers = [await post(client, "again", to=path) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [200, 200]
        assert (await post(client, "third", to=path)).status_code == 400  # it is being made
        gate.open.set()
        await conversation.settled(message)
        assert len(message.versions) == 2
        assert (await post(client, "again", to=f"{path}?seed=new")).status_code == 422
    assert len(scripted.requests) == 2


# --- The keys themselves ---


def request_of(key: str, path: str = "/") -> Request:
    headers = [(b"idempotency-key", key.encode()), (b"host", b"localhost")]
    return Request({"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": headers})


ME = Visitor("me")


class Counted:
    """Begins things, and counts them."""

    def __init__(self) -> None:
        self.begun = 0

    async def begin(self) -> Begun:
        self.begun += 1
        await asyncio.sleep(0)
        return Begun("c", "m", self.begun)


async def test_each_visitor_has_keys_of_their_own() -> None:
    """A browser is known by its cookie wherever it is, and by its address before it has one."""
    keys, counted = IdempotencyKeys(), Counted()
    at_home, on_the_way = Visitor("1.1.1.1", key="us"), Visitor("2.2.2.2", key="us")
    for visitor in (ME, Visitor("you"), ME, Visitor("me", key="new"), at_home, on_the_way):
        await keys.once(request_of("k"), visitor, "{}", counted.begin)
    assert counted.begun == 3


async def test_the_oldest_keys_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MAX_KEYS", 3)
    keys, counted = IdempotencyKeys(), Counted()
    for key in ("a", "b", "c", "a", "d"):
        await keys.once(request_of(key), ME, "{}", counted.begin)
    assert counted.begun == 4
    assert (await keys.once(request_of("d"), ME, "{}", counted.begin)).version == 4
    assert (await keys.once(request_of("a"), ME, "{}", counted.begin)).version == 5


async def test_one_visitor_pushes_out_their_own_keys_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with another cookie each time."""
    monkeypatch.setattr(idempotency, "MAX_OF_ONE", 2)
    keys, counted = IdempotencyKeys(), Counted()
    await keys.once(request_of("k"), Visitor("you"), "{}", counted.begin)
    for key in ("a", "b", "c"):
        await keys.once(request_of(key), Visitor("me", key=f"cookie {key}"), "{}", counted.begin)
    assert counted.begun == 4
    assert (await keys.once(request_of("k"), Visitor("you"), "{}", counted.begin)).version == 1
    assert (await keys.once(request_of("c"), Visitor("me", key="cookie c"), "{}", counted.begin)).version == 4
    assert (await keys.once(request_of("a"), Visitor("me", key="cookie a"), "{}", counted.begin)).version == 5


async def test_who_has_the_most_makes_room_for_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idempotency, "MAX_KEYS", 4)
    keys, counted = IdempotencyKeys(), Counted()
    for visitor, key in (("you", "k"), ("me", "a"), ("me", "b"), ("me", "c"), ("them", "d"), ("others", "e")):
        await keys.once(request_of(key), Visitor(visitor), "{}", counted.begin)
    assert (await keys.once(request_of("k"), Visitor("you"), "{}", counted.begin)).version == 1
    assert (await keys.once(request_of("a"), Visitor("me"), "{}", counted.begin)).version == 7


async def test_a_key_counts_for_a_day_only(monkeypatch: pytest.MonkeyPatch) -> None:
    keys, counted = IdempotencyKeys(), Counted()
    await keys.once(request_of("a"), ME, "{}", counted.begin)
    monkeypatch.setattr(idempotency, "KEPT_SECONDS", -1)
    await keys.once(request_of("a"), ME, "another body", counted.begin)
    assert counted.begun == 2


async def test_what_begins_holds_nothing_in_memory_once_it_has_begun() -> None:
    keys, held = IdempotencyKeys(), Counted()
    watched = weakref.ref(held)

    await keys.once(request_of("a"), ME, "{}", held.begin)
    del held
    gc.collect()
    assert watched() is None


async def test_what_begins_is_not_cancelled_with_its_client() -> None:
    keys, may_go_on, begun = IdempotencyKeys(), asyncio.Event(), asyncio.Event()

    async def begin() -> Begun:
        begun.set()
        await may_go_on.wait()
        return Begun("c", "m", 1)

    client = asyncio.create_task(keys.once(request_of("k"), ME, "{}", begin))
    await begun.wait()
    client.cancel()
    await asyncio.wait([client])
    may_go_on.set()
    assert (await keys.once(request_of("k"), ME, "{}", Counted().begin)).message == "m"
