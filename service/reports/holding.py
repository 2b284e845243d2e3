"""What waits for reports: the next payment, and the next round of whoever owes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message, Param
from service.agreements.models import Agreement
from service.organizations.models import Organization
from service.reports import queries
from service.reports.models import Report, ReportKind, ReportStatus
from service.reports.words import KINDS

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import date

    from service.funding.models import Disbursement


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


def unaccepted_final(session: Session, agreement: Agreement) -> Message | None:
    """Why an agreement cannot be completed: a final report is not accepted; for `BEFORE_COMPLETING`."""
    waiting = session.exec(
        select(Report)
        .where(
            Report.agreement_id == agreement.key,
            col(Report.kind) == ReportKind.FINAL,
            col(Report.status) != ReportStatus.ACCEPTED,
            col(Report.ended).is_(None),
        )
        .order_by(col(Report.due), queries.ROW)
    ).first()
    if waiting is None:
        return None
    return Message(
        "final-unaccepted",
        "The final report of {organization} is not accepted yet. It has to be handed in and accepted first.",
        organization=session.get_one(Organization, waiting.organization_id).name,
    )


def overdue_reports(session: Session, organizations: Collection[int]) -> dict[str, tuple[int, date]]:
    """By uid, of these organizations: how many reports are overdue and since when; for `checking.OVERDUE`."""
    late: dict[str, list[date]] = {}
    for one in queries.overdue(session, organizations):
        late.setdefault(one.organization.uid, []).append(one.report.due)
    return {uid: (len(days), min(days)) for uid, days in late.items()}
