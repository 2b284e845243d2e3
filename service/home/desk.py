"""The desk of who runs rounds: their deadlines, what is late or at risk, and how far needs have come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response
from sqlmodel import Session, col, func, select

from service.agreements.models import Agreement, AgreementStatus
from service.db import now
from service.funding.models import Breach, BreachStatus, Disbursement, DisbursementStatus
from service.listings import queries as listings
from service.listings.models import Request as Asked
from service.listings.models import RequestStatus
from service.network.queries import Stage, funnel
from service.organizations.desk import signed_in
from service.organizations.models import Organization
from service.pairings import notice
from service.permissions import require
from service.reports import queries as reports
from service.reports.words import KINDS
from service.rounds import queries as rounds
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import NAMES, clock
from service.web import Asking, Reading, page

if TYPE_CHECKING:
    from service.permissions import Actor

router = APIRouter(include_in_schema=False)
MOST = 8
"""How many lines of each kind are shown."""
SILENCE = timedelta(days=30)
"""Requests that nobody answered are counted over so long."""
OPEN = (
    DisbursementStatus.PLANNED,
    DisbursementStatus.REQUESTED,
    DisbursementStatus.APPROVED,
    DisbursementStatus.HELD,
)


@dataclass(frozen=True, slots=True)
class Running:
    """A round under way: its phase, and when that ends."""

    round: Round
    ends: datetime | None
    is_over: bool


@dataclass(frozen=True, slots=True)
class Late:
    """A tranche whose day has passed and which is not paid."""

    tranche: Disbursement
    agreement: Agreement
    payee: Organization


@dataclass(frozen=True, slots=True)
class Desk:
    """All of it."""

    running: tuple[Running, ...]
    objections: int
    reports: tuple[reports.Told, ...]
    tranches: tuple[Late, ...]
    breaches: tuple[tuple[Breach, Agreement], ...]
    waiting: int
    """Requests outside rounds that can still be answered."""
    lapsed: int
    """Requests to which nobody replied in time, of late."""
    funnel: tuple[Stage, ...]


def desk(session: Session, actor: Actor) -> Desk:
    """What stands on the desk now. Raises NotAllowed for who runs no rounds."""
    require(actor, "round:run")
    day, moment = listings.today(), now()
    lapsed = select(func.count(col(Asked.id))).where(
        Asked.status == RequestStatus.LAPSED, col(Asked.created) >= moment - SILENCE
    )
    waiting = select(func.count(col(Asked.id))).where(listings.waiting_on(day))
    breaches = (
        select(Breach, Agreement)
        .join(Agreement, col(Agreement.id) == col(Breach.agreement_id))
        .where(Breach.status == BreachStatus.ALLEGED)
        .order_by(col(Breach.id))
    )
    return Desk(
        running=tuple(_running(session, actor, moment)),
        objections=sum(count for _, count in notice.to_decide(session)),
        reports=tuple(reports.overdue(session)),
        tranches=tuple(_late(session, day)),
        breaches=tuple((breach, agreement) for breach, agreement in session.exec(breaches)),
        waiting=session.exec(waiting).one(),
        lapsed=session.exec(lapsed).one(),
        funnel=tuple(funnel(session)),
    )


def _running(session: Session, actor: Actor, moment: datetime) -> list[Running]:
    """Rounds under way; those whose time is over first, then those that end soonest."""
    still = (RoundStatus.DRAFT, RoundStatus.CLOSED, RoundStatus.CANCELLED)
    listed = [one for one in rounds.listed(session, actor) if one.status not in still]
    plans = rounds.plans_of(session, listed)
    found = [(one, clock(one, plans[one.key], moment)) for one in listed]
    shown = [Running(one, at.ends, at.is_over) for one, at in found]
    return sorted(shown, key=lambda one: (one.ends is None, one.ends or moment))


def _late(session: Session, day: date) -> list[Late]:
    found = session.exec(
        select(Disbursement, Agreement, Organization)
        .join(Agreement, col(Agreement.id) == col(Disbursement.agreement_id))
        .join(Organization, col(Organization.id) == col(Disbursement.payee_id))
        .where(
            col(Disbursement.status).in_(OPEN),
            col(Disbursement.ended).is_(None),
            col(Disbursement.due) < day,
            Agreement.status == AgreementStatus.IN_FORCE,
        )
        .order_by(col(Disbursement.due), col(Disbursement.id))
    )
    return [Late(tranche, agreement, payee) for tranche, agreement, payee in found]


@router.get("/desk")
def shown(request: Request, session: Reading, actor: Asking) -> Response:
    """The desk, for facilitators."""
    signed_in(actor)
    return page(
        request, actor, "home/desk.html", desk=desk(session, actor), phases=NAMES, kinds=KINDS, most=MOST
    )
