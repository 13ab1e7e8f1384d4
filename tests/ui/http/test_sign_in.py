"""Signing in with Hugging Face: what it takes, whose it is, and how it ends."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from pydantic import SecretStr

from core.chat.conversation import Conversation
from tests.core.scripted import CONVERSATION, PNG, Gate, ScriptedProvider
from tests.hub import CLIENT_SECRET, Hub
from tests.ui.http.client import FOX, MESSAGES, PICTURES, Client, open_client, sent
from tests.ui.http.signing_in import FROM_THE_HUB, account, at_the_hub, other_browser, sign_in
from tests.waiting import until
from ui.http import sessions
from ui.http.hub import Grant, HubUser
from ui.http.sessions import Sessions
from ui.http.streams import EventStream, Streams
from ui.http.visitors import key_of

pytestmark = pytest.mark.anyio

THREAD = f"/limner/threads/{CONVERSATION}"


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("SPACE_ID", "SPACE_HOST"):
        monkeypatch.delenv(name, raising=False)
    with Hub() as hub:
        for name, value in hub.variables().items():
            monkeypatch.setenv(name, value)
        yield hub


async def listed(client: Client) -> list[str]:
    answer = await client.get("/limner/conversations")
    return [entry["id"] for entry in answer.json()["conversations"]]


async def test_where_the_server_is_not_known_to_the_hub_nobody_can_sign_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OAUTH_CLIENT_ID", raising=False)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        assert (await client.get("/limner/account")).json() == {"signIn": False, "user": None}
        assert (await client.get("/limner/sign-in")).status_code == 404


async def test_a_person_signs_in_and_out(tmp_path: Path, hub: Hub) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        assert (await client.get("/limner/account")).json() == {"signIn": True, "user": None}
        answer = await sign_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "../")
        assert "limner_sign_in" not in client.cookies
        assert await account(client) == "ada"
        cookie = re.search("limner_session=([^;]*); (.*)", ", ".join(answer.headers.get_list("set-cookie")))
        assert cookie
        assert cookie[2].startswith("HttpOnly; Path=/; SameSite=Lax")
        (token,) = hub.signed_in_tokens()
        assert token not in str(answer.headers) + answer.text
        out = await client.post("/limner/sign-out")
        assert (out.status_code, dict(client.cookies).keys()) == (200, set())
        assert await account(client) is None
        kept = {"Cookie": f"limner_session={cookie[1]}"}
        assert await account(client, **kept) is None, "a copy of the cookie is worth nothing any more"


async def test_what_the_hub_is_asked(tmp_path: Path, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OAUTH_SCOPES", "email openid")
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        begun = await client.get("/limner/sign-in")
        asked = parse_qs(urlsplit(begun.headers["location"]).query)
        assert asked["scope"] == ["email openid profile inference-api"]
        assert asked["redirect_uri"] == ["http://localhost/limner/signed-in"]
        assert "; HttpOnly; Path=/; Max-Age=600; SameSite=Lax" in begun.headers["set-cookie"]
        assert CLIENT_SECRET not in begun.headers["location"]


@pytest.mark.parametrize(
    ("variables", "settings", "address"),
    [
        (
            {"SPACE_ID": "me/limner", "SPACE_HOST": "me-limner.hf.space,limner.example"},
            {"behind_proxy": True},
            "https://me-limner.hf.space/limner/signed-in",
        ),
        ({}, {"public_url": "https://limner.example/draw/"}, "https://limner.example/draw/limner/signed-in"),
        ({}, {"behind_proxy": True}, "https://outside.example/limner/signed-in"),
    ],
)
async def test_the_hub_sends_people_back_to_the_address_that_it_knows(
    tmp_path: Path,
    hub: Hub,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    settings: dict[str, Any],
    address: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    proxied = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "outside.example"}
    async with open_client(tmp_path, ScriptedProvider(), **settings) as (client, _):
        client.headers.update(proxied)
        back = await at_the_hub(client)
        assert back.partition("?")[0] == address
        name = "__Host-limner_sign_in" if "behind_proxy" in settings else "limner_sign_in"
        state = {"Cookie": f"{name}={client.cookies.get(name)}"}
        answer = await client.get("/limner/signed-in", params=urlsplit(back).query, headers=state)
        assert answer.status_code == 303, answer.text
        (session,) = [each for each in answer.headers.get_list("set-cookie") if "limner_session" in each]
        if "SPACE_ID" in variables:
            assert session.endswith("; HttpOnly; Path=/; SameSite=None; Secure"), "in the Hub's frame too"
        elif "behind_proxy" in settings:
            assert session.endswith("; HttpOnly; Path=/; SameSite=Lax; Secure")


@pytest.mark.parametrize(("left", "back"), [("a" * 32, f"?c={'a' * 32}"), ("../evil", ""), ("", "")])
async def test_a_sign_in_leads_back_to_the_conversation_that_was_left(
    tmp_path: Path, hub: Hub, left: str, back: str
) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await sign_in(client, left)
        assert (answer.status_code, answer.headers["location"]) == (303, f"../{back}")
        hub.denies = True
        assert f'href="sign-in{back}"' in (await sign_in(client, left)).text


async def test_somebody_who_says_no_is_told_what_to_do(tmp_path: Path, hub: Hub) -> None:
    hub.denies = True
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        answer = await sign_in(client)
        assert (answer.status_code, await account(client)) == (400, None)
        assert "You did not let this page use your Hugging Face account." in answer.text
        assert 'href="../"' in answer.text
        hub.denies = False
        assert (await sign_in(client)).status_code == 303


async def test_a_sign_in_ends_in_the_browser_that_began_it_and_only_once(tmp_path: Path, hub: Hub) -> None:
    """Else somebody could be signed in to another's account, and make pictures there."""
    async with open_client(tmp_path, ScriptedProvider()) as (client, _), other_browser(client) as victim:
        back = await at_the_hub(client)
        for cookies in ({}, {"limner_sign_in": "x" * 43 + "." + "y" * 64}, {"limner_sign_in": "x"}):
            victim.cookies.update(cookies)
            answer = await victim.get(back, headers=FROM_THE_HUB)
            assert (answer.status_code, await account(victim)) == (400, None)
            assert "began in another browser" in answer.text
        begun = client.cookies["limner_sign_in"]
        forged = re.sub("state=[^&]*", "state=forged", back)
        client.cookies.set("limner_sign_in", begun, domain="localhost.local", path="/")
        assert (await client.get(forged, headers=FROM_THE_HUB)).status_code == 400
        kept = {**FROM_THE_HUB, "Cookie": f"limner_sign_in={begun}"}
        assert (await client.get(back, headers=kept)).status_code == 303
        replayed = await victim.get(back, headers=kept)
        assert (replayed.status_code, await account(victim)) == (400, None)
        assert "did not accept this sign-in" in replayed.text
        assert len(hub.signed_in_tokens()) == 1


