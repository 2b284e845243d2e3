"""Cooperations that were signed elsewhere: read from a spreadsheet, looked at, and brought in once.

A row becomes an agreement with its parties and what it promises. Its text, payments and reports are kept
elsewhere and are not made up; `Origin` says where.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from sqlmodel import Session, SQLModel, col, select

from matching.messages import Message, Quantity
from matching.profiles import Side
from matching.reading.columns import COOPERATIONS, NEEDS, OFFERS, ORGANIZATIONS
from matching.reading.lines import read_quantity
from matching.reading.quantities import is_currency
from matching.reading.records import empty_cell
from matching.reading.sheets import Sheets
from matching.reading.template import write_template
from matching.text import LANGUAGES, detect_language
from service.agreements import queries as agreements
from service.agreements.models import (
    AGREEMENT,
    SOURCE_CHARACTERS,
    TITLE_CHARACTERS,
    Agreement,
    AgreementKind,
    AgreementStatus,
    AgreementTag,
    CooperationSheet,
    Origin,
    Party,
    PartyRole,
)
from service.agreements.schedule import Gift, commitments
from service.agreements.terms import PartyTerms, ReportTerms, Terms
from service.errors import BadInput, NotFound
from service.events import record
from service.jobs import promise
from service.listings.models import Listing
from service.organizations import queries as organizations
from service.organizations.models import Identifier, Organization
from service.permissions import require
from service.spreadsheets import mended, read_upload, table_of, with_typed, wrong_cells
from service.texts import folded, tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from matching.reading.records import Record
    from service.permissions import Actor
    from service.spreadsheets import Wrong

MOST_ROWS = 1_000
"""How many cooperations one file may hold: all of them are brought in at once."""
OTHER_SHEETS = (NEEDS, OFFERS, ORGANIZATIONS, "instructions", "lists")
OVER = (AgreementStatus.COMPLETED, AgreementStatus.TERMINATED)
NEAREST = 3
Bound = list[tuple[Organization, PartyRole]]
DONATED = frozenset({"money", "goods"})


@dataclass(frozen=True, slots=True)
class Earlier:
    """A cooperation as a row says it; organizations and the offer by their uids."""

    row: int
    title: str
    language: str
    funder: str
    implementer: str
    partners: tuple[str, ...]
    signed: date
    ends: date | None
    status: AgreementStatus
    kind: str
    quantity: Quantity | None
    themes: frozenset[str]
    places: frozenset[str]
    offer: str
    source: str
    reference: str

    @property
    def same_as(self) -> str:
        """What tells it apart from all others, hashed: a sum or a state that is mended later does not."""
        said = [self.reference, self.title, self.signed.isoformat(), self.funder, self.implementer]
        return hashlib.sha256(json.dumps([*said, *self.partners]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Look:
    """What a spreadsheet says: what can be brought in, what is here already, and what is wrong."""

    ready: tuple[Earlier, ...]
    here: int
    wrong: tuple[Wrong, ...]
    rows: int

    @property
    def wrong_rows(self) -> int:
        """How many rows cannot be brought in."""
        return self.rows - self.here - len(self.ready)


# Keeping a file while it is looked at -----------------------------------------------------------------


def upload(
    session: Session, actor: Actor, *, filename: str, content: bytes, source: str = ""
) -> CooperationSheet:
    """Take in a spreadsheet to look at. `source`: of the rows that name none. Raises BadInput."""
    kept = read(actor, filename=filename, content=content, source=source)
    session.add(kept)
    session.flush()
    return kept


def read(actor: Actor, *, filename: str, content: bytes, source: str = "") -> CooperationSheet:
    """A spreadsheet, not kept yet. Raises BadInput on `file` and `source`."""
    require(actor, "agreement:bring")
    stated = " ".join(tidy(source).split())
    if len(stated) > SOURCE_CHARACTERS:
        raise BadInput.one("source", too_long(SOURCE_CHARACTERS))
    return CooperationSheet(
        user_id=actor.user_id,
        filename=tidy(PurePosixPath(filename.replace("\\", "/")).name)[-200:] or "upload",
        source=stated,
        tables=read_upload(filename, content, OTHER_SHEETS, MOST_ROWS),
    )


def sheet(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> CooperationSheet:
    """A spreadsheet that somebody is looking at: her own. Raises NotFound."""
    require(actor, "agreement:bring")
    own = select(CooperationSheet).where(
        CooperationSheet.uid == uid, CooperationSheet.user_id == actor.user_id
    )
    found = session.exec(own.with_for_update() if lock else own).first()
    if found is None:
        raise NotFound
    return found


def mend(session: Session, actor: Actor, kept: CooperationSheet, typed: Mapping[str, str]) -> None:
    """Put what was typed in place of wrong cells, by the places that `look` names; the rest is ignored."""
    repairs = with_typed(kept.repairs, look(session, actor, kept).wrong, typed)
    if repairs != kept.repairs:
        kept.repairs = repairs
        kept.version += 1
        session.add(kept)


def discard(session: Session, actor: Actor, kept: CooperationSheet) -> None:
    """Throw a spreadsheet away."""
    require(actor, "agreement:bring")
    session.delete(kept)
    session.flush()


def template(language: str) -> bytes:
    """The empty spreadsheet with instructions."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "template.xlsx"
        write_template(path, language, [COOPERATIONS])
        return path.read_bytes()


