"""What people type about a need or offer, in a form or through the API: read as a spreadsheet's row is read.

Forms, API and spreadsheets share one reader (`matching.reading`), so amounts, dates and words mean the same
and are refused with the same sentences everywhere. A problem's field is the column's name; those of
resource line `n` (from 0) are called `lines-n-<column>`.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from matching.messages import Message
from matching.profiles import Profile, ResourceLine, Side, Strings
from matching.reading.columns import PROFILES, Heading, tables
from matching.reading.lines import read_line
from matching.reading.records import Record, empty_cell
from matching.reading.tables import Row, Table
from matching.text import LANGUAGES, detect_language
from service.errors import FieldProblem
from service.listings.models import (
    MOST_CODES,
    MOST_DAYS_OPEN,
    MOST_LINES,
    TEXT_CHARACTERS,
    TITLE_CHARACTERS,
)
from service.listings.queries import today
from service.texts import MISSING, tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matching.errors import Problem

LINE_FIELDS = (
    "kind",
    "amount",
    "unit",
    "minimum",
    "labour",
    "overhead",
    "critical",
    "worth",
    "cheque_min",
    "cheque_max",
)
CODE_FIELDS = ("themes", "groups", "goals", "places")
STRING_CODES = ("places", "groups", "themes", "organization_kinds")
STEP_FIELDS: Mapping[int, tuple[str, ...]] = {
    1: ("title", "text", "language", "themes", "groups", "goals", "beneficiaries"),
    2: ("lines",),
    3: (
        "places",
        "languages",
        "starts",
        "ends",
        "expires",
        "most_projects",
        "only_places",
        "only_groups",
        "only_themes",
        "only_organization_kinds",
        "only_languages",
        "min_rating",
        "min_beneficiaries",
        "only_verified",
        "pays_labour",
        "pays_overhead",
        "vetoes",
    ),
}
"""The fields of each step of the form; those of the fourth are looked at, not typed."""
OFFER_FIELDS = frozenset(code for code, column in tables()[PROFILES].items() if column.side == "offer")
NEED_FIELDS = frozenset(code for code, column in tables()[PROFILES].items() if column.side == "need")


CONDITIONS = ("only_", "min_", "pays_", "vetoes")
_OTHER_SIDE = {
    Side.NEED: Message("column-of-offers", "This column is for offers only; empty the cell."),
    Side.OFFER: Message("column-of-needs", "This column is for needs only; empty the cell."),
}


@dataclass(slots=True)
class Draft:
    """What was typed: fields by name (several values joined by `;`) and, where given, resource lines."""

    side: Side
    fields: Mapping[str, str]
    lines: Sequence[Mapping[str, str]] | None = None
    language: str | None = None
    """How numbers and dates are written."""
    problems: list[FieldProblem] = field(default_factory=list)

    def values(self) -> dict[str, Any]:
        """The columns of `Listing` that were typed and can be read; what cannot goes to `problems`."""
        found: list[Problem] = []
        record = _record(self.fields, 0, found, self.language)
        self._check_side(record)
        values = self._plain(record) | self._strings(record)
        if self.lines is not None:
            values["lines"] = self._lines(found)
        self.problems += [
            FieldProblem(
                problem.column if not problem.row else f"lines-{problem.row - 1}-{problem.column}",
                problem.message,
            )
            for problem in found
        ]
        wrong = {problem.field for problem in self.problems}
        return {name: value for name, value in values.items() if name not in wrong}

    def _fail(self, name: str, message: Message) -> None:
        self.problems.append(FieldProblem(name, message))

    def _plain(self, record: Record) -> dict[str, Any]:
        given = self.fields.keys()
        values: dict[str, Any] = {}
        if "title" in given:
            values["title"] = " ".join(tidy(self.fields["title"]).split())
            if not values["title"]:
                self._fail("title", MISSING)
            self._limit("title", values["title"], TITLE_CHARACTERS)
        if "text" in given:
            values["text"] = tidy(self.fields["text"])
            self._limit("text", values["text"], TEXT_CHARACTERS)
        for code in CODE_FIELDS:
            if code in given:
                values[code] = self._codes(record, code, code)
        if "languages" in given:
            values["languages"] = _in_order(record.languages("languages"))
        for code, unit in (("beneficiaries", "person"), ("most_projects", "project")):
            if code in given:
                values[code] = record.count(code, unit)
        if values.get("most_projects") == 0:
            self._fail(
                "most_projects", Message("number-zero", "Zero cannot stand here; write a positive number.")
            )
        for code in ("starts", "ends", "expires"):
            if code in given:
                values[code] = record.date(code)
        self._check_dates(values)
        return values

    def _check_dates(self, values: Mapping[str, Any]) -> None:
        starts, ends, expires = values.get("starts"), values.get("ends"), values.get("expires")
        if starts and ends and ends < starts:
            self._fail(
                "ends",
                Message(
                    "dates-reversed", "This day lies before {first}; exchange or correct them.", first=starts
                ),
            )
        if expires and (problem := expiry_problem(expires)):
            self._fail("expires", problem)

    def _check_side(self, record: Record) -> None:
        """Report what is stated in fields of the other side."""
        for code in record.headings:
            side = tables()[PROFILES][code].side
            if side not in {"both", self.side} and record.given(code) and not code.startswith(CONDITIONS):
                record.fail(code, _OTHER_SIDE[self.side])

    def _codes(self, record: Record, code: str, column: str) -> list[str]:
        found = sorted(record.codes(code))
        if len(found) > MOST_CODES:
            self._fail(column, Message("too-many-values", "Give at most {most}.", most=MOST_CODES))
        return found

    def _limit(self, name: str, text: str, most: int) -> None:
        if len(text) > most:
            self._fail(name, too_long(most))

    def _strings(self, record: Record) -> dict[str, Any]:
        """Strings, as far as the form asks for them; `strings` is left out where none was typed."""
        given = self.fields.keys()
        if not given & {"only_places", "min_rating", "only_verified", "pays_labour"}:
            return {}
        strings = Strings(
            **{name: frozenset(self._codes(record, f"only_{name}", f"only_{name}")) for name in STRING_CODES},
            languages=record.languages("only_languages"),
            min_rating=record.rating("min_rating"),
            min_beneficiaries=record.count("min_beneficiaries", "person"),
            verified=bool(record.yes_no("only_verified")),
            pays_labour=record.yes_no("pays_labour") is not False,
            pays_overhead=record.yes_no("pays_overhead") is not False,
            vetoes=frozenset(record.names("vetoes")),
        )
        stored = stored_strings(strings)
        if stored and self.side is Side.NEED:
            self._fail("strings", _OTHER_SIDE[self.side])
        return {"strings": stored}

    def _lines(self, found: list[Problem]) -> list[dict[str, Any]]:
        typed = [line for line in self.lines or () if any(value.strip() for value in line.values())]
        if len(typed) > MOST_LINES:
            self._fail("lines", Message("too-many-values", "Give at most {most}.", most=MOST_LINES))
            typed = typed[:MOST_LINES]
        lines = []
        for number, line in enumerate(self.lines or ()):
            if line in typed:
                record = _record(line, number + 1, found, self.language)
                self._check_side(record)
                read = read_line(record)
                if read is not None:
                    lines.append(stored_line(read))
        return lines


def _record(fields: Mapping[str, str], number: int, problems: list[Problem], language: str | None) -> Record:
    """Fields as the row of a table whose headings are the columns' names."""
    names = [name for name in fields if name in tables()[PROFILES]]
    row = Row(number, tuple(tidy(fields[name]) for name in names))
    headings = {name: (index, name, Heading(name)) for index, name in enumerate(names)}
    return Record(Table("", (row,), keyed=True), row, headings, problems, "", language)


