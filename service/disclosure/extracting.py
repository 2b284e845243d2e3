"""The public extract of cooperations, from what the other slices keep, with the same few statements for many.

What is published is what `models` has fields for; texts that people wrote pass `discretion` first.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from itertools import combinations
from typing import TYPE_CHECKING, Any, TypeVar, cast

from sqlmodel import Session, SQLModel, col, func, select

from matching.cooperation import link_type
from service.accounts.models import Membership, User
from service.agreements.models import (
    SIGNED,
    Agreement,
    AgreementTag,
    Origin,
    Party,
    Revision,
    Signature,
)
from service.disclosure import versions
from service.disclosure.discretion import discreet, tells_a_person
from service.disclosure.models import (
    DisclosureOut,
    PaymentStatus,
    PublicLine,
    PublicMilestone,
    PublicNeed,
    PublicOrigin,
    PublicParty,
    PublicPayment,
    PublicPromise,
    PublicReport,
    PublicRound,
    Total,
)
from service.funding.models import (
    Commitment,
    CommitmentKind,
    Delivery,
    Disbursement,
    DisbursementStatus,
    Milestone,
)
from service.listings import queries as listings
from service.listings.models import Listing
from service.organizations import queries as organizations
from service.organizations.models import Identifier, Organization
from service.pairings.notice import has_notice
from service.reports.models import Report, ReportStatus
from service.reports.queries import is_published
from service.reports.questions import number
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import has_reached

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement

_Table = TypeVar("_Table", bound=SQLModel)
PUBLIC_ANSWERS = ("beneficiaries", "results")
"""What of a report's form everybody may read, as the form says."""
_PAYMENTS = {
    DisbursementStatus.PAID: PaymentStatus.PAID,
    DisbursementStatus.RECOVERED: PaymentStatus.RECOVERED,
}


@dataclass
class _Kept:
    """What is stored of some cooperations, by the number of the agreement."""

    parties: dict[int, list[tuple[Party, Organization]]] = field(default_factory=lambda: defaultdict(list))
    identifiers: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    acting: set[int] = field(default_factory=set)
    commitments: dict[int, list[Commitment]] = field(default_factory=lambda: defaultdict(list))
    given: dict[int, int] = field(default_factory=dict)
    milestones: dict[int, list[Milestone]] = field(default_factory=lambda: defaultdict(list))
    tranches: dict[int, list[Disbursement]] = field(default_factory=lambda: defaultdict(list))
    reports: dict[int, list[Report]] = field(default_factory=lambda: defaultdict(list))
    amendments: dict[int, list[Agreement]] = field(default_factory=lambda: defaultdict(list))
    texts: dict[int, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    """Of those that were amended: the terms as they are, then every version before."""
    origins: dict[int, Origin] = field(default_factory=dict)
    tags: dict[int, dict[str, list[str]]] = field(
        default_factory=lambda: defaultdict(lambda: {"themes": [], "places": []})
    )
    needs: dict[int, Listing] = field(default_factory=dict)
    owners: dict[int, Organization] = field(default_factory=dict)
    rounds: dict[int, Round] = field(default_factory=dict)
    hosts: dict[int, Organization] = field(default_factory=dict)
    persons: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))


def disclosed(session: Session, agreements: Sequence[Agreement]) -> list[DisclosureOut]:
    """What is public of these cooperations, in their order."""
    if not agreements:
        return []
    kept = _kept(session, agreements)
    day = listings.today()
    return [_disclosed(agreement, kept, day) for agreement in agreements]


