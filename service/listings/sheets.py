"""An uploaded spreadsheet as it is kept: its cells, what was mended in them, and what they say.

Nothing is read into listings here: `look` gives the needs and offers that can be taken and every cell that
cannot, each with the place where it can be mended.
"""

from __future__ import annotations

import json
import tempfile
import unicodedata
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from matching.errors import InvalidProfiles, Problem, UnreadableFile
from matching.messages import Message
from matching.reading.columns import (
    COOPERATIONS,
    ORGANIZATIONS,
    PROFILES,
    count_headings,
    find_column,
    find_sheet,
)
from matching.reading.loading import profiles_of
from matching.reading.records import LONGEST_ID, SEPARATORS, written
from matching.reading.sheets import heading_row
from matching.reading.tables import LONGEST_TEXT, Row, Table, read_tables
from service.errors import BadInput
from service.listings.models import TEXT_CHARACTERS, TITLE_CHARACTERS
from service.texts import too_long

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from matching.profiles import Profile
    from matching.reading.tables import Cell

ENDINGS = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".json", ".jsonl"})
MOST_ROWS = 5000
MOST_REPAIRS = 5000


@dataclass(frozen=True, slots=True)
class Repair:
    """What was typed in place of a cell: the row as the file counts it, the column by its heading."""

    sheet: str
    row: int
    column: str
    value: str

    @property
    def place(self) -> str:
        """The cell's name in a form."""
        return f"cell:{json.dumps([self.sheet, self.row, self.column], ensure_ascii=False)}"

    @classmethod
    def at(cls, name: str, value: str) -> Repair | None:
        """What was typed into the field with this name; None where the name is no cell's."""
        try:
            sheet, row, column = json.loads(name.removeprefix("cell:"))
        except ValueError:
            return None
        if not (isinstance(sheet, str) and isinstance(row, int) and isinstance(column, str)):
            return None
        return cls(sheet, row, column, value)


@dataclass(frozen=True, slots=True)
class Wrong:
    """One cell that cannot be taken; `place` is the name of the field that mends it, empty where none can."""

    problem: Problem
    place: str
    value: str = ""
    """All that stands in the cell now."""
    heading: bool = False


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


# Keeping ----------------------------------------------------------------------------------------------


def read_upload(
    filename: str,
    content: bytes,
    besides: Collection[str] = (ORGANIZATIONS, COOPERATIONS),
    most: int = MOST_ROWS,
) -> list[dict[str, Any]]:
    """The tables of an uploaded file, as they are stored. Raises BadInput on `file`.

    `besides`: kinds of sheets that are left out; `most`: how many rows there may be.
    """
    if not content:
        raise BadInput.one("file", Message("file-empty", "Choose a file that is not empty."))
    ending = PurePosixPath(filename.replace("\\", "/")).suffix.lower()
    if ending not in ENDINGS:
        raise BadInput.one(
            "file",
            Message("import-type", "Only CSV, TSV, XLSX and JSON files can be read; this is none of them."),
        )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"upload{ending}"
        path.write_bytes(content)
        try:
            found = read_tables(path, count_headings)
        except UnreadableFile as error:
            raise BadInput.one("file", error.message) from error
    kept = [table for table in found if find_sheet(table.name) not in besides]
    rows = sum(len(table.rows) for table in kept)
    if not rows:
        raise BadInput.one("file", Message("file-empty", "Choose a file that is not empty."))
    if rows > most:
        raise BadInput.one(
            "file",
            Message(
                "import-long",
                "The file has {rows} rows; at most {most} can be read at once.",
                rows=rows,
                most=most,
            ),
        )
    return [_stored(table) for table in kept]


def _stored(table: Table) -> dict[str, Any]:
    return {
        "name": table.name,
        "keyed": table.keyed,
        "rows": [[row.number, *map(_stored_cell, row.cells)] for row in table.rows],
        "merged": [[*place, _stored_cell(cell)] for place, cell in table.merged.items()],
        "broken": [[*place, content] for place, content in table.broken.items()],
    }


def _stored_cell(cell: Cell) -> Any:
    match cell:
        case Decimal():
            return {"number": str(cell)}
        case date():
            return {"day": cell.isoformat()}
        case str():
            return cell.replace("\x00", "")
        case _:
            return cell


