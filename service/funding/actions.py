"""Tranches and milestones: requested, approved by a second person, paid, held, recovered; reported, accepted.

Each use case first locks the agreement, so that nothing is approved or paid twice.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from matching.messages import Message, Quantity
from service import texts
from service.db import now
from service.errors import BadInput, NotAllowed, NotNow
from service.events import advance
from service.funding import queries
from service.funding.conditions import number_of, refuse_not_in_force, refuse_unmet
from service.funding.models import (
    DISBURSEMENT,
    MILESTONE,
    REMARK_CHARACTERS,
    Disbursement,
    Milestone,
    MilestoneStatus,
)
from service.funding.reckoning import PAID
from service.funding.standing import acting_for, refuse_partial
from service.funding.telling import tell
from service.permissions import require
from service.texts import tidy

if TYPE_CHECKING:
    from datetime import date

    from sqlmodel import Session

    from service.funding.queries import Book
    from service.organizations.models import Organization
    from service.permissions import Actor

REFERENCE_CHARACTERS = 120
EARLIEST = timedelta(days=366 * 5)
"""How long ago a payment may have been made that is written down now."""


# Tranches -----------------------------------------------------------------------------------------------


def request_tranche(session: Session, actor: Actor, uid: str) -> Disbursement:
    """Ask for a tranche, for who gets it. What it waits for must have been reported at least."""
    book, tranche = _tranche(session, actor, uid)
    require(actor, "tranche:request", tranche.payee_id)
    refuse_not_in_force(book)
    milestone = book.milestone(tranche)
    if milestone and milestone.status in (MilestoneStatus.PLANNED, MilestoneStatus.RETURNED):
        raise NotNow(
            Message(
                "milestone-first",
                "Report milestone “{title}” first: this tranche waits for it.",
                title=milestone.title,
            )
        )
    _advance(session, actor, book, tranche, "request")
    tranche.requested_by, tranche.requested, tranche.reason = actor.user_id, now(), ""
    return _told(session, book, tranche, "requested", [_giver(book, tranche)])


def approve_tranche(session: Session, actor: Actor, uid: str) -> Disbursement:
    """Agree to pay a tranche whose conditions are met: its giver or a facilitator, never who asked."""
    book, tranche = _to_decide(session, actor, uid, "tranche:approve")
    DISBURSEMENT.after(tranche.status, "approve")
    refuse_unmet(session, book, tranche)
    _advance(session, actor, book, tranche, "approve")
    tranche.approved_by, tranche.approved = actor.user_id, now()
    return _told(session, book, tranche, "approved", [_payee(book, tranche)])


def refuse_tranche(session: Session, actor: Actor, uid: str, reason: str) -> Disbursement:
    """Refuse a request, with a reason; it can be requested again."""
    book, tranche = _to_decide(session, actor, uid, "tranche:approve")
    _advance(session, actor, book, tranche, "refuse", _reason(reason))
    _undo_decisions(tranche)
    return _told(session, book, tranche, "refused", [_payee(book, tranche)])


def hold_tranche(session: Session, actor: Actor, uid: str, reason: str) -> Disbursement:
    """Stop a tranche that was requested or approved, with a reason, until it is released."""
    book, tranche = _to_decide(session, actor, uid, "tranche:approve")
    _advance(session, actor, book, tranche, "hold", _reason(reason))
    tranche.approved_by = tranche.approved = None
    return _told(session, book, tranche, "held", [_payee(book, tranche)])


def release_tranche(session: Session, actor: Actor, uid: str) -> Disbursement:
    """Let a held tranche go on: it is approved anew."""
    book, tranche = _to_decide(session, actor, uid, "tranche:approve")
    _advance(session, actor, book, tranche, "release")
    tranche.reason = ""
    return _told(session, book, tranche, "released", [_payee(book, tranche)])


def pay_tranche(session: Session, actor: Actor, uid: str, on: date | None, reference: str) -> Disbursement:
    """Write down that a tranche was paid: on which day, and the reference on the bank's statement.

    The conditions are looked at again: the agreement may have been suspended since it was approved.
    """
    book, tranche = _to_decide(session, actor, uid, "tranche:pay")
    DISBURSEMENT.after(tranche.status, "pay")
    refuse_unmet(session, book, tranche)
    tranche.paid = past_day(on, "on")
    tranche.reference = " ".join(tidy(reference).split())
    if not tranche.reference or len(tranche.reference) > REFERENCE_CHARACTERS:
        raise BadInput.one(
            "reference",
            Message(
                "payment-reference",
                "Give the reference of the payment, in at most {most} characters.",
                most=REFERENCE_CHARACTERS,
            ),
        )
    _advance(session, actor, book, tranche, "pay", on=tranche.paid.isoformat(), reference=tranche.reference)
    tranche.paid_by = actor.user_id
    return _told(session, book, tranche, "paid", [_payee(book, tranche)])


def recover_tranche(
    session: Session, actor: Actor, uid: str, amount: int | None, on: date | None, reason: str
) -> Disbursement:
    """Write down that money of a paid tranche came back, in part or all of what has not come back yet."""
    book, tranche = _to_decide(session, actor, uid, "tranche:approve")
    DISBURSEMENT.after(tranche.status, "recover", "-")
    left = tranche.amount - tranche.recovered_amount
    if amount is None or not 0 < amount <= left:
        raise BadInput.one(
            "amount",
            Message(
                "recover-range",
                "Give a sum above zero and of at most {left}: more cannot come back than was paid.",
                left=Quantity(left, tranche.currency),
            ),
        )
    day = past_day(on, "on")
    if tranche.paid is not None and day < tranche.paid:
        raise BadInput.one(
            "on",
            Message("recover-early", "It was paid on {day}: nothing came back before.", day=tranche.paid),
        )
    kept = _reason(reason)
    _advance(session, actor, book, tranche, "recover", kept, amount=amount, on=day.isoformat())
    tranche.recovered_amount += amount
    tranche.recovered = day
    return _told(session, book, tranche, "recovered", [_payee(book, tranche), _giver(book, tranche)])


def _tranche(session: Session, actor: Actor, uid: str) -> tuple[Book, Disbursement]:
    agreement = queries.agreement_of(session, actor, Disbursement, uid)
    book = queries.open_book(session, actor, agreement, lock=True)
    tranche: Disbursement = queries.entry(book.tranches, uid)
    if tranche.ended is not None and tranche.status not in PAID:
        raise NotNow(Message("line-ended", "An amendment has taken this out of the agreement."))
    return book, tranche


def _to_decide(session: Session, actor: Actor, uid: str, permission: str) -> tuple[Book, Disbursement]:
    """A tranche for somebody who may decide on it: for its giver or as a facilitator, and impartial."""
    book, tranche = _tranche(session, actor, uid)
    require(actor, permission, book.commitment(tranche).organization_id)
    refuse_partial(actor, book, tranche)
    return book, tranche


def _advance(
    session: Session,
    actor: Actor,
    book: Book,
    tranche: Disbursement,
    step: str,
    reason: str = "",
    **details: str | int,
) -> None:
    details = {"tranche": number_of(book, tranche), **details}
    advance(
        session, actor, tranche, DISBURSEMENT, step, reason=reason, agreement=book.agreement.uid, **details
    )
    tranche.version += 1
    tranche.reminded = 0
    if reason:
        tranche.reason = reason


def _undo_decisions(tranche: Disbursement) -> None:
    tranche.requested_by = tranche.requested = tranche.approved_by = tranche.approved = None


def _told(
    session: Session, book: Book, tranche: Disbursement, step: str, organizations: list[Organization]
) -> Disbursement:
    for organization in organizations:
        tell(
            session,
            book.agreement,
            organization,
            f"tranche-{step}",
            amount=(tranche.recovered_amount if step == "recovered" else tranche.amount, tranche.currency),
            number=number_of(book, tranche),
            reason=tranche.reason if step in ("refused", "held", "recovered") else "",
        )
    return tranche


def _giver(book: Book, tranche: Disbursement) -> Organization:
    return book.organization(book.commitment(tranche).organization_id)


def _payee(book: Book, tranche: Disbursement) -> Organization:
    return book.organization(tranche.payee_id)


# Milestones ---------------------------------------------------------------------------------------------


def report_milestone(session: Session, actor: Actor, uid: str, statement: str) -> Milestone:
    """Say, for who carries the agreement out, what was reached."""
    book, milestone = _milestone(session, actor, uid)
    organization = acting_for(actor, "milestone:report", book.doers)
    refuse_not_in_force(book)
    MILESTONE.after(milestone.status, "report")
    milestone.statement = written(statement, "statement")
    _advance_milestone(session, actor, book, milestone, "report")
    milestone.organization_id = organization.key if organization else None
    milestone.reported, milestone.reported_by, milestone.reason = now(), actor.user_id, ""
    _tell_milestone(session, book, milestone, "reported", book.judges)
    return milestone


def accept_milestone(session: Session, actor: Actor, uid: str) -> Milestone:
    """Agree that a milestone was reached: who funds or supervises, or a facilitator, never who reported."""
    book, milestone = _to_judge(session, actor, uid)
    _advance_milestone(session, actor, book, milestone, "accept")
    milestone.accepted = now()
    _tell_milestone(session, book, milestone, "accepted", book.doers)
    return milestone


def return_milestone(session: Session, actor: Actor, uid: str, reason: str) -> Milestone:
    """Give a milestone back with the reason why it is not reached yet."""
    book, milestone = _to_judge(session, actor, uid)
    kept = _reason(reason)
    _advance_milestone(session, actor, book, milestone, "return", kept)
    milestone.reason = kept
    _tell_milestone(session, book, milestone, "returned", book.doers)
    return milestone


def _milestone(session: Session, actor: Actor, uid: str) -> tuple[Book, Milestone]:
    agreement = queries.agreement_of(session, actor, Milestone, uid)
    book = queries.open_book(session, actor, agreement, lock=True)
    milestone: Milestone = queries.entry(book.milestones, uid)
    if milestone.ended is not None:
        raise NotNow(Message("line-ended", "An amendment has taken this out of the agreement."))
    return book, milestone


def _to_judge(session: Session, actor: Actor, uid: str) -> tuple[Book, Milestone]:
    book, milestone = _milestone(session, actor, uid)
    acting_for(actor, "milestone:accept", book.judges)
    if why := why_not_judge(actor, milestone):
        raise NotAllowed(why)
    refuse_not_in_force(book)
    return book, milestone


def why_not_judge(actor: Actor, milestone: Milestone) -> Message | None:
    """Why somebody must not accept or return a milestone: it is one's own report."""
    own = milestone.reported_by is not None and milestone.reported_by == actor.user_id
    if own or (milestone.organization_id is not None and milestone.organization_id in actor.memberships):
        return Message("own-milestone", "Your side reported this milestone. Another side has to accept it.")
    return None


