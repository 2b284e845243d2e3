"""What the two sides of a pairing answer and sign, who is at the forum, and what the wall shows."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits
from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from matching.profiles import Side
from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step
from service.pairings.models import PairingStatus

REASON_CHARACTERS = 1_000
NOTICE_CHARACTERS = 200
MOST_MORE = 5
"""How many further offers a need may be given to choose from at once."""


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
    """Why it was declined; the other side reads it. Or why a facilitator answered for the organization."""
    on_behalf: bool = False
    """A facilitator answered for the organization."""
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    """Who answered; nobody where it was a phone that came in with the organization's code."""
    at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reminded: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Signed(Row, table=True):
    """One side's word that it signs, until the agreement itself bears its signature."""

    __tablename__ = "signed"
    __table_args__ = (UniqueConstraint("pairing_id", "side", name="signed_once"),)

    pairing_id: int = Field(foreign_key="pairing.id", index=True)
    side: Side = Field(sa_column=status_column(Side, name="signed_side"))
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    on_stage: bool = False
    """A facilitator saw it and wrote it down."""


class Attendance(Row, table=True):
    """An organization's place at the forum of a round. Its code is signed, not stored: see `codes`."""

    __tablename__ = "attendance"
    __table_args__ = (UniqueConstraint("round_id", "organization_id", name="attendance_once"),)

    round_id: int = Field(foreign_key="round.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    code: int = 0
    """The number of the code that counts; revoking one makes it grow."""
    checked_in: datetime | None = Field(default=None, sa_type=UtcDateTime)
    checked_in_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class LiveStatus(StrEnum):
    """What is going on in the hall."""

    WAITING = "waiting"
    SHOWCASE = "showcase"
    CHOOSING = "choosing"
    PAUSED = "paused"
    ENDED = "ended"


_L = LiveStatus
LIVE_STAGE = Lifecycle(
    "live_stage",
    step("wait", (_L.WAITING, _L.SHOWCASE), _L.WAITING),
    step("show", (_L.WAITING, _L.SHOWCASE, _L.PAUSED), _L.SHOWCASE),
    step("choose", (_L.WAITING, _L.SHOWCASE, _L.PAUSED, _L.CHOOSING), _L.CHOOSING),
    step("pause", (_L.CHOOSING, _L.SHOWCASE), _L.PAUSED),
    step("end", (_L.WAITING, _L.SHOWCASE, _L.CHOOSING, _L.PAUSED), _L.ENDED),
    step("reopen", _L.ENDED, _L.PAUSED, needs_reason=True),
)


class LiveStage(Row, table=True):
    """What the facilitator steers and the wall shows, one for a round. Without one nothing is live."""

    __tablename__ = "live_stage"
    __table_args__ = (UniqueConstraint("round_id", name="live_stage_once"),)

    round_id: int = Field(foreign_key="round.id")
    status: LiveStatus = Field(
        default=LiveStatus.WAITING, sa_column=status_column(LiveStatus, name="live_stage_status")
    )
    spotlight_id: int | None = Field(default=None, foreign_key="application.id")
    """The application that is shown."""
    notice: str = Field(default="", max_length=NOTICE_CHARACTERS)
    """A line for everybody in the hall."""
    ends: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Until when one may choose, for the countdown."""
    signing_order: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """uids of pairings in the order in which they come on stage; others follow."""


# What the API takes -----------------------------------------------------------------------------------

_Reason = Annotated[str, Limits(max_length=REASON_CHARACTERS)]


class ChoiceIn(BaseModel):
    """One side's answer."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"answer": "accept"},
                {"answer": "decline", "reason": "We have no trucks left in May."},
                {"answer": "accept", "side": "need", "on_behalf": True, "reason": "Said so by telephone."},
            ]
        },
    )

    answer: Literal["accept", "decline", "take-back"]
    reason: _Reason = ""
    """Needed to decline (the other side reads it) and to answer on behalf of an organization."""
    side: Side | None = None
    """Whose answer it is; without it, that of the caller's organization."""
    on_behalf: bool = False
    """A facilitator answers for the organization."""


