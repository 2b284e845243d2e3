"""Records to needs, offers and cooperations.

Rows with the same id make one profile with several lines. Where a row leaves the id empty, the profile gets
an id made from side, organization, title and text: it does not depend on the order of rows, and two such rows
that agree in all four are reported, since nobody can say whether they are one project or two.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from matching.messages import Message
from matching.profiles import Cooperation, Organization, Profile, Side, Strings
from matching.reading.columns import COOPERATIONS, ORGANIZATIONS, PROFILES, find_sheet, tables
from matching.reading.lines import read_line, read_quantity
from matching.reading.parties import Parties
from matching.reading.records import empty_cell

if TYPE_CHECKING:
    from matching.reading.records import Record
    from matching.reading.sheets import Sheets


@dataclass(slots=True)
class _Group:
    """The rows of one profile."""

    id: str
    side: Side
    records: list[Record] = field(default_factory=list)
    organization: str = ""
    _holders: dict[str, Record] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return any(record.failed for record in self.records)

    def holder(self, code: str) -> Record:
        """The first row that states a column of the profile; rows that state another thing are reported."""
        if code not in self._holders:
            self._holders[code] = self._find_holder(code)
        return self._holders[code]

    def _find_holder(self, code: str) -> Record:
        stating = [record for record in self.records if record.given(code)]
        if not stating:
            return self.records[0]
        for record in stating[1:]:
            if record.given(code) != stating[0].given(code):
                record.fail(
                    code,
                    Message(
                        "row-contradicts",
                        "Row {row} has the same ID and says something else here; correct one of them, "
                        "or give one another ID.",
                        row=stating[0].row.number,
                    ),
                )
        return stating[0]


@dataclass(slots=True)
class Drafts:
    """Turns the records of a source into profiles; what failed is left out and stands in the problems."""

    sheets: Sheets
    _groups: list[_Group] = field(default_factory=list)
    _parties: Parties = field(default_factory=Parties)
    _organizations: dict[str, Organization] = field(default_factory=dict)
    _both: bool = False
    """Whether the source holds needs as well as offers, so that each can be checked against the other."""
    _listed: bool = False
    """Whether there is a table of organizations."""

    def build(self) -> tuple[tuple[Profile, ...], tuple[Profile, ...], tuple[Cooperation, ...]]:
        """Needs, offers and cooperations without a problem, in the order of the file."""
        self._listed = bool(self.sheets.records[ORGANIZATIONS])
        self._parties.list_all(self.sheets.records[ORGANIZATIONS])
        self._collect_groups()
        self._both = {group.side for group in self._groups} == set(Side)
        self._parties.complete = self._listed or self._both
        self._organizations = self._parties.state()
        pairs = [(group, self._profile(group)) for group in self._groups]
        self._check_preferences()
        sound = [
            profile
            for group, profile in pairs
            if profile is not None and not group.failed and not self._parties.known[group.organization].failed
        ]
        ids = {side: {profile.id for profile in sound if profile.side is side} for side in Side}
        others = {Side.NEED: ids[Side.OFFER], Side.OFFER: ids[Side.NEED]}
        kept = [
            replace(
                profile,
                preferences=tuple(
                    id_ for id_ in profile.preferences if not self._both or id_ in others[profile.side]
                ),
            )
            for profile in sound
        ]
        return (
            tuple(profile for profile in kept if profile.side is Side.NEED),
            tuple(profile for profile in kept if profile.side is Side.OFFER),
            self._cooperations(),
        )

    def _collect_groups(self) -> None:
        by_id: dict[tuple[Side, str], _Group] = {}
        made: dict[str, Record] = {}
        lost: set[str] = set()
        for record in self.sheets.records[PROFILES]:
            side = self._side(record)
            if side is None:
                lost.add(record.text("id"))
                continue
            id_ = record.identifier("id")
            if not id_:
                id_ = _made_id(side, record)
                if id_ in made:
                    record.fail(
                        "id",
                        Message(
                            "id-needed",
                            "Row {row} has the same organization, title and text; give both the same ID "
                            "if they are one project, or different IDs.",
                            row=made[id_].row.number,
                        ),
                    )
                    made[id_].failed = True
                    continue
                made[id_] = record
            group = by_id.get((side, id_))
            if group is None:
                group = by_id[side, id_] = _Group(id_, side)
                self._groups.append(group)
            group.records.append(record)
        for group in self._groups:
            # A profile that lacks one of its rows is not the profile that was meant.
            group.records[0].failed |= group.id in lost
            self._place(group)

    def _side(self, record: Record) -> Side | None:
        if record.side and not record.given("side"):
            return Side(record.side)
        word = record.line("side")
        found = {"needs": Side.NEED, "offers": Side.OFFER}.get(find_sheet(word) or "") if word else None
        if found is None:
            record.fail("side", Message("side-unknown", "Write need or offer."))
        elif record.side and found != record.side:
            record.fail(
                "side",
                Message("side-other", "This row stands among the others; move it, or empty this cell."),
            )
            return None
        return found

    def _place(self, group: _Group) -> None:
        """Find or found the organization of a profile and note what its rows say about it."""
        holder = group.holder("organization")
        name = holder.line("organization")
        if not name:
            holder.fail("organization", empty_cell())
        elif self._listed:
            group.organization = self._parties.find(holder, "organization", name) or ""
        else:
            group.organization = self._parties.found(name)
        if group.organization:
            self._parties.known[group.organization].records.extend(
                (record, False) for record in group.records
            )

    def _profile(self, group: _Group) -> Profile | None:
        def at(code: str) -> Record:
            return group.holder(code)

        self._check_sides(group)
        title = at("title").line("title")
        if not title:
            at("title").fail("title", empty_cell())
        values: dict[str, Any] = {
            code: at(code).codes(code) for code in ("themes", "groups", "goals", "places")
        }
        values |= {code: at(code).date(code) for code in ("starts", "ends", "published", "expires")}
        for first, last in (("starts", "ends"), ("published", "expires")):
            if values[first] and values[last] and values[last] < values[first]:
                at(last).fail(
                    last,
                    Message(
                        "dates-reversed",
                        "This day lies before {first}; exchange or correct them.",
                        first=values[first],
                    ),
                )
        most = at("most_projects").count("most_projects", "project")
        if most == 0:
            at("most_projects").fail(
                "most_projects", Message("number-zero", "Zero cannot stand here; write a positive number.")
            )
        lines = [line for record in self._distinct(group) if (line := read_line(record)) is not None]
        strings = self._strings(group)
        synthetic = True in {record.yes_no("synthetic") for record in group.records}
        text = at("text").text("text")
        languages = at("languages").languages("languages")
        beneficiaries = at("beneficiaries").count("beneficiaries", "person")
        preferences = at("preferences").names("preferences")
        if not group.organization or not lines:
            return None
        return Profile(
            id=group.id,
            side=group.side,
            title=title,
            text=text,
            organization=self._organizations[group.organization],
            lines=tuple(lines),
            languages=languages,
            beneficiaries=beneficiaries,
            most_projects=most,
            preferences=preferences,
            strings=strings,
            synthetic=synthetic,
            **values,
        )

    def _check_sides(self, group: _Group) -> None:
        """Report what is stated in columns of the other side."""
        for record in group.records:
            for code in record.headings:
                side = tables()[PROFILES][code].side
                if side not in {"both", group.side} and record.given(code):
                    record.fail(
                        code,
                        Message("column-of-needs", "This column is for needs only; empty the cell.")
                        if side == "need"
                        else Message("column-of-offers", "This column is for offers only; empty the cell."),
                    )

    def _distinct(self, group: _Group) -> list[Record]:
        """The rows of a profile; one that repeats another word for word is reported, it would count twice."""
        seen: dict[tuple[str, ...], int] = {}
        for record in group.records:
            content = tuple(record.given(code) for code in record.headings)
            if content in seen:
                record.fail(
                    "id",
                    Message(
                        "row-repeated",
                        "This row repeats row {row} word for word; delete one.",
                        row=seen[content],
                    ),
                )
            seen.setdefault(content, record.row.number)
        return group.records

    def _strings(self, group: _Group) -> Strings:
        def at(code: str) -> Record:
            return group.holder(code)

        return Strings(
            places=at("only_places").codes("only_places"),
            groups=at("only_groups").codes("only_groups"),
            themes=at("only_themes").codes("only_themes"),
            organization_kinds=at("only_organization_kinds").codes("only_organization_kinds"),
            languages=at("only_languages").languages("only_languages"),
            min_rating=at("min_rating").rating("min_rating"),
            min_beneficiaries=at("min_beneficiaries").count("min_beneficiaries", "person"),
            verified=bool(at("only_verified").yes_no("only_verified")),
            pays_labour=at("pays_labour").yes_no("pays_labour") is not False,
            pays_overhead=at("pays_overhead").yes_no("pays_overhead") is not False,
            vetoes=self._parties.others(at("vetoes"), "vetoes"),
        )

    def _check_preferences(self) -> None:
        if not self._both:
            return
        ids = {side: {group.id for group in self._groups if group.side is side} for side in Side}
        for group in self._groups:
            other = ids[Side.OFFER if group.side is Side.NEED else Side.NEED]
            record = group.holder("preferences")
            for name in record.names("preferences"):
                if name not in other:
                    record.fail(
                        "preferences",
                        Message(
                            "preference-unknown",
                            "There is no “{id}” on the other side; write an ID of it.",
                            id=name,
                        ),
                    )

    def _cooperations(self) -> tuple[Cooperation, ...]:
        offers = {group.id for group in self._groups if group.side is Side.OFFER}
        found: dict[str, Cooperation] = {}
        for record in self.sheets.records[COOPERATIONS]:
            parties = {}
            for code in ("need_organization", "offer_organization"):
                name = record.line(code)
                if not name:
                    record.fail(code, empty_cell())
                parties[code] = (
                    (self._parties.find(record, code, name) if self._listed else name) if name else None
                )
            kind = record.code("kind")
            quantity = read_quantity(record, kind) if kind or record.given("amount") else None
            offer = record.identifier("offer")
            if offer and offers and offer not in offers:
                record.fail(
                    "offer",
                    Message("offer-unknown", "There is no offer “{id}”; write the ID of one.", id=offer),
                )
            signed, title = record.date("signed"), record.line("title")
            theme = min(record.codes("theme"), default="")
            synthetic = bool(record.yes_no("synthetic"))
            need_side, offer_side = parties["need_organization"], parties["offer_organization"]
            id_ = record.identifier("id") or _hashed(
                "cooperation", need_side, offer_side, title, record.given("signed")
            )
            if id_ in found:
                record.fail(
                    "id",
                    Message("id-twice", "This ID stands in an earlier row already; give every row its own."),
                )
            if record.failed or need_side is None or offer_side is None:
                continue
            found[id_] = Cooperation(
                id=id_,
                need_organization=need_side,
                offer_organization=offer_side,
                title=title,
                signed=signed,
                offer=offer,
                quantity=quantity,
                kind=kind,
                theme=theme,
                synthetic=synthetic,
            )
        return tuple(found.values())


def _made_id(side: Side, record: Record) -> str:
    return _hashed(side, record.line("organization"), record.line("title"), record.text("text"))


def _hashed(prefix: str, *parts: str | None) -> str:
    return f"{prefix}-{hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:10]}"
