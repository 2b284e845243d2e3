"""An uploaded spreadsheet as it is kept: its cells, and what is typed in place of those that are wrong.

What the cells say is the reader's matter (`matching.reading`); here a wrong cell gets the name of the field
that mends it, and a table the cells that were typed.
"""

from __future__ import annotations

import json
import tempfile
from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from matching.errors import UnreadableFile
from matching.messages import Message
from matching.reading.columns import COOPERATIONS, ORGANIZATIONS, count_headings, find_sheet, tables
from matching.reading.records import written
from matching.reading.sheets import heading_row
from matching.reading.tables import LONGEST_TEXT, Row, Table, read_tables
from service.errors import BadInput, NotNow
from service.texts import tidy

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from matching.errors import Problem
    from matching.reading.tables import Cell

ENDINGS = frozenset({".csv", ".tsv", ".txt", ".xlsx", ".json", ".jsonl"})
MOST_ROWS = 5000
MOST_REPAIRS = 5000
UNREAD = frozenset({"note", "source"})
"""Columns that are left alone."""


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


# Keeping ----------------------------------------------------------------------------------------------


def read_upload(
    filename: str,
    content: bytes,
    besides: Collection[str] = (ORGANIZATIONS, COOPERATIONS),
    most: int = MOST_ROWS,
) -> list[dict[str, Any]]:
    """The tables of an uploaded file, as they are stored. Raises BadInput on `file`.

    `besides`: kinds of sheets that are left out; `most`: how many rows of data there may be.
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
    rows = sum(map(rows_of, kept))
    if not any(table.rows for table in kept):
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


def rows_of(table: Table) -> int:
    """How many rows of data a table has."""
    return max(0, len(table.rows) - 1 - heading_row(table)) if table.rows else 0


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


# Mending ----------------------------------------------------------------------------------------------


def mended(table: Table, repairs: Collection[Mapping[str, Any]]) -> Table:
    """The table with what was typed in place of its cells; a column it lacks is added."""
    own = [one for repair in repairs if (one := Repair(**repair)).sheet == table.name]
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


def wrong_cells(problems: Iterable[Problem], found: Sequence[Table]) -> tuple[Wrong, ...]:
    """Where each problem can be mended, by sheet and row; `found`: the tables as they were read.

    A cell with several problems is mended beside the first of them.
    """
    heads = {table.name: table.rows[heading_row(table)].number for table in found if table.rows}
    wrong, places = [], set()
    for problem in sorted(problems, key=lambda problem: (problem.sheet, problem.row or 0)):
        one = _wrong(problem, heads, found)
        wrong.append(replace(one, place="") if one.place in places else one)
        places.add(one.place)
    return tuple(wrong)


def _wrong(problem: Problem, heads: Mapping[str, int], found: Sequence[Table]) -> Wrong:
    if problem.row is None:
        return Wrong(problem, "")
    at_heading = heads.get(problem.sheet) == problem.row
    if at_heading and problem.message.code == "column-missing":
        return Wrong(problem, "", heading=True)
    place = Repair(problem.sheet, problem.row, problem.column, "")
    return Wrong(problem, place.place, _value(place, found), at_heading)


def _value(place: Repair, found: Sequence[Table]) -> str:
    for table in found:
        rows = {row.number: row for row in table.rows} if table.name == place.sheet else {}
        if place.row in rows:
            head = [written(cell) for cell in table.rows[heading_row(table)].cells]
            column = _column(head, place.column)
            return "" if column is None else written(rows[place.row].cell(column))
    return ""


def _column(head: Sequence[str], column: str) -> int | None:
    """The index of a column by its heading (the last of that name), or by its number where it has none."""
    if column in head:
        return len(head) - 1 - head[::-1].index(column)
    return min(int(column) - 1, 500) if column.isascii() and column.isdecimal() and int(column) else None


def with_typed(
    repairs: Iterable[Mapping[str, Any]], wrong: Iterable[Wrong], typed: Mapping[str, str]
) -> list[dict[str, Any]]:
    """The repairs with what was typed in place of wrong cells, by their places; the rest is ignored.

    Raises NotNow where there are more than `MOST_REPAIRS`.
    """
    stored = {(one["sheet"], one["row"], one["column"]): dict(one) for one in repairs}
    for one in wrong:
        if one.place not in typed or typed[one.place] == one.value:
            continue
        if repair := Repair.at(one.place, tidy(typed[one.place])[:LONGEST_TEXT]):
            stored[repair.sheet, repair.row, repair.column] = asdict(repair)
    if len(stored) > MOST_REPAIRS:
        raise NotNow(
            Message(
                "repairs-many",
                "More than {most} cells were mended here. Mend the file itself and upload it again.",
                most=MOST_REPAIRS,
            )
        )
    return list(stored.values())


def headings(kind: str, language: str) -> list[str]:
    """What a heading of such a table may be, for choosing one where a heading was not understood."""
    return [column.labels[language] for code, column in tables()[kind].items() if code not in UNREAD]
