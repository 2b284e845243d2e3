"""Site visits: what somebody saw on the spot, with photos and faults by code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import col, select

from matching.messages import Message
from matching.text import detect_language
from service.accounts.queries import emails_of_editors
from service.agreements import queries as agreements
from service.agreements.models import SIGNED, Agreement
from service.db import now
from service.errors import BadInput, FieldProblem, NotAllowed, NotFound, NotNow
from service.events import record
from service.mail import send
from service.organizations.models import Organization
from service.permissions import may, require
from service.reports import clinic
from service.reports.actions import about, with_file
from service.reports.models import ANSWER_CHARACTERS, SiteVisit
from service.texts import MISSING, tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from pathlib import Path

    from sqlmodel import Session

    from service.permissions import Actor

PLACE_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Visited:
    """A visit, for whom the visitor came (nobody: a facilitator), and the faults that were seen."""

    visit: SiteVisit
    organization: Organization | None
    faults: tuple[str, ...]


def visitors(session: Session, actor: Actor, agreement: Agreement) -> list[Organization | None]:
    """For whom the actor may write a visit down: organizations that are parties; None: as a facilitator."""
    own: list[Organization | None] = [
        bound.organization
        for bound in agreements.parties(session, agreement)
        if bound.organization.key in actor.memberships and may(actor, "visit:write", bound.organization.key)
    ]
    return own or ([None] if may(actor, "visit:write") else [])


def write(
    session: Session,
    actor: Actor,
    agreement: Agreement,
    *,
    on: date | None,
    place: str,
    text: str,
    faults: Sequence[str] = (),
) -> SiteVisit:
    """Write down a visit; the other parties are told."""
    allowed = visitors(session, actor, agreement)
    if not allowed:
        require(actor, "visit:write")
        raise NotAllowed
    if agreement.status not in SIGNED:
        raise NotNow(Message("not-signed", "The agreement is not signed yet."))
    kept, where = tidy(text), tidy(place)
    problems = {
        "on": _day_problem(on),
        "place": too_long(PLACE_CHARACTERS) if len(where) > PLACE_CHARACTERS else None,
        "text": _text_problem(kept),
    }
    wrong = [FieldProblem(name, problem) for name, problem in problems.items() if problem]
    if wrong or on is None:
        raise BadInput(wrong)
    whose = allowed[0]
    visit = SiteVisit(
        agreement_id=agreement.key,
        on=on,
        place=where,
        text=kept,
        language=detect_language(kept),
        organization_id=whose.key if whose else None,
        user_id=actor.user_id,
    )
    session.add(visit)
    session.flush()
    noted = clinic.note(session, actor, agreement, faults, "", visit=visit)
    codes = [one.code for one in noted]
    record(session, actor, "visit.write", visit, faults=codes, **about(session, agreement))
    for bound in agreements.parties(session, agreement):
        if bound.organization.key != visit.organization_id:
            for email, language in emails_of_editors(session, bound.organization.key):
                send(
                    session,
                    email,
                    "visit-written",
                    language,
                    title=agreement.title,
                    uid=agreement.uid,
                    text=kept,
                    faults=clinic.labels(codes, language),
                )
    return visit


def _day_problem(on: date | None) -> Message | None:
    if on is None:
        return MISSING
    return Message("visit-ahead", "Choose a day that is not in the future.") if on > now().date() else None


def _text_problem(text: str) -> Message | None:
    if not text:
        return MISSING
    return too_long(ANSWER_CHARACTERS) if len(text) > ANSWER_CHARACTERS else None


def attach(
    session: Session,
    actor: Actor,
    visit: SiteVisit,
    filename: str,
    content: bytes,
    *,
    data_dir: Path,
    caption: str = "",
    people: str = "",
    consent: str = "",
) -> SiteVisit:
    """Add a file to a visit; only who wrote it may."""
    require(actor, "visit:write", visit.organization_id)
    if visit.user_id != actor.user_id:
        raise NotAllowed
    visit.attachments = with_file(
        visit.attachments,
        filename,
        content,
        data_dir=data_dir,
        caption=caption,
        people=people,
        consent=consent,
    )
    visit.version += 1
    session.add(visit)
    agreement = session.get_one(Agreement, visit.agreement_id)
    digest = visit.attachments[-1]["sha256"]
    record(session, actor, "visit.attach", visit, sha256=digest, **about(session, agreement))
    return visit


def get(session: Session, actor: Actor, uid: str) -> SiteVisit:
    """One visit. Raises NotFound."""
    found = session.exec(
        select(SiteVisit)
        .join(Agreement, col(Agreement.id) == col(SiteVisit.agreement_id))
        .where(agreements.seen_by(actor), SiteVisit.uid == uid)
    ).first()
    if found is None:
        raise NotFound
    return found


def of_agreement(session: Session, agreement: Agreement) -> list[Visited]:
    """All visits, the latest first."""
    found = session.exec(
        select(SiteVisit, Organization)
        .outerjoin(Organization, col(Organization.id) == col(SiteVisit.organization_id))
        .where(SiteVisit.agreement_id == agreement.key)
        .order_by(col(SiteVisit.on).desc(), col(SiteVisit.id).desc())
    ).all()
    faults = clinic.faults_of(session, (), [visit.key for visit, _ in found])
    return [
        Visited(visit, organization, tuple(one.code for one in faults if one.visit_id == visit.key))
        for visit, organization in found
    ]
