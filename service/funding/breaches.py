"""Breaches: alleged with evidence, answered, found or dismissed; what follows, and the appeal against it.

A breach that is found ends the agreement, brings back the money that was not used, and keeps the organization
from acting for a year. Whoever found it never decides the appeal.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from matching.messages import Message
from matching.text import detect_language
from service.agreements.models import AGREEMENT, AgreementStatus
from service.db import now
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.events import advance, record
from service.funding import queries
from service.funding.actions import written
from service.funding.models import BREACH, REMARK_CHARACTERS, Breach, BreachStatus
from service.funding.reckoning import PAID, unused
from service.funding.standing import acting_for
from service.funding.telling import tell_breach
from service.organizations import decisions, evidence
from service.organizations import queries as organizations
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import require

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date
    from pathlib import Path
    from typing import Any

    from sqlmodel import Session

    from service.funding.models import Disbursement
    from service.funding.queries import Book
    from service.permissions import Actor

BAR = timedelta(days=365)
"""How long who broke an agreement is kept from acting."""
APPEAL_WITHIN = timedelta(days=30)
MOST_FILES = 5


# Saying so, and answering -------------------------------------------------------------------------------


def allege(
    session: Session,
    actor: Actor,
    uid: str,
    organization: str,
    text: str,
    *,
    files: Sequence[tuple[str, bytes]] = (),
    data_dir: Path,
) -> Breach:
    """Say, as a party or a facilitator, that a party broke the agreement. `files`: names and contents."""
    book = queries.open_book(session, actor, uid, lock=True)
    parties = [one.organization for one in book.parties]
    speaks_for = acting_for(actor, "breach:raise", parties)
    accused = next((one for one in parties if one.uid == organization), None)
    if accused is None:
        raise BadInput.one("organization", Message("choose-listed", "Choose from the list."))
    if speaks_for is not None and speaks_for.key == accused.key:
        raise BadInput.one(
            "organization", Message("breach-own", "Name another party: this is your own organization.")
        )
    if any(
        one.status is BreachStatus.ALLEGED and one.organization_id == accused.key for one in book.breaches
    ):
        raise NotNow(
            Message(
                "breach-open",
                "A breach by {organization} is being looked into already. Add to that one.",
                organization=accused.name,
            )
        )
    kept = written(text, "text")
    breach = Breach(
        agreement_id=book.agreement.key,
        organization_id=accused.key,
        text=kept,
        language=detect_language(kept),
        evidence=_files(data_dir, files),
        raised_for=speaks_for.key if speaks_for else None,
        raised_by=actor.user_id,
    )
    session.add(breach)
    session.flush()
    record(
        session,
        actor,
        "breach.allege",
        breach,
        agreement=book.agreement.uid,
        organization=accused.uid,
        evidence=[one["sha256"] for one in breach.evidence],
    )
    for reader in (accused, None):
        tell_breach(session, book.agreement, reader, "alleged", breach=breach.uid, accused=accused.name)
    return breach


def _files(data_dir: Path, files: Sequence[tuple[str, bytes]]) -> list[dict[str, Any]]:
    if len(files) > MOST_FILES:
        raise BadInput.one("file", Message("files-many", "Hand in at most {most} files.", most=MOST_FILES))
    kinds = [evidence.recognise(content) for _, content in files]
    return [
        {
            "filename": evidence.shown_name(name, kind),
            "media_type": kind,
            "size": len(content),
            "sha256": evidence.keep(data_dir, content),
        }
        for (name, content), kind in zip(files, kinds, strict=True)
    ]


def answer(session: Session, actor: Actor, uid: str, text: str) -> Breach:
    """Say, for the organization that is accused, what it has to say; until it is decided."""
    book, breach, accused = _breach(session, actor, uid)
    require(actor, "breach:answer", accused.key)
    if breach.status is not BreachStatus.ALLEGED:
        raise NotNow(Message("breach-decided", "This is decided already. You may appeal."))
    breach.answer, breach.answered = written(text, "answer"), now()
    session.add(breach)
    record(session, actor, "breach.answer", breach, agreement=book.agreement.uid)
    tell_breach(session, book.agreement, None, "answered", breach=breach.uid, accused=accused.name)
    return breach


# Deciding -----------------------------------------------------------------------------------------------


def dismiss(session: Session, actor: Actor, uid: str, reason: str) -> Breach:
    """Decide that there is nothing in it, and say why."""
    book, breach, accused = _to_decide(session, actor, uid)
    return _decide(session, actor, book, breach, accused, "dismiss", written(reason, "reason"))


def find(session: Session, actor: Actor, uid: str, reason: str) -> Breach:
    """Decide that it was broken: unused money has to come back, the agreement ends, a year's bar begins."""
    book, breach, accused = _to_decide(session, actor, uid)
    kept = written(reason, "reason")
    BREACH.after(breach.status, "find", kept)
    breach.to_recover = dict(unused_by(book, accused))
    breach.barred_until = _bar(session, actor, book, accused, kept)
    if book.agreement.status in (AgreementStatus.IN_FORCE, AgreementStatus.SUSPENDED):
        advance(
            session,
            actor,
            book.agreement,
            AGREEMENT,
            "terminate",
            reason=kept,
            agreement=book.agreement.uid,
            breach=breach.uid,
        )
        book.agreement.ended = now()
        book.agreement.version += 1
    return _decide(
        session,
        actor,
        book,
        breach,
        accused,
        "find",
        kept,
        until=breach.barred_until.isoformat(),
        to_recover=breach.to_recover,
    )