def _cell(stored: Any) -> Cell:
    if isinstance(stored, dict):
        return Decimal(stored["number"]) if "number" in stored else date.fromisoformat(stored["day"])
    cell: Cell = stored
    return cell


def table_of(stored: Mapping[str, Any]) -> Table:
    """A table as it was read."""
    return Table(
        stored["name"],
        tuple(Row(number, tuple(map(_cell, cells))) for number, *cells in stored["rows"]),
        stored["keyed"],
        {(row, column): _cell(cell) for row, column, cell in stored["merged"]},
        {(row, column): content for row, column, content in stored["broken"]},
    )


# Looking ----------------------------------------------------------------------------------------------


def look(
    stored: Iterable[Mapping[str, Any]],
    repairs: Iterable[Mapping[str, Any]],
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
    mended = [_mended(table_of(one), [Repair(**repair) for repair in repairs]) for one in stored]
    own = {_folded(name) for name in own_names}
    found = [_own(table, organization, own, known_names, problems) for table in mended]
    as_sheet = {"need": "needs", "offer": "offers"}.get(side)
    if len(found) > 1 and as_sheet:
        found = [table if find_sheet(table.name) else replace(table, name=as_sheet) for table in found]
    try:
        read = profiles_of(found, name=filename, keep_good=True, as_sheet=as_sheet)  # type: ignore[arg-type]
        profiles, problems = (*read.needs, *read.offers), [*problems, *read.problems]
    except InvalidProfiles as error:
        profiles, problems = (), [*problems, *error.problems]
    headings = {table.name: table.rows[heading_row(table)].number for table in found if table.rows}
    wrong = [
        _wrong(problem, headings, mended)
        for problem in sorted(problems, key=lambda problem: (problem.sheet, problem.row or 0))
    ]
    rows = sum(
        max(0, len(table.rows) - 1 - heading_row(table)) for table in map(table_of, stored) if table.rows
    )
    return Look(profiles, tuple(wrong), rows, _given(found))


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


def _wrong(problem: Problem, headings: Mapping[str, int], tables: Sequence[Table]) -> Wrong:
    if problem.row is None:
        return Wrong(problem, "")
    at_heading = headings.get(problem.sheet) == problem.row
    if at_heading and problem.message.code == "column-missing":
        return Wrong(problem, "", heading=True)
    place = Repair(problem.sheet, problem.row, problem.column, "")
    return Wrong(problem, place.place, _value(place, tables), at_heading)


def _value(place: Repair, tables: Sequence[Table]) -> str:
    for table in tables:
        rows = {row.number: row for row in table.rows} if table.name == place.sheet else {}
        if place.row in rows:
            head = [written(cell) for cell in table.rows[heading_row(table)].cells]
            column = _column(head, place.column)
            return "" if column is None else written(rows[place.row].cell(column))
    return ""


def _column(headings: Sequence[str], column: str) -> int | None:
    """The index of a column by its heading (the last of that name), or by its number where it has none."""
    if column in headings:
        return len(headings) - 1 - headings[::-1].index(column)
    return min(int(column) - 1, 500) if column.isascii() and column.isdecimal() and int(column) else None


def _mended(table: Table, repairs: Sequence[Repair]) -> Table:
    """The table with what was typed in place of its cells; a column it lacks is added."""
    own = [repair for repair in repairs if repair.sheet == table.name]
    if not own or not table.rows:
        return table
    start = heading_row(table)
    rows = {row.number: list(row.cells) for row in table.rows}
    head = table.rows[start].number
    merged, broken = dict(table.merged), dict(table.broken)
    for repair in own:
        if repair.row not in rows:
            continue
        column = _column([written(cell) for cell in rows[head]], repair.column)
        if column is None and repair.row == head:
            continue
        if column is None:
            column = len(rows[head])
            rows[head].append(repair.column)
        cells = rows[repair.row]
        cells.extend([None] * (column + 1 - len(cells)))
        cells[column] = repair.value
        merged.pop((repair.row, column), None)
        broken.pop((repair.row, column), None)
    return replace(
        table,
        rows=tuple(Row(number, tuple(cells)) for number, cells in rows.items()),
        merged=merged,
        broken=broken,
    )


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
    if named and _folded(named) not in own_names:
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


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split())
