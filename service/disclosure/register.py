"""The public register: cooperations by words in any language, year, sectors, theme, place, round and state.

Words are looked for in titles, needs and names of parties, Chinese in both scripts; a word that names a theme
or a group of people in any of the languages also finds what is about them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, extract, false, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, func, select

from matching.messages import Message, Term
from matching.text import content_tokens, fold, to_traditional
from matching.vocabulary import default_vocabulary
from service.agreements.models import SIGNED, Agreement, AgreementTag, Party
from service.disclosure.extracting import disclosed
from service.disclosure.models import PAGE, FacetOut, RegisterOut, Sort
from service.disclosure.queries import ROW, public
from service.errors import BadInput
from service.funding.models import Commitment, CommitmentKind
from service.listings.models import Listing, ListingTag
from service.organizations.models import Organization
from service.rounds.models import Round, RoundStatus
from service.wording import say, term_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel.sql.expression import SelectOfScalar

    from service.disclosure.models import DisclosureOut, Wanted

STATES = {
    "in-force": Message("cooperation-in-force", "Under way"),
    "suspended": Message("cooperation-suspended", "Suspended"),
    "completed": Message("cooperation-completed", "Completed"),
    "terminated": Message("cooperation-terminated", "Ended early"),
}
MOST_VALUES = 30
"""How many values of a facet are shown."""


@dataclass(frozen=True, slots=True)
class Found:
    """One page of the register."""

    items: list[DisclosureOut]
    total: int
    pages: int


def search(session: Session, wanted: Wanted) -> Found:
    """The cooperations that fit, a page of them. Raises BadInput for kinds that are no two kinds."""
    conditions = _conditions(wanted)
    total = session.exec(select(func.count()).select_from(_where(conditions).subquery())).one()
    rows = _sorted(_where(conditions), wanted.sort).offset((wanted.page - 1) * PAGE).limit(PAGE)
    agreements: list[Agreement] = list(session.exec(rows))
    return Found(disclosed(session, agreements), total, max(1, -(-total // PAGE)))


def chosen(wanted: Wanted) -> SelectOfScalar[Agreement]:
    """All cooperations that fit, for exports."""
    return _where(_conditions(wanted))


def as_out(session: Session, wanted: Wanted, language: str) -> RegisterOut:
    """One page of the register as the API gives it."""
    found = search(session, wanted)
    return RegisterOut(
        total=found.total,
        page=wanted.page,
        pages=found.pages,
        items=found.items,
        facets=facets(session, wanted, language),
    )


def _where(conditions: dict[str, ColumnElement[bool]], without: str = "") -> SelectOfScalar[Agreement]:
    return public().where(*(one for name, one in conditions.items() if name != without))


def _conditions(wanted: Wanted) -> dict[str, ColumnElement[bool]]:
    """What is asked for, by parameter."""
    found: dict[str, ColumnElement[bool]] = {}
    if wanted.q.strip():
        found["q"] = _mentions(wanted.q)
    if wanted.year:
        found["year"] = and_(
            col(Agreement.in_force) >= datetime(wanted.year, 1, 1, tzinfo=UTC),
            col(Agreement.in_force) < datetime(wanted.year + 1, 1, 1, tzinfo=UTC),
        )
    if wanted.link:
        found["link"] = joins_sectors(wanted.link)
    if wanted.kinds:
        found["kinds"] = _joins_kinds(wanted.kinds)
    if wanted.theme:
        found["theme"] = _about("themes", within("themes", wanted.theme))
    if wanted.place:
        found["place"] = _about("places", within("places", wanted.place))
    if wanted.round:
        of_round = select(Round.id).where(Round.uid == wanted.round, Round.status != RoundStatus.DRAFT)
        found["round"] = col(Agreement.round_id).in_(of_round)
    if wanted.organization:
        party = select(Party.agreement_id).join(
            Organization, col(Organization.id) == col(Party.organization_id)
        )
        found["organization"] = ROW.in_(party.where(Organization.uid == wanted.organization))
    if wanted.state:
        found["state"] = col(Agreement.status) == wanted.state
    return found


# Words ------------------------------------------------------------------------------------------------


def _mentions(text: str) -> ColumnElement[bool]:
    """All words stand in a title, a need or a party's name; or the text names what the need is about."""
    words = list(dict.fromkeys(content_tokens(text))) or [text.strip()]
    spoken = and_(*(_has_word(word) for word in words[:10]))
    named = default_vocabulary().concepts(text)
    meant = [
        _about(scheme, {code for one in named[scheme] for code in within(scheme, one)})
        for scheme in ("themes", "groups")
        if named[scheme]
    ]
    return or_(spoken, *meant)


