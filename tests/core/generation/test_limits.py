"""Every limit stands, says when to come back, and counts nothing that it refused."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from core.chat.failure import LimitReached, Rejected
from core.generation.budget import Expense
from core.generation.limiter import Limiter
from core.generation.limits import UsageLimits
from core.generation.visitor import OWNER, Visitor, visitor_of_client
from core.settings.clients import hash_of
from core.settings.schema import Settings
from core.storage.database import Hit

pytestmark = pytest.mark.anyio
FREE: list[Expense | None] = [None]
PAID: list[Expense | None] = [Expense("Model", "provider", None)]


async def refusal(allowance: Limiter, name: str = "me", paid_count: int = 0) -> str:
    with pytest.raises(Rejected) as refused:
        await allowance.acquire(Visitor(name), PAID * paid_count or FREE)
    return str(refused.value)


def counting(settings: Settings, hits: Iterable[Hit] = ()) -> Limiter:
    return Limiter(UsageLimits(settings, hits), None)


def limits_of(**settings: Any) -> Limiter:
    return counting(Settings(**{"rate_limit": "none", **settings}))


async def test_so_many_at_once_for_each_visitor_and_in_all() -> None:
    limits = limits_of(max_in_flight=2, max_in_flight_total=3)
    for visitor in ("you", "me", "me"):
        (charge,) = await limits.acquire(Visitor(visitor), FREE)
    assert await refusal(limits) == "2 of your pictures are already being made: wait for one, or stop one."
    assert (
        await refusal(limits, "you") == "Too many pictures are being made right now: try again in a moment."
    )
    limits.release(charge)
    limits.release(charge)
    await limits.acquire(Visitor("you"), FREE)
    assert (await refusal(limits)).startswith("Too many pictures"), "a place comes back once"
    one = limits_of(max_in_flight=1)
    await one.acquire(Visitor("me"), FREE)
    assert await refusal(one) == "One of your pictures is already being made: wait for it, or stop it."


async def test_so_many_in_a_time_for_each_visitor(clock: Callable[[float], None]) -> None:
    limits = limits_of(rate_limit="2/minute")
    for _ in range(2):
        (charge,) = await limits.acquire(Visitor("me"), FREE)
        limits.release(charge)
    assert (
        await refusal(limits)
        == "You have reached the limit of 2 pictures per minute: try again in 60 seconds."
    )
    clock(30)
    assert "try again in 30 s" in await refusal(limits)
    await limits.acquire(Visitor("you"), FREE)
    clock(31)
    await limits.acquire(Visitor("me"), FREE)


async def test_several_rates_hold_together_and_the_longest_wait_is_said(
    clock: Callable[[float], None],
) -> None:
    limits = limits_of(rate_limit="2/minute, 3/day")
    for _ in range(3):
        (charge,) = await limits.acquire(Visitor("me"), FREE)
        limits.release(charge)
        clock(31)
    assert await refusal(limits) == "You have reached the limit of 3 pictures per day: try again in 24 hours."
    clock(86_400 - 60)
    await limits.acquire(Visitor("me"), FREE)
    await limits.acquire(Visitor("me"), FREE)
    assert "2 pictures per minute: try again in 60 s" in await refusal(limits)


async def test_all_visitors_together_have_a_rate_too(clock: Callable[[float], None]) -> None:
    settings = Settings(rate_limit="2/hour", rate_limit_total="3/day")
    before = counting(settings)
    for name in ("me", "you", "she"):
        await before.acquire(Visitor(name), FREE)
        clock(600)
    said = "All visitors together have reached the limit of 3 pictures per day: try again in 24 hours."
    assert await refusal(before, "another") == said
    after = counting(settings, before.take_unsaved())
    assert await refusal(after, "another") == said, "a restart gives nothing anew"
    with pytest.raises(Rejected, match="2 pictures at once are more than the limit of 1 picture per day"):
        await limits_of(rate_limit_total="1/day").acquire(Visitor("me"), FREE * 2)
    for name in ("me", "you", "she"):
        await after.count_upload(Visitor(name))
    with pytest.raises(LimitReached, match="3 pictures per day that may be added") as reached:
        await after.count_upload(Visitor("another"))
    assert reached.value.retry_after == pytest.approx(86_400, abs=5)
    clock(86_400)
    await after.acquire(Visitor("another"), FREE)


async def test_what_is_counted_for_a_day_leaves_the_minute_after_a_restart(
    clock: Callable[[float], None],
) -> None:
    settings = Settings(rate_limit="1/minute, 2/day", rate_limit_total="2/minute")
    before = counting(settings)
    await before.acquire(Visitor("me"), FREE)
    clock(61)
    after = counting(settings, before.take_unsaved())
    await after.acquire(Visitor("me"), FREE)
    assert "2 pictures per day" in await refusal(after)


@pytest.mark.parametrize(
    ("rate", "said"),
    [
        ("1/hour", "1 picture per hour: try again in 60 minutes."),
        ("3/day", "3 pictures per day: try again in 24 hours."),
        ("1 per 5 minutes", "1 picture per 5 minutes: try again in 5 minutes."),
    ],
)
async def test_a_limit_is_read_aloud(rate: str, said: str) -> None:
    limits = limits_of(rate_limit=rate)
    for _ in range(int(rate[0])):
        (charge,) = await limits.acquire(Visitor("me"), FREE)
        limits.release(charge)
    assert await refusal(limits) == f"You have reached the limit of {said}"


async def test_the_budget_is_for_what_costs_money_and_for_all_together() -> None:
    limits = limits_of(budget="2/day")
    await limits.acquire(Visitor("me"), PAID)
    await limits.acquire(Visitor("you"), PAID)
    assert await refusal(limits, "other", paid_count=1) == (
        "The budget of 2 pictures per day is used up: try again in 24 hours, or choose a free provider."
    )
    await limits.acquire(Visitor("other"), FREE)


async def test_what_costs_the_owner_money_needs_a_budget_for_everybody_else() -> None:
    limits = limits_of()
    await limits.acquire(OWNER, PAID)
    with pytest.raises(Rejected, match=r"has set no budget for visitors: choose a free"):
        await limits.acquire(Visitor("other"), PAID)
    with pytest.raises(Rejected, match="no budget"):
        await limits.spend(Visitor("other"), PAID[0], "place")
    await limits.acquire(Visitor("other"), FREE)
    await limits_of(budget="1/day").acquire(Visitor("other"), PAID)


async def test_rate_and_budget_go_on_counting_after_a_restart(clock: Callable[[float], None]) -> None:
    settings = Settings(rate_limit="2/hour", budget="3/day")
    before = counting(settings)
    for _ in range(2):
        await before.acquire(Visitor("me"), PAID)
        clock(600)
    after = counting(settings, before.take_unsaved())
    assert "2 pictures per hour: try again in 40 minutes" in await refusal(after, paid_count=1)
    await after.acquire(Visitor("you"), PAID)
    assert "3 pictures per day is used up: try again in 24 hours" in await refusal(after, "she", paid_count=1)
    clock(2401)
    await after.acquire(Visitor("me"), FREE)
    assert len(after.take_unsaved()) == 3, "only what is new is written again"


async def test_a_clock_that_was_ahead_locks_nobody_out() -> None:
    ahead = Hit("budget", time.time() + 1e6, time.time() + 2e6)
    await counting(Settings(budget="1/day"), [ahead]).acquire(OWNER, PAID)


async def test_visitors_of_long_ago_are_forgotten(clock: Callable[[float], None]) -> None:
    limits = limits_of(rate_limit="5/minute")
    for n in range(1_000):
        (charge,) = await limits.acquire(Visitor(str(n)), FREE)
        limits.release(charge)
        clock(1)
    assert len(limits._limits._rates._own[0]._window._taken) <= 61


async def test_a_limit_says_in_seconds_when_to_come_back() -> None:
    limits = limits_of(rate_limit="1/minute", budget="1/hour", max_in_flight=2)
    await limits.acquire(Visitor("me"), PAID)
    for visitor, seconds in (("me", 60), ("you", 3600)):
        with pytest.raises(LimitReached) as reached:
            await limits.acquire(Visitor(visitor), PAID)
        assert reached.value.retry_after == pytest.approx(seconds, abs=5)


async def test_what_is_refused_is_not_counted() -> None:
    limits = limits_of(rate_limit="2/hour", budget="2/day", max_in_flight=1)
    (charge,) = await limits.acquire(Visitor("me"), PAID)
    for _ in range(5):
        await refusal(limits, paid_count=1)
    limits.release(charge)
    (charge,) = await limits.acquire(Visitor("me"), PAID)
    limits.release(charge)
    for _ in range(5):
        assert "2 pictures per hour" in await refusal(limits)
    assert not limits._limits.in_flight


async def test_ten_thousand_visitors_leave_nothing_behind() -> None:
    limits = limits_of()
    for n in range(10_000):
        (charge,) = await limits.acquire(Visitor(str(n % 150)), FREE)
        limits.release(charge)
    assert not limits._limits.in_flight


def client(settings: Settings, name: str = "notebook") -> Visitor:
    return visitor_of_client(name, settings.clients[name])


def with_clients(own: dict[str, Any], **settings: Any) -> Settings:
    """Returns settings with a client that has limits of its own, and one that has none."""
    clients = {"notebook": {"key": hash_of("a"), **own}, "plain": {"key": hash_of("b")}}
    return Settings(**{"rate_limit": "none", "clients": clients, **settings})


async def test_a_client_has_its_own_rate_in_place_of_that_of_a_visitor(
    clock: Callable[[float], None],
) -> None:
    settings = with_clients({"rate_limit": "3/hour"}, rate_limit="1/day")
    before = counting(settings)
    await before.acquire(client(settings, "plain"), FREE)
    assert "1 picture per day" in await refusal(before, "client plain")
    for _ in range(3):
        await before.acquire(client(settings), FREE)
        clock(600)
    after = counting(settings, before.take_unsaved())
    for limits in (before, after):
        assert "limit of 3 pictures per hour: try again in 30 minutes" in await refusal(
            limits, "client notebook"
        )
        await limits.acquire(Visitor(f"another {id(limits)}"), FREE)
    clock(1801)
    await after.acquire(client(settings), FREE)
    await after.count_upload(client(settings))
    await after.count_upload(client(settings), 2)
    with pytest.raises(LimitReached, match="3 pictures per hour that may be added"):
        await after.count_upload(client(settings))


async def test_the_limits_of_all_together_hold_for_clients_too() -> None:
    own = {"rate_limit": "none", "max_in_flight": 9}
    settings = with_clients(own, rate_limit="1/day", rate_limit_total="3/day")
    before = counting(settings)
    await before.acquire(client(settings), FREE * 2)
    await before.acquire(Visitor("me"), FREE)
    after = counting(settings, before.take_unsaved())
    for limits in (before, after):
        assert "All visitors together have reached the limit of 3" in await refusal(limits, "client notebook")
    crowded = counting(with_clients(own, max_in_flight_total=2))
    await crowded.acquire(client(settings), FREE * 2)
    assert (await refusal(crowded, "client notebook")).startswith("Too many pictures are being made")


async def test_a_client_has_its_own_number_at_once() -> None:
    settings = with_clients({"max_in_flight": 2}, max_in_flight=1)
    limits = counting(settings)
    await limits.acquire(client(settings), FREE * 2)
    assert (await refusal(limits, "client notebook")).startswith("2 of your pictures are already being made")
    await limits.acquire(client(settings, "plain"), FREE)
    assert (await refusal(limits, "client plain")).startswith("One of your pictures is already being made")


async def test_a_client_with_a_budget_spends_that_also_where_others_may_spend_nothing() -> None:
    settings = with_clients({"budget": "2/day"})
    before = counting(settings)
    await before.acquire(client(settings), PAID * 2)
    after = counting(settings, before.take_unsaved())
    for limits in (before, after):
        with pytest.raises(LimitReached, match=r"^Your budget of 2 pictures per day is used up"):
            await limits.acquire(client(settings), PAID)
        for other in (client(settings, "plain"), Visitor("me")):
            with pytest.raises(Rejected, match="has set no budget for visitors"):
                await limits.acquire(other, PAID)


async def test_the_budget_of_all_holds_beside_that_of_a_client_which_stands_for_that_of_a_visitor() -> None:
    settings = with_clients({"budget": "3/day"}, budget="5/day", visitor_budget="1/day")
    limits = counting(settings)
    await limits.acquire(client(settings), PAID * 3)
    await limits.acquire(client(settings, "plain"), PAID)
    for name, said in (("client notebook", "3 pictures"), ("client plain", "1 picture")):
        assert f"our budget of {said} per day is used up" in await refusal(limits, name, paid_count=1)
    await limits.acquire(Visitor("me"), PAID)
    assert (await refusal(limits, "you", paid_count=1)).startswith(
        "The budget of 5 pictures per day is used up"
    )
    one = counting(with_clients({"budget": "3/day"}, budget="1/day"))
    await one.acquire(client(settings), PAID)
    assert (await refusal(one, "client notebook", paid_count=1)).startswith("The budget of 1 picture per day")
