"""Every way of breaking a rule of reports and visits that is told nowhere else: refused, with its reason."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from service.agreements.models import Agreement, AgreementStatus
from service.db import writing
from service.reports import actions, visits
from service.reports.models import ReportKind
from tests.service.refusing import refused
from tests.service.reports.conftest import ANSWERS, PDF, PNG, today


def test_reports_that_cannot_be(project):
    made = project(days_ago=100)
    report = made.report(ReportKind.QUARTERLY)
    folder = made.jobs.settings.data_dir
    attach = partial(made.act, actions.attach, made.ngo.actor, report, data_dir=folder)
    refused("photo-people", attach, "a.png", PNG)
    refused("photo-consent", attach, "a.png", PNG, people="agreed", consent=" ")
    for n in range(12):
        attach(f"{n}.pdf", PDF)
    refused("files-many", attach, "13.pdf", PDF)
    with writing(made.jobs.engine) as session:
        session.get_one(Agreement, made.agreement.key).status = AgreementStatus.SUSPENDED
    refused("report-not-owed", made.submit, report)
    with writing(made.jobs.engine) as session:
        session.get_one(Agreement, made.agreement.key).status = AgreementStatus.IN_FORCE
    later = made.report(ReportKind.QUARTERLY, 4)
    refused("report-early", made.act, actions.save, made.ngo.actor, later, ANSWERS)
    refused("report-not-due", made.submit, made.report(ReportKind.QUARTERLY, 2))
    sent = made.submit(report)
    refused("report-handed-in", made.submit, sent)
    refused("own-report", made.act, actions.accept, made.ngo.actor, sent)
    refused("choose-listed", made.accept, sent, ["no-such-fault"])
    give_back = partial(made.act, actions.return_, made.company.actor, sent)
    refused("reason-needed", give_back, " ")
    refused("too-long", give_back, "x" * 2_001)


def test_visits_that_cannot_be(project):
    made = project(days_ago=100)

    def write(**changed):
        given = {"on": today(), "place": "School", "text": "Both wells give water.", **changed}
        with writing(made.jobs.engine) as session:
            agreement = session.get_one(Agreement, made.agreement.key)
            return visits.write(session, made.company.actor, agreement, **given)

    refused("field-missing", write, on=None, text=" ")
    refused("visit-ahead", write, on=today() + timedelta(days=1))
    refused("too-long", write, place="x" * 201)
    refused("choose-listed", write, faults=["no-such-fault"])
    with writing(made.jobs.engine) as session:
        session.get_one(Agreement, made.agreement.key).status = AgreementStatus.DRAFT
    refused("not-signed", write)
