"""A report from the day it is due to the payment that waited for it, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.db import reading, writing
from service.errors import NotNow
from service.funding import actions as funding
from service.funding import queries as books
from service.funding.models import DisbursementStatus
from service.jobs import promise
from service.reports import actions, queries
from service.reports.models import ReportStatus
from tests.service.reports.conftest import today


def test_report_due_reminded_late_submitted_returned_mended_accepted_and_the_tranche_is_paid(
    database_url, project
):
    made = project(days_ago=95, tranches=1)
    with writing(made.jobs.engine) as session:
        promise(session, "open_ledger", agreement=made.agreement.uid)
    made.jobs.run_all()

    def tranche():
        with reading(made.jobs.engine) as session:
            return books.book_of(session, made.agreement).tranches[0]

    def pay(step, actor, *given):
        with writing(made.jobs.engine) as session:
            return step(session, actor, tranche().uid, *given)

    due = made.change(made.report(), due=today())
    assert [one.report.uid for one in made.see(queries.to_write, made.ngo.actor)] == [due.uid]
    made.remind()
    assert made.report().reminded == 1

    made.change(due, due=today() - timedelta(days=1))
    mails = [mail["Subject"] for mail in made.remind() if str(mail["To"]) == made.ngo.user.email]
    assert mails[-1].startswith("A report is overdue")
    assert [one.late for one in made.see(queries.overdue)] == [1]

    pay(funding.request_tranche, made.ngo.actor)
    with pytest.raises(NotNow):
        pay(funding.approve_tranche, made.company.actor)
    report = made.submit(due)
    with pytest.raises(NotNow):
        pay(funding.approve_tranche, made.company.actor)
    report = made.act(
        actions.return_, made.company.actor, report, "Receipts are missing.", ["receipts-missing"]
    )
    with pytest.raises(NotNow):
        pay(funding.approve_tranche, made.company.actor)
    assert tranche().status is DisbursementStatus.REQUESTED

    made.accept(made.submit(report))
    assert made.report().status is ReportStatus.ACCEPTED
    pay(funding.approve_tranche, made.company.actor)
    pay(funding.pay_tranche, made.facilitator, today(), "B-17")
    assert tranche().status is DisbursementStatus.PAID
