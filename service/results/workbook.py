"""A match run as a spreadsheet: pairings, who got nothing, what was not used, the certificate.

Every text is stored as text, so that nothing in it can act as a formula; amounts are numbers.
"""

from __future__ import annotations

import csv
from functools import cache
from io import BytesIO, StringIO
from itertools import zip_longest
from typing import TYPE_CHECKING, TypeAlias

from matching.reading.writing import guarded
from matching.vocabulary import default_vocabulary
from service.i18n import catalogue, number_text, percent_text
from service.results.words import PARTS, certificate_rows, names_of, part_name, text_width, whole
from service.wording import quantity_text, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from openpyxl import Workbook
    from openpyxl.cell.cell import Cell, MergedCell
    from openpyxl.worksheet.worksheet import Worksheet

    from matching.messages import Message, Quantity
    from matching.outcome import Matching, Pairing, Unmatched

Value: TypeAlias = "str | int | float | Quantity | None"
_WIDEST = 48
_NARROWEST = 9
_ACCENT = "0F766E"


def write_workbook(matching: Matching, path: Path, title: str, language: str) -> None:
    """Write the result to an XLSX file at `path`, in the reader's language."""
    from openpyxl import Workbook

    _ = catalogue(language).gettext
    names = names_of(matching, language)
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.title = title
    book.properties.creator = "Qiao"
    _sheet(book, _("Pairings"), *_pairings(matching, language, names))
    for heading, profile, items in (
        (_("Unmatched"), _("Need"), matching.unmatched),
        (_("Not used"), _("Offer"), matching.idle),
    ):
        _sheet(book, heading, *_reasons(profile, items, language, names))
    rows = [[name, value] for name, value in certificate_rows(matching, language, names)]
    _sheet(book, _("Certificate"), [_("What"), _("Value")], rows)
    book.save(path)


def sheet_bytes(title: str, headings: Sequence[str], rows: Sequence[Sequence[Value]]) -> bytes:
    """One table as an XLSX file."""
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.creator = "Qiao"
    _sheet(book, title, headings, rows)
    held = BytesIO()
    book.save(held)
    return held.getvalue()


def csv_bytes(headings: Sequence[str], rows: Sequence[Sequence[Value]]) -> bytes:
    """One table as a CSV file that spreadsheets open as UTF-8; no text in it can act as a formula."""
    held = StringIO(newline="")
    writer = csv.writer(held)
    for row in (headings, *rows):
        writer.writerow(guarded(value) if isinstance(value, str) else value for value in row)
    return held.getvalue().encode("utf-8-sig")


def _pairings(
    matching: Matching, language: str, names: Mapping[str, str]
) -> tuple[list[str], list[list[Value]]]:
    _ = catalogue(language).gettext
    parts = [part for part in PARTS if any(part in pairing.parts for pairing in matching.pairings)]
    headings = [
        _("Need"),
        _("Organization in need"),
        _("Offer"),
        _("Organization giving"),
        _("Money"),
        _("In kind"),
        _("Score"),
        _("Why"),
        _("Attention"),
        *(part_name(part, language) for part in parts),
        _("Need's id"),
        _("Offer's id"),
    ]
    return headings, [_pairing(pairing, parts, language, names) for pairing in matching.pairings]


def _pairing(pairing: Pairing, parts: Sequence[str], language: str, names: Mapping[str, str]) -> list[Value]:
    need, offer = pairing.need, pairing.offer
    money = [quantity for quantity in pairing.amounts if quantity.unit in _currencies()]
    others = [quantity for quantity in pairing.amounts if quantity not in money[:1]]
    return [
        need.title,
        need.organization.name,
        offer.title,
        offer.organization.name,
        money[0] if money else None,
        " + ".join(quantity_text(quantity, language) for quantity in others),
        pairing.score,
        _sentences(pairing.evidence, language, names),
        _sentences(pairing.flags, language, names),
        *(pairing.parts.get(part, 0.0) for part in parts),
        need.id,
        offer.id,
    ]


def _reasons(
    profile: str, items: Iterable[Unmatched], language: str, names: Mapping[str, str]
) -> tuple[list[str], list[list[Value]]]:
    _ = catalogue(language).gettext
    headings = [profile, _("Organization"), _("Why"), _("What would change it"), _("Id")]
    rows: list[list[Value]] = [
        [
            item.profile.title,
            item.profile.organization.name,
            say(item.reason, language, names),
            say(item.remedy, language, names),
            item.profile.id,
        ]
        for item in items
    ]
    return headings, rows


def _sentences(messages: Iterable[Message], language: str, names: Mapping[str, str]) -> str:
    return "\n".join(say(message, language, names) for message in messages)


def _sheet(book: Workbook, title: str, headings: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.properties import PageSetupProperties

    sheet: Worksheet = book.create_sheet(title)
    for number, row in enumerate([headings, *rows], 1):
        for column, value in enumerate(row, 1):
            cell = sheet.cell(number, column)
            _fill(cell, value)
            cell.alignment = Alignment(
                vertical="top", wrap_text=True, horizontal="left" if isinstance(value, str) else None
            )
    for cell in sheet[1]:
        cell.font = Font(bold=True, color="FFFFFF")
        cell.fill = PatternFill("solid", fgColor=_ACCENT)
    for column, values in enumerate(zip_longest(headings, *rows), 1):
        width = max((_width(value) for value in values if value is not None), default=_NARROWEST)
        sheet.column_dimensions[get_column_letter(column)].width = min(max(width + 2, _NARROWEST), _WIDEST)
    sheet.freeze_panes = "A2"
    if rows:
        sheet.auto_filter.ref = sheet.dimensions
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.fitToHeight = 0
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.print_title_rows = "1:1"


def _fill(cell: Cell | MergedCell, value: Value) -> None:
    if value is None or value == "":
        return
    if isinstance(value, str):
        # A text that begins like a formula stays a text, here and after it is edited.
        cell.value = _storable(value)
        cell.data_type = "s"
        cell.quotePrefix = value[0] in "=+-@\t\r"
    elif isinstance(value, float):
        cell.value = value
        cell.number_format = "0.0%"
    elif isinstance(value, int):
        cell.value = value
    else:
        amount = whole(value.amount)
        cell.value = amount
        cell.number_format = f'#,##0{"" if isinstance(amount, int) else ".00"} "{value.unit}"'


def _storable(text: str) -> str:
    """The text without the control characters that the format forbids, cut to what one cell can hold."""
    from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

    return str(ILLEGAL_CHARACTERS_RE.sub("", text))[:32_767]


def _width(value: Value) -> int:
    if isinstance(value, str):
        return max((text_width(line) for line in value.splitlines()), default=0)
    if isinstance(value, float):
        return len(percent_text(value, "en")) + 2
    if isinstance(value, int):
        return len(number_text(value, "en"))
    return 0 if value is None else len(str(value)) + 2


@cache
def _currencies() -> frozenset[str]:
    return frozenset(default_vocabulary().codes("currencies"))