async def test_the_code_is_worth_nothing_without_what_the_browser_keeps(tmp_path: Path, hub: Hub) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _), other_browser(client) as thief:
        code = parse_qs(urlsplit(await at_the_hub(client)).query)["code"][0]
        own_state = parse_qs(urlsplit(await at_the_hub(thief)).query)["state"][0]
        stolen = {"code": code, "state": own_state}
        answer = await thief.get("/limner/signed-in", params=stolen, headers=FROM_THE_HUB)
        assert (answer.status_code, await account(thief)) == (400, None)
        assert hub.signed_in_tokens() == []


@pytest.mark.parametrize("words", ["error=<script>alert(1)</script>", "code=", "error=server_error&code=x"])
async def test_what_comes_back_is_never_shown(tmp_path: Path, hub: Hub, words: str) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        state = parse_qs(urlsplit(await at_the_hub(client)).query)["state"][0]
        answer = await client.get(f"/limner/signed-in?state={state}&{words}", headers=FROM_THE_HUB)
        assert answer.status_code == 400
        assert "script>" not in answer.text
        assert await account(client) is None


async def test_guessed_codes_are_tried_only_so_often(tmp_path: Path, hub: Hub) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        own = {**FROM_THE_HUB, "Cookie": f"limner_sign_in={'x' * 43}.{'y' * 64}"}
        guessed = f"/limner/signed-in?state={'x' * 43}&code="
        answers = await asyncio.gather(*(client.get(f"{guessed}{n}", headers=own) for n in range(40)))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(400), statuses.count(429)) == (30, 10)
        assert len([request for request in hub.requests if request.path == "/oauth/token"]) == 30


