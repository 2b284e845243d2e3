"""Rounds, their phases and days off; applications and appeals.

Who may take part, caps, budgets and weights are the rules of a preset with the round's own keys put over
them, in the form that `matching.rules` reads.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from matching.profiles import Side
from service.db import Row, UtcDateTime, now, status_column
from service.lifecycle import Lifecycle, step

TITLE_CHARACTERS = 200
TEXT_CHARACTERS = 10_000
REMARK_CHARACTERS = 2_000
"""The longest reason, answer or appeal."""


class RoundStatus(StrEnum):
    """The phase a round is in. A round may skip phases: `Round.phases` says which it has."""

    DRAFT = "draft"
    OPEN = "open"
    SCREENING = "screening"
    REVIEWING = "reviewing"
    MATCHING = "matching"
    NOTICE = "notice"
    CHOOSING = "choosing"
    MEETING = "meeting"
    SIGNING = "signing"
    DELIVERING = "delivering"
    CLOSED = "closed"
    CANCELLED = "cancelled"


_S = RoundStatus
ROUND = Lifecycle(
    "round",
    step("open", _S.DRAFT, _S.OPEN),
    step("screen", _S.OPEN, _S.SCREENING),
    step("review", (_S.OPEN, _S.SCREENING), _S.REVIEWING),
    step("match", (_S.OPEN, _S.SCREENING, _S.REVIEWING), _S.MATCHING),
    step("notice", _S.MATCHING, _S.NOTICE),
    step("choose", (_S.MATCHING, _S.NOTICE), _S.CHOOSING),
    step("meet", (_S.MATCHING, _S.NOTICE, _S.CHOOSING), _S.MEETING),
    step("sign", (_S.MATCHING, _S.NOTICE, _S.CHOOSING, _S.MEETING), _S.SIGNING),
    step("deliver", (_S.MATCHING, _S.NOTICE, _S.CHOOSING, _S.MEETING, _S.SIGNING), _S.DELIVERING),
    step("close", (_S.SIGNING, _S.DELIVERING), _S.CLOSED),
    step("reopen", (_S.SCREENING, _S.REVIEWING), _S.OPEN, needs_reason=True),
    step("review_again", _S.MATCHING, _S.REVIEWING, needs_reason=True),
    step("match_again", _S.NOTICE, _S.MATCHING, needs_reason=True),
    step(
        "cancel",
        tuple(status for status in RoundStatus if status not in (_S.CLOSED, _S.CANCELLED)),
        _S.CANCELLED,
        needs_reason=True,
    ),
)


class Round(Row, table=True):
    """One match round: a monthly talk, a call, a relief action."""

    __tablename__ = "round"

    title: str = Field(max_length=TITLE_CHARACTERS)
    summary: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    """The language that title and summary are written in."""
    host_id: int | None = Field(default=None, foreign_key="organization.id")
    """The organization that holds it."""
    preset: str = Field(max_length=60)
    status: RoundStatus = Field(
        default=RoundStatus.DRAFT, sa_column=status_column(RoundStatus, name="round_status")
    )
    phases: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Codes of `matching.rules.PHASES` that it has, in order."""
    rules: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Keys put over the preset's, tables of the same form as its TOML file."""
    themes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    time_zone: str = Field(default="UTC", max_length=60)
    venue: str = Field(default="", max_length=300)
    calendar: str = Field(default="", max_length=10)
    """The country whose public holidays are no working days, ISO 3166; empty: weekends alone."""
    automatic: bool = False
    """Whether the next phase begins by itself when the time of one is over and nothing stands in the way."""
    created_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    synthetic: bool = False


class RoundPhase(Row, table=True):
    """When a phase begins and ends by plan. Whether it is over is a predicate: `phases.is_over`."""

    __tablename__ = "round_phase"
    __table_args__ = (UniqueConstraint("round_id", "phase", name="round_phase_once"),)

    round_id: int = Field(foreign_key="round.id", index=True, ondelete="CASCADE")
    phase: str = Field(max_length=20)
    starts: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ends: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """Nothing more is taken in after this moment."""
    began: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the round did move into it."""
    reminded: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The end of which people have been reminded."""


class DayOff(Row, table=True):
    """A day that differs from what the calendar of a country says: a holiday, or a working Saturday."""

    __tablename__ = "day_off"
    __table_args__ = (UniqueConstraint("calendar", "day", name="day_off_once"),)

    calendar: str = Field(max_length=10)
    day: date
    works: bool = False
    """Whether it is a working day after all."""
    name: str = Field(default="", max_length=120)


