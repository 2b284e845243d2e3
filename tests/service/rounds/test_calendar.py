"""Working days: a country's public holidays, make-up days, and what facilitators know better."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from service.db import reading
from service.rounds.calendar import Calendar, calendar_of
from service.rounds.models import DayOff

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.conftest import MakeParty

    Rows = Callable[[Any], list[Any]]


@pytest.mark.parametrize(
    ("country", "day", "count", "after"),
    [
        ("", "2026-09-28", 7, "2026-10-07"),
        ("CN", "2026-09-28", 7, "2026-10-13"),  # National Day week off, Saturday the 10th worked instead
        ("CN", "2026-02-13", 1, "2026-02-14"),  # a Saturday worked for Spring Festival
        ("RU", "2025-12-31", 1, "2026-01-09"),
        ("ES", "2026-04-02", 1, "2026-04-06"),  # Good Friday
        ("CN", "2026-09-28", 0, "2026-09-28"),
    ],
)
def test_deadline_is_counted_by_the_calendar_of_the_country(
    country: str, day: str, count: int, after: str
) -> None:
    assert Calendar(country).after(date.fromisoformat(day), count) == date.fromisoformat(after)


def test_facilitator_overrides_the_calendar_and_lets_it_decide_again(
    facilitator: TestClient, engine: Engine, rows: Rows
) -> None:
    address = "/rounds/calendar?country=cn&year=2026"

    def next_day() -> date:
        with reading(engine) as session:
            return calendar_of(session, "CN").after(date(2026, 9, 28), 1)

    typed = {"day": "2026-09-29", "works": "no", "name": "City day"}
    assert facilitator.post(address, data=typed).status_code == 303
    assert next_day() == date(2026, 9, 30)
    page = facilitator.get(address).text
    assert "City day" in page
    assert "National Day" in page
    facilitator.post(address, data={"day": "2026-10-01", "works": "yes"})
    assert {(one.day, one.works) for one in rows(select(DayOff))} == {
        (date(2026, 9, 29), False),
        (date(2026, 10, 1), True),
    }
    facilitator.post(address, data={"forget": "2026-09-29"})
    assert next_day() == date(2026, 9, 29)


def test_days_are_set_through_the_api_by_facilitators_only(
    facilitator: TestClient, browser: Callable[[], TestClient]
) -> None:
    day = "/api/v1/rounds/calendars/RU/2027-03-09"
    assert browser().put(day, json={"works": False}).status_code == 401
    assert facilitator.put(day, json={"works": False, "name": "Bridge day"}).json()["own"]
    days = {one["day"]: one for one in browser().get("/api/v1/rounds/calendars/ru?year=2027").json()}
    assert days["2027-03-09"] == {"day": "2027-03-09", "works": False, "name": "Bridge day", "own": True}
    assert not days["2027-02-23"]["own"]
    assert facilitator.delete(day).status_code == 204
    assert facilitator.delete(day).status_code == 404
    assert browser().get("/api/v1/rounds/calendars/XX?year=2027").status_code == 404


def test_malformed_day_is_refused_with_what_was_typed(
    facilitator: TestClient, as_user: Callable[..., TestClient], make_party: MakeParty
) -> None:
    page = facilitator.post("/rounds/calendar?country=CN", data={"day": "soon", "name": "Feast"})
    assert page.status_code == 422
    assert 'value="Feast"' in page.text
    assert facilitator.get("/rounds/calendar?country=XX").status_code == 404
    member = as_user(make_party().user)
    assert member.post("/rounds/calendar?country=CN", data={"day": "2027-01-05"}).status_code == 403
