"""Reports that agreements in force ask for, visits to the site, and faults that the case clinic counts."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

ANSWER_CHARACTERS = 4_000
REASON_CHARACTERS = 2_000
MOST_FILES = 12
MOST_FAULTS = 10


class ReportKind(StrEnum):
    """What a report is for."""

    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    FINAL = "final"
    EVALUATION = "evaluation"


class ReportStatus(StrEnum):
    """How far a report is. Whether it is overdue is a predicate."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    RETURNED = "returned"


_R = ReportStatus
REPORT = Lifecycle(
    "report",
    step("submit", (_R.DRAFT, _R.RETURNED), _R.SUBMITTED),
    step("accept", _R.SUBMITTED, _R.ACCEPTED),
    step("return", _R.SUBMITTED, _R.RETURNED, needs_reason=True),
)


class Report(Row, table=True):
    """What one party tells of one period of an agreement; there from the day it entered into force."""

    __tablename__ = "report"
    __table_args__ = (
        UniqueConstraint("agreement_id", "organization_id", "kind", "number", name="report_once"),
    )

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    """Who owes it."""
    kind: ReportKind = Field(sa_column=status_column(ReportKind, name="report_kind"))
    status: ReportStatus = Field(
        default=ReportStatus.DRAFT, sa_column=status_column(ReportStatus, name="report_status")
    )
    number: int
    """Its place among those of its kind, from 1: amendments move it by this."""
    period_start: date
    period_end: date
    due: date = Field(index=True)
    """The last day to hand it in, in the time zone of who owes it."""
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when an amendment has taken it out."""
    answers: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The short form as it is typed, by question (`reports.questions`); empty: nobody has begun."""
    facts: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Milestones and money as they stood when it was submitted."""
    language: str = Field(default="und", max_length=8)
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Files: filename, media_type, size, sha256, caption; of a photo `people` (`PeopleShown`), `consent`."""
    score: int | None = None
    """Of an evaluation, 0 to 100."""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was returned last."""
    submitted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    submitted_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    decided_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    reminded: int = 0
    """How many reminders went out in all."""
    reminder: int = 0
    """How far the row of reminders about its present due day is."""
    escalated: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When facilitators were told that it does not come."""


class PeopleShown(StrEnum):
    """Whether a photo shows people who can be recognised, and whether they agreed to be shown."""

    NOBODY = "nobody"
    AGREED = "agreed"
    REFUSED = "refused"


class SiteVisit(Row, table=True):
    """What somebody saw on the spot."""

    __tablename__ = "site_visit"

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    on: date
    place: str = Field(default="", max_length=200)
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    attachments: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    organization_id: int | None = Field(default=None, foreign_key="organization.id")
    """For whom the visitor came; nobody: a facilitator."""
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class Fault(Row, table=True):
    """Something that went wrong in a report or was seen on a visit, by a code that can be counted."""

    __tablename__ = "fault"

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    report_id: int | None = Field(default=None, foreign_key="report.id", index=True)
    visit_id: int | None = Field(default=None, foreign_key="site_visit.id", index=True)
    code: str = Field(max_length=40, index=True)
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