def _in_order(languages: frozenset[str]) -> list[str]:
    return [language for language in LANGUAGES if language in languages]


def expiry_problem(expires: date) -> Message | None:
    """What is wrong with a last day, if anything."""
    first, last = today(), today() + timedelta(days=MOST_DAYS_OPEN)
    if expires < first:
        return Message("date-past", "This day is over; choose a later one.")
    if expires > last:
        return Message("date-far", "This is too far ahead; the latest day is {last}.", last=last)
    return None


def stored_line(line: ResourceLine) -> dict[str, Any]:
    """A resource line as it is stored."""
    stored = {name: getattr(line, name) for name in LINE_FIELDS}
    stored["worth"] = {"amount": line.worth.amount, "unit": line.worth.unit} if line.worth else None
    return stored


def stored_strings(strings: Strings) -> dict[str, Any]:
    """Strings as they are stored: what differs from the default."""
    found: dict[str, Any] = {}
    for one in dataclasses.fields(strings):
        value = getattr(strings, one.name)
        if value != getattr(_NO_STRINGS, one.name):
            found[one.name] = sorted(value) if isinstance(value, frozenset) else value
    return found


_NO_STRINGS = Strings()


def from_profile(profile: Profile) -> dict[str, Any]:
    """The columns of `Listing` for a profile out of a spreadsheet."""
    return {
        "title": profile.title[:TITLE_CHARACTERS],
        "text": profile.text[:TEXT_CHARACTERS],
        "lines": [stored_line(line) for line in profile.lines],
        **{name: sorted(getattr(profile, name)) for name in CODE_FIELDS},
        "languages": _in_order(profile.languages),
        "starts": profile.starts,
        "ends": profile.ends,
        "expires": profile.expires,
        "beneficiaries": profile.beneficiaries,
        "most_projects": profile.most_projects,
        "strings": stored_strings(profile.strings),
        "preferences": list(profile.preferences),
        "synthetic": profile.synthetic,
    }


def language_of_text(title: str, text: str) -> str:
    """The language that a listing seems to be written in; `und` where it is not clear."""
    return detect_language(f"{title}\n{text}")


__all__ = ["Draft", "empty_cell", "expiry_problem", "from_profile", "stored_line", "stored_strings"]
