"""Reports on screen and as JSON: what waits, those of an agreement, one to write, to read and to decide."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import select

from service.permissions import Role
from service.reports.clinic import codes
from service.reports.models import MOST_FAULTS, Fault, ReportKind, ReportStatus
from tests.service.conftest import words
from tests.service.reports.conftest import ANSWERS, today

Q = ReportKind.QUARTERLY


def test_report_goes_its_way_on_screen(project, as_user):
    made = project(days_ago=130)
    report = made.report()
    mine = words(as_user(made.ngo.user).get("/reports"))
    assert "Quarterly report Overdue for" in mine
    form = as_user(made.ngo.user).get(f"/reports/{report.uid}")
    assert "At most 2,000 characters." in words(form)
    assert 'data-autosave="/reports/' in form.text
    assert (
        as_user(made.ngo.user).post(f"/reports/{report.uid}/draft", data={"activities": "Half"}).status_code
        == 204
    )
    assert ">\nHalf</textarea>" in as_user(made.ngo.user).get(f"/reports/{report.uid}").text

    refused = as_user(made.ngo.user).post(
        f"/reports/{report.uid}", data={"do": "submit", "activities": "Done."}
    )
    assert refused.status_code == 422
    assert ">\nDone.</textarea>" in refused.text
    assert "3 things need attention" in words(refused)
    sent = as_user(made.ngo.user).post(f"/reports/{report.uid}", data={**ANSWERS, "do": "submit"})
    assert sent.headers["location"] == f"/reports/{report.uid}?done=report-submitted"

    assert "To accept or return Quarterly report" in words(as_user(made.company.user).get("/reports"))
    read = words(as_user(made.company.user).get(f"/reports/{report.uid}"))
    assert ANSWERS["results"] in read
    assert "1,200" in read
    assert "Accept or return" in read
    refused = as_user(made.company.user).post(f"/reports/{report.uid}/return", data={"faults": "late"})
    assert refused.status_code == 422
    assert "Please give a reason." in words(refused)
    assert made.report().status is ReportStatus.SUBMITTED
    as_user(made.company.user).post(
        f"/reports/{report.uid}/return", data={"reason": "Sums differ.", "faults": "late"}
    )
    again = words(as_user(made.ngo.user).get(f"/reports/{report.uid}"))
    assert "It was returned, because: Sums differ." in again
    assert "Faults noted Handed in late" in again
    as_user(made.ngo.user).post(f"/reports/{report.uid}", data={**ANSWERS, "do": "submit"})
    done = as_user(made.company.user).post(f"/reports/{report.uid}/accept", data={})
    assert done.headers["location"] == f"/reports/{report.uid}?done=report-accepted"
    assert "1 / 5 accepted" in words(as_user(made.ngo.user).get(f"/agreements/{made.agreement.uid}/reports"))


def test_refused_decision_notes_no_fault(project, as_user, rows):
    made = project(days_ago=130)
    made.submit(made.report())
    as_user(made.company.user).post(f"/reports/{made.report().uid}/return", data={"faults": "late"})
    made_of = partial(as_user(made.company.user).post, f"/reports/{made.report().uid}/return")
    many = made_of(data={"reason": "Much.", "faults": codes()})
    assert many.status_code == 422
    assert f"Choose at most {MOST_FAULTS}." in words(many), "faults-many"
    assert rows(select(Fault)) == []
    assert made.report().status == "submitted"


def test_file_is_asked_for_where_none_was_chosen(project, as_user):
    made = project(days_ago=130)
    sent = {**ANSWERS, "do": "attach", "activities": "Half of it."}
    answer = as_user(made.ngo.user).post(f"/reports/{made.report().uid}", data=sent)
    assert answer.status_code == 422
    assert "Choose a file first." in words(answer), "file-needed"
    assert "Half of it." in answer.text
    assert made.report().attachments == []


def test_report_goes_its_way_as_json(project, as_user):
    made = project(days_ago=130)
    here = f"/api/v1/reports/{made.report().uid}"
    ngo = as_user(made.ngo.user)
    asked = ngo.get(f"{here}/questions").json()
    assert [one["code"] for one in asked] == [
        "activities",
        "beneficiaries",
        "results",
        "money",
        "problems",
        "next",
    ]
    [waiting, *_] = ngo.get("/api/v1/reports").json()
    assert (waiting["status"], waiting["days_late"] > 0) == ("draft", True)
    kept = ngo.put(f"{here}/answers", json={"answers": {"activities": "Half"}}).json()
    assert kept["answers"]["activities"] == "Half"
    refused = ngo.post(f"{here}/submit", json={"answers": {}})
    assert {one["field"] for one in refused.json()["errors"]} == {
        "activities",
        "beneficiaries",
        "results",
        "next",
    }
    sent = ngo.post(f"{here}/submit", json={"answers": ANSWERS}).json()
    assert (sent["status"], sent["days_late"]) == ("submitted", 0)
    company = as_user(made.company.user)
    assert [one["id"] for one in company.get("/api/v1/reports?waiting=decide").json()] == [sent["id"]]
    returned = company.post(f"{here}/return", json={"reason": "Sums differ.", "faults": ["late"]}).json()
    assert (returned["status"], returned["reason"]) == ("returned", "Sums differ.")
    as_user(made.ngo.user).post(f"{here}/submit", json={"answers": ANSWERS})
    accepted = as_user(made.company.user).post(f"{here}/accept", json={}).json()
    assert accepted["status"] == "accepted"
    listed = as_user(made.ngo.user).get(f"/api/v1/agreements/{made.agreement.uid}/reports").json()
    assert [one["status"] for one in listed] == ["accepted", "draft", "draft", "draft", "draft"]


def test_facts_are_kept_as_they_stood_when_it_was_submitted(project, as_user, make_listing, make_party, rows):
    need = make_listing(make_party("Village"), "Wells", beneficiaries="300")
    made = project(need=need)
    report = made.submit(made.report())
    assert report.facts["people"] == 300
    made.change(report, facts={**report.facts, "people": 299})
    shown = as_user(made.company.user).get(f"/api/v1/reports/{report.uid}").json()
    assert shown["facts"]["people"] == 299


@pytest.mark.parametrize("path", ["/reports", "/reports/x", "/agreements/x/reports", "/reports/x/files/1"])
def test_pages_ask_who_it_is(client, path):
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/accounts/sign-in")


def test_home_says_what_waits_because_of_reports(project, as_user, make_user):
    made = project(days_ago=95)
    made.change(made.report(), due=today() + timedelta(days=3))
    assert "Quarterly report of “Clean water for two schools” is due on" in words(
        as_user(made.ngo.user).get("/")
    )
    made.change(made.report(), due=today() - timedelta(days=3))
    assert "“Clean water for two schools” was due on" in words(as_user(made.ngo.user).get("/"))
    facilitator = make_user(roles=[Role.FACILITATOR])
    assert "Reports that are overdue: 1." in words(as_user(facilitator).get("/"))
    assert f"/reports/{made.report().uid}" in as_user(facilitator).get("/reports").text
    made.submit(made.report())
    assert "Green Home has handed in a report" in words(as_user(made.company.user).get("/"))
    assert "Reports that are overdue" not in words(as_user(facilitator).get("/"))
