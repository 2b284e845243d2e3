"""Drafting agreements: from what was matched, from a request outside any round, and amendments.

Parties, gifts, dates and clauses are filled in from what is known, so that nobody types anything twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from matching.text import LANGUAGES
from service.agreements import queries
from service.agreements.clauses import About, written
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
from service.agreements.schedule import Gift, commitments, planned, worth_of
from service.agreements.terms import PartyTerms, ReportTerms, Terms
from service.errors import BadInput, NotFound, NotNow
from service.events import record
from service.listings.models import Listing, Request, RequestStatus
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.pairings import queries as pairings
from service.pairings.models import Pairing
from service.rounds.models import Round
from service.rounds.queries import preset_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.permissions import Actor

BEGINS_IN, LASTS = timedelta(days=14), timedelta(days=365)
"""When a project begins and how long it lasts where nobody has said so."""
WATCHING = frozenset({PartyRole.SUPERVISOR, PartyRole.OPERATOR})
"""One of these makes an agreement tripartite."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How an agreement shall be drafted: kind (None: by what it is), languages, further parties (uids)."""

    kind: AgreementKind | None = None
    language: str = ""
    second_language: str = ""
    supervisor: str = ""
    operator: str = ""
    partners: tuple[str, ...] = ()

    @property
    def further(self) -> list[tuple[str, PartyRole]]:
        """Whom it names beside those who give and carry out."""
        named = [(self.supervisor, PartyRole.SUPERVISOR), (self.operator, PartyRole.OPERATOR)]
        return [one for one in named if one[0]] + [(uid, PartyRole.PARTNER) for uid in self.partners]


@dataclass(frozen=True, slots=True)
class Basis:
    """What an agreement is drafted from: a need, who carries it out, and what is given to it."""

    need: Listing
    implementer: Organization
    funders: list[Organization]
    gifts: list[Gift]

    @property
    def parties(self) -> list[tuple[Organization, PartyRole]]:
        """Those who give and who carries it out."""
        return [*((one, PartyRole.FUNDER) for one in self.funders), (self.implementer, PartyRole.IMPLEMENTER)]

    @property
    def kind(self) -> AgreementKind:
        """What it is unless somebody chooses otherwise."""
        return _kind(self.parties, self.gifts)

    @property
    def language(self) -> str:
        """What it is written in unless somebody chooses otherwise."""
        known = (self.need.language, self.implementer.language)
        return next((one for one in known if one in LANGUAGES), "en")


def basis(session: Session, actor: Actor, chosen: Sequence[Pairing]) -> Basis:
    """What one or several sponsors of the same need give to it, if it can be drafted now."""
    if not chosen:
        raise BadInput.one("pairings", Message("pairings-none", "Choose at least one pairing."))
    if len({one.need_id for one in chosen}) > 1:
        raise BadInput.one(
            "pairings", Message("pairings-needs", "One agreement is about one need; choose pairings of one.")
        )
    sides = pairings.sides_of(session, chosen)
    need = sides[chosen[0].key][0]
    funders = {offer.organization.key: offer.organization for _, offer in sides.values()}
    queries.require_party(actor, "agreement:draft", [need.organization.key, *funders])
    for one in chosen:
        if one.status not in queries.READY:
            raise NotNow(
                Message("pairing-not-ready", "Only what both sides have chosen can become an agreement.")
            )
    _not_twice(queries.drafted(session, chosen))
    gifts = [gift for one in chosen for gift in _given(one, sides[one.key][1])]
    return Basis(need.listing, need.organization, list(funders.values()), gifts)


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
    found = basis(session, actor, locked)
    one_round = session.get_one(Round, locked[0].round_id)
    reports = preset_of(one_round).process.reports
    agreement = _draft(
        session,
        actor,
        wanted,
        found,
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
        raise NotNow(
            Message(
                "drafted-already", "There is an agreement about this already: {number}.", number=there.number
            )
        )


def _given(pairing: Pairing, offer: pairings.SideOf) -> Iterator[Gift]:
    for gift in pairing.gifts:
        used = gift["used"]
        lines = offer.listing.lines
        line: dict[str, Any] = lines[gift["offer_line"]] if gift["offer_line"] < len(lines) else {}
        yield Gift(
            offer.organization,
            gift["kind"],
            gift["part"],
            used["amount"],
            used["unit"],
            worth_of(line, used["amount"]),
        )


def round_of(session: Session, actor: Actor, one: Round) -> list[Agreement]:
    """Draft all that both sides of a round want and nobody has drafted yet: one agreement for each need."""
    queries.require_party(actor, "agreement:draft", [])
    return _each(session, actor, queries.undrafted(session, actor, one))


def mine(session: Session, actor: Actor) -> list[Agreement]:
    """Draft all that the actor's organizations and their partners want: one agreement for each need."""
    return _each(session, actor, queries.undrafted(session, actor))


def _each(session: Session, actor: Actor, ready: Sequence[Pairing]) -> list[Agreement]:
    bundles = queries.bundles(session, ready)
    return [from_pairings(session, actor, bundle.pairings) for bundle in bundles]


def basis_of_request(session: Session, actor: Actor, request: Request) -> Basis:
    """What an accepted request outside any round has brought together, if it can be drafted now."""
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
    gifts = [
        Gift(funder, line["kind"], "programme", line["amount"], line["unit"], worth_of(line, line["amount"]))
        for line in (offer or asked).lines
    ]
    return Basis(need or asked, implementer, [funder], gifts)


def from_request(session: Session, actor: Actor, request: Request, wanted: Wanted = Wanted()) -> Agreement:
    """Draft what an accepted request outside any round has brought together."""
    found = basis_of_request(session, actor, request)
    agreement = _draft(session, actor, wanted, found, ReportTerms(), request_id=request.key)
    _record(session, actor, agreement, request=request.uid)
    return agreement


def amend(session: Session, actor: Actor, agreement: Agreement) -> Agreement:
    """Draft an amendment that begins with what is in force; one at a time."""
    queries.require_own(session, actor, "agreement:draft", agreement)
    queries.refuse_elsewhere(session, agreement)
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
    session: Session, actor: Actor, wanted: Wanted, found: Basis, reports: ReportTerms, **links: Any
) -> Agreement:
    """Fill in all that is known and write it down."""
    need, implementer = found.need, found.implementer
    *funders, carrying_out = found.parties
    watching = (wanted.supervisor, wanted.operator)
    parties = [
        *((one, role) for one, role in funders if one.uid not in watching),
        *_further(session, actor, wanted, found),
        carrying_out,
    ]
    kind = wanted.kind or _kind(parties, found.gifts)
    if (reason := _unfit(kind, parties, found.gifts)) is not None:
        raise BadInput.one("kind", reason)
    language = wanted.language if wanted.language in LANGUAGES else found.language
    second = wanted.second_language if wanted.second_language in LANGUAGES else ""
    languages = [language, second] if second and second != language else [language]
    starts = need.starts or organizations.today() + BEGINS_IN
    ends = need.ends if need.ends and need.ends > starts else starts + LASTS
    terms = Terms(
        title=dict.fromkeys(languages, need.title),
        parties=tuple(_party(session, one, role) for one, role in parties),
        starts=starts,
        ends=ends,
        commitments=tuple(commitments(found.gifts, language)),
        reports=reports,
    )
    terms = planned(terms, kind, implementer, language)
    terms = terms.model_copy(update={"clauses": written(kind, terms, about(need), languages)})
    return _begun(
        session,
        actor,
        terms,
        parties,
        kind=kind,
        title=need.title[:TITLE_CHARACTERS],
        language=language,
        second_language="".join(languages[1:]),
        need_id=need.key if need.side is Side.NEED else None,
        **links,
    )