def _kept(session: Session, agreements: Sequence[Agreement]) -> _Kept:
    kept = _Kept()
    keys = [agreement.key for agreement in agreements]
    bound = rows(
        session, Party, col(Party.agreement_id).in_(keys), order=(col(Party.position), col(Party.id))
    )
    known = _by_key(session, Organization, (party.organization_id for party in bound))
    for party in bound:
        kept.parties[party.agreement_id].append((party, known[party.organization_id]))
    day, members = organizations.today(), set(known)
    kept.acting = {key for key, one in known.items() if organizations.may_act(one, day)}
    for identifier in rows(
        session,
        Identifier,
        col(Identifier.organization_id).in_(members),
        order=(col(Identifier.id),),
    ):
        kept.identifiers[identifier.organization_id].append(f"{identifier.scheme}-{identifier.number}")
    _funding(session, keys, kept)
    for report in rows(
        session,
        Report,
        col(Report.agreement_id).in_(keys),
        col(Report.status) == ReportStatus.ACCEPTED,
        col(Report.ended).is_(None),
        order=(col(Report.period_end), col(Report.id)),
    ):
        kept.reports[report.agreement_id].append(report)
    _amendments(session, agreements, kept)
    kept.origins = {
        one.agreement_id: one for one in rows(session, Origin, col(Origin.agreement_id).in_(keys))
    }
    if kept.origins:
        tagged = select(AgreementTag).where(col(AgreementTag.agreement_id).in_(list(kept.origins)))
        for tag in session.exec(tagged.order_by(col(AgreementTag.code))):
            kept.tags[tag.agreement_id][tag.scheme].append(tag.code)
    kept.needs = _by_key(session, Listing, (agreement.need_id for agreement in agreements))
    kept.owners = _by_key(session, Organization, (need.organization_id for need in kept.needs.values()))
    kept.rounds = _by_key(session, Round, (agreement.round_id for agreement in agreements))
    kept.hosts = _by_key(session, Organization, (one.host_id for one in kept.rounds.values()))
    _persons(session, keys, kept, members)
    return kept


def rows(
    session: Session,
    table: type[_Table],
    *conditions: ColumnElement[bool],
    order: Iterable[Any] = (),
) -> list[_Table]:
    """Rows that read like the objects of a table, load in a fraction of the time, and cannot change."""
    wanted = select(*columns(table)).where(*conditions).order_by(*order)
    return cast("list[_Table]", session.execute(wanted).all())


def columns(table: type[SQLModel], *without: str) -> list[Any]:
    """The columns of a table for `rows`, with the name that its objects have for their number."""
    own = table.__table__.columns  # type: ignore[attr-defined]
    return [*(column for column in own if column.name not in without), own["id"].label("key")]


def _by_key(session: Session, table: type[_Table], keys: Iterable[int | None]) -> dict[int, _Table]:
    wanted = {key for key in keys if key is not None}
    if not wanted:
        return {}
    found: list[Any] = rows(session, table, table.__table__.c.id.in_(wanted))  # type: ignore[attr-defined]
    return {row.key: row for row in found}


def _funding(session: Session, keys: list[int], kept: _Kept) -> None:
    tables: tuple[tuple[Any, Any], ...] = (
        (Commitment, kept.commitments),
        (Milestone, kept.milestones),
        (Disbursement, kept.tranches),
    )
    for table, found in tables:
        for row in rows(session, table, col(table.agreement_id).in_(keys), order=(col(table.id),)):
            found[row.agreement_id].append(row)
    promised = [one.key for own in kept.commitments.values() for one in own]
    delivered = session.exec(
        select(Delivery.commitment_id, func.sum(Delivery.quantity))
        .where(col(Delivery.commitment_id).in_(promised), col(Delivery.confirmed).is_not(None))
        .group_by(col(Delivery.commitment_id))
    )
    kept.given = {key: int(quantity) for key, quantity in delivered}


def _amendments(session: Session, agreements: Sequence[Agreement], kept: _Kept) -> None:
    keys = [agreement.key for agreement in agreements]
    amending = (
        select(Agreement)
        .where(col(Agreement.amends_id).in_(keys), col(Agreement.status).in_(SIGNED))
        .order_by(col(Agreement.in_force), col(Agreement.id))
    )
    for amendment in session.exec(amending):
        kept.amendments[amendment.amends_id or 0].append(amendment)
    if not kept.amendments:
        return
    amended = list(kept.amendments)
    now = select(Agreement.id, Agreement.terms).where(col(Agreement.id).in_(amended))
    before = select(Revision.agreement_id, Revision.terms).where(col(Revision.agreement_id).in_(amended))
    for statement in (now, before.order_by(col(Revision.number).desc())):
        for key, terms in session.exec(statement):
            kept.texts[key or 0].append(dict(terms))


