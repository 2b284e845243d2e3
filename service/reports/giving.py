"""What an organization's giving became: inputs, outputs and impacts, as the B4SI framework sorts them.

Inputs are counted when they were given: money when it was paid, less what came back, other things when they
were delivered and whoever got them said so. Sums of different currencies are never added, and nothing is
counted under two themes or places: the first of the need stands for it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message, Quantity
from service.agreements import queries as agreements
from service.agreements.models import SIGNED, Agreement, Party
from service.funding.models import (
    Commitment,
    CommitmentKind,
    Delivery,
    Disbursement,
    DisbursementStatus,
    Milestone,
    MilestoneStatus,
    Valuation,
)
from service.listings.models import Listing
from service.reports import queries
from service.reports.models import Report, ReportKind, ReportStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel.sql.expression import SelectOfScalar

    from service.organizations.models import Organization

VALUATIONS = {
    Valuation.CASH: Message("input-cash", "Money"),
    Valuation.TIME: Message("input-time", "Working time"),
    Valuation.IN_KIND: Message("input-in-kind", "In kind, at cost"),
    Valuation.MANAGEMENT: Message("input-management", "Cost of managing it"),
}
PAID = (DisbursementStatus.PAID, DisbursementStatus.RECOVERED)


@dataclass(frozen=True, slots=True)
class Given:
    """Something that was given: how valued, its worth in minor units, and when."""

    agreement_id: int
    valuation: Valuation
    currency: str
    amount: int
    year: int


@dataclass(frozen=True, slots=True)
class Input:
    """All of one kind in one currency."""

    valuation: Valuation
    promised: Quantity
    given: Quantity


@dataclass(frozen=True, slots=True)
class Share:
    """What went to one theme or place (its code; empty: none is stated), in one currency."""

    code: str
    given: Quantity


@dataclass(frozen=True, slots=True)
class Supported:
    """One agreement and what came of it."""

    agreement: Agreement
    partners: tuple[Organization, ...]
    theme: str
    place: str
    inputs: tuple[Input, ...]
    unvalued: tuple[Commitment, ...]
    """Promised without a worth, such as an endorsement."""
    reached: int | None
    milestones: tuple[Milestone, ...]
    """Those that were reached."""
    results: tuple[Report, ...]
    """Accepted reports that say what has changed, the latest first."""
    score: int | None


@dataclass(frozen=True, slots=True)
class Giving:
    """All of it, of one year or of all."""

    organization: Organization
    year: int | None
    years: tuple[int, ...]
    inputs: tuple[Input, ...]
    by_theme: tuple[Share, ...]
    by_place: tuple[Share, ...]
    reached: int | None
    milestones: int
    supported: tuple[Supported, ...]


def giving(session: Session, organization: Organization, year: int | None = None) -> Giving:
    """What the organization has given under signed agreements, and what is said to have come of it."""
    bound = _agreements(session, organization)
    keys = list(bound)
    commitments = session.exec(
        select(Commitment)
        .where(col(Commitment.agreement_id).in_(keys), Commitment.organization_id == organization.key)
        .order_by(col(Commitment.id))
    ).all()
    given = [*_paid(session, commitments), *_delivered(session, commitments)]
    reports = session.exec(_accepted(keys)).all()
    reached = session.exec(
        select(Milestone)
        .where(col(Milestone.agreement_id).in_(keys), Milestone.status == MilestoneStatus.ACCEPTED)
        .order_by(col(Milestone.accepted), col(Milestone.id))
    ).all()
    years = {
        *(one.year for one in given),
        *(one.period_end.year for one in reports),
        *(one.in_force.year for one in bound.values() if one.in_force),
    }
    needs = _needs(session, bound.values())
    parties = agreements.parties_of(session, bound.values())
    supported = []
    for key, agreement in bound.items():
        need = needs.get(agreement.need_id or 0)
        own = [one for one in commitments if one.agreement_id == key]
        of_year = [one for one in given if one.agreement_id == key and year in (None, one.year)]
        said = [one for one in reports if one.agreement_id == key and year in (None, one.period_end.year)]
        met = [
            one
            for one in reached
            if one.agreement_id == key and (year is None or (one.accepted and one.accepted.year == year))
        ]
        signed_then = agreement.in_force is not None and year in (None, agreement.in_force.year)
        if not (of_year or said or met or signed_then):
            continue
        promised = own if signed_then else []
        supported.append(
            Supported(
                agreement=agreement,
                partners=tuple(
                    one.organization for one in parties[key] if one.organization.key != organization.key
                ),
                theme=need.themes[0] if need is not None and need.themes else "",
                place=need.places[0] if need is not None and need.places else "",
                inputs=_inputs(promised, of_year),
                unvalued=tuple(one for one in promised if one.value is None and one.ended is None),
                reached=_people(said, year),
                milestones=tuple(met),
                results=tuple(reversed([one for one in said if one.answers.get("results")])),
                score=next((one.score for one in reversed(said) if one.score is not None), None),
            )
        )
    counted = [one.reached for one in supported if one.reached is not None]
    return Giving(
        organization=organization,
        year=year,
        years=tuple(sorted(years, reverse=True)),
        inputs=_summed(one.inputs for one in supported),
        by_theme=_shares((one.theme, one.inputs) for one in supported),
        by_place=_shares((one.place, one.inputs) for one in supported),
        reached=sum(counted) if counted else None,
        milestones=sum(len(one.milestones) for one in supported),
        supported=tuple(supported),
    )


def _agreements(session: Session, organization: Organization) -> dict[int, Agreement]:
    """The signed agreements in which it gives something, the latest first; amendments are not told apart."""
    gives = select(Commitment.agreement_id).where(Commitment.organization_id == organization.key)
    found = session.exec(
        select(Agreement)
        .join(Party, col(Party.agreement_id) == col(Agreement.id))
        .where(
            Party.organization_id == organization.key,
            col(Agreement.status).in_(SIGNED),
            col(Agreement.amends_id).is_(None),
            col(Agreement.id).in_(gives),
        )
        .order_by(col(Agreement.in_force).desc(), col(Agreement.id).desc())
    )
    return {one.key: one for one in found}


def _accepted(keys: Sequence[int]) -> SelectOfScalar[Report]:
    return (
        select(Report)
        .where(
            col(Report.agreement_id).in_(keys),
            Report.status == ReportStatus.ACCEPTED,
            col(Report.ended).is_(None),
        )
        .order_by(col(Report.period_end), col(Report.id))
    )


def _needs(session: Session, bound: Iterable[Agreement]) -> dict[int, Listing]:
    keys = {one.need_id for one in bound if one.need_id}
    return {one.key: one for one in session.exec(select(Listing).where(col(Listing.id).in_(keys)))}


def _paid(session: Session, commitments: Sequence[Commitment]) -> list[Given]:
    """Money, in the year in which it was paid; what came back is taken off the year in which it did."""
    by_key = {one.key: one for one in commitments}
    found = []
    for one in session.exec(
        select(Disbursement).where(
            col(Disbursement.commitment_id).in_(list(by_key)), col(Disbursement.status).in_(PAID)
        )
    ):
        valuation = by_key[one.commitment_id].valuation
        if one.paid is not None:
            found.append(Given(one.agreement_id, valuation, one.currency, one.amount, one.paid.year))
        if one.recovered is not None and one.recovered_amount:
            found.append(
                Given(one.agreement_id, valuation, one.currency, -one.recovered_amount, one.recovered.year)
            )
    return found


def _delivered(session: Session, commitments: Sequence[Commitment]) -> list[Given]:
    """Other things, once who got them has said so, at their share of what the whole is worth."""
    by_key = {one.key: one for one in commitments if one.kind is not CommitmentKind.CASH and one.value}
    found = []
    for one in session.exec(
        select(Delivery).where(
            col(Delivery.commitment_id).in_(list(by_key)), col(Delivery.confirmed).is_not(None)
        )
    ):
        whole = by_key[one.commitment_id]
        worth = (whole.value or 0) * one.quantity // whole.quantity if whole.quantity else 0
        found.append(Given(whole.agreement_id, whole.valuation, whole.currency, worth, one.on.year))
    return found


def _inputs(promised: Iterable[Commitment], given: Iterable[Given]) -> tuple[Input, ...]:
    sums: dict[tuple[Valuation, str], list[int]] = defaultdict(lambda: [0, 0])
    for one in promised:
        if one.value is not None and one.ended is None:
            sums[one.valuation, one.currency][0] += one.value
    for part in given:
        sums[part.valuation, part.currency][1] += part.amount
    return _ordered(sums)


def _summed(listed: Iterable[tuple[Input, ...]]) -> tuple[Input, ...]:
    sums: dict[tuple[Valuation, str], list[int]] = defaultdict(lambda: [0, 0])
    for inputs in listed:
        for one in inputs:
            sums[one.valuation, one.given.unit][0] += one.promised.amount
            sums[one.valuation, one.given.unit][1] += one.given.amount
    return _ordered(sums)


def _ordered(sums: Mapping[tuple[Valuation, str], list[int]]) -> tuple[Input, ...]:
    order = list(Valuation)
    return tuple(
        Input(valuation, Quantity(promised, currency), Quantity(given, currency))
        for (valuation, currency), (promised, given) in sorted(
            sums.items(), key=lambda one: (order.index(one[0][0]), one[0][1])
        )
    )


def _shares(listed: Iterable[tuple[str, tuple[Input, ...]]]) -> tuple[Share, ...]:
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for code, inputs in listed:
        for one in inputs:
            sums[code, one.given.unit] += one.given.amount
    return tuple(
        Share(code, Quantity(amount, currency))
        for (code, currency), amount in sorted(sums.items(), key=lambda one: (one[0][1], -one[1], one[0][0]))
        if amount
    )


def _people(said: Sequence[Report], year: int | None) -> int | None:
    """People reached; of one year the quarters count, since a final report is about the whole time."""
    quarters = [one for one in said if one.kind is ReportKind.QUARTERLY]
    return queries.reached(quarters if year is not None and quarters else said)
