"""Every way of breaking a rule of reviews that other tests do not tell: refused, with its reason."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from sqlmodel import select, update

from service.db import now
from service.events import Event
from service.permissions import Role
from service.reviews import actions, assigning, deciding, queries
from service.reviews.checks import chosen
from service.reviews.desk import reviewer_of
from service.reviews.models import (
    Conflict,
    Remark,
    Review,
    ReviewerIn,
    ReviewStatus,
    RoundReviewer,
    VerdictStep,
)
from service.rounds.models import Application, Round, RoundPhase
from service.web import Typed
from tests.service.refusing import refused
from tests.service.reviews.conftest import SCORES


@pytest.fixture
def people(scene):
    """The reviewers in the round."""
    return scene.add(*scene.reviewers)


@pytest.fixture
def review(scene, people):
    """The first reviewer's review of the first application, to be written; `people` review in the round."""
    assert people
    return scene.review()


@pytest.fixture
def held(session, review):
    """The same in the session."""
    return session.get_one(Review, review.key)


@pytest.fixture
def one(scene, session, review):
    """The round under review in the session."""
    assert review
    return session.get_one(Round, scene.round.key)


@pytest.fixture
def reviewer(scene, actor):
    """The first reviewer as one who asks."""
    return actor(scene.reviewers[0])


def log(session):
    """What has happened so far."""
    return session.exec(select(Event.name).order_by(Event.id)).all()


# Writing ----------------------------------------------------------------------------------------------


def test_reviews_that_cannot_be_handed_in(session, reviewer, held, one):
    before = log(session)
    submit = partial(actions.submit, session, reviewer, held)
    save = partial(actions.save, session, reviewer, held)
    refused("points-missing", submit, {"growth": 4}, "Sound.")
    refused("field-missing", submit, SCORES, " ")
    refused("too-long", save, SCORES, "x" * 5_001)
    for points in (-1, 11):
        refused("points-range", submit, {**SCORES, "growth": points}, "Sound.")
        refused("points-range", save, {"growth": points}, "")
    ends = update(RoundPhase).where(RoundPhase.round_id == one.key, RoundPhase.phase == one.status.value)
    session.execute(ends.values(ends=now() - timedelta(minutes=1)))
    refused("review-late", submit, SCORES, "Sound.")
    refused("review-late", save, SCORES, "Sound.")
    assert (held.status, held.scores, held.comment) == (ReviewStatus.ASSIGNED, {}, "")
    assert log(session) == before


def test_what_is_handed_in_stays_and_what_was_taken_away_is_closed(
    session, scene, reviewer, as_facilitator, held
):
    remark = partial(actions.remark, session, reviewer, scene.applications[0])
    refused("review-first", remark, "Is the rent in it?")
    actions.submit(session, reviewer, held, SCORES, "Sound.")
    for write in (actions.save, actions.submit):
        refused("review-in", write, session, reviewer, held, {**SCORES, "growth": 10}, "Better still.")
    assert (held.scores, held.comment) == (SCORES, "Sound.")
    assigning.take(session, as_facilitator, held, "Given to somebody else.")
    before = log(session)
    for write in (actions.save, actions.submit):
        refused("review-gone", write, session, reviewer, held, SCORES, "Sound.")
    refused("review-gone", actions.confirm_no_conflict, session, reviewer, held)
    refused("review-gone", queries.opened, session, reviewer, held)
    refused("review-gone", remark, "Is the rent in it?")
    assert log(session) == before
    assert session.exec(select(Remark)).all() == []


def test_judgement_is_not_emptied_by_a_form_beside_it(scene, review, as_user, rows):
    browser, here = as_user(scene.reviewers[0]), f"/reviews/{review.uid}"
    typed = {f"score-{code}": str(points) for code, points in SCORES.items()} | {"comment": "Half way"}
    browser.post(f"{here}/draft", data=typed)
    page = browser.post(f"{here}/recuse", data={"reason": " "})
    assert page.status_code == 422
    assert page.text.count(" checked") == len(SCORES)
    assert "Half way</textarea>" in page.text
    browser.post(here, data={**typed, "do": "submit"})
    page = browser.post(f"{here}/remarks", data={"text": "x" * 5_001})
    assert page.status_code == 422
    assert page.text.count(" checked") == len(SCORES)
    assert "<output data-total>72</output>" in page.text
    assert rows(select(Remark)) == []


# Assigning --------------------------------------------------------------------------------------------


def test_reviewers_and_pairs_that_cannot_be(session, scene, reviewer, as_facilitator, people, held, one):
    person, wells = people[0].uid, scene.applications[0].uid
    give = partial(assigning.give, session, as_facilitator, one)
    again = ReviewerIn(user=scene.reviewers[0].uid, most=3)
    actions.submit(session, reviewer, held, SCORES, "Sound.")
    refused("reviewer-twice", assigning.add_reviewer, session, as_facilitator, one, again)
    refused("pair-there", give, wells, person, "Once more.")
    refused("choose-listed", give, "nothing", person, "Why not.")
    refused("choose-listed", give, scene.applications[1].listing_id, person, "A listing is none.")
    assigning.remove_reviewer(session, as_facilitator, one, person, "Is ill.")
    before = log(session)
    refused("reviewer-left", give, scene.applications[1].uid, person, "Has time.")
    refused("reviewer-left", assigning.remove_reviewer, session, as_facilitator, one, person, "Twice.")
    refused("reviewer-left", assigning.change_reviewer, session, as_facilitator, one, person, again)
    refused("reviewer-left", actions.reopen, session, as_facilitator, held, "Too mild.")
    assert log(session) == before
    assert (held.status, held.scores) == (ReviewStatus.SUBMITTED, SCORES)
    assert session.get_one(RoundReviewer, people[0].key).most == 20
    assert len(session.exec(select(Review)).all()) == 1


