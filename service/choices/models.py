"""What the two sides of a pairing answer, who is at the forum, and what the wall shows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Text, UniqueConstraint
from sqlmodel import Field

from matching.profiles import Side
from service.db import Row, UtcDateTime, status_column

REASON_CHARACTERS = 1_000


class Answer(StrEnum):
    """What one side says to a pairing."""

    ACCEPTED = "accepted"
    DECLINED = "declined"


class Choice(Row, table=True):
    """One side's answer to a released pairing, or its place on that side's list; the last one counts."""

    __tablename__ = "choice"
    __table_args__ = (UniqueConstraint("pairing_id", "side", name="choice_once"),)

    pairing_id: int = Field(foreign_key="pairing.id", index=True)
    side: Side = Field(sa_column=status_column(Side, name="choice_side"))
    organization_id: int = Field(foreign_key="organization.id", index=True)
    answer: Answer | None = Field(
        default=None,
        sa_column=status_column(Answer, name="choice_answer", nullable=True),
    )
    rank: int | None = None
    """Its place among this side's pairings of the round, 1 is the best."""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Attendance(Row, table=True):
    """An organization's place at the forum of a round. Its QR code is signed, not stored."""

    __tablename__ = "attendance"
    __table_args__ = (UniqueConstraint("round_id", "organization_id", name="attendance_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    checked_in: datetime | None = Field(default=None, sa_type=UtcDateTime)
    checked_in_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class LiveStep(StrEnum):
    """What is going on in the hall."""

    WAITING = "waiting"
    SHOWCASE = "showcase"
    CHOOSING = "choosing"
    PAUSED = "paused"
    ENDED = "ended"


class LiveStage(Row, table=True):
    """What the facilitator steers and the wall shows, one for a round."""

    __tablename__ = "live_stage"
    __table_args__ = (UniqueConstraint("round_id", name="live_stage_once"),)

    round_id: int = Field(foreign_key="round.id")
    step: LiveStep = Field(
        default=LiveStep.WAITING, sa_column=status_column(LiveStep, name="live_stage_step")
    )
    spotlight_id: int | None = Field(default=None, foreign_key="application.id")
    """The application that is shown."""
    notice: str = Field(default="", max_length=300)
    """A line for everybody in the hall."""
    ends: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when one may choose, for the countdown."""
