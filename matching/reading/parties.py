"""The organizations of a source, from a table of their own and from the rows of profiles.

An organization without a table of its own has its name as its id. Facts about it may stand in any of its
rows; rows that contradict each other are reported. What nobody states stays unknown, with two documented
exceptions: an organization whose kind is not stated is an NGO, one whose bad record is not stated has none.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from matching.messages import Message
from matching.profiles import Organization
from matching.reading.records import empty_cell

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from matching.reading.records import Record

_FACTS: Mapping[str, tuple[str, Callable[[Record, str], Any]]] = {
    "kind": ("organization_kind", lambda record, code: record.code(code, "organization_kinds") or None),
    "places": ("organization_places", lambda record, code: record.codes(code)),
    "registered": ("registered", lambda record, code: record.date(code)),
    "inspection": ("inspection", lambda record, code: record.inspection(code)),
    "rating": ("rating", lambda record, code: record.rating(code)),
    "verified": ("verified", lambda record, code: record.yes_no(code)),
    "bad_record": ("bad_record", lambda record, code: record.yes_no(code)),
    "barred_until": ("barred_until", lambda record, code: record.date(code)),
    "conflicts": ("conflicts", lambda record, code: record.names(code)),
}


@dataclass(slots=True)
class Known:
    """An organization with the rows that speak of it, in a table of organizations or not."""

    id: str
    name: str
    records: list[tuple[Record, bool]] = field(default_factory=list)
    failed: bool = False


@dataclass(slots=True)
class Parties:
    """Finds organizations by id or name and puts together what the rows say about each."""

    complete: bool = True
    """Whether every organization that is named must stand in this source."""
    known: dict[str, Known] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)

    def list_all(self, records: Iterable[Record]) -> None:
        """Take the rows of a table of organizations."""
        for record in records:
            name = record.line("name")
            id_ = record.identifier("id") or name
            if not name:
                record.fail("name", empty_cell())
            elif id_ in self.known:
                record.fail(
                    "id",
                    Message("id-twice", "This ID stands in an earlier row already; give every row its own."),
                )
            else:
                known = Known(id_, name, [(record, True)])
                self.known[id_] = known
                self.names.setdefault(name, []).append(id_)

    def find(self, record: Record, code: str, name: str) -> str | None:
        """The id of an organization that a row names by id or by name."""
        if name in self.known:
            return name
        ids = self.names.get(name, [])
        if len(ids) == 1:
            return ids[0]
        if ids:
            record.fail(
                code,
                Message(
                    "organization-shared",
                    "Several organizations have the name “{name}”; write the ID.",
                    name=name,
                ),
            )
            return None
        near = difflib.get_close_matches(name, [*self.known, *self.names], n=1)
        record.fail(
            code,
            Message(
                "organization-unknown",
                "There is no organization “{name}”; did you mean “{near}”?",
                name=name,
                near=near[0],
            )
            if near
            else Message(
                "organization-unknown-at-all", "There is no organization “{name}” in this file.", name=name
            ),
        )
        return None

    def state(self) -> dict[str, Organization]:
        """All organizations by id, with the facts that their rows state."""
        stated = {}
        for known in self.known.values():
            facts: dict[str, Any] = {}
            for fact, (code, read) in _FACTS.items():
                first: Record | None = None
                for record, listed in known.records:
                    column = fact if listed else code
                    if not record.given(column):
                        continue
                    value = read(record, column)
                    if first is None:
                        first, facts[fact] = record, value
                    elif value != facts[fact]:
                        record.fail(
                            column,
                            Message(
                                "organization-contradicts",
                                "Row {row} says something else about the same organization; "
                                "correct one of them.",
                                row=first.row.number,
                            ),
                        )
            conflicts = self._conflicts(known, facts.get("conflicts", ()))
            for record, listed in known.records:
                if listed:
                    record.yes_no("synthetic")
                    if not record.given("kind"):
                        record.fail("kind", empty_cell())
            known.failed = any(record.failed for record, listed in known.records if listed)
            stated[known.id] = Organization(
                id=known.id,
                name=known.name,
                kind=facts.get("kind") or "ngo",
                places=facts.get("places") or frozenset(),
                registered=facts.get("registered"),
                inspection_passed=facts.get("inspection"),
                rating=facts.get("rating"),
                verified=facts.get("verified"),
                bad_record=bool(facts.get("bad_record")),
                barred_until=facts.get("barred_until"),
                conflicts=conflicts,
            )
        return stated

    def _conflicts(self, known: Known, names: tuple[str, ...]) -> frozenset[str]:
        for record, _ in known.records:
            code = "conflicts"
            if record.given(code) and names:
                return self.others(record, code)
        return frozenset()

    def others(self, record: Record, code: str) -> frozenset[str]:
        """Organizations named in a cell; in a file with one side only, others may be named that it lacks."""
        if not self.complete:
            return frozenset(record.names(code))
        return frozenset(filter(None, (self.find(record, code, name) for name in record.names(code))))

    def found(self, name: str) -> str:
        """The id of an organization that has no table: its name."""
        if name not in self.known:
            self.known[name] = Known(name, name)
            self.names[name] = [name]
        return name
