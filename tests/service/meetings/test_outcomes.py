"""What came of it: given on screen and by mail, asked after the forum and half a year later, in numbers."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlmodel import select

from matching.meetings import Place
from service.accounts.models import Membership
from service.db import now
from service.errors import NotAllowed
from service.events import Event
from service.jobs import Work
from service.meetings import actions, outcomes
from service.meetings import forum as day
from service.meetings.models import Outcome, OutcomeAsked, OutcomeLabel
from service.pairings.models import PairingStatus
from service.permissions import Role
from tests.service.meetings.conftest import frame, outbox

FIRST, SECOND = ("Green Home", "Water Works"), ("Green Home", "City Bank")
NOW, LATER = OutcomeAsked.NOW, OutcomeAsked.SIX_MONTHS


@pytest.fixture
def over(forum, write):
    """A forum that is over since an hour: `over(timedelta(days=200))` for one of long ago."""

    def make(since=timedelta(hours=2)):
        made = forum([FIRST, SECOND])
        write(actions.set_plan, made.actor, made.round, frame(slots=2))
        for slot, pair in enumerate((FIRST, SECOND)):
            write(actions.place, made.actor, made.round, made.pairing(*pair).uid, Place(slot, 0))
        write(actions.release, made.actor, made.round)
        made.hold_at(now() - since)
        return made

    return make


@pytest.fixture
def ask(jobs):
    """Runs the timer's job and sends what it promised; gives the newest mail of everybody."""

    def run():
        outcomes.ask_outcomes(Work(jobs.engine, jobs.settings, jobs.site, ""))
        jobs.run_all()
        return outbox(jobs)

    return run


def test_each_side_says_what_came_of_it_and_may_say_it_again(over, rows):
    made = over()
    home = made.parties["Green Home"].actor
    made.act(outcomes.give, home, FIRST, NOW, OutcomeLabel.VALUABLE, "Good talk.")
    made.act(outcomes.give, home, FIRST, NOW, OutcomeLabel.NEGOTIATING, "We visit them.")
    made.act(outcomes.give, made.parties["Water Works"].actor, FIRST, NOW, OutcomeLabel.KNOWLEDGE)
    kept = {(one.side, one.label, one.text) for one in rows(select(Outcome))}
    assert kept == {("need", "negotiating", "We visit them."), ("offer", "knowledge", "")}
    events = rows(select(Event).where(Event.name == "outcome.give"))
    assert [event.details["label"] for event in events] == ["valuable", "negotiating", "knowledge"]
    assert {event.details["round"] for event in events} == {made.round.uid}


def test_meeting_that_nobody_marked_is_held_by_its_outcome_unless_there_was_no_contact(over):
    made = over()
    home = made.parties["Green Home"].actor
    made.act(outcomes.give, home, FIRST, NOW, OutcomeLabel.NO_CONTACT)
    made.act(outcomes.give, home, SECOND, NOW, OutcomeLabel.AGREEMENT)
    assert made.meeting(*FIRST).status == "scheduled"
    assert made.meeting(*SECOND).status == "held"
    assert made.pairing(*SECOND).status == "met"


def test_everybody_is_asked_once_after_the_forum(over, ask):
    made = over()
    mails = ask()
    home = mails[made.parties["Green Home"].user.email]
    assert home["Subject"] == "What came of your meetings at “May forum”?"
    text = home.get_body().get_content()
    assert ("Water Works" in text, "City Bank" in text) == (True, True)
    assert "City Bank" not in mails[made.parties["Water Works"].user.email].get_body().get_content()
    count = len(mails)
    assert len(ask()) == count


def test_nobody_is_asked_before_the_last_slot_is_over_nor_about_what_was_missed(over, ask, jobs):
    made = over(timedelta(minutes=30))
    assert ask() == {}
    made.act(day.miss, made.actor, FIRST, "offer")
    made.hold_at(now() - timedelta(hours=1))
    mails = ask()
    assert made.parties["Water Works"].user.email not in mails
    assert made.parties["City Bank"].user.email in mails


