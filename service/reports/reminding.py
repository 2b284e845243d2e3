"""What time does to reports: reminders before and after the day they are due, then word to facilitators."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import col, select

from service.accounts.queries import emails_of_editors, emails_with_role
from service.agreements.models import Agreement
from service.db import now, writing
from service.events import record
from service.mail import send
from service.permissions import SYSTEM_ACTOR, Role
from service.reports import queries
from service.reports.actions import about, mail_values
from service.reports.models import Report

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.jobs import Work

DAYS = (-7, -1, 1, 7, 14)
"""When reminders go out, in days after the day it is due where the writer is."""
ESCALATES = 14
"""From so many days late on facilitators are told, once."""


def remind_reports(work: Work) -> None:
    """The job that reminds writers of reports; what was missed while nobody worked is said once."""
    with writing(work.engine) as session:
        soon = now().date() + timedelta(days=-DAYS[0]) + queries.FURTHEST
        waiting = session.exec(
            select(Report)
            .join(Agreement, col(Agreement.id) == col(Report.agreement_id))
            .where(queries.owed(), col(Report.status).in_(queries.OPEN), col(Report.due) <= soon)
            .order_by(queries.ROW)
            .with_for_update(of=Report)
        ).all()
        for found in queries.told(session, waiting):
            _remind(session, found)


def _remind(session: Session, found: queries.Told) -> None:
    report = found.report
    after = (found.day - report.due).days
    passed = sum(after >= days for days in DAYS)
    if passed > report.reminder:
        report.reminder = passed
        report.reminded += 1
        session.add(report)
        for email, language in emails_of_editors(session, report.organization_id):
            send(session, email, "report-reminder", language, days=after, **mail_values(found, language))
        details = about(session, found.agreement)
        record(session, SYSTEM_ACTOR, "report.remind", report, number=report.reminded, days=after, **details)
    if after >= ESCALATES and report.escalated is None:
        _escalate(session, found, after)


def _escalate(session: Session, found: queries.Told, after: int) -> None:
    report = found.report
    report.escalated = now()
    session.add(report)
    for email, language in emails_with_role(session, Role.FACILITATOR):
        send(
            session,
            email,
            "report-escalated",
            language,
            days=after,
            reminders=report.reminded,
            **mail_values(found, language),
        )
    details = about(session, found.agreement)
    record(session, SYSTEM_ACTOR, "report.escalate", report, days=after, **details)