def unused_by(book: Book, organization: Organization) -> Mapping[str, int]:
    """By currency: what an organization was paid and neither gave back nor spent on what it was for."""
    return unused(book.accounts(organization.key))


def recoverable(book: Book, breach: Breach) -> list[Disbursement]:
    """Paid tranches from which unused money can come back still."""
    accused = book.organization(breach.organization_id)
    left = unused_by(book, accused)
    return [
        one
        for one in book.tranches
        if one.payee_id == breach.organization_id
        and one.status in PAID
        and one.recovered_amount < one.amount
        and left.get(one.currency, 0) > 0
    ]


def _bar(session: Session, actor: Actor, book: Book, accused: Organization, reason: str) -> date:
    """Keep the organization from acting for a year; a longer bar stays as it is."""
    until = organizations.today() + BAR
    if accused.status is OrganizationStatus.BARRED and not organizations.may_act(accused, queries.today()):
        if accused.barred_until is not None and accused.barred_until >= until:
            return accused.barred_until
        decisions.lift(session, actor, accused.uid, reason)
    why = f"{book.agreement.number}: {reason}"
    decisions.bar(session, actor, accused.uid, until, why[:REMARK_CHARACTERS])
    return until


# Appealing ----------------------------------------------------------------------------------------------


def appeal_by(breach: Breach) -> date | None:
    """Until when an organization may appeal against a finding; None where there is none."""
    if breach.status is not BreachStatus.FOUND or breach.decided is None:
        return None
    return (breach.decided + APPEAL_WITHIN).date()


def appeal(session: Session, actor: Actor, uid: str, text: str) -> Breach:
    """Object, once and within 30 days, to what was found; somebody else decides."""
    book, breach, accused = _breach(session, actor, uid)
    require(actor, "breach:answer", accused.key)
    last = appeal_by(breach)
    if last is None:
        raise NotNow(Message("nothing-to-appeal", "There is no finding here against which to appeal."))
    if breach.appealed is not None:
        raise NotNow(Message("appealed-once", "You have appealed already. You will hear by mail."))
    if queries.today() > last:
        raise NotNow(Message("appeal-late", "An appeal was possible until {day}.", day=last))
    breach.appeal, breach.appealed = written(text, "appeal"), now()
    session.add(breach)
    record(session, actor, "breach.appeal", breach, agreement=book.agreement.uid)
    tell_breach(session, book.agreement, None, "appealed", breach=breach.uid, accused=accused.name)
    return breach


