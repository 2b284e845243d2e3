"""Drafting agreements: from what was matched, from a request outside any round, and amendments.

Parties, gifts, dates and clauses are filled in from what is known, so that nobody types anything twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import func
from sqlmodel import Session, col, select

from matching.messages import Message, Term
from matching.profiles import Side
from matching.reading.quantities import is_currency
from matching.text import LANGUAGES
from service.agreements import queries
from service.agreements.clauses import About, book, written
from service.agreements.models import (
    AGREEMENT,
    TITLE_CHARACTERS,
    Agreement,
    AgreementKind,
    AgreementPairing,
    AgreementStatus,
    Party,
    PartyRole,
    Revision,
)
from service.agreements.terms import (
    BudgetTerms,
    CommitmentTerms,
    MilestoneTerms,
    PartyTerms,
    ReportTerms,
    Terms,
    TrancheTerms,
)
from service.errors import BadInput, NotFound, NotNow
from service.events import record
from service.listings.models import Listing, Request, RequestStatus
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.pairings import queries as pairings
from service.pairings.models import Pairing
from service.rounds.models import Round
from service.rounds.queries import preset_of
from service.wording import term_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from service.permissions import Actor

BEGINS_IN, LASTS = timedelta(days=14), timedelta(days=365)
"""When a project begins and how long it lasts where nobody has said so."""
PAID_IN = timedelta(days=15)
SHARES: dict[AgreementKind, tuple[int, ...]] = {
    AgreementKind.DONATION: (100,),
    AgreementKind.COOPERATION: (60, 40),
    AgreementKind.PURCHASE: (30, 50, 20),
    AgreementKind.THREE_PARTY: (50, 30, 20),
}
"""How the money of each kind is paid unless the parties agree otherwise, per cent: on signature, at the
middle, at the end."""
GIFTS = {
    "money": ("cash", "cash"),
    "goods": ("goods", "in-kind"),
    "volunteers": ("volunteers", "time"),
    "staff": ("volunteers", "time"),
    "venue": ("venue", "in-kind"),
    "media": ("media", "in-kind"),
    "endorsement": ("endorsement", "in-kind"),
}
"""By resource kind: kind of the commitment and how it is valued; everything else is a service."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How an agreement shall be drafted: kind (None: by what it is), languages, further parties (uids)."""

    kind: AgreementKind | None = None
    language: str = ""
    second_language: str = ""
    supervisor: str = ""
    operator: str = ""


@dataclass(frozen=True, slots=True)
class _Gift:
    """What one organization gives: so much of a line of its listing."""

    giver: Organization
    kind: str
    part: str
    amount: int
    unit: str
    worth: tuple[int, str] | None = None


def from_pairings(
    session: Session, actor: Actor, chosen: Sequence[Pairing], wanted: Wanted = Wanted()
) -> Agreement:
    """Draft what one or several sponsors of the same need give to it. A pairing is drafted once."""
    locked = list(
        session.exec(
            select(Pairing)
            .where(col(Pairing.id).in_([one.key for one in chosen]))
            .order_by(col(Pairing.id))
            .with_for_update()
            .execution_options(populate_existing=True)
        )
    )
    if not locked:
        raise BadInput.one("pairings", Message("pairings-none", "Choose at least one pairing."))
    if len({one.need_id for one in locked}) > 1:
        raise BadInput.one(
            "pairings", Message("pairings-needs", "One agreement is about one need; choose pairings of one.")
        )
    sides = pairings.sides_of(session, locked)
    need = sides[locked[0].key][0]
    funders = {offer.organization.key: offer.organization for _, offer in sides.values()}
    queries.require_party(actor, "agreement:draft", [need.organization.key, *funders])
    for one in locked:
        if one.status not in queries.READY:
            raise NotNow(
                Message("pairing-not-ready", "Only what both sides have chosen can become an agreement.")
            )
    _not_twice(queries.drafted(session, locked))
    gifts = [gift for one in locked for gift in _given(one, sides[one.key][1])]
    one_round = session.get_one(Round, locked[0].round_id)
    reports = preset_of(one_round).process.reports
    agreement = _draft(
        session,
        actor,
        wanted,
        need.listing,
        need.organization,
        list(funders.values()),
        gifts,
        ReportTerms(
            monthly="monthly" in reports,
            quarterly="quarterly" in reports or not reports,
            final=True,
        ),
        round_id=one_round.key,
    )
    session.add_all(AgreementPairing(agreement_id=agreement.key, pairing_id=one.key) for one in locked)
    _record(session, actor, agreement, pairings=[one.uid for one in locked])
    return agreement


