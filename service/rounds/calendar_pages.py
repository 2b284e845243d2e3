"""Pages of working days: a country's calendar by year, and the days that facilitators set."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from service.db import now
from service.errors import BadInput
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import may
from service.rounds import calendar, forms
from service.web import NOTHING_TYPED, Asking, Form, Reading, Writing, language_of, page, see_other

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.permissions import Actor
    from service.web import Typed

router = APIRouter(prefix="/calendar", include_in_schema=False)


@router.get("")
def days(request: Request, session: Reading, actor: Asking, country: str = "", year: int = 0) -> Response:
    """The days of a year that are not what their weekday says."""
    return _page(request, session, actor, country, year)


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    country: str,
    year: int,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    code = calendar.known_calendar(country)
    language = language_of(request, actor)
    shown = year if calendar.FIRST_YEAR <= year <= calendar.LAST_YEAR else now().year
    return page(
        request,
        actor,
        "rounds/calendar.html",
        status=status,
        typed=typed,
        problems=problems or {},
        country=code,
        year=shown,
        days=calendar.calendar_of(session, code).special(shown, language),
        countries=forms.country_choices(language),
        runs=may(actor, "round:run"),
    )


@router.post("")
def set_day(
    request: Request, session: Writing, actor: Asking, typed: Form, country: str = "", year: int = 0
) -> Response:
    """Say that a day is worked or not, or let the country's calendar decide again."""
    signed_in(actor)
    try:
        if typed.text("forget"):
            day = _day(typed.text("forget"))
            calendar.forget_day(session, actor, country, day)
        else:
            day = _day(typed.text("day"))
            works = typed.text("works") == "yes"
            calendar.set_day(session, actor, country, day, works=works, name=typed.text("name"))
    except BadInput as error:
        problems = problems_by_field(error)
        return _page(request, session, actor, country, year, typed, status=422, problems=problems)
    return see_other(
        f"/rounds/calendar?country={calendar.known_calendar(country)}&year={day.year}&done=saved"
    )


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text.strip())
    except ValueError as error:
        wrong = Message("date-malformed", "Write the date as year-month-day, such as 2015-04-01.")
        raise BadInput.one("day", wrong) from error
