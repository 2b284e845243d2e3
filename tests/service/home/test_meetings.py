"""What waits at home about meetings."""

from __future__ import annotations

from datetime import timedelta

from service.db import now
from service.home import meeting
from service.meetings import actions, outcomes
from service.meetings.models import OutcomeAsked, OutcomeLabel
from tests.service.meetings.conftest import forum, frame, write

__all__ = ["forum", "write"]

PAIR = ("Green Home", "Water Works")


def told(write, actor):
    return [
        (str(todo.message), todo.address)
        for todo in write(lambda session: list(meeting.waiting(session, actor)))
    ]


def test_each_step_of_a_forum_waits_for_those_whose_turn_it_is(forum, write, jobs):
    made = forum([PAIR])
    editor = made.parties["Green Home"].actor
    home = f"/rounds/{made.round.uid}/meetings"
    assert told(write, made.actor) == [("The timetable of “May forum” is not out yet.", home)]
    assert told(write, editor) == []

    write(actions.set_plan, made.actor, made.round, frame())
    green = made.parties["Green Home"].organization
    asked = ("When can Green Home come to “May forum”?", f"{home}/availability/{green.uid}")
    assert told(write, editor) == [asked]
    write(actions.set_availability, editor, made.round, green, [])
    assert told(write, editor) == []

    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    write(actions.release, made.actor, made.round)
    assert told(write, made.actor) == []
    made.hold_at(now() + timedelta(hours=3))
    ((message, address),) = told(write, editor)
    assert message.startswith("You meet Water Works on ")
    assert address == f"/meetings/{made.meeting(*PAIR).uid}"

    made.hold_at(now() - timedelta(hours=3))
    assert told(write, editor) == [("What came of your meeting with Water Works?", f"{address}#outcome")]
    made.act(outcomes.give, editor, PAIR, OutcomeAsked.NOW, OutcomeLabel.VALUABLE)
    assert told(write, editor) == []
