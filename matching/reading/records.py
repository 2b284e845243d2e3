"""One row of a table as typed values; what cannot be read becomes a problem, never a guess.

A `Record` knows where it stands (sheet, row, heading of each column), so that every problem can say so. Text
is stored cleaned: Unicode NFC, no control characters, no invisible marks or direction overrides, spaces
collapsed, line breaks kept; Traditional signs stay Traditional. An apostrophe before `=`, `+`, `-`, `@` or a
tab, as spreadsheets and our own writer put it there to stop formulas, is taken off.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, TypeVar

from matching.errors import Problem
from matching.messages import Message, Quantity, Term
from matching.reading.columns import AMOUNTS, LINE_COLUMNS, SCHEMES
from matching.reading.dates import parse_date
from matching.reading.numerals import InvalidValue, find_number
from matching.reading.quantities import (
    exact_amount,
    parse_amount,
    parse_count,
    parse_inspection,
    parse_rating,
    parse_unit,
    parse_yes_no,
)
from matching.reading.tables import LONGEST_TEXT
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from matching.reading.columns import Heading
    from matching.reading.tables import Cell, Row, Table

T = TypeVar("T")

SEPARATORS = ";；、|\n"
LONGEST_ID = 100
GUARD = re.compile(r"'*[=+\-@\t＝＋－＠]")
"""A text that a spreadsheet could take for a formula, with the apostrophes that already guard it."""

_LANGUAGES: Mapping[str, frozenset[str]] = {
    language: frozenset(words.split("|"))
    for language, words in {
        "zh-Hans": "zh-hans|zh-cn|简体中文|簡體中文|简体|simplified chinese|упрощённый китайский|"
        "упрощенный китайский|chino simplificado",
        "zh-Hant": "zh-hant|zh-tw|zh-hk|繁體中文|繁体中文|繁體|繁体|正體中文|traditional chinese|"
        "традиционный китайский|chino tradicional",
        "en": "en|英语|英語|英文|english|английский|английский язык|inglés|ingles",
        "ru": "ru|俄语|俄語|俄文|russian|русский|русский язык|ruso",
        "es": "es|西班牙语|西班牙語|西班牙文|spanish|испанский|испанский язык|español|castellano",
        "zh": "zh|中文|汉语|漢語|华语|華語|普通话|普通話|国语|國語|chinese|mandarin|"
        "китайский|китайский язык|chino|mandarín",
    }.items()
}


JOINER = "\u200d"
"""Holds several emoji together as one; the one invisible character that is kept."""


def clean_text(text: str) -> str:
    """`text` as it is stored: several lines, nothing invisible."""
    lines = re.sub(r"\r\n?|[\x0b\x0c\x85\u2028\u2029]", "\n", unicodedata.normalize("NFC", text)).split("\n")
    kept = [
        " ".join(
            "".join(
                s
                for s in line
                if s.isspace() or s == JOINER or unicodedata.category(s) not in {"Cc", "Cf", "Cs"}
            ).split()
        )
        for line in lines
    ]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def written(cell: Cell) -> str:
    """A cell as a person sees it."""
    match cell:
        case None:
            return ""
        case bool():
            return "yes" if cell else "no"
        case Decimal():
            return f"{cell:f}"
        case date():
            return cell.isoformat()
        case _:
            return cell.strip()


@dataclass(slots=True)
class Record:
    """One row with the means to read it; problems go to `problems` and set `failed`."""

    table: Table
    row: Row
    headings: Mapping[str, tuple[int, str, Heading]]
    problems: list[Problem]
    sheet: str
    language: str | None = None
    currency: str | None = None
    side: str = ""
    failed: bool = False

    def cell(self, code: str) -> Cell:
        """The raw cell of a column; a block merged downwards counts for every row it covers."""
        if code not in self.headings:
            return None
        column = self.headings[code][0]
        place = (self.row.number, column)
        if place in self.table.merged and code not in LINE_COLUMNS:
            return self.table.merged[place]
        return self.row.cell(column)

    def given(self, code: str) -> str:
        """What stands in a column, for comparing and for showing; empty where nothing does."""
        return written(self.cell(code))

    def fail(self, code: str, message: Message) -> None:
        """Report a problem with what stands in a column."""
        heading = self.headings[code][1] if code in self.headings else code
        value = self.given(code)
        shown = value if len(value) <= 80 else f"{value[:79]}…"
        self.failed = True
        self.problems.append(Problem(self.row.number, heading, shown, message, self.sheet))

    def check_cells(self) -> None:
        """Report cells that hold an error, an unsaved formula or too much text, and merged amounts."""
        for code, (column, _, _) in self.headings.items():
            place = (self.row.number, column)
            if place in self.table.broken:
                self.fail(
                    code,
                    Message(
                        "cell-broken",
                        "This cell holds an error or a formula without a saved result ({content}); "
                        "write the value.",
                        content=self.table.broken[place][:80],
                    ),
                )
            if place in self.table.merged and code in LINE_COLUMNS:
                self.fail(code, Message("cell-merged", "This cell is merged with the one above; split them."))
            if len(self.given(code)) > LONGEST_TEXT:
                self.fail(
                    code,
                    Message(
                        "text-too-long",
                        "This text is longer than {most} signs; shorten it.",
                        most=LONGEST_TEXT,
                    ),
                )

    def text(self, code: str) -> str:
        """Cleaned text, with its line breaks."""
        value = self.given(code)
        if not value:
            return ""
        if re.match(r"'+[=+\-@\t＝＋－＠]", value):
            value = value[1:]
        return clean_text(value)

    def line(self, code: str) -> str:
        """Cleaned text in one line."""
        return " ".join(self.text(code).split())

    def names(self, code: str) -> tuple[str, ...]:
        """Several names or ids in one cell, in their order, each once."""
        text = self.text(code)
        return tuple(
            dict.fromkeys(filter(None, (part.strip() for part in re.split(f"[{SEPARATORS}]", text))))
        )

    def identifier(self, code: str) -> str:
        """An id; reports one that is too long or could not be told apart in a list of ids."""
        value = self.text(code)
        if len(value) > LONGEST_ID or any(sign in value for sign in SEPARATORS):
            self.fail(
                code,
                Message(
                    "id-odd", "An ID has at most {most} signs and none of ; 、 | in it.", most=LONGEST_ID
                ),
            )
        return value

    def code(self, code: str, scheme: str = "") -> str:
        """One word of the vocabulary as its code; empty where the cell is empty or unknown."""
        value = self.line(code)
        return (self._resolve(code, scheme or SCHEMES[code], value) or "") if value else ""

    def codes(self, code: str) -> frozenset[str]:
        """Several words of the vocabulary as their codes.

        Commas and `、` separate as well, but not inside a word that the vocabulary knows as a whole.
        """
        vocabulary, scheme = default_vocabulary(), SCHEMES[code]
        found: set[str] = set()
        for item in re.split("[;；|\n]", self.text(code)):
            parts = [part.strip() for part in re.split("[、,，]", item) if part.strip()]
            while parts:
                ends = range(len(parts), 0, -1)
                known = next((end for end in ends if vocabulary.resolve(scheme, ", ".join(parts[:end]))), 1)
                resolved = self._resolve(code, scheme, ", ".join(parts[:known]))
                found.update([resolved] if resolved else [])
                parts = parts[known:]
        return frozenset(found)

    def _resolve(self, code: str, scheme: str, value: str) -> str | None:
        vocabulary = default_vocabulary()
        resolved = vocabulary.resolve(scheme, value)
        if resolved is None:
            near = vocabulary.suggest(scheme, value, 1)
            self.fail(
                code,
                Message(
                    "word-unknown",
                    "“{word}” is not among the words of this column; the nearest is “{near}”.",
                    word=value[:80],
                    near=Term(scheme, near[0]),
                )
                if near
                else Message(
                    "word-unknown-at-all",
                    "“{word}” is not among the words of this column; the sheet of lists in the "
                    "template has them.",
                    word=value[:80],
                ),
            )
        return resolved

    def languages(self, code: str) -> frozenset[str]:
        """Languages as their codes; plain “Chinese” means both of its scripts."""
        found: set[str] = set()
        for name in self.names(code):
            for part in filter(None, (part.strip() for part in re.split("[,，]", name))):
                key = part.casefold()
                known = [language for language, words in _LANGUAGES.items() if key in words]
                if known == ["zh"]:
                    known = ["zh-Hans", "zh-Hant"]
                if not known:
                    self.fail(
                        code,
                        Message(
                            "language-unknown",
                            "“{word}” is none of the five languages; write zh-Hans, zh-Hant, en, ru or es.",
                            word=part[:80],
                        ),
                    )
                found.update(known)
        return frozenset(found)

    def date(self, code: str) -> date | None:
        """A day; None where the cell is empty or no date."""
        cell = self.cell(code)
        value = cell if isinstance(cell, date) else self.given(code)
        return self._try(code, lambda: parse_date(value, language=self.language)) if value else None

    def yes_no(self, code: str) -> bool | None:
        """Yes or no; None where the cell is empty or neither."""
        return self._try(code, lambda: parse_yes_no(self.given(code))) if self.given(code) else None

    def inspection(self, code: str) -> bool | None:
        """Passed or failed; None where the cell is empty or neither."""
        return self._try(code, lambda: parse_inspection(self.given(code))) if self.given(code) else None

    def rating(self, code: str) -> int | None:
        """1 to 5; None where the cell is empty or no rating."""
        return self._try(code, lambda: parse_rating(self.given(code))) if self.given(code) else None

    def count(self, code: str, unit: str) -> int | None:
        """A whole number of people or projects; None where the cell is empty or no such number."""
        value = self.given(code)
        if not value:
            return None
        remark = self.headings[code][2].remark
        if remark and not isinstance(
            self._try(code, lambda: parse_unit(remark, language=self.language)), str
        ):
            return None
        cell = self.cell(code)
        if isinstance(cell, Decimal) and cell != cell.to_integral_value():
            self.fail(code, Message("count-fraction", "A whole number is needed here."))
            return None
        return self._try(code, lambda: parse_count(value, language=self.language, units=(unit,)))

    def unit(self, code: str) -> str | None:
        """The code of a unit or currency; None where the cell is empty or unknown."""
        value = self.given(code)
        if not value:
            return None
        return self._try(code, lambda: parse_unit(value, default_unit=self.currency, language=self.language))

    def amount(self, code: str, default_unit: str | None, *, allow_zero: bool = False) -> Quantity | None:
        """An amount with its unit; None where the cell is empty or no amount."""
        if not self.given(code):
            return None
        return self._try(code, lambda: self._amount(code, default_unit, allow_zero))

    def _amount(self, code: str, default_unit: str | None, allow_zero: bool) -> Quantity:  # noqa: FBT001
        cell = self.cell(code)
        remark = self.headings[code][2].remark if code in AMOUNTS else ""
        if isinstance(cell, (bool, date)):
            raise InvalidValue(
                Message(
                    "amount-type", "The spreadsheet holds a date or an answer here; write the number as text."
                )
            )
        per_one: Quantity | None = None
        if remark:
            per_one = parse_amount(f"1{remark}", default_unit=default_unit, language=self.language)
        if isinstance(cell, Decimal):
            if per_one is not None:
                return exact_amount(cell * per_one.amount / 100, per_one.unit, allow_zero=allow_zero)
            if default_unit is None:
                raise InvalidValue(
                    Message(
                        "unit-missing",
                        "The unit is missing; write it after the number or in the column of units.",
                    )
                )
            return exact_amount(cell, default_unit, allow_zero=allow_zero)
        value = self.given(code)
        if per_one is not None:
            found = find_number(value)
            plain = found.written.isascii() and found.scale == 1
            if plain and not found.words.strip():
                value = f"{value}{remark}"
            elif plain and per_one.amount != 100:
                raise InvalidValue(
                    Message(
                        "amount-heading",
                        "The heading says “{remark}” and the cell names a unit of its own; write "
                        "the number alone.",
                        remark=remark,
                    )
                )
            default_unit = per_one.unit
        return parse_amount(value, default_unit=default_unit, language=self.language, allow_zero=allow_zero)

    def _try(self, code: str, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except InvalidValue as error:
            self.fail(code, error.message)
            return None


def empty_cell() -> Message:
    """What is said about a cell that may not be empty."""
    return Message("cell-empty", "This cell must be filled in.")
