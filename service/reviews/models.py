"""Reviewers of a round, their conflicts of interest, reviews and what they say to each other."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

COMMENT_CHARACTERS = 5_000
MOST_POINTS = 10
"""Each criterion is scored from 0 to so many points."""


class RoundReviewer(Row, table=True):
    """Somebody who reviews in a round. In what others see they are their number: Reviewer 2."""

    __tablename__ = "round_reviewer"
    __table_args__ = (UniqueConstraint("round_id", "user_id", name="round_reviewer_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    number: int
    most: int = 20
    """How many applications they can take."""


class Conflict(Row, table=True):
    """A person must not judge an organization. Memberships are conflicts too: `queries.conflicts`."""

    __tablename__ = "conflict"
    __table_args__ = (UniqueConstraint("user_id", "organization_id", name="conflict_once"),)

    user_id: int = Field(foreign_key="user.id", index=True, ondelete="CASCADE")
    organization_id: int = Field(foreign_key="organization.id", index=True)
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    declared_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class ReviewStatus(StrEnum):
    """How far a review is."""

    ASSIGNED = "assigned"
    SUBMITTED = "submitted"
    RECUSED = "recused"


REVIEW = Lifecycle(
    "review",
    step("submit", ReviewStatus.ASSIGNED, ReviewStatus.SUBMITTED),
    step("reopen", ReviewStatus.SUBMITTED, ReviewStatus.ASSIGNED, needs_reason=True),
    step("recuse", (ReviewStatus.ASSIGNED, ReviewStatus.SUBMITTED), ReviewStatus.RECUSED, needs_reason=True),
)


class Review(Row, table=True):
    """One reviewer's judgement of one application."""

    __tablename__ = "review"
    __table_args__ = (UniqueConstraint("application_id", "user_id", name="review_once"),)

    application_id: int = Field(foreign_key="application.id", index=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    status: ReviewStatus = Field(
        default=ReviewStatus.ASSIGNED, sa_column=status_column(ReviewStatus, name="review_status")
    )
    scores: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Points by criterion; kept as typed while it is assigned."""
    comment: str = Field(default="", sa_column=Column(Text, nullable=False))
    submitted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    raw: float | None = None
    """The weighted score as given, 0 to 100."""
    normalised: float | None = None
    """The same without the reviewer's own strictness and spread, 0 to 100."""


class Remark(Row, table=True):
    """What a reviewer or facilitator says to the others about an application."""

    __tablename__ = "review_remark"

    application_id: int = Field(foreign_key="application.id", index=True)
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
