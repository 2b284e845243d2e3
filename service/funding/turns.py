"""Whose turn it is: what comes next in each book, for whom, and by when.

Pages, to-dos and reminders all say what is found here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

from service.agreements.models import AgreementStatus
from service.funding.actions import why_not_judge
from service.funding.breaches import recoverable, why_not_appeal, why_not_decide
from service.funding.conditions import conditions, number_of
from service.funding.deliveries import confirming
from service.funding.models import (
    STANDING,
    Breach,
    BreachStatus,
    Delivery,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
)
from service.funding.queries import is_ahead, unfinished
from service.funding.standing import why_partial
from service.permissions import may

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlmodel import Session

    from service.funding.queries import Book
    from service.organizations.models import Organization
    from service.permissions import Actor


class TurnKind(StrEnum):
    """What waits."""

    REPORT_MILESTONE = "report-milestone"
    ACCEPT_MILESTONE = "accept-milestone"
    REQUEST_TRANCHE = "request-tranche"
    APPROVE_TRANCHE = "approve-tranche"
    PAY_TRANCHE = "pay-tranche"
    RELEASE_TRANCHE = "release-tranche"
    CONFIRM_DELIVERY = "confirm-delivery"
    ANSWER_BREACH = "answer-breach"
    DECIDE_BREACH = "decide-breach"
    DECIDE_APPEAL = "decide-appeal"
    RECOVER = "recover"


PERMISSIONS = {
    TurnKind.REPORT_MILESTONE: "milestone:report",
    TurnKind.ACCEPT_MILESTONE: "milestone:accept",
    TurnKind.REQUEST_TRANCHE: "tranche:request",
    TurnKind.APPROVE_TRANCHE: "tranche:approve",
    TurnKind.PAY_TRANCHE: "tranche:pay",
    TurnKind.RELEASE_TRANCHE: "tranche:approve",
    TurnKind.CONFIRM_DELIVERY: "delivery:record",
    TurnKind.ANSWER_BREACH: "breach:answer",
    TurnKind.DECIDE_BREACH: "breach:decide",
    TurnKind.DECIDE_APPEAL: "breach:decide",
    TurnKind.RECOVER: "tranche:approve",
}


@dataclass(frozen=True, slots=True)
class Turn:
    """One thing that waits. `organizations`: whose turn it is; nobody's: the facilitators'."""

    kind: TurnKind
    book: Book
    thing: Disbursement | Milestone | Delivery | Breach
    organizations: Sequence[Organization]
    due: date | None = None

    @property
    def number(self) -> int:
        """Of a tranche."""
        return number_of(self.book, self.thing) if isinstance(self.thing, Disbursement) else 0

    def is_for(self, actor: Actor) -> bool:
        """Whether the actor could take it: has the permission, and is not partial."""
        permission = PERMISSIONS[self.kind]
        if not any(may(actor, permission, one.key) for one in self.organizations) and not (
            actor.is_staff and may(actor, permission)
        ):
            return False
        if isinstance(self.thing, Disbursement) and self.kind is not TurnKind.REQUEST_TRANCHE:
            return why_partial(actor, self.book, self.thing) is None
        if self.kind is TurnKind.ACCEPT_MILESTONE and isinstance(self.thing, Milestone):
            return why_not_judge(actor, self.thing) is None
        if PERMISSIONS[self.kind] == "breach:decide" and isinstance(self.thing, Breach):
            own = self.kind is TurnKind.DECIDE_APPEAL and why_not_appeal(actor, self.thing) is not None
            return not own and why_not_decide(actor, self.book) is None
        if isinstance(self.thing, Delivery):
            return actor.user_id != self.thing.user_id
        return True


def waiting_for(session: Session, actor: Actor) -> list[Turn]:
    """What waits for somebody in all agreements; what is due comes first, by its day."""
    found = [
        turn for book in unfinished(session, actor) for turn in turns(session, book) if turn.is_for(actor)
    ]
    return sorted(found, key=lambda turn: (turn.due is None, turn.due or date.max))


def turns(session: Session, book: Book) -> Iterator[Turn]:
    """What waits in a book: breaches, then milestones, tranches, deliveries in their order."""
    yield from _breaches(book)
    if book.agreement.status is not AgreementStatus.IN_FORCE:
        return
    yield from _milestones(book)
    yield from _tranches(session, book)
    for delivery in book.deliveries:
        if delivery.confirmed is None:
            others = confirming(book, book.commitment(delivery), delivery)
            yield Turn(TurnKind.CONFIRM_DELIVERY, book, delivery, others)


def _milestones(book: Book) -> Iterator[Turn]:
    for milestone in book.milestones:
        if milestone.ended is not None or milestone.status is MilestoneStatus.ACCEPTED:
            continue
        if milestone.status is MilestoneStatus.REPORTED:
            yield Turn(TurnKind.ACCEPT_MILESTONE, book, milestone, book.judges, milestone.due)
        else:
            yield Turn(TurnKind.REPORT_MILESTONE, book, milestone, book.doers, milestone.due)


def _tranches(session: Session, book: Book) -> Iterator[Turn]:
    """The tranches that can move now: of those that wait for something, that something is named instead."""
    for tranche in book.tranches:
        if not is_ahead(tranche):
            continue
        giver = [book.organization(book.commitment(tranche).organization_id)]
        match tranche.status:
            case DisbursementStatus.PLANNED:
                if all(one.met for one in conditions(session, book, tranche)):
                    payee = [book.organization(tranche.payee_id)]
                    yield Turn(TurnKind.REQUEST_TRANCHE, book, tranche, payee, tranche.due)
            case DisbursementStatus.REQUESTED:
                yield Turn(TurnKind.APPROVE_TRANCHE, book, tranche, giver, tranche.due)
            case DisbursementStatus.APPROVED:
                yield Turn(TurnKind.PAY_TRANCHE, book, tranche, giver, tranche.due)
            case _:
                yield Turn(TurnKind.RELEASE_TRANCHE, book, tranche, giver, tranche.due)


def _breaches(book: Book) -> Iterator[Turn]:
    for breach in book.breaches:
        accused = [book.organization(breach.organization_id)]
        if breach.status is BreachStatus.ALLEGED:
            if breach.answered is None:
                yield Turn(TurnKind.ANSWER_BREACH, book, breach, accused)
            yield Turn(TurnKind.DECIDE_BREACH, book, breach, [])
        elif breach.status is BreachStatus.FOUND and breach.appealed is not None:
            yield Turn(TurnKind.DECIDE_APPEAL, book, breach, [])
        if breach.status in STANDING and breach.to_recover:
            for tranche in recoverable(book, breach):
                giver = [book.organization(book.commitment(tranche).organization_id)]
                yield Turn(TurnKind.RECOVER, book, tranche, giver)
