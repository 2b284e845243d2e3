"""Reading reports: those of one's agreements, all of them for staff. Starts at `visible_to`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, String, and_, cast, or_
from sqlmodel import Session, col, select

from service.accounts.models import UserStatus
from service.accounts.queries import members_of
from service.agreements import queries as agreements
from service.agreements.models import SIGNED, Agreement, AgreementStatus, Party
from service.db import now
from service.errors import NotFound
from service.funding import queries as funding
from service.listings.models import Listing
from service.organizations.models import Organization
from service.permissions import Role, may
from service.reports import questions
from service.reports.models import PeopleShown, Report, ReportKind, ReportStatus, SiteVisit

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlmodel.sql.expression import SelectOfScalar

    from service.funding.queries import Book
    from service.permissions import Actor

ROW = col(Report.id)
OPEN = (ReportStatus.DRAFT, ReportStatus.RETURNED)
"""Its writer has to do something."""
HANDED_IN = (ReportStatus.SUBMITTED, ReportStatus.ACCEPTED, ReportStatus.RETURNED)
"""It has been read by others, or may be."""
FURTHEST = timedelta(days=1)
"""How much later it may be somewhere than in UTC."""
IMAGES = ("image/png", "image/jpeg")


@dataclass(frozen=True, slots=True)
class Told:
    """A report with whom and what it is about; `day` is today where its writer is."""

    report: Report
    agreement: Agreement
    organization: Organization
    day: date

    @property
    def late(self) -> int:
        """By how many days it is overdue; 0: it is not."""
        open_still = self.report.status in OPEN and is_owed(self.report, self.agreement)
        return max(0, (self.day - self.report.due).days) if open_still else 0

    @property
    def begins(self) -> bool:
        """Whether its time has begun, so that it can be written."""
        return self.report.period_start <= self.day or has_ended(self.agreement)

    @property
    def is_due(self) -> bool:
        """Whether its period is over, so that it can be handed in."""
        return self.report.period_end <= self.day or has_ended(self.agreement)


def has_ended(agreement: Agreement) -> bool:
    """Whether nothing more is done under the agreement."""
    return agreement.status in (AgreementStatus.COMPLETED, AgreementStatus.TERMINATED)


def is_owed(report: Report, agreement: Agreement) -> bool:
    """Whether the agreement still asks for it: nothing while suspended, the last one after a termination."""
    if report.ended is not None:
        return False
    if agreement.status is AgreementStatus.TERMINATED:
        return report.kind is ReportKind.FINAL
    return agreement.status in (AgreementStatus.IN_FORCE, AgreementStatus.COMPLETED)


def owed() -> ColumnElement[bool]:
    """`is_owed` as SQL, for a SELECT that joins the agreement."""
    status = col(Agreement.status)
    return and_(
        col(Report.ended).is_(None),
        or_(
            status.in_([AgreementStatus.IN_FORCE, AgreementStatus.COMPLETED]),
            and_(status == AgreementStatus.TERMINATED, col(Report.kind) == ReportKind.FINAL),
        ),
    )


# Where it is today --------------------------------------------------------------------------------------


def zone_of(session: Session, organization_id: int) -> str:
    """The time zone of an organization: that of the first of its people who act for it and have set one."""
    zones = (
        user.time_zone
        for user, membership in members_of(session, organization_id)
        if membership.role is not Role.VIEWER and user.status is UserStatus.ACTIVE
    )
    return next((zone for zone in zones if zone != "UTC"), "UTC")


def today_at(session: Session, organization_id: int) -> date:
    """What day it is where the organization is."""
    return now().astimezone(ZoneInfo(zone_of(session, organization_id))).date()


# Reading ------------------------------------------------------------------------------------------------


def visible_to(actor: Actor) -> SelectOfScalar[Report]:
    """The reports of the agreements that the actor may see, once those are signed."""
    return (
        select(Report)
        .join(Agreement, col(Agreement.id) == col(Report.agreement_id))
        .where(agreements.seen_by(actor), col(Agreement.status).in_(SIGNED), col(Report.ended).is_(None))
    )


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Report:
    """One report. Raises NotFound."""
    wanted = visible_to(actor).where(Report.uid == uid)
    if lock:
        wanted = wanted.with_for_update(of=Report).execution_options(populate_existing=True)
    found = session.exec(wanted).first()
    if found is None:
        raise NotFound
    return found


def told(session: Session, reports: Iterable[Report]) -> list[Told]:
    """Reports with agreement, writer and the writer's day, in the same order."""
    listed = list(reports)
    agreement_keys = {one.agreement_id for one in listed}
    organization_keys = {one.organization_id for one in listed}
    bound = {
        one.key: one for one in session.exec(select(Agreement).where(col(Agreement.id).in_(agreement_keys)))
    }
    owners = {
        one.key: one
        for one in session.exec(select(Organization).where(col(Organization.id).in_(organization_keys)))
    }
    days = {key: today_at(session, key) for key in organization_keys}
    return [
        Told(one, bound[one.agreement_id], owners[one.organization_id], days[one.organization_id])
        for one in listed
    ]