# Looking ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Known:
    """Who and what a row may name: uids by name or registration number as it is compared."""

    organizations: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    names: dict[str, str] = field(default_factory=dict)
    offers: dict[str, str] = field(default_factory=dict)
    """By the offer's uid: that of its organization."""
    near: dict[str, str] = field(default_factory=dict)

    def nearest(self, name: str) -> str:
        """The names that are most like one that nobody has."""
        if name not in self.near:
            found = difflib.get_close_matches(folded(name), self.names, n=NEAREST, cutoff=0.5)
            self.near[name] = "; ".join(self.names[one] for one in found)
        return self.near[name]


def look(session: Session, actor: Actor, kept: CooperationSheet) -> Look:
    """What a spreadsheet says. Nothing is written."""
    require(actor, "agreement:bring")
    sheets = Sheets()
    tables = [mended(table_of(stored), kept.repairs) for stored in kept.tables]
    for table in tables:
        sheets.add(table, COOPERATIONS, table.name)
    known, today = _known(session, actor), organizations.today()
    found: dict[str, Earlier] = {}
    for one in sheets.records[COOPERATIONS]:
        earlier = _read(one, known, kept.source, today)
        if earlier is None:
            continue
        if (before := found.get(earlier.same_as)) is not None:
            one.fail(
                "title",
                Message(
                    "cooperation-twice",
                    "Row {row} is the same cooperation. Delete one, or give each an ID of its own.",
                    row=before.row,
                ),
            )
            continue
        found[earlier.same_as] = earlier
    here = set(session.exec(select(Origin.same_as).where(col(Origin.same_as).in_(list(found)))))
    return Look(
        tuple(earlier for same_as, earlier in found.items() if same_as not in here),
        len(here),
        wrong_cells(sheets.problems, tables),
        len(sheets.records[COOPERATIONS]),
    )


def _known(session: Session, actor: Actor) -> _Known:
    known = _Known()
    seen = organizations.visible_to(actor).with_only_columns(
        col(Organization.uid), col(Organization.name), col(Organization.other_names)
    )
    for uid, name, others in session.execute(seen):
        known.organizations[uid].add(uid)
        for one in (name, *others):
            known.organizations[folded(one)].add(uid)
            known.names[folded(one)] = one
    numbers = select(Organization.uid, Identifier.scheme, Identifier.number).join(
        Identifier, col(Identifier.organization_id) == col(Organization.id)
    )
    for uid, scheme, number in session.exec(numbers):
        for one in (number, f"{scheme}-{number}"):
            known.organizations[folded(one)].add(uid)
    offers = (
        select(Listing.uid, Organization.uid)
        .join(Organization, col(Organization.id) == col(Listing.organization_id))
        .where(Listing.side == Side.OFFER)
    )
    known.offers = dict(session.exec(offers).all())
    return known