def _advance_milestone(
    session: Session, actor: Actor, book: Book, milestone: Milestone, step: str, reason: str = ""
) -> None:
    advance(
        session,
        actor,
        milestone,
        MILESTONE,
        step,
        reason=reason,
        agreement=book.agreement.uid,
        title=milestone.title,
    )
    milestone.version += 1
    milestone.reminded = 0


def _tell_milestone(
    session: Session, book: Book, milestone: Milestone, step: str, organizations: list[Organization]
) -> None:
    for organization in organizations:
        tell(
            session,
            book.agreement,
            organization,
            f"milestone-{step}",
            title=milestone.title,
            reason=milestone.reason,
        )


# What is typed ------------------------------------------------------------------------------------------


def written(text: str, field: str) -> str:
    """A text that must be there and not too long. Raises BadInput."""
    return texts.written(text, field, REMARK_CHARACTERS)


def _reason(text: str) -> str:
    return written(text, "reason")


def past_day(day: date | None, field: str) -> date:
    """A day that is not ahead, nor long ago. Raises BadInput."""
    if day is None:
        raise BadInput.one(field, Message("day-missing", "Give the day."))
    if day > queries.today():
        raise BadInput.one(field, Message("day-ahead", "This day is still to come."))
    if day < queries.today() - EARLIEST:
        raise BadInput.one(field, Message("day-long-ago", "This lies too far back. Check the year."))
    return day