def decide_appeal(session: Session, actor: Actor, uid: str, reason: str, *, overturn: bool) -> Breach:
    """Decide on an appeal: never who found the breach. Overturning lifts the bar that followed from it."""
    book, breach, accused = _to_decide(session, actor, uid)
    if breach.appealed is None or breach.status is not BreachStatus.FOUND:
        raise NotNow(Message("no-appeal", "No appeal waits here."))
    if why := why_not_appeal(actor, breach):
        raise NotAllowed(why)
    kept = written(reason, "reason")
    breach.appeal_reason, breach.appeal_decided_by, breach.appeal_decided = kept, actor.user_id, now()
    if not overturn:
        return _decide(session, actor, book, breach, accused, "uphold", kept)
    _lift(session, actor, book, breach, accused, kept)
    breach.to_recover, breach.barred_until = {}, None
    return _decide(session, actor, book, breach, accused, "overturn", kept)


def why_not_appeal(actor: Actor, breach: Breach) -> Message | None:
    """Why somebody must not decide the appeal: the finding is her own."""
    if actor.user_id is not None and actor.user_id == breach.decided_by:
        return Message(
            "own-finding", "You found this breach. Another facilitator has to decide on the appeal."
        )
    return None


def _lift(
    session: Session, actor: Actor, book: Book, breach: Breach, accused: Organization, reason: str
) -> None:
    """End the bar unless it is over, or stands for something else."""
    others = [
        one
        for one, _ in queries.breaches_of(session, accused)
        if one.key != breach.key and one.barred_until is not None and one.barred_until >= queries.today()
    ]
    barred = accused.status is OrganizationStatus.BARRED and accused.barred_until == breach.barred_until
    if barred and not others:
        decisions.lift(session, actor, accused.uid, f"{book.agreement.number}: {reason}"[:REMARK_CHARACTERS])


# What all steps share -----------------------------------------------------------------------------------


def get(session: Session, actor: Actor, uid: str) -> tuple[Book, Breach]:
    """A breach with the book of its agreement, for the parties and facilitators. Raises NotFound."""
    book = queries.open_book(session, actor, queries.agreement_of(session, actor, Breach, uid))
    breach: Breach = queries.entry(book.breaches, uid)
    return book, breach


def piece_of_evidence(session: Session, actor: Actor, uid: str, number: int) -> dict[str, Any]:
    """One file of a breach, counted from 1. Raises NotFound."""
    _, breach = get(session, actor, uid)
    if not 1 <= number <= len(breach.evidence):
        raise NotFound
    return breach.evidence[number - 1]


def _breach(session: Session, actor: Actor, uid: str) -> tuple[Book, Breach, Organization]:
    agreement = queries.agreement_of(session, actor, Breach, uid)
    book = queries.open_book(session, actor, agreement, lock=True)
    breach: Breach = queries.entry(book.breaches, uid)
    return book, breach, book.organization(breach.organization_id)


def _to_decide(session: Session, actor: Actor, uid: str) -> tuple[Book, Breach, Organization]:
    book, breach, accused = _breach(session, actor, uid)
    require(actor, "breach:decide")
    if why := why_not_decide(actor, book):
        raise NotAllowed(why)
    return book, breach, accused


def why_not_decide(actor: Actor, book: Book) -> Message | None:
    """Why somebody must not decide on a breach: she belongs to a party."""
    for one in book.parties:
        if one.organization.key in actor.memberships:
            return Message(
                "party-decides",
                "You belong to {organization}, a party of this agreement. Somebody else has to decide.",
                organization=one.organization.name,
            )
    return None


def _decide(
    session: Session,
    actor: Actor,
    book: Book,
    breach: Breach,
    accused: Organization,
    step: str,
    reason: str,
    **details: Any,
) -> Breach:
    advance(
        session,
        actor,
        breach,
        BREACH,
        step,
        reason=reason,
        agreement=book.agreement.uid,
        organization=accused.uid,
        **details,
    )
    breach.version += 1
    if step in ("find", "dismiss"):
        breach.reason, breach.decided_by, breach.decided = reason, actor.user_id, now()
    for one in book.parties:
        tell_breach(
            session,
            book.agreement,
            one.organization,
            step,
            breach=breach.uid,
            accused=accused.name,
            reason=reason,
            until=breach.barred_until,
            amounts=breach.to_recover,
        )
    return breach
