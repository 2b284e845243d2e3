"""A reviewer writes: as typed, handed in, opened again, recused; the others and the discussion come after."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select, update

from service.db import now, writing
from service.events import Event
from service.jobs import Job
from service.reviews.models import Conflict, Review, ReviewStatus
from service.rounds.models import RoundPhase, RoundStatus
from tests.service.reviews.conftest import SCORES

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.reviews.conftest import Scene

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]

TYPED = {f"score-{code}": str(points) for code, points in SCORES.items()} | {"comment": "Sound, but dear."}


@pytest.fixture
def review(scene: Scene) -> Review:
    """The first reviewer's review of the first application, ready to be written."""
    scene.add(*scene.reviewers)
    return scene.review()


def close(scene: Scene) -> None:
    """Let the time for reviews pass."""
    with writing(scene.engine) as session:
        session.execute(
            update(RoundPhase)
            .where(RoundPhase.round_id == scene.round.key, RoundPhase.phase == RoundStatus.REVIEWING)
            .values(ends=now() - timedelta(minutes=1))
        )


def test_nothing_is_shown_or_taken_before_the_question_about_conflicts(
    scene: Scene, as_user: AsUser, rows: Rows
) -> None:
    scene.add(*scene.reviewers)
    found = scene.review(clear=False)
    browser = as_user(scene.reviewers[0])
    page = browser.get(f"/reviews/{found.uid}").text
    assert "have you a conflict of interest" in page
    assert "Hand in the review" not in page
    assert browser.get(f"/api/v1/reviews/{found.uid}").json()["code"] == "conflict-first"
    assert browser.post(f"/reviews/{found.uid}", data=TYPED).status_code == 409
    answer = browser.post(f"/api/v1/reviews/{found.uid}/no-conflict")
    assert answer.json()["application"]["title"] == "Wells by [applicant]"
    assert rows(select(Event.name).where(Event.subject == found.uid)) == ["review.confirm_no_conflict"]


def test_what_is_typed_is_kept_and_the_total_follows(
    scene: Scene, review: Review, as_user: AsUser, rows: Rows
) -> None:
    browser = as_user(scene.reviewers[0])
    half = {"score-broad_need": "8", "score-economy": "", "comment": "Half way"}
    assert browser.post(f"/reviews/{review.uid}/draft", data=half).status_code == 204
    [kept] = rows(select(Review))
    assert (kept.scores, kept.comment, kept.status) == ({"broad_need": 8}, "Half way", ReviewStatus.ASSIGNED)
    page = browser.get(f"/reviews/{review.uid}").text
    assert 'name="score-broad_need" value="8" checked' in page
    assert "<output data-total>12</output>" in page, "15 per cent of 8 of 10"
    assert browser.post(f"/reviews/{review.uid}/draft", data={"score-economy": "11"}).status_code == 422


def test_all_that_is_missing_is_said_at_once_and_nothing_typed_is_lost(
    scene: Scene, review: Review, as_user: AsUser, rows: Rows
) -> None:
    browser = as_user(scene.reviewers[0])
    typed = {"score-growth": "4", "comment": "", "do": "submit"}
    answer = browser.post(f"/reviews/{review.uid}", data=typed)
    assert answer.status_code == 422
    assert answer.text.count("Give points here.") == 12, "six criteria, in the summary and at the field"
    assert 'name="score-growth" value="4" checked' in answer.text
    assert rows(select(Review))[0].status is ReviewStatus.ASSIGNED
    sent = {"scores": {"beauty": 3}, "comment": "x", "submit": True}
    problem = browser.put(f"/api/v1/reviews/{review.uid}", json=sent).json()
    assert [error["code"] for error in problem["errors"]] == ["criterion-unknown"]


def test_handing_in_weighs_records_and_opens_what_the_others_say(
    scene: Scene, review: Review, as_user: AsUser, rows: Rows
) -> None:
    second = scene.review(0, 1)
    browser = as_user(scene.reviewers[1])
    browser.post(f"/reviews/{second.uid}", data={**TYPED, "comment": "Other words.", "do": "submit"})
    browser = as_user(scene.reviewers[0])
    page = browser.get(f"/reviews/{review.uid}").text
    assert "Other words." not in page
    assert browser.get(f"/api/v1/reviews/{review.uid}").json()["others"] is None
    said = browser.post(f"/reviews/{review.uid}/remarks", data={"text": "Hello?"})
    assert said.status_code == 409, "first one's own"
    assert browser.post(f"/reviews/{review.uid}", data={**TYPED, "do": "submit"}).status_code == 303
    [kept, _] = rows(select(Review).order_by(Review.id))
    assert kept.raw == pytest.approx(72.0)
    assert kept.language == "en"
    [event] = rows(select(Event).where(Event.subject == review.uid, Event.name == "review.submit"))
    assert event.details["scores"] == SCORES
    page = browser.get(f"/reviews/{review.uid}").text
    assert "Other words." in page
    assert "Reviewer 2" in page
    browser.post(f"/reviews/{review.uid}/remarks", data={"text": "Is the rent in it?"})
    as_user(scene.facilitator).post(
        f"{scene.desk}/applications/{scene.applications[0].uid}/remarks",
        data={"text": "Green Home says yes."},
    )
    page = as_user(scene.reviewers[1]).get(f"/reviews/{second.uid}").text
    assert "Is the rent in it?" in page
    assert "<strong>Reviewer 1</strong>" in page
    assert "<strong>Facilitator</strong>" in page
    assert "[applicant] says yes." in page
    assert scene.facilitator.name not in page.partition("<main")[2]
    assert browser.post(f"/reviews/{second.uid}", data={**TYPED, "do": "submit"}).status_code == 409


