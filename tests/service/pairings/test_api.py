"""Matching by program: ask for a run, read its result, decide, compare, release."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.pairings.conftest import matched

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.pairings.conftest import Talk


@pytest.fixture
def api(as_user: Callable[[User], TestClient], talk: Talk) -> TestClient:
    return as_user(talk.user)


def test_a_round_is_matched_looked_at_and_released_by_program(
    api: TestClient, talk: Talk, jobs: Jobs, as_user: Callable[[User], TestClient]
) -> None:
    base = f"/api/v1/rounds/{talk.round.uid}"
    asked = api.post(f"{base}/match-runs", json={})
    assert asked.status_code == 202
    run = asked.json()
    assert (run["status"], run["what_if"], run["gap"]) == ("queued", False, None)
    assert api.get(f"{base}/match-runs/{run['id']}/result").json()["code"] == "run-no-result"
    jobs.run_all()
    done = api.get(f"{base}/match-runs/{run['id']}").json()
    assert (done["status"], done["share"], done["stage"]) == ("done", 1.0, "done")
    assert done["objective"] == pytest.approx(done["bound"])
    result = api.get(f"{base}/match-runs/{run['id']}/result").json()
    assert result["changed"] is None
    assert result["alarms"] == []
    assert len(result["result"]["pairings"]) == 3
    assert result["result"]["certificate"]["fingerprint"] != done["fingerprint"]
    released = api.post(f"{base}/match-runs/{run['id']}/release", json={}).json()
    assert {one["status"] for one in released} == {"released"}
    assert api.get(f"{base}/match-runs").json()[0]["released"] is not None

    party = as_user(talk.parties["meals"].user)
    own = party.get(f"{base}/pairings").json()["items"]
    assert [one["offer"]["title"] for one in own] == [talk.listings["fund"].title]
    assert own[0]["run"] is None, "which run it came from is the facilitators' own"
    assert "same-theme" in {reason["code"] for reason in own[0]["reasons"]}
    assert own[0]["amounts"] == [{"amount": 50_000_00, "unit": "CNY"}]
    assert party.get(f"{base}/pairings/{own[0]['id']}").json() == own[0]
    other = next(one["id"] for one in released if one["id"] != own[0]["id"])
    assert party.get(f"{base}/pairings/{other}").status_code == 404
    assert party.get(f"{base}/match-runs").status_code == 403


def test_decisions_are_made_listed_and_taken_back_by_program(
    api: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    matched(session, talk, jobs)
    base = f"/api/v1/rounds/{talk.round.uid}"
    given = {
        "kind": "amount",
        "need": talk.applications["meals"].uid,
        "offer": talk.applications["fund"].uid,
        "reason": "They need less.",
    }
    refused = api.post(f"{base}/overrides", json={**given, "amount": "60000 CNY"})
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["code"] == "broken-need"
    made = api.post(f"{base}/overrides", json={**given, "amount": "30000 CNY"})
    assert made.status_code == 201
    assert made.json()["amount"] == {"amount": 30_000_00, "unit": "CNY"}
    assert [one["id"] for one in api.get(f"{base}/overrides").json()] == [made.json()["id"]]
    assert api.delete(f"{base}/overrides/{made.json()['id']}").status_code == 204
    assert api.get(f"{base}/overrides").json() == []
    assert api.delete(f"{base}/overrides/{made.json()['id']}").status_code == 404


def test_a_what_if_is_compared_by_program_and_a_run_cancelled(
    api: TestClient, session: Session, talk: Talk, jobs: Jobs
) -> None:
    before = matched(session, talk, jobs)
    base = f"/api/v1/rounds/{talk.round.uid}/match-runs"
    nothing = api.post(base, json={"money": 100})
    assert nothing.json()["errors"][0]["code"] == "what-if-nothing"
    tried = api.post(base, json={"rules": {"min_score": 0.4}, "money": 50}).json()
    assert tried["changes"] == {"rules": {"min_score": 0.4}, "money": 50}
    jobs.run_all()
    found = api.get(f"{base}/{before.uid}/compare/{tried['id']}").json()
    assert (found["kept"], len(found["changed"]), found["gone"], found["new"]) == (0, 3, [], [])
    assert found["needs"][0]["before"] > found["needs"][0]["after"]
    refused = api.post(f"{base}/{tried['id']}/release", json={"confirmed": True})
    assert refused.json()["code"] == "what-if-released"
    running = api.post(base, json={}).json()
    assert api.post(f"{base}/{running['id']}/cancel").json()["status"] == "cancelled"
    assert api.get(f"{base}/nobody").status_code == 404