def test_those_who_have_answered_are_not_asked(over, ask):
    made = over()
    made.act(outcomes.give, made.parties["City Bank"].actor, SECOND, NOW, OutcomeLabel.VALUABLE)
    mails = ask()
    assert made.parties["City Bank"].user.email not in mails
    assert made.parties["Green Home"].user.email in mails


def test_all_are_asked_again_after_six_months(over, ask, rows):
    made = over(timedelta(days=183))
    mail = ask()[made.parties["City Bank"].user.email]
    assert mail["Subject"] == "Half a year on: what came of your meetings at “May forum”?"
    made.act(outcomes.give, made.parties["City Bank"].actor, SECOND, LATER, OutcomeLabel.AGREEMENT)
    (kept,) = rows(select(Outcome))
    assert (kept.asked, kept.label) == ("six-months", "agreement")


def test_forum_of_long_ago_is_not_asked_about(over, ask):
    over(timedelta(days=400))
    assert ask() == {}


def link(mail):
    return re.search(r"(/meetings/outcome/\S+)", mail.get_body().get_content())[1]


def test_link_in_the_mail_takes_the_answer_without_signing_in(over, ask, client, rows):
    made = over()
    path = link(ask()[made.parties["Green Home"].user.email])
    page = client.get(path)
    assert page.status_code == 200
    first, second = (made.meeting(*pair).uid for pair in (FIRST, SECOND))
    assert f"label-{first}" in page.text
    wrong = client.post(path, data={f"label-{first}": "splendid", f"text-{second}": "Kept."})
    assert wrong.status_code == 422
    assert "Choose what came of it." in wrong.text
    assert "Kept." in wrong.text
    answer = client.post(path, data={f"label-{first}": "negotiating", f"text-{first}": "We visit them."})
    assert answer.headers["location"] == f"{path}?done=outcome-given"
    (kept,) = rows(select(Outcome))
    assert (kept.label, kept.side, kept.user_id) == (
        "negotiating",
        "need",
        made.parties["Green Home"].user.key,
    )
    assert re.search(r'value="negotiating" checked', client.get(path).text)


def test_link_opens_nothing_else_and_ends_with_the_membership(over, ask, client, write):
    made = over()
    user = made.parties["Green Home"].user
    path = link(ask()[user.email])
    assert client.get(f"{path}x").status_code == 404
    assert "/accounts/sign-in" in client.get(f"/rounds/{made.round.uid}/meetings").headers["location"]
    write(
        lambda session: setattr(
            session.exec(select(Membership).where(Membership.user_id == user.key)).one(), "role", Role.VIEWER
        )
    )
    assert "Nothing to ask" in client.get(path).text


def test_forum_in_numbers(over, write, as_user):
    made = over()
    made.join(("Blue Sky", "City Bank"), PairingStatus.DECLINED)
    made.join(("Open Door", "City Bank"), PairingStatus.MUTUAL)
    made.act(day.hold, made.actor, FIRST)
    made.act(day.miss, made.actor, SECOND, "offer")
    made.act(outcomes.give, made.parties["Water Works"].actor, FIRST, NOW, OutcomeLabel.KNOWLEDGE)
    found = write(outcomes.summary, made.actor, made.round)
    assert (found.pairings, found.accepted, found.accepted_share) == (4, 3, 0.75)
    assert (found.meetings, found.held, found.missed, found.held_share) == (2, 1, 1, 0.5)
    assert found.with_two == 0
    assert [one.name for one in found.without] == ["City Bank", "Open Door"]
    assert found.labels[NOW] == {OutcomeLabel.KNOWLEDGE: 1}
    page = as_user(made.user).get(f"/rounds/{made.round.uid}/meetings/summary").text
    assert ("75%" in page, "Open Door" in page) == (True, True)
    with pytest.raises(NotAllowed):
        write(outcomes.summary, made.parties["Green Home"].actor, made.round)