async def test_a_hub_that_cannot_be_reached_is_said(tmp_path: Path, hub: Hub) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        back = await at_the_hub(client)
        hub.is_down = True
        answer = await client.get(back, headers=FROM_THE_HUB)
        assert (answer.status_code, await account(client)) == (503, None)
        assert "cannot be reached" in answer.text


async def test_a_session_that_somebody_else_knows_is_not_the_one_that_is_signed_in(
    tmp_path: Path, hub: Hub
) -> None:
    planted = "a" * 43
    async with open_client(tmp_path, ScriptedProvider()) as (client, _), other_browser(client) as thief:
        for browser in (client, thief):
            browser.cookies.set("limner_session", planted, domain="localhost.local", path="/")
        assert (await sign_in(client)).status_code == 303
        assert (await account(client), await account(thief)) == ("ada", None)
        first = client.cookies["limner_session"]
        assert (await sign_in(client)).status_code == 303
        assert client.cookies["limner_session"] not in (first, planted)
        thief.cookies.set("limner_session", first, domain="localhost.local", path="/")
        assert await account(thief) is None, "the one before it has ended"


async def test_a_cookie_that_a_neighbour_could_set_signs_nobody_in(tmp_path: Path, hub: Hub) -> None:
    """A server under the same domain can plant its session, which would get the visitor's conversations."""
    async with open_client(tmp_path, ScriptedProvider(), behind_proxy=True) as (client, _):
        client.headers.update({"X-Forwarded-Proto": "https"})
        back = urlsplit(await at_the_hub(client)).query
        begun = client.cookies["__Host-limner_sign_in"]
        planted = {"Cookie": f"limner_sign_in={begun}"}
        assert (await client.get("/limner/signed-in", params=back, headers=planted)).status_code == 400
        own = {"Cookie": f"__Host-limner_sign_in={begun}"}
        answer = await client.get("/limner/signed-in", params=back, headers=own)
        session = re.search("__Host-limner_session=([^;]*)", ", ".join(answer.headers.get_list("set-cookie")))
        assert session
        assert await account(client, Cookie=f"limner_session={session[1]}") is None
        assert await account(client, Cookie=f"__Host-limner_session={session[1]}") == "ada"


async def test_a_session_ends_with_its_token_and_the_page_is_told(tmp_path: Path, hub: Hub) -> None:
    hub.expires_in = 1
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        await sign_in(client)
        assert (await client.post(MESSAGES, json=FOX)).status_code == 201
        while await account(client):  # noqa: ASYNC110 (the clock brings it about)
            await asyncio.sleep(0.05)
        for answer in (await client.get(THREAD), await client.post(MESSAGES, json=FOX)):
            assert answer.status_code == 401
            assert "sign in again" in answer.json()["error"]


def test_sessions_are_bounded_and_the_oldest_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MAX_SESSIONS", 15)
    now = [0.0]
    kept = Sessions(lambda: now[0])
    grant = Grant(SecretStr("hf_x"), 100_000_000)
    for n in range(30):
        kept.open(HubUser("one", "one"), grant)
        kept.open(HubUser(f"other-{n}", "other"), grant)
    ids = [session.user.id for session in kept._open.values()]
    assert len(ids) == 15
    assert 0 < ids.count("one") <= sessions.MAX_OF_ONE_USER
    assert "other-29" in ids
    now[0] = sessions.LONGEST + 1
    kept.open(HubUser("new", "new"), grant)
    assert [session.user.id for session in kept._open.values()] == ["new"], "however long the token works"


