"""What the books must say before an agreement is completed, and how to mend what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message, Quantity
from service.funding import queries
from service.funding.conditions import number_of

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.agreements.models import Agreement


def unpaid_tranche(session: Session, agreement: Agreement) -> Message | None:
    """Why an agreement cannot be completed: money that it promises is not paid yet."""
    book = queries.book_of(session, agreement)
    ahead = next((one for one in book.tranches if queries.is_ahead(one)), None)
    if ahead is None:
        return None
    return Message(
        "tranche-unpaid",
        "Tranche {number} of {amount} is not paid yet. Pay it, or take it out with an amendment.",
        number=number_of(book, ahead),
        amount=Quantity(ahead.amount, ahead.currency),
    )


def unsettled_money(session: Session, agreement: Agreement) -> Message | None:
    """Why an agreement cannot be completed: money was paid and neither spent nor given back.

    Only where it has a budget for the purpose: elsewhere nobody writes down what was spent.
    """
    book = queries.book_of(session, agreement)
    payees = dict.fromkeys(one.payee_id for one in book.tranches)
    for organization in map(book.organization, payees):
        for account in book.accounts(organization.key):
            if account.unspent.amount > 0 and account.budgeted:
                return Message(
                    "money-unsettled",
                    "{organization} was paid {amount} that it has neither spent nor given back. Record what "
                    "it was spent on, or recover it.",
                    organization=organization.name,
                    amount=Quantity(account.unspent.amount, account.currency),
                )
    return None
