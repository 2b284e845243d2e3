"""The needs and offers of an uploaded spreadsheet: those that can be taken, and the cells that cannot.

Nothing is read into listings here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from matching.errors import InvalidProfiles, Problem
from matching.messages import Message
from matching.reading.columns import PROFILES, find_column, find_sheet
from matching.reading.loading import profiles_of
from matching.reading.records import LONGEST_ID, SEPARATORS, written
from matching.reading.sheets import heading_row
from matching.reading.tables import LONGEST_TEXT, Row, Table
from service.listings.models import TEXT_CHARACTERS, TITLE_CHARACTERS
from service.spreadsheets import mended, rows_of, table_of, wrong_cells
from service.texts import folded, too_long

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from matching.profiles import Profile
    from service.spreadsheets import Wrong


@dataclass(frozen=True, slots=True)
class Look:
    """What a spreadsheet says: what can be taken, and what is wrong with the rest."""

    profiles: tuple[Profile, ...]
    wrong: tuple[Wrong, ...]
    rows: int
    """How many rows of data it has."""
    given: Mapping[str, frozenset[str]]
    """By the id in a row: the columns that say something about it, be it that a cell is empty."""

    @property
    def wrong_rows(self) -> int:
        """How many rows have something wrong in them."""
        return len({(one.problem.sheet, one.problem.row) for one in self.wrong if not one.heading})


def look(
    stored: Iterable[Mapping[str, Any]],
    repairs: Collection[Mapping[str, Any]],
    *,
    filename: str,
    side: str,
    organization: str,
    own_names: Iterable[str],
    known_names: frozenset[str] | None = None,
) -> Look:
    """Read the stored tables with their repairs for one organization (`organization` is its uid).

    Rows that name another organization than `own_names` are wrong; an empty cell means one's own.
    `known_names`: names and uids of organizations that a veto may name (None: any).
    """
    problems: list[Problem] = []
    tables = [mended(table_of(one), repairs) for one in stored]
    own = {folded(name) for name in own_names}
    found = [_own(table, organization, own, known_names, problems) for table in tables]
    as_sheet = {"need": "needs", "offer": "offers"}.get(side)
    if len(found) > 1 and as_sheet:
        found = [table if find_sheet(table.name) else replace(table, name=as_sheet) for table in found]
    try:
        read = profiles_of(found, name=filename, keep_good=True, as_sheet=as_sheet)  # type: ignore[arg-type]
        profiles, problems = (*read.needs, *read.offers), [*problems, *read.problems]
    except InvalidProfiles as error:
        profiles, problems = (), [*problems, *error.problems]
    rows = sum(rows_of(table_of(one)) for one in stored)
    return Look(profiles, wrong_cells(problems, tables), rows, _given(found))


def _given(tables: Iterable[Table]) -> dict[str, frozenset[str]]:
    """By id: the columns of its table; of a JSON object only those that it has."""
    found: dict[str, frozenset[str]] = {}
    for table in tables:
        columns = _columns(table)
        for row in table.rows[heading_row(table) + 1 :] if "id" in columns else ():
            id_ = written(row.cell(columns["id"]))
            codes = (
                code for code, index in columns.items() if not table.keyed or row.cell(index) is not None
            )
            found[id_] = found.get(id_, frozenset()).union(codes)
    return found


def _columns(table: Table) -> dict[str, int]:
    """By code: where the columns are."""
    return {
        heading.code: index
        for index, cell in enumerate(table.rows[heading_row(table)].cells if table.rows else ())
        if (heading := find_column(PROFILES, written(cell)))
    }


def _own(
    table: Table,
    organization: str,
    own_names: set[str],
    known_names: frozenset[str] | None,
    problems: list[Problem],
) -> Table:
    """The table with one's own organization in every row that may be taken; the others are reported."""
    if not table.rows:
        return table
    start = heading_row(table)
    head = table.rows[start]
    columns = _columns(table)
    place = columns.get("organization", len(head.cells))
    cells = [*head.cells, *(["organization"] if place == len(head.cells) else [])]
    sound, lost = [], set()
    for row in table.rows[start + 1 :]:
        before = len(problems)
        _check_row(table, row, head, columns, own_names, known_names, problems)
        if len(problems) == before:
            sound.append(row)
        elif id_ := written(row.cell(columns["id"])) if "id" in columns else "":
            lost.add(id_)
    rows = [*table.rows[:start], Row(head.number, tuple(cells))]
    for row in sound:
        if "id" in columns and written(row.cell(columns["id"])) in lost:
            continue  # A need that lacks one of its rows is not the need that was meant.
        own = [*row.cells, *([None] * (place + 1 - len(row.cells)))]
        own[place] = organization
        rows.append(Row(row.number, tuple(own)))
    return replace(table, rows=tuple(rows))


def _check_row(
    table: Table,
    row: Row,
    head: Row,
    columns: Mapping[str, int],
    own_names: set[str],
    known_names: frozenset[str] | None,
    problems: list[Problem],
) -> None:
    """Report what this service does not take although the reader would."""

    def value(code: str) -> str:
        return written(row.cell(columns[code])) if code in columns else ""

    def fail(code: str, message: Message) -> None:
        shown = value(code)
        shown = shown if len(shown) <= 80 else f"{shown[:79]}…"
        problems.append(Problem(row.number, written(head.cell(columns[code])), shown, message, table.name))

    named = value("organization")
    if named and folded(named) not in own_names:
        fail(
            "organization",
            Message(
                "organization-other",
                "This row is of “{name}”; empty the cell if it is yours, else leave the row out.",
                name=named[:LONGEST_ID],
            ),
        )
    for code, most in (("title", TITLE_CHARACTERS), ("text", TEXT_CHARACTERS)):
        if most < len(value(code)) <= LONGEST_TEXT:
            fail(code, too_long(most))
    if known_names is not None:
        for name in value("vetoes").translate(str.maketrans(SEPARATORS, ";" * len(SEPARATORS))).split(";"):
            if name.strip() and name.strip() not in known_names:
                fail(
                    "vetoes",
                    Message(
                        "organization-unknown-here",
                        "There is no organization “{name}” here.",
                        name=name.strip()[:LONGEST_ID],
                    ),
                )
