"""A token of the Hub's in a request: it says who asks once the Hub has said so, and never before."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.generation.visitor import Visitor
from core.studio import Studio
from limner.testing.loopback import Reply
from tests.core.scripted import ScriptedProvider
from tests.hub import Hub
from tests.ui.http.client import FOX, MESSAGES, Client, open_client
from tests.ui.http.signing_in import account, sign_in
from tests.waiting import until
from ui.http import hub as asked_hub

pytestmark = pytest.mark.anyio

WHO = "/api/whoami-v2"
ADDRESS = "203.0.113.7"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with Hub() as hub:
        for name, value in hub.variables().items():
            monkeypatch.setenv(name, value)
        yield hub


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> list[Visitor]:
    """Lists the visitors whose pictures were asked for."""
    visitors: list[Visitor] = []
    start = Studio.start

    async def noted(self: Studio, *asked: Any, **more: Any) -> Any:
        visitors.append(more["visitor"])
        return await start(self, *asked, **more)

    monkeypatch.setattr(Studio, "start", noted)
    return visitors


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def make(client: Client, token: str) -> Any:
    return await client.post("/api/image", json=FOX, headers=bearer(token))


async def test_a_token_is_whose_the_hub_says(tmp_path: Path, hub: Hub, seen: list[Visitor]) -> None:
    ada, bob = hub.people["ada"], hub.people["bob"]
    async with open_client(tmp_path, ScriptedProvider(), ADDRESS) as (client, _):
        for person in (ada, bob):
            assert (await make(client, person.token)).status_code == 200
        assert await account(client, **bearer(bob.token)) == "bob"
        assert await account(client, authorization=f"bearer   {bob.token}") == "bob"
        assert [visitor.name for visitor in seen] == [f"user {ada.id}", f"user {bob.id}"]
        tokens = [visitor.token and visitor.token.get_secret_value() for visitor in seen]
        assert tokens == [ada.token, bob.token]
        assert len({visitor.key for visitor in seen}) == 2
        assert hub.asked(WHO) == [ada.token, bob.token], "once, however often it comes"


@pytest.mark.parametrize("token", ["hf_forged0123456789", "hf_", "hf_ spaces within", "hf_umlaut\xfc0123456"])
async def test_a_forged_token_is_nobody(tmp_path: Path, hub: Hub, seen: list[Visitor], token: str) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        for path, body in (("/api/image", FOX), (MESSAGES, FOX)):
            headers = {"Authorization": f"Bearer {token}".encode("latin-1")}
            answer = await client.post(path, json=body, headers=headers)  # pyright: ignore[reportArgumentType]
            assert (answer.status_code, seen) == (401, [])
            assert "token" in answer.json()["error"]
            assert answer.headers["www-authenticate"] == "Bearer"
            assert token not in answer.text
    assert len(hub.asked(WHO)) == (1 if token == "hf_forged0123456789" else 0)


async def test_what_is_not_the_hubs_is_sent_to_nobody(tmp_path: Path, hub: Hub, seen: list[Visitor]) -> None:
    async with open_client(tmp_path, ScriptedProvider(), ADDRESS) as (client, _):
        for said in ("Bearer sk-anothers-0123456789", "Basic aGZfYTpi", "hf_AdasOwnToken0123456789abcdef"):
            answer = await client.post("/api/image", json=FOX, headers={"Authorization": said})
            assert answer.status_code == 200
        assert [(visitor.name, visitor.token) for visitor in seen] == [(ADDRESS, None)] * 3
        assert hub.requests == []


async def test_a_token_stands_over_a_session(tmp_path: Path, hub: Hub, seen: list[Visitor]) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        await sign_in(client)
        assert (await make(client, "hf_forged0123456789")).status_code == 401
        assert (await make(client, hub.people["bob"].token)).status_code == 200
        assert [visitor.name for visitor in seen] == [f"user {hub.people['bob'].id}"]


async def test_a_hub_that_cannot_be_reached_makes_nobody_anybody(
    tmp_path: Path, hub: Hub, seen: list[Visitor]
) -> None:
    hub.is_down = True
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await make(client, hub.people["ada"].token)
        assert (answer.status_code, seen) == (503, [])
        assert "cannot be reached" in answer.json()["error"]
        hub.is_down = False
        assert (await make(client, hub.people["ada"].token)).status_code == 200, "that is not kept"


@pytest.mark.parametrize(
    "answer",
    [
        Reply(302, headers={"location": "/elsewhere"}),
        Reply(body={"type": "org", "id": "1", "name": "house"}),
        Reply(body={"type": "user", "id": ["1"], "name": "ada"}),
        Reply(body={"type": "user", "id": "1", "name": ""}),
        Reply(body="[" * 500_000),
        Reply(body=b"x" * 3_000_000),
    ],
)
async def test_an_odd_answer_makes_nobody_anybody(
    tmp_path: Path, hub: Hub, seen: list[Visitor], monkeypatch: pytest.MonkeyPatch, answer: Reply
) -> None:
    monkeypatch.setattr(hub._server, "_handler", lambda _: answer)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        reply = await make(client, hub.people["ada"].token)
        assert reply.status_code in (401, 503)
        assert seen == []
        assert [request.path for request in hub.requests] == [WHO], "a token goes nowhere else"


async def test_wrong_tokens_are_asked_for_only_so_often(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=True) as (client, _):

        async def ask(token: str, address: str = ADDRESS) -> Any:
            headers = {**bearer(token), "X-Forwarded-For": address}
            return await client.get("/limner/account", headers=headers)

        many = await asyncio.gather(*(ask(f"hf_guessed{n:010}") for n in range(100)))
        statuses = [answer.status_code for answer in many]
        assert (statuses.count(401), statuses.count(429)) == (30, 70), "also where they come all at once"
        assert len(hub.asked(WHO)) == asked_hub.MOST_WRONG
        assert 0 < int(many[-1].headers["retry-after"]) <= 60
        assert (await ask("hf_guessed0000000000")).status_code == 401, "which is known"
        assert (await ask(hub.people["ada"].token, "203.0.113.8")).status_code == 200
        assert (await ask(hub.people["ada"].token)).status_code == 200, "so is this one"


async def test_right_tokens_are_not_counted_and_many_who_ask_share_one_answer(
    tmp_path: Path, hub: Hub
) -> None:
    people = [f"hf_right{n:012}" for n in range(50)]
    hub.tokens.update(dict.fromkeys(people, "ada"))
    async with open_client(tmp_path, ScriptedProvider(), ADDRESS) as (client, _):
        for token in people:
            assert await account(client, **bearer(token)) == "ada"
        hub.requests.clear()
        token = hub.people["bob"].token
        names = await asyncio.gather(*(account(client, **bearer(token)) for _ in range(20)))
        assert (names, hub.asked(WHO)) == (["bob"] * 20, [token])


async def test_the_answer_is_known_for_a_while_only(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_hub, "RIGHT_SECONDS", 0.0)
    token = hub.people["ada"].token
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        assert await account(client, **bearer(token)) == "ada"
        del hub.tokens[token]
        assert (await client.get("/limner/account", headers=bearer(token))).status_code == 401


async def test_what_is_known_is_bounded_and_holds_no_token(
    tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asked_hub, "MAX_KNOWN", 5)
    monkeypatch.setattr(asked_hub, "MOST_WRONG", 1_000)
    known = asked_hub.Hub()
    for n in range(9):
        token = asked_hub.read_token(f"hf_guessed{n:010}")
        assert token
        with pytest.raises(asked_hub.WrongToken):
            await known.whose(token, ADDRESS)
    assert len(known._known) == 5
    await until(lambda: not known._asking)
    assert "guessed" not in str(vars(known))
