"""Mails about meetings and the calendar entries in them."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar
from sqlmodel import select

from matching.meetings import Place
from service.accounts.models import User
from service.jobs import Job
from service.meetings import actions
from service.organizations.models import Organization
from tests.service.meetings.conftest import NINE, ZONE, frame

TWO = [("Green Home", "Water Works"), ("Green Home", "City Bank")]


@pytest.fixture
def released(forum, write, jobs):
    """A forum whose timetable is released and whose mails are not sent yet."""
    made = forum(TWO)
    write(actions.set_plan, made.actor, made.round, frame())
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    write(actions.release, made.actor, made.round)
    return made


def entries(mail):
    """The attached calendars: METHOD by the type of the part, and the one event in each."""
    found = []
    for part in mail.iter_attachments():
        calendar = Calendar.from_ical(part.get_payload(decode=True))
        (event,) = calendar.events
        assert part.get_content_type() == "text/calendar"
        assert part.get_param("method") == calendar["METHOD"]
        found.append((str(calendar["METHOD"]), event, calendar))
    return found


def test_release_invites_each_side_to_its_meetings(released, tell):
    mails = tell(released)
    green, bank = (released.parties[name].user.email for name in ("Green Home", "City Bank"))
    assert mails[green]["Subject"] == "Your meetings: May forum"
    assert len(entries(mails[green])) == 2
    ((method, event, calendar),) = entries(mails[bank])
    meeting = released.meeting(*TWO[1])
    assert (method, event["SEQUENCE"], event["STATUS"]) == ("REQUEST", 0, "CONFIRMED")
    assert event["UID"] == f"{meeting.uid}@localhost"
    assert event["LOCATION"] == "Table 1, Liaocheng Hall"
    assert event.start == meeting.starts
    assert event.start.tzinfo == ZoneInfo(ZONE)
    assert event.duration == timedelta(minutes=20)
    assert [str(zone["TZID"]) for zone in calendar.timezones] == [ZONE]
    assert "Both are about clean water." in event["DESCRIPTION"]


def test_invitation_names_nobody_elses_address(released, tell):
    mails = tell(released)
    bank, green = (released.parties[name].user.email for name in ("City Bank", "Green Home"))
    ((_, event, calendar),) = entries(mails[bank])
    assert str(event["ATTENDEE"]).lower() == f"mailto:{bank}"
    assert green not in calendar.to_ical().decode()


def test_change_is_a_request_with_a_higher_sequence_and_goes_to_those_it_concerns(
    released, tell, write, rows
):
    tell(released)
    before = {job.uid for job in rows(select(Job).where(Job.name == "send_mail"))}
    uid = released.pairing(*TWO[0]).uid
    write(actions.place, released.actor, released.round, uid, Place(3, 1))
    write(actions.place, released.actor, released.round, uid, Place(3, 0))
    mails = tell(released)
    sent = [job for job in rows(select(Job).where(Job.name == "send_mail")) if job.uid not in before]
    green, works = (released.parties[name].user.email for name in TWO[0])
    assert {job.payload["to"] for job in sent} == {green, works}, "the two moves are told in one mail"
    assert mails[works]["Subject"] == "Your meetings have changed: May forum"
    ((method, event, _),) = entries(mails[works])
    assert (method, event["SEQUENCE"]) == ("REQUEST", 2)
    assert event.start == NINE + timedelta(minutes=75)


def test_cancellation_takes_the_entry_away_and_says_why(released, tell):
    tell(released)
    released.act(actions.cancel, released.parties["City Bank"].actor, TWO[1], "Our train is late.")
    mail = tell(released)[released.parties["Green Home"].user.email]
    ((method, event, _),) = entries(mail)
    assert (method, event["STATUS"], event["SEQUENCE"]) == ("CANCEL", "CANCELLED", 1)
    assert "This meeting is cancelled. Our train is late." in mail.get_body().get_content()


def test_meeting_that_nobody_was_told_of_is_cancelled_in_silence(released, tell):
    released.act(actions.cancel, released.actor, TWO[1], "They have left the round.")
    mails = tell(released)
    assert released.parties["City Bank"].user.email not in mails
    assert len(entries(mails[released.parties["Green Home"].user.email])) == 1


def test_nothing_is_told_twice(released, tell, rows):
    tell(released)
    before = len(rows(select(Job).where(Job.name == "send_mail")))
    tell(released)
    assert len(rows(select(Job).where(Job.name == "send_mail"))) == before


def test_nothing_is_told_before_the_release(forum, write, jobs, rows):
    made = forum(TWO)
    write(actions.set_plan, made.actor, made.round, frame())
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    write(actions.place, made.actor, made.round, made.pairing(*TWO[0]).uid, Place(3, 1))
    assert not rows(select(Job).where(Job.name == "tell_meetings"))


def test_change_of_the_frame_is_told(released, tell, write):
    tell(released)
    write(actions.set_plan, released.actor, released.round, frame(tables=["Garden", "2"]))
    mail = tell(released)[released.parties["City Bank"].user.email]
    ((_, event, _),) = entries(mail)
    assert (event["LOCATION"], event["SEQUENCE"]) == ("Table Garden, Liaocheng Hall", 1)


def test_calendar_is_in_the_language_of_the_reader(released, tell, write):
    bank = released.parties["City Bank"]
    write(lambda session: setattr(session.get_one(User, bank.user.key), "language", "zh-Hans"))
    mail = tell(released)[bank.user.email]
    assert mail["Content-Language"] == "zh-Hans"


def test_names_that_would_break_a_calendar_are_escaped(forum, write, jobs, tell):
    made = forum(TWO[:1])
    home = made.parties["Green Home"].organization
    name = "Home; Sweet, Home\\n\\nBEGIN:VEVENT"
    write(lambda session: setattr(session.get_one(Organization, home.key), "name", name))
    write(actions.set_plan, made.actor, made.round, frame())
    write(actions.request_timetable, made.actor, made.round)
    jobs.run_all()
    write(actions.release, made.actor, made.round)
    ((_, event, _),) = entries(tell(made)[made.parties["Water Works"].user.email])
    assert event["SUMMARY"] == f"{name} – Water Works"