def test_desk_says_at_the_form_itself_what_is_wrong_with_it(scene, people, review, as_user, rows):
    desk, (first, second, *_) = as_user(scene.facilitator), people
    assert review

    def wrong(path, typed, field, words):
        page = desk.post(f"{scene.desk}{path}", data=typed)
        assert page.status_code == 422, path
        marked = page.text.partition(f'id="problem-{field}"')[2].partition("</p>")[0]
        assert words in marked, field
        assert page.text.count('class="field-problem"') == 1
        assert f'href="#field-{field}"' in page.text
        return page.text

    for most in ("many", "0", "1001", "0010001", "9" * 5_000):
        refused("most-range", reviewer_of, Typed({"most": [most]}, {}))
        said = "Write a whole number from 1 to 1000."
        typed = {f"most-{second.uid}": most, f"languages-{second.uid}": "ru"}
        page = wrong(f"/reviewers/{second.uid}", typed, f"most-{second.uid}", said)
        assert f'name="most-{second.uid}" type="text" value="{most}"' in page
        assert f'name="languages-{second.uid}" value="ru" checked' in page
        assert f'name="languages-{first.uid}" value="ru" checked' not in page
    filled = "Please fill this in."
    wrong(f"/reviewers/{second.uid}/remove", {}, f"reason-{second.uid}", filled)
    stated = {"reviewer": second.uid, "organization": scene.parties[1].organization.uid}
    wrong("/conflicts", {**stated, "conflict_reason": " "}, "conflict_reason", filled)
    nobody = {**stated, "reviewer": "", "conflict_reason": "Friends."}
    page = wrong("/conflicts", nobody, "reviewer", "Choose one from the list.")
    assert "Friends.</textarea>" in page
    desk.post(f"{scene.desk}/conflicts", data={**stated, "conflict_reason": "Friends."})
    [conflict] = rows(select(Conflict))
    wrong(f"/conflicts/{conflict.uid}/revoke", {}, f"revoke-{conflict.uid}", filled)
    assert rows(select(Conflict.reason)) == ["Friends."]
    assert {(person.most, person.left) for person in rows(select(RoundReviewer))} == {(20, None)}
    typed = {f"most-{second.uid}": "7", f"languages-{second.uid}": ["ru", "es"]}
    assert desk.post(f"{scene.desk}/reviewers/{second.uid}", data=typed).status_code == 303
    [changed] = rows(select(RoundReviewer).where(RoundReviewer.uid == second.uid))
    assert (changed.most, changed.languages) == (7, ["ru", "es"])


# Deciding ---------------------------------------------------------------------------------------------


def test_decisions_that_cannot_be(session, scene, as_facilitator, as_user, one, rows):
    before = log(session)
    refused("nobody-waits", deciding.call_up, session, as_facilitator, one, "A place is free.")
    for typed in ("many", "-1", "1.5", "²", "100000"):
        refused("not-whole", deciding.number_of, typed)
    assert log(session) == before
    for typed in ("", "reopen"):
        refused("choose-one", chosen, typed, "step", VerdictStep)
    session.rollback()
    desk, here = as_user(scene.facilitator), f"{scene.desk}/applications/{scene.applications[1].uid}"
    for path, typed, kept in (
        ("reviewers", {"give_reason": "Knows rivers."}, "Knows rivers."),
        ("verdict", {"reason": "The best."}, "The best."),
        ("verdict", {"step": "reopen", "reason": "The best."}, "The best."),
    ):
        page = desk.post(f"{here}/{path}", data=typed)
        assert page.status_code == 422
        assert "Choose one from the list." in page.text
        assert f"{kept}</textarea>" in page.text
    assert rows(select(Review.application_id)) == [scene.applications[0].key]
    assert {status.value for status in rows(select(Application.status))} == {"eligible"}


def test_nobody_decides_by_hand_about_their_own_organization(
    session, scene, make_user, actor, as_facilitator, as_user
):
    own = scene.applications[0]
    involved = make_user(roles=[Role.FACILITATOR], member_of={own.organization_id: Role.VIEWER})
    here = f"{scene.desk}/applications/{own.uid}"
    assert "Another facilitator decides about it." in as_user(involved).get(here).text
    one = session.get_one(Round, scene.round.key)
    before = log(session)
    decide = partial(deciding.decide, session, actor(involved), one)
    refused("own-application", decide, own.uid, VerdictStep.DECLINE, "Ours.")
    assert log(session) == before
    assert decide(scene.applications[1].uid, VerdictStep.DECLINE, "Weak.").status.value == "declined"
    deciding.decide(session, as_facilitator, one, own.uid, VerdictStep.WAITLIST, "The next.")
    refused("own-application", deciding.call_up, session, actor(involved), one, "A place is free.")
    assert session.get_one(Application, own.key).status.value == "waitlisted"