async def test_conversations_are_the_accounts_on_every_device(tmp_path: Path, hub: Hub) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (laptop, studio), other_browser(laptop) as phone:
        for device in (laptop, phone):
            await device.get("/limner/conversations")
        await laptop.post(MESSAGES, json=FOX)
        other = "1" * 32
        await phone.post(f"/limner/threads/{other}/messages", json=FOX)
        await until(lambda: not studio._attempts)
        assert await listed(laptop) == [CONVERSATION]
        assert (await phone.get(THREAD)).status_code == 404

        await sign_in(laptop)
        assert await listed(laptop) == [CONVERSATION]
        await sign_in(phone)
        assert sorted(await listed(phone)) == [CONVERSATION, other]
        assert sorted(await listed(laptop)) == [CONVERSATION, other]
        assert (await phone.post(f"{THREAD}/messages", json=FOX)).status_code == 201
        await until(lambda: not studio._attempts)

        await laptop.post("/limner/sign-out")
        assert await listed(laptop) == []
        assert (await laptop.get(THREAD)).status_code == 404
        assert sorted(await listed(phone)) == [CONVERSATION, other]
        hub.person = "bob"
        await sign_in(laptop)
        assert (await account(laptop), await listed(laptop)) == ("bob", [])
        assert (await laptop.get(THREAD)).status_code == 404


async def test_a_picture_that_is_made_meanwhile_becomes_the_accounts_too(tmp_path: Path, hub: Hub) -> None:
    gate = Gate()
    async with open_client(tmp_path, ScriptedProvider(gate)) as (client, studio):
        await client.get("/limner/conversations")
        message = (await client.post(MESSAGES, json=FOX)).json()["message"]
        await gate.reached.wait()
        brought = PICTURES.replace(CONVERSATION, "2" * 32)
        await sent(client, PNG, to=brought)
        await sign_in(client)
        assert await listed(client) == [CONVERSATION]
        assert (await client.get(MESSAGES, params={"before": message})).status_code == 200
        assert (await sent(client, PNG, to=brought)).status_code == 201
        gate.open.set()
        await until(lambda: not studio._attempts)
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):  # another process
        await sign_in(client)
        assert await listed(client) == [CONVERSATION]


async def test_another_sites_page_is_nobody(tmp_path: Path, hub: Hub) -> None:
    async with open_client(tmp_path, ScriptedProvider()) as (client, _):
        await sign_in(client)
        await client.post(MESSAGES, json=FOX)
        for foreign in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            assert await account(client, **foreign) is None
            assert (await client.get(THREAD, headers=foreign)).status_code == 404
            for path in (MESSAGES, "/limner/sign-out", "/api/image"):
                assert (await client.post(path, json=FOX, headers=foreign)).status_code == 403
        assert await account(client) == "ada"


async def test_the_studio_gets_the_account_and_its_token(tmp_path: Path, hub: Hub) -> None:
    seen: list[Any] = []
    async with open_client(tmp_path, ScriptedProvider()) as (client, studio):
        admit = studio._pipeline.admit
        studio._pipeline.admit = lambda requests, visitor: (seen.append(visitor), admit(requests, visitor))[1]
        await sign_in(client)
        await client.post(MESSAGES, json=FOX)
        (token,) = hub.signed_in_tokens()
        (visitor,) = seen
        assert visitor.name == f"user {hub.people['ada'].id}"
        assert visitor.token.get_secret_value() == token
        assert re.fullmatch("[0-9a-f]{64}", visitor.key)
        assert token not in repr(visitor)


async def test_signing_out_ends_the_streams_of_the_accounts_conversations() -> None:
    places, own, others = Streams(), key_of(HubUser("a", "ada")), key_of(HubUser("b", "bob"))
    scope: Any = {"type": "http", "method": "GET", "path": "/", "headers": []}
    sending: list[asyncio.Task[None]] = []
    begun: list[Any] = []

    async def send(message: Any) -> None:
        begun.append(message)

    async def stays() -> Any:
        await asyncio.Event().wait()

    for owner in (own, others, own):
        conversation = Conversation("0" * 32, owner="what it was before the sign-in")
        stream = EventStream(conversation, "0", lambda _: {}, places, "203.0.113.7")
        conversation.owner = owner
        sending.append(asyncio.create_task(stream(scope, stays, send)))
    await until(lambda: len(begun) >= 6)
    places.end(own)
    await until(lambda: sending[0].done() and sending[2].done())
    assert not sending[1].done()
    sending[1].cancel()
    await asyncio.wait(sending)
    assert places._shows == {}
