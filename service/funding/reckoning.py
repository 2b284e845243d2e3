"""Sums of money: by currency and by purpose, which are never added to each other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from service.funding.models import CommitmentKind, Disbursement, DisbursementStatus, Purpose

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.funding.models import BudgetLine, Commitment, Expense

PAID = (DisbursementStatus.PAID, DisbursementStatus.RECOVERED)


@dataclass(frozen=True, slots=True)
class Sum:
    """Money in minor units of one currency. Another currency cannot be added to it."""

    amount: int
    unit: str
    """The currency; called so because sums are shown as quantities are."""

    def __add__(self, other: Sum) -> Sum:
        return Sum(self.amount + self._same(other), self.unit)

    def __sub__(self, other: Sum) -> Sum:
        return Sum(self.amount - self._same(other), self.unit)

    def __bool__(self) -> bool:
        return self.amount != 0

    def _same(self, other: Sum) -> int:
        if other.unit != self.unit:
            raise ValueError(f"{other.unit} cannot be added to {self.unit}")
        return other.amount


@dataclass(frozen=True, slots=True)
class Account:
    """All money of one purpose in one currency."""

    purpose: Purpose
    committed: Sum
    planned: Sum
    """In tranches, paid or not."""
    paid: Sum
    recovered: Sum
    budgeted: Sum
    spent: Sum

    @property
    def currency(self) -> str:
        """Of all its sums."""
        return self.committed.unit

    @property
    def received(self) -> Sum:
        """What was paid and did not come back."""
        return self.paid - self.recovered

    @property
    def unspent(self) -> Sum:
        """Paid − recovered − spent; below zero where more was spent than there was."""
        return self.received - self.spent

    @property
    def ahead(self) -> Sum:
        """In tranches that are not paid yet."""
        return self.planned - self.paid

    @property
    def over_budget(self) -> Sum:
        """Spent beyond the budget; zero where it is kept, or where there is none."""
        over = (self.spent - self.budgeted).amount if self.budgeted else 0
        return Sum(max(0, over), self.currency)


def accounts(
    commitments: Iterable[Commitment],
    tranches: Iterable[Disbursement],
    lines: Iterable[BudgetLine],
    expenses: Iterable[Expense],
) -> list[Account]:
    """The books of an agreement. What an amendment took out counts only as far as it was paid or spent."""
    givers = {one.key: one for one in commitments}
    budget = {one.key: one for one in lines}
    found: dict[tuple[str, Purpose], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for one in givers.values():
        if one.kind is CommitmentKind.CASH and one.ended is None:
            found[one.currency, one.purpose]["committed"] += one.quantity
    for tranche in tranches:
        own = found[tranche.currency, givers[tranche.commitment_id].purpose]
        if tranche.status in PAID:
            own["planned"] += tranche.amount
            own["paid"] += tranche.amount
            own["recovered"] += tranche.recovered_amount
        elif tranche.ended is None:
            own["planned"] += tranche.amount
    for line in budget.values():
        if line.ended is None:
            found[line.currency, line.purpose]["budgeted"] += line.planned
    for expense in expenses:
        line = budget[expense.budget_line_id]
        found[line.currency, line.purpose]["spent"] += expense.amount
    names = ("committed", "planned", "paid", "recovered", "budgeted", "spent")
    order = list(Purpose)
    return [
        Account(purpose, **{name: Sum(sums[name], currency) for name in names})
        for (currency, purpose), sums in sorted(
            found.items(), key=lambda one: (one[0][0], order.index(one[0][1]))
        )
    ]


def unused(kept: Iterable[Account]) -> Mapping[str, int]:
    """By currency: what is left over. What was overspent on one purpose is not made good by another."""
    left: dict[str, int] = defaultdict(int)
    for account in kept:
        if account.unspent.amount > 0:
            left[account.currency] += account.unspent.amount
    return dict(left)


def total(sums: Iterable[Sum], currency: str) -> Sum:
    """The total of sums in one currency."""
    whole = Sum(0, currency)
    for one in sums:
        whole += one
    return whole