def _not_twice(there: Agreement | None) -> None:
    if there is not None:
        told = "There is an agreement about this already: {number}."
        raise NotNow(Message("drafted-already", told, number=there.number))


def _given(pairing: Pairing, offer: pairings.SideOf) -> Iterator[_Gift]:
    for gift in pairing.gifts:
        used = gift["used"]
        lines = offer.listing.lines
        line: dict[str, Any] = lines[gift["offer_line"]] if gift["offer_line"] < len(lines) else {}
        yield _Gift(
            offer.organization,
            gift["kind"],
            gift["part"],
            used["amount"],
            used["unit"],
            _worth(line, used["amount"]),
        )


def _worth(line: dict[str, Any], amount: int) -> tuple[int, str] | None:
    """What so much of a line of an offer is worth."""
    worth = line.get("worth")
    if not worth or not line.get("amount"):
        return None
    return round(worth["amount"] * amount / line["amount"]), worth["unit"]


def round_of(session: Session, actor: Actor, one: Round) -> list[Agreement]:
    """Draft all that both sides of a round want and nobody has drafted yet: one agreement for each need."""
    queries.require_party(actor, "agreement:draft", [])
    ready = queries.undrafted(session, actor, one)
    bundles: dict[int, list[Pairing]] = {}
    for pairing in ready:
        bundles.setdefault(pairing.need_id, []).append(pairing)
    return [from_pairings(session, actor, bundle) for bundle in bundles.values()]


def from_request(session: Session, actor: Actor, request: Request, wanted: Wanted = Wanted()) -> Agreement:
    """Draft what an accepted request outside any round has brought together."""
    queries.require_party(
        actor, "agreement:draft", [request.from_organization_id, request.to_organization_id]
    )
    if request.status is not RequestStatus.ACCEPTED:
        raise NotNow(Message("request-not-accepted", "Only an accepted request can become an agreement."))
    _not_twice(queries.drafted_from(session, request))
    asked = session.get_one(Listing, request.listing_id)
    own = session.get(Listing, request.own_listing_id) if request.own_listing_id else None
    need, offer = (asked, own) if asked.side is Side.NEED else (own, asked)
    sender = session.get_one(Organization, request.from_organization_id)
    receiver = session.get_one(Organization, request.to_organization_id)
    implementer, funder = (receiver, sender) if asked.side is Side.NEED else (sender, receiver)
    lines = (offer or asked).lines
    gifts = [
        _Gift(funder, line["kind"], "programme", line["amount"], line["unit"], _worth(line, line["amount"]))
        for line in lines
    ]
    agreement = _draft(
        session,
        actor,
        wanted,
        need or asked,
        implementer,
        [funder],
        gifts,
        ReportTerms(),
        request_id=request.key,
    )
    _record(session, actor, agreement, request=request.uid)
    return agreement


