"""From assignment with a conflict of interest through blind review and normalisation to the shortlist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlmodel import col, select

from service.events import Event
from service.jobs import Job
from service.reviews.models import Review, ReviewStatus
from service.rounds.models import Application, ApplicationStatus
from tests.service.reviews.conftest import SCORES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import MakeUser
    from tests.service.reviews.conftest import Scene

PLAN = re.compile(r'name="plan" value="(\w+)"')


def test_from_assignment_with_a_conflict_to_the_shortlist(
    scene: Scene,
    as_user: Callable[[User], TestClient],
    make_user: MakeUser,
    rows: Callable[[Any], list[Any]],
) -> None:
    tied = make_user(roles=["reviewer"], member_of={scene.parties[0].organization.key: "viewer"})
    desk = as_user(scene.facilitator)
    for user in (tied, *scene.reviewers[:3]):
        answer = desk.post(f"{scene.desk}/reviewers", data={"user": user.uid, "most": "3"})
        assert answer.status_code == 303, answer.text
    proposal = desk.get(f"{scene.desk}/assignment")
    assert "Assign like this" in proposal.text
    assert rows(select(Review)) == [], "a preview assigns nothing"
    [plan] = PLAN.findall(proposal.text)
    assert desk.post(f"{scene.desk}/assignment", data={"plan": plan}).status_code == 303

    reviews = rows(select(Review).order_by(col(Review.id)))
    assert len(reviews) == 9
    own = scene.applications[0].key
    assert (own, tied.key) not in {(review.application_id, review.user_id) for review in reviews}
    loads = [sum(review.user_id == user.key for review in reviews) for user in (tied, *scene.reviewers[:3])]
    assert max(loads) - min(loads) <= 1
    mails = [job.payload for job in rows(select(Job).where(Job.name == "send_mail"))]
    assert {mail["template"] for mail in mails} == {"review-assigned"}
    assert sum(mail["values"]["count"] for mail in mails) == 9

    strict = scene.reviewers[0]
    merit = {scene.applications[0].key: 2, scene.applications[1].key: 1, scene.applications[2].key: -5}
    for review in reviews:
        user = next(one for one in (tied, *scene.reviewers) if one.key == review.user_id)
        browser = as_user(user)
        here = f"/reviews/{review.uid}"
        assert "have you a conflict of interest" in browser.get(here).text
        assert browser.post(f"{here}/no-conflict").status_code == 303
        shift = merit[review.application_id] - (2 if user is strict else 0)
        typed = {f"score-{code}": str(max(0, min(10, points + shift))) for code, points in SCORES.items()}
        typed |= {"comment": "Well thought out.", "do": "submit"}
        answer = browser.post(here, data=typed)
        assert answer.status_code == 303, answer.text

    desk = as_user(scene.facilitator)
    shown = desk.get(f"/api/v1/rounds/{scene.round.uid}/scores").json()
    assert [row["application"] for row in shown["standings"]] == [one.uid for one in scene.applications]
    assert min(shown["habits"], key=lambda habit: habit["leniency"])["reviewer"] == 2, "the strict one"
    judged = {review.application_id for review in reviews if review.user_id == strict.key}
    lowered = {one.uid for one in scene.applications if one.key in judged}
    passing = [row for row in shown["standings"] if row["passes"]]
    assert all(row["after"] > row["before"] for row in passing if row["application"] in lowered)

    page = desk.get(f"{scene.desk}/scores?cut=1&number=1")
    [plan] = PLAN.findall(page.text)
    decided = {"number": "1", "plan": plan, "decline": "yes", "decline_reason": "Below the mark of its size."}
    assert desk.post(f"{scene.desk}/shortlist", data=decided).status_code == 303
    found = rows(select(Application).where(Application.side == "need").order_by(col(Application.id)))
    assert [one.status for one in found] == [
        ApplicationStatus.SHORTLISTED,
        ApplicationStatus.WAITLISTED,
        ApplicationStatus.DECLINED,
    ]
    assert found[1].place == 1
    assert found[2].reason == "Below the mark of its size."
    assert all(one.score is not None for one in found)
    told = [
        job.payload
        for job in rows(select(Job).where(Job.name == "send_mail"))
        if job.payload["template"] == "review-outcome"
    ]
    assert {(mail["to"], mail["values"]["step"]) for mail in told} == {
        (scene.parties[0].user.email, "shortlist"),
        (scene.parties[1].user.email, "waitlist"),
        (scene.parties[2].user.email, "decline"),
    }
    assert all(len(mail["values"]["comments"]) == 3 for mail in told)
    names = [user.name for user in (tied, *scene.reviewers)]
    assert not any(name in str(mail["values"]) for name in names for mail in told)

    assert desk.post(f"{scene.desk}/call-up", data={"call_reason": "A sponsor joined."}).status_code == 303
    assert rows(select(Application).where(Application.id == found[1].key))[0].status == "shortlisted"
    events = rows(select(Event).order_by(col(Event.id)))
    trail = [event for event in events if event.details.get("round") == scene.round.uid]
    assert {event.name for event in trail} >= {
        "reviewer.add",
        "review.assign",
        "review.confirm_no_conflict",
        "review.submit",
        "application.shortlist",
        "application.waitlist",
        "application.decline",
        "round.shortlist",
    }
    assert all(review.status is ReviewStatus.SUBMITTED for review in rows(select(Review)))
    assert all(review.normalised is not None for review in rows(select(Review)))
