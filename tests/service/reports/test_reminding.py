"""What time does: reminders before and after, in the writer's zone, counted; then word to facilitators."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from service.accounts.models import User
from service.agreements.models import Agreement, AgreementStatus
from service.db import now, writing
from service.events import Event
from service.reports import queries
from service.reports.models import Report, ReportKind, ReportStatus
from tests.service.reports.conftest import today

Q = ReportKind.QUARTERLY


def due_in(made, days, number=1):
    """The report is due in so many days, its period is over."""
    report = made.report(Q, number)
    day = today() + timedelta(days=days)
    return made.change(report, due=day, period_end=min(report.period_end, today()))


def to_ngo(made):
    return [mail for mail in made.remind() if str(mail["To"]) == made.ngo.user.email]


def test_reminders_go_out_before_and_after_once_each_and_are_counted(project):
    made = project()
    seen = []
    for days in (8, 7, 6, 1, 0, -1, -3, -7, -14, -40):
        report = due_in(made, days)
        to_ngo(made)
        mails = to_ngo(made)
        seen.append((days, len(mails), made.report().reminded))
    assert seen == [
        (8, 0, 0),
        (7, 1, 1),
        (6, 1, 1),
        (1, 2, 2),
        (0, 2, 2),
        (-1, 3, 3),
        (-3, 3, 3),
        (-7, 4, 4),
        (-14, 5, 5),
        (-40, 5, 5),
    ]
    assert "due on" in mails[0]["Subject"]
    assert "overdue" in mails[-1]["Subject"]
    assert f"/reports/{report.uid}" in mails[-1].get_content()


def test_what_was_missed_while_nobody_worked_is_said_once(project):
    made = project()
    due_in(made, -10)
    assert len(to_ngo(made)) == 1
    assert (made.report().reminded, made.report().reminder) == (1, 4)


def test_facilitators_are_told_once_that_it_does_not_come(project, rows):
    made = project()
    due_in(made, -14)
    made.remind()
    mails = [mail for mail in made.remind() if "does not come" in mail["Subject"]]
    [address] = rows(select(User.email).where(User.id == made.facilitator.user_id))
    assert [str(mail["To"]) for mail in mails] == [address]
    assert "reminded 1 time" in mails[0].get_content()
    names = rows(select(Event.name).where(Event.subject == made.report().uid))
    assert names == ["report.remind", "report.escalate"]


def test_nothing_is_sent_about_what_was_handed_in_or_is_not_owed(project):
    made = project()
    due_in(made, -3)
    made.submit(made.report())
    assert to_ngo(made) == []
    due_in(made, -3, number=2)
    with writing(made.jobs.engine) as session:
        kept = session.get_one(Agreement, made.agreement.key)
        kept.status = AgreementStatus.SUSPENDED
        session.add(kept)
    assert to_ngo(made) == []
    assert made.see(queries.overdue) == []


def test_returned_report_is_reminded_of_anew(project):
    made = project()
    due_in(made, 3)
    assert len(to_ngo(made)) == 1
    made.change(made.report(), status=ReportStatus.RETURNED, reminder=0, due=today() + timedelta(days=7))
    assert len(to_ngo(made)) == 2
    assert made.report().reminded == 2


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago", "UTC"])
def test_late_begins_when_the_day_is_over_where_the_writer_is(project, zone):
    """Kiritimati is 14 hours ahead of UTC, Pago Pago 11 behind."""
    made = project()
    with writing(made.jobs.engine) as session:
        person = session.get_one(User, made.ngo.user.key)
        person.time_zone = zone
        session.add(person)
    local = now().astimezone(ZoneInfo(zone)).date()
    made.change(made.report(), due=local)
    made.change(made.report(Q, 2), due=local - timedelta(days=1))
    late = made.see(queries.overdue)
    assert [(one.report.number, one.late) for one in late] == [(2, 1)]


def test_overdue_is_what_is_open_and_past_for_these_organizations(project, rows):
    made = project(days_ago=240)
    assert [one.report.number for one in made.see(queries.overdue)] == [1, 2]
    assert made.see(queries.overdue, [made.company.organization.key]) == []
    made.accept(made.submit(made.report(Q, 1)))
    assert [one.report.number for one in made.see(queries.overdue)] == [2]
    assert {one.number for one in rows(select(Report))} == {1, 2, 3, 4}
