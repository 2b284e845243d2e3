"""Reviewers of a round, conflicts of interest, assignment by the optimiser and by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, col, select

from service.accounts import memberships
from service.db import writing
from service.errors import BadInput, NotNow
from service.events import Event
from service.permissions import Role
from service.reviews import assigning
from service.reviews.conflicts import Ground, grounds
from service.reviews.models import Conflict, Review, ReviewerIn, ReviewStatus
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from service.permissions import Actor
    from tests.service.conftest import MakeUser
    from tests.service.reviews.conftest import Scene


def carried_out(scene: Scene, actor: Actor, *, partial: bool = False) -> assigning.Plan:
    with Session(scene.engine) as reading:
        made = assigning.plan(reading, actor, reading.get_one(Round, scene.round.key))
    with writing(scene.engine) as session:
        return assigning.carry_out(
            session, actor, session.get_one(Round, scene.round.key), made, partial=partial
        )


def held(scene: Scene) -> set[tuple[int, int]]:
    with Session(scene.engine) as session:
        found = session.exec(select(Review).where(col(Review.status).in_(assigning.HELD)))
        return {(review.application_id, review.user_id) for review in found}


# Reviewers --------------------------------------------------------------------------------------------


def test_only_people_with_the_role_review_and_each_once(
    scene: Scene, session: Session, as_facilitator: Actor, make_user: MakeUser
) -> None:
    stranger = make_user()
    one = session.get_one(Round, scene.round.key)
    for wanted in (stranger.uid, "nobody@example.org", ""):
        with pytest.raises(BadInput) as refused:
            assigning.add_reviewer(session, as_facilitator, one, ReviewerIn(user=wanted))
        assert refused.value.problems[0].message.code == "reviewer-unknown"
    first = assigning.add_reviewer(
        session, as_facilitator, one, ReviewerIn(user=scene.reviewers[0].email.upper())
    )
    second = assigning.add_reviewer(session, as_facilitator, one, ReviewerIn(user=scene.reviewers[1].uid))
    assert (first.number, second.number) == (1, 2)
    with pytest.raises(BadInput, match="fields need attention"):
        assigning.add_reviewer(session, as_facilitator, one, ReviewerIn(user=scene.reviewers[0].uid))


def test_facilitator_cannot_review_blind_and_can_where_it_is_open(
    scene: Scene, session: Session, as_facilitator: Actor, make_user: MakeUser
) -> None:
    both = make_user(roles=[Role.REVIEWER, Role.FACILITATOR])
    one = session.get_one(Round, scene.round.key)
    with pytest.raises(BadInput) as refused:
        assigning.add_reviewer(session, as_facilitator, one, ReviewerIn(user=both.uid))
    assert refused.value.problems[0].message.code == "reviewer-not-blind"
    one.rules = {"process": {"blind_review": False}}
    assert assigning.add_reviewer(session, as_facilitator, one, ReviewerIn(user=both.uid)).number == 1


def test_reviewer_who_leaves_keeps_what_is_handed_in_and_comes_back_under_the_same_number(
    scene: Scene, session: Session, as_facilitator: Actor
) -> None:
    [person, _] = scene.add(*scene.reviewers[:2])
    written, unwritten = scene.review(0), scene.review(1)
    with writing(scene.engine) as other:
        kept = other.get_one(Review, written.key)
        kept.status = ReviewStatus.SUBMITTED
        other.add(kept)
    one = session.get_one(Round, scene.round.key)
    assigning.remove_reviewer(session, as_facilitator, one, person.uid, "Is ill.")
    assert session.get_one(Review, written.key).status is ReviewStatus.SUBMITTED
    gone = session.get_one(Review, unwritten.key)
    assert (gone.status, gone.reason) == (ReviewStatus.WITHDRAWN, "Is ill.")
    back = assigning.add_reviewer(
        session, as_facilitator, one, ReviewerIn(user=scene.reviewers[0].uid, most=7)
    )
    assert (back.uid, back.number, back.most, back.left) == (person.uid, 1, 7, None)


def test_nobody_joins_once_the_review_is_over(scene: Scene, session: Session, as_facilitator: Actor) -> None:
    one = session.get_one(Round, scene.round.key)
    one.status = RoundStatus.MATCHING
    with pytest.raises(NotNow) as refused:
        assigning.add_reviewer(session, as_facilitator, one, ReviewerIn(user=scene.reviewers[0].uid))
    assert refused.value.message.code == "wrong-phase"


# Conflicts of interest --------------------------------------------------------------------------------


def test_conflicts_come_from_membership_now_and_before_from_giving_and_from_being_stated(
    scene: Scene,
    session: Session,
    make_user: MakeUser,
    actor: Callable[[User], Actor],
) -> None:
    first, second = scene.parties[0].organization, scene.parties[1].organization
    inside = make_user(member_of={first.key: Role.VIEWER})
    former = make_user(member_of={first.key: Role.VIEWER})
    giver = make_user(member_of={scene.sponsor.organization.key: Role.EDITOR})
    stated, free = make_user(), make_user()
    memberships.leave(session, actor(former), first.key)
    session.add(Conflict(user_id=stated.key, organization_id=first.key, reason="Neighbours."))
    session.flush()
    known = grounds(session, scene.round, [one.key for one in (inside, former, giver, stated, free)])
    assert known.between(inside.key, first.key) is Ground.MEMBER
    assert known.between(former.key, first.key) is Ground.FORMER
    assert known.between(giver.key, first.key) is known.between(giver.key, second.key) is Ground.SPONSOR
    assert known.between(stated.key, first.key) is Ground.DECLARED
    assert known.between(free.key, first.key) is None
    assert all(known.between(one.key, second.key) is None for one in (inside, former, stated, free))


def test_stating_a_conflict_recuses_what_was_assigned_and_keeps_it_so(
    scene: Scene, session: Session, as_facilitator: Actor
) -> None:
    [person] = scene.add(scene.reviewers[0])
    touched, other = scene.review(0), scene.review(1)
    one = session.get_one(Round, scene.round.key)
    name = scene.parties[0].organization.name
    assigning.declare_conflict(session, as_facilitator, one, person.uid, name, "Was on its board.")
    found = session.get_one(Review, touched.key)
    assert (found.status, found.reason) == (ReviewStatus.RECUSED, "Was on its board.")
    assert session.get_one(Review, other.key).status is ReviewStatus.ASSIGNED
    [event] = session.exec(select(Event).where(Event.name == "review.recuse"))
    assert (event.reason, event.details["round"]) == ("Was on its board.", one.uid)
    with pytest.raises(NotNow, match="impossible"):
        assigning.give(session, as_facilitator, one, scene.applications[0].uid, person.uid, "Needed.")
    [conflict] = session.exec(select(Conflict))
    assigning.revoke_conflict(session, as_facilitator, one, conflict.uid, "It was a namesake.")
    back = assigning.give(session, as_facilitator, one, scene.applications[0].uid, person.uid, "Needed.")
    assert (back.uid, back.status, back.clear) == (found.uid, ReviewStatus.ASSIGNED, None)


def test_membership_that_comes_later_closes_the_review_at_once_and_is_recused_by_the_next_assignment(
    scene: Scene,
    as_facilitator: Actor,
    as_user: Callable[[User], TestClient],
    rows: Callable[[Any], list[Any]],
) -> None:
    scene.add(*scene.reviewers)
    own = scene.review(0, 0)
    browser = as_user(scene.reviewers[0])
    assert browser.get(f"/reviews/{own.uid}").status_code == 200
    with writing(scene.engine) as other:
        memberships.add_membership(
            other, scene.reviewers[0].key, scene.parties[0].organization.key, Role.VIEWER
        )
    assert browser.get(f"/reviews/{own.uid}").status_code == 409
    sent = {"scores": {}, "comment": "Good.", "submit": False}
    assert browser.put(f"/api/v1/reviews/{own.uid}", json=sent).json()["code"] == "review-conflict"
    made = carried_out(scene, as_facilitator)
    assert made.conflicted == (own.uid,)
    assert rows(select(Review.status).where(Review.id == own.key)) == [ReviewStatus.RECUSED]
    assert not any(user == scene.reviewers[0].key for one, user in held(scene) if one == own.application_id)


# Assignment -------------------------------------------------------------------------------------------


def test_rerun_changes_nothing_and_a_newcomer_gets_what_is_new(scene: Scene, as_facilitator: Actor) -> None:
    scene.add(*scene.reviewers[:3])
    carried_out(scene, as_facilitator)
    before = held(scene)
    assert len(before) == 9
    again = carried_out(scene, as_facilitator)
    assert (again.added, again.dropped) == ((), ())
    scene.add(scene.reviewers[3])
    carried_out(scene, as_facilitator)
    assert held(scene) == before, "what is assigned stays"


def test_what_falls_short_is_said_and_assigned_only_on_demand(
    scene: Scene, as_facilitator: Actor, as_user: Callable[[User], TestClient]
) -> None:
    scene.add(*scene.reviewers[:2])
    page = as_user(scene.facilitator).get(f"{scene.desk}/assignment").text
    for party, title in zip(scene.parties, ("Wells", "A path", "A shelter"), strict=True):
        sentence = f"“{title} by {party.organization.name}” still needs: 1."
        assert f"Reviewers without a conflict of interest that {sentence}" in page
    with pytest.raises(NotNow) as refused:
        carried_out(scene, as_facilitator)
    assert refused.value.message.code == "reviewers-missing"
    assert held(scene) == set()
    carried_out(scene, as_facilitator, partial=True)
    assert len(held(scene)) == 6


def test_plan_that_is_out_of_date_is_refused(scene: Scene, as_facilitator: Actor, session: Session) -> None:
    people = scene.add(*scene.reviewers[:3])
    one = session.get_one(Round, scene.round.key)
    made = assigning.plan(session, as_facilitator, one)
    name = scene.parties[0].organization.name
    assigning.declare_conflict(session, as_facilitator, one, people[0].uid, name, "Friends.")
    with pytest.raises(NotNow) as refused:
        assigning.carry_out(session, as_facilitator, one, made)
    assert refused.value.message.code == "plan-old"


def test_begun_review_is_never_moved_and_a_taken_one_is_not_given_back_by_itself(
    scene: Scene, as_facilitator: Actor
) -> None:
    scene.add(*scene.reviewers)
    begun, taken = scene.review(0, 0), scene.review(0, 1)
    with writing(scene.engine) as other:
        kept = other.get_one(Review, begun.key)
        kept.comment = "So far so good"
        other.add(kept)
    with Session(scene.engine.execution_options(writing=True), expire_on_commit=False) as other:
        assigning.take(other, as_facilitator, other.get_one(Review, taken.key), "Too much to do.")
        other.commit()
    carried_out(scene, as_facilitator)
    mine = {user for one, user in held(scene) if one == scene.applications[0].key}
    assert scene.reviewers[0].key in mine
    assert scene.reviewers[1].key not in mine
    assert len(mine) == 3


def test_decided_applications_get_no_more_reviewers(scene: Scene, as_facilitator: Actor) -> None:
    scene.add(*scene.reviewers)
    with writing(scene.engine) as other:
        kept = other.get_one(Application, scene.applications[0].key)
        kept.status = ApplicationStatus.SHORTLISTED
        other.add(kept)
    carried_out(scene, as_facilitator)
    assert {one for one, _ in held(scene)} == {one.key for one in scene.applications[1:]}


def test_hand_changes_need_a_reason_and_are_logged(
    scene: Scene, as_user: Callable[[User], TestClient], rows: Callable[[Any], list[Any]]
) -> None:
    [person] = scene.add(scene.reviewers[0])
    desk = as_user(scene.facilitator)
    here = f"{scene.desk}/applications/{scene.applications[0].uid}"
    answer = desk.post(f"{here}/reviewers", data={"reviewer": person.uid, "give_reason": " "})
    assert answer.status_code == 422
    assert "Please fill this in" in answer.text
    assert held(scene) == set()
    answer = desk.post(f"{here}/reviewers", data={"reviewer": person.uid, "give_reason": "Knows wells."})
    assert answer.status_code == 303
    [review] = rows(select(Review))
    answer = desk.post(
        f"{here}/reviews/{review.uid}/withdraw", data={f"withdraw-{review.uid}": "Asked to be let off."}
    )
    assert answer.status_code == 303
    named = {event.name: event.reason for event in rows(select(Event).where(Event.subject == review.uid))}
    assert named == {"review.assign": "Knows wells.", "review.withdraw": "Asked to be let off."}
