"""What a forum refuses, with the reason and without a trace: frames, places, reports, outcomes."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import partial
from itertools import count

import pytest
from sqlmodel import select

from matching.meetings import Place
from matching.profiles import Side
from service.db import now
from service.errors import NotAllowed, NotFound
from service.events import Event
from service.jobs import Work
from service.meetings import actions, outcomes, queries, solving
from service.meetings import forum as day
from service.meetings.models import OutcomeAsked, OutcomeLabel
from service.pairings.models import Pairing, PairingStatus
from service.rounds.models import RoundStatus
from tests.days import FORUM_DAY
from tests.service.meetings.conftest import NINE, frame
from tests.service.refusing import refused

FIRST, SECOND = ("Green Home", "Water Works"), ("Green Home", "City Bank")
TYPED = {
    "day": FORUM_DAY.isoformat(),
    "start": "09:00",
    "slots": "1",
    "minutes": "20",
    "pause": "5",
    "tables": "1\nHall",
}


@pytest.fixture
def about(refuse):
    """As `refuse`, about the meeting of two: `about("meeting-ahead", made, day.hold, actor, FIRST)`."""

    def run(code, made, action, actor, pair, *given):
        def act(session):
            encounter = queries.get(session, made.actor, made.meeting(*pair).uid)
            return action(session, actor, made.round, encounter, *given)

        refuse(code, act)

    return run


@pytest.fixture
def placed(forum, write):
    """A forum of two meetings, in slot 1 and 2 at the first of two tables."""

    def make(*pairs, **changes):
        made = forum([FIRST, SECOND, *pairs])
        write(actions.set_plan, made.actor, made.round, frame(**changes))
        for slot, pair in enumerate((FIRST, SECOND)):
            write(actions.place, made.actor, made.round, made.pairing(*pair).uid, Place(slot, 0))
        return made

    return make


def test_frames_that_cannot_be(forum, placed, write, refuse):
    without = forum(
        [("Blue Sky", "Steel Mill")], RoundStatus.MATCHING, phases=["open", "matching", "signing"]
    )
    refuse("no-meetings", actions.set_plan, without.actor, without.round, frame())
    made = placed()
    lay = partial(actions.set_plan, actor=made.actor, one=made.round)
    for names in (["1", "1"], ["1", " "], ["Hall", " Hall "]):
        refuse("tables-same", lay, given=frame(tables=names))
    for changes in ({"slots": 60}, {"slots": 4, "start": "22:41"}):
        refuse("slots-long", lay, given=frame(**changes))
    write(lay, given=frame(slots=36, start="09:05"))
    write(lay, given=frame(slots=3, start="22:50"))
    assert made.meeting(*FIRST) is None, "before the release what lies outside is placed anew"


def test_what_is_released_keeps_its_meetings_inside_the_frame(placed, write, refuse, as_user):
    made = placed(tables=["1", "2"])
    write(actions.release, made.actor, made.round)
    refuse("plan-released", actions.release, made.actor, made.round)
    refuse("plan-outside", actions.set_plan, made.actor, made.round, frame(slots=1))
    answer = as_user(made.user).post(f"/rounds/{made.round.uid}/meetings/plan", data=TYPED)
    assert answer.status_code == 409
    assert "1 of its meetings would lie outside" in answer.text
    assert "1\nHall</textarea>" in answer.text, "what was typed is there still"
    assert len(made.plan().slots) == 4


def test_absences_are_said_by_those_who_take_part_about_slots_that_are(
    placed, write, refuse, make_party, as_user
):
    made = placed()
    home, bank, outsider = made.parties["Green Home"], made.parties["City Bank"], make_party("Outsider")
    say = partial(actions.set_availability, one=made.round)
    refuse(
        "slot-unknown", say, home.actor, organization=home.organization, absent=[NINE + timedelta(hours=9)]
    )
    for actor, party, error in ((home.actor, bank, NotAllowed), (outsider.actor, outsider, NotFound)):
        with pytest.raises(error):
            write(say, actor, organization=party.organization, absent=[NINE])
    page = f"/rounds/{made.round.uid}/meetings/availability/{outsider.organization.uid}"
    assert as_user(outsider.user).get(page).status_code == 404
    assert write(queries.absences, made.round) == {}


def test_what_is_not_to_meet_gets_no_timetable_and_no_place(forum, write, refuse):
    made = forum([FIRST], pairing=PairingStatus.RELEASED)
    write(actions.set_plan, made.actor, made.round, frame())
    refuse("nobody-to-meet", actions.request_timetable, made.actor, made.round)
    refuse("plan-empty", actions.release, made.actor, made.round)
    place = partial(actions.place, actor=made.actor, one=made.round)
    refuse("no-pairing", place, pairing="nobody", wanted=Place(0, 0))
    pairing = made.pairing(*FIRST)
    for nowhere in (Place(-1, 0), Place(0, -1), Place(4, 0), Place(0, 2)):
        refuse("no-place", place, pairing=pairing.uid, wanted=nowhere)
    write(place, pairing=pairing.uid, wanted=Place(0, 0))
    made.act(actions.cancel, made.actor, FIRST, "They do not go on.")
    for status in queries.FALLEN:
        write(lambda session, status=status: setattr(session.get_one(Pairing, pairing.key), "status", status))
        refuse("no-pairing", place, pairing=pairing.uid, wanted=Place(1, 0))
    assert made.meeting(*FIRST).status == "cancelled"


def test_reports_that_cannot_be(placed, write, refuse, about, as_user):
    made = placed()
    home = made.parties["Green Home"].actor
    made.hold_at(now() - timedelta(minutes=5))
    about("meeting-ahead", made, day.hold, made.actor, FIRST)
    write(actions.release, made.actor, made.round)
    for report, given in ((day.hold, []), (day.miss, ["offer"])):
        about("meeting-ahead", made, report, home, SECOND, *given)
    about("not-missed", made, day.restore, made.actor, FIRST)
    for nothing in (" ", "\u200b", "\0"):
        about("reason-needed", made, actions.cancel, home, FIRST, nothing)
    about("too-long", made, actions.cancel, home, FIRST, "x" * 2_001)
    made.act(day.hold, home, FIRST)
    about("not-missed", made, day.restore, made.actor, FIRST)
    about("not-now", made, actions.cancel, home, FIRST, "Late.")
    place = partial(actions.place, actor=made.actor, one=made.round, pairing=made.pairing(*FIRST).uid)
    refuse("meeting-past", place, wanted=Place(3, 1))
    client, page = as_user(made.user), f"/meetings/{made.meeting(*SECOND).uid}"
    for step, code, words in (
        ("missed", "missed-by", "Say who did not come."),
        ("outcome", "outcome-label", "Choose what came of it."),
    ):
        answer = client.post(f"{page}/{step}", data={"missed_by": "all", "label": "splendid"})
        assert (answer.status_code, words in answer.text) == (422, True), code
    assert made.meeting(*SECOND).status == "scheduled"


def test_outcomes_that_cannot_be(placed, write, about):
    made = placed()
    write(actions.release, made.actor, made.round)
    home = made.parties["Green Home"].actor
    said = OutcomeAsked.NOW, OutcomeLabel.VALUABLE
    about("meeting-ahead", made, outcomes.give, home, FIRST, *said)
    made.act(actions.cancel, home, SECOND, "Our train is late.")
    made.hold_at(now() - timedelta(hours=2))
    about("not-now", made, outcomes.give, home, SECOND, *said)
    about("side-needed", made, outcomes.give, made.actor, FIRST, *said)
    about("too-long", made, outcomes.give, home, FIRST, *said, "x" * 2_001)
    about("outcome-early", made, outcomes.give, home, FIRST, OutcomeAsked.SIX_MONTHS, OutcomeLabel.VALUABLE)
    with pytest.raises(NotAllowed):
        made.act(outcomes.give, made.parties["City Bank"].actor, FIRST, *said)
    made.act(outcomes.give, made.actor, FIRST, *said, "", Side.OFFER)
    assert made.meeting(*FIRST).status == "held"


def test_once_the_time_is_over_only_a_facilitator_says_who_cannot_come(forum, write, refuse, rows):
    made = forum([FIRST], ends={"meeting": now() - timedelta(minutes=1)})
    write(actions.set_plan, made.actor, made.round, frame())
    home = made.parties["Green Home"]
    given = {"one": made.round, "organization": home.organization, "absent": [NINE]}
    refuse("meetings-over", actions.set_availability, home.actor, **given)
    write(actions.set_availability, made.actor, **given)
    (event,) = rows(select(Event).where(Event.name == "availability.set"))
    assert (event.actor, event.details["round"]) == (made.user.uid, made.round.uid)


def test_a_table_that_is_gone_is_no_free_place(placed, write, as_user):
    """The frame shrinks past a meeting that was called off, which is nothing that stands."""
    made = placed()
    write(actions.place, made.actor, made.round, made.pairing(*SECOND).uid, Place(1, 1))
    write(actions.release, made.actor, made.round)
    made.join(("Blue Sky", "Steel Mill"), PairingStatus.MUTUAL)
    made.act(actions.cancel, made.actor, SECOND, "Our train is late.")
    free = f"/api/v1/rounds/{made.round.uid}/meetings/free"
    client = as_user(made.user)
    assert [one["table"] for one in client.get(free).json()] == ["2"]
    write(actions.set_plan, made.actor, made.round, frame(tables=["1"]))
    assert client.get(free).json() == []


def test_forms_name_the_field_that_is_wrong_and_take_no_endless_number(placed, as_user):
    made = placed()
    home = f"/rounds/{made.round.uid}/meetings"
    client = as_user(made.user)
    for given, field in (({"at-1": "12:00", "for-1": "4"}, "for-1"), ({"for-2": "60"}, "at-2")):
        wrong = client.post(f"{home}/plan", data={**TYPED, **given}).text
        assert re.findall(r'href="#field-([a-z]+-\d)"', wrong) == [field]
    nothing = client.post(f"{home}/plan", data=dict.fromkeys((*TYPED, "at-0"), "x" * 41)).text
    for code, words in (
        ("plan-day", "Choose the day of the meetings."),
        ("plan-start", "Write the time as 09:00."),
        ("plan-slots", "Use a whole number from 1 to 200."),
        ("plan-minutes", "A meeting lasts from 15 to 240 minutes."),
        ("plan-pause", "Use a whole number of minutes up to 120."),
        ("plan-tables", "Name at least one table"),
        ("plan-break", "Write the beginning as 12:00"),
    ):
        assert words in nothing, code
    assert made.plan().frame["start"] == "09:00"
    typed = {"pairing": made.pairing(*FIRST).uid, "slot": "9" * 5_000, "table": "0"}
    answer = client.post(f"{home}/place", data=typed)
    assert (answer.status_code, "There is no such slot or table." in answer.text) == (422, True)


def test_a_round_that_keeps_changing_gets_its_timetable_later(placed, write, jobs):
    made = placed()
    slots = count(5)

    class Meddling(Work):
        def progress(self, _share):
            write(actions.set_plan, made.actor, made.round, frame(slots=next(slots)))

    work = Meddling(jobs.engine, jobs.settings, jobs.site, "")
    refused("timetable-overtaken", solving.make_timetable, work, round=made.round.uid, asked_by=made.user.uid)
    assert made.plan().certificate == {}
