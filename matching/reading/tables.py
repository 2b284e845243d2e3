"""Files to tables: CSV, TSV, XLSX, JSON and JSON-lines, as people have them.

A table is a list of rows with the number that the person sees beside each. Cells keep the type that the
file gives them: a number typed in a spreadsheet stays a number, the text of a CSV file stays text. What the
columns mean is not known here; only `headings`, which counts the headings that a list of words holds,
helps to tell encodings and separators apart.
"""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, cast

from matching.errors import UnreadableFile
from matching.messages import Message
from matching.reading.decoding import decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

Cell = str | Decimal | bool | date | None

MOST_ROWS = 200_000
MOST_COLUMNS = 500
LONGEST_TEXT = 20_000
"""Signs in one cell. Longer ones are cut off by no reader: they are refused row by row."""
LARGEST_FILE = 100_000_000
_SEPARATORS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Row:
    """One row as it stands in the file; `number` counts from 1 and includes headings and empty rows."""

    number: int
    cells: tuple[Cell, ...]

    def cell(self, column: int) -> Cell:
        """The cell in a column counted from 0; None past the end of the row."""
        return self.cells[column] if column < len(self.cells) else None

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in any cell."""
        return all(cell is None or (isinstance(cell, str) and not cell.strip()) for cell in self.cells)


@dataclass(frozen=True, slots=True)
class Table:
    """One sheet, file or list. `rows` leave out the empty ones."""

    name: str
    rows: tuple[Row, ...]
    keyed: bool = False
    """Whether the first row holds keys of a JSON object instead of headings that a person wrote."""
    merged: Mapping[tuple[int, int], Cell] = field(default_factory=dict)
    """Value of a cell that lies under a merged one above it, by row number and column from 0."""
    broken: Mapping[tuple[int, int], str] = field(default_factory=dict)
    """Cells that hold an error or a formula without a result, by row number and column from 0."""


def read_tables(path: Path, headings: Callable[[Sequence[str]], int]) -> list[Table]:
    """All tables of a file; their names are those of the sheets or lists, empty where there is only one.

    Raises:
        UnreadableFile: no file, too large, another format, an unclear encoding, broken quotes or JSON.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_FILE:
            raise UnreadableFile(
                Message(
                    "file-too-large", "“{file}” is too large; split it into several files.", file=path.name
                )
            )
        data = path.read_bytes()
    except OSError as error:
        raise UnreadableFile(
            Message(
                "file-missing", "“{file}” cannot be opened: {why}.", file=path.name, why=error.strerror or ""
            )
        ) from None
    kind = path.suffix.casefold()
    if data.startswith(b"PK\x03\x04") and kind in {".xlsx", ".xlsm", ""}:
        from matching.reading.workbooks import read_workbook

        return read_workbook(data, path.name)
    if data.startswith((b"\xd0\xcf\x11\xe0", b"PK", b"%PDF")) or kind in {
        ".xls",
        ".et",
        ".ods",
        ".xlsx",
        ".xlsm",
    }:
        raise UnreadableFile(
            Message(
                "format-unknown", "“{file}” is not a CSV, XLSX or JSON file; save it as XLSX.", file=path.name
            )
        )
    if kind in {".json", ".jsonl", ".ndjson"}:
        return _json(data, path.name, lines=kind != ".json")
    return [_delimited(data, headings, path.name)]


def check_rows(count: int, name: str) -> None:
    """Refuse a table with too many rows.

    Raises:
        UnreadableFile: more than `MOST_ROWS`.
    """
    if count > MOST_ROWS:
        raise UnreadableFile(
            Message(
                "rows-too-many", "“{file}” has more than {most} rows; split it.", file=name, most=MOST_ROWS
            )
        )