def tell(session: Session, report: Report) -> Told:
    """One report with what it is about."""
    return told(session, [report])[0]


def of_agreement(session: Session, actor: Actor, agreement: Agreement) -> list[Told]:
    """All reports of an agreement, in the order of what they are about."""
    found = session.exec(
        visible_to(actor)
        .where(Report.agreement_id == agreement.key)
        .order_by(col(Report.period_end), col(Report.period_start).desc(), col(Report.due), ROW)
    )
    return told(session, found)


def to_write(session: Session, actor: Actor, within: int = 30) -> list[Told]:
    """What the actor's organizations have to hand in: late or due in so many days, the latest first."""
    own = [key for key in actor.memberships if may(actor, "report:write", key)]
    wanted = (
        visible_to(actor)
        .where(col(Report.organization_id).in_(own), col(Report.status).in_(OPEN), owed())
        .where(col(Report.due) <= now().date() + timedelta(days=within))
        .order_by(col(Report.due), ROW)
    )
    return told(session, session.exec(wanted)) if own else []


def to_decide(session: Session, actor: Actor) -> list[Told]:
    """What was handed in to the actor, the oldest first."""
    wanted = (
        visible_to(actor).where(Report.status == ReportStatus.SUBMITTED).order_by(col(Report.submitted), ROW)
    )
    listed = told(session, session.exec(wanted))
    parties = agreements.parties_of(session, [one.agreement for one in listed])
    return [
        one
        for one in listed
        if may_decide(actor, one.report, [bound.party for bound in parties[one.agreement.key]])
    ]


def overdue(session: Session, organization_ids: Iterable[int] | None = None) -> list[Told]:
    """All reports that are late where their writers are; of these organizations, or of all."""
    wanted = (
        select(Report)
        .join(Agreement, col(Agreement.id) == col(Report.agreement_id))
        .where(owed(), col(Report.status).in_(OPEN), col(Report.due) < now().date() + FURTHEST)
        .order_by(col(Report.due), ROW)
    )
    if organization_ids is not None:
        wanted = wanted.where(col(Report.organization_id).in_(list(organization_ids)))
    return [one for one in told(session, session.exec(wanted)) if one.late]


def may_write(actor: Actor, report: Report) -> bool:
    """Whether the actor may write it: for the organization that owes it."""
    return may(actor, "report:write", report.organization_id)


def may_decide(actor: Actor, report: Report, parties: Sequence[Party]) -> bool:
    """Whether the actor may accept or return it: for another party, or as a facilitator; never the writer."""
    if report.organization_id in actor.memberships:
        return False
    others = [one.organization_id for one in parties if one.organization_id != report.organization_id]
    return any(may(actor, "report:review", key) for key in [*others, None])


def parties_of(session: Session, report: Report) -> list[Party]:
    """The parties of its agreement."""
    return list(session.exec(select(Party).where(Party.agreement_id == report.agreement_id)))


# What is known already ----------------------------------------------------------------------------------


def facts(session: Session, report: Report) -> dict[str, Any]:
    """Milestones, the writer's money and people of the need, as they stand now, for form and reader."""
    agreement = session.get_one(Agreement, report.agreement_id)
    book = funding.book_of(session, agreement)
    need = session.get(Listing, agreement.need_id) if agreement.need_id else None
    return {
        "milestones": [
            {"title": one.title, "status": one.status.value, "due": one.due.isoformat() if one.due else ""}
            for one in book.milestones
            if one.ended is None
        ],
        "money": _money(book, report),
        "people": need.beneficiaries if need is not None else None,
    }


def _money(book: Book, report: Report) -> list[dict[str, Any]]:
    """By currency and purpose, in minor units: promised, received, planned, spent in all and in its time.

    Of a report what its writer got and spent; of an evaluation what all did.
    """
    whose = None if report.kind is ReportKind.EVALUATION else report.organization_id
    spent_now: dict[tuple[str, str], int] = {}
    for line in book.lines:
        key = (line.currency, line.purpose.value)
        spent_now[key] = spent_now.get(key, 0) + sum(
            one.amount
            for one in book.expenses
            if one.budget_line_id == line.key
            and whose in (None, one.organization_id)
            and report.period_start <= one.on <= report.period_end
        )
    return [
        {
            "currency": one.currency,
            "purpose": one.purpose.value,
            "promised": one.committed.amount,
            "paid": one.received.amount,
            "planned": one.budgeted.amount,
            "spent": one.spent.amount,
            "spent_now": spent_now.get((one.currency, one.purpose.value), 0),
        }
        for one in book.accounts(whose)
    ]


