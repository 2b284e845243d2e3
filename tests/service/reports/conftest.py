"""A project under way: an agreement in force between a company and an NGO, with reports in all states."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from email import message_from_bytes, policy
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.db import now, reading, writing
from service.jobs import Work
from service.permissions import Role
from service.reports import actions, queries
from service.reports.models import Report, ReportKind
from service.reports.planning import plan_reports
from service.reports.reminding import remind_reports

if TYPE_CHECKING:
    from collections.abc import Callable

    from service.agreements.models import Agreement
    from service.jobs import Jobs
    from service.permissions import Actor
    from tests.service.conftest import MakeAgreement, MakeParty, Party

ANSWERS = {
    "activities": "Twelve lessons of swimming in two schools.",
    "beneficiaries": "1 200",
    "results": "96 of 120 children swim 25 metres now; none did in March.",
    "money": "",
    "problems": "One pool was closed for a week.",
    "next": "Lessons for the third school.",
    "lasting": "The schools go on by themselves.",
}
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\rIDATx\x9cc\xf8\xcf\xc0\xf0\x1f\x00\x05\x00\x01\xff\x89\x99=\x1d\x00\x00\x00\x00IEND\xaeB`\x82"
)
PDF = b"%PDF-1.7\n%%EOF\n"


def today() -> date:
    return now().date()


@dataclass
class Project:
    """An agreement with its parties and somebody who runs the forum."""

    jobs: Jobs
    agreement: Agreement
    company: Party
    ngo: Party
    facilitator: Actor

    @property
    def work(self) -> Work:
        return Work(self.jobs.engine, self.jobs.settings, self.jobs.site, "")

    def plan(self) -> list[Report]:
        """Plans the reports and gives them in the order in which they are due."""
        plan_reports(self.work, agreement=self.agreement.uid)
        return self.reports()

    def reports(self) -> list[Report]:
        with reading(self.jobs.engine) as session:
            wanted = select(Report).where(Report.agreement_id == self.agreement.key)
            return list(session.exec(wanted.order_by(Report.due, Report.id)))

    def report(self, kind: ReportKind = ReportKind.QUARTERLY, number: int = 1) -> Report:
        return next(one for one in self.reports() if (one.kind, one.number) == (kind, number))

    def change(self, report: Report, **values: Any) -> Report:
        """Puts values straight into a report, such as another day on which it is due."""
        with writing(self.jobs.engine) as session:
            kept = session.get_one(Report, report.key)
            for name, value in values.items():
                setattr(kept, name, value)
            session.add(kept)
        return kept

    def see(self, query: Callable[..., Any], *given: Any) -> Any:
        """What a query finds now."""
        with reading(self.jobs.engine) as session:
            return query(session, *given)

    def act(
        self, action: Callable[..., Any], actor: Actor, report: Report, *given: Any, **more: Any
    ) -> Report:
        """Does something with a report, in a transaction of its own."""
        with writing(self.jobs.engine) as session:
            action(session, actor, queries.get(session, actor, report.uid, lock=True), *given, **more)
        with reading(self.jobs.engine) as session:
            return session.get_one(Report, report.key)

    def submit(self, report: Report, **answers: str) -> Report:
        return self.act(actions.submit, self.ngo.actor, report, {**ANSWERS, **answers})

    def accept(self, report: Report, *given: Any) -> Report:
        return self.act(actions.accept, self.company.actor, report, *given)

    def remind(self) -> list[Any]:
        """Runs the timer's job and sends what it promised; all mails so far, the oldest first."""
        remind_reports(self.work)
        return self.mails()

    def mails(self) -> list[Any]:
        self.jobs.run_all()
        files = sorted(
            (self.jobs.settings.data_dir / "outbox").glob("*.eml"), key=lambda file: file.stat().st_mtime_ns
        )
        return [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]


@pytest.fixture
def project(
    jobs: Jobs, make_party: MakeParty, make_agreement: MakeAgreement, make_user: Any, actor: Any
) -> Callable[..., Project]:
    """Makes a project whose reports are planned: `project(days_ago=200, monthly=True)`.

    Its term began so many days ago and lasts a year; the first quarter's report is due about 105 days later.
    """

    def make(
        days_ago: int = 100, *, amount: int = 500_000, tranches: int = 2, need=None, **reports: Any
    ) -> Project:
        company = make_party("City Bank", Role.OWNER, kind="business")
        ngo = make_party("Green Home")
        starts = today() - timedelta(days=days_ago)
        agreement = make_agreement(
            company,
            ngo,
            amount=amount,
            tranches=tranches,
            need=need,
            starts=starts,
            ends=starts + timedelta(days=364),
        )
        with writing(jobs.engine) as session:
            kept = session.get_one(type(agreement), agreement.key)
            kept.terms = {**kept.terms, "reports": {"quarterly": True, "final": True, "days": 15, **reports}}
            session.add(kept)
        made = Project(jobs, agreement, company, ngo, actor(make_user(roles=["facilitator"])))
        made.plan()
        return made

    return make