def _read(one: Record, known: _Known, source: str, today: date) -> Earlier | None:
    """What a row says; None, with its problems noted, where it cannot be brought in."""
    title, signed, ends = one.line("title"), one.date("signed"), one.date("ends")
    stated = one.line("source") or source
    for code, missing in (("title", not title), ("source", not stated)):
        if missing:
            one.fail(code, empty_cell())
    for code, text, most in (("title", title, TITLE_CHARACTERS), ("source", stated, SOURCE_CHARACTERS)):
        if len(text) > most:
            one.fail(code, too_long(most))
    if signed is None and not one.given("signed"):
        one.fail("signed", empty_cell())
    if signed and signed > today:
        one.fail("signed", Message("signed-ahead", "This day lies ahead. Bring in only what was signed."))
    if signed and ends and ends < signed:
        one.fail("ends", Message("term-backwards", "The end lies before the beginning."))
    funder = _organization(one, "offer_organization", one.line("offer_organization"), known)
    implementer = _organization(one, "need_organization", one.line("need_organization"), known)
    partners = [_organization(one, "partners", name, known) for name in one.names("partners")]
    parties = [uid for uid in (funder, implementer, *partners) if uid]
    if len(set(parties)) < len(parties):
        one.fail("need_organization", Message("party-once", "Each organization is a party once."))
    offer = one.identifier("offer")
    if offer and known.offers.get(offer) != funder:
        one.fail(
            "offer", Message("offer-unknown", "There is no offer “{id}”; write the ID of one.", id=offer)
        )
    kind = one.code("kind")
    quantity = read_quantity(one, kind) if kind or one.given("amount") else None
    if quantity and not kind:
        kind = "money" if is_currency(quantity.unit) else "services"
    over = ends is not None and ends < today
    status = one.code("status") or (AgreementStatus.COMPLETED if over else AgreementStatus.IN_FORCE)
    themes, places, reference = one.codes("theme"), one.codes("places"), one.identifier("id")
    if one.failed or not (signed and funder and implementer):
        return None
    language = detect_language(title)
    return Earlier(
        one.row.number,
        title,
        language if language in LANGUAGES else one.language or "en",
        funder,
        implementer,
        tuple(uid for uid in partners if uid),
        signed,
        ends,
        AgreementStatus(status),
        kind,
        quantity,
        themes,
        places,
        offer,
        stated,
        reference,
    )


def _organization(one: Record, code: str, name: str, known: _Known) -> str:
    """The uid of who is named; empty, with the problem noted, where nobody is or more than one."""
    if not name:
        one.fail(code, empty_cell())
        return ""
    found = known.organizations.get(name) or known.organizations.get(folded(name)) or set()
    if len(found) == 1:
        return next(iter(found))
    if found:
        several = Message(
            "organization-several",
            "Several organizations have the name “{name}”; write the registration number.",
            name=name,
        )
        one.fail(code, several)
    elif near := known.nearest(name):
        like = Message(
            "organization-near",
            "There is no organization “{name}” here; the nearest are: {near}.",
            name=name,
            near=near,
        )
        one.fail(code, like)
    else:
        one.fail(
            code,
            Message("organization-unknown-here", "There is no organization “{name}” here.", name=name),
        )
    return ""


# Bringing in ------------------------------------------------------------------------------------------


