"""Whose credential makes a picture, who pays, and what stands in where nobody does."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from core.chat.failure import LimitReached, Rejected
from core.chat.message import Version
from core.chat.request import UserRequest
from core.generation.visitor import OWNER, Visitor
from core.redaction import held_secrets
from core.studio import Studio
from limner import Credential, ImageRequest, ImageResult, ProviderError, shared
from tests.core.scripted import (
    CONVERSATION,
    NEEDS_KEY,
    Gate,
    ScriptedProvider,
    settled,
    studio_of,
)
from tests.waiting import until

pytestmark = pytest.mark.anyio

VARIABLE = "SCRIPTED_API_KEY"
OWNERS, OWN, TOKEN = "owners-key-0123456789", "visitors-key-0123456789", "visitors-token-0123456789"
HUB: dict[str, Any] = {"credential": Credential(variable=VARIABLE, hugging_face=True), "paid": True}


def visitor(key: str | None = None, token: str | None = None, **parts: str) -> Visitor:
    values = parts or ({VARIABLE: key} if key else {})
    own = {name: SecretStr(value) for name, value in values.items()}
    return Visitor(
        "10.0.0.1",
        keys={"scripted": own} if own else {},
        token=SecretStr(token) if token else None,
    )


def used(provider: ScriptedProvider) -> list[str]:
    return [request.key_for_header() for request in provider.requests]


async def ask_as(who: Visitor, studio: Studio, **asked: Any) -> Version:
    conversation = await studio.conversation(CONVERSATION)
    message = await studio.start(conversation, UserRequest(prompt="a fox", **asked), visitor=who)
    return await settled(conversation, message)


def warned(version: Version) -> str:
    return " ".join(warning.details for warning in version.provenance.warnings)


@pytest.fixture
def owners_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, OWNERS)


@pytest.mark.usefixtures("owners_key")
@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (visitor(key=OWN, token=TOKEN), OWN),
        (visitor(token=TOKEN), TOKEN),
        (visitor(), OWNERS),
        (OWNER, OWNERS),
    ],
)
async def test_a_key_comes_before_the_sign_in_and_that_before_the_owners(
    tmp_path: Path, who: Visitor, expected: str
) -> None:
    provider = ScriptedProvider(**HUB)
    async with studio_of(tmp_path, provider, budget="5/day") as studio:
        assert (await ask_as(who, studio)).status == "complete"
        charged = [hit for hit in studio.store.hits if hit.key == "budget"]
        assert charged == []
    assert used(provider) == [expected]


async def test_a_sign_in_goes_nowhere_but_to_hugging_face(tmp_path: Path) -> None:
    plain, other = ScriptedProvider(**NEEDS_KEY), ScriptedProvider(**HUB)
    async with studio_of(tmp_path / "plain", plain) as studio:
        await ask_as(visitor(token=TOKEN), studio)
    elsewhere = {"scripted": {"base_url": "http://127.0.0.1:9"}}
    async with studio_of(tmp_path / "other", other, providers=elsewhere, budget="5/day") as studio:
        await ask_as(visitor(token=TOKEN), studio)
    assert (used(plain), used(other)) == ([], [""])


@pytest.mark.usefixtures("owners_key")
async def test_what_a_visitor_pays_takes_nothing_from_the_budget(tmp_path: Path) -> None:
    provider = ScriptedProvider(**NEEDS_KEY)
    async with studio_of(tmp_path, provider, budget="1/day") as studio:
        for _ in range(3):
            assert (await ask_as(visitor(key=OWN), studio)).provenance.provider == "scripted"
        assert (await ask_as(visitor(), studio)).provenance.provider == "scripted"
        assert (await ask_as(visitor(), studio)).provenance.provider == "sketch"
    assert used(provider) == [OWN] * 3 + [OWNERS]


async def test_the_rate_holds_for_those_who_pay_themselves(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(**NEEDS_KEY), rate_limit="1/minute") as studio:
        await ask_as(visitor(key=OWN), studio)
        with pytest.raises(LimitReached, match="1 picture per minute"):
            await ask_as(visitor(key=OWN), studio)


@pytest.mark.parametrize(
    ("settings", "is_set", "expected"),
    [
        ({}, False, "Scripted needs a key, which this server does not have: use a key of your own."),
        ({}, True, "no budget for visitors: use a key of your own."),
        ({"budget": "1/day"}, True, "1 picture per day is used up: try again in 24 hours, or use a key of"),
    ],
)
async def test_a_free_provider_stands_in_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: dict[str, Any], is_set: bool, expected: str
) -> None:
    if is_set:
        monkeypatch.setenv(VARIABLE, OWNERS)
    provider = ScriptedProvider(**NEEDS_KEY)
    async with studio_of(tmp_path, provider, **settings) as studio:
        if settings:
            await ask_as(visitor(), studio)
        asked: dict[str, Any] = {"provider": "scripted", "model": "p-1"}
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox", **asked), visitor=visitor())
        version = await settled(conversation, message)
        assert (version.status, version.provenance.provider) == ("complete", "sketch")
        assert warned(version).startswith("Sketch made this instead: ")
        assert expected in warned(version)
        assert message.request.provider == "scripted", "Regenerate asks the same again"
        await studio.regenerate(conversation, message, visitor=visitor(key=OWN))
        await settled(conversation, message)
    assert used(provider)[-1] == OWN


@pytest.mark.usefixtures("owners_key")
async def test_of_several_too_many_for_the_budget_none_is_drawn_instead(tmp_path: Path) -> None:
    provider = ScriptedProvider(**NEEDS_KEY)
    async with studio_of(tmp_path, provider, budget="2/day") as studio:
        conversation = await studio.conversation(CONVERSATION)
        with pytest.raises(Rejected, match="ask for fewer at once"):
            await studio.start(conversation, *[UserRequest(prompt="a fox")] * 3, visitor=visitor())
    assert provider.requests == []


async def test_without_a_free_provider_the_sentence_says_what_a_visitor_can_do(tmp_path: Path) -> None:
    provider = ScriptedProvider(**NEEDS_KEY)
    async with studio_of(tmp_path, provider, providers={"sketch": {"enabled": False}}) as studio:
        with pytest.raises(Rejected, match="needs a key, which this server does not have: use a key of your"):
            await ask_as(visitor(), studio)
        failure = (await ask_as(OWNER, studio)).failure
        assert failure
        assert "Set SCRIPTED_API_KEY and restart" in failure.next


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        (visitor(key=OWN), "Check the key that you entered"),
        (visitor(token=TOKEN), "Sign out and in again"),
        (visitor(), "Tell whoever runs this server"),
        (OWNER, "Check SCRIPTED_API_KEY on the server"),
    ],
)
@pytest.mark.usefixtures("owners_key")
async def test_a_rejected_credential_is_told_to_whoever_it_belongs_to(
    tmp_path: Path, who: Visitor, expected: str
) -> None:
    async def reject(_: ImageRequest) -> ImageResult:
        raise ProviderError("auth", did_not_run=True)

    async with studio_of(tmp_path, ScriptedProvider(reject, **HUB), budget="5/day") as studio:
        failure = (await ask_as(who, studio)).failure
    assert failure
    assert failure.next.startswith(expected)


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"OTHER_KEY": OWN}, "A key for Scripted is SCRIPTED_API_KEY: send that, and nothing else."),
        ({VARIABLE: OWN, "OTHER_KEY": OWN}, "A key for Scripted is SCRIPTED_API_KEY"),
        ({VARIABLE: "short"}, "This key for Scripted is too short: check it."),
    ],
)
async def test_what_cannot_be_the_providers_key_is_refused(
    tmp_path: Path, parts: Mapping[str, str], expected: str
) -> None:
    async with studio_of(tmp_path, ScriptedProvider(**NEEDS_KEY)) as studio:
        with pytest.raises(Rejected, match=expected) as refused:
            await ask_as(visitor(**parts), studio)
    assert OWN not in str(refused.value)


class Client:
    """A client that a plugin makes for a credential; the test sees whether it is closed."""

    made: list[Client]

    def __init__(self) -> None:
        self.is_closed = False
        Client.made.append(self)

    async def aclose(self) -> None:
        self.is_closed = True


@pytest.mark.usefixtures("owners_key")
async def test_no_client_outlives_the_requests_of_a_visitors_key(tmp_path: Path) -> None:
    Client.made = []
    gate = Gate()

    async def play(request: ImageRequest) -> ImageResult:
        assert request.credential
        client = shared(("scripted", request.credential.get_secret_value()), Client)
        kept = shared(("scripted", "versions", client), dict)
        kept["used"] = True
        result = await gate(request)
        assert not client.is_closed
        return result

    provider = ScriptedProvider(play, **NEEDS_KEY)
    async with studio_of(tmp_path, provider, budget="5/day") as studio:
        gate.open.set()
        await ask_as(OWNER, studio)
        gate.open.clear()
        conversation = await studio.conversation("1" * 32)
        two = [UserRequest(prompt="a fox")] * 2
        message = await studio.start(conversation, *two, visitor=visitor(key=OWN))
        await until(lambda: len(provider.requests) == 3)
        gate.open.set()
        await settled(conversation, message)
        owners, own = Client.made
        assert (owners.is_closed, own.is_closed) == (False, True), "both pictures share one, which is closed"
        await ask_as(OWNER, studio)
        assert len(Client.made) == 2


async def test_a_key_that_is_a_plugins_name_closes_no_client_of_others(tmp_path: Path) -> None:
    gate, Client.made = Gate(), []

    async def play(request: ImageRequest) -> ImageResult:
        for key in ("scripted", ("scripted", "offers")):
            shared(key, Client)
        return await gate(request)

    provider = ScriptedProvider(play, **NEEDS_KEY)
    async with studio_of(tmp_path, provider) as studio:
        conversation, asked = await studio.conversation(CONVERSATION), UserRequest(prompt="a fox")
        attack = await studio.start(conversation, asked, visitor=visitor(key="scripted"))
        await until(gate.reached.is_set)
        message = await studio.start(conversation, asked, visitor=visitor(key=OWN))
        await until(lambda: len(provider.requests) == 2)
        studio.stop(attack)
        await settled(conversation, attack)
        assert not any(client.is_closed for client in Client.made), "while another visitor's picture is made"
        gate.open.set()
        await settled(conversation, message)


async def _say(request: ImageRequest) -> ImageResult:
    assert request.credential
    raise RuntimeError(f"the key {request.credential.get_secret_value()} is odd")


async def test_a_visitors_key_is_in_no_log_and_forgotten_after(
    tmp_path: Path,
    log_as: Callable[..., None],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    odd = "zebra.mango.quilt.harbor"  # which no pattern takes for a key
    log_as()
    async with studio_of(tmp_path, ScriptedProvider(_say, **NEEDS_KEY)) as studio:
        version = await ask_as(visitor(key=odd), studio)
    assert version.failure
    assert version.failure.cause == "crash"
    logged = capsys.readouterr().err
    assert "is odd" in logged
    assert odd not in logged
    caplog.clear()  # which holds the error, and so the request
    del studio, version
    gc.collect()
    assert held_secrets() == []


async def test_a_message_and_its_row_know_nothing_of_the_key(tmp_path: Path) -> None:
    async with studio_of(tmp_path, ScriptedProvider(**NEEDS_KEY)) as studio:
        conversation = await studio.conversation(CONVERSATION)
        asked = UserRequest(prompt="a fox")
        message = await studio.start(conversation, asked, visitor=visitor(key=OWN))
        await settled(conversation, message)
        assert OWN not in repr(message)
    written = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]  # noqa: ASYNC240
    assert not [content for content in written if OWN.encode() in content]
