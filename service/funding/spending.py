"""What was spent from the budget, with vouchers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matching.messages import Message, Quantity
from service.agreements.models import AgreementStatus
from service.errors import BadInput, NotFound, NotNow
from service.events import record
from service.funding import queries
from service.funding.actions import past_day
from service.funding.models import BudgetLine, Expense, Purpose
from service.funding.standing import doing_for
from service.organizations import evidence
from service.texts import tidy

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from sqlmodel import Session

    from service.funding.queries import Book
    from service.permissions import Actor

TEXT_CHARACTERS = 500
LARGEST = 10**15
OPEN = (AgreementStatus.IN_FORCE, AgreementStatus.SUSPENDED, AgreementStatus.COMPLETED)
"""What was spent before the end may be written down after it; not once the agreement is terminated."""
PURPOSES = {
    Purpose.PROGRAMME: Message("purpose-programme", "the project itself"),
    Purpose.MANAGEMENT: Message("purpose-management", "management"),
    Purpose.LABOUR: Message("purpose-labour", "labour"),
}


def record_expense(
    session: Session,
    actor: Actor,
    uid: str,
    amount: int | None,
    on: date | None,
    text: str,
    *,
    filename: str = "",
    content: bytes = b"",
    data_dir: Path,
) -> Expense:
    """Write down what was spent from a line of the budget. A negative sum corrects an earlier one.

    Money given for one purpose pays nothing else: a line for management needs money for management.
    """
    agreement = queries.agreement_of(session, actor, BudgetLine, uid)
    book = queries.open_book(session, actor, agreement, lock=True)
    line: BudgetLine = queries.entry(book.lines, uid)
    otherwise = Message("doers-spend", "Only those who carry it out record what they spent.")
    organization = doing_for(actor, "expense:record", book.doers, otherwise)
    _refuse_closed(book, line)
    if (reason := why_unfunded(book, line)) is not None:
        raise NotNow(reason)
    kept = " ".join(tidy(text).split())
    if not kept or len(kept) > TEXT_CHARACTERS:
        raise BadInput.one(
            "text",
            Message("expense-text", "Say what it was, in at most {most} characters.", most=TEXT_CHARACTERS),
        )
    _refuse_sum(book, line, organization.key, amount)
    expense = Expense(
        budget_line_id=line.key,
        organization_id=organization.key,
        amount=amount or 0,
        on=past_day(on, "on"),
        text=kept,
        voucher=_voucher(data_dir, filename, content) if content or filename else {},
        user_id=actor.user_id,
    )
    session.add(expense)
    session.flush()
    record(
        session,
        actor,
        "expense.record",
        expense,
        agreement=book.agreement.uid,
        line=line.item,
        amount=expense.amount,
        currency=line.currency,
        sha256=expense.voucher.get("sha256", ""),
    )
    return expense


def why_unfunded(book: Book, line: BudgetLine) -> Message | None:
    """Why nothing can be spent from a line: no money is given for its purpose in its currency."""
    given = any(
        queries.is_cash(one) and (one.purpose, one.currency) == (line.purpose, line.currency)
        for one in book.commitments
    )
    if given:
        return None
    return Message(
        "purpose-unfunded",
        "No money in {currency} is given for {purpose}, and money for something else cannot pay it. "
        "Pay it from your own means, or amend the agreement.",
        currency=line.currency,
        purpose=PURPOSES[line.purpose],
    )


def _refuse_closed(book: Book, line: BudgetLine) -> None:
    if book.agreement.status not in OPEN:
        raise NotNow(Message("spending-closed", "The agreement is terminated: its books are closed."))
    if line.ended is not None:
        raise NotNow(Message("line-ended", "An amendment has taken this out of the agreement."))


def _refuse_sum(book: Book, line: BudgetLine, organization: int, amount: int | None) -> None:
    if not amount or abs(amount) > LARGEST:
        raise BadInput.one(
            "amount", Message("sum-needed", "Give a sum; below zero it corrects an earlier one.")
        )
    spent = sum(
        one.amount
        for one in book.expenses
        if one.budget_line_id == line.key and one.organization_id == organization
    )
    if spent + amount < 0:
        raise BadInput.one(
            "amount",
            Message(
                "correction-large",
                "Only {spent} was spent here; a correction cannot be larger.",
                spent=Quantity(spent, line.currency),
            ),
        )


def _voucher(data_dir: Path, filename: str, content: bytes) -> dict[str, Any]:
    kind = evidence.recognise(content)
    return {
        "filename": evidence.shown_name(filename, kind),
        "media_type": kind,
        "size": len(content),
        "sha256": evidence.keep(data_dir, content),
    }


def voucher_of(session: Session, actor: Actor, uid: str) -> dict[str, Any]:
    """The voucher of an expense, for the parties and facilitators. Raises NotFound."""
    book = queries.open_book(session, actor, queries.agreement_of(session, actor, Expense, uid))
    expense: Expense = queries.entry(book.expenses, uid)
    if not expense.voucher:
        raise NotFound
    return expense.voucher
