"""Keys of a visitor's own in a body: for that request alone, and in nothing else that the server does."""

from __future__ import annotations

import gc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.generation.visitor import Visitor
from core.studio import Studio
from limner import ProviderError
from tests.core.scripted import CONVERSATION, NEEDS_KEY, ScriptedProvider, at_once
from tests.ui.http.client import FOX, MESSAGES, open_client
from tests.waiting import until

pytestmark = pytest.mark.anyio

KEY = "own-key-of-a-visitor-4711"
KEYS = {"scripted": {"SCRIPTED_API_KEY": KEY}}
PRICE = f"/limner/threads/{CONVERSATION}/price"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[str, Any]]:
    """Lists the keys with which pictures were priced and asked for."""
    keys: list[Mapping[str, Any]] = []

    def noting(name: str) -> None:
        real = getattr(Studio, name)

        async def noted(self: Studio, *asked: Any, **more: Any) -> Any:
            who: Visitor = more["visitor"]
            keys.append({p: {v: s.get_secret_value() for v, s in own.items()} for p, own in who.keys.items()})
            assert KEY not in repr((asked, more))
            return await real(self, *asked, **more)

        monkeypatch.setattr(Studio, name, noted)

    for name in ("start", "add_versions", "regenerate", "price"):
        noting(name)
    return keys


async def test_each_route_that_may_cost_money_takes_them(
    tmp_path: Path, seen: list[Mapping[str, Any]]
) -> None:
    scripted = ScriptedProvider(**NEEDS_KEY)
    async with open_client(tmp_path, scripted) as (client, studio):
        await client.get("/limner/conversations")
        assert (await client.post(PRICE, json={**FOX, "keys": KEYS})).status_code == 200
        begun = await client.post(
            MESSAGES, json={**FOX, "keys": {"scripted": {"SCRIPTED_API_KEY": f" {KEY}\n"}}}
        )
        assert begun.status_code == 201, begun.text
        await until(lambda: not studio._attempts)
        again = f"{MESSAGES}/{begun.json()['message']}/regenerate"
        for body in ({"keys": KEYS}, {**FOX, "keys": KEYS}):
            assert (await client.post(again, json=body)).status_code == 200
            await until(lambda: not studio._attempts)
        made = await client.post("/api/image", json={**FOX, "keys": KEYS})
        assert made.status_code == 200, made.text
        assert KEY not in made.text
    # a regenerate without values goes through `add_versions` too
    assert seen == [KEYS] * 6
    assert [
        request.credential and request.credential.get_secret_value() for request in scripted.requests
    ] == [KEY] * 4
    assert KEY.encode() not in (tmp_path / "limner.sqlite3").read_bytes()


async def test_they_are_no_part_of_what_a_retry_repeats(
    tmp_path: Path, seen: list[Mapping[str, Any]]
) -> None:
    async with open_client(tmp_path, ScriptedProvider(**NEEDS_KEY)) as (client, studio):
        await client.get("/limner/conversations")
        other = {"scripted": {"SCRIPTED_API_KEY": "another-key-0815-0815"}}
        for path in (MESSAGES, "/api/image"):
            retried = {"Idempotency-Key": f"once{path}"}
            first = await client.post(path, json={**FOX, "keys": KEYS}, headers=retried)
            again = await client.post(path, json={**FOX, "keys": other}, headers=retried)
            assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert seen == [KEYS, KEYS]
        await until(lambda: not studio._attempts)


async def test_nothing_keeps_them_beyond_the_request(tmp_path: Path) -> None:
    async def fail(_: Any) -> Any:
        raise ProviderError("auth", f"wrong: {KEY}")

    for play in (at_once, fail):
        scripted = ScriptedProvider(play, **NEEDS_KEY)
        async with open_client(tmp_path, scripted) as (client, studio):
            await client.get("/limner/conversations")
            headers = {"Idempotency-Key": play.__name__}
            for path in (MESSAGES, PRICE, "/api/image"):
                await client.post(path, json={**FOX, "keys": KEYS}, headers=headers)
            await until(lambda studio=studio: not studio._attempts)
            scripted.requests.clear()
            gc.collect()
            kept = [one for one in gc.get_objects() if isinstance(one, SecretStr)]
            assert [one for one in kept if one.get_secret_value() == KEY] == []


@pytest.mark.parametrize(
    "keys",
    [
        KEY,
        [KEY],
        {"scripted": KEY},
        {"scripted": [KEY]},
        {"scripted": {"SCRIPTED_API_KEY": [KEY]}},
        {"scripted": {"SCRIPTED_API_KEY": ""}},
        {"scripted": {"SCRIPTED_API_KEY": KEY + " with spaces"}},
        {"scripted": {"SCRIPTED_API_KEY": KEY + "\r\nX-Evil: 1"}},
        {"scripted": {"SCRIPTED_API_KEY": KEY + "é"}},
        {"scripted": {"SCRIPTED_API_KEY": KEY * 50}},
        {f"p{n}": {"A": KEY} for n in range(21)},
        {"scripted": {f"P{n}": KEY for n in range(11)}},
        {KEY: 1},
    ],
)
async def test_what_is_no_key_is_rejected_and_never_repeated(tmp_path: Path, keys: Any) -> None:
    scripted = ScriptedProvider(**NEEDS_KEY)
    async with open_client(tmp_path, scripted) as (client, _):
        for path in (MESSAGES, PRICE, "/api/image"):
            answer = await client.post(path, json={**FOX, "keys": keys})
            assert answer.status_code == 400
            assert "key" in answer.json()["error"].lower()
            assert KEY not in answer.text
        broken = json.dumps({**FOX, "keys": KEYS})[:-1]
        answer = await client.post(MESSAGES, content=broken)
        assert (answer.status_code, KEY in answer.text) == (400, False)
    assert scripted.requests == []
