"""The pages of a forum, from the empty timetable to what came of it, without JavaScript."""

from __future__ import annotations

import re
from datetime import timedelta

from icalendar import Calendar

from service.db import now
from service.meetings.calendars import feed_key
from service.pairings.models import PairingStatus
from tests.days import FORUM_DAY
from tests.service.meetings.conftest import NINE

TWO = [("Green Home", "Water Works"), ("Green Home", "City Bank")]
TYPED = {
    "day": FORUM_DAY.isoformat(),
    "start": "09:00",
    "slots": "4",
    "minutes": "20",
    "pause": "5",
    "tables": "1\nGarden",
}


def test_forum_is_run_on_pages(database_url, forum, as_user, jobs, tell):
    made = forum(TWO)
    home = f"/rounds/{made.round.uid}/meetings"
    green, bank = made.parties["Green Home"], made.parties["City Bank"]

    client = as_user(made.user)
    assert f'href="{home}/plan"' in client.get(home).text
    form = client.get(f"{home}/plan").text
    assert 'value="2"' in form, "as many slots as the busiest organization has meetings"
    assert client.post(f"{home}/plan", data=TYPED).headers["location"] == f"{home}?done=saved"

    client = as_user(green.user)
    page = client.get(home).text
    assert "The timetable is not out yet" in page
    mine = f"{home}/availability/{green.organization.uid}"
    assert client.get(mine).text.count("checked") == 4
    coming = [slot.isoformat() for slot in (NINE + timedelta(minutes=25 * k) for k in (1, 2, 3))]
    client.post(mine, data={"coming": coming})
    assert "You cannot come in one slot." in client.get(home).text

    client = as_user(made.user)
    client.post(f"{home}/timetable")
    assert 'hx-trigger="every 1s"' in client.get(home).text
    jobs.run_all()
    assert client.get(f"{home}/progress").headers["HX-Refresh"] == "true"
    page = client.get(home).text
    assert "2 / 2" in page
    assert "The best there is" in page

    uid = made.pairing(*TWO[0]).uid
    moving = client.get(f"{home}?move={uid}").text
    assert "Green Home cannot come in slot 1." in moving
    refused = client.post(f"{home}/place", data={"pairing": uid, "slot": "0", "table": "0"})
    assert refused.status_code == 422
    assert "Green Home cannot come in slot 1." in refused.text
    client.post(f"{home}/place", data={"pairing": uid, "slot": "3", "table": "1"})
    assert made.meeting(*TWO[0]).starts == NINE + timedelta(minutes=75)
    assert "Placed by hand" in client.get(home).text
    assert client.post(f"{home}/release").headers["location"] == f"{home}?done=released"

    mail = tell(made)[bank.user.email]
    assert "Green Home" in mail.get_body().get_content()
    assert f"/rounds/{made.round.uid}/meetings" in mail.get_body().get_content()

    client = as_user(bank.user)
    page = client.get(home).text
    assert re.search(r"9:(25|50).AM", page), "the time at the forum"
    assert "Both are about clean water." in page
    meeting = f"/meetings/{made.meeting(*TWO[1]).uid}"
    assert "Where you are" in client.get(meeting).text, "and where the reader is"
    empty = client.post(f"{meeting}/cancel", data={"reason": ""})
    assert (empty.status_code, "Please give a reason." in empty.text) == (422, True)
    client.post(f"{meeting}/cancel", data={"reason": "Our train is late."})

    client = as_user(made.user)
    assert "Our train is late." in client.get(home).text
    printed = client.get(f"{home}/print").text
    assert "Table Garden" in printed
    assert "City Bank" not in printed, "it is cancelled"


