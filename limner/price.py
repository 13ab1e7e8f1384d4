"""What a picture costs: by its size and options, or by what the service says that it used."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_UP, Context, Decimal
from typing import TYPE_CHECKING, Any, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, model_validator
from pydantic_core import CoreSchema, core_schema

from limner.size import Size, SizeLike

_MONEY = re.compile(r"(\d{1,30}(?:\.\d{1,30})?) ([A-Z]{3})")
_WHAT_IT_IS = "an amount and a currency, such as 0.04 USD"
_SMALLEST = Decimal("1e-12")
_EXACT = Context(prec=60)
MAX_PRICE = 10**9
MAX_USED = 10**12
"""The most that a service is believed to have used of anything."""


@dataclass(frozen=True, slots=True)
class Money:
    """An exact amount in a currency; reads and prints as ``0.04 USD``."""

    amount: Decimal
    currency: str

    @classmethod
    def parse(cls, text: str) -> Money:
        """Returns what a text such as ``0.04 USD`` states; raises ValueError for any other text."""
        match = _MONEY.fullmatch(text.strip())
        if not match:
            raise ValueError(_WHAT_IT_IS)
        return cls(Decimal(match[1]), match[2])

    @property
    def text(self) -> str:
        """The amount as a person reads it, with four decimals at most, or two digits of a smaller one."""
        decimals = max(4, 1 - self.amount.adjusted())
        rounded = round(self.amount, decimals)
        return str(self if rounded == self.amount else Money(rounded.normalize(), self.currency))

    def __str__(self) -> str:
        return f"{self.amount:f} {self.currency}"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: Any) -> Money:
            money = value if isinstance(value, Money) else cls.parse(str(value))
            is_bounded = money.amount.is_finite() and 0 <= money.amount < MAX_PRICE
            if not is_bounded or _kept(money.amount) != money.amount:
                raise ValueError(_WHAT_IT_IS)
            return money

        return core_schema.no_info_plain_validator_function(
            read,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )


class Price(BaseModel):
    """What a picture costs, if it has the size and the options that are named here.

    Where only the amount matters, a text such as `0.04 USD` may stand in its place.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    amount: Money
    per: Literal["picture", "megapixel"] = "picture"
    """A megapixel is a million pixels of the size that is asked for."""
    size: Size | None = None
    """None is every size."""
    options: dict[str, bool | int | float | str] = Field(default_factory=dict)
    """The values of options, by the names that requests use."""

    if TYPE_CHECKING:  # what may be written, where the fields say what is read

        def __init__(
            self,
            *,
            amount: Money | str,
            per: Literal["picture", "megapixel"] = "picture",
            size: SizeLike | None = None,
            options: Mapping[str, bool | int | float | str] = ...,
        ) -> None: ...

    @model_validator(mode="before")
    @classmethod
    def _reads_an_amount(cls, value: object) -> object:
        return {"amount": value} if isinstance(value, str | Money) else value

    def fits(self, size: Size | None, options: Mapping[str, Any]) -> bool:
        """Whether it is the price of a picture of this size, None if nobody knows it, with these options."""
        if size is None and (self.size or self.per == "megapixel"):
            return False
        named = self.options.items()
        return self.size in (None, size) and all(options.get(name) == value for name, value in named)


class UsagePrice(BaseModel):
    """What a service bills for something that it reports in `ImageResult.usage`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    field: str = Field(min_length=1, max_length=200)
    """Its name, such as `output_tokens`, or `input_tokens_details.image_tokens` within another."""
    amount: Money
    per: int = Field(default=1, ge=1)
    """For how many, such as 1,000,000 tokens."""

    if TYPE_CHECKING:

        def __init__(self, *, field: str, amount: Money | str, per: int = 1) -> None: ...


def estimate(prices: Sequence[Price], size: Size | None, options: Mapping[str, Any]) -> Money | None:
    """Returns what a picture will cost by the first price that fits; None if none does."""
    price = next((price for price in prices if price.fits(size, options)), None)
    if price is None:
        return None
    pixels = size.pixels if size else 0
    times = Decimal(pixels) / 1_000_000 if price.per == "megapixel" else Decimal(1)
    return _times(price.amount, times)


def cost_of_usage(prices: Sequence[UsagePrice], usage: Mapping[str, Any]) -> Money | None:
    """Returns what a picture has cost by what the service used; None if it does not report all of it."""
    amounts: list[Decimal] = []
    for price in prices:
        used = _used(usage, price.field)
        if used is None:
            return None
        amounts.append(_times(price.amount, used / price.per).amount)
    return Money(sum(amounts, Decimal(0)), prices[0].amount.currency) if prices else None


def total(costs: Sequence[Money]) -> str:
    """Returns a sum as a person reads it; amounts in different currencies are named one by one."""
    sums: dict[str, Decimal] = {}
    for cost in costs:
        sums[cost.currency] = sums.get(cost.currency, Decimal(0)) + cost.amount
    return " + ".join(Money(amount, currency).text for currency, amount in sums.items())


def _times(price: Money, number: Decimal) -> Money:
    """Returns a price so many times, rounded up to what can be kept."""
    amount = _EXACT.multiply(price.amount, number)
    kept = _kept(amount)
    return Money(amount if kept == amount else kept, price.currency)


def _kept(amount: Decimal) -> Decimal:
    return amount.quantize(_SMALLEST, ROUND_UP, _EXACT)


def _used(usage: Mapping[str, Any], field: str) -> Decimal | None:
    value: Any = usage
    for name in field.split("."):
        value = cast("Mapping[str, Any]", value).get(name) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_USED:
        return None
    return Decimal(str(value))