def about(need: Listing | None) -> About:
    """What clauses tell of a need."""
    if need is None:
        return About()
    return About(tuple(need.places), tuple(need.groups), need.beneficiaries)


def _further(
    session: Session, actor: Actor, wanted: Wanted, found: Basis
) -> Iterator[tuple[Organization, PartyRole]]:
    """The further parties that somebody names; a funder may supervise, and nobody is a party twice."""
    there = {one.uid for one in found.funders if one.uid not in (wanted.supervisor, wanted.operator)}
    for uid, role in wanted.further:
        field = "partners" if role is PartyRole.PARTNER else role.value
        try:
            one = organizations.get(session, actor, uid)
        except NotFound as error:
            raise BadInput.one(
                field, Message("organization-unknown", "Choose an organization from the list.")
            ) from error
        if one.key == found.implementer.key:
            raise BadInput.one(
                field, Message("party-twice", "Who carries the project out cannot supervise it as well.")
            )
        if one.uid in there:
            raise BadInput.one(field, Message("party-once", "Each organization is a party once."))
        there.add(one.uid)
        yield one, role


def _kind(parties: Sequence[tuple[Organization, PartyRole]], gifts: Sequence[Gift]) -> AgreementKind:
    """Supervised: tripartite; paid by a government: a purchase; money or goods alone: a donation."""
    if len(parties) > 2 and WATCHING & {role for _, role in parties}:
        return AgreementKind.THREE_PARTY
    funders = [one for one, role in parties if role is PartyRole.FUNDER]
    given = {one.kind for one in gifts}
    paid = not given or "money" in given
    if paid and funders and all(organizations.sector_of(one.kind) == "government" for one in funders):
        return AgreementKind.PURCHASE
    if given and given <= {"money", "goods"}:
        return AgreementKind.DONATION
    return AgreementKind.COOPERATION


def _unfit(
    kind: AgreementKind, parties: Sequence[tuple[Organization, PartyRole]], gifts: Sequence[Gift]
) -> Message | None:
    """Why an agreement of these parties and gifts cannot be of a kind."""
    given = {one.kind for one in gifts}
    watched = len(parties) > 2 and WATCHING & {role for _, role in parties}
    if kind is AgreementKind.THREE_PARTY and not watched:
        return Message(
            "kind-third",
            "A three-party agreement has a supervising authority or an operating centre beside who gives and "
            "who carries out. Name one, or choose another kind.",
        )
    if kind is AgreementKind.PURCHASE and given and "money" not in given:
        return Message(
            "kind-purchase", "Services are purchased with money, and none is given here. Choose another kind."
        )
    if kind is AgreementKind.DONATION and given and not given & {"money", "goods"}:
        return Message(
            "kind-donation",
            "Money and goods are donated, and neither is given here. Choose a cooperation instead.",
        )
    return None


def _party(session: Session, organization: Organization, role: PartyRole) -> PartyTerms:
    numbers = organizations.identifiers(session, organization)
    return PartyTerms(
        organization=organization.uid,
        name=organization.name,
        identifier=numbers[0].number if numbers else "",
        role=role,
        signatory=queries.owner_name(session, organization),
    )


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
    year = organizations.today().year
    agreement.number = f"{year}-{queries.next_number(session, year):04}"
    session.add(agreement)
    session.flush()