def _delimited(data: bytes, headings: Callable[[Sequence[str]], int], name: str) -> Table:
    def best(text: str) -> tuple[int, int, str]:
        top = text[:50_000]
        return max((_hits(top, sign, headings), _width(top, sign), sign) for sign in _SEPARATORS)

    text = decode(data, lambda text: best(text)[0], name=name)
    separator = best(text)[2]
    rows = []
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if number == 1 and len(cells) <= 2 and "".join(cells).casefold().startswith("sep="):
                continue
            row = Row(number, tuple(cells))
            if not row.is_empty:
                rows.append(row)
                check_rows(len(rows), name)
    except csv.Error:
        raise UnreadableFile(
            Message(
                "quotes-broken",
                "“{file}” has a quotation mark out of place after row {row}, or an endless cell; "
                'write "" for " inside a cell.',
                file=name,
                row=number,
            )
        ) from None
    return Table("", tuple(rows))


def _first_rows(text: str, separator: str) -> list[list[str]]:
    return list(islice(csv.reader(io.StringIO(text, newline=""), delimiter=separator), 10))


def _hits(text: str, separator: str, headings: Callable[[Sequence[str]], int]) -> int:
    return max((headings(row) for row in _first_rows(text, separator)), default=0)


def _width(text: str, separator: str) -> int:
    return max((len(row) for row in _first_rows(text, separator)), default=0)


def _json(data: bytes, name: str, *, lines: bool) -> list[Table]:
    text = decode(data, lambda _: 0, name=name)
    if lines:
        items = []
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                items.append((number, _parse_json(line, name, number)))
        return [_records(items, "", name)]
    whole = _parse_json(text, name, None)
    if isinstance(whole, list):
        return [_records(list(enumerate(whole, 1)), "", name)]
    if isinstance(whole, dict) and all(isinstance(value, list) for value in whole.values()):
        return [_records(list(enumerate(value, 1)), key, name) for key, value in whole.items()]
    raise UnreadableFile(
        Message(
            "json-shape",
            "“{file}” must hold a list of needs and offers, or an object with the lists “needs” "
            "and “offers”.",
            file=name,
        )
    )


def _parse_json(text: str, name: str, row: int | None) -> object:
    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError
        return found

    def never(constant: str) -> object:
        raise ValueError(constant)

    try:
        return cast(
            "object",
            json.loads(
                text, parse_float=Decimal, parse_int=Decimal, parse_constant=never, object_pairs_hook=once
            ),
        )
    except (ValueError, RecursionError, ArithmeticError) as error:
        line = row if row is not None else getattr(error, "lineno", 1)
        raise UnreadableFile(
            Message(
                "json-broken",
                "“{file}” is not valid JSON near line {line}, or names a field twice.",
                file=name,
                line=line,
            )
        ) from None


def _records(items: list[tuple[int, object]], table: str, name: str) -> Table:
    """Objects as rows under one list of keys; `lines` of an object become further rows."""
    check_rows(len(items), name)
    records: list[tuple[int, dict[str, Cell]]] = []
    for number, item in items:
        if not isinstance(item, dict):
            raise _odd(name, number)
        inner = item.get("lines", [{}])
        if not isinstance(inner, list) or not inner or not all(isinstance(line, dict) for line in inner):
            raise _odd(name, number)
        outer = {key: value for key, value in item.items() if key != "lines"}
        for line in inner:
            if set(line) & set(outer):
                raise _odd(name, number)
            records.append(
                (number, {key: _scalar(value, name, number) for key, value in {**outer, **line}.items()})
            )
    keys = list(dict.fromkeys(key for _, record in records for key in record))
    rows = [Row(number, tuple(record.get(key) for key in keys)) for number, record in records]
    return Table(table, (Row(0, tuple(keys)), *(row for row in rows if not row.is_empty)), keyed=True)


def _scalar(value: object, name: str, number: int) -> Cell:
    if isinstance(value, list) and all(isinstance(item, str) and ";" not in item for item in value):
        return ";".join(value)
    if value is None or isinstance(value, (str, Decimal, bool)):
        return value
    raise _odd(name, number)


def _odd(name: str, number: int) -> UnreadableFile:
    return UnreadableFile(
        Message(
            "json-record",
            "Entry {number} of “{file}” is not an object with texts, numbers, yes-or-no values and "
            "lists of texts.",
            file=name,
            number=number,
        )
    )
