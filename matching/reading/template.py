"""The empty spreadsheet that people fill in, in any of the five languages.

Sheets: instructions (one line of help and an example for every column), needs, offers, organizations (or, in
a template of its own, cooperations), and the lists of words. Headings carry their help as a comment; required
ones are yellow; columns that take one word of a list, or yes and no, have a drop-down. The table sheets are
empty below their headings, so nothing has to be deleted before use, and the reader takes the file back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.errors import UnknownName
from matching.messages import Message
from matching.reading.columns import (
    ANSWERS,
    COOPERATIONS,
    IGNORED,
    LANGUAGES,
    NEEDS,
    OFFERS,
    ORGANIZATIONS,
    PROFILES,
    SCHEMES,
    tables,
)
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from openpyxl.worksheet.worksheet import Worksheet

    from matching.reading.columns import Column

LAST_ROW = 1_000
"""Drop-downs reach down to this row."""
_CHOICES = frozenset({"kind", "organization_kind", "unit", "inspection", "rating"}) | ANSWERS
_WORDS = {
    "zh-Hans": ("是", "否", "合格", "不合格"),
    "zh-Hant": ("是", "否", "合格", "不合格"),
    "en": ("yes", "no", "passed", "failed"),
    "ru": ("да", "нет", "пройдена", "не пройдена"),
    "es": ("sí", "no", "aprobada", "no aprobada"),
}
_REQUIRED, _OPTIONAL = "FFF2CC", "E7E6E6"


def template_columns(sheet: str) -> list[Column]:
    """The columns of one sheet of the template: needs, offers, organizations or cooperations."""
    if sheet == COOPERATIONS:
        return [one for code, one in tables()[sheet].items() if code not in {"synthetic", IGNORED}]
    if sheet == ORGANIZATIONS:
        return list(tables()[ORGANIZATIONS].values())
    sides = {"both", "need" if sheet == NEEDS else "offer"}
    facts = {
        code
        for code in tables()[ORGANIZATIONS]
        if code not in {"id", "places", "synthetic", "source", IGNORED}
    }
    left_out = facts | {"side", "organization_kind", "organization_places"}
    # A resource line names its organization only; the facts stand on the sheet of organizations.
    return [
        column
        for code, column in tables()[PROFILES].items()
        if column.side in sides and (code not in left_out or code == "kind")
    ]


def write_template(path: Path, language: str, names: Sequence[str] = (NEEDS, OFFERS, ORGANIZATIONS)) -> None:
    """Write the template in `language` to an XLSX file at `path`, with these sheets to fill in.

    Raises:
        UnknownName: `language` is none of the five.
    """
    if language not in LANGUAGES:
        raise UnknownName(
            Message("unknown-language", "There is no template in “{language}”.", language=language), LANGUAGES
        )
    from openpyxl import Workbook

    book = Workbook()
    book.remove(book.worksheets[0])
    titles = {code: column.labels[language] for code, column in tables()["sheet"].items()}
    instructions = book.create_sheet(titles["instructions"])
    sheets = {name: book.create_sheet(titles[name]) for name in names}
    lists = book.create_sheet(titles["lists"])
    ranges = _write_lists(lists, language)
    for name, sheet in sheets.items():
        _write_headings(sheet, name, language, ranges)
    _write_instructions(instructions, language, names)
    book.save(path)


def _write_lists(sheet: Worksheet, language: str) -> dict[str, str]:
    """All words of every scheme, a column each; gives the range of each list for the drop-downs."""
    from openpyxl.utils import get_column_letter

    vocabulary = default_vocabulary()
    profiles, organizations = tables()[PROFILES], tables()[ORGANIZATIONS]
    yes, no, passed, failed = _WORDS[language]
    lists = {
        "kind": (profiles["kind"].labels[language], _labels("kinds", language)),
        "unit": (
            profiles["unit"].labels[language],
            [*vocabulary.codes("currencies"), *_labels("units", language)],
        ),
        "organization_kind": (
            organizations["kind"].labels[language],
            _labels("organization_kinds", language),
        ),
        **{
            code: (profiles[code].labels[language], _labels(SCHEMES[code], language))
            for code in ("themes", "groups", "goals", "places")
        },
        "answer": (f"{yes} / {no}", [yes, no]),
        "inspection": (profiles["inspection"].labels[language], [passed, failed]),
        "rating": (profiles["rating"].labels[language], ["1A", "2A", "3A", "4A", "5A"]),
    }
    ranges = {}
    for number, (code, (title, words)) in enumerate(lists.items(), 1):
        _style(sheet, 1, number, title, _OPTIONAL)
        for row, word in enumerate(words, 2):
            sheet.cell(row, number, word)
        letter = get_column_letter(number)
        sheet.column_dimensions[letter].width = 28
        name = sheet.title.replace("'", "''")
        ranges[code] = f"'{name}'!${letter}$2:${letter}${len(words) + 1}"
    sheet.freeze_panes = "A2"
    return ranges


def _labels(scheme: str, language: str) -> list[str]:
    """Labels, or the code where a label does not lead back to its own code."""
    vocabulary = default_vocabulary()
    labels = {code: vocabulary.label(scheme, code, language) for code in vocabulary.codes(scheme)}
    return [label if vocabulary.resolve(scheme, label) == code else code for code, label in labels.items()]


def _write_headings(sheet: Worksheet, name: str, language: str, ranges: dict[str, str]) -> None:
    from openpyxl.comments import Comment
    from openpyxl.utils import get_column_letter
    from openpyxl.worksheet.datavalidation import DataValidation

    for number, column in enumerate(template_columns(name), 1):
        letter = get_column_letter(number)
        _style(sheet, 1, number, column.labels[language], _REQUIRED if column.required else _OPTIONAL)
        comment = Comment(column.help[language], "Qiao", height=90, width=260)
        sheet.cell(1, number).comment = comment
        sheet.column_dimensions[letter].width = 44 if column.code in {"title", "text"} else 18
        if column.code in _CHOICES:
            code = "answer" if column.code in ANSWERS else column.code
            if name == ORGANIZATIONS and code == "kind":
                code = "organization_kind"
            # Other words are allowed as well: the reader knows all five languages.
            choice = DataValidation("list", formula1=ranges[code], allow_blank=True, showErrorMessage=False)
            choice.add(f"{letter}2:{letter}{LAST_ROW}")
            sheet.add_data_validation(choice)
    sheet.freeze_panes = "A2"


def _write_instructions(sheet: Worksheet, language: str, names: Sequence[str]) -> None:
    from openpyxl.styles import Alignment, Font

    row = 1
    for name in ("instructions", *names, "lists"):
        heading = tables()["sheet"][name]
        sheet.cell(row, 1, heading.labels[language]).font = Font(bold=True, size=13)
        sheet.cell(row, 2, heading.help[language]).alignment = Alignment(wrap_text=True, vertical="top")
        row += 1
        for column in template_columns(name) if name in names else ():
            _style(sheet, row, 1, column.labels[language], _REQUIRED if column.required else _OPTIONAL)
            sheet.cell(row, 2, column.help[language]).alignment = Alignment(wrap_text=True, vertical="top")
            row += 1
        row += 1
    sheet.column_dimensions["A"].width = 32
    sheet.column_dimensions["B"].width = 90


def _style(sheet: Worksheet, row: int, column: int, text: str, colour: str) -> None:
    from openpyxl.styles import Alignment, Font, PatternFill

    cell = sheet.cell(row, column, text)
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor=colour)
    cell.alignment = Alignment(wrap_text=True, vertical="top")
