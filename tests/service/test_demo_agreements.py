"""The demonstration's agreements: in every state that can be seen, and what happens under those signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, func, select

from service import demo, demo_agreements, demo_books, demo_rounds
from service.agreements.models import SIGNED, Agreement, AgreementStatus
from service.events import Event, broken_links
from service.funding.models import (
    Breach,
    BreachStatus,
    Commitment,
    Delivery,
    Disbursement,
    DisbursementStatus,
)
from service.organizations.models import Organization, OrganizationStatus
from service.reports import queries as reports
from service.reports.models import Report, ReportKind, ReportStatus, SiteVisit

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from service.jobs import Jobs


def test_agreements_stand_in_every_state_with_their_books_and_come_once(engine: Engine, jobs: Jobs) -> None:
    demo.load(engine)
    demo_rounds.hold(engine, jobs)
    demo.sign_ins(engine, jobs.settings, "en")
    frida = demo.facilitator(engine)
    demo_books.keep(engine, demo_agreements.sign(engine, jobs), frida, jobs.settings.data_dir)
    jobs.run_all()
    with Session(engine) as session:
        found = session.exec(select(Agreement)).all()
        assert {one.status for one in found} == set(AgreementStatus) - {AgreementStatus.ABANDONED}
        assert {one.language for one in found} >= {"ru", "zh-Hans"}
        booked = set(session.exec(select(Commitment.agreement_id)))
        assert {one.key for one in found if one.status in SIGNED} == booked, "the ledger opens by itself"

        assert set(session.exec(select(Disbursement.status))) >= {
            DisbursementStatus.PLANNED,
            DisbursementStatus.REQUESTED,
            DisbursementStatus.HELD,
            DisbursementStatus.PAID,
            DisbursementStatus.RECOVERED,
        }
        assert set(session.exec(select(Report.status))) == set(ReportStatus)
        finals = session.exec(
            select(Report).where(Report.kind == ReportKind.FINAL, Report.status == ReportStatus.ACCEPTED)
        ).all()
        assert all(str(one.answers["beneficiaries"]) in one.answers["results"] for one in finals)
        assert len(finals) == 3
        assert reports.overdue(session)
        assert {one is None for one in session.exec(select(Delivery.confirmed))} == {True, False}
        assert session.exec(select(func.count()).select_from(SiteVisit)).one() > 3
        [breach] = session.exec(select(Breach)).all()
        accused = session.get_one(Organization, breach.organization_id)
        assert (breach.status, accused.status) == (BreachStatus.FOUND, OrganizationStatus.BARRED)
        assert accused.barred_until == breach.barred_until
        told = set(session.exec(select(Event.name).where(Event.actor == frida.uid)))
        assert told >= {
            "disbursement.approve",
            "report.accept",
            "report.return",
            "breach.find",
            "visit.write",
        }
        assert list(broken_links(session)) == []
    assert demo_agreements.sign(engine, jobs) == {}
    with Session(engine) as session:
        assert len(session.exec(select(Agreement)).all()) == len(found)