def _has_word(word: str) -> ColumnElement[bool]:
    spellings = _spellings(word)
    parties = select(Party.agreement_id).join(
        Organization, col(Organization.id) == col(Party.organization_id)
    )
    needs = select(Listing.id).where(_like(Listing.title, spellings), col(Listing.published).is_not(None))
    return or_(
        _like(Agreement.title, spellings),
        _like(Agreement.number, spellings),
        ROW.in_(parties.where(_like(Organization.name, spellings))),
        col(Agreement.need_id).in_(needs),
    )


def _spellings(word: str) -> list[str]:
    """A word as it may be written: both Chinese scripts, and cases (SQLite knows those of Latin letters)."""
    plain = {word, to_traditional(word), fold(word)}
    return sorted({case for one in plain for case in (one, one.lower(), one.capitalize(), one.upper())})


def _like(column: Any, spellings: Iterable[str]) -> ColumnElement[bool]:
    return or_(*(col(column).contains(one, autoescape=True) for one in spellings))


def within(scheme: str, code: str) -> set[str]:
    """A word of the vocabulary with all that lie within it; nothing for an unknown one."""
    vocabulary = default_vocabulary()
    if code not in vocabulary.codes(scheme):
        return set()
    return {one for one in vocabulary.codes(scheme) if vocabulary.within(scheme, one, {code})}


def _about(scheme: str, codes: Iterable[str]) -> ColumnElement[bool]:
    wanted = sorted(codes)
    needs = (
        select(ListingTag.listing_id)
        .join(Listing, col(Listing.id) == col(ListingTag.listing_id))
        .where(
            col(ListingTag.scheme) == scheme,
            col(ListingTag.code).in_(wanted),
            col(Listing.published).is_not(None),
        )
    )
    tagged = select(AgreementTag.agreement_id).where(
        col(AgreementTag.scheme) == scheme, col(AgreementTag.code).in_(wanted)
    )
    return or_(col(Agreement.need_id).in_(needs), ROW.in_(tagged))


# Sectors ----------------------------------------------------------------------------------------------


def joins_sectors(link: str) -> ColumnElement[bool]:
    """Cooperations that join the two sectors of a link type; none for an unknown one."""
    vocabulary = default_vocabulary()
    if link not in vocabulary.codes("link_types"):
        return false()
    sides = [vocabulary.attribute("link_types", link, side) for side in ("sector_a", "sector_b")]
    kinds = vocabulary.codes("organization_kinds")
    one, other = (
        [kind for kind in kinds if vocabulary.attribute("organization_kinds", kind, "sector") == side]
        for side in sides
    )
    return _joins(one, other)


def _joins_kinds(typed: str) -> ColumnElement[bool]:
    known = default_vocabulary().codes("organization_kinds")
    pair = [kind.strip() for kind in typed.split(",")]
    if len(pair) != 2 or not set(pair) <= set(known):
        wrong = Message("kinds-two", "Name two kinds of organization, with a comma between them.")
        raise BadInput.one("kinds", wrong)
    return _joins([pair[0]], [pair[1]])


def _joins(one: Sequence[str], other: Sequence[str]) -> ColumnElement[bool]:
    """Cooperations of two different parties, one of these kinds and one of the others."""
    party, partner = aliased(Party), aliased(Party)
    first, second = aliased(Organization), aliased(Organization)
    both = (
        select(party.agreement_id)
        .join(partner, and_(partner.agreement_id == party.agreement_id, partner.id != party.id))  # type: ignore[arg-type]
        .join(first, first.id == party.organization_id)  # type: ignore[arg-type]
        .join(second, second.id == partner.organization_id)  # type: ignore[arg-type]
        .where(col(first.kind).in_(one), col(second.kind).in_(other))
    )
    return ROW.in_(both)


