"""The draft's text and plan as a form, and back. Fields are named as `checking` names its problems."""

from __future__ import annotations

from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import ValidationError

from matching.messages import Message
from service.agreements.terms import TEXT_CHARACTERS, Terms
from service.errors import BadInput, FieldProblem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic import BaseModel

    from service.agreements.models import Agreement

OVERTAKEN = Message(
    "draft-overtaken",
    "Somebody else has changed this draft meanwhile. Your changes are still in the form; look at the newest"
    " version and save again to put yours over it.",
)
DAY = Message("day-unreadable", "Write the day as year-month-day, such as 2026-05-31.")
SUM = Message("sum-unreadable", "Write a number, such as 12000 or 12000.50.")
TOO_LONG = Message("text-too-long", "Use at most {most} characters.", most=TEXT_CHARACTERS)
FIELDS: Mapping[str, tuple[str, ...]] = {
    "commitments": ("description", "quantity"),
    "milestones": ("title", "condition", "due"),
    "tranches": ("amount", "due"),
    "budget": ("label", "amount"),
}
"""By part of the plan: what of each line can be changed on screen."""
_SUMS = ("quantity", "amount")


class Sent(Protocol):
    """What a form sent."""

    @property
    def fields(self) -> Mapping[str, list[str]]:
        """All that was sent, by field."""

    def text(self, name: str, default: str = "") -> str:
        """The first value of a field."""


def filled(agreement: Agreement, terms: Terms) -> dict[str, str]:
    """By field: what stands in the draft."""
    shown = {
        "version": str(agreement.version),
        "starts": terms.starts.isoformat() if terms.starts else "",
        "ends": terms.ends.isoformat() if terms.ends else "",
    }
    for one in agreement.languages:
        shown[f"title-{one}"] = terms.title.get(one, "")
        for place, clause in enumerate(terms.clauses):
            shown[f"clauses-{place}-heading-{one}"] = clause.heading.get(one, "")
            shown[f"clauses-{place}-text-{one}"] = clause.text.get(one, "")
    for part, names in FIELDS.items():
        for place, line in enumerate(getattr(terms, part)):
            for name in names:
                shown[f"{part}-{place}-{name}"] = _shown(name, getattr(line, name))
    return shown


def read(terms: Terms, sent: Sent) -> Terms:
    """The draft with what was typed put over it. Raises BadInput for what cannot be read."""
    wrong: list[FieldProblem] = []
    changed: dict[str, Any] = {
        "title": _texts(terms.title, "title", sent, wrong),
        "clauses": tuple(
            clause.model_copy(
                update={
                    name: _texts(getattr(clause, name), f"clauses-{place}-{name}", sent, wrong)
                    for name in ("heading", "text")
                }
            )
            for place, clause in enumerate(terms.clauses)
        ),
    }
    for name in ("starts", "ends"):
        changed[name] = _value(name, name, getattr(terms, name), sent, wrong)
    for part, names in FIELDS.items():
        changed[part] = tuple(
            line.model_copy(update=_line(line, f"{part}-{place}", names, sent, wrong))
            for place, line in enumerate(getattr(terms, part))
        )
    if wrong:
        raise BadInput(wrong)
    try:
        return Terms.model_validate(terms.model_copy(update=changed).model_dump())
    except ValidationError as error:
        raise BadInput(_explained(error)) from error


def _texts(kept: Mapping[str, str], field: str, sent: Sent, wrong: list[FieldProblem]) -> dict[str, str]:
    texts = dict(kept)
    for name in sent.fields:
        if name.startswith(f"{field}-"):
            texts[name.removeprefix(f"{field}-")] = sent.text(name).replace("\r\n", "\n").strip()
            if len(sent.text(name)) > TEXT_CHARACTERS:
                wrong.append(FieldProblem(name, TOO_LONG))
    return texts


def _line(
    line: BaseModel, field: str, names: Sequence[str], sent: Sent, wrong: list[FieldProblem]
) -> dict[str, Any]:
    return {name: _value(name, f"{field}-{name}", getattr(line, name), sent, wrong) for name in names}


def _value(name: str, field: str, kept: Any, sent: Sent, wrong: list[FieldProblem]) -> Any:
    if field not in sent.fields:
        return kept
    typed = sent.text(field).strip()
    try:
        if name in _SUMS:
            return _minor(typed)
        if name in ("due", "starts", "ends"):
            return date.fromisoformat(typed) if typed else None
    except ValueError:
        wrong.append(FieldProblem(field, SUM if name in _SUMS else DAY))
        return kept
    return typed


def _minor(typed: str) -> int:
    """Hundredths of what was typed. Raises ValueError."""
    plain = typed.replace(" ", "").replace("\u00a0", "")
    if "," in plain and "." not in plain and len(plain.rpartition(",")[2]) != 3:
        plain = plain.replace(",", ".")
    try:
        amount = Decimal(plain.replace(",", ""))
    except InvalidOperation as error:
        raise ValueError(typed) from error
    if not amount.is_finite() or amount < 0 or amount > 10**13:
        raise ValueError(typed)
    return int((amount * 100).to_integral_value())


def _shown(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name in _SUMS:
        whole, part = divmod(value, 100)
        return f"{whole}.{part:02}" if part else str(whole)
    return value.isoformat() if isinstance(value, date) else str(value)


def _explained(error: ValidationError) -> list[FieldProblem]:
    """What a line says that no line may say, by its field."""
    said = Message("value-unfit", "This does not fit here: it is missing or too long.")
    return [FieldProblem("-".join(str(part) for part in one["loc"]), said) for one in error.errors()]
