"""A forum by the API from the frame to what came of it, on both databases; and who is refused what."""

from __future__ import annotations

from datetime import timedelta

from service.db import now
from service.rounds.models import RoundStatus
from tests.days import FORUM_DAY
from tests.service.meetings.conftest import FRAME

TWO = [("Green Home", "Water Works"), ("Green Home", "City Bank")]


def test_forum_runs_from_the_frame_to_the_outcomes(database_url, forum, as_user, jobs):
    made = forum(TWO)
    one = f"/api/v1/rounds/{made.round.uid}/meetings"
    home, bank = made.parties["Green Home"], made.parties["City Bank"]

    client = as_user(made.user)
    assert client.get(f"{one}/plan").status_code == 404
    plan = client.put(f"{one}/plan", json=FRAME).json()
    assert [slot["starts"] for slot in plan["slots"][:2]] == [
        f"{FORUM_DAY}T01:00:00Z",
        f"{FORUM_DAY}T01:25:00Z",
    ]
    assert (plan["time_zone"], plan["frame"]["start"], plan["released"]) == (
        "Asia/Shanghai",
        "09:00",
        None,
    )

    client = as_user(bank.user)
    absent = client.put(
        f"{one}/availability/{bank.organization.uid}", json={"absent": [f"{FORUM_DAY}T09:00:00+08:00"]}
    )
    assert absent.json() == {"organization": bank.organization.uid, "absent": [f"{FORUM_DAY}T01:00:00Z"]}

    client = as_user(made.user)
    asked = client.post(f"{one}/timetable")
    assert (asked.status_code, asked.json()["status"]) == (202, "promised")
    jobs.run_all()
    solved = client.get(f"{one}/timetable").json()
    assert (solved["status"], solved["placed"], solved["objective"]) == ("done", 2, solved["bound"])

    uid = made.pairing(*TWO[1]).uid
    clash = client.put(f"{one}/pairings/{uid}/place", json={"starts": f"{FORUM_DAY}T01:00:00Z", "table": "2"})
    assert clash.status_code == 422
    assert {error["code"] for error in clash.json()["errors"]} == {"absent", "busy"}
    moved = client.put(f"{one}/pairings/{uid}/place", json={"starts": f"{FORUM_DAY}T01:50:00Z", "table": "2"})
    assert (moved.json()["slot"], moved.json()["table"], moved.json()["by_hand"]) == (3, "2", True)
    assert client.delete(f"{one}/pairings/{uid}/place").json()["by_hand"] is False
    assert client.post(f"{one}/release").json()["released"]

    client = as_user(home.user)
    listed = client.get(one, headers={"Accept-Language": "en"}).json()
    assert [meeting["offer"]["name"] for meeting in listed] == ["Water Works", "City Bank"]
    assert listed[0]["why"] == [{"code": "same-theme", "text": "Both are about clean water."}]
    first, second = (f"/api/v1/meetings/{meeting['id']}" for meeting in listed)
    assert client.post(f"{first}/held").status_code == 409, "it is ahead"

    made.hold_at(now() - timedelta(hours=2))
    assert client.post(f"{first}/held").json()["status"] == "held"
    assert client.post(f"{second}/missed", json={"missed_by": "offer"}).json()["missed_by"] == "offer"
    given = client.put(f"{first}/outcomes/now", json={"label": "negotiating", "text": "We visit them."})
    assert given.json() == {
        "meeting": listed[0]["id"],
        "side": "need",
        "asked": "now",
        "label": "negotiating",
        "text": "We visit them.",
    }

    client = as_user(made.user)
    summary = client.get(f"{one}/summary").json()
    assert (summary["held"], summary["missed"], summary["held_share"]) == (1, 1, 0.5)
    assert summary["without"] == [bank.organization.uid]
    assert summary["outcomes"]["now"] == {"negotiating": 1}
    assert made.pairing(*TWO[0]).status == "met"
    assert made.pairing(*TWO[1]).status == "mutual"


def test_meetings_are_seen_by_their_sides_only(forum, as_user, client, jobs):
    made = forum([*TWO, ("Blue Sky", "Steel Mill")])
    one = f"/api/v1/rounds/{made.round.uid}/meetings"
    as_user(made.user)
    client.put(f"{one}/plan", json=FRAME)
    client.post(f"{one}/timetable")
    jobs.run_all()
    uid = made.meeting(*TWO[0]).uid
    as_user(made.parties["Green Home"].user)
    assert client.get(one).json() == [], "not released yet"
    assert client.get(f"/api/v1/meetings/{uid}").status_code == 404
    as_user(made.user)
    client.post(f"{one}/release")
    as_user(made.parties["Blue Sky"].user)
    assert [meeting["need"]["name"] for meeting in client.get(one).json()] == ["Blue Sky"]
    assert client.get(f"/api/v1/meetings/{uid}").status_code == 404
    assert client.post(f"/api/v1/meetings/{uid}/cancel", json={"reason": "No."}).status_code == 404
    assert client.get(f"{one}/timetable").status_code == 403
    bank = made.parties["City Bank"].organization.uid
    assert client.get(f"{one}/availability/{bank}").status_code == 404
    client.cookies.clear()
    for path in (one, f"{one}/plan", f"{one}/summary", f"/api/v1/meetings/{uid}"):
        assert client.get(path).status_code == 401


def test_unknown_place_is_refused(forum, as_user):
    made = forum(TWO)
    one = f"/api/v1/rounds/{made.round.uid}/meetings"
    client = as_user(made.user)
    client.put(f"{one}/plan", json=FRAME)
    uid = made.pairing(*TWO[0]).uid
    for starts, table in (
        (f"{FORUM_DAY}T01:00:00Z", "9"),
        (f"{FORUM_DAY}T01:01:00Z", "1"),
        (f"{FORUM_DAY}T01:00:00", "1"),
    ):
        answer = client.put(f"{one}/pairings/{uid}/place", json={"starts": starts, "table": table})
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "no-place")
    assert made.meeting(*TWO[0]) is None


def test_forum_in_signing_still_takes_what_happened_but_no_new_plan(forum, as_user, jobs, write):
    made = forum(TWO)
    one = f"/api/v1/rounds/{made.round.uid}/meetings"
    client = as_user(made.user)
    client.put(f"{one}/plan", json=FRAME)
    client.post(f"{one}/timetable")
    jobs.run_all()
    client.post(f"{one}/release")
    made.hold_at(now() - timedelta(hours=1))
    write(
        lambda session: setattr(
            session.get_one(type(made.round), made.round.key), "status", RoundStatus.SIGNING
        )
    )
    assert client.post(f"/api/v1/meetings/{made.meeting(*TWO[0]).uid}/held").json()["status"] == "held"
    refused = client.put(f"{one}/plan", json=FRAME)
    assert (refused.status_code, refused.json()["code"]) == (409, "wrong-phase")
