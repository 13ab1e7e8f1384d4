"""Prices are exact, the first that fits counts, and what a service says it has used is believed in bounds."""

from __future__ import annotations

import math
import re
from decimal import Decimal
from typing import Any

import pytest
from pydantic import Field, ValidationError

from limner import ModelInfo, Money, Options, Price, ProviderInfo, Size, UsagePrice
from limner.price import cost_of_usage, estimate, total

USD = "USD"


class Steps(Options):
    count: int = Field(default=4, alias="steps")


WHAT_IT_IS = re.escape("an amount and a currency, such as 0.04 USD")


def money(text: str) -> Money:
    return Money.parse(text)


@pytest.mark.parametrize("text", ["0.04 USD", "20 EUR", "0 USD", "0.10 USD", "123456789.000000000001 JPY"])
def test_an_amount_is_read_and_written_exactly(text: str) -> None:
    assert str(money(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0.04", "USD", "4 cents", "-1 USD", "1e3 USD", "0.04 usd", ".5 USD", "$1"]
)
def test_what_is_no_amount_says_what_it_may_be(text: str) -> None:
    with pytest.raises(ValueError, match=WHAT_IT_IS):
        money(text)
    with pytest.raises(ValidationError, match=WHAT_IT_IS):
        ModelInfo(id="m", prices=text)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "-1", "1e9", "1e-13"])
def test_an_amount_that_cannot_be_a_price_is_refused(amount: str) -> None:
    with pytest.raises(ValidationError):
        Price(amount=Money(Decimal(amount), USD))


@pytest.mark.parametrize(
    ("exact", "read"),
    [
        ("0.04 USD", "0.04 USD"),
        ("0.10 USD", "0.10 USD"),
        ("0.03145728 USD", "0.0315 USD"),
        ("0.0000314 USD", "0.000031 USD"),
        ("20.00001 USD", "20 USD"),
        ("0 USD", "0 USD"),
    ],
)
def test_people_read_no_more_digits_than_they_need(exact: str, read: str) -> None:
    assert money(exact).text == read


def prices(*listed: Any) -> tuple[Price, ...]:
    return ModelInfo(id="m", prices=listed).prices


SQUARE, WIDE = Size(1024, 1024), Size(1536, 1024)
TABLE = prices(
    {"amount": "0.25 USD", "size": "1536x1024", "options": {"quality": "high"}},
    {"amount": "0.17 USD", "options": {"quality": "high"}},
    {"amount": "0.01 USD", "options": {"quality": "low", "fast": True}},
    {"amount": "0.02 USD", "per": "megapixel", "options": {"quality": "low"}},
)


@pytest.mark.parametrize(
    ("size", "options", "cost"),
    [
        (WIDE, {"quality": "high"}, "0.25 USD"),
        (SQUARE, {"quality": "high", "steps": 4}, "0.17 USD"),
        (None, {"quality": "high"}, "0.17 USD"),
        (WIDE, {"quality": "low", "fast": True}, "0.01 USD"),
        (SQUARE, {"quality": "low", "fast": False}, "0.02097152 USD"),
        (None, {"quality": "low"}, None),  # a price by the size of one that nobody knows
        (SQUARE, {"quality": "auto"}, None),
        (SQUARE, {}, None),
    ],
)
def test_the_first_price_that_fits_counts(size: Size | None, options: Any, cost: str | None) -> None:
    assert estimate(TABLE, size, options) == (cost and money(cost))


def test_a_text_alone_is_the_price_of_every_picture() -> None:
    for listed in (prices("0.04 USD"), ModelInfo(id="m", prices="0.04 USD").prices):  # pyright: ignore
        assert estimate(listed, None, {}) == estimate(listed, WIDE, {"a": 1}) == money("0.04 USD")
    assert estimate((), WIDE, {}) is None


RATES = (
    UsagePrice(field="input_tokens_details.text_tokens", amount=money("5 USD"), per=1_000_000),
    UsagePrice(field="output_tokens", amount=money("40 USD"), per=1_000_000),
)


def test_what_the_service_used_is_added_up_exactly() -> None:
    usage = {"input_tokens_details": {"text_tokens": 13, "image_tokens": 0}, "output_tokens": 1056}
    assert cost_of_usage(RATES, usage) == money("0.042305 USD")
    seconds = (UsagePrice(field="predict_time", amount=money("0.0014 USD")),)
    assert cost_of_usage(seconds, {"predict_time": 1.3}) == money("0.00182 USD")
    assert cost_of_usage((UsagePrice(field="cost", amount=money("1 USD"), per=3),), {"cost": 1}) == money(
        "0.333333333334 USD"
    )
    assert cost_of_usage((), usage) is None


@pytest.mark.parametrize(
    "tokens", [None, "1056", True, -1, math.nan, math.inf, 10**13, 10**400, [1], {"of": 1}]
)
def test_what_is_not_reported_as_a_number_makes_no_cost(tokens: Any) -> None:
    usage = {"input_tokens_details": {"text_tokens": 13}, "output_tokens": tokens}
    assert cost_of_usage(RATES, usage) is None
    assert cost_of_usage(RATES, {"input_tokens_details": tokens, "output_tokens": 1}) is None


def test_the_largest_use_at_the_largest_price_can_still_be_written_and_read() -> None:
    price = UsagePrice(field="x", amount=Money(Decimal("999999999.999999999999"), USD))
    cost = cost_of_usage([price], {"x": 10**12})
    assert cost
    assert money(str(cost)) == cost
    huge = estimate(prices({"amount": str(price.amount), "per": "megapixel"}), Size(99_999, 99_999), {})
    assert huge
    assert money(str(huge)) == huge


def test_the_prices_of_a_model_are_in_one_currency() -> None:
    with pytest.raises(ValidationError, match="the prices of a model must be in one currency"):
        prices("0.04 USD", "0.04 EUR")
    with pytest.raises(ValidationError, match="in one currency"):
        ModelInfo(id="m", prices=prices("1 EUR"), usage_prices=RATES)


def test_a_price_names_options_that_the_model_has() -> None:
    model = ModelInfo(id="m", prices=prices({"amount": "1 USD", "options": {"steps": 4}}))
    assert ProviderInfo(label="P", models=(model.model_copy(update={"options": Steps}),))
    wrong: list[dict[str, Any]] = [
        {"models": (model,)},
        {"models": (ModelInfo(id="a"),), "other_models": model},
    ]
    for about in wrong:
        with pytest.raises(ValidationError, match="a price of m names the option steps, which it does not"):
            ProviderInfo(label="P", **about)


def test_a_sum_names_each_currency() -> None:
    assert total([money("0.05 USD"), money("0.05 USD")]) == "0.10 USD"
    assert total([money("0.05 USD"), money("2 EUR"), money("1 USD")]) == "1.05 USD + 2 EUR"
    assert total([]) == ""
