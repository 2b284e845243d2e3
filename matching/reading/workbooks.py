"""XLSX files from Excel, WPS and LibreOffice, read safely.

Before the workbook is read, its parts are measured and the cells of every sheet are counted, so that a small
archive cannot unpack into more than memory holds and a single cell in the last row cannot ask for a table of
a million rows. The same pass finds what a reader of values does not tell: cells with an error in them and
formulas whose result was never saved. These are reported, not taken as empty.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING
from xml.sax.saxutils import unescape

from matching.errors import UnreadableFile
from matching.messages import Message
from matching.reading.tables import MOST_COLUMNS, Cell, Row, Table, check_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

LARGEST_CONTENT = 300_000_000
"""Bytes of all parts of an archive, unpacked."""
MOST_PARTS = 2_000

_SHEET = re.compile(rb"<(?:\w+:)?sheet\b([^>]*)>")
_RELATION = re.compile(rb"<(?:\w+:)?Relationship\b([^>]*)>")
_CELL = re.compile(rb"<(?:\w+:)?(?:(c)\b([^>]*?)(/?)>|(row)\b([^>]*?)/?>)")
_REFERENCE = re.compile(rb"""\br\s*=\s*["']([A-Z]{1,3})(\d{1,7})["']""")
_ROW_NUMBER = re.compile(rb"""\br\s*=\s*["'](\d{1,7})["']""")
_VALUE = re.compile(rb"<(?:\w+:)?(?:v|is)(?:\s[^>/]*)?>(?!</)")
_FORMULA = re.compile(rb"<(?:\w+:)?f\b")
_END = re.compile(rb"</(?:\w+:)?c>")


def read_workbook(data: bytes, name: str) -> list[Table]:
    """All visible sheets of an XLSX file that hold anything.

    Raises:
        UnreadableFile: damaged, protected by a password, or too large once unpacked.
    """
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum

    broken = _inspect(data, name)
    tables = []
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
        for number, sheet in enumerate(workbook.sheets_metadata):
            if sheet.visible is not SheetVisibleEnum.Visible:
                continue
            content = workbook.get_sheet_by_index(number)
            rows = [
                Row(index, tuple(map(_cell, cells)))
                for index, cells in enumerate(content.to_python(skip_empty_area=False), 1)
            ]
            errors = broken.get(sheet.name, {})
            odd = {row for row, _ in errors}
            merged = _merged(rows, content.merged_cell_ranges or [])
            tables.append(
                Table(
                    sheet.name,
                    tuple(row for row in rows if row.number in odd or not row.is_empty),
                    merged=merged,
                    broken=errors,
                )
            )
    except CalamineError:
        raise _damaged(name) from None
    return [table for table in tables if table.rows]


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return value
    if isinstance(value, (int, float)):
        return Decimal(f"{value:.15g}")
    if isinstance(value, datetime):
        return value if value.time() != time() else value.date()
    if isinstance(value, date):
        return value
    if isinstance(value, (time, timedelta)):
        return str(value)
    return str(value) or None


def _merged(
    rows: list[Row], ranges: list[tuple[tuple[int, int], tuple[int, int]]]
) -> dict[tuple[int, int], Cell]:
    """The value of every cell that lies below the first one of a merged block, by row number and column."""
    covered: dict[tuple[int, int], Cell] = {}
    for (top, left), (bottom, _) in ranges:
        if top < len(rows):
            for row in range(top + 1, min(bottom + 1, len(rows))):
                covered[row + 1, left] = rows[top].cell(left)
    return covered


def _inspect(data: bytes, name: str) -> Mapping[str, dict[tuple[int, int], str]]:
    """Measure the archive and find the broken cells of every sheet, by sheet name."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            if len(parts) > MOST_PARTS or sum(part.file_size for part in parts) > LARGEST_CONTENT:
                raise UnreadableFile(
                    Message("workbook-too-large", "“{file}” is too large once unpacked; split it.", file=name)
                )
            targets = {
                attributes["Id"]: attributes["Target"]
                for attributes in _elements(_RELATION, archive.read("xl/_rels/workbook.xml.rels"))
            }
            found = {}
            for attributes in _elements(_SHEET, archive.read("xl/workbook.xml")):
                target = posixpath.normpath(posixpath.join("/xl", targets[attributes["id"]])).removeprefix(
                    "/"
                )
                if "worksheets/" in target:
                    found[attributes["name"]] = _scan(archive.read(target), name)
            return found
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, OSError):
        raise _damaged(name) from None


def _elements(pattern: re.Pattern[bytes], content: bytes) -> list[dict[str, str]]:
    return [
        {
            key.rpartition(":")[2]: unescape(value, {"&quot;": '"', "&apos;": "'"})
            for key, _, value in re.findall(
                r"""([\w:]+)\s*=\s*(["'])(.*?)\2""", match[1].decode("utf-8", "replace")
            )
        }
        for match in pattern.finditer(content)
    ]


def _scan(content: bytes, name: str) -> dict[tuple[int, int], str]:
    """Cells with an error or an unsaved result; refuses a sheet that reaches too far."""
    broken: dict[tuple[int, int], str] = {}
    row = column = filled = 0
    for match in _CELL.finditer(content):
        if match[4]:
            number = _ROW_NUMBER.search(match[5])
            row, column = int(number[1]) if number else row + 1, 0
            continue
        reference = _REFERENCE.search(match[2])
        if reference:
            row, column = int(reference[2]), _column(reference[1])
        else:
            column += 1
        if match[3]:
            continue
        end = _END.search(content, match.end())
        inner = content[match.end() : end.start() if end else None]
        if re.search(rb"""\bt\s*=\s*["']e["']""", match[2]):
            broken[row, column - 1] = re.sub(rb"<[^>]*>", b"", inner).decode("utf-8", "replace")
        elif (
            _FORMULA.search(inner)
            and not _VALUE.search(inner)
            and not re.search(rb"""\bt\s*=\s*["']str["']""", match[2])
        ):
            broken[row, column - 1] = "=" + re.sub(rb"<[^>]*>", b"", inner).decode("utf-8", "replace")
        elif not _VALUE.search(inner):
            continue
        filled = max(filled, row)
        if column > MOST_COLUMNS:
            raise UnreadableFile(
                Message(
                    "columns-too-many", "“{file}” has more than {most} columns.", file=name, most=MOST_COLUMNS
                )
            )
    check_rows(filled, name)
    return broken


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def _damaged(name: str) -> UnreadableFile:
    return UnreadableFile(
        Message(
            "workbook-damaged",
            "“{file}” is damaged, or protected by a password; open it, save it again as XLSX "
            "without a password.",
            file=name,
        )
    )
