"""A budget is never spent twice, says what is left of it, and counts what was corrected or given back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from core.chat.failure import LimitReached, Rejected
from core.generation.budget import Charge, Expense
from core.generation.limiter import Limiter
from core.generation.limits import UsageLimits
from core.generation.visitor import OWNER, Visitor
from core.settings.schema import Settings
from limner import Money

pytestmark = pytest.mark.anyio
ME, YOU = Visitor("me"), Visitor("you")


def limits_of(budget: str | None, visitor_budget: str | None = None, hits: Any = ()) -> Limiter:
    settings = Settings(rate_limit="none", max_in_flight=100, budget=budget, visitor_budget=visitor_budget)
    return Limiter(UsageLimits(settings, hits), None)


def costs(*amounts: str | None) -> list[Expense]:
    return [Expense("Model", "flux", Money.parse(amount) if amount else None) for amount in amounts]


async def spend(limits: Limiter, *amounts: str | None, by: Visitor = ME) -> Charge:
    charges = await limits.acquire(by, costs(*amounts))
    for charge in charges:
        limits.release(charge)
    return charges[0]


async def refusal(limits: Limiter, *amounts: str | None, by: Visitor = ME) -> str:
    with pytest.raises(Rejected) as refused:
        await spend(limits, *amounts, by=by)
    return str(refused.value)


async def test_money_is_counted_for_all_together_and_comes_back_as_it_was_spent(
    clock: Callable[[float], None],
) -> None:
    limits = limits_of("1 USD/day")
    await spend(limits, "0.50 USD")
    clock(3600)
    await spend(limits, "0.45 USD", by=YOU)
    assert await refusal(limits, "0.06 USD", by=OWNER) == (
        "The budget of 1 USD per day has 0.05 USD left, and this costs about 0.06 USD: "
        "try again in 23 hours, or choose a free provider."
    )
    await spend(limits, "0.05 USD")
    assert await refusal(limits, "0.01 USD") == (
        "The budget of 1 USD per day is used up: try again in 23 hours, or choose a free provider."
    )
    clock(23 * 3600)
    assert "has 0.50 USD left, and this costs about 0.51 USD: try again in 60 minutes" in await refusal(
        limits, "0.51 USD"
    )
    await spend(limits, "0.50 USD")


async def test_each_visitor_has_a_budget_within_that_of_all() -> None:
    limits = limits_of("1 USD/day", "0.10 USD/hour")
    await spend(limits, "0.08 USD")
    assert await refusal(limits, "0.03 USD") == (
        "Your budget of 0.10 USD per hour has 0.02 USD left, and this costs about 0.03 USD: "
        "try again in 60 minutes, or choose a free provider."
    )
    for number in range(9):
        await spend(limits, "0.10 USD", by=Visitor(str(number)))
    assert (await refusal(limits, "0.03 USD", by=YOU)).startswith(
        "The budget of 1 USD per day has 0.02 USD left"
    )
    await spend(limits, "0.02 USD")


async def test_a_budget_in_pictures_for_each_visitor_goes_with_one_in_money_for_all() -> None:
    limits = limits_of("1 USD/day", "2/hour")
    await spend(limits, "0.01 USD", "0.01 USD")
    assert (await refusal(limits, "0.01 USD")).startswith("Your budget of 2 pictures per hour is used up")
    await spend(limits, "0.01 USD", by=YOU)
    assert "has 1 picture left, and this takes 2 pictures: " in await refusal(
        limits, *["0.01 USD"] * 2, by=YOU
    )


async def test_several_at_once_are_all_allowed_or_none() -> None:
    limits = limits_of("0.10 USD/day", "0.10 USD/day")
    await spend(limits, "0.04 USD")
    assert await refusal(limits, "0.04 USD", "0.04 USD") == (
        "The budget of 0.10 USD per day has 0.06 USD left, and this costs about 0.08 USD: "
        "try again in 24 hours, ask for fewer at once, or choose a free provider."
    )
    assert await refusal(limits, *["0.04 USD"] * 3) == (
        "This costs about 0.12 USD, more than the budget of 0.10 USD per day: "
        "ask for fewer at once, or choose a free provider."
    )
    assert len(limits.take_unsaved()) == 2
    await spend(limits, "0.03 USD", "0.03 USD")


async def test_what_one_budget_refuses_takes_nothing_from_the_other() -> None:
    limits = limits_of("1 USD/day", "0.10 USD/day")
    assert "your budget of 0.10 USD per day" in await refusal(limits, "0.50 USD")
    await spend(limits, *["0.10 USD"], by=YOU)
    for number in range(9):
        await spend(limits, "0.10 USD", by=Visitor(str(number)))


@pytest.mark.parametrize(
    ("cost", "why"),
    [
        (None, "The budget is in money, and the owner has set no price for Model (providers.flux.price)"),
        ("1 EUR", "The budget is in USD, and the price of Model (providers.flux.price) is in EUR"),
    ],
)
async def test_what_cannot_be_counted_in_money_is_refused_also_to_the_owner(
    cost: str | None, why: str
) -> None:
    limits = limits_of("20 USD/day")
    for visitor in (ME, OWNER):
        assert await refusal(limits, cost, by=visitor) == f"{why}: choose another model."
        assert await refusal(limits, "1 USD", cost, by=visitor) == f"{why}: choose another model."
    assert limits.take_unsaved() == []
    await limits_of("1 USD/day", "9/day").acquire(ME, [None])  # what costs nothing


async def test_visitors_spend_nothing_without_a_budget_whatever_the_price() -> None:
    assert "has set no budget for visitors" in await refusal(limits_of(None), "0.01 USD")
    (await spend(limits_of(None), "1000 USD", by=OWNER)).give_back()


async def test_a_picture_without_cost_takes_no_money_even_when_all_is_used_up() -> None:
    limits = limits_of("1 USD/day")
    await spend(limits, "1 USD")
    await spend(limits, "0 USD")


async def test_what_it_has_really_cost_counts_once_it_is_known() -> None:
    limits = limits_of("1 USD/day", "1 USD/day")
    charge = await spend(limits, "0.60 USD")
    assert "has 0.40 USD left" in await refusal(limits, "0.50 USD")
    charge.correct(Money.parse("0.45 USD"))
    (await spend(limits, "0.50 USD")).correct(Money.parse("0.70 USD"))
    assert "is used up" in await refusal(limits, "0.01 USD")


@pytest.mark.parametrize(("budget", "cost"), [("1/day", None), ("1 USD/day", "1 USD")])
async def test_what_is_given_back_can_be_spent_again_but_only_once(budget: str, cost: str | None) -> None:
    limits = limits_of(budget, budget)
    charge = await spend(limits, cost)
    charge.give_back()
    charge.give_back()
    await spend(limits, cost)
    assert "is used up" in await refusal(limits, cost)


@pytest.mark.parametrize("later", ["", "2 USD/day", "5/day", "1 EUR/day"])
async def test_what_was_spent_counts_after_a_restart_also_in_the_other_form(later: str) -> None:
    before = limits_of("2 USD/day")
    (await spend(before, "0.50 USD")).give_back()
    (await spend(before, "0.50 USD")).correct(Money.parse("1.25 USD"))
    await spend(before, "0.25 USD")
    kept = [hit for hit in before.take_unsaved() if hit.until]
    after = limits_of(later or "2 USD/day", hits={hit.id: hit for hit in kept}.values())
    if later == "5/day":
        await spend(after, *[None] * 3)
        assert "is used up" in await refusal(after, None)
    elif later == "1 EUR/day":
        await spend(after, "1 EUR")
    else:
        assert "has 0.50 USD left, and this costs about 0.60 USD" in await refusal(after, "0.60 USD")
        await spend(after, "0.50 USD")


async def test_a_correction_after_the_window_changes_nothing_any_more(clock: Callable[[float], None]) -> None:
    limits = limits_of("1 USD/hour")
    charge = await spend(limits, "0.50 USD")
    clock(3601)
    await spend(limits, "0.50 USD")
    charge.correct(Money.parse("9 USD"))
    charge.give_back()
    await spend(limits, "0.50 USD")
    assert "is used up" in await refusal(limits, "0.01 USD")


async def test_a_refusal_says_in_seconds_when_to_come_back(clock: Callable[[float], None]) -> None:
    """When enough has come back, and not only the oldest."""
    limits = limits_of("1 USD/hour")
    for _ in range(4):
        await spend(limits, "0.25 USD")
        clock(60)
    for amount, seconds in (("0.25 USD", 3360), ("0.26 USD", 3420), ("1 USD", 3540)):
        with pytest.raises(LimitReached) as reached:
            await spend(limits, amount)
        assert reached.value.retry_after == pytest.approx(seconds, abs=5)


async def test_a_thousand_tiny_pictures_add_up_exactly() -> None:
    limits = limits_of("1 USD/day")
    for number in range(1000):
        await spend(limits, "0.001 USD", by=Visitor(str(number)))
    assert "is used up" in await refusal(limits, "0.000000000001 USD")


async def test_a_clock_that_is_set_back_gives_nothing_back(clock: Callable[[float], None]) -> None:
    limits = limits_of("2 USD/minute")
    await spend(limits, "1 USD")
    clock(-50)
    await spend(limits, "1 USD")
    clock(65)  # the second has left the window, and the first has not
    assert "try again in 45 seconds" in await refusal(limits, "1 USD")
    assert "try again in 45 seconds" in await refusal(limits, "1 USD", "1 USD")