def _persons(session: Session, keys: list[int], kept: _Kept, members: set[int]) -> None:
    """The names of who signed and of who belongs to a party."""
    for agreement_id, name in session.exec(
        select(Signature.agreement_id, Signature.name).where(col(Signature.agreement_id).in_(keys))
    ):
        kept.persons[agreement_id].add(name)
    belonging: dict[int, set[str]] = defaultdict(set)
    for organization_id, name in session.exec(
        select(Membership.organization_id, User.name)
        .join(User, col(User.id) == col(Membership.user_id))
        .where(col(Membership.organization_id).in_(members))
    ):
        belonging[organization_id].add(name)
    for agreement_id, bound in kept.parties.items():
        names = kept.persons[agreement_id].union(*(belonging[one.key] for _, one in bound))
        kept.persons[agreement_id] = {name.strip() for name in names if tells_a_person(name)}


def _disclosed(agreement: Agreement, kept: _Kept, day: date) -> DisclosureOut:
    key = agreement.key
    names, parties, tranches = kept.persons[key], kept.parties[key], kept.tranches[key]
    amendments, reports = kept.amendments[key], kept.reports[key]
    uids = {organization.key: organization.uid for _, organization in parties}
    givers = {one.key: uids.get(one.organization_id, "") for one in kept.commitments[key]}
    promises = [
        _promise(one, [t for t in tranches if t.commitment_id == one.key], kept, uids, names)
        for one in kept.commitments[key]
    ]
    payments = [_payment(one, givers[one.commitment_id], uids) for one in tranches]
    moments = [agreement.created, agreement.in_force, agreement.ended]
    moments += [one.in_force for one in amendments] + [one.decided for one in reports]
    moments += [_moment(day) for one in payments for day in (one.paid, one.recovered) if day]
    signed = agreement.in_force or agreement.created
    return DisclosureOut(
        id=agreement.uid,
        number=agreement.number,
        title=discreet(agreement.title, names),
        language=agreement.language,
        kind=agreement.kind,
        status=agreement.status,
        signed=signed.date(),
        starts=agreement.starts,
        ends=agreement.ends,
        ended=agreement.ended.date() if agreement.ended else None,
        modified=max(moment for moment in moments if moment is not None),
        synthetic=any(organization.synthetic for _, organization in parties),
        parties=[_party(party, organization, kept) for party, organization in parties],
        link_types=links_of(organization.kind for _, organization in parties),
        need=_need(kept.needs.get(agreement.need_id or 0), kept, day, names),
        round=_round(kept.rounds.get(agreement.round_id or 0), kept),
        origin=_origin(kept.origins.get(key), kept, names),
        promises=promises,
        totals=_totals(promises, payments),
        milestones=[_milestone(one, names) for one in kept.milestones[key]],
        payments=payments,
        reports=[_report(one, uids, names) for one in reports],
        corrections=versions.corrections(agreement, amendments, kept.texts[key], names),
    )


def links_of(kinds: Iterable[str]) -> list[str]:
    """The codes in link_types of the sectors that meet in a cooperation."""
    return sorted({link_type(one, other) for one, other in combinations(kinds, 2)} - {""})


def _party(party: Party, organization: Organization, kept: _Kept) -> PublicParty:
    return PublicParty(
        id=organization.uid,
        name=organization.name,
        language=organization.language,
        kind=organization.kind,
        sector=organizations.sector_of(organization.kind),
        role=party.role,
        identifiers=kept.identifiers[organization.key],
        listed=organization.key in kept.acting,
    )


def _need(need: Listing | None, kept: _Kept, day: date, names: Iterable[str]) -> PublicNeed | None:
    """The need as it was published; one that never was stays private."""
    if need is None or need.published is None:
        return None
    owner = kept.owners[need.organization_id]
    return PublicNeed(
        id=need.uid,
        title=discreet(need.title, names),
        language=need.language,
        organization=owner.name,
        published=need.published,
        themes=need.themes,
        goals=need.goals,
        places=need.places,
        beneficiaries=need.beneficiaries,
        asked=[PublicLine(kind=one["kind"], amount=one["amount"], unit=one["unit"]) for one in need.lines],
        open=listings.is_open(need, day) and organizations.may_act(owner, day),
    )