def previous(session: Session, report: Report) -> Report | None:
    """The last report before it that its writer handed in under the same agreement."""
    return session.exec(
        select(Report)
        .where(
            Report.agreement_id == report.agreement_id,
            Report.organization_id == report.organization_id,
            col(Report.kind).in_([ReportKind.MONTHLY, ReportKind.QUARTERLY]),
            col(Report.status).in_(HANDED_IN),
            Report.period_end < report.period_end,
        )
        .order_by(col(Report.period_end).desc(), ROW.desc())
        .limit(1)
    ).first()


def prefilled(session: Session, report: Report) -> dict[str, str]:
    """What stands in a form that nobody has begun: last time's next steps, in a final report all people."""
    if report.answers:
        return {code: str(answer) for code, answer in report.answers.items() if isinstance(answer, str)}
    codes = {one.code for one in questions.asked(report.kind)}
    found: dict[str, str] = {}
    earlier = previous(session, report)
    if earlier is not None and "activities" in codes and report.kind is not ReportKind.FINAL:
        found["activities"] = str(earlier.answers.get("next", ""))
    if report.kind is ReportKind.FINAL:
        counted = reached(accepted(session, report.agreement_id, report.organization_id))
        if counted is not None:
            found["beneficiaries"] = str(counted)
    return found


def accepted(session: Session, agreement_id: int, organization_id: int | None = None) -> list[Report]:
    """The accepted reports of an agreement, the earliest first."""
    wanted = select(Report).where(
        Report.agreement_id == agreement_id,
        Report.status == ReportStatus.ACCEPTED,
        col(Report.ended).is_(None),
    )
    if organization_id is not None:
        wanted = wanted.where(Report.organization_id == organization_id)
    return list(session.exec(wanted.order_by(col(Report.period_end), ROW)))


def reached(reports: Iterable[Report]) -> int | None:
    """How many people accepted reports tell of: a final report says it for the whole time, else the periods
    are added; None where none says."""
    by_writer: dict[int, dict[str, int]] = {}
    for one in reports:
        count = questions.number(one.answers.get("beneficiaries"))
        if count is not None and one.kind in (ReportKind.QUARTERLY, ReportKind.FINAL):
            sums = by_writer.setdefault(one.organization_id, {})
            sums[one.kind] = sums.get(one.kind, 0) + count
    totals = [sums.get(ReportKind.FINAL, sums.get(ReportKind.QUARTERLY, 0)) for sums in by_writer.values()]
    return sum(totals) if totals else None


# Files --------------------------------------------------------------------------------------------------


def file_of(report: Report | SiteVisit, number: int) -> dict[str, Any]:
    """One file, by its number from 1. Raises NotFound."""
    if not 1 <= number <= len(report.attachments):
        raise NotFound
    return report.attachments[number - 1]


def is_published(file: dict[str, Any]) -> bool:
    """Whether everybody may see a file of an accepted report: photos of nobody, or of people who agreed."""
    if file["media_type"] not in IMAGES:
        return False
    agreed = file.get("people") == PeopleShown.AGREED and bool(file.get("consent"))
    return agreed or file.get("people") == PeopleShown.NOBODY


def published_photo(session: Session, uid: str, number: int) -> dict[str, Any]:
    """A photo of an accepted report that everybody may see. Raises NotFound."""
    report = session.exec(
        select(Report)
        .join(Agreement, col(Agreement.id) == col(Report.agreement_id))
        .where(
            Report.uid == uid,
            Report.status == ReportStatus.ACCEPTED,
            col(Report.ended).is_(None),
            col(Agreement.status).in_(SIGNED),
        )
    ).first()
    if report is None:
        raise NotFound
    file = file_of(report, number)
    if not is_published(file):
        raise NotFound
    return file


def holds_content(session: Session, sha256: str) -> bool:
    """Whether a report or a visit refers to a content; for `evidence.HOLDERS`."""
    return any(
        session.exec(
            select(table.id)
            .where(cast(col(table.attachments), String).contains(sha256, autoescape=True))
            .limit(1)
        ).first()
        is not None
        for table in (Report, SiteVisit)
    )
