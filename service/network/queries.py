"""Reading the picture of the graph, and how far needs come; public, but for whom to introduce."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import extract
from sqlalchemy.orm import defer
from sqlmodel import Session, col, func, select

from matching.errors import InvalidRules, UnknownName
from matching.messages import Message, Quantity
from matching.profiles import Side
from service.agreements.models import Agreement, Party
from service.disclosure.queries import ROW, public
from service.events import Event
from service.funding.models import Commitment, CommitmentKind, Delivery, Disbursement, DisbursementStatus
from service.listings.models import Listing
from service.network.models import Snapshot
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.pairings.models import Pairing, PairingStatus
from service.permissions import require
from service.reports.models import Report, ReportKind, ReportStatus
from service.reports.questions import number
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.queries import preset_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching.rules import Budget
    from service.permissions import Actor

INTRODUCED = "organization.introduce"
_PAID = (DisbursementStatus.PAID, DisbursementStatus.RECOVERED)


# The snapshot -----------------------------------------------------------------------------------------


def fingerprint(session: Session) -> str:
    """SHA-256 of what the graph is made from, found without reading it all."""
    keys = public().with_only_columns(ROW)
    parties = select(func.count(), func.sum(Party.id), func.max(Party.id)).where(
        col(Party.agreement_id).in_(keys)
    )
    kinds = (
        select(Organization.kind, func.count())
        .join(Party, col(Party.organization_id) == col(Organization.id))
        .where(col(Party.agreement_id).in_(keys))
        .group_by(Organization.kind)
        .order_by(Organization.kind)
    )
    cash = (
        select(Commitment.unit, func.sum(Commitment.quantity))
        .where(col(Commitment.kind) == CommitmentKind.CASH, col(Commitment.ended).is_(None))
        .group_by(col(Commitment.unit))
        .order_by(col(Commitment.unit))
    )
    made_from = [[list(row) for row in session.exec(statement).all()] for statement in (parties, kinds, cash)]
    last = session.execute(public().with_only_columns(func.max(Agreement.in_force))).scalar_one()
    return hashlib.sha256(json.dumps([made_from, last], default=str).encode()).hexdigest()


def is_drawn(session: Session, print_: str) -> bool:
    """Whether the graph with this fingerprint has been looked at, or there is nothing to look at."""
    drawn = session.exec(select(Snapshot.id).where(Snapshot.fingerprint == print_)).first()
    return drawn is not None or session.exec(public().limit(1)).first() is None


def snapshot(session: Session, *, layout: bool = False) -> Snapshot | None:
    """The newest picture, with its layout only where it is asked for."""
    newest = select(Snapshot).order_by(col(Snapshot.id).desc()).limit(1)
    return session.exec(newest if layout else newest.options(defer(col(Snapshot.layout)))).first()  # type: ignore[arg-type]


def funds(session: Session) -> list[Budget]:
    """What rounds allow to be given in a year, each fund once."""
    held = select(Round).where(col(Round.status).not_in([RoundStatus.DRAFT, RoundStatus.CANCELLED]))
    found: dict[str, Budget] = {}
    for one in session.exec(held.order_by(col(Round.id))):
        with suppress(
            InvalidRules, UnknownName
        ):  # of an old round whose preset has changed since: it names no fund
            found |= {fund.name: fund for fund in preset_of(one).rules.budgets}
    return [found[name] for name in sorted(found)]


def named(session: Session, uids: Iterable[str]) -> dict[str, Organization]:
    """By uid: organizations that have signed something, whose names are public for ever."""
    wanted = select(Organization).where(col(Organization.uid).in_(sorted(set(uids))))
    return {organization.uid: organization for organization in session.exec(wanted)}


def mentioned(figures: dict[str, Any]) -> set[str]:
    """The uids of all organizations that the figures name."""
    found = {uid for name in ("hubs", "brokers", "between", "fragile") for uid in figures[name]}
    found |= {uid for a, b, _ in figures["bridges"] for uid in (a, b)}
    found |= {uid for group in figures["groups"] for uid in group["members"]}
    return found | {uid for name in ("ties", "across") for tie in figures[name] for uid in tie["ends"]}


# Whom to introduce ------------------------------------------------------------------------------------


def introduced(session: Session) -> set[frozenset[str]]:
    """Pairs of organizations that somebody has introduced already."""
    told = session.exec(select(Event.subject, Event.details).where(Event.name == INTRODUCED))
    return {frozenset((one, details["organization"])) for one, details in told}


@dataclass(frozen=True, slots=True)
class Tie:
    """Two organizations that probably would sign, and why."""

    ends: tuple[Organization, Organization]
    score: float
    reasons: list[dict[str, Any]]
    """Stored messages."""
    through: list[Organization]


def ties(session: Session, actor: Actor, *, across: bool, most: int = 30) -> list[Tie]:
    """The likeliest missing ties between organizations that may act and were not introduced yet."""
    require(actor, "network:introduce")
    drawn = snapshot(session)
    if drawn is None:
        return []
    kept = drawn.figures["across" if across else "ties"]
    known = named(session, {uid for tie in kept for uid in (*tie["ends"], *tie["through"])})
    day, before = organizations.today(), introduced(session)
    return [
        Tie(
            (known[tie["ends"][0]], known[tie["ends"][1]]),
            tie["score"],
            tie["reasons"],
            [known[uid] for uid in tie["through"] if uid in known],
        )
        for tie in kept
        if frozenset(tie["ends"]) not in before
        and all(uid in known and organizations.may_act(known[uid], day) for uid in tie["ends"])
    ][:most]


# The city in numbers ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Stage:
    """How many needs came so far."""

    code: str
    label: Message
    needs: int


def funnel(session: Session) -> list[Stage]:
    """From the published need to the accepted final report. Who got further has come this far too."""
    need = col(Application.listing_id)
    paired = select(need).join(Pairing, col(Pairing.need_id) == col(Application.id))
    signed = public().with_only_columns(col(Agreement.need_id)).where(col(Agreement.need_id).is_not(None))
    paid = select(Disbursement.agreement_id).where(col(Disbursement.status).in_(_PAID))
    delivered = (
        select(Commitment.agreement_id)
        .join(Delivery, col(Delivery.commitment_id) == col(Commitment.id))
        .where(col(Delivery.confirmed).is_not(None))
    )
    reported = select(Report.agreement_id).where(
        col(Report.status) == ReportStatus.ACCEPTED, col(Report.kind) == ReportKind.FINAL
    )
    wanted = (
        (
            "published",
            Message("funnel-published", "Needs published"),
            select(Listing.id).where(Listing.side == Side.NEED, col(Listing.published).is_not(None)),
        ),
        (
            "entered",
            Message("funnel-entered", "Entered into a round"),
            select(need).where(col(Application.side) == Side.NEED, col(Application.submitted).is_not(None)),
        ),
        (
            "paired",
            Message("funnel-paired", "Paired with an offer"),
            paired.where(col(Pairing.released).is_not(None)),
        ),
        (
            "mutual",
            Message("funnel-mutual", "Wanted by both sides"),
            paired.where(
                col(Pairing.status).in_([PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED])
            ),
        ),
        ("signed", Message("funnel-signed", "Signed"), signed),
        (
            "given",
            Message("funnel-given", "Something paid or delivered"),
            signed.where(ROW.in_(paid) | ROW.in_(delivered)),
        ),
        ("reported", Message("funnel-reported", "Final report accepted"), signed.where(ROW.in_(reported))),
    )
    further: set[int] = set()
    found = []
    for code, label, statement in reversed(wanted):
        further |= set(session.execute(statement).scalars())
        found.append(Stage(code, label, len(further)))
    return found[::-1]


@dataclass(frozen=True, slots=True)
class Given:
    """Something other than money, all cooperations together."""

    kind: str
    promised: Quantity
    given: Quantity


@dataclass(frozen=True, slots=True)
class City:
    """All cooperations together; money by currency as promised, paid, recovered."""

    cooperations: int
    organizations: int
    reports: int
    people: int
    money: list[tuple[Quantity, Quantity, Quantity]]
    in_kind: list[Given]
    paid_by_year: dict[int, list[Quantity]]


def city(session: Session) -> City:
    """Everything that was promised, given and told, for everybody."""
    keys = public().with_only_columns(ROW)
    parties = select(func.count(func.distinct(Party.organization_id)))
    accepted = select(Report.kind, Report.answers).where(
        col(Report.agreement_id).in_(keys),
        col(Report.status) == ReportStatus.ACCEPTED,
        col(Report.ended).is_(None),
    )
    reports = session.exec(accepted).all()
    return City(
        cooperations=session.exec(select(func.count()).select_from(keys.subquery())).one(),
        organizations=session.exec(parties.where(col(Party.agreement_id).in_(keys))).one(),
        reports=len(reports),
        people=sum(
            number(answers.get("beneficiaries")) or 0 for kind, answers in reports if kind is ReportKind.FINAL
        ),
        money=_money(session, keys),
        in_kind=_in_kind(session, keys),
        paid_by_year=_paid_by_year(session, keys),
    )


def _money(session: Session, keys: Any) -> list[tuple[Quantity, Quantity, Quantity]]:
    promised = (
        select(Commitment.unit, func.sum(Commitment.quantity))
        .where(
            col(Commitment.agreement_id).in_(keys),
            col(Commitment.kind) == CommitmentKind.CASH,
            col(Commitment.ended).is_(None),
        )
        .group_by(col(Commitment.unit))
    )
    paid = (
        select(
            Disbursement.currency,
            func.sum(Disbursement.amount - Disbursement.recovered_amount),
            func.sum(Disbursement.recovered_amount),
        )
        .where(col(Disbursement.agreement_id).in_(keys), col(Disbursement.status).in_(_PAID))
        .group_by(col(Disbursement.currency))
    )
    sums = {unit: int(amount) for unit, amount in session.exec(promised)}
    given = {unit: (int(flow), int(back)) for unit, flow, back in session.exec(paid)}
    return [
        (
            Quantity(sums.get(unit, 0), unit),
            Quantity(given.get(unit, (0, 0))[0], unit),
            Quantity(given.get(unit, (0, 0))[1], unit),
        )
        for unit in sorted(sums.keys() | given.keys(), key=lambda unit: (-sums.get(unit, 0), unit))
    ]


def _in_kind(session: Session, keys: Any) -> list[Given]:
    own = (
        col(Commitment.agreement_id).in_(keys),
        col(Commitment.kind).not_in([CommitmentKind.CASH, CommitmentKind.ENDORSEMENT]),
    )
    grouped = (col(Commitment.kind), col(Commitment.unit))
    promised = (
        select(*grouped, func.sum(Commitment.quantity))
        .where(*own, col(Commitment.ended).is_(None))
        .group_by(*grouped)
        .order_by(*grouped)
    )
    confirmed = (
        select(*grouped, func.sum(Delivery.quantity))
        .join(Delivery, col(Delivery.commitment_id) == col(Commitment.id))
        .where(*own, col(Delivery.confirmed).is_not(None))
        .group_by(*grouped)
    )
    given = {(kind, unit): int(amount) for kind, unit, amount in session.execute(confirmed)}
    return [
        Given(kind.value, Quantity(int(amount), unit), Quantity(given.get((kind, unit), 0), unit))
        for kind, unit, amount in session.execute(promised)
    ]


def _paid_by_year(session: Session, keys: Any) -> dict[int, list[Quantity]]:
    year = extract("year", col(Disbursement.paid))
    paid = (
        select(year, Disbursement.currency, func.sum(Disbursement.amount - Disbursement.recovered_amount))
        .where(
            col(Disbursement.agreement_id).in_(keys),
            col(Disbursement.status).in_(_PAID),
            col(Disbursement.paid).is_not(None),
        )
        .group_by(year, col(Disbursement.currency))
        .order_by(year, col(Disbursement.currency))
    )
    found: dict[int, list[Quantity]] = {}
    for when, unit, amount in session.execute(paid):
        found.setdefault(int(when), []).append(Quantity(int(amount), unit))
    return found
