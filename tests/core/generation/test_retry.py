"""A request that may have run is never sent twice; one that did not is retried, or goes elsewhere."""

from __future__ import annotations

import asyncio
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from core.chat.causes import Cause
from core.chat.failure import Failure, failure
from core.chat.message import Message, Version
from core.chat.request import UserRequest
from core.generation import call
from core.plugins.registry import Registry
from core.settings.schema import load_settings
from core.storage.store import Store
from core.studio import Studio
from limner import ContentFiltered, Generate, ImageRequest, ImageResult, ProviderError, hookimpl
from limner.testing.loopback import Loopback, Reply
from tests.core.scripted import CONVERSATION, PNG, Gate, ScriptedProvider, ask, settled, studio_of
from tests.plugins.objects import registry_of

pytestmark = pytest.mark.anyio

KEY = "sk-test-0123456789abcdef"
OVERLOADED = Reply(503, {"error": {"message": "overloaded"}}, {"retry-after": "0"})
LIMITED = Reply(429, {"error": {"message": "slow down", "code": "rate_limit_exceeded"}}, {"retry-after": "0"})
QUOTA = Reply(429, {"error": {"message": "no credit", "code": "insufficient_quota"}})


class Failing:
    """Fails as it is told, so often, and then gives a picture."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)

    async def __call__(self, _: ImageRequest) -> ImageResult:
        if self.errors:
            raise self.errors.pop(0)
        return ImageResult(PNG)


async def make(folder: Path, scripted: ScriptedProvider, **settings: Any) -> tuple[Message, Version]:
    async with studio_of(folder, scripted, **{"max_retries": 1, **settings}) as studio:
        _, message, version = await ask(studio)
        return message, version


@pytest.mark.parametrize(
    ("reply", "posts"),
    [
        (OVERLOADED, 2),
        (LIMITED, 2),
        (QUOTA, 1),
        (Reply(500, {"error": {"message": "oops"}}), 1),
        (Reply(502, "bad gateway"), 1),
        (Reply(504, "gateway timeout"), 1),
        (Reply(200, {"data": []}), 1),
        (Reply(401, {"error": {"message": "who?", "code": "invalid_api_key"}}), 1),
        (Reply(400, {"error": {"message": "no", "code": "moderation_blocked"}}), 1),
        (Reply(200, b"{}", cut_after=1), 1),
    ],
    ids=["503", "429", "quota", "500", "502", "504", "empty", "401", "refusal", "cut"],
)
async def test_the_service_sees_a_second_request_only_where_the_first_did_not_run(
    reply: Reply, posts: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with Loopback(lambda _: reply) as service:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{service.url}/v1")
        settings = load_settings(provider="openai", data_dir=tmp_path)
        registry = Registry(settings, [EntryPoint("openai", "providers.openai", "limner")])
        studio = Studio(settings, registry, Store(settings.data_dir))
        conversation = await studio.conversation(CONVERSATION)
        version = await conversation.settled(await studio.start(conversation, UserRequest(prompt="a fox")))
        await studio.close()
    assert version.status == "incomplete"
    assert len(service.requests) == posts


async def test_a_job_that_it_remembers_is_not_begun_again_whatever_it_says_of_that(tmp_path: Path) -> None:
    async def draw(request: ImageRequest) -> ImageResult:
        await request.remember({"id": "7"})
        raise ProviderError("rate-limit", did_not_run=True, retry_after=0)

    scripted = ScriptedProvider(draw)
    _, version = await make(tmp_path, scripted)
    assert len(scripted.requests) == 1
    assert version.failure
    assert not version.failure.did_not_run


async def test_a_retry_that_works_makes_the_picture(tmp_path: Path) -> None:
    play = Failing(ProviderError("rate-limit", did_not_run=True, retry_after=0))
    scripted = ScriptedProvider(play)
    _, version = await make(tmp_path, scripted)
    assert version.status == "complete"
    assert len(scripted.requests) == 2
    assert scripted.requests[1].seed == scripted.requests[0].seed


@pytest.mark.parametrize(("most", "calls"), [(0, 1), (1, 2), (3, 4)])
async def test_max_retries_bounds_the_tries(most: int, calls: int, tmp_path: Path) -> None:
    scripted = ScriptedProvider(Failing(*[ProviderError("unavailable", did_not_run=True, retry_after=0)] * 9))
    _, version = await make(tmp_path, scripted, max_retries=most)
    assert version.status == "incomplete"
    assert len(scripted.requests) == calls


async def test_a_wait_beyond_the_deadline_is_not_begun(tmp_path: Path) -> None:
    scripted = ScriptedProvider(Failing(ProviderError("rate-limit", did_not_run=True, retry_after=3600)))
    _, version = await make(tmp_path, scripted, timeout=60)
    assert version.failure
    assert version.failure.next == "Wait 60 minutes and try again."
    assert len(scripted.requests) == 1


async def test_a_retry_that_would_have_little_time_is_not_begun(tmp_path: Path) -> None:
    scripted = ScriptedProvider(Failing(ProviderError("rate-limit", did_not_run=True, retry_after=31)))
    _, version = await make(tmp_path, scripted, timeout=60)
    assert version.failure
    assert version.failure.did_not_run
    assert len(scripted.requests) == 1


async def test_the_wait_shows_and_can_be_stopped(tmp_path: Path) -> None:
    scripted = ScriptedProvider(Failing(ProviderError("rate-limit", did_not_run=True, retry_after=30)))
    async with studio_of(tmp_path, scripted, max_retries=1) as studio:
        conversation = await studio.conversation(CONVERSATION)
        message = await studio.start(conversation, UserRequest(prompt="a fox"))
        rev = 0
        while "trying again in" not in message.live[1].progress:
            await conversation.changes(rev)
            rev = message.rev
        assert message.live[1].progress == "rate limited, trying again in 30 s"
        studio.stop(message)
        version = await settled(conversation, message)
    assert version.reason == "cancelled"
    assert len(scripted.requests) == 1


class CheapRefusal(ContentFiltered):
    """Says of itself what no refusal can know."""

    did_not_run = True


REFUSED_EARLY = ProviderError("quota", "no credit left", did_not_run=True)


async def test_a_fallback_makes_the_picture_and_says_for_whom(tmp_path: Path) -> None:
    _, version = await make(
        tmp_path, ScriptedProvider(Failing(REFUSED_EARLY)), fallback=("scripted", "sketch")
    )
    assert version.status == "complete"
    assert version.provenance.provider == "sketch"
    first, *_ = version.provenance.warnings
    assert (first.feature, first.details) == (
        "provider",
        "Sketch made this instead: There is no credit left at Scripted.",
    )


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("quota"),
        ProviderError("unavailable"),
        ProviderError("timeout"),
        ContentFiltered("not this"),
        CheapRefusal("not this"),
        RuntimeError("a bug"),
    ],
    ids=["quota that may have run", "unavailable that may have run", "timeout", "refusal", "cheap", "crash"],
)
async def test_no_fallback_where_the_first_may_have_run_or_refused(error: Exception, tmp_path: Path) -> None:
    _, version = await make(tmp_path, ScriptedProvider(Failing(error)), fallback=("sketch",))
    assert version.status == "incomplete"
    assert version.provenance.provider == "scripted"


async def test_nobody_is_asked_once_it_was_stopped_while_a_plugin_cleans_up(tmp_path: Path) -> None:
    cleaning, let_go = asyncio.Event(), asyncio.Event()

    class Policy:
        @hookimpl
        def wrap(self, generate: Generate) -> Generate:
            async def call(request: ImageRequest) -> ImageResult:
                try:
                    await asyncio.Event().wait()
                finally:
                    cleaning.set()
                    await let_go.wait()
                raise AssertionError("nobody sets the event")

            return call

    first, second = ScriptedProvider(), ScriptedProvider()
    settings = load_settings(provider="first", data_dir=tmp_path, fallback=("second",), timeout=0.1)
    registry = registry_of(settings=settings, first=first, second=second, policy=Policy())
    studio = Studio(settings, registry, Store(tmp_path))
    conversation = await studio.conversation(CONVERSATION)
    message = await studio.start(conversation, UserRequest(prompt="a fox"))
    await asyncio.wait_for(cleaning.wait(), 30)
    studio.stop(message)
    let_go.set()
    version = await settled(conversation, message)
    await studio.close()
    assert version.reason == "cancelled"
    assert first.requests == second.requests == []


async def test_where_all_fail_each_failure_is_named(tmp_path: Path) -> None:
    first = ScriptedProvider(Failing(REFUSED_EARLY))
    second = ScriptedProvider(Failing(ProviderError("auth", did_not_run=True)))
    settings = load_settings(provider="first", data_dir=tmp_path, fallback=("second",))
    studio = Studio(settings, registry_of(settings=settings, first=first, second=second), Store(tmp_path))
    conversation = await studio.conversation(CONVERSATION)
    version = await settled(conversation, await studio.start(conversation, UserRequest(prompt="a fox")))
    await studio.close()
    assert version.failure
    assert version.failure.cause == "auth"
    assert "Tried before: There is no credit left at Scripted." in version.failure.why


async def test_a_second_fallback_names_both_failures_and_is_what_is_stored_as_running(tmp_path: Path) -> None:
    gate = Gate()
    first, second = (
        ScriptedProvider(Failing(REFUSED_EARLY)),
        ScriptedProvider(Failing(ProviderError("auth", did_not_run=True))),
    )
    third = ScriptedProvider(gate)
    settings = load_settings(provider="first", data_dir=tmp_path, fallback=("second", "third"))
    registry = registry_of(settings=settings, first=first, second=second, third=third)
    studio = Studio(settings, registry, Store(tmp_path))
    conversation = await studio.conversation(CONVERSATION)
    message = await studio.start(conversation, UserRequest(prompt="a fox"))
    await gate.reached.wait()
    (stored,) = await studio.store.load(CONVERSATION)
    assert stored.versions[-1].provenance.provider == "third"
    gate.open.set()
    version = await settled(conversation, message)
    await studio.close()
    assert version.provenance.warnings[0].details == (
        "Scripted made this instead: There is no credit left at Scripted. Scripted rejected the API key."
    )


async def test_a_fallback_that_costs_money_stands_under_the_budget(tmp_path: Path) -> None:
    free = ScriptedProvider(Failing(REFUSED_EARLY, REFUSED_EARLY))
    paid = ScriptedProvider(paid=True)
    settings = load_settings(provider="free", data_dir=tmp_path, fallback=("paid",), budget="1/day")
    studio = Studio(settings, registry_of(settings=settings, free=free, paid=paid), Store(tmp_path))
    conversation = await studio.conversation(CONVERSATION)
    versions = [
        await settled(conversation, await studio.start(conversation, UserRequest(prompt="a fox")))
        for _ in range(2)
    ]
    await studio.close()
    assert [version.status for version in versions] == ["complete", "incomplete"]
    assert len(paid.requests) == 1


async def test_the_price_of_the_settings_becomes_an_estimate(tmp_path: Path) -> None:
    _, version = await make(tmp_path, ScriptedProvider(), providers={"scripted": {"price": "0.04 USD"}})
    assert version.provenance.cost == "0.04 USD"


async def test_waits_grow_where_the_service_names_none() -> None:
    failure = failed_without_running("unavailable")
    assert [call._wait_before_retry(failure, retries) for retries in range(3)] == [1, 2, 4]
    assert call._wait_before_retry(failed_without_running("quota"), 0) is None


def failed_without_running(cause: Cause) -> Failure:
    return failure(cause, label="Scripted", did_not_run=True)
