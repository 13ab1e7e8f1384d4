"""Limits that several processes count together, in a real Redis."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeAlias

import pytest

from core.chat.failure import LimitReached, Rejected, Unavailable
from core.generation import limiter as limiters
from core.generation import shared_log
from core.generation.budget import Expense
from core.generation.limiter import Limiter
from core.generation.limits import UsageLimits
from core.generation.shared_log import ALIVE, LOG, LogFails, SharedLog
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
    one.release(charge)
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
    monkeypatch.setattr(shared_log, "ALIVE_SECONDS", 1)
    one, other = opens(max_in_flight=3), opens(max_in_flight=3)
    assert await tries([one, other], ME, 4) == 3
    one._is_closed = True  # it does nothing any more
    server.client.delete(ALIVE + "process 0")
    held = sum(not process for _, process in one._limits.in_flight.values())
    await until_let_through(other, held)


async def until_let_through(limiter: Limiter, count: int, expenses: Any = None) -> None:
    end = time.monotonic() + 20
    while count:
        assert time.monotonic() < end
        try:
            await limiter.acquire(ME, expenses or FREE)
            count -= 1
        except (LimitReached, Unavailable):
            await asyncio.sleep(0.01)


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


@pytest.fixture
def stopped(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """Stops Redis, which then takes requests and answers none; who asks has little patience."""
    monkeypatch.setattr(shared_log, "TIMEOUT", 0.3)
    pid = int(server.client.info("server")["process_id"])

    def stop(is_stopped: bool) -> None:
        os.kill(pid, signal.SIGSTOP if is_stopped else signal.SIGCONT)

    yield stop
    stop(False)


async def test_what_was_refused_since_redis_was_silent_takes_nothing(
    opens: Open, stopped: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Redis carries out later what nobody waits for any more."""
    monkeypatch.setattr(limiters, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(limiters, "PAUSE_SECONDS", 0.0)
    settings = {"max_in_flight": 1, "budget": "1 USD/day"}
    one, other = opens(**settings), opens(**settings)
    await one.count_upload(YOU)
    stopped(True)
    with pytest.raises(Unavailable):
        await one.acquire(ME, costing("1.00"))
    stopped(False)
    await until_let_through(other, 1, costing("1.00"))


async def test_an_end_that_is_told_twice_frees_one_place(
    opens: Open, stopped: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = opens(max_in_flight=3), opens(max_in_flight=3)
    await other.acquire(YOU, FREE)
    charges = [charge for _ in range(3) for charge in await one.acquire(ME, FREE)]
    stopped(True)
    one.release(charges[0])
    assert one._shared
    for _ in range(2):
        with pytest.raises(LogFails):
            await one._flush(one._shared)
    stopped(False)
    await settle(one)
    assert await tries([other], ME, 3) == 1


async def test_a_connection_that_is_lost_while_it_reads_loses_no_entry(
    opens: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"rate_limit": "5/hour", "max_in_flight": 99}
    one, other = opens(**settings), opens(**settings)
    await other.acquire(YOU, FREE)
    assert await tries([one], ME, 5) == 5
    shared = other._shared
    assert shared
    do, pages = shared._do, 0

    async def lost(*command: Any) -> Any:
        nonlocal pages
        pages += command[0] == "XRANGE"
        if pages == 2:
            pages += 1
            server.client.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        return await do(*command)

    monkeypatch.setattr(shared, "_do", lost)
    with pytest.raises(LogFails):
        await other._read(shared)
    assert await tries([other], ME, 3) == 0


@pytest.mark.parametrize("how", ["emptied", "silent"])
async def test_places_outlast_a_redis_that_has_forgotten_who_lives(
    opens: Open,
    server: RedisServer,
    stopped: Callable[[bool], None],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
) -> None:
    monkeypatch.setattr(shared_log, "ALIVE_SECONDS", 1)
    monkeypatch.setattr(limiters, "LOOK_SECONDS", 0.1)
    one, other = opens(max_in_flight=3), opens(max_in_flight=3)
    await other.acquire(YOU, FREE)
    await one.acquire(ME, FREE * 3)
    with pytest.raises(LimitReached):
        await other.acquire(ME, FREE)
    if how == "emptied":
        server.client.flushall()
    else:
        stopped(True)
        await asyncio.sleep(1.5)
        stopped(False)
    end = time.monotonic() + 2 * shared_log.ALIVE_SECONDS
    while time.monotonic() < end:
        with pytest.raises((LimitReached, Unavailable)):
            await other.acquire(ME, FREE)
        await asyncio.sleep(0.05)


async def test_only_the_first_waits_for_a_silent_redis(
    opens: Open, stopped: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limiters, "PAUSE_SECONDS", 60)
    one = opens(max_in_flight=99)
    await one.acquire(YOU, FREE)
    assert one._shared
    do, asked = one._shared._do, 0

    async def counted(*command: Any) -> Any:
        nonlocal asked
        asked += 1
        return await do(*command)

    monkeypatch.setattr(one._shared, "_do", counted)
    stopped(True)
    outcomes = await asyncio.gather(*(one.acquire(ME, FREE) for _ in range(8)), return_exceptions=True)
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert asked == 1


@pytest.mark.parametrize(
    "entry",
    [
        {"foo": "bar"},
        {"entry": "no json"},
        {"entry": "[]"},
        {"entry": '{"kind": "pause"}'},
        {"entry": '{"kind": "take", "process": "newer", "who": "x"}'},
        {"entry": '{"kind": "held", "process": "newer", "places": 3}'},
    ],
)
async def test_an_entry_of_something_else_is_left_out(
    opens: Open, server: RedisServer, entry: dict[Any, Any]
) -> None:
    one, other = opens(rate_limit="2/hour"), opens(rate_limit="2/hour")
    await other.acquire(YOU, FREE)
    server.client.xadd(LOG, entry)
    await one.acquire(ME, FREE)
    await one.acquire(ME, FREE)
    with pytest.raises(LimitReached):
        await other.acquire(ME, FREE)
    assert all(not task.done() for task in other._tasks.running)


@pytest.mark.parametrize("ahead", [65, -300])
async def test_a_clock_that_differs_from_that_of_redis_changes_no_rate(
    opens: Open, clock: Callable[[float], None], ahead: float
) -> None:
    clock(ahead)
    one, other = opens(rate_limit="3/minute", max_in_flight=9), opens(rate_limit="3/minute", max_in_flight=9)
    assert await tries([one, other], ME, 3) == 3
    with pytest.raises(LimitReached) as reached:
        await one.acquire(ME, FREE)
    assert 50 < (reached.value.retry_after or 0) <= 61


async def test_a_process_that_was_taken_for_dead_takes_its_places_back(
    opens: Open, server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_log, "ALIVE_SECONDS", 1)
    monkeypatch.setattr(limiters, "LOOK_SECONDS", 0.05)
    one, other = opens(max_in_flight=3), opens(max_in_flight=3)
    await one.acquire(ME, FREE * 3)
    one._is_closed = True  # it is held up
    server.client.delete(ALIVE + "process 0")
    await until_let_through(other, 1)
    assert one._shared
    await one._read(one._shared)
    await settle(one)
    with pytest.raises(LimitReached, match="4 of your pictures"):
        await other.acquire(ME, FREE)
