"""The frame, who can come, the timetable, moves by hand, release and cancelling."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select

from matching import meetings as library
from matching.meetings import Place
from service.db import now
from service.errors import BadInput, NotAllowed, NotNow
from service.events import Event
from service.jobs import Job, Work
from service.meetings import actions, queries, solving
from service.meetings.models import MeetingStatus
from service.pairings.models import PairingStatus
from service.rounds.models import RoundStatus
from service.wording import restored
from tests.days import FORUM_DAY, last_sunday_of_march
from tests.service.meetings.conftest import NINE, ZONE, frame

TWO = [("Green Home", "Water Works"), ("Green Home", "City Bank")]


def said(error):
    return [str(problem.message) for problem in error.value.problems]


@pytest.fixture
def planned(forum, write, jobs):
    """A forum whose timetable is made: `planned(pairs, slots=2)`."""

    def make(pairs=TWO, *, status=RoundStatus.MEETING, pairing=PairingStatus.MUTUAL, **changes):
        made = forum(pairs, status=status, pairing=pairing)
        write(actions.set_plan, made.actor, made.round, frame(**changes))
        write(actions.request_timetable, made.actor, made.round)
        jobs.run_all()
        return made

    return make


# Slots ------------------------------------------------------------------------------------------------


def local(given, zone=ZONE):
    return [slot.astimezone(ZoneInfo(zone)).strftime("%H:%M") for slot in actions.slots(given, zone)]


def test_slots_follow_each_other_and_leave_out_breaks():
    given = frame(slots=6, breaks=[{"at": "09:50", "minutes": 15}, {"at": "11:00", "minutes": 60}])
    assert local(given) == ["09:00", "09:25", "10:05", "10:30", "12:00", "12:25"]


def test_slots_are_in_the_zone_of_the_round():
    assert actions.slots(frame(), ZONE)[0] == NINE
    assert actions.slots(frame(), "Europe/Moscow")[0] == NINE + timedelta(hours=5)


def test_slots_go_on_by_the_clock_where_the_clocks_are_changed():
    day = last_sunday_of_march(FORUM_DAY.year)
    given = frame(day=day.isoformat(), start="01:30", slots=3, minutes=30, pause=0)
    assert local(given, "Europe/Madrid") == ["01:30", "03:00", "03:30"]


# Who meets --------------------------------------------------------------------------------------------


def test_timetable_places_what_both_sides_want_and_says_how_good_it_is(planned):
    made = planned()
    first, second = (made.meeting(*pair) for pair in TWO)
    assert {first.starts, second.starts} == {NINE, NINE + timedelta(minutes=25)}
    assert first.table == second.table, "nobody changes tables without need"
    kept = made.plan().certificate
    assert (kept["meetings"], kept["placed"], kept["objective"], kept["bound"]) == (2, 2, 300, 300)
    assert kept["waits"] == kept["table_changes"] == 0


@pytest.mark.parametrize(
    ("phases", "status", "placed"),
    [
        (["open", "matching", "choosing", "meeting"], PairingStatus.RELEASED, 0),
        (["open", "matching", "choosing", "meeting"], PairingStatus.MUTUAL, 1),
        (["open", "matching", "meeting"], PairingStatus.RELEASED, 1),
        (["open", "matching", "meeting"], PairingStatus.PROPOSED, 0),
    ],
)
def test_only_where_nobody_chooses_do_released_pairings_meet(forum, write, jobs, phases, status, placed):
    made = forum(TWO[:1], pairing=status, phases=phases)
    write(actions.set_plan, made.actor, made.round, frame())
    if not placed:
        with pytest.raises(NotNow, match="ready to meet"):
            write(actions.request_timetable, made.actor, made.round)
        return
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    assert made.meeting(*TWO[0]).starts == NINE


@pytest.mark.parametrize("status", [RoundStatus.OPEN, RoundStatus.SIGNING, RoundStatus.CLOSED])
def test_other_phases_refuse_planning_and_say_when(forum, write, status):
    made = forum(TWO, status=status)
    with pytest.raises(NotNow, match=r"in these phases: .*Meeting"):
        write(actions.set_plan, made.actor, made.round, frame())


def test_organization_cannot_plan(forum, write):
    made = forum(TWO)
    editor = made.parties["Green Home"].actor
    for action, given in (
        (actions.set_plan, [frame()]),
        (actions.request_timetable, []),
        (actions.release, []),
    ):
        with pytest.raises(NotAllowed):
            write(action, editor, made.round, *given)


def test_asking_twice_makes_one_timetable(planned, write, rows):
    made = planned()
    write(actions.request_timetable, made.actor, made.round)
    write(actions.request_timetable, made.actor, made.round)
    assert len(rows(select(Job).where(Job.name == "make_timetable", Job.status == "promised"))) == 1


# Who can come -----------------------------------------------------------------------------------------


def test_organization_says_itself_when_it_cannot_come(forum, write, jobs):
    made = forum(TWO[:1])
    write(actions.set_plan, made.actor, made.round, frame(slots=2))
    bank = made.parties["Water Works"]
    write(actions.set_availability, bank.actor, made.round, bank.organization, [NINE])
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    assert made.meeting(*TWO[0]).starts == NINE + timedelta(minutes=25)


def test_those_without_a_place_are_told_why_and_what_would_help(planned):
    made = planned([("Green Home", "Water Works"), ("Green Home", "City Bank")], slots=1)
    kept = made.plan().certificate
    (why,) = kept["unplaced"].values()
    assert restored(why["reason"]).code == "always-busy"
    assert [restored(one).code for one in kept["remedies"]] == ["more-slots"]


# By hand ----------------------------------------------------------------------------------------------


def test_meeting_moved_by_hand_stays_when_solved_again(planned, write, jobs):
    made = planned()
    uid = made.pairing(*TWO[0]).uid
    write(actions.place, made.actor, made.round, uid, Place(3, 1))
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    moved = made.meeting(*TWO[0])
    assert (moved.starts, moved.table, moved.by_hand) == (NINE + timedelta(minutes=75), 1, True)
    assert made.meeting(*TWO[1]).starts == NINE + timedelta(minutes=50), "no slot in between is empty"


def test_unpinned_meeting_is_moved_again(planned, write, jobs):
    made = planned()
    write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(3, 1))
    made.act(actions.unpin, made.actor, TWO[0])
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    assert made.meeting(*TWO[0]).starts <= NINE + timedelta(minutes=25)


def test_every_clash_of_a_move_is_named_and_nothing_changes(forum, write):
    third = ("Blue Sky", "City Bank")
    made = forum([*TWO, third])
    write(actions.set_plan, made.actor, made.round, frame(slots=2))
    for pair, place in ((TWO[0], Place(0, 0)), (TWO[1], Place(1, 0)), (third, Place(0, 1))):
        write(actions.place, made.actor, made.round, made.pairing(*pair).uid, place)
    bank = made.parties["City Bank"].organization
    write(actions.set_availability, made.actor, made.round, bank, [NINE + timedelta(minutes=25)])
    with pytest.raises(BadInput) as caught:
        write(actions.place, made.actor, made.round, made.pairing(*third).uid, Place(1, 0))
    assert said(caught) == [
        "In slot 2, table 1 is taken: Green Home meets City Bank there.",
        "City Bank cannot come in slot 2.",
        "City Bank meets Green Home in slot 2.",
    ]
    assert made.meeting(*third).starts == NINE


def test_swap_lets_two_meetings_change_places(planned, write):
    made = planned()
    first, second = (made.meeting(*pair) for pair in TWO)
    slot = 1 if second.starts > first.starts else 0
    with pytest.raises(BadInput):
        write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(slot, second.table))
    write(
        actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(slot, second.table), swap=True
    )
    assert made.meeting(*TWO[0]).starts == second.starts
    assert made.meeting(*TWO[1]).starts == first.starts


def test_moving_into_what_is_over_is_refused(planned, write):
    made = planned()
    made.hold_at(now() - timedelta(minutes=30))
    with pytest.raises(BadInput) as caught:
        write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(0, 1))
    assert "Slot 1 is over." in said(caught)


def test_pins_that_clash_with_a_new_absence_are_named_on_the_certificate(planned, write, jobs):
    made = planned(TWO[:1])
    write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(1, 0))
    home = made.parties["Green Home"].organization
    write(actions.set_availability, made.actor, made.round, home, [NINE + timedelta(minutes=25)])
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    (clash,) = made.plan().certificate["clashes"]
    assert restored(clash).params == {"organization": home.uid, "slot": 2}


def test_change_of_the_frame_keeps_what_is_inside_and_lets_go_of_the_rest(planned, write):
    made = planned()
    late = max((made.meeting(*pair) for pair in TWO), key=lambda one: one.starts)
    write(actions.set_plan, made.actor, made.round, frame(slots=1))
    left = [made.meeting(*pair) for pair in TWO]
    assert [one.starts for one in left if one] == [NINE]
    assert late.uid not in {one.uid for one in left if one}


# Release ----------------------------------------------------------------------------------------------


def test_nobody_sees_the_timetable_before_it_is_released(planned, write):
    made = planned()
    home, bank = (made.parties[name].actor for name in ("Green Home", "City Bank"))
    assert write(queries.of_actor, home, made.round) == []
    write(actions.release, made.actor, made.round)
    assert len(write(queries.of_actor, home, made.round)) == 2
    assert len(write(queries.of_actor, bank, made.round)) == 1


def test_timetable_that_clashes_is_not_released(planned, write):
    made = planned(TWO[:1])
    home = made.parties["Green Home"].organization
    write(actions.set_availability, made.actor, made.round, home, [NINE])
    with pytest.raises(NotNow, match="Green Home cannot come in slot 1"):
        write(actions.release, made.actor, made.round)
    assert made.plan().released is None


def test_what_people_were_told_stays_when_solved_again(planned, write, jobs):
    made = planned()
    write(actions.release, made.actor, made.round)
    before = [made.meeting(*pair).starts for pair in TWO]
    bank = made.parties["City Bank"].organization
    write(actions.set_availability, made.actor, made.round, bank, [NINE + timedelta(minutes=75)])
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    assert [made.meeting(*pair).starts for pair in TWO] == before
    assert [made.meeting(*pair).sequence for pair in TWO] == [0, 0]


def test_released_meeting_without_a_place_is_cancelled_and_comes_back_with_room(planned, write, jobs, rows):
    made = planned(slots=2)
    write(actions.release, made.actor, made.round)
    home = made.parties["Green Home"].organization
    write(actions.set_availability, made.actor, made.round, home, [NINE])
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    statuses = {made.meeting(*pair).status for pair in TWO}
    assert statuses == {MeetingStatus.SCHEDULED, MeetingStatus.CANCELLED}
    (event,) = rows(select(Event).where(Event.name == "meeting.cancel"))
    assert event.reason == "There is no place for it in the new timetable."
    write(actions.set_availability, made.actor, made.round, home, [])
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    back = [made.meeting(*pair) for pair in TWO]
    assert {one.status for one in back} == {MeetingStatus.SCHEDULED}
    assert sorted(one.sequence for one in back) in ([0, 2], [1, 2])


# Cancelling -------------------------------------------------------------------------------------------


def test_either_side_cancels_with_a_reason_and_nobody_else_does(planned, write, rows):
    made = planned([*TWO, ("Blue Sky", "Steel Mill")])
    write(actions.release, made.actor, made.round)
    works = made.parties["Water Works"].actor
    with pytest.raises(NotAllowed):
        made.act(actions.cancel, made.parties["Blue Sky"].actor, TWO[0], "Just so.")
    with pytest.raises(BadInput):
        made.act(actions.cancel, works, TWO[0], "  ")
    made.act(actions.cancel, works, TWO[0], "Our train is late.")
    cancelled = made.meeting(*TWO[0])
    assert (cancelled.status, cancelled.reason, cancelled.sequence) == ("cancelled", "Our train is late.", 1)
    (event,) = rows(select(Event).where(Event.name == "meeting.cancel"))
    assert (event.reason, event.details["side"]) == ("Our train is late.", "offer")


def test_cancelled_meeting_is_not_planned_again_unless_somebody_does(planned, write, jobs):
    made = planned()
    made.act(actions.cancel, made.actor, TWO[0], "They are ill.")
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    assert made.meeting(*TWO[0]).status == "cancelled"
    write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(3, 0))
    assert made.meeting(*TWO[0]).status == "scheduled"


def test_meetings_of_pairings_that_fell_through_are_cancelled(planned, write, jobs):
    made = planned()
    write(lambda session: session.add(declined(session.merge(made.pairing(*TWO[0])))))
    solving.cancel_fallen(Work(jobs.engine, jobs.settings, jobs.site, ""))
    assert made.meeting(*TWO[0]).status == "cancelled"
    assert made.meeting(*TWO[1]).status == "scheduled"
    told = made.act(lambda _session, _actor, _one, encounter: queries.why_cancelled(encounter), None, TWO[0])
    assert str(told) == "The two sides do not go on together."


def declined(pairing):
    pairing.status = PairingStatus.DECLINED
    return pairing


def test_timetable_is_made_again_where_the_round_changed_meanwhile(forum, write, jobs, monkeypatch):
    """Somebody moves a meeting by hand while the solver thinks: what they did is not overwritten."""
    made = forum(TWO)
    write(actions.set_plan, made.actor, made.round, frame())
    write(actions.request_timetable, made.actor, made.round)
    solve, tries = library.timetable, []

    def slow(*given, **more):
        tries.append(1)
        if len(tries) == 1:
            write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(3, 1))
        return solve(*given, **more)

    monkeypatch.setattr(library, "timetable", slow)
    jobs.run_all()
    assert len(tries) == 2
    assert made.meeting(*TWO[0]).by_hand
    assert made.meeting(*TWO[0]).starts == NINE + timedelta(minutes=75)


def test_log_tells_who_planned_moved_and_released(planned, write, rows):
    made = planned()
    write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(3, 1))
    write(actions.release, made.actor, made.round)
    told = rows(select(Event).where(col(Event.name).like("meeting%")).order_by(col(Event.id)))
    assert [event.name for event in told] == [
        "meeting_plan.set",
        "meeting_plan.request",
        "meeting_plan.solve",
        "meeting.place",
        "meeting_plan.release",
    ]
    assert {event.actor for event in told} == {made.user.uid}
    assert {event.details["round"] for event in told} == {made.round.uid}
    assert len(told[2].details["changed"]) == 2
