"""What waits for reports: the next payment, and the next round of whoever owes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message, Param
from service.agreements.models import Agreement
from service.reports import queries
from service.reports.models import Report, ReportKind, ReportStatus
from service.reports.words import KINDS

if TYPE_CHECKING:
    from service.funding.models import Disbursement
    from service.organizations.models import Organization
    from service.rounds.models import Round


def unaccepted_report(session: Session, _agreement: Agreement, disbursement: Disbursement) -> Message | None:
    """Why a tranche cannot be paid: a report of its payee was due and is not accepted, or was returned.

    For `funding.conditions.BEFORE_PAYING`. What the payee evaluates of others keeps no money back.
    """
    waiting = session.exec(
        select(Report)
        .join(Agreement, col(Agreement.id) == col(Report.agreement_id))
        .where(
            queries.owed(),
            Report.agreement_id == disbursement.agreement_id,
            Report.organization_id == disbursement.payee_id,
            col(Report.kind) != ReportKind.EVALUATION,
            col(Report.status) != ReportStatus.ACCEPTED,
        )
        .order_by(col(Report.due), queries.ROW)
    )
    for found in queries.told(session, waiting):
        report = found.report
        named: dict[str, Param] = {
            "kind": KINDS[report.kind],
            "start": report.period_start,
            "end": report.period_end,
        }
        if report.status is ReportStatus.RETURNED:
            return Message(
                "report-returned",
                "{kind} ({start} to {end}) was returned and has to be mended first.",
                **named,
            )
        if report.due >= found.day:
            continue
        if report.status is ReportStatus.SUBMITTED:
            return Message(
                "report-undecided", "{kind} ({start} to {end}) waits to be accepted first.", **named
            )
        return Message(
            "report-missing",
            "{kind} ({start} to {end}) was due on {due} and is missing.",
            due=report.due,
            **named,
        )
    return None


def overdue_reports(session: Session, _round: Round, organization: Organization) -> Message | None:
    """Why an organization cannot enter a round whose rules ask for reports; for `checking.OVERDUE`."""
    late = queries.overdue(session, [organization.key])
    if not late:
        return None
    return Message(
        "overdue-reports",
        "{organization} owes reports that are overdue: {count}, the first since {day}.",
        organization=organization.name,
        count=len(late),
        day=late[0].report.due,
    )
