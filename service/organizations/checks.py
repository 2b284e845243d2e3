"""What is asked of an organization's facts before they are kept, and how a form's text becomes them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from matching.messages import Message, Term
from matching.vocabulary import default_vocabulary
from service.errors import FieldProblem
from service.organizations.identifiers import WrongNumber, checked
from service.organizations.models import REMARK_CHARACTERS, OrganizationIn
from service.organizations.queries import today
from service.texts import MISSING, too_long, written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic_core import ErrorDetails

_PREFIXED = re.compile(r"([A-Za-z]{2}-[A-Za-z0-9_.]+)[\s-]+(.+)")
_EMAIL = re.compile(r"[^@\s<>,;:\"()\[\]\\]+@[^@\s<>,;:\"()\[\]\\]+\.[^@\s.<>,;:\"()\[\]\\]+")


def understand(fields: Mapping[str, Any]) -> tuple[OrganizationIn, list[FieldProblem]]:
    """What a form says, as far as it can be understood, and every problem in it.

    Fields that cannot be read are left out of the first and named in the second, so that one answer tells
    all that is wrong.
    """
    problems: dict[str, FieldProblem] = {}
    readable: dict[str, Any] = dict(fields)
    try:
        given = OrganizationIn.model_validate(readable)
    except ValidationError as error:
        for one in error.errors():
            problem = _problem(one)
            problems.setdefault(problem.field, problem)
            readable.pop(str(one["loc"][0]), None)
        given = OrganizationIn.model_validate({"name": "…" * 2, "kind": "ngo"} | readable)
    for problem in check(given):
        problems.setdefault(problem.field, problem)
    return given, list(problems.values())


def _problem(error: ErrorDetails) -> FieldProblem:
    """One complaint of pydantic's, as we say it."""
    field = str(error["loc"][0])
    kind, limits = error["type"], error.get("ctx", {})
    if kind in ("missing", "string_too_short"):
        return FieldProblem(field, MISSING)
    if kind == "string_too_long":
        message = too_long(int(limits["max_length"]))
    elif kind == "too_long":
        message = Message("too-many-values", "Give at most {most}.", most=int(limits["max_length"]))
    elif kind.startswith("date"):
        message = Message("date-malformed", "Write the date as year-month-day, such as 2015-04-01.")
    elif kind.startswith("bool"):
        message = Message("yes-or-no", "Choose yes or no.")
    elif kind.startswith("int") or "than" in kind:
        message = Message("number-malformed", "Give a whole number that makes sense here.")
    else:
        message = Message("malformed", "{reason}", reason=str(error["msg"]))
    return FieldProblem(field, message)


def check(given: OrganizationIn) -> list[FieldProblem]:
    """Everything wrong with the facts of an organization that the fields alone do not show."""
    vocabulary = default_vocabulary()
    problems = []

    def wrong(field: str, message: Message) -> None:
        problems.append(FieldProblem(field, message))

    if not any(character.isalnum() for character in given.name):
        wrong("name", Message("name-letters", "Give the name in letters."))
    if given.kind not in vocabulary.codes("organization_kinds"):
        wrong("kind", Message("kind-unknown", "Choose one of the kinds in the list."))
    known = set(vocabulary.codes("places"))
    for place in given.places:
        if place not in known:
            wrong("places", _unknown_place(place))
            break
    if given.website and not _is_website(given.website):
        wrong("website", Message("website-malformed", "Give the full address, such as https://example.org."))
    if given.contact_email and not _EMAIL.fullmatch(given.contact_email):
        wrong(
            "contact_email",
            Message("email-malformed", "This is not an e-mail address. It looks like name@example.org."),
        )
    day = today()
    if given.registered is not None and not given.registered.year >= 1000:
        wrong(
            "registered", Message("date-malformed", "Write the date as year-month-day, such as 2015-04-01.")
        )
    elif given.registered is not None and given.registered > day:
        wrong("registered", Message("date-ahead", "This date lies in the future."))
    if given.inspection_year is not None and given.inspection_year > day.year:
        wrong("inspection_year", Message("year-ahead", "This year lies in the future."))
    if given.inspection_passed is not None and given.inspection_year is None:
        wrong("inspection_year", Message("inspection-year-missing", "Say in which year the inspection was."))
    if number := _wrong_number(given):
        wrong("identifiers", number)
    return problems


def _unknown_place(place: str) -> Message:
    if near := default_vocabulary().suggest("places", place, 1):
        return Message(
            "place-unknown-near",
            "“{place}” is not a place that is known here. Did you mean {near}?",
            place=place,
            near=Term("places", near[0]),
        )
    return Message("place-unknown", "“{place}” is not a place that is known here.", place=place)


def _wrong_number(given: OrganizationIn) -> Message | None:
    seen = set()
    for one in given.identifiers:
        try:
            found = checked(one.scheme, one.number)
        except WrongNumber as error:
            return error.message
        if found in seen:
            return Message("number-twice", "The number {number} stands here twice.", number=found[1])
        seen.add(found)
    return None


def _is_website(address: str) -> bool:
    try:
        parts = urlsplit(address)
        return parts.scheme in ("http", "https") and "." in (parts.hostname or "") and " " not in address
    except ValueError:
        return False


def places_of(text: str) -> list[str]:
    """The codes of the places named in a text; a name that is none stays as it is, for `check` to find."""
    vocabulary = default_vocabulary()
    found = [name.strip() for name in re.split(r"[;；,，、|\n]", text)]
    codes = [vocabulary.resolve("places", name) or name for name in found if name]
    return list(dict.fromkeys(codes))


def number_of(scheme: str, number: str) -> dict[str, str]:
    """A register and a number as a form has them; the prefix of another register stands before the number."""
    if not scheme.strip() and (found := _PREFIXED.fullmatch(number.strip())):
        scheme, number = found.groups()
    return {"scheme": scheme, "number": number}


def remark(text: str, field: str = "text") -> str:
    """A question, answer or reason as it is kept. Raises BadInput where it is empty or too long."""
    return written(text, field, REMARK_CHARACTERS)
