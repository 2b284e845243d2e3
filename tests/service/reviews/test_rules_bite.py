"""The rules of reviewing bite: with each something comes out otherwise than without it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from matching.rules import load_preset
from service.db import reading, writing
from service.jobs import Job
from service.reviews import assigning, deciding, queries
from service.reviews.models import Review, ReviewStatus, VerdictStep
from service.reviews.scoring import criteria_of, mark_for, standings, weighted
from service.rounds.models import Round
from tests.service.stated_rules import stating

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from service.accounts.models import User
    from service.permissions import Actor
    from tests.service.reviews.conftest import Scene


def ruled(scene: Scene, preset: str, **process: Any) -> Round:
    """The scene's round under a preset, with keys of its process put over it."""
    with writing(scene.engine) as session:
        one = session.get_one(Round, scene.round.key)
        one.preset, one.rules = preset, {"process": process}
        session.add(one)
    return one


@pytest.mark.parametrize("preset", stating("criteria"))
def test_criteria_weigh_what_reviewers_score(preset: str, scene: Scene) -> None:
    own = criteria_of(ruled(scene, preset))
    assert own == load_preset(preset).process.criteria
    heaviest = max(own, key=lambda code: own[code])
    good_there = {code: 10 if code == heaviest else 0 for code in own}
    even = {code: 100 // len(own) + (place < 100 % len(own)) for place, code in enumerate(own)}
    assert weighted(own, good_there) == own[heaviest]
    assert weighted(even, good_there) < weighted(own, good_there)
    none = criteria_of(ruled(scene, preset, criteria=dict.fromkeys(own) | {"mine": 100}))
    assert none == {"mine": 100}


@pytest.mark.parametrize("preset", stating("blind_review"))
def test_blind_review_hides_whose_project_it_is(
    preset: str, scene: Scene, actor: Callable[[User], Actor]
) -> None:
    scene.add(*scene.reviewers)
    review = scene.review()
    reviewer = actor(scene.reviewers[0])
    seen = {}
    for blind in (True, False):
        ruled(scene, preset, blind_review=blind)
        with reading(scene.engine) as session:
            shown = queries.opened(session, reviewer, session.get_one(Review, review.key))
            seen[blind] = "Green Home" in f"{shown}"
    assert seen == {True: False, False: True}


@pytest.mark.parametrize("preset", stating("reviews"))
def test_reviews_says_how_many_judge_each(preset: str, scene: Scene, as_facilitator: Actor) -> None:
    scene.add(*scene.reviewers)
    own = load_preset(preset).process.reviews
    planned = {}
    for asked in (own, 1):
        one = ruled(scene, preset, reviews=asked)
        with reading(scene.engine) as session:
            planned[asked] = len(assigning.plan(session, as_facilitator, one).added)
    assert planned == {own: own * 3, 1: 3}


@pytest.mark.parametrize("preset", stating("pass_marks"))
def test_pass_marks_keep_off_the_shortlist_what_scores_too_low(preset: str, scene: Scene) -> None:
    process = load_preset(preset).process
    lowest = mark_for(process, 5_000_00, "CNY")
    assert lowest is not None
    scene.add(*scene.reviewers)
    with writing(scene.engine) as session:
        for application, raw in zip(scene.applications, (lowest + 5.0, lowest - 5.0, 95.0), strict=True):
            session.add_all(
                Review(
                    application_id=application.key,
                    user_id=user.key,
                    status=ReviewStatus.SUBMITTED,
                    scores={},
                    raw=raw,
                )
                for user in scene.reviewers[:2]
            )
    passed = {}
    for rules in ({}, {"pass_marks": []}):
        one = ruled(scene, preset, **rules)
        with reading(scene.engine) as session:
            rows = standings(session, one).rows
            passed[bool(rules)] = sum(row.mark is None or (row.after or 0) >= row.mark for row in rows)
    assert passed == {False: 2, True: 3}


@pytest.mark.parametrize("preset", stating("tell_scores"))
def test_tell_scores_tells_applicants_theirs(preset: str, scene: Scene, as_facilitator: Actor) -> None:
    scene.add(*scene.reviewers)
    criteria = load_preset(preset).process.criteria
    with writing(scene.engine) as session:
        for application in scene.applications:
            session.add(
                Review(
                    application_id=application.key,
                    user_id=scene.reviewers[0].key,
                    status=ReviewStatus.SUBMITTED,
                    scores=dict.fromkeys(criteria, 9),
                    comment="A sound plan.",
                    raw=90.0,
                )
            )
    told = {}
    for place, tells in enumerate((True, False)):
        one = ruled(scene, preset, tell_scores=tells)
        with writing(scene.engine) as session:
            application = scene.applications[place]
            deciding.decide(
                session, as_facilitator, one, application.uid, VerdictStep.DECLINE, "Others came first."
            )
            session.flush()
            last = session.exec(select(Job).where(Job.name == "send_mail")).all()[-1]
            told[tells] = (last.payload["values"]["score"] is not None, last.payload["values"]["comments"])
    assert told == {True: (True, ["A sound plan."]), False: (False, [])}
