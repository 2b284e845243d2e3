"""What must be so before a tranche is paid, and how to mend what is missing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.messages import Message
from service.agreements.models import Agreement, AgreementStatus
from service.errors import NotNow
from service.funding.models import Disbursement, MilestoneStatus
from service.funding.queries import may_receive
from service.funding.reckoning import PAID

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from service.funding.queries import Book

Check = Callable[["Session", Agreement, Disbursement], "Message | None"]
BEFORE_PAYING: list[Check] = []
"""What later slices want done before a tranche is paid, such as reports; `worker.py` puts it here."""


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: what it asks, and where it is not met, why and how to mend that."""

    asks: Message
    missing: Message | None = None

    @property
    def met(self) -> bool:
        """Whether nothing is missing."""
        return self.missing is None


def conditions(session: Session, book: Book, tranche: Disbursement) -> list[Condition]:
    """All conditions of one tranche, met or not."""
    return [
        _in_force(book.agreement),
        _receiver(book, tranche),
        *_milestone(book, tranche),
        *_order(book, tranche),
        *_further(session, book, tranche),
    ]


def refuse_unmet(session: Session, book: Book, tranche: Disbursement) -> None:
    """Raise NotNow with the first condition that is not met."""
    for condition in conditions(session, book, tranche):
        if condition.missing is not None:
            raise NotNow(condition.missing)


def refuse_not_in_force(book: Book) -> None:
    """Raise NotNow unless the agreement is in force."""
    if (missing := _in_force(book.agreement).missing) is not None:
        raise NotNow(missing)


def _in_force(agreement: Agreement) -> Condition:
    asks = Message("condition-in-force", "The agreement is in force.")
    match agreement.status:
        case AgreementStatus.IN_FORCE:
            return Condition(asks)
        case AgreementStatus.SUSPENDED:
            missing = Message(
                "agreement-suspended", "The agreement is suspended. Nothing moves until it is resumed."
            )
        case AgreementStatus.TERMINATED:
            missing = Message(
                "agreement-terminated", "The agreement is terminated. Nothing more is paid under it."
            )
        case _:
            missing = Message(
                "agreement-over", "The agreement is completed. Sign an amendment or a new one to pay more."
            )
    return Condition(asks, missing)


def _receiver(book: Book, tranche: Disbursement) -> Condition:
    payee = book.organization(tranche.payee_id)
    asks = Message("condition-receiver", "{organization} may act.", organization=payee.name)
    if may_receive(payee):
        return Condition(asks)
    return Condition(
        asks,
        Message(
            "receiver-may-not-act",
            "{organization} is suspended, barred or not verified. It can be paid once a facilitator has "
            "cleared that.",
            organization=payee.name,
        ),
    )


def _milestone(book: Book, tranche: Disbursement) -> Iterator[Condition]:
    milestone = book.milestone(tranche)
    if milestone is None:
        return
    asks = Message("condition-milestone", "Milestone “{title}” is accepted.", title=milestone.title)
    match milestone.status:
        case MilestoneStatus.ACCEPTED:
            missing = None
        case MilestoneStatus.REPORTED:
            missing = Message(
                "milestone-waits",
                "Milestone “{title}” is reported and waits to be accepted. Accept it first.",
                title=milestone.title,
            )
        case MilestoneStatus.RETURNED:
            missing = Message(
                "milestone-returned",
                "Milestone “{title}” was returned. Mend what the reason says and report it again.",
                title=milestone.title,
            )
        case _:
            missing = Message(
                "milestone-ahead",
                "Milestone “{title}” is not reached yet. Report it and have it accepted first.",
                title=milestone.title,
            )
    yield Condition(asks, missing)


def _order(book: Book, tranche: Disbursement) -> Iterator[Condition]:
    earlier = book.earlier(tranche)
    if not earlier:
        return
    unpaid = [one for one in earlier if one.status not in PAID]
    yield Condition(
        Message("condition-order", "The tranches before it are paid."),
        Message(
            "earlier-first",
            "Tranche {number} comes first and is not paid yet.",
            number=number_of(book, unpaid[0]),
        )
        if unpaid
        else None,
    )


def _further(session: Session, book: Book, tranche: Disbursement) -> Iterator[Condition]:
    for check in BEFORE_PAYING:
        missing = check(session, book.agreement, tranche)
        yield Condition(Message("condition-further", "Nothing that was due before it is missing."), missing)


def number_of(book: Book, tranche: Disbursement) -> int:
    """The number by which people call a tranche: its place among those in force."""
    shown = [one.key for one in book.tranches if one.ended is None or one.status in PAID]
    return shown.index(tranche.key) + 1 if tranche.key in shown else 0