def test_reopening_needs_a_reason_that_the_reviewer_is_told_without_names(
    scene: Scene, review: Review, as_user: AsUser, rows: Rows
) -> None:
    as_user(scene.reviewers[0]).post(f"/reviews/{review.uid}", data={**TYPED, "do": "submit"})
    desk = as_user(scene.facilitator)
    assert desk.post(f"/api/v1/reviews/{review.uid}/reopen", json={"reason": ""}).status_code == 422
    reason = {"reason": "You took Green Home for another."}
    assert desk.post(f"/api/v1/reviews/{review.uid}/reopen", json=reason).status_code == 204
    [kept] = rows(select(Review))
    assert (kept.status, kept.raw, kept.scores) == (ReviewStatus.ASSIGNED, None, SCORES)
    [mail] = [job.payload for job in rows(select(Job)) if job.payload.get("template") == "review-reopened"]
    assert mail["values"]["reason"] == "You took [applicant] for another."
    page = as_user(scene.reviewers[0]).get(f"/reviews/{review.uid}").text
    assert "You took [applicant] for another." in page
    [event] = rows(select(Event).where(Event.name == "review.reopen"))
    assert (event.reason, event.details["raw"]) == (reason["reason"], pytest.approx(72.0))


def test_recusal_makes_the_pair_impossible_for_good(
    scene: Scene, review: Review, as_user: AsUser, rows: Rows
) -> None:
    browser = as_user(scene.reviewers[0])
    assert browser.post(f"/reviews/{review.uid}/recuse", data={"reason": ""}).status_code == 422
    told = browser.post(f"/reviews/{review.uid}/recuse", data={"reason": "My sister works there."})
    assert told.status_code == 303
    [kept] = rows(select(Review))
    assert kept.status is ReviewStatus.RECUSED
    [conflict] = rows(select(Conflict))
    assert conflict.organization_id == scene.parties[0].organization.key
    assert browser.get(f"/reviews/{review.uid}").status_code == 409
    assert f'href="/reviews/{review.uid}"' not in browser.get("/reviews").text
    desk = as_user(scene.facilitator)
    assert "My sister works there." in desk.get(scene.desk).text
    plan = desk.get(f"/api/v1/rounds/{scene.round.uid}/assignment").json()
    people = desk.get(f"/api/v1/rounds/{scene.round.uid}/reviewers").json()
    mine = next(person["id"] for person in people if person["user"] == scene.reviewers[0].uid)
    pairs = {(pair["application"], pair["reviewer"]) for pair in plan["added"]}
    assert (scene.applications[0].uid, mine) not in pairs
    assert (scene.applications[1].uid, mine) in pairs or plan["loads"][mine] <= 3


def test_nothing_is_taken_in_after_the_time_but_it_is_kept(
    scene: Scene, review: Review, as_user: AsUser, rows: Rows
) -> None:
    browser = as_user(scene.reviewers[0])
    browser.post(f"/reviews/{review.uid}", data={**TYPED, "do": "save"})
    assert "Nothing is waiting for you" not in browser.get("/").text
    close(scene)
    answer = browser.post(f"/reviews/{review.uid}", data={**TYPED, "do": "submit"})
    assert answer.status_code == 409
    assert "The time for reviews is over" in answer.text
    assert rows(select(Review))[0].scores == SCORES
    page = browser.get(f"/reviews/{review.uid}").text
    assert "No reviews are taken in just now" in page
    assert "Hand in the review" not in page


def test_list_shows_progress_deadline_and_what_is_left(scene: Scene, review: Review, as_user: AsUser) -> None:
    scene.review(1)
    browser = as_user(scene.reviewers[0])
    browser.post(f"/reviews/{review.uid}", data={**TYPED, "do": "submit"})
    page = browser.get("/reviews").text
    assert "1 of 2 handed in" in page
    assert "Hand in by" in page
    assert "Wells by [applicant]" in page
    assert [one["status"] for one in browser.get("/api/v1/reviews").json()] == ["assigned", "submitted"]
    home = browser.get("/").text
    assert "Reviews to write for “Spring round”: 1." in home
    assert as_user(scene.reviewers[1]).get("/api/v1/reviews").json() == []


def test_if_match_guards_what_was_handed_in_elsewhere(scene: Scene, review: Review, as_user: AsUser) -> None:
    browser = as_user(scene.reviewers[0])
    tag = browser.get(f"/api/v1/reviews/{review.uid}").headers["etag"]
    sent = {"scores": SCORES, "comment": "Good.", "submit": True}
    first = browser.put(f"/api/v1/reviews/{review.uid}", json=sent, headers={"If-Match": tag})
    assert first.json()["score"] == pytest.approx(72.0)
    again = browser.put(f"/api/v1/reviews/{review.uid}", json=sent, headers={"If-Match": tag})
    assert again.status_code == 412


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en", "ru", "es"])
def test_pages_answer_in_every_language(
    scene: Scene, review: Review, as_user: AsUser, language: str, rows: Rows
) -> None:
    browser = as_user(scene.reviewers[0])
    browser.post(f"/reviews/{review.uid}", data={**TYPED, "do": "submit"})
    assert rows(select(Review.status)) == [ReviewStatus.SUBMITTED]
    paths = ["/reviews", f"/reviews/{review.uid}"]
    for path in paths:
        answer = browser.get(f"{path}?lang={language}")
        assert answer.status_code == 200, path
        assert f'<html lang="{language}"' in answer.text
    desk = as_user(scene.facilitator)
    here = f"{scene.desk}/applications/{scene.applications[0].uid}"
    for path in (scene.desk, f"{scene.desk}/assignment", f"{scene.desk}/scores?cut=1", here):
        answer = desk.get(f"{path}{'&' if '?' in path else '?'}lang={language}")
        assert answer.status_code == 200, path