class OwnPreset(Row, table=True):
    """Rules of one's own under a name, to begin further rounds with."""

    __tablename__ = "round_preset"

    name: str = Field(max_length=TITLE_CHARACTERS)
    preset: str = Field(max_length=60)
    """The bundled preset that the rules are put over."""
    phases: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    rules: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    created_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class ApplicationStatus(StrEnum):
    """How far an application is."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    ELIGIBLE = "eligible"
    INELIGIBLE = "ineligible"
    SHORTLISTED = "shortlisted"
    WAITLISTED = "waitlisted"
    DECLINED = "declined"
    WITHDRAWN = "withdrawn"


_A = ApplicationStatus
APPLICATION = Lifecycle(
    "application",
    step("submit", (_A.DRAFT, _A.INELIGIBLE), _A.SUBMITTED),
    step("accept", _A.SUBMITTED, _A.ELIGIBLE),
    step("return", _A.SUBMITTED, _A.INELIGIBLE, needs_reason=True),
    step("reinstate", (_A.INELIGIBLE, _A.DECLINED), _A.ELIGIBLE, needs_reason=True),
    step("shortlist", (_A.ELIGIBLE, _A.WAITLISTED), _A.SHORTLISTED),
    step("waitlist", _A.ELIGIBLE, _A.WAITLISTED),
    step("decline", (_A.ELIGIBLE, _A.WAITLISTED), _A.DECLINED, needs_reason=True),
    step("unlist", (_A.SHORTLISTED, _A.WAITLISTED), _A.ELIGIBLE, needs_reason=True),
    step("withdraw", (_A.DRAFT, _A.SUBMITTED, _A.ELIGIBLE, _A.SHORTLISTED, _A.WAITLISTED), _A.WITHDRAWN),
    step("apply_again", _A.WITHDRAWN, _A.DRAFT),
)


class Application(Row, table=True):
    """A need or offer that an organization enters into a round; its listing stays the one place of its facts.

    A round without screening or reviewing takes what is eligible into the match; see `queries.in_the_match`.
    """

    __tablename__ = "application"
    __table_args__ = (UniqueConstraint("round_id", "listing_id", name="application_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    listing_id: int = Field(foreign_key="listing.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    side: Side = Field(sa_column=status_column(Side, name="application_side"))
    status: ApplicationStatus = Field(
        default=ApplicationStatus.DRAFT, sa_column=status_column(ApplicationStatus, name="application_status")
    )
    answers: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What the round asks and the listing does not say, by question."""
    findings: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """What the rules said at the last submission; see `checking.stored_findings`."""
    revision: int = 0
    """The listing's revision that was submitted."""
    submitted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    submitted_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What the facilitator said at the last decision."""
    score: float | None = None
    """The normalised score of its reviews, 0 to 100."""
    place: int | None = None
    """Its place on the waiting list, from 1."""
    showing: int | None = None
    """Its organization's turn at the showcase, from 1."""
    agreed: date | None = None
    """The day on which a cooperation that carries it was signed; it then counts for the yearly cap."""
    reminded: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """The deadline of which its editors have been reminded."""


class ApplicationUnsaved(Row, table=True):
    """What one person has typed into an application's form and not saved yet."""

    __tablename__ = "application_unsaved"
    __table_args__ = (UniqueConstraint("application_id", "user_id", name="application_unsaved_once"),)

    application_id: int = Field(foreign_key="application.id", index=True, ondelete="CASCADE")
    user_id: int = Field(foreign_key="user.id", index=True, ondelete="CASCADE")
    fields: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)


class AppealStatus(StrEnum):
    """How an appeal was decided."""

    RAISED = "raised"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


APPEAL = Lifecycle(
    "appeal",
    step("uphold", AppealStatus.RAISED, AppealStatus.UPHELD, needs_reason=True),
    step("dismiss", AppealStatus.RAISED, AppealStatus.DISMISSED, needs_reason=True),
)


class Appeal(Row, table=True):
    """An organization says that a decision about its application is wrong."""

    __tablename__ = "appeal"

    application_id: int = Field(foreign_key="application.id", index=True)
    status: AppealStatus = Field(
        default=AppealStatus.RAISED, sa_column=status_column(AppealStatus, name="appeal_status")
    )
    text: str = Field(sa_column=Column(Text, nullable=False))
    raised_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    decided_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
