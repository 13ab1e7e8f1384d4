"""The limits: how often, how much, and how many at once; every request passes here."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence

from core.chat.failure import LimitReached, Rejected
from core.generation.budget import FREE, Budget, Charge, Expense
from core.generation.rates import Rates
from core.generation.visitor import Visitor, client_name
from core.settings.schema import Settings
from core.storage.database import Hit

BUDGET = "budget"
"""The key of what all have spent; before that of a visitor, of what they have spent themselves."""


class UsageLimits:
    """Counts the requests of each visitor, whatever becomes of them, and those in flight.

    `hits` are those of an earlier process; `unsaved_hits` are those that the store does not have yet.
    """

    def __init__(self, settings: Settings, hits: Iterable[Hit] = ()) -> None:
        self._settings = settings
        self._clients = {client_name(name): client for name, client in settings.clients.items()}
        instead = {_key(name): client.rate_limit for name, client in self._clients.items()}
        rates = settings.rate_limit, settings.rate_limit_total, instead
        self._rates = Rates(*rates)
        self._uploads = Rates(*rates, " that may be added")
        self.unsaved_hits: list[Hit] = []
        self._budget = Budget(settings.budget, self.unsaved_hits) if settings.budget else None
        own = settings.visitor_budget
        self._visitor_budget = Budget(own, self.unsaved_hits, own=True) if own else None
        self._client_budgets = {
            _budget_key(name): Budget(client.budget, self.unsaved_hits, own=True)
            for name, client in self._clients.items()
            if client.budget
        }
        self._in_flight: Counter[str] = Counter()
        for hit in sorted(hits, key=lambda hit: hit.at):
            is_expense = hit.key.partition(" ")[0] == BUDGET
            budget = self._budget if hit.key == BUDGET else self._own_budget(hit.key)
            counted = budget if is_expense else self._rates
            if counted and hit.at <= time.time():
                counted.load(hit)

    def take_unsaved(self) -> list[Hit]:
        """Returns the hits that the store has not, or not as they are now; they are its to write."""
        taken = [*self.unsaved_hits]
        self.unsaved_hits.clear()
        return taken

    def acquire(self, visitor: Visitor, expenses: Sequence[Expense | None] = (None,)) -> list[Charge]:
        """Counts more requests of a visitor, all or none; each is in flight until `release`.

        There is one for each of `expenses`; None costs nothing. Returns what each takes from the budgets.
        Raises LimitReached if a limit does not allow them for now, Rejected if it never will, or if they
        would cost the owner money for which there is no budget; then nothing is counted.
        """
        count = len(expenses)
        self._check_in_flight(visitor, count)
        self._rates.check(_key(visitor.name), count)
        charges = self.spend(visitor, expenses)
        self.unsaved_hits += self._rates.add(_key(visitor.name), count)
        self._in_flight[visitor.name] += count
        return charges

    def _check_in_flight(self, visitor: Visitor, count: int) -> None:
        limits = self._clients.get(visitor.name, self._settings)
        most, running = limits.max_in_flight, self._in_flight[visitor.name]
        if count > most:
            raise Rejected(f"{most} of your pictures can be made at once, not {count}: ask for fewer.")
        if running + count > most:
            if most == 1:
                raise LimitReached("One of your pictures is already being made: wait for it, or stop it.")
            fewer = ", or ask for fewer at once" if running < most else ""
            already = f"{running} of your pictures are already being made"
            raise LimitReached(f"{already}: wait for one, or stop one{fewer}.")
        if self._in_flight.total() + count > self._settings.max_in_flight_total:
            raise LimitReached("Too many pictures are being made right now: try again in a moment.")

    def count_upload(self, visitor: Visitor, count: int = 1) -> None:
        """Counts pictures that a visitor brings; raises LimitReached beyond the limit on pictures.

        Many at once may go beyond it; then the next one waits until they have left the window.
        """
        self._uploads.check(_key(visitor.name), 1)
        self._uploads.add(_key(visitor.name), count)

    def spend(self, visitor: Visitor, expenses: Sequence[Expense | None]) -> list[Charge]:
        """Counts what costs money against the budgets, all or nothing; raises as `acquire` does."""
        self.check_budgets(visitor, expenses)
        return [
            Charge(
                *((budget, budget.take(key, expense)) for budget, key in self._budgets(visitor) if expense)
            )
            for expense in expenses
        ]

    def check_budgets(
        self, visitor: Visitor, expenses: Sequence[Expense | None], otherwise: str = FREE
    ) -> None:
        """Raises as `acquire` does if the budgets do not allow these; `otherwise` is its last advice."""
        paid = [expense for expense in expenses if expense]
        if not paid:
            return
        if self._budget is None and not visitor.may_spend:
            model = paid[0].model
            raise Rejected(f"{model} costs money, and the owner has set no budget for visitors: {otherwise}.")
        for budget, key in self._budgets(visitor):
            budget.check(key, paid, otherwise)

    def _budgets(self, visitor: Visitor) -> list[tuple[Budget, str]]:
        """Returns the budgets that a visitor spends, and the key of each."""
        key = _budget_key(visitor.name)
        budgets = [(self._budget, BUDGET), (self._own_budget(key), key)]
        return [(budget, key) for budget, key in budgets if budget]

    def _own_budget(self, key: str) -> Budget | None:
        """Returns the budget under one visitor's key: that of a client, or else what each visitor has."""
        return self._client_budgets.get(key, self._visitor_budget)

    def release(self, visitor: Visitor) -> None:
        """Ends the time in flight of one request."""
        self._in_flight[visitor.name] -= 1
        if not self._in_flight[visitor.name]:
            del self._in_flight[visitor.name]


def _key(name: str) -> str:
    return f"visitor {name}"


def _budget_key(name: str) -> str:
    return f"{BUDGET} {_key(name)}"
