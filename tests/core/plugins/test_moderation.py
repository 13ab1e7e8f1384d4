"""What the owner does not allow is refused before anything is spent; what cannot be checked is not made."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import Field

from core import SettingsError, open_studio
from core.chat.message import Version
from core.plugins.blocked import BlockedWords
from core.settings.schema import Settings
from core.storage.store import Store
from core.studio import Studio
from limner import ContentFiltered, ImageRequest, InputImage, Options, ProviderError, Size, hookimpl
from limner.clients import close_shared
from limner.testing.loopback import Loopback, Reply, Request
from providers import openai
from tests.core.scripted import NEEDS_KEY, PNG, ScriptedProvider, ask
from tests.plugins.calls import cancel_itself
from tests.plugins.objects import registry_of

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"
UNSEEN = "\u200b"


class TextOptions(Options):
    style: str = ""
    more: dict[str, list[str]] = Field(default_factory=dict)


class Moderating(ScriptedProvider):
    """A provider that moderates as a test says."""

    def __init__(self, judge: Callable[[ImageRequest], Awaitable[None]]) -> None:
        super().__init__(**NEEDS_KEY)
        self.judge = judge

    @hookimpl
    async def moderate(self, request: ImageRequest) -> None:
        await self.judge(request)


@pytest.mark.parametrize(
    ("said", "is_found"),
    [
        ("a Dragon at dusk", True),
        ("a d\u00adrag\u200bon", True),
        ("a ＤＲＡＧＯＮ, red", True),
        ("dragons and a snapdragon", False),
        ("the red\u00a0\n  flag is up", True),
        ("a redflag", False),
        ("a dra\ufe0fgon", True),
        ("a d\u034fra\u3164gon", True),
        ("a dragon\u200bfly", True),
        ("big_dragon_red", True),
        ("the red-flag", True),
        ("RED\u2014FLAG", True),
        ("stra\u200dße", True),
        ("straße", True),
        ("STRASSE", True),
        ("我要裸体画", True),
        ("c++ code", True),
        ("", False),
    ],
)
def test_words_are_found_whole_however_they_are_written(said: str, is_found: bool) -> None:
    words = BlockedWords(("dragon", "Red  Flag", "Straße", "裸体", "C++", " "))
    assert words.are_in(ImageRequest(model="m", prompt=said)) is is_found
    assert words.are_in(ImageRequest(model="m", prompt="a fox", negative_prompt=said)) is is_found
    for options in (TextOptions(style=said), TextOptions(more={"in": ["x", said]})):
        assert words.are_in(ImageRequest(model="m", prompt="a fox", options=options)) is is_found


def test_an_empty_list_allows_everything() -> None:
    assert not BlockedWords(("", UNSEEN)).are_in(ImageRequest(model="m", prompt="a fox"))


@asynccontextmanager
async def studio_with(
    folder: Path, moderator: Any, **settings: Any
) -> AsyncIterator[tuple[Studio, ScriptedProvider]]:
    """Opens a studio with a paid provider, a fallback and a moderator."""
    chosen = Settings(
        data_dir=folder, **{"provider": "scripted", "fallback": ("other",), "budget": "1/day", **settings}
    )
    scripted, other = ScriptedProvider(paid=True), ScriptedProvider()
    registry = registry_of(settings=chosen, scripted=scripted, other=other, moderator=moderator)
    studio = Studio(chosen, registry, Store(chosen.data_dir))
    try:
        yield studio, scripted
        assert other.requests == [], "no fallback is asked"
    finally:
        await studio.close()


def refused(version: Version) -> str:
    assert (version.status, version.reason) == ("incomplete", "content-filter")
    assert version.failure
    return version.failure.why


async def allow(_: ImageRequest) -> None:
    """Has nothing against it."""


async def test_a_blocked_word_costs_nothing_and_is_not_repeated(tmp_path: Path) -> None:
    async with studio_with(tmp_path, Moderating(allow), blocked_words=("dragon",)) as (studio, scripted):
        for _ in range(3):  # more than the budget has
            _, _, version = await ask(studio, "a DRAGON")
            assert "dragon" not in refused(version).lower()
        assert scripted.requests == []
        assert (await ask(studio, "a fox"))[2].status == "complete"


async def test_the_moderator_gets_its_own_credential_and_nobody_elses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", KEY)
    seen: list[ImageRequest] = []

    async def refuse(request: ImageRequest) -> None:
        seen.append(request)
        raise ContentFiltered(why="Not here.")

    async with studio_with(tmp_path, Moderating(refuse), moderation="moderator") as (studio, scripted):
        for _ in range(2):
            assert refused((await ask(studio, "a fox"))[2]) == "Not here."
        assert scripted.requests == []
    (first, _) = seen
    assert first.credential
    assert (first.credential.get_secret_value(), first.provider, first.prompt) == (KEY, "moderator", "a fox")


def fails(error: BaseException) -> Callable[[ImageRequest], Awaitable[None]]:
    async def judge(_: ImageRequest) -> None:
        raise error

    return judge


def without_a_category() -> ProviderError:
    error, nonsense = ProviderError("auth"), cast(Any, [])
    error.category = nonsense
    return error


@pytest.mark.parametrize(
    ("judge", "why"),
    [
        (fails(ProviderError("unavailable", "secret words")), "Scripted cannot be reached."),
        (fails(ProviderError("auth")), "Scripted rejected the API key."),
        (fails(ProviderError("bad-response")), "Scripted failed."),
        (fails(ZeroDivisionError()), "Scripted failed."),
        (fails(SystemExit()), "Scripted failed."),
        (fails(GeneratorExit()), "Scripted failed."),
        (fails(without_a_category()), "Scripted failed."),
        (cancel_itself, "Scripted failed."),
    ],
    ids=["away", "key", "nonsense", "bug", "exit", "end", "no category", "cancel"],
)
async def test_what_cannot_be_checked_is_not_made(
    judge: Any, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", KEY)
    async with studio_with(tmp_path, Moderating(judge), moderation="moderator") as (studio, scripted):
        for _ in range(2):
            _, _, version = await ask(studio, "a fox")
            assert version.failure
            assert version.failure.did_not_run
            assert why in version.failure.why
            assert "billed" not in version.failure.sentence
        assert scripted.requests == []


async def test_a_moderator_that_never_answers_is_named_and_not_the_provider(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCRIPTED_API_KEY", KEY)
    monkeypatch.setattr("core.plugins.moderation.TIME", 0.05)
    never = asyncio.Event()

    async def judge(_: ImageRequest) -> None:
        await never.wait()

    async with studio_with(tmp_path, Moderating(judge), moderation="moderator") as (studio, scripted):
        _, _, version = await ask(studio, "a fox")
        assert version.failure
        assert "Scripted did not answer in time" in version.failure.why
        assert version.failure.did_not_run
        assert scripted.requests == []


async def test_without_its_key_nothing_is_made(tmp_path: Path) -> None:
    async with studio_with(tmp_path, Moderating(allow), moderation="moderator") as (studio, scripted):
        _, _, version = await ask(studio, "a fox")
        assert version.failure
        assert "Scripted lacks SCRIPTED_API_KEY." in version.failure.why
        assert scripted.requests == []


def test_a_moderator_that_cannot_moderate_stops_the_start(tmp_path: Path) -> None:
    for name in ("sketch", "nobody"):
        with pytest.raises(SettingsError, match=f"moderation is '{name}', which cannot .* it must be openai"):
            open_studio(Settings(data_dir=tmp_path, moderation=name))


def test_a_moderator_without_its_key_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(SettingsError, match="moderation is 'openai', which lacks OPENAI_API_KEY: set that"):
        open_studio(Settings(data_dir=tmp_path, moderation="openai"))


CLEAN = {"flagged": False, "categories": {"violence": False}}
FLAGGED = {"flagged": True, "categories": {"violence/graphic": True, "self-harm": True, "hate": False}}


@asynccontextmanager
async def openai_at(
    folder: Path, monkeypatch: pytest.MonkeyPatch, *replies: Reply
) -> AsyncIterator[tuple[Studio, ScriptedProvider, list[Request]]]:
    left = [*replies]
    with Loopback(lambda _: left.pop(0)) as service:
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
        async with studio_with(folder, openai, moderation="moderator") as (studio, scripted):
            yield studio, scripted, service.requests


async def test_openais_endpoint_is_asked_by_its_sdk_before_the_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replies = (Reply(body={"results": [CLEAN]}), Reply(body={"results": [FLAGGED]}))
    async with openai_at(tmp_path, monkeypatch, *replies) as (studio, scripted, requests):
        assert (await ask(studio, "a fox", negative_prompt="a cat"))[2].status == "complete"
        why = refused((await ask(studio, "a nasty fox", provider="other"))[2])
        assert why == "This server does not allow it: its moderation found graphic violence and self-harm."
        assert len(scripted.requests) == 1
    first = requests[0]
    assert (first.method, first.path, first.headers["authorization"]) == (
        "POST",
        "/v1/moderations",
        f"Bearer {KEY}",
    )
    text = {"type": "text", "text": "a fox\na cat"}
    assert first.json == {"model": "omni-moderation-latest", "input": [text]}


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (
            Reply(401, {"error": {"message": f"Incorrect API key provided: {KEY}"}}),
            "OpenAI rejected the API key.",
        ),
        (Reply(404, {"error": {"message": "no such path"}}), "OpenAI failed."),
        (Reply(body={"results": []}), "OpenAI failed."),
        (Reply(body={"results": [{"flagged": "no", "categories": {}}]}), "OpenAI failed."),
        (Reply(503), "OpenAI cannot be reached."),
    ],
    ids=["key", "path", "empty", "wrong", "down"],
)
async def test_an_answer_of_openai_that_says_nothing_lets_nothing_through(
    reply: Reply, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with openai_at(tmp_path, monkeypatch, *[reply] * 4) as (studio, scripted, _):
        _, _, version = await ask(studio, "a fox")
        assert version.failure
        assert why in version.failure.why
        assert scripted.requests == []


async def test_each_picture_that_goes_in_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = tuple(InputImage(PNG, "image/png", Size(16, 16), f"{n}.png") for n in range(2))
    replies = [Reply(body={"results": [CLEAN]}), Reply(body={"results": [FLAGGED]})]
    with Loopback(lambda _: replies.pop(0)) as service:
        asked = ImageRequest(model="m", prompt="a fox", base_url=f"{service.url}/v1", images=pictures)
        with pytest.raises(ContentFiltered):
            await openai.moderate(asked)
        await close_shared()
        uris = [request.json["input"][1]["image_url"]["url"] for request in service.requests]
    assert uris == [pictures[0].data_uri] * 2
