"""Sums reconcile, and neither currencies nor purposes are ever added together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as some

from service.funding.models import (
    BudgetLine,
    Commitment,
    CommitmentKind,
    Disbursement,
    DisbursementStatus,
    Expense,
    Purpose,
)
from service.funding.reckoning import PAID, Sum, accounts, total, unused

CURRENCIES = ("CNY", "RUB", "EUR")
SUMS = some.integers(0, 10**12)


@some.composite
def books(draw: some.DrawFn) -> tuple[list[Commitment], list[Disbursement], list[BudgetLine], list[Expense]]:
    """Commitments each split into tranches, some paid and partly recovered; lines with spending."""
    commitments, tranches, lines, expenses = [], [], [], []
    for key in range(1, draw(some.integers(1, 5)) + 1):
        parts = draw(some.lists(SUMS, min_size=1, max_size=4))
        currency = draw(some.sampled_from(CURRENCIES))
        commitment = Commitment(
            id=key,
            kind=CommitmentKind.CASH,
            purpose=draw(some.sampled_from(list(Purpose))),
            quantity=sum(parts),
            unit=currency,
            currency=currency,
        )
        commitments.append(commitment)
        for amount in parts:
            status = draw(some.sampled_from(list(DisbursementStatus)))
            back = draw(some.integers(0, amount)) if status is DisbursementStatus.RECOVERED else 0
            tranches.append(
                Disbursement(
                    id=len(tranches) + 1,
                    commitment_id=key,
                    amount=amount,
                    currency=currency,
                    status=status,
                    recovered_amount=back,
                )
            )
    for key in range(1, draw(some.integers(0, 5)) + 1):
        lines.append(
            BudgetLine(
                id=key,
                purpose=draw(some.sampled_from(list(Purpose))),
                planned=draw(SUMS),
                currency=draw(some.sampled_from(CURRENCIES)),
            )
        )
        expenses += [
            Expense(budget_line_id=key, organization_id=1, amount=amount)
            for amount in draw(some.lists(SUMS, max_size=4))
        ]
    return commitments, tranches, lines, expenses


@given(books())
def test_sums_reconcile_for_each_currency_and_purpose(
    kept: tuple[list[Commitment], list[Disbursement], list[BudgetLine], list[Expense]],
) -> None:
    commitments, tranches, lines, expenses = kept
    found = accounts(*kept)
    assert len({(one.currency, one.purpose) for one in found}) == len(found)
    purpose_of = {one.key: one.purpose for one in commitments}
    budget = {one.key: one for one in lines}
    for one in found:
        assert one.committed == one.planned, "what is promised is planned in tranches, to the last fen"
        assert one.ahead == one.planned - one.paid
        assert one.paid - one.recovered - one.spent == one.unspent
        own = [
            tranche
            for tranche in tranches
            if (tranche.currency, purpose_of[tranche.commitment_id]) == (one.currency, one.purpose)
        ]
        assert one.paid.amount == sum(tranche.amount for tranche in own if tranche.status in PAID)
        assert 0 <= one.recovered.amount <= one.paid.amount <= one.planned.amount
        assert one.spent.amount == sum(
            expense.amount
            for expense in expenses
            if (budget[expense.budget_line_id].currency, budget[expense.budget_line_id].purpose)
            == (one.currency, one.purpose)
        )
    for currency in CURRENCIES:
        mine = [one for one in found if one.currency == currency]
        assert unused(found).get(currency, 0) == sum(max(0, one.unspent.amount) for one in mine)
        assert total((one.paid for one in mine), currency).amount == sum(
            tranche.amount for tranche in tranches if tranche.currency == currency and tranche.status in PAID
        )


def test_currencies_cannot_be_added() -> None:
    assert Sum(5, "CNY") + Sum(7, "CNY") == Sum(12, "CNY")
    for wrong in (lambda: Sum(5, "CNY") + Sum(7, "RUB"), lambda: Sum(5, "CNY") - Sum(7, "RUB")):
        with pytest.raises(ValueError, match="cannot be"):
            wrong()
    with pytest.raises(ValueError, match="cannot be"):
        total([Sum(1, "CNY")], "RUB")


def test_money_for_one_purpose_does_not_make_good_another() -> None:
    """10 left of the project and 4 overspent on labour: 10 come back."""
    commitments = [
        Commitment(id=key, kind=CommitmentKind.CASH, purpose=purpose, quantity=20, unit="CNY", currency="CNY")
        for key, purpose in ((1, Purpose.PROGRAMME), (2, Purpose.LABOUR))
    ]
    tranches = [
        Disbursement(id=key, commitment_id=key, amount=20, currency="CNY", status=DisbursementStatus.PAID)
        for key in (1, 2)
    ]
    lines = [
        BudgetLine(id=key, purpose=purpose, planned=20, currency="CNY")
        for key, purpose in ((1, Purpose.PROGRAMME), (2, Purpose.LABOUR))
    ]
    expenses = [
        Expense(budget_line_id=1, organization_id=1, amount=10),
        Expense(budget_line_id=2, organization_id=1, amount=24),
    ]
    found = accounts(commitments, tranches, lines, expenses)
    assert [one.unspent.amount for one in found] == [10, -4]
    assert [one.over_budget.amount for one in found] == [0, 4]
    assert unused(found) == {"CNY": 10}
