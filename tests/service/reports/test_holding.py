"""A tranche waits for the reports of its payee that were due; what is not due keeps nothing back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from service.agreements import actions as agreements
from service.agreements.models import Agreement
from service.db import writing
from service.errors import NotNow
from service.funding.models import Disbursement
from service.reports import actions, holding
from service.reports.models import ReportKind
from tests.service.reports.conftest import today

Q = ReportKind.QUARTERLY


@pytest.fixture
def tranche():
    """A tranche for the implementer of a project: `tranche(made)`; for the other party with `payee`."""

    def make(made, payee=None):
        return Disbursement(
            agreement_id=made.agreement.key,
            commitment_id=0,
            payee_id=(payee or made.ngo).organization.key,
            item="t1",
            amount=100,
            currency="CNY",
        )

    return make


def obstacle(made, tranche):
    found = made.see(holding.unaccepted_report, made.agreement, tranche)
    return found.code if found else None


def test_tranche_waits_until_the_report_that_was_due_is_accepted(project, tranche):
    made = project(days_ago=95)
    report = made.report()
    assert obstacle(made, tranche(made)) is None, "it is not due yet"
    made.change(report, due=today())
    assert obstacle(made, tranche(made)) is None, "today is in time"
    made.change(report, due=today() - timedelta(days=1))
    assert obstacle(made, tranche(made)) == "report-missing"
    assert obstacle(made, tranche(made, made.company)) is None, "who owes nothing waits for nothing"
    made.submit(report)
    assert obstacle(made, tranche(made)) == "report-undecided"
    made.act(actions.return_, made.company.actor, report, "Sums differ.")
    assert obstacle(made, tranche(made)) == "report-returned", "also before its new day"
    made.accept(made.submit(made.report()))
    assert obstacle(made, tranche(made)) is None


def test_report_handed_in_early_keeps_nothing_back_before_its_day(project, tranche):
    made = project(days_ago=95)
    made.submit(made.report())
    assert obstacle(made, tranche(made)) is None


def test_evaluation_that_is_missing_keeps_no_money_back(project, tranche):
    made = project(days_ago=500, quarterly=False, final=False, evaluation=True)
    made.change(made.report(ReportKind.EVALUATION, 1), organization_id=made.ngo.organization.key)
    assert obstacle(made, tranche(made)) is None


def test_agreement_is_not_completed_before_its_final_report_is_accepted(project):
    made = project(days_ago=95)
    final = made.report(ReportKind.FINAL)

    def missing():
        return made.see(holding.unaccepted_final, made.agreement)

    assert "final report of" in str(missing())
    assert made.ngo.organization.name in str(missing())
    with (
        pytest.raises(NotNow, match="has to be handed in and accepted"),
        writing(made.jobs.engine) as session,
    ):
        agreements.complete(session, made.facilitator, session.get_one(Agreement, made.agreement.key))
    made.change(final, period_end=today())
    made.submit(final)
    assert missing().code == "final-unaccepted"
    made.accept(final)
    assert missing() is None