def bring(session: Session, actor: Actor, kept: CooperationSheet, found: Look) -> list[Agreement]:
    """Bring in what was found in a spreadsheet and is not here yet; the spreadsheet itself is not kept.

    `found`: what `look` says in this transaction. Raises BadInput where nothing is left to bring in.
    """
    require(actor, "agreement:bring")
    if not found.ready:
        raise BadInput.one(
            "file",
            Message("bring-nothing", "No row is left to bring in: they are here already, or cannot be read."),
        )
    named = {uid for one in found.ready for uid in (one.funder, one.implementer, *one.partners)}
    parties = {one.uid: one for one in organizations.by_uids(session, actor, named)}
    offers = _offers(session, found.ready)
    bound = [_bound(one, parties) for one in found.ready]
    made = [_agreement(one, own) for one, own in zip(found.ready, bound, strict=True)]
    session.add_all(made)
    session.flush()
    numbers: dict[int, int] = {}
    for one, agreement, own in zip(found.ready, made, bound, strict=True):
        session.add_all(_belonging(one, agreement, own, offers))
        details = {"source": one.source, "reference": one.reference, "agreement": agreement.uid}
        record(session, actor, f"{AGREEMENT.noun}.bring", agreement, **details)
        year = one.signed.year
        numbers[year] = numbers[year] + 1 if year in numbers else agreements.next_number(session, year)
        agreement.number = f"{year}-{numbers[year]:04}"
        promise(session, "open_ledger", agreement=agreement.uid)
    if kept.id is not None:
        session.delete(kept)
    session.flush()
    return made


def _offers(session: Session, ready: Iterable[Earlier]) -> dict[str, int]:
    uids = {one.offer for one in ready if one.offer}
    if not uids:
        return {}
    found = session.exec(select(Listing.uid, Listing.id).where(col(Listing.uid).in_(uids)))
    return {uid: key for uid, key in found if key is not None}


def _bound(one: Earlier, parties: Mapping[str, Organization]) -> Bound:
    return [
        (parties[one.funder], PartyRole.FUNDER),
        *((parties[uid], PartyRole.PARTNER) for uid in one.partners),
        (parties[one.implementer], PartyRole.IMPLEMENTER),
    ]


def _agreement(one: Earlier, bound: Bound) -> Agreement:
    agreement = Agreement(
        number="",
        kind=AgreementKind.DONATION if one.kind in DONATED else AgreementKind.COOPERATION,
        status=one.status,
        title=one.title,
        language=one.language,
        terms=_terms(one, bound).model_dump(mode="json"),
        ends=one.ends,
        in_force=_moment(one.signed),
        ended=_moment(one.ends) if one.ends and one.status in OVER else None,
    )
    agreement.number = agreement.uid[:20]
    return agreement


def _belonging(
    one: Earlier, agreement: Agreement, bound: Bound, offers: Mapping[str, int]
) -> Iterator[SQLModel]:
    """Its parties, where it comes from, and what it is about."""
    for position, (organization, role) in enumerate(bound):
        yield Party(
            agreement_id=agreement.key, organization_id=organization.key, role=role, position=position
        )
    yield Origin(
        agreement_id=agreement.key,
        source=one.source,
        reference=one.reference,
        same_as=one.same_as,
        offer_id=offers.get(one.offer),
    )
    for scheme, codes in (("themes", one.themes), ("places", one.places)):
        for code in sorted(codes):
            yield AgreementTag(agreement_id=agreement.key, scheme=scheme, code=code)


def _terms(one: Earlier, bound: Bound) -> Terms:
    gifts = (
        [Gift(bound[0][0], one.kind, "programme", one.quantity.amount, one.quantity.unit)]
        if one.quantity
        else []
    )
    return Terms(
        title={one.language: one.title},
        parties=tuple(
            PartyTerms(organization=organization.uid, name=organization.name, role=role)
            for organization, role in bound
        ),
        ends=one.ends,
        commitments=tuple(commitments(gifts, one.language)),
        reports=ReportTerms(quarterly=False, final=False),
    )


def _moment(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
