"""The day itself: what took place, who did not come, and who gets a place that became free."""

from __future__ import annotations

from datetime import timedelta

import pytest

from matching.meetings import Place
from service.choices.models import Attendance
from service.db import now, writing
from service.errors import BadInput, NotAllowed, NotNow
from service.meetings import actions, queries
from service.meetings import forum as day
from service.pairings.models import PairingStatus
from service.rounds.models import RoundStatus
from tests.service.meetings.conftest import frame

FIRST, SECOND = ("Green Home", "Water Works"), ("Green Home", "City Bank")


@pytest.fixture
def running(forum, write, jobs):
    """A forum whose first slot has begun five minutes ago, with one table: `running(pairs, slots=2)`."""

    def make(pairs=(FIRST, SECOND), **changes):
        made = forum(list(pairs))
        write(actions.set_plan, made.actor, made.round, frame(**{"slots": 2, "tables": ["1"], **changes}))
        for slot, pair in enumerate(pairs):
            write(actions.place, made.actor, made.round, made.pairing(*pair).uid, Place(slot, 0))
        write(actions.release, made.actor, made.round)
        made.hold_at(now() - timedelta(minutes=5))
        return made

    return make


def free(made, write):
    return write(lambda session: proposals(session, made))


def proposals(session, made):
    plan = queries.get_plan(session, made.round)
    return [
        (one.place, [encounter.pairing.uid for encounter in one.proposals])
        for one in day.free_places(session, made.round, plan, now())
    ]


def test_meeting_that_took_place_takes_its_pairing_on(running):
    made = running()
    made.act(day.hold, made.parties["Water Works"].actor, FIRST)
    assert made.meeting(*FIRST).status == "held"
    assert made.pairing(*FIRST).status == "met"
    with pytest.raises(NotNow):
        made.act(day.hold, made.actor, FIRST)


def test_pairing_that_has_been_signed_before_stays_signed(running, write):
    made = running()
    write(lambda session: setattr(session.merge(made.pairing(*FIRST)), "status", PairingStatus.AGREED))
    made.act(day.hold, made.actor, FIRST)
    assert made.meeting(*FIRST).status == "held"
    assert made.pairing(*FIRST).status == "agreed"


def test_others_do_not_report(running):
    made = running([FIRST, ("Blue Sky", "City Bank")])
    with pytest.raises(NotAllowed):
        made.act(day.hold, made.parties["Blue Sky"].actor, FIRST)


def test_only_a_facilitator_takes_a_missed_meeting_back(running):
    made = running()
    made.act(day.miss, made.parties["Water Works"].actor, FIRST, "need")
    assert made.meeting(*FIRST).missed_by == "need"
    with pytest.raises(NotAllowed):
        made.act(day.restore, made.parties["Green Home"].actor, FIRST)
    made.act(day.restore, made.actor, FIRST)
    assert (made.meeting(*FIRST).status, made.meeting(*FIRST).missed_by) == ("scheduled", "")


def test_missed_meeting_is_not_taken_back_once_its_place_is_given_away(running, write):
    made = running()
    extra = made.join(("Blue Sky", "Water Works"), PairingStatus.MUTUAL)
    made.act(day.miss, made.actor, FIRST, "need")
    write(actions.place, made.actor, made.round, extra.uid, Place(0, 0))
    with pytest.raises(NotNow, match="table 1 is taken"):
        made.act(day.restore, made.actor, FIRST)
    assert made.meeting(*FIRST).status == "missed"


def test_free_place_goes_first_to_those_who_want_to_meet_then_to_the_next_best(running, write):
    made = running()
    waiting = made.join(("Blue Sky", "Water Works"), PairingStatus.MUTUAL, score=0.2)
    better = made.join(("Open Door", "Steel Mill"), PairingStatus.MUTUAL, score=0.9)
    next_best = made.join(("Seeds", "Steel Mill"), PairingStatus.RELEASED, score=1.0)
    made.join(("Harbour", "Steel Mill"), PairingStatus.DECLINED, score=1.0)
    made.join(("Green Home", "Steel Mill"), PairingStatus.MUTUAL, score=1.0)
    assert free(made, write) == []
    made.act(day.miss, made.actor, FIRST, "need")
    assert free(made, write) == [(Place(0, 0), [waiting.uid, better.uid, next_best.uid])], (
        "whoever sits there alone comes first; whoever is missing gets nothing"
    )


def test_only_those_who_are_at_the_forum_are_proposed(running, write, engine):
    made = running()
    here = made.join(("Blue Sky", "Water Works"), PairingStatus.MUTUAL)
    made.join(("Open Door", "Water Works"), PairingStatus.MUTUAL)
    with writing(engine) as session:
        for name in ("Blue Sky", "Water Works"):
            session.add(
                Attendance(
                    round_id=made.round.key,
                    organization_id=made.parties[name].organization.key,
                    checked_in=now(),
                )
            )
    made.act(day.miss, made.actor, FIRST, "need")
    assert free(made, write) == [(Place(0, 0), [here.uid])]


def test_those_who_cannot_come_or_meet_somebody_are_not_proposed(running, write):
    made = running()
    made.join(("Blue Sky", "Water Works"), PairingStatus.MUTUAL)
    sky = made.parties["Blue Sky"].organization
    begins = queries.slots_of(made.plan())[0]
    write(actions.set_availability, made.actor, made.round, sky, [begins])
    made.act(day.miss, made.actor, FIRST, "need")
    assert free(made, write) == [(Place(0, 0), [])]


def test_cancelled_meeting_ahead_leaves_its_place_and_both_may_use_it(running, write):
    made = running()
    extra = made.join(("Green Home", "Steel Mill"), PairingStatus.MUTUAL)
    made.act(actions.cancel, made.parties["City Bank"].actor, SECOND, "Our train is late.")
    assert free(made, write) == [(Place(1, 0), [extra.uid])]
    write(actions.place, made.actor, made.round, extra.uid, Place(1, 0))
    assert free(made, write) == []
    assert made.meeting("Green Home", "Steel Mill").by_hand


def test_place_whose_slot_is_over_is_not_offered(running, write):
    made = running()
    made.join(("Blue Sky", "Water Works"), PairingStatus.MUTUAL)
    made.act(day.miss, made.actor, FIRST, "need")
    made.hold_at(now() - timedelta(minutes=21))
    assert free(made, write) == []
    with pytest.raises(BadInput, match="attention"):
        write(actions.place, made.actor, made.round, made.pairing("Blue Sky", "Water Works").uid, Place(0, 0))


def test_what_happened_is_taken_in_until_the_round_is_closed_and_not_in_a_cancelled_one(running, write):
    made = running()
    one = type(made.round)
    for status, refused in ((RoundStatus.CANCELLED, True), (RoundStatus.CLOSED, False)):
        write(lambda session, status=status: setattr(session.get_one(one, made.round.key), "status", status))
        made.round.status = status
        if refused:
            with pytest.raises(NotNow):
                made.act(day.hold, made.actor, FIRST)
        else:
            made.act(day.hold, made.actor, FIRST)
    assert made.meeting(*FIRST).status == "held"