# Order and counts -------------------------------------------------------------------------------------


def _sorted(rows: SelectOfScalar[Agreement], sort: Sort) -> SelectOfScalar[Agreement]:
    if sort is Sort.AMOUNT:
        cash = (
            select(
                col(Commitment.agreement_id).label("of"),
                func.max(Commitment.unit).label("unit"),
                func.sum(Commitment.quantity).label("amount"),
            )
            .where(col(Commitment.kind) == CommitmentKind.CASH, col(Commitment.ended).is_(None))
            .group_by(col(Commitment.agreement_id))
            .subquery()
        )
        joined = rows.outerjoin(cash, cash.c.of == ROW)
        return joined.order_by(cash.c.unit.is_(None), cash.c.unit, cash.c.amount.desc(), ROW.desc())
    signed = col(Agreement.in_force)
    orders: dict[Sort, tuple[Any, ...]] = {
        Sort.NEWEST: (signed.desc(), ROW.desc()),
        Sort.OLDEST: (signed, ROW),
        Sort.TITLE: (col(Agreement.title), ROW),
    }
    return rows.order_by(*orders[sort])


def facets(session: Session, wanted: Wanted, language: str) -> dict[str, list[FacetOut]]:
    """By parameter: its values with how many cooperations each would leave, the other choices kept."""
    conditions = _conditions(wanted)

    def grouped(name: str, value: Any, *joins: tuple[Any, Any], where: tuple[Any, ...] = ()) -> list[Any]:
        rows = select(value, func.count(func.distinct(ROW))).select_from(Agreement)
        for table, condition in joins:
            rows = rows.join(table, condition)
        rows = rows.where(col(Agreement.status).in_(SIGNED), col(Agreement.amends_id).is_(None), *where)
        rows = rows.where(*(one for key, one in conditions.items() if key != name)).group_by(value)
        return sorted(session.exec(rows).all(), key=lambda row: (-row[1], str(row[0])))[:MOST_VALUES]

    year = extract("year", col(Agreement.in_force))
    needs = (Listing, col(Listing.id) == col(Agreement.need_id))
    tags = (ListingTag, col(ListingTag.listing_id) == col(Listing.id))
    shown: dict[str, list[FacetOut]] = {
        "year": [_facet(value, str(value), n) for value, n in sorted(grouped("year", year), reverse=True)],
        "link": [
            _facet(link, term_text(Term("link_types", link), language), count)
            for link in default_vocabulary().codes("link_types")
            if (count := _count(session, {**conditions, "link": joins_sectors(link)}))
        ],
    }
    for name, scheme in (("theme", "themes"), ("place", "places")):
        rows = grouped(
            name,
            col(ListingTag.code),
            needs,
            tags,
            where=(col(ListingTag.scheme) == scheme, col(Listing.published).is_not(None)),
        )
        tagged = and_(col(AgreementTag.agreement_id) == ROW, col(AgreementTag.scheme) == scheme)
        sums = Counter(dict(rows)) + Counter(
            dict(grouped(name, col(AgreementTag.code), (AgreementTag, tagged)))
        )
        shown[name] = [
            _facet(code, term_text(Term(scheme, code), language), count) for code, count in sums.most_common()
        ][:MOST_VALUES]
    held = (Round, and_(col(Round.id) == col(Agreement.round_id), col(Round.status) != RoundStatus.DRAFT))
    titles = dict(session.exec(select(Round.uid, Round.title)).all())
    shown["round"] = [_facet(uid, titles[uid], n) for uid, n in grouped("round", col(Round.uid), held)]
    shown["state"] = [
        _facet(status.value, say(STATES[status.value], language), count)
        for status, count in grouped("state", col(Agreement.status))
    ]
    return shown


def _count(session: Session, conditions: dict[str, ColumnElement[bool]]) -> int:
    return session.exec(select(func.count()).select_from(_where(conditions).subquery())).one()


def _facet(value: object, label: str, count: int) -> FacetOut:
    return FacetOut(value=str(value), label=label, count=count)