def test_day_is_run_on_its_page_and_a_free_place_is_filled_with_one_click(forum, as_user, jobs):
    third = ("Blue Sky", "Water Works")
    made = forum(TWO)
    home = f"/rounds/{made.round.uid}/meetings"
    client = as_user(made.user)
    client.post(f"{home}/plan", data={**TYPED, "tables": "1", "slots": "2"})
    client.post(f"{home}/timetable")
    jobs.run_all()
    client.post(f"{home}/release")
    made.hold_at(now() - timedelta(minutes=5))
    extra = made.join(third, PairingStatus.RELEASED)
    running = min((made.meeting(*pair) for pair in TWO), key=lambda one: one.starts)
    page = client.get(f"{home}/today").text
    assert "Took place" in page
    client.post(f"/meetings/{running.uid}/missed", data={"missed_by": "need", "back": "today"})
    page = client.get(f"{home}/today").text
    assert "Places that became free" in page
    assert extra.uid in page
    answer = client.post(
        f"{home}/place", data={"pairing": extra.uid, "slot": "0", "table": "0", "back": "today"}
    )
    assert answer.headers["location"] == f"{home}/today"
    assert "Places that became free" not in client.get(f"{home}/today").text
    held = client.get(f"{home}/summary").text
    assert "0%" in held


def test_calendar_is_followed_without_signing_in_and_shows_nothing_before_the_release(
    forum, as_user, client, jobs
):
    made = forum(TWO)
    home = f"/rounds/{made.round.uid}/meetings"
    as_user(made.user)
    client.post(f"{home}/plan", data=TYPED)
    client.post(f"{home}/timetable")
    jobs.run_all()
    green = made.parties["Green Home"].organization
    feed = f"/meetings/feed/{feed_key(jobs.settings.secret, made.round, green.uid)}.ics"
    client.cookies.clear()
    assert not Calendar.from_ical(client.get(feed).text).events
    as_user(made.user)
    client.post(f"{home}/release")
    client.cookies.clear()
    answer = client.get(feed)
    assert answer.headers["content-type"].startswith("text/calendar")
    assert len(Calendar.from_ical(answer.text).events) == 2
    assert client.get(feed.replace(".ics", "x.ics")).status_code == 404
    meeting = f"/meetings/{made.meeting(*TWO[0]).uid}.ics"
    assert "/accounts/sign-in" in client.get(meeting).headers["location"]
    as_user(made.parties["Water Works"].user)
    (event,) = Calendar.from_ical(client.get(meeting).text).events
    assert event["SUMMARY"] == "Green Home – Water Works"


def test_wrong_fields_of_the_frame_keep_what_was_typed(forum, as_user):
    made = forum(TWO)
    client = as_user(made.user)
    wrong = {**TYPED, "minutes": "5", "at-0": "noon", "for-0": "30", "tables": ""}
    answer = client.post(f"/rounds/{made.round.uid}/meetings/plan", data=wrong)
    assert answer.status_code == 422
    for told in ("from 15 to 240 minutes", "Write the beginning as 12:00", "Name at least one table"):
        assert told in answer.text
    assert 'value="noon"' in answer.text


def test_desk_is_for_facilitators_and_a_stranger_finds_nothing_of_theirs(forum, as_user, client, jobs):
    made = forum([*TWO, ("Blue Sky", "Steel Mill")])
    home = f"/rounds/{made.round.uid}/meetings"
    as_user(made.user)
    client.post(f"{home}/plan", data=TYPED)
    client.post(f"{home}/timetable")
    jobs.run_all()
    client.post(f"{home}/release")
    as_user(made.parties["Blue Sky"].user)
    for path in ("plan", "today", "summary", "print", f"places/{made.pairing(*TWO[0]).uid}"):
        assert client.get(f"{home}/{path}").status_code == 403
    assert client.post(f"{home}/timetable").status_code == 403
    assert "Water Works" not in client.get(home).text
    assert client.get(f"/meetings/{made.meeting(*TWO[0]).uid}").status_code == 404
    bank = made.parties["City Bank"].organization.uid
    assert client.get(f"{home}/availability/{bank}").status_code == 404
    client.cookies.clear()
    assert "/accounts/sign-in" in client.get(home).headers["location"]
