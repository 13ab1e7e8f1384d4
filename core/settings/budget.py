"""Rates and budgets as the settings have them: so many pictures, or so much money, within a time."""

from __future__ import annotations

import re
from typing import Annotated, NamedTuple

from limits import RateLimitItem, parse_many
from pydantic import AfterValidator

from limner.price import MAX_PRICE, Money

_MONEY = re.compile(r"\s*(?P<money>[\d.]+ [A-Z]{3})\s*(?P<span>(/|per\b).+)")
_LONGEST = 100 * 366 * 86400  # seconds: a longer time is a slip


class BudgetLimit(NamedTuple):
    """What a budget allows within a time: pictures, or money."""

    money: Money | None
    """None if pictures are counted."""
    rate: RateLimitItem
    """The time; its amount is that of the pictures, 1 if it is money."""


def read_rates(text: str) -> list[RateLimitItem]:
    """Returns the limits that a text such as ``60/minute, 500/day`` states; raises ValueError."""
    limits = parse_many(text)
    if any(limit.amount < 1 or limit.get_expiry() > _LONGEST for limit in limits):
        raise ValueError("a limit of nothing, or for ever")
    return limits


def read_budget(text: str) -> BudgetLimit:
    """Returns the budget that a text such as ``200/day`` or ``20 USD/day`` states; raises ValueError."""
    if match := _MONEY.fullmatch(text):
        money = Money.parse(match["money"])
        if not 0 < money.amount < MAX_PRICE:
            raise ValueError("a budget of nothing, or of more than there is")
        return BudgetLimit(money, _read_rate(f"1{match['span']}"))
    return BudgetLimit(None, _read_rate(text))


def _read_rate(text: str) -> RateLimitItem:
    (limit,) = read_rates(text)
    return limit


def is_none(text: str | None) -> bool:
    """Whether a setting says that there is no limit."""
    return text is None or text.strip().lower() in ("", "none")


def span_words(rate: RateLimitItem) -> str:
    """Returns the time of a limit in words: day, or 5 minutes."""
    unit = rate.GRANULARITY.name
    return unit if rate.multiples == 1 else f"{rate.multiples} {unit}s"


def check_currency(value: str | None, whole: str | None) -> None:
    """Raises ValueError if a budget is in another currency than that of all visitors together."""
    own, of = (read_budget(text).money if text else None for text in (value, whole))
    if own and of and own.currency != of.currency:
        raise ValueError(f"in {of.currency}, the currency of budget")


def _rate(value: str | None) -> str | None:
    if value is None or is_none(value):
        return None
    try:
        read_rates(value)
    except ValueError:
        forms = "a number per second, minute, hour or day, or several, such as 60/minute, 500/day; or none"
        raise ValueError(forms) from None
    return value


def _budget(value: str | None) -> str | None:
    if value is None or is_none(value):
        return None
    try:
        read_budget(value)
    except ValueError:
        forms = "pictures or money per second, minute, hour or day, such as 200/day or 20 USD/day, or none"
        raise ValueError(forms) from None
    return value


Rate = Annotated[str | None, AfterValidator(_rate)]
Budget = Annotated[str | None, AfterValidator(_budget)]
