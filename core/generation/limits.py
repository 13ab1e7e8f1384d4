"""The limits: how often, how much, and how many at once; every request passes here."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from core.chat.failure import LimitReached, Rejected
from core.generation.budget import FREE, Budget, Charge, Expense
from core.generation.rates import Rates
from core.generation.visitor import Visitor, client_name
from core.settings.schema import Settings
from core.storage.database import Hit
from limner.price import Money

BUDGET = "budget"
"""The key of what all have spent; before that of a visitor, of what they have spent themselves."""


@dataclass
class Taken:
    """What requests take of the limits."""

    visitor: str
    costs: list[tuple[bool, Money | None]]
    """Whether each costs something, and what, as far as is known."""
    at: float = field(default_factory=lambda: time.time())
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    process: str = ""
    """The one that counts them, unless it is this one."""

    def place(self, number: int) -> str:
        """Returns the name of the place in flight that one of them has."""
        return f"{self.id}.{number}"

    def hit(self, number: int, *, own: bool) -> str:
        """Returns the id of what one of them takes from the budget of all, or from the visitor's own."""
        return f"{self.id}.{number}{own:d}"

    @classmethod
    def of(cls, visitor: Visitor, expenses: Sequence[Expense | None]) -> Taken:
        """Returns what a visitor's requests take now."""
        return cls(visitor.name, [(bool(expense), expense and expense.cost) for expense in expenses])


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
        self.in_flight: dict[str, tuple[str, str]] = {}
        """The visitor and the process of each place that is taken."""
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

    @property
    def longest(self) -> float:
        """The seconds of the longest limit, which is how long something counts."""
        budgets = filter(None, [self._budget, self._visitor_budget, *self._client_budgets.values()])
        return max([self._rates.longest, 60.0, *(budget.seconds for budget in budgets)])

    def check(self, visitor: Visitor, expenses: Sequence[Expense | None]) -> None:
        """Checks whether a visitor may make more requests, one for each of `expenses`; None costs nothing.

        Raises LimitReached if a limit does not allow them for now, Rejected if it never will, or if they
        would cost the owner money for which there is no budget.
        """
        self._check_in_flight(visitor, len(expenses))
        self._rates.check(_key(visitor.name), len(expenses))
        self.check_budgets(visitor, expenses)

    def take(self, taken: Taken, count: int) -> list[Charge]:
        """Counts so many requests, each in flight until `release`, and what they cost, whatever the limits.

        Returns what each takes from the budgets.
        """
        key = _budget_key(taken.visitor)
        charges = [
            Charge(
                *(
                    (budget, budget.take(of, cost, taken.at, taken.hit(number, own=of == key)))
                    for budget, of in self._budgets(key)
                    if costs
                ),
                place=taken.place(number),
            )
            for number, (costs, cost) in enumerate(taken.costs)
        ]
        self.unsaved_hits += self._rates.add(_key(taken.visitor), count, taken.at)
        self.in_flight |= {taken.place(number): (taken.visitor, taken.process) for number in range(count)}
        return charges

    def _check_in_flight(self, visitor: Visitor, count: int) -> None:
        limits = self._clients.get(visitor.name, self._settings)
        most = limits.max_in_flight
        running = sum(name == visitor.name for name, _ in self.in_flight.values())
        if count > most:
            raise Rejected(f"{most} of your pictures can be made at once, not {count}: ask for fewer.")
        if running + count > most:
            if most == 1:
                raise LimitReached("One of your pictures is already being made: wait for it, or stop it.")
            fewer = ", or ask for fewer at once" if running < most else ""
            already = f"{running} of your pictures are already being made"
            raise LimitReached(f"{already}: wait for one, or stop one{fewer}.")
        if len(self.in_flight) + count > self._settings.max_in_flight_total:
            raise LimitReached("Too many pictures are being made right now: try again in a moment.")

    def check_uploads(self, visitor: Visitor) -> None:
        """Raises LimitReached if a visitor may bring no picture for now."""
        self._uploads.check(_key(visitor.name), 1)

    def take_uploads(self, visitor: str, count: int, at: float) -> None:
        """Counts pictures that a visitor brings, whatever the limits."""
        self._uploads.add(_key(visitor), count, at)

    def change(self, id: str, cost: str | None, until: float) -> None:
        """Sets what a picture has cost that another process has made, or takes it out of the count."""
        for budget in filter(None, [self._budget, self._visitor_budget, *self._client_budgets.values()]):
            budget.change(id, cost, until)

    def check_budgets(
        self, visitor: Visitor, expenses: Sequence[Expense | None], otherwise: str = FREE
    ) -> None:
        """Raises as `check` does if the budgets do not allow these; `otherwise` is its last advice."""
        paid = [expense for expense in expenses if expense]
        if not paid:
            return
        if self._budget is None and not visitor.may_spend:
            model = paid[0].model
            raise Rejected(f"{model} costs money, and the owner has set no budget for visitors: {otherwise}.")
        for budget, key in self._budgets(_budget_key(visitor.name)):
            budget.check(key, paid, otherwise)

    def _budgets(self, key: str) -> list[tuple[Budget, str]]:
        """Returns the budgets that a visitor spends, by the key of their own, and the key of each."""
        budgets = [(self._budget, BUDGET), (self._own_budget(key), key)]
        return [(budget, key) for budget, key in budgets if budget]

    def _own_budget(self, key: str) -> Budget | None:
        """Returns the budget under one visitor's key: that of a client, or else what each visitor has."""
        return self._client_budgets.get(key, self._visitor_budget)

    def release(self, place: str) -> None:
        """Ends the time in flight of one request; a second time changes nothing."""
        self.in_flight.pop(place, None)

    def processes(self) -> set[str]:
        """Returns the names of the other processes that have requests in flight."""
        return {process for _, process in self.in_flight.values() if process}

    def release_all(self, process: str) -> None:
        """Ends the time in flight of all requests of another process."""
        self.in_flight = {place: held for place, held in self.in_flight.items() if held[1] != process}


def _key(name: str) -> str:
    return f"visitor {name}"


def _budget_key(name: str) -> str:
    return f"{BUDGET} {_key(name)}"