def _round(one: Round | None, kept: _Kept) -> PublicRound | None:
    if one is None or one.status is RoundStatus.DRAFT:
        return None
    return PublicRound(
        id=one.uid,
        title=one.title,
        language=one.language,
        host=kept.hosts[one.host_id].name if one.host_id in kept.hosts else "",
        result=has_notice(one) and has_reached(one, RoundStatus.NOTICE),
    )


def _origin(one: Origin | None, kept: _Kept, names: set[str]) -> PublicOrigin | None:
    if one is None:
        return None
    tags = kept.tags[one.agreement_id]
    return PublicOrigin(source=discreet(one.source, names), reference=one.reference, **tags)


def _promise(
    one: Commitment, tranches: Iterable[Disbursement], kept: _Kept, uids: Mapping[int, str], names: set[str]
) -> PublicPromise:
    paid = sum(
        tranche.amount - tranche.recovered_amount for tranche in tranches if tranche.status in _PAYMENTS
    )
    return PublicPromise(
        item=one.item,
        giver=uids.get(one.organization_id, ""),
        kind=one.kind,
        purpose=one.purpose,
        description=discreet(one.description, names),
        quantity=one.quantity,
        unit=one.unit,
        value=one.value,
        currency=one.currency,
        valuation=one.valuation,
        given=paid if one.kind is CommitmentKind.CASH else kept.given.get(one.key, 0),
        ended=one.ended.date() if one.ended else None,
    )


def _payment(one: Disbursement, payer: str, uids: Mapping[int, str]) -> PublicPayment:
    status = _PAYMENTS.get(one.status, PaymentStatus.PLANNED)
    return PublicPayment(
        id=one.uid,
        item=one.item,
        payer=payer,
        payee=uids.get(one.payee_id, ""),
        amount=one.amount,
        currency=one.currency,
        due=one.due,
        status=status,
        paid=one.paid if status is not PaymentStatus.PLANNED else None,
        recovered_amount=one.recovered_amount if status is PaymentStatus.RECOVERED else 0,
        recovered=one.recovered if status is PaymentStatus.RECOVERED else None,
        ended=one.ended.date() if one.ended else None,
    )


def _milestone(one: Milestone, names: Iterable[str]) -> PublicMilestone:
    return PublicMilestone(
        item=one.item,
        title=discreet(one.title, names),
        due=one.due,
        status=one.status,
        accepted=one.accepted.date() if one.accepted else None,
        ended=one.ended.date() if one.ended else None,
    )


def _report(one: Report, uids: Mapping[int, str], names: set[str]) -> PublicReport:
    answers = {code: _answer(code, str(one.answers.get(code) or ""), names) for code in PUBLIC_ANSWERS}
    return PublicReport(
        id=one.uid,
        kind=one.kind,
        by=uids.get(one.organization_id, ""),
        period_start=one.period_start,
        period_end=one.period_end,
        accepted=(one.decided or one.created).date(),
        language=one.language,
        answers={code: answer for code, answer in answers.items() if answer != ""},
        score=one.score,
        photos=[
            f"/reports/{one.uid}/photos/{place}"
            for place, file in enumerate(one.attachments, 1)
            if is_published(file)
        ],
    )


def _answer(code: str, typed: str, names: Iterable[str]) -> str | int:
    """An answer as everybody may read it; a number of people as a number."""
    people = number(typed) if code == "beneficiaries" else None
    return discreet(typed, names) if people is None else people


def _totals(promises: Iterable[PublicPromise], payments: Iterable[PublicPayment]) -> list[Total]:
    """Money by currency; what an amendment has taken out is no longer promised."""
    totals: dict[str, Total] = {}
    for promise in promises:
        if promise.kind is CommitmentKind.CASH:
            total = totals.setdefault(promise.unit, _nothing(promise.unit))
            total.promised += 0 if promise.ended else promise.quantity
    for payment in payments:
        total = totals.setdefault(payment.currency, _nothing(payment.currency))
        if payment.status is not PaymentStatus.PLANNED:
            total.paid += payment.amount - payment.recovered_amount
            total.recovered += payment.recovered_amount
    return [totals[currency] for currency in sorted(totals)]


def _nothing(currency: str) -> Total:
    return Total(currency=currency, promised=0, paid=0, recovered=0)


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
