"""The timetable of a round's meetings, when organizations can come, and what came of it."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from matching.profiles import Side
from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

LEAST_MINUTES = 15
"""The shortest meeting."""
MOST_MINUTES = 240
MOST_SLOTS = 200
MOST_TABLES = 500
MOST_BREAKS = 8
TABLE_CHARACTERS = 40
REMARK_CHARACTERS = 2_000
"""The longest reason of a cancellation and the longest remark on an outcome."""


class MeetingPlan(Row, table=True):
    """The frame of a round's timetable: slots and tables, and how it was solved."""

    __tablename__ = "meeting_plan"
    __table_args__ = (UniqueConstraint("round_id", name="meeting_plan_once"),)

    round_id: int = Field(foreign_key="round.id")
    frame: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """What was asked for, as `PlanIn` has it."""
    slots: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """When each slot begins, ISO 8601 in UTC, in order; breaks are gaps between them."""
    slot_minutes: int = 20
    tables: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """What each table is called."""
    job: str = Field(default="", max_length=32)
    """The job that makes the timetable, or made it last."""
    certificate: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Of the last solve: meetings, placed, objective, bound, seconds, who was not placed and why."""
    released: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when the organizations see their meetings and are told of every change."""
    asked_now: datetime | None = Field(default=None, sa_type=UtcDateTime)
    asked_later: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When people were asked by mail what came of it: after the forum, and half a year later."""


class Availability(Row, table=True):
    """The slots in which an organization cannot come; without a row it can always."""

    __tablename__ = "availability"
    __table_args__ = (UniqueConstraint("round_id", "organization_id", name="availability_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    absent: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Beginnings of slots, as `MeetingPlan.slots` has them."""


class MeetingStatus(StrEnum):
    """Whether a meeting took place."""

    SCHEDULED = "scheduled"
    HELD = "held"
    MISSED = "missed"
    CANCELLED = "cancelled"


MEETING = Lifecycle(
    "meeting",
    step("hold", MeetingStatus.SCHEDULED, MeetingStatus.HELD),
    step("miss", MeetingStatus.SCHEDULED, MeetingStatus.MISSED),
    step("cancel", MeetingStatus.SCHEDULED, MeetingStatus.CANCELLED, needs_reason=True),
    step("restore", (MeetingStatus.MISSED, MeetingStatus.CANCELLED), MeetingStatus.SCHEDULED),
)


class Meeting(Row, table=True):
    """Two organizations at one table in one slot."""

    __tablename__ = "meeting"
    __table_args__ = (UniqueConstraint("pairing_id", name="meeting_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    pairing_id: int = Field(foreign_key="pairing.id")
    status: MeetingStatus = Field(
        default=MeetingStatus.SCHEDULED, sa_column=status_column(MeetingStatus, name="meeting_status")
    )
    starts: datetime = Field(sa_type=UtcDateTime, index=True)
    table: int
    """Position in `MeetingPlan.tables`."""
    by_hand: bool = False
    """Placed by a facilitator: solving again leaves it where it is."""
    sequence: int = 0
    """Of its iCalendar entry: grows with each change after the release."""
    told: int = -1
    """The sequence that both sides have been told of by mail."""
    missed_by: str = Field(default="", max_length=10)
    """Which side did not come: need, offer or both."""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was cancelled, as somebody wrote it; empty where the service had to do it."""

    @property
    def is_past(self) -> bool:
        """Whether it took place or was missed."""
        return self.status in (MeetingStatus.HELD, MeetingStatus.MISSED)


class OutcomeAsked(StrEnum):
    """When somebody was asked what came of a meeting."""

    NOW = "now"
    SIX_MONTHS = "six-months"


class OutcomeLabel(StrEnum):
    """What came of a meeting."""

    NO_CONTACT = "no-contact"
    KNOWLEDGE = "knowledge"
    VALUABLE = "valuable"
    NEGOTIATING = "negotiating"
    AGREEMENT = "agreement"


class Outcome(Row, table=True):
    """What one side says came of a meeting."""

    __tablename__ = "meeting_outcome"
    __table_args__ = (UniqueConstraint("meeting_id", "side", "asked", name="meeting_outcome_once"),)

    meeting_id: int = Field(foreign_key="meeting.id", index=True)
    side: Side = Field(sa_column=status_column(Side, name="meeting_outcome_side"))
    asked: OutcomeAsked = Field(sa_column=status_column(OutcomeAsked, name="meeting_outcome_asked"))
    label: OutcomeLabel = Field(sa_column=status_column(OutcomeLabel, name="meeting_outcome_label"))
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
