"""The screening desk: many at once, whose decision it is, the list as a file."""

from __future__ import annotations

import csv
import io
import re
from datetime import date
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import load_workbook
from sqlmodel import select

from service.db import writing
from service.events import Event
from service.listings.models import Listing
from service.permissions import Role
from service.rounds.models import Application, ApplicationStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from tests.service.conftest import (
        Enter,
        MakeListing,
        MakeParty,
        MakeRound,
        MakeUser,
        Party,
    )

    Rows = Callable[[Any], list[Any]]

SOUND = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}


@pytest.fixture
def party(make_party: MakeParty) -> Party:
    return make_party(**SOUND)


def words(page: str) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def only(rows: Rows) -> Application:
    [application] = rows(select(Application))
    return application


def test_desk_accepts_together_only_what_fits_and_is_as_it_was(
    rows: Rows,
    engine: Engine,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    desk: TestClient,
) -> None:
    call = make_round("venture-call")
    made = {}
    for name, fields in (
        ("fits", {"beneficiaries": "60"}),
        ("small", {"beneficiaries": "30"}),
        ("changed", {"beneficiaries": "60"}),
    ):
        listing = make_listing(make_party(name, **SOUND), name, groups="elderly", **fields)
        made[name] = enter(call, listing, ApplicationStatus.SUBMITTED).uid
        if name == "changed":
            with writing(engine) as session:
                session.get_one(Listing, listing.key).revision += 1
    here = f"/rounds/{call.uid}/applications"
    answer = desk.post(here)
    assert answer.headers["location"] == f"{here}?done=applications-accepted&left=2"
    status = {one.uid: one.status for one in rows(select(Application))}
    assert status == {
        made["fits"]: ApplicationStatus.ELIGIBLE,
        made["small"]: ApplicationStatus.SUBMITTED,
        made["changed"]: ApplicationStatus.SUBMITTED,
    }
    shown = words(desk.get(f"{here}?rule=changed").text)
    assert "changed since" in shown
    assert " small " not in shown.replace("small-", "")
    although = desk.post(f"/applications/{made['small']}/accept")
    assert although.status_code == 422
    said = desk.post(f"/applications/{made['small']}/accept", data={"accept-reason": "A pilot."})
    assert said.status_code == 303
    [event] = rows(select(Event).where(Event.subject == made["small"], Event.name == "application.accept"))
    assert (event.reason, event.details["unmet"]) == ("A pilot.", ["beneficiaries"])


def test_facilitator_does_not_decide_about_their_own_organization(
    rows: Rows,
    party: Party,
    make_user: MakeUser,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    as_new: Callable[[User], TestClient],
) -> None:
    involved = make_user(roles=[Role.FACILITATOR], member_of={party.organization.key: Role.VIEWER})
    make_user(roles=[Role.FACILITATOR])
    call = make_round("venture-call")
    need = make_listing(party, groups="elderly", beneficiaries="60")
    here = f"/applications/{enter(call, need, ApplicationStatus.SUBMITTED).uid}"
    browser = as_new(involved)
    assert browser.post(f"{here}/accept").status_code == 403
    browser.post(f"/rounds/{call.uid}/applications")
    assert only(rows).status is ApplicationStatus.SUBMITTED


def test_list_is_exported_and_no_cell_is_a_formula(
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    desk: TestClient,
    as_new: Callable[[User], TestClient],
) -> None:
    call = make_round("venture-call")
    party = make_party("=cmd|' /C calc'!A0", **SOUND)
    listing = make_listing(party, "+SUM(A1:A9)", groups="elderly")
    enter(call, listing, ApplicationStatus.SUBMITTED, answers={"plan": "@now()"})
    enter(call, make_listing(party, "A draft"), ApplicationStatus.DRAFT)
    table = desk.get(f"/rounds/{call.uid}/applications.csv").content.decode("utf-8-sig")
    [heading, row] = csv.reader(io.StringIO(table))
    assert heading[0] == "Title"
    assert row[0] == "'+SUM(A1:A9)"
    assert row[1].startswith("'=cmd")
    assert "'@now()" in row
    book = load_workbook(io.BytesIO(desk.get(f"/rounds/{call.uid}/applications.xlsx").content))
    cells = [cell for line in book.active.iter_rows() for cell in line]  # type: ignore[union-attr]
    assert {cell.data_type for cell in cells} <= {"s", "n"}
    assert any(cell.value == "+SUM(A1:A9)" and cell.quotePrefix for cell in cells)
    refused = as_new(party.user).get(f"/rounds/{call.uid}/applications.csv")
    assert refused.status_code == 403
    assert desk.get(f"/rounds/{call.uid}/applications.pdf").status_code == 404
