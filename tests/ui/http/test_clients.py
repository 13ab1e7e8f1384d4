"""A client that comes with a key of its own: who it is, what it may use, and what is its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request

from core.asking import ask, providers_for
from core.chat.request import UserRequest
from core.generation.visitor import OWNER, Visitor
from core.settings.clients import hash_of, new_key
from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import ProviderError
from providers import sketch
from tests.core.scripted import CONVERSATION, NEEDS_KEY, ScriptedProvider
from tests.plugins.objects import registry_of
from tests.ui.http.client import FOX, MESSAGES, open_client
from tests.ui.http.test_bearer import hub, seen
from ui.http.visitors import Visitors

__all__ = ["hub", "seen"]
pytestmark = pytest.mark.anyio

KEY, ANOTHER = new_key(), new_key()
NOTEBOOK: dict[str, Any] = {"clients": {"notebook": {"key": hash_of(KEY)}}}
BOTH: dict[str, Any] = {"clients": {**NOTEBOOK["clients"], "web": {"key": hash_of(ANOTHER)}}}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def bearer(key: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"Authorization": f"{scheme} {key}"}


async def test_a_key_says_which_client_asks_and_never_the_owner(tmp_path: Path, seen: list[Visitor]) -> None:
    async with open_client(tmp_path, ScriptedProvider(), **BOTH) as (client, _):
        for headers in (bearer(KEY), bearer(KEY, "bearer  "), bearer(ANOTHER), {}):
            assert (await client.post("/api/image", json=FOX, headers=headers)).status_code == 200
            await client.get("/limner/conversations")  # from now on there is a cookie beside the key
    names = [(visitor.name, visitor.is_owner) for visitor in seen]
    assert names[:3] == [("client notebook", False)] * 2 + [("client web", False)]
    assert seen[3].is_owner, "it is the same machine, without a key"
    assert len({visitor.key for visitor in seen}) == 3


@pytest.mark.parametrize(
    "key",
    [new_key(), KEY[:-1], f"{KEY}x", KEY.upper(), "limner_", f"limner_{'é' * 43}", "limner_" + "x" * 9_000],
    ids=["another", "short", "long", "in capitals", "empty", "not ASCII", "huge"],
)
async def test_a_wrong_key_is_nobody(tmp_path: Path, seen: list[Visitor], key: str) -> None:
    async with open_client(tmp_path, ScriptedProvider(), **NOTEBOOK) as (client, _):
        headers: Any = {"Authorization": f"Bearer {key}".encode("latin-1")}
        for answer in (
            await client.post("/api/image", json=FOX, headers=headers),
            await client.post(MESSAGES, json=FOX, headers=headers),
            await client.get("/limner/account", headers=headers),
            await client.get("/limner/offer?provider=sketch", headers=headers),
        ):
            assert (answer.status_code, seen) == (401, [])
            assert answer.json()["error"].startswith("This API key is not known here: ")
            assert answer.headers["www-authenticate"] == "Bearer"
            assert key not in answer.text


async def test_other_keys_say_nothing_as_before(tmp_path: Path, seen: list[Visitor]) -> None:
    async with open_client(tmp_path, ScriptedProvider(), "203.0.113.7", **NOTEBOOK) as (client, _):
        for said in ("Bearer sk-limner_0123456789", "Bearer", "Basic Zm94OmZveA=="):
            answer = await client.post("/api/image", json=FOX, headers={"Authorization": said})
            assert answer.status_code == 200
    assert [visitor.name for visitor in seen] == ["203.0.113.7"] * 3


@pytest.mark.parametrize(
    "headers",
    [
        *([("Authorization", said)] for said in (KEY, f"Basic {KEY}", f"Token {KEY}", f'Bearer "{KEY}"')),
        *([(name, KEY)] for name in ("api-key", "x-api-key")),
        [("Authorization", f"Bearer {KEY}"), ("Authorization", f"Bearer {ANOTHER}")],
    ],
    ids=["alone", "Basic", "Token", "in quotes", "api-key", "x-api-key", "beside another"],
)
async def test_a_key_that_is_brought_in_another_way_is_nobodys_and_never_the_owners(
    tmp_path: Path, seen: list[Visitor], headers: list[tuple[str, str]]
) -> None:
    async with open_client(tmp_path, ScriptedProvider(), **NOTEBOOK) as (client, _):
        answer = await client.post("/api/image", json=FOX, headers=headers)
        assert (answer.status_code, seen) == (401, [])
        assert "send it as Authorization: Bearer" in answer.json()["error"]
        assert KEY not in answer.text


async def test_what_is_for_the_owner_on_the_machine_is_not_for_a_client_there(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), **NOTEBOOK) as (client, _):
        assert (await client.get("/limner/plugins", headers=bearer(KEY))).status_code == 404
        refused = await client.post("/api/image", json={**FOX, "model": "any/unlisted"}, headers=bearer(KEY))
        assert refused.status_code == 400
        assert (await client.get("/limner/account", headers=bearer(KEY))).json()["user"] is None


async def test_a_clients_conversations_are_its_own(tmp_path: Path) -> None:
    async with open_client(tmp_path, ScriptedProvider(), **BOTH) as (client, studio):

        async def listed(headers: dict[str, str]) -> list[str]:
            answer = await client.get("/limner/conversations", headers=headers)
            return [one["id"] for one in answer.json()["conversations"]]

        begun = await client.post(MESSAGES, json=FOX, headers=bearer(KEY))
        assert begun.status_code == 201
        conversation = await studio.conversation(CONVERSATION, await whose(studio, KEY))
        await conversation.settled(next(iter(conversation)))
        assert [await listed(who) for who in (bearer(KEY), bearer(ANOTHER), {})] == [[CONVERSATION], [], []]
        for other in (bearer(ANOTHER), {}):
            assert (await client.post(MESSAGES, json=FOX, headers=other)).status_code == 404


async def test_a_client_is_limited_wherever_it_is(tmp_path: Path) -> None:
    own: dict[str, Any] = {"clients": {"notebook": {"key": hash_of(KEY), "rate_limit": "2/day"}}}
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=True, **own) as (client, _):

        async def send(address: str, **headers: str) -> int:
            sent = {"X-Forwarded-For": address, **headers}
            return (await client.post("/api/image", json=FOX, headers=sent)).status_code

        statuses = [await send(f"203.0.113.{n}", **bearer(KEY)) for n in range(3)]
        assert statuses == [200, 200, 429]
        assert await send("203.0.113.1") == 200, "its address is another visitor"


async def test_the_owner_pays_for_a_client_that_has_a_budget(tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", "key-of-a-test-4711")
    clients = {
        "rich": {"key": hash_of(KEY), "budget": "1/day", "providers": ["scripted"]},
        "poor": {"key": hash_of(ANOTHER)},
    }
    scripted = ScriptedProvider(**NEEDS_KEY)
    async with open_client(tmp_path, scripted, clients=clients) as (client, studio):

        async def send(key: str) -> tuple[int, str]:
            answer = await client.post(
                "/api/image", json={**FOX, "provider": "scripted"}, headers=bearer(key)
            )
            said = answer.json()
            return answer.status_code, said.get("error") or said["metadata"]["provider"]

        rich, poor = [await whose(studio, key) for key in (KEY, ANOTHER)]
        assert [one.name for one in providers_for(studio, rich)] == ["scripted"]
        assert [one.name for one in providers_for(studio, poor)] == ["sketch"]
        assert await send(KEY) == (200, "scripted")
        status, sentence = await send(KEY)
        assert status == 429
        assert sentence.startswith("Your budget of 1 picture per day is used up")
        assert await send(ANOTHER) == (200, "sketch")
    assert len(scripted.requests) == 1


async def whose(studio: Studio, key: str) -> Visitor:
    """Returns who a request with this key is from."""
    head = [(b"authorization", f"Bearer {key}".encode())]
    return await Visitors(studio).of(
        Request({"type": "http", "headers": head, "client": ("127.0.0.1", 1), "method": "GET", "path": "/"})
    )


async def test_a_client_has_its_providers_alone_and_the_first_is_its_default(tmp_path: Path) -> None:
    theirs = {"notebook": {"key": hash_of(KEY), "providers": ["sketch"]}}
    async with open_client(tmp_path, ScriptedProvider(), clients=theirs) as (client, studio):

        async def send(**asked: str) -> tuple[int, str]:
            answer = await client.post("/api/image", json={**FOX, **asked}, headers=bearer(KEY))
            said = answer.json()
            return answer.status_code, said.get("error") or said["metadata"]["provider"]

        visitor = await whose(studio, KEY)
        assert [one.name for one in providers_for(studio, visitor)] == ["sketch"]
        assert await send(provider="sketch") == (200, "sketch")
        assert await send() == (200, "sketch"), "the default provider is not theirs"
        refusal = "This key is not for the provider 'scripted': it is for sketch."
        assert await send(provider="scripted") == (400, refusal)
        for name, status in (("sketch", 200), ("scripted", 404)):
            offer = await client.get(f"/limner/offer?provider={name}", headers=bearer(KEY))
            assert offer.status_code == status


async def test_no_other_provider_stands_in_or_follows_for_a_client(tmp_path: Path) -> None:
    """Neither the free one where its own costs too much, nor a fallback that is not for it."""

    async def fail(_: Any) -> Any:
        raise ProviderError("unavailable", did_not_run=True)

    clients: Any = {"notebook": {"key": hash_of(KEY), "providers": ["first", "third"]}}
    chosen = Settings(
        data_dir=tmp_path, provider="paid", fallback=("second", "third"), max_retries=0, clients=clients
    )
    providers = {
        name: ScriptedProvider(fail if name == "first" else ScriptedProvider().play)
        for name in ("first", "second", "third")
    }
    registry = registry_of(settings=chosen, paid=ScriptedProvider(paid=True), sketch=sketch, **providers)
    studio = Studio(chosen, registry, Store(tmp_path))
    try:
        visitor = await whose(studio, KEY)
        made = await made_by(studio, visitor)
        assert made == "third", "the first of its own is asked, and then the one fallback that is for it"
        assert len(providers["first"].requests) == 1
        assert providers["second"].requests == []
        assert await made_by(studio, OWNER, provider="first") == "second"
    finally:
        await studio.close()


async def made_by(studio: Studio, visitor: Visitor, **asked: Any) -> str:
    begun = await ask(studio, UserRequest(prompt="a fox", **asked), visitor=visitor)
    (version,) = await begun.settled()
    return version.provenance.provider


async def test_nothing_stands_in_for_what_a_client_may_not_spend(tmp_path: Path) -> None:
    clients = {"notebook": {"key": hash_of(KEY), "providers": ["scripted"]}}
    scripted = ScriptedProvider(paid=True)
    async with open_client(tmp_path, scripted, clients=clients) as (client, _):
        answer = await client.post("/api/image", json=FOX, headers=bearer(KEY))
        assert answer.status_code == 400
        assert "the owner has set no budget for visitors: choose a free provider" in answer.json()["error"]
    assert scripted.requests == []
