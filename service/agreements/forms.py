"""A draft's text and plan as one form, and back. Fields are named as `checking` names its problems.

Lines are counted from 0 (`tranches-2-due`); one that is ticked to go, or left empty, is left out. Sums and
days may be written as people write them in their language.
"""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from matching.messages import Message
from matching.reading.dates import parse_date
from matching.reading.numerals import InvalidValue
from matching.reading.quantities import is_currency, parse_amount
from service.agreements.clauses import book
from service.agreements.models import PartyRole
from service.agreements.terms import MOST_LINES, Terms
from service.errors import BadInput, FieldProblem
from service.i18n import number_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.agreements.models import Agreement
    from service.organizations.models import Organization

Fields = dict[str, list[str]]

LINES: Mapping[str, tuple[str, ...]] = {
    "parties": ("organization", "role", "name", "identifier", "signatory"),
    "clauses": ("key",),
    "commitments": (
        *("item", "organization", "kind", "purpose", "description"),
        *("quantity", "unit", "value", "currency", "valuation"),
    ),
    "milestones": ("item", "title", "condition", "due"),
    "tranches": ("item", "commitment", "payee", "milestone", "amount", "due"),
    "budget": ("item", "purpose", "label", "amount"),
}
"""By part of the plan: the fields of a line."""
CHOSEN = frozenset(
    {"item", "organization", "kind", "purpose", "unit", "currency", "valuation", "commitment", "payee"}
    | {"milestone"}
)
"""Fields that are chosen, not typed: a line with nothing else in it is empty."""
REPORTS = ("monthly", "quarterly", "final", "evaluation")
_FIELD = re.compile(r"(parties|clauses|commitments|milestones|tranches|budget)-(\d{1,3})-(.+)")
_ITEMS = {"commitments": "c", "milestones": "m", "tranches": "t", "budget": "b"}
_UNFIT = Message("value-unfit", "This does not fit here: it is missing or too long.")


def filled(agreement: Agreement, terms: Terms, language: str) -> Fields:
    """By field: what stands in the draft, as somebody would type it."""
    shown: dict[str, str] = {
        "second_language": agreement.second_language,
        "starts": terms.starts.isoformat() if terms.starts else "",
        "ends": terms.ends.isoformat() if terms.ends else "",
        "days": str(terms.reports.days),
        **{name: "yes" for name in REPORTS if getattr(terms.reports, name)},
        **{f"title-{one}": terms.title.get(one, "") for one in agreement.languages},
    }
    for part, names in LINES.items():
        for n, line in enumerate(getattr(terms, part)):
            shown |= {f"{part}-{n}-{name}": _shown(getattr(line, name), name, language) for name in names}
    for n, clause in enumerate(terms.clauses):
        for one in agreement.languages:
            shown[f"clauses-{n}-heading-{one}"] = clause.heading.get(one, "")
            shown[f"clauses-{n}-text-{one}"] = clause.text.get(one, "")
    return {name: [value] for name, value in shown.items()}


def _shown(value: Any, name: str, language: str) -> str:
    if value is None:
        return ""
    if name in ("quantity", "value", "amount"):
        return number_text(value / 100, language)
    return value.isoformat() if isinstance(value, date) else str(value)


def rows(fields: Mapping[str, list[str]]) -> dict[str, list[int]]:
    """By part: the numbers of the lines that the form shows."""
    found: dict[str, set[int]] = {part: set() for part in LINES}
    for name in fields:
        if match := _FIELD.fullmatch(name):
            found[match[1]].add(int(match[2]))
    return {part: sorted(numbers)[:MOST_LINES] for part, numbers in found.items()}


def with_one_more(agreement: Agreement, fields: Mapping[str, list[str]], part: str, key: str = "") -> Fields:
    """The form with another line of a part; of clauses, the one with this key of the templates."""
    kept = {name: list(values) for name, values in fields.items()}
    if part not in LINES:
        return kept
    n = max(rows(fields)[part], default=-1) + 1
    kept[f"{part}-{n}-{LINES[part][0]}"] = [""]
    if part == "clauses":
        texts = {one: book(one)["clauses"].get(key) for one in agreement.languages}
        kept[f"clauses-{n}-key"] = [key if all(texts.values()) else f"own-{n}"]
        for one, words in texts.items():
            kept[f"clauses-{n}-heading-{one}"] = [words["heading"] if words else ""]
            whole = (
                [text for when, text in words["paragraphs"] if not when and "{" not in text] if words else []
            )
            kept[f"clauses-{n}-text-{one}"] = ["\n".join(whole)]
    return kept


def with_party(fields: Mapping[str, list[str]], organization: Organization) -> Fields:
    """The form with an organization as one more party."""
    n = max(rows(fields)["parties"], default=-1) + 1
    line = {"organization": organization.uid, "role": PartyRole.PARTNER.value, "name": organization.name}
    added = {f"parties-{n}-{name}": [value] for name, value in line.items()}
    return {**{name: list(values) for name, values in fields.items()}, **added}


