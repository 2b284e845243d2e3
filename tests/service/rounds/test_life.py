"""A round from draft to closed: what each phase forbids, what stands in the way, who is told."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import select

from matching.profiles import Side
from service.db import now, writing
from service.events import Event
from service.jobs import Job
from service.rounds.models import Round, RoundPhase, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, Pair

    Rows = Callable[[Any], list[Any]]


def created(browser: TestClient, **given: Any) -> dict[str, Any]:
    answer = browser.post("/api/v1/rounds", json={"preset": "monthly-talk", "title": "Spring talk", **given})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def test_talk_goes_through_the_phases_of_its_preset_and_no_others(
    facilitator: TestClient, rows: Rows
) -> None:
    one = created(facilitator)
    assert one["status"] == "draft"
    seen = []
    while (answer := facilitator.post(f"/api/v1/rounds/{one['id']}/advance")).status_code == 200:
        seen.append(answer.json()["status"])
    assert seen == ["open", "matching", "choosing", "meeting", "signing", "delivering", "closed"]
    assert answer.status_code == 409
    assert answer.json()["code"] == "round-over"
    log = rows(select(Event).where(Event.subject == one["id"]).order_by(Event.id))
    assert [event.name for event in log][:3] == ["round.create", "round.open", "round.match"]
    assert all(event.details["round"] == one["id"] for event in log)


def test_round_that_screens_opens_only_with_a_deadline(facilitator: TestClient) -> None:
    one = created(facilitator, preset="venture-call")
    refused = facilitator.post(f"/api/v1/rounds/{one['id']}/advance")
    assert (refused.status_code, refused.json()["code"]) == (409, "end-needed")
    page = facilitator.post(f"/rounds/{one['id']}/advance")
    assert page.status_code == 409
    assert "everybody needs the deadline" in page.text
    ends = (now() + timedelta(days=30)).isoformat()
    facilitator.patch(f"/api/v1/rounds/{one['id']}", json={"plan": [{"phase": "open", "ends": ends}]})
    opened = facilitator.post(f"/api/v1/rounds/{one['id']}/advance")
    assert opened.json()["status"] == "open"
    began = {phase["phase"]: phase["began"] for phase in opened.json()["plan"]}
    assert began["open"]
    assert began["screening"] is None


def test_draft_is_seen_by_facilitators_only(
    facilitator: TestClient, browser: Callable[[], TestClient]
) -> None:
    one = created(facilitator)
    assert "Spring talk" in facilitator.get("/rounds").text
    stranger = browser()
    assert stranger.get(f"/rounds/{one['id']}").status_code == 404
    assert "Spring talk" not in stranger.get("/rounds").text
    assert stranger.get("/api/v1/rounds").json()["items"] == []
    facilitator.post(f"/api/v1/rounds/{one['id']}/advance")
    assert stranger.get(f"/rounds/{one['id']}").status_code == 200
    assert [item["id"] for item in stranger.get("/api/v1/rounds").json()["items"]] == [one["id"]]


def test_way_back_needs_a_reason_and_a_new_end(
    facilitator: TestClient, make_round: MakeRound, engine: Engine, rows: Rows
) -> None:
    one = make_round("venture-call", RoundStatus.SCREENING, ends={"open": now() - timedelta(days=1)})
    address = f"/api/v1/rounds/{one.uid}/back"
    fields = [error["field"] for error in facilitator.post(address, json={"reason": "Late"}).json()["errors"]]
    assert fields == ["ends"]
    ends = (now() + timedelta(days=3)).isoformat()
    fields = [
        error["field"]
        for error in facilitator.post(address, json={"reason": " ", "ends": ends}).json()["errors"]
    ]
    assert fields == ["reason"]
    answer = facilitator.post(address, json={"reason": "A road was closed.", "ends": ends})
    assert answer.json()["status"] == "open"
    assert not answer.json()["overdue"]
    (event,) = rows(select(Event).where(Event.name == "round.reopen"))
    assert (event.reason, event.details["after"]) == ("A road was closed.", "open")
    with writing(engine) as session:
        session.get_one(Round, one.key).status = RoundStatus.CHOOSING
    refused = facilitator.post(address, json={"reason": "Again"})
    assert (refused.status_code, refused.json()["code"]) == (409, "no-way-back")


def test_cancelled_round_tells_all_who_applied_and_takes_nothing_more(
    facilitator: TestClient,
    make_round: MakeRound,
    make_party: MakeParty,
    make_listing: MakeListing,
    enter: Enter,
    rows: Rows,
) -> None:
    one, party = make_round(), make_party()
    enter(one, make_listing(party))
    page = facilitator.post(f"/rounds/{one.uid}/cancel", data={"cancel-reason": ""})
    assert page.status_code == 422
    assert "Please give a reason." in page.text
    done = facilitator.post(f"/rounds/{one.uid}/cancel", data={"cancel-reason": "Typhoon."})
    assert done.status_code == 303
    mails = [job.payload for job in rows(select(Job).where(Job.name == "send_mail"))]
    assert [(mail["to"], mail["template"], mail["values"]["reason"]) for mail in mails] == [
        (party.user.email, "round_cancelled", "Typhoon.")
    ]
    assert facilitator.post(f"/api/v1/rounds/{one.uid}/advance").status_code == 409


def test_public_notice_runs_its_working_days(
    facilitator: TestClient,
    make_round: MakeRound,
    make_party: MakeParty,
    make_listing: MakeListing,
    enter: Enter,
    pair: Pair,
    engine: Engine,
    rows: Rows,
) -> None:
    one = make_round("venture-call", RoundStatus.MATCHING, calendar="CN", time_zone="Asia/Shanghai")
    refused = facilitator.post(f"/api/v1/rounds/{one.uid}/advance")
    assert (refused.status_code, refused.json()["code"]) == (409, "nothing-released")
    need = enter(one, make_listing(make_party("Green Home"), "Wells"))
    pair(need, enter(one, make_listing(make_party("Rich Bank"), "Money", Side.OFFER)))
    assert facilitator.post(f"/api/v1/rounds/{one.uid}/advance").json()["status"] == "notice"
    refused = facilitator.post(f"/api/v1/rounds/{one.uid}/advance")
    assert (refused.status_code, refused.json()["code"]) == (409, "notice-runs")
    (phase,) = rows(select(RoundPhase).where(RoundPhase.round_id == one.key, RoundPhase.phase == "notice"))
    assert phase.ends - now() > timedelta(days=8), "seven working days and a weekend"
    with writing(engine) as session:
        session.get_one(RoundPhase, phase.key).ends = now() - timedelta(minutes=1)
    assert facilitator.post(f"/api/v1/rounds/{one.uid}/advance").json()["status"] == "signing"
