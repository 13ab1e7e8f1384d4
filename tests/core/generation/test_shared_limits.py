"""Limits that several processes count together, in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import pytest

from core.chat.failure import LimitReached, Rejected, Unavailable
from core.generation import limiter as limiters
from core.generation.budget import Expense
from core.generation.limiter import Limiter
from core.generation.limits import UsageLimits
from core.generation.shared_log import ALIVE, LOG, SharedLog
from core.generation.visitor import Visitor
from core.settings.schema import Settings
from limner.price import Money
from tests.redis_server import RedisServer, run_redis

pytestmark = pytest.mark.anyio
ME, YOU = Visitor("me"), Visitor("you")
FREE: list[Expense | None] = [None]
Open: TypeAlias = Callable[..., Limiter]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with run_redis(tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
async def opens(server: RedisServer) -> AsyncIterator[Open]:
    """Opens limiters that share their log, as processes do."""
    server.client.flushall()
    opened: list[Limiter] = []

    def open(**settings: Any) -> Limiter:
        limits = UsageLimits(Settings(**{"rate_limit": "none", **settings}))
        log = SharedLog(server.url, f"process {len(opened)}", limits.longest)
        opened.append(Limiter(limits, log))
        return opened[-1]

    yield open
    for one in opened:
        await one.close()


def costing(*amounts: str) -> list[Expense | None]:
    return [Expense("A model", "p", Money.parse(f"{amount} USD")) for amount in amounts]


async def tries(limiters: list[Limiter], visitor: Visitor, count: int, expenses: Any = None) -> int:
    """Asks so often, at all of these at once, and returns how many were let through."""
    asked = [one.acquire(visitor, expenses or FREE) for _ in range(count) for one in limiters]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert all(isinstance(one, Rejected) and not isinstance(one, Unavailable) for one in refused), refused
    return len(outcomes) - len(refused)


async def test_a_rate_holds_for_all_together(opens: Open) -> None:
    settings = {"rate_limit": "7/hour", "max_in_flight": 99}
    one, other = opens(**settings), opens(**settings)
    assert await tries([one, other], ME, 10) == 7
    assert await tries([one, other], YOU, 10) == 7
    later = opens(**settings)
    with pytest.raises(LimitReached, match="You have reached the limit of 7 pictures per hour"):
        await later.acquire(ME, FREE)


async def test_a_budget_holds_for_all_together_and_is_corrected(opens: Open) -> None:
    settings = {"budget": "1 USD/day", "max_in_flight": 99}
    one, other = opens(**settings), opens(**settings)
    assert await tries([one, other], ME, 8, costing("0.10")) == 10
    await opens(**settings).acquire(ME, FREE)
    third = opens(**settings)
    with pytest.raises(LimitReached):
        await third.acquire(ME, costing("0.10"))


async def test_what_surely_did_not_run_comes_back_for_all(opens: Open) -> None:
    one, other = opens(budget="1 USD/day"), opens(budget="1 USD/day")
    (charge,) = await one.acquire(ME, costing("1.00"))
    with pytest.raises(LimitReached):
        await other.acquire(YOU, costing("0.50"))
    charge.correct(Money.parse("0.20 USD"))
    one.release(ME)
    await settle(one)
    await other.acquire(YOU, costing("0.80"))
    with pytest.raises(LimitReached):
        await one.acquire(ME, costing("0.01"))


async def settle(limiter: Limiter) -> None:
    """Waits until the log has everything."""
    assert limiter._shared
    await limiter._flush(limiter._shared)
    for _ in range(3):
        await asyncio.sleep(0)
    while limiter._ended:  # noqa: ASYNC110
        await asyncio.sleep(0.001)


async def test_places_in_flight_are_shared_and_those_of_a_dead_process_come_back(
    opens: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiters, "LOOK_SECONDS", 0.01)
    one, other = opens(max_in_flight=3), opens(max_in_flight=3)
    assert await tries([one, other], ME, 4) == 3
    one._tasks.cancel()  # it does nothing any more
    server.client.delete(ALIVE + "process 0")
    held = sum(one._limits._in_flight[""].values())
    await until_let_through(other, held)


async def until_let_through(limiter: Limiter, count: int) -> None:
    async def ask() -> None:
        for _ in range(count):
            while True:
                try:
                    await limiter.acquire(ME, FREE)
                    break
                except LimitReached:
                    await asyncio.sleep(0.01)

    await asyncio.wait_for(ask(), 20)


async def test_uploads_count_together(opens: Open) -> None:
    one, other = opens(rate_limit="2/hour"), opens(rate_limit="2/hour")
    await one.count_upload(ME)
    await other.count_upload(ME)
    with pytest.raises(LimitReached, match="may be added"):
        await one.count_upload(ME)


async def test_without_redis_nothing_is_made_and_the_sentence_says_so(opens: Open) -> None:
    limits = UsageLimits(Settings(rate_limit="1/hour"))
    dead = Limiter(limits, SharedLog("redis://127.0.0.1:1/0", "alone", 60))
    with pytest.raises(Unavailable, match="The limits cannot be counted right now: try again in a moment"):
        await dead.acquire(ME, FREE)


async def test_a_redis_that_has_lost_its_log_goes_on(opens: Open, server: RedisServer) -> None:
    one = opens(rate_limit="2/hour")
    await one.acquire(ME, FREE)
    server.client.delete(LOG)
    await one.acquire(ME, FREE)
    with pytest.raises(LimitReached):
        await one.acquire(ME, FREE)
