"""XLSX files (ECMA-376), written straight into a zip that is sent while it is made, in flat memory.

Cells hold text, numbers or nothing; a text that begins like a formula is marked as quoted, and stays a text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from matching.reading.writing import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

Cell = str | int | float | None

LONGEST = 32_767
"""Characters of a cell; programs cut what is longer."""
_PIECE = 64 * 1024
_ILLEGAL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""What XML cannot hold."""
_BOLD, _QUOTED = 1, 2
"""Styles of cells by their place in `_STYLES`."""
_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill/></fill><fill><patternFill patternType="gray125"/></fill></fills>'
    "<borders><border/></borders><cellStyleXfs><xf/></cellStyleXfs>"
    '<cellXfs><xf/><xf fontId="1" applyFont="1"/><xf quotePrefix="1"/></cellXfs>'
    '<cellStyles><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)
_FROZEN = (
    '<sheetViews><sheetView workbookViewId="0"><pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" '
    'state="frozen"/></sheetView></sheetViews>'
)


class _Outlet:
    """What a zip is written into: it keeps what was not taken yet, and cannot go back."""

    def __init__(self) -> None:
        self.held = bytearray()

    def write(self, data: bytes) -> int:
        self.held += data
        return len(data)

    def flush(self) -> None:
        """Nothing waits behind it."""

    def taken(self) -> bytes:
        """All that was written since the last time."""
        held, self.held = bytes(self.held), bytearray()
        return held


def workbook(sheets: Mapping[str, Iterable[Iterable[Cell]]], *, headed: Iterable[str]) -> Iterator[bytes]:
    """A workbook of sheets by name, a piece at a time; the first row of those `headed` is bold and stays."""
    outlet, heads = _Outlet(), set(headed)
    with ZipFile(outlet, "w", ZIP_DEFLATED) as book:  # type: ignore[call-overload]  # all that it needs of a file
        for path, content in _frame(list(sheets)).items():
            book.writestr(path, _HEAD + content)
        for number, (name, rows) in enumerate(sheets.items(), 1):
            with book.open(f"xl/worksheets/sheet{number}.xml", "w") as part:
                for text in _sheet(rows, headed=name in heads):
                    part.write(text.encode())
                    if len(outlet.held) >= _PIECE:
                        yield outlet.taken()
    yield outlet.taken()


def _frame(names: list[str]) -> dict[str, str]:
    """By path: all parts of the package but its sheets."""
    numbers = range(1, len(names) + 1)
    parts = {"/xl/workbook.xml": "sheet.main", "/xl/styles.xml": "styles"}
    parts |= {f"/xl/worksheets/sheet{number}.xml": "worksheet" for number in numbers}
    types = "".join(
        f'<Override PartName="{path}" ContentType="{_KIND}.{kind}+xml"/>' for path, kind in parts.items()
    )
    listed = "".join(
        f'<sheet name="{_text(name)}" sheetId="{number}" r:id="rId{number}"/>'
        for number, name in enumerate(names, 1)
    )
    related = {f"rId{number}": ("worksheet", f"worksheets/sheet{number}.xml") for number in numbers}
    return {
        "[Content_Types].xml": f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>{types}</Types>',
        "_rels/.rels": _relations({"rId1": ("officeDocument", "xl/workbook.xml")}),
        "xl/workbook.xml": f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{listed}</sheets>'
        "</workbook>",
        "xl/_rels/workbook.xml.rels": _relations(related | {"rId0": ("styles", "styles.xml")}),
        "xl/styles.xml": _STYLES,
    }


def _relations(related: Mapping[str, tuple[str, str]]) -> str:
    inner = "".join(
        f'<Relationship Id="{id_}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for id_, (kind, target) in related.items()
    )
    return f'<Relationships xmlns="{_PACKAGE}/relationships">{inner}</Relationships>'


def _sheet(rows: Iterable[Iterable[Cell]], *, headed: bool) -> Iterator[str]:
    yield f'<worksheet xmlns="{_MAIN}">{_FROZEN if headed else ""}<sheetData>'
    for number, row in enumerate(rows, 1):
        bold = headed and number == 1
        cells = (_cell(f"{_column(place)}{number}", value, bold=bold) for place, value in enumerate(row))
        yield f'<row r="{number}">{"".join(cells)}</row>'
    yield "</sheetData></worksheet>"


def _column(place: int) -> str:
    """The letters of a column: A, Z, AA.

    >>> [_column(place) for place in (0, 25, 26, 701)]
    ['A', 'Z', 'AA', 'ZZ']
    """
    return (_column(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def _cell(place: str, value: Cell, *, bold: bool) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str):
        return f'<c r="{place}"><v>{value}</v></c>'
    style = _BOLD if bold else _QUOTED if guarded(value) != value else 0
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{_text(value)}</t></is></c>'


def _text(value: str) -> str:
    return escape(_ILLEGAL.sub("", value)[:LONGEST], {'"': "&quot;"})
