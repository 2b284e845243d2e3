"""Tables to records: which table holds what, where its headings are, what language it is in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from matching.errors import Problem
from matching.messages import Message
from matching.reading.columns import (
    COOPERATIONS,
    IGNORED,
    NEEDS,
    OFFERS,
    ORGANIZATIONS,
    PROFILES,
    Heading,
    count_headings,
    find_column,
    find_sheet,
    heading_language,
    nearest_column,
    tables,
)
from matching.reading.records import Record, written

if TYPE_CHECKING:
    from matching.reading.tables import Row, Table

_SEARCHED = 10


@dataclass(slots=True)
class Sheets:
    """All records of a source, by what they are; `fatal` says that a table could not be read at all."""

    language: str | None = None
    currency: str | None = None
    records: dict[str, list[Record]] = field(
        default_factory=lambda: {PROFILES: [], ORGANIZATIONS: [], COOPERATIONS: []}
    )
    problems: list[Problem] = field(default_factory=list)
    fatal: bool = False

    def add_all(self, found: list[Table], *, as_sheet: str | None, stem: str) -> None:
        """Take every table of a file for what its name, the caller or the file's name says it is."""
        for table in found:
            named = find_sheet(table.name) if table.name else None
            if named in {"instructions", "lists"}:
                continue
            alone = len(found) == 1
            if alone:
                named = as_sheet or named or _plain(find_sheet(stem))
            if named is None and not alone and not self._has_side(table):
                self.problems.append(
                    Problem(
                        None,
                        table.name,
                        "",
                        Message(
                            "sheet-unknown",
                            "This sheet is not read; name it “needs”, “offers”, “organizations” or "
                            "“cooperations”, or begin its name with #.",
                        ),
                        table.name,
                    )
                )
                continue
            self.add(table, named, table.name or "")

    def add(self, table: Table, named: str | None, sheet: str) -> None:
        """Take one table as `named` (needs, offers, organizations, cooperations; None: by its rows)."""
        kind = named if named in {ORGANIZATIONS, COOPERATIONS} else PROFILES
        if not table.rows:
            return
        start = heading_row(table)
        head = table.rows[start]
        headings = self._headings(kind, head, table, sheet, named)
        if headings is None:
            self.fatal = True
            return
        words = [heading for _, heading, _ in headings.values()]
        language = self.language or (None if table.keyed else heading_language(kind, words))
        for row in table.rows[start + 1 :]:
            record = Record(table, row, headings, self.problems, sheet, language, self.currency)
            record.check_cells()
            self._check_extra(record, head, sheet)
            if record.failed or any(record.given(code) for code in headings):
                record.side = {NEEDS: "need", OFFERS: "offer"}.get(named or "", "")
                self.records[kind].append(record)

    def _headings(
        self, kind: str, head: Row, table: Table, sheet: str, named: str | None
    ) -> dict[str, tuple[int, str, Heading]] | None:
        """The columns of a table by code; None (with problems) where they contradict or lack each other."""
        found: dict[str, tuple[int, str, Heading]] = {}
        number = None if table.keyed else head.number
        sound = True
        for index, cell in enumerate(head.cells):
            text = written(cell)
            if not text:
                continue
            heading = find_column(kind, text)
            if heading is None:
                self.problems.append(Problem(number, text, "", _unknown(kind, text), sheet))
            elif heading.code == IGNORED:
                continue
            elif heading.code in found:
                sound = False
                first = found[heading.code][1]
                message = Message(
                    "heading-twice",
                    "“{first}” already says the same as this heading; delete one of the two "
                    "columns, or begin its heading with #.",
                    first=first,
                )
                self.problems.append(Problem(number, text, "", message, sheet))
            else:
                found[heading.code] = (index, text, heading)
        for code, column in tables()[kind].items():
            if column.required and code not in found:
                sound = False
                self._lacks(code, number, sheet)
        if kind == PROFILES and named is None and "side" not in found:
            sound = False
            self._lacks("side", number, sheet)
        return found if sound else None

    def _lacks(self, code: str, number: int | None, sheet: str) -> None:
        message = Message("column-missing", "This column is missing; add it.")
        self.problems.append(Problem(number, code, "", message, sheet))

    def _check_extra(self, record: Record, head: Row, sheet: str) -> None:
        """Report cells that stand in no column, the usual sign of a separator inside an unquoted cell."""
        for index in range(len(head.cells), len(record.row.cells)):
            if value := written(record.row.cells[index]):
                record.failed = True
                self.problems.append(
                    Problem(
                        record.row.number,
                        str(index + 1),
                        value[:80],
                        Message(
                            "cell-outside",
                            "This cell stands outside the columns; put quotation marks around "
                            "cells that contain the separator.",
                        ),
                        sheet,
                    )
                )

    def _has_side(self, table: Table) -> bool:
        head = table.rows[heading_row(table)]
        return any(
            (found := find_column(PROFILES, written(cell))) and found.code == "side" for cell in head.cells
        )


def _plain(sheet: str | None) -> str | None:
    return sheet if sheet in {NEEDS, OFFERS, ORGANIZATIONS, COOPERATIONS} else None


def heading_row(table: Table) -> int:
    """The index of the row with the headings: the first of ten in which at least half of the cells are."""
    if table.keyed:
        return 0
    best, most = 0, 0
    for index, row in enumerate(table.rows[:_SEARCHED]):
        filled = [cell for cell in row.cells if written(cell)]
        hits = count_headings(filled)
        if hits >= 2 and 2 * hits >= len(filled):
            return index
        if hits > most:
            best, most = index, hits
    return best


def _unknown(kind: str, text: str) -> Message:
    near = nearest_column(kind, text)
    if near:
        return Message(
            "heading-unknown",
            "This heading is not known; did you mean “{near}”? Begin it with # to have the column left out.",
            near=near,
        )
    return Message(
        "heading-unknown-at-all",
        "This heading is not known; begin it with # to have the column left out, or take a heading "
        "of the template.",
    )