class RanksIn(BaseModel):
    """The order in which an organization likes its pairings on one side, the best first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"organization": "3f2c9a…", "side": "need", "pairings": ["b81d…", "77aa…"]}]
        },
    )

    organization: Annotated[str, Limits(max_length=32)]
    side: Side
    pairings: Annotated[list[Annotated[str, Limits(max_length=32)]], Limits(max_length=500)]


class ReasonIn(BaseModel):
    """Why a facilitator does something."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "Both said so in the hall."}]}
    )

    reason: _Reason = ""


class MoreIn(BaseModel):
    """How many further offers each need shall have to choose from."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"most": 2}]})

    most: Annotated[int, Limits(ge=1, le=MOST_MORE)]


class StageIn(BaseModel):
    """What the facilitator changes in the hall; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"step": "choose", "minutes": 10},
                {"step": "show", "spotlight": "5e0c…", "notice": "Coffee at ten."},
            ]
        },
    )

    step: Literal["wait", "show", "choose", "pause", "end", "reopen"] | None = None
    spotlight: Annotated[str, Limits(max_length=32)] | None = None
    """The application that is shown; empty: none."""
    notice: Annotated[str, Limits(max_length=NOTICE_CHARACTERS)] | None = None
    minutes: Annotated[int, Limits(ge=0, le=600)] | None = None
    """Of the countdown from now; 0: no countdown."""
    reason: _Reason = ""
    """Needed to open what has ended."""


class SigningIn(BaseModel):
    """One side signs; or a facilitator writes down that both have signed on stage."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{}, {"on_stage": True}, {"side": "offer"}]}
    )

    side: Side | None = None
    on_stage: bool = False


class OrderIn(BaseModel):
    """Pairings in the order in which they come on stage."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"pairings": ["b81d…", "77aa…"]}]}
    )

    pairings: Annotated[list[Annotated[str, Limits(max_length=32)]], Limits(max_length=2000)]


# What the API gives -----------------------------------------------------------------------------------


class SideOut(BaseModel):
    """One side of a pairing, as the caller may see it."""

    organization: str
    organization_name: str
    listing: str
    title: str
    language: str
    answer: Answer | None
    """None also where the other side's answer is not to be seen yet."""
    rank: int | None
    reason: str
    on_behalf: bool
    signed: datetime | None
    signed_on_stage: bool


class AmountOut(BaseModel):
    """How much of what: whole units."""

    amount: float
    unit: str


class ChoiceOut(BaseModel):
    """A pairing and what both sides have answered."""

    pairing: str
    status: PairingStatus
    score: float
    amounts: list[AmountOut]
    need: SideOut
    offer: SideOut
    until: datetime | None
    """Until when both sides may answer."""
    open: bool
    """Whether an answer is taken in now."""


class SettledOut(BaseModel):
    """What a stable settlement would do, and its price."""

    pairings: list[str]
    """Those that would become mutual."""
    left_out: list[str]
    blocking_before: int
    """Pairs that would rather have each other, where the total score were all that counts."""
    blocking_after: int
    total_best: float
    total_settled: float
    price: float
    """Share of the total score that stability costs."""


class StageOut(BaseModel):
    """What is going on in the hall."""

    status: LiveStatus | None
    spotlight: str | None
    notice: str
    ends: datetime | None
    present: int
    expected: int
    answered: int
    to_answer: int
    mutual: int
    agreed: int


class ClosedOut(BaseModel):
    """How many pairings lapsed because the choosing was closed."""

    lapsed: int


class AttendanceOut(BaseModel):
    """An organization at the forum."""

    organization: str
    organization_name: str
    checked_in: datetime | None
    address: str
    """What its code leads to; a new one after the code was revoked."""
