"""Applying and screening as programs do it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.listings.models import Listing
from service.organizations.models import Organization
from service.permissions import Role
from service.rounds.models import Application, ApplicationStatus

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Party, SignInAs

    Rows = Callable[[Any], list[Any]]

SOUND = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}
ANSWERS = {"plan": "Lunches from May on.", "facilities": "A kitchen.", "professionals": "A cook."}


@pytest.fixture
def party(make_party: MakeParty) -> Party:
    return make_party(**SOUND)


@pytest.fixture
def as_new(browser: Callable[[], TestClient], sign_in: SignInAs) -> Callable[[User], TestClient]:
    return lambda user: sign_in(browser(), user)


@pytest.fixture
def desk(as_new: Callable[[User], TestClient], make_user: MakeUser) -> TestClient:
    return as_new(make_user(roles=[Role.FACILITATOR]))


def codes(answer: Any) -> dict[str, str]:
    return {one["field"]: one["code"] for one in answer.json()["errors"]}


def test_program_enters_answers_checks_submits_and_is_screened(
    rows: Rows,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
) -> None:
    party = make_party()
    call, need = make_round("venture-call"), make_listing(party, groups="elderly")
    mine = as_new(party.user)
    base = f"/api/v1/rounds/{call.uid}"
    before = mine.get(f"{base}/check", params={"listing": need.uid}).json()
    assert not before["fits"]
    assert {one["rule"]: one["state"] for one in before["findings"]}["registered"] == "unknown"

    made = mine.post(f"{base}/applications", json={"listing": need.uid})
    assert made.status_code == 201
    here = made.headers["location"]
    assert made.json()["missing"] == [
        "beneficiaries",
        "registered",
        "inspection_passed",
        "inspection_year",
        "plan",
        "facilities",
        "professionals",
    ]
    refused = mine.post(f"{here}/submit", json={})
    assert refused.status_code == 422
    assert codes(refused)["answer-plan"] == "field-missing"
    assert codes(refused)["rule-beneficiaries"] == "not-stated"

    facts = {
        "beneficiaries": 120,
        "registered": "2015-04-01",
        "inspection_passed": True,
        "inspection_year": 2024,
    }
    given = mine.patch(
        here, json={"answers": ANSWERS, "facts": facts}, headers={"If-Match": made.headers["etag"]}
    )
    assert given.status_code == 200, given.text
    assert given.json()["missing"] == []
    late = mine.patch(here, json={"answers": {"plan": "x"}}, headers={"If-Match": made.headers["etag"]})
    assert late.status_code == 412
    assert rows(select(Listing))[0].beneficiaries == 120
    assert rows(select(Organization))[0].registered == date(2015, 4, 1)
    known = mine.patch(here, json={"facts": {"rating": 5, "beneficiaries": 7}, "answers": {"why": "x"}})
    assert codes(known) == {
        "answers.why": "not-asked",
        "facts.beneficiaries": "known-already",
        "facts.rating": "known-already",
    }
    assert mine.get(f"{here}/check").json()["fits"]
    done = mine.post(f"{here}/submit", json={}).json()
    assert (done["status"], done["changed"], done["missing"]) == ("submitted", False, [])

    decided = desk.post(f"{here}/decision", json={"step": "return", "reason": "Too short a plan."})
    assert decided.json()["status"] == "ineligible"
    told = mine.get(here).json()
    assert (told["reason"], told["status"]) == ("Too short a plan.", "ineligible")
    raised = mine.post(f"{here}/appeals", json={"text": "It is long."})
    assert raised.status_code == 201
    appeal = f"{here}/appeals/{raised.json()['id']}/decision"
    assert desk.post(appeal, json={"step": "dismiss", "reason": "It is not."}).json()["status"] == "dismissed"
    mine.patch(here, json={"answers": {"plan": "A longer plan."}})
    assert mine.post(f"{here}/submit", json={}).json()["status"] == "submitted"
    together = desk.post(f"{base}/applications/accept", json={}).json()
    assert together == {"accepted": [told["id"]], "left": []}
    assert mine.get(here).json()["next"].startswith("It fits the rules.")
    assert mine.post(f"{here}/withdraw").json()["status"] == "withdrawn"


def test_list_shows_ones_own_and_facilitators_all_a_piece_at_a_time(
    party: Party,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    as_new: Callable[[User], TestClient],
    desk: TestClient,
    client: TestClient,
) -> None:
    call = make_round("venture-call")
    own = enter(call, make_listing(party), ApplicationStatus.SUBMITTED).uid
    other = enter(call, make_listing(make_party("Other")), ApplicationStatus.ELIGIBLE).uid
    base = f"/api/v1/rounds/{call.uid}/applications"

    def ids(browser: TestClient, **asked: Any) -> list[str]:
        return [one["id"] for one in browser.get(base, params=asked).json()["items"]]

    assert ids(as_new(party.user)) == [own]
    assert ids(desk) == [other, own]
    assert ids(desk, status="submitted") == [own]
    assert ids(client) == []
    first = desk.get(base, params={"limit": 1}).json()
    assert [one["id"] for one in desk.get(base, params={"cursor": first["next"]}).json()["items"]] == [own]


def test_application_is_found_in_its_own_round_only(
    party: Party,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    desk: TestClient,
) -> None:
    call, talk = make_round("venture-call"), make_round("monthly-talk")
    uid = enter(call, make_listing(party), ApplicationStatus.SUBMITTED).uid
    assert desk.get(f"/api/v1/rounds/{call.uid}/applications/{uid}").status_code == 200
    assert desk.get(f"/api/v1/rounds/{talk.uid}/applications/{uid}").status_code == 404
    given = {"step": "return", "reason": "No."}
    assert desk.post(f"/api/v1/rounds/{talk.uid}/applications/{uid}/decision", json=given).status_code == 404


def test_wrong_fact_is_told_by_its_name_and_nothing_is_kept(
    rows: Rows,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_new: Callable[[User], TestClient],
) -> None:
    party = make_party()
    call, need = make_round("venture-call"), make_listing(party)
    mine = as_new(party.user)
    made = mine.post(f"/api/v1/rounds/{call.uid}/applications", json={"listing": need.uid})
    here = made.headers["location"]
    answer = mine.patch(here, json={"facts": {"registered": "2999-01-01", "beneficiaries": 60}})
    assert codes(answer) == {"facts.registered": "date-ahead"}
    assert rows(select(Listing))[0].beneficiaries is None
    assert rows(select(Application))[0].version == 1
