"""A budget: what may be spent within a time, in pictures or in money, and what was given back of it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from core.chat.failure import BudgetReached, Rejected, duration_words
from core.generation.window import Window
from core.settings.budget import read_budget, span_words
from core.storage.database import Hit
from limner.price import Money

FREE = "choose a free provider"


class Expense(NamedTuple):
    """A picture that costs money: by which model, and what, as far as is known before it is made."""

    model: str
    """Its name, as people read it."""
    provider: str
    """The provider's name in the settings."""
    cost: Money | None


class Budget:
    """One budget, for all visitors together or, if it is `own`, for each; `unsaved` takes what changes."""

    def __init__(self, text: str, unsaved: list[Hit], *, own: bool = False) -> None:
        self._money, rate = read_budget(text)
        self._whose = "Your" if own else "The"
        self._span = span_words(rate)
        self._unsaved = unsaved
        self._window = Window(
            self._money.amount if self._money else rate.amount, rate.get_expiry(), self._amount_of
        )

    @property
    def seconds(self) -> float:
        """How long a picture counts."""
        return self._window.seconds

    def load(self, hit: Hit) -> None:
        """Counts a hit of an earlier process."""
        self._window.add(hit)

    def check(self, key: str, expenses: Sequence[Expense], otherwise: str = FREE) -> None:
        """Raises LimitReached if the budget does not allow these for now, Rejected if it never will.

        The error says what else somebody may do, at last `otherwise`.
        """
        needed = sum((self._needed(expense) for expense in expenses), Decimal(0))
        if not needed:
            return
        takes = f"{'costs about' if self._money else 'takes'} {self._words(needed)}"
        limit = f"budget of {self._words(self._window.most)} per {self._span}"
        steps = ["ask for fewer at once", otherwise] if len(expenses) > 1 else [otherwise]
        if needed > self._window.most:
            raise Rejected(f"This {takes}, more than {self._whose.lower()} {limit}: {_advice(*steps)}.")
        if seconds := self._window.wait(key, needed):
            left = self._window.left(key)
            state = f"has {self._words(left)} left, and this {takes}" if left else "is used up"
            advice = _advice(f"try again in {duration_words(seconds)}", *steps)
            raise BudgetReached(f"{self._whose} {limit} {state}: {advice}.", seconds)

    def take(self, key: str, cost: Money | None, at: float, id: str) -> Hit:
        """Counts a picture, with its cost as far as is known."""
        hit = Hit(key, at, at + self._window.seconds, str(cost) if cost else None, id)
        self._window.add(hit)
        self._unsaved.append(hit)
        return hit

    def correct(self, hit: Hit, cost: Money) -> None:
        """Sets what a picture has really cost."""
        self._window.change(hit, str(cost))
        self._unsaved.append(hit)

    def give_back(self, hit: Hit) -> None:
        """Takes a picture out of the count."""
        self._window.remove(hit)
        hit.until = 0  # the store forgets it
        self._unsaved.append(hit)

    def change(self, id: str, cost: str | None, until: float) -> None:
        """Changes the picture with that id, if it is counted here: another process has."""
        if (hit := self._window.find(id)) is None:
            return
        if until:
            self._window.change(hit, cost)
        else:
            self._window.remove(hit)

    def _needed(self, expense: Expense) -> Decimal:
        """Returns what a picture takes; raises Rejected if nobody can say."""
        if self._money is None:
            return Decimal(1)
        setting = f"(providers.{expense.provider}.price)"
        if expense.cost is None:
            why = f"the owner has set no price for {expense.model} {setting}"
            raise Rejected(f"The budget is in money, and {why}: choose another model.")
        if expense.cost.currency != self._money.currency:
            why = f"the price of {expense.model} {setting} is in {expense.cost.currency}"
            raise Rejected(f"The budget is in {self._money.currency}, and {why}: choose another model.")
        return expense.cost.amount

    def _amount_of(self, hit: Hit) -> Decimal:
        """Returns what a hit takes; it may be of an earlier process, with another budget."""
        if self._money is None:
            return Decimal(1)
        cost = Money.parse(hit.cost) if hit.cost else None
        return cost.amount if cost and cost.currency == self._money.currency else Decimal(0)

    def _words(self, amount: Decimal | int) -> str:
        if self._money:
            return Money(Decimal(amount), self._money.currency).text
        return f"{amount} picture{'' if amount == 1 else 's'}"


def _advice(*steps: str) -> str:
    """Returns what somebody may do whom a budget stops: one of these steps."""
    *before, last = steps
    return f"{', '.join(before)}, or {last}" if before else last


class Charge:
    """What one picture takes from the budgets; nothing, if it costs nothing or there are none."""

    def __init__(self, *taken: tuple[Budget, Hit], place: str = "") -> None:
        self._taken = taken
        self.place = place
        """Its place among what is in flight."""

    def correct(self, cost: Money) -> None:
        """Sets what the picture has really cost."""
        for budget, hit in self._taken:
            budget.correct(hit, cost)

    def give_back(self) -> None:
        """Returns all of it to the budgets; a second time changes nothing."""
        for budget, hit in self._taken:
            budget.give_back(hit)