def amend(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """Draft an amendment that begins with what is in force; one at a time."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    if agreement.status not in (AgreementStatus.IN_FORCE, AgreementStatus.SUSPENDED) or agreement.amends_id:
        raise NotNow(Message("not-amendable", "Only an agreement in force can be amended."))
    open_ones = queries.amendments(session, agreement)
    if any(one.status in (AgreementStatus.DRAFT, AgreementStatus.SIGNING) for one in open_ones):
        raise NotNow(Message("amendment-open", "An amendment is being negotiated already."))
    amendment = _begun(
        session,
        actor,
        queries.terms_of(agreement),
        [(bound.organization, bound.party.role) for bound in queries.parties(session, agreement)],
        kind=agreement.kind,
        title=agreement.title,
        language=agreement.language,
        second_language=agreement.second_language,
        round_id=agreement.round_id,
        need_id=agreement.need_id,
        amends_id=agreement.key,
    )
    _record(session, actor, amendment, amends=agreement.uid)
    return amendment


def _draft(
    session: Session,
    actor: Actor,
    wanted: Wanted,
    need: Listing,
    implementer: Organization,
    funders: Sequence[Organization],
    gifts: Sequence[_Gift],
    reports: ReportTerms,
    **links: Any,
) -> Agreement:
    """Fill in all that is known and write it down."""
    parties = [
        (one, PartyRole.FUNDER) for one in funders if one.uid not in (wanted.supervisor, wanted.operator)
    ]
    parties += [
        (_further(session, actor, uid, role, implementer), role)
        for role in (PartyRole.SUPERVISOR, PartyRole.OPERATOR)
        if (uid := getattr(wanted, role.value))
    ]
    parties.append((implementer, PartyRole.IMPLEMENTER))
    kind = wanted.kind or _kind(parties, gifts)
    language, second = _languages(wanted, need, implementer)
    starts = need.starts or organizations.today() + BEGINS_IN
    ends = need.ends if need.ends and need.ends > starts else starts + LASTS
    terms = Terms(
        title={one: need.title for one in (language, second) if one},
        parties=tuple(_party(session, one, role) for one, role in parties),
        starts=starts,
        ends=ends,
        commitments=tuple(_commitments(gifts, language)),
        reports=reports,
    )
    terms = _planned(terms, kind, implementer, language)
    languages = [one for one in (language, second) if one]
    terms = terms.model_copy(update={"clauses": written(kind, terms, about(need), languages)})
    return _begun(
        session,
        actor,
        terms,
        parties,
        kind=kind,
        title=need.title[:TITLE_CHARACTERS],
        language=language,
        second_language=second,
        need_id=need.key if need.side is Side.NEED else None,
        **links,
    )


def about(need: Listing | None) -> About:
    """What clauses tell of a need."""
    if need is None:
        return About()
    return About(tuple(need.places), tuple(need.groups), need.beneficiaries)


def _further(
    session: Session, actor: Actor, uid: str, role: PartyRole, implementer: Organization
) -> Organization:
    try:
        found = organizations.get(session, actor, uid)
    except NotFound as error:
        raise BadInput.one(
            role.value, Message("organization-unknown", "Choose an organization from the list.")
        ) from error
    if found.key == implementer.key:
        raise BadInput.one(
            role.value,
            Message("party-twice", "Who carries the project out cannot supervise it as well."),
        )
    return found


def _kind(parties: Sequence[tuple[Organization, PartyRole]], gifts: Sequence[_Gift]) -> AgreementKind:
    """Supervised: tripartite; paid by a government: a purchase; money or goods alone: a donation."""
    roles = {role for _, role in parties}
    if len(parties) > 2 and roles & {PartyRole.SUPERVISOR, PartyRole.OPERATOR}:
        return AgreementKind.THREE_PARTY
    funders = [one for one, role in parties if role is PartyRole.FUNDER]
    if funders and all(organizations.sector_of(one.kind) == "government" for one in funders):
        return AgreementKind.PURCHASE
    if gifts and all(one.kind in ("money", "goods") for one in gifts):
        return AgreementKind.DONATION
    return AgreementKind.COOPERATION


def _languages(wanted: Wanted, need: Listing, implementer: Organization) -> tuple[str, str]:
    known = [one for one in (wanted.language, need.language, implementer.language) if one in LANGUAGES]
    language = known[0] if known else "en"
    second = wanted.second_language if wanted.second_language in LANGUAGES else ""
    return language, second if second != language else ""


def _party(session: Session, organization: Organization, role: PartyRole) -> PartyTerms:
    numbers = organizations.identifiers(session, organization)
    return PartyTerms(
        organization=organization.uid,
        name=organization.name,
        identifier=numbers[0].number if numbers else "",
        role=role,
        signatory=queries.owner_name(session, organization),
    )


def _commitments(gifts: Iterable[_Gift], language: str) -> Iterator[CommitmentTerms]:
    """One line for each giver, kind, purpose and unit."""
    sums: dict[tuple[str, str, str, str], tuple[int, tuple[int, str] | None]] = {}
    for gift in gifts:
        place = (gift.giver.uid, gift.kind, _purpose(gift), gift.unit)
        amount, worth = sums.get(place, (0, None))
        if gift.worth is not None:
            worth = (gift.worth[0] + (worth[0] if worth else 0), gift.worth[1])
        sums[place] = (amount + gift.amount, worth)
    for n, ((giver, kind, purpose, unit), (amount, worth)) in enumerate(sums.items(), 1):
        commitment, valuation = GIFTS.get(
            kind, ("services", "time" if unit in ("hour", "day") else "in-kind")
        )
        if is_currency(unit):
            worth = (amount, unit)
        yield CommitmentTerms.model_validate(
            {
                "item": f"c{n}",
                "organization": giver,
                "kind": commitment,
                "purpose": purpose,
                "description": "" if commitment == "cash" else term_text(Term("kinds", kind), language),
                "quantity": amount,
                "unit": unit,
                "value": worth[0] if worth else None,
                "currency": worth[1] if worth else "",
                "valuation": valuation,
            }
        )


def _purpose(gift: _Gift) -> str:
    return {"labour": "labour", "overhead": "management"}.get(gift.part, "programme")


def _planned(terms: Terms, kind: AgreementKind, implementer: Organization, language: str) -> Terms:
    """With milestones, payments and a budget for the money that is given."""
    cash = [one for one in terms.commitments if one.kind == "cash"]
    if not cash or terms.starts is None or terms.ends is None:
        return terms
    shares = SHARES[kind]
    words = book(language)["plan"]
    middle = terms.starts + (terms.ends - terms.starts) / 2
    ends_of = {"midterm": middle, "conclusion": terms.ends}
    milestones = [
        MilestoneTerms(item=f"m{n}", title=words[name], condition=words[f"{name}_condition"], due=due)
        for n, (name, due) in enumerate(ends_of.items(), 1)
    ]
    stages = [
        (None, terms.starts + PAID_IN),
        *((f"m{n}", due + PAID_IN) for n, due in enumerate(ends_of.values(), 1)),
    ]
    tranches = [
        TrancheTerms(
            item=f"t{n}-{place}",
            commitment=one.item,
            payee=implementer.uid,
            milestone=milestone,
            amount=amount,
            due=due,
        )
        for n, one in enumerate(cash, 1)
        for place, ((milestone, due), amount) in enumerate(
            zip(stages, _split(one.quantity, shares), strict=False), 1
        )
        if amount
    ]
    sums: dict[str, int] = {}
    for one in cash:
        sums[one.purpose] = sums.get(one.purpose, 0) + one.quantity
    purposes = book(language)["purposes"]
    budget = [
        BudgetTerms.model_validate(
            {
                "item": f"b{n}",
                "purpose": purpose,
                "label": purposes[purpose],
                "amount": amount,
                "currency": cash[0].currency,
            }
        )
        for n, (purpose, amount) in enumerate(sums.items(), 1)
    ]
    return terms.model_copy(
        update={"milestones": tuple(milestones), "tranches": tuple(tranches), "budget": tuple(budget)}
    )


def _split(amount: int, shares: Sequence[int]) -> list[int]:
    """A sum in whole units by per cent; what does not divide goes to the last."""
    parts = [amount * share // 10_000 * 100 for share in shares[:-1]]
    return [*parts, amount - sum(parts)]


def _begun(
    session: Session,
    actor: Actor,
    terms: Terms,
    parties: Sequence[tuple[Organization, PartyRole]],
    **values: Any,
) -> Agreement:
    """Write a draft with its parties and first version."""
    kept = terms.model_dump(mode="json")
    agreement = Agreement(
        number="", terms=kept, starts=terms.starts, ends=terms.ends, drafted_by=actor.user_id, **values
    )
    agreement.number = agreement.uid[:20]
    session.add(agreement)
    session.flush()
    for position, (organization, role) in enumerate(parties):
        session.add(
            Party(agreement_id=agreement.key, organization_id=organization.key, role=role, position=position)
        )
    own = [one.key for one, _ in parties if one.key in actor.memberships]
    session.add(
        Revision(
            agreement_id=agreement.key,
            number=1,
            terms=kept,
            user_id=actor.user_id,
            organization_id=own[0] if own else None,
        )
    )
    session.flush()
    return agreement


def _record(session: Session, actor: Actor, agreement: Agreement, **details: Any) -> None:
    """Record the draft and number it: the log is written by one at a time, so no number is given twice."""
    one = session.get(Round, agreement.round_id) if agreement.round_id else None
    if one is not None:
        details["round"] = one.uid
    record(session, actor, f"{AGREEMENT.noun}.draft", agreement, agreement=agreement.uid, **details)
    year = f"{organizations.today().year}-"
    last = session.exec(
        select(func.max(col(Agreement.number))).where(col(Agreement.number).startswith(year))
    ).one()
    agreement.number = f"{year}{int(last.removeprefix(year)) + 1 if last else 1:04}"
    session.add(agreement)
    session.flush()
