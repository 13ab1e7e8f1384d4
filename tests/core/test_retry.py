"""A request that may have run is never sent twice; one that did not is retried, or goes elsewhere."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import pytest

from core import retry
from core.asked import Asked
from core.failures import Cause, Failure, failure
from core.registry import Registry
from core.settings import load_settings
from core.store import Store
from core.studio import Studio
from core.thread import Message, Version
from limner import ContentFiltered, ImageRequest, ImageResult, ProviderError
from limner.testing.loopback import Loopback, Reply
from tests.core.puppet import PNG, THREAD, Gate, Puppet, ask, settled, studio_of
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


async def make(folder: Path, puppet: Puppet, **settings: Any) -> tuple[Message, Version]:
    async with studio_of(folder, puppet, **{"max_retries": 1, **settings}) as studio:
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
        settings = load_settings(provider="openai", data=tmp_path)
        registry = Registry(settings, [EntryPoint("openai", "providers.openai", "limner")])
        studio = Studio(settings, registry, Store(settings.data))
        thread = await studio.thread(THREAD)
        version = await thread.settled(await studio.start(thread, Asked(prompt="a fox")))
        await studio.close()
    assert version.status == "incomplete"
    assert len(service.requests) == posts


async def test_a_retry_that_works_makes_the_picture(tmp_path: Path) -> None:
    play = Failing(ProviderError("rate-limit", did_not_run=True, retry_after=0))
    puppet = Puppet(play)
    _, version = await make(tmp_path, puppet)
    assert version.status == "complete"
    assert len(puppet.requests) == 2
    assert puppet.requests[1].seed == puppet.requests[0].seed


@pytest.mark.parametrize(("most", "calls"), [(0, 1), (1, 2), (3, 4)])
async def test_max_retries_bounds_the_tries(most: int, calls: int, tmp_path: Path) -> None:
    puppet = Puppet(Failing(*[ProviderError("unavailable", did_not_run=True, retry_after=0)] * 9))
    _, version = await make(tmp_path, puppet, max_retries=most)
    assert version.status == "incomplete"
    assert len(puppet.requests) == calls


async def test_a_wait_beyond_the_deadline_is_not_begun(tmp_path: Path) -> None:
    puppet = Puppet(Failing(ProviderError("rate-limit", did_not_run=True, retry_after=3600)))
    _, version = await make(tmp_path, puppet, timeout=60)
    assert version.failure
    assert version.failure.next == "Wait 60 minutes and try again."
    assert len(puppet.requests) == 1


async def test_the_wait_shows_and_can_be_stopped(tmp_path: Path) -> None:
    puppet = Puppet(Failing(ProviderError("rate-limit", did_not_run=True, retry_after=30)))
    async with studio_of(tmp_path, puppet, max_retries=1) as studio:
        thread = await studio.thread(THREAD)
        message = await studio.start(thread, Asked(prompt="a fox"))
        rev = 0
        while "trying again in" not in message.progress:
            await thread.changes(rev)
            rev = message.rev
        assert message.progress == "rate limited, trying again in 30 s"
        studio.stop(message)
        version = await settled(thread, message)
    assert version.reason == "cancelled"
    assert len(puppet.requests) == 1


REFUSED_EARLY = ProviderError("quota", "no credit left", did_not_run=True)


async def test_a_fallback_makes_the_picture_and_says_for_whom(tmp_path: Path) -> None:
    _, version = await make(tmp_path, Puppet(Failing(REFUSED_EARLY)), fallback=("puppet", "sketch"))
    assert version.status == "complete"
    assert version.applied.provider == "sketch"
    first, *_ = version.applied.warnings
    assert (first.feature, first.details) == (
        "provider",
        "By Sketch, because: There is no credit left at Puppet.",
    )


@pytest.mark.parametrize(
    "error",
    [
        ProviderError("quota"),
        ProviderError("unavailable"),
        ProviderError("timeout"),
        ContentFiltered("not this"),
        RuntimeError("a bug"),
    ],
    ids=["quota that may have run", "unavailable that may have run", "timeout", "refusal", "crash"],
)
async def test_no_fallback_where_the_first_may_have_run_or_refused(error: Exception, tmp_path: Path) -> None:
    _, version = await make(tmp_path, Puppet(Failing(error)), fallback=("sketch",))
    assert version.status == "incomplete"
    assert version.applied.provider == "puppet"


async def test_where_all_fail_each_failure_is_named(tmp_path: Path) -> None:
    first = Puppet(Failing(REFUSED_EARLY))
    second = Puppet(Failing(ProviderError("auth", did_not_run=True)))
    settings = load_settings(provider="first", data=tmp_path, fallback=("second",))
    studio = Studio(settings, registry_of(settings=settings, first=first, second=second), Store(tmp_path))
    thread = await studio.thread(THREAD)
    version = await settled(thread, await studio.start(thread, Asked(prompt="a fox")))
    await studio.close()
    assert version.failure
    assert version.failure.cause == "auth"
    assert "Asked before it: There is no credit left at Puppet." in version.failure.why


async def test_a_second_fallback_names_both_failures_and_is_what_is_stored_as_running(tmp_path: Path) -> None:
    gate = Gate()
    first, second = Puppet(Failing(REFUSED_EARLY)), Puppet(Failing(ProviderError("auth", did_not_run=True)))
    third = Puppet(gate)
    settings = load_settings(provider="first", data=tmp_path, fallback=("second", "third"))
    registry = registry_of(settings=settings, first=first, second=second, third=third)
    studio = Studio(settings, registry, Store(tmp_path))
    thread = await studio.thread(THREAD)
    message = await studio.start(thread, Asked(prompt="a fox"))
    await gate.reached.wait()
    (stored,) = await studio.store.load(THREAD)
    assert stored.versions[-1].applied.provider == "third"
    gate.open.set()
    version = await settled(thread, message)
    await studio.close()
    assert version.applied.warnings[0].details == (
        "By Puppet, because: There is no credit left at Puppet. Puppet did not let us in."
    )


async def test_a_fallback_that_costs_money_stands_under_the_budget(tmp_path: Path) -> None:
    free = Puppet(Failing(REFUSED_EARLY, REFUSED_EARLY))
    paid = Puppet(paid=True)
    settings = load_settings(provider="free", data=tmp_path, fallback=("paid",), budget="1/day")
    studio = Studio(settings, registry_of(settings=settings, free=free, paid=paid), Store(tmp_path))
    thread = await studio.thread(THREAD)
    versions = [await settled(thread, await studio.start(thread, Asked(prompt="a fox"))) for _ in range(2)]
    await studio.close()
    assert [version.status for version in versions] == ["complete", "incomplete"]
    assert len(paid.requests) == 1


async def test_the_price_of_the_settings_becomes_an_estimate(tmp_path: Path) -> None:
    _, version = await make(tmp_path, Puppet(), providers={"puppet": {"price": "0.04 USD"}})
    assert version.applied.cost == "0.04 USD"


async def test_waits_grow_where_the_service_names_none() -> None:
    failure = failed_without_running("unavailable")
    assert [retry.wait_before_retry(failure, retries) for retries in range(3)] == [1, 2, 4]
    assert retry.wait_before_retry(failed_without_running("quota"), 0) is None


def failed_without_running(cause: Cause) -> Failure:
    return failure(cause, label="Puppet", did_not_run=True)