def read(agreement: Agreement, fields: Mapping[str, list[str]], language: str) -> Terms:
    """The terms that were typed. Raises BadInput with everything that cannot be read."""
    return _Reader(agreement, fields, language).terms()


class _Reader:
    """One form being read; what cannot be read is gathered, so that all of it is said at once."""

    def __init__(self, agreement: Agreement, fields: Mapping[str, list[str]], language: str) -> None:
        self.agreement = agreement
        self.fields = fields
        self.language = language
        self.wrong: list[FieldProblem] = []
        self.places: dict[str, list[int]] = {}
        """By part: the numbers that the kept lines have in the form."""

    def terms(self) -> Terms:
        before = Terms.model_validate(self.agreement.terms)
        found: dict[str, Any] = {
            "title": {one: self._text(f"title-{one}") for one in self.agreement.languages},
            "starts": self._day("starts"),
            "ends": self._day("ends"),
            "reports": {
                **{name: bool(self._text(name)) for name in REPORTS},
                "days": self._count("days", before.reports.days),
            },
        }
        for part in LINES:
            found[part] = list(self._lines(part))
        currency = next((one["unit"] for one in found["commitments"] if one["kind"] == "cash"), "")
        for line in found["budget"]:
            line["currency"] = currency
        if self.wrong:
            raise BadInput(self.wrong)
        try:
            return Terms.model_validate(found)
        except ValidationError as error:
            raise BadInput(
                [FieldProblem(self._place(one["loc"]), _UNFIT) for one in error.errors()]
            ) from error

    def _place(self, loc: tuple[int | str, ...]) -> str:
        """The field of the form that a place in the terms was read from."""
        parts = list(loc)
        if len(parts) > 1 and isinstance(parts[1], int):
            parts[1] = self.places[str(parts[0])][parts[1]]
        return "-".join(str(part) for part in parts)

    def _text(self, field: str) -> str:
        return (self.fields.get(field) or [""])[0].replace("\r\n", "\n").strip()

    def _day(self, field: str) -> date | None:
        typed = self._text(field)
        try:
            return parse_date(typed, language=self.language) if typed else None
        except InvalidValue as error:
            self.wrong.append(FieldProblem(field, error.message))
            return None

    def _sum(self, field: str, unit: str) -> int | None:
        typed = self._text(field)
        if not typed:
            return None
        try:
            return parse_amount(typed, default_unit=unit, language=self.language, allow_zero=True).amount
        except InvalidValue as error:
            self.wrong.append(FieldProblem(field, error.message))
            return None

    def _count(self, field: str, kept: int) -> int:
        typed = self._text(field)
        if typed.isascii() and typed.isdecimal() and 1 <= int(typed[:6]) <= 180:
            return int(typed)
        if typed:
            wrong = Message("days-outside", "Enter a number of days between 1 and 180.")
            self.wrong.append(FieldProblem(field, wrong))
        return kept

    def _lines(self, part: str) -> Iterable[dict[str, Any]]:
        kept = [
            n for n in rows(self.fields)[part] if not self._text(f"{part}-{n}-drop") and self._holds(part, n)
        ]
        self.places[part] = kept
        taken = {self._text(f"{part}-{n}-item") for n in kept}
        for n in kept:
            line: dict[str, Any] = {name: self._text(f"{part}-{n}-{name}") for name in LINES[part]}
            if part in _ITEMS and not line["item"]:
                numbers = range(1, MOST_LINES + len(taken) + 2)
                line["item"] = next(one for i in numbers if (one := f"{_ITEMS[part]}{i}") not in taken)
                taken.add(line["item"])
            if "due" in line:
                line["due"] = self._day(f"{part}-{n}-due")
            if part == "clauses":
                for name in ("heading", "text"):
                    languages = self.agreement.languages
                    line[name] = {one: self._text(f"clauses-{n}-{name}-{one}") for one in languages}
                line["key"] = line["key"] or f"own-{n}"
            elif part == "commitments":
                self._value(line, n)
            elif part in ("tranches", "budget"):
                line["amount"] = self._sum(f"{part}-{n}-amount", "CNY") or 0
                if part == "tranches":
                    line["milestone"] = line["milestone"] or None
            yield line

    def _holds(self, part: str, n: int) -> bool:
        """Whether anything was typed into a line."""
        if part in ("parties", "clauses"):
            return True
        return any(self._text(f"{part}-{n}-{name}") for name in LINES[part] if name not in CHOSEN)

    def _value(self, line: dict[str, Any], n: int) -> None:
        """What is given and what it is worth; of money both are the same."""
        unit = line["unit"] or "project"
        line["quantity"] = self._sum(f"commitments-{n}-quantity", unit) or 0
        if line["kind"] == "cash" and is_currency(unit):
            line |= {"unit": unit, "value": line["quantity"], "currency": unit, "valuation": "cash"}
            return
        currency = line["currency"]
        value = self._sum(f"commitments-{n}-value", currency or "CNY")
        valuation = line["valuation"] or ("time" if line["kind"] in ("volunteers", "services") else "in-kind")
        line |= {"unit": unit, "value": value, "valuation": valuation, "currency": currency if value else ""}
