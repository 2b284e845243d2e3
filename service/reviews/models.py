"""Reviewers of a round, their conflicts of interest, reviews and what they say to each other."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits
from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

COMMENT_CHARACTERS = 5_000
REASON_CHARACTERS = 2_000
MOST_POINTS = 10
"""Each criterion is scored from 0 to so many points."""
MOST_APPLICATIONS = 20
"""How many applications a reviewer takes where nobody says otherwise."""


class RoundReviewer(Row, table=True):
    """Somebody who reviews in a round. In what others see they are their number: Reviewer 2."""

    __tablename__ = "round_reviewer"
    __table_args__ = (UniqueConstraint("round_id", "user_id", name="round_reviewer_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    user_id: int = Field(foreign_key="user.id", index=True)
    number: int
    most: int = MOST_APPLICATIONS
    """How many applications they can take."""
    languages: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The languages that they read; empty: nobody has said."""
    themes: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """What they know most of."""
    left: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Conflict(Row, table=True):
    """A person must not judge an organization. Memberships are conflicts too: `conflicts.grounds`."""

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
    WITHDRAWN = "withdrawn"


_R = ReviewStatus
REVIEW = Lifecycle(
    "review",
    step("submit", _R.ASSIGNED, _R.SUBMITTED),
    step("reopen", _R.SUBMITTED, _R.ASSIGNED, needs_reason=True),
    step("recuse", (_R.ASSIGNED, _R.SUBMITTED), _R.RECUSED, needs_reason=True),
    step("withdraw", (_R.ASSIGNED, _R.SUBMITTED), _R.WITHDRAWN, needs_reason=True),
    step("assign_again", (_R.RECUSED, _R.WITHDRAWN), _R.ASSIGNED),
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
    clear: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When the reviewer said that they have no conflict of interest; nothing is shown before."""
    scores: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Points by criterion; kept as typed while it is assigned."""
    comment: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    """The language of the comment."""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was reopened, recused or withdrawn."""
    submitted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    raw: float | None = None
    """The weighted score as given, 0 to 100."""
    normalised: float | None = None
    """The same without the reviewer's own strictness and spread, as it was when last decided by."""


class Remark(Row, table=True):
    """What a reviewer or facilitator says to the others about an application."""

    __tablename__ = "review_remark"

    application_id: int = Field(foreign_key="application.id", index=True)
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)


class ClearedFile(Row, table=True):
    """A facilitator has looked into a file: it names nobody, so blind reviewers may open it."""

    __tablename__ = "review_cleared_file"
    __table_args__ = (UniqueConstraint("application_id", "attachment_id", name="review_cleared_file_once"),)

    application_id: int = Field(foreign_key="application.id", index=True)
    attachment_id: int = Field(foreign_key="listing_attachment.id", ondelete="CASCADE")
    cleared_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


# What people type -------------------------------------------------------------------------------------

Id = Annotated[str, Limits(max_length=32)]
Codes = Annotated[list[Annotated[str, Limits(max_length=60)]], Limits(max_length=40)]
Reason = Annotated[str, Limits(max_length=REASON_CHARACTERS)]


class ReviewerIn(BaseModel):
    """Somebody who shall review in a round."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"user": "9b1c…", "most": 20, "languages": ["zh-Hans", "en"], "themes": ["ageing"]}]
        },
    )

    user: Annotated[str, Limits(max_length=254, description="The person's id or e-mail address.")]
    most: Annotated[int, Limits(ge=1, le=1000)] = MOST_APPLICATIONS
    languages: Codes = Limits(default_factory=list, description="That they read; empty: not known.")
    themes: Codes = Limits(default_factory=list, description="Codes of themes that they know.")


class ConflictIn(BaseModel):
    """A person who must not judge an organization, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"organization": "3f2c9a…", "reason": "Sits on its board until last year."}]
        },
    )

    organization: Annotated[str, Limits(max_length=300, description="The organization's id or name.")]
    reason: Reason


class AssignmentIn(BaseModel):
    """Assign as previewed. `partial`: also where some applications get too few reviewers."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"partial": False}]})

    plan: Annotated[
        str, Limits(max_length=64, description="`plan` of the preview; empty: whatever comes out now.")
    ] = ""
    partial: bool = False


class PairIn(BaseModel):
    """One application given to one reviewer by hand, or taken from them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"application": "5d1e…", "reviewer": "77ab…", "reason": "Knows the trade."}]
        },
    )

    application: Id
    reviewer: Annotated[str, Limits(max_length=32, description="The id of the reviewer in the round.")]
    reason: Reason


class WhyIn(BaseModel):
    """Why something is done."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "A criterion was misread."}]}
    )

    reason: Reason


class ReviewIn(BaseModel):
    """Points by criterion, 0 to 10 each, and a comment; `submit` hands it in."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "scores": {"broad_need": 8, "public_benefit": 7},
                    "comment": "The need is well shown; the budget is thin.",
                    "submit": False,
                }
            ]
        },
    )

    scores: Annotated[
        dict[Annotated[str, Limits(max_length=60)], Annotated[int, Limits(ge=0, le=MOST_POINTS)]],
        Limits(max_length=40),
    ] = Limits(default_factory=dict)
    comment: Annotated[str, Limits(max_length=COMMENT_CHARACTERS)] = ""
    submit: bool = False


class SayIn(BaseModel):
    """A remark in the discussion of an application."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Is the rent really included?"}]}
    )

    text: Annotated[str, Limits(max_length=COMMENT_CHARACTERS)]


class ShortlistIn(BaseModel):
    """Decide by score: those that pass their mark, the best `number` of them, are shortlisted, others wait.

    `decline_reason` also declines those below their mark; without it they stay as they are.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"number": 8, "decline_reason": "Below the pass mark of its size class."}]
        },
    )

    number: Annotated[int, Limits(ge=0, le=10_000)] | None = None
    decline_reason: Reason = ""
    plan: Annotated[
        str, Limits(max_length=64, description="`plan` of the preview; empty: whatever comes out now.")
    ] = ""


class VerdictStep(StrEnum):
    """What can be decided about one application."""

    SHORTLIST = "shortlist"
    WAITLIST = "waitlist"
    DECLINE = "decline"
    UNLIST = "unlist"


class VerdictIn(BaseModel):
    """One application decided by hand, with the reason."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"step": "shortlist", "reason": "The first on the waiting list."}]},
    )

    step: VerdictStep
    reason: Reason
