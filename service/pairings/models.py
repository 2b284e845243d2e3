"""Match runs, the pairings they propose, what facilitators put over them, and objections of the public."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Text
from sqlmodel import Field

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

REMARK_CHARACTERS = 2_000
OBJECTION_CHARACTERS = 5_000


class MatchRunStatus(StrEnum):
    """How a match run went."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    INFEASIBLE = "infeasible"
    FAILED = "failed"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"


_M = MatchRunStatus
MATCH_RUN = Lifecycle(
    "match_run",
    step("start", (_M.QUEUED, _M.RUNNING), _M.RUNNING),
    step("finish", _M.RUNNING, _M.DONE),
    step("find_infeasible", _M.RUNNING, _M.INFEASIBLE),
    step("fail", (_M.QUEUED, _M.RUNNING), _M.FAILED),
    step("cancel", (_M.QUEUED, _M.RUNNING), _M.CANCELLED),
    step("supersede", (_M.QUEUED, _M.RUNNING, _M.DONE, _M.INFEASIBLE, _M.FAILED), _M.SUPERSEDED),
)


class MatchRun(Row, table=True):
    """One run of the matcher over a round: what went in, how it went, its certificate."""

    __tablename__ = "match_run"

    round_id: int = Field(foreign_key="round.id", index=True)
    status: MatchRunStatus = Field(
        default=MatchRunStatus.QUEUED, sa_column=status_column(MatchRunStatus, name="match_run_status")
    )
    what_if: bool = False
    """A try with other weights, caps or fairness: shown and compared, never released."""
    changes: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Of a what-if: keys put over the round's rules."""
    rules: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """All keys that were put over the preset's, overrides included."""
    inputs: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """`profiles` and `cooperations` as they went in, so that the run can be repeated half a year later."""
    fingerprint: str = Field(default="", max_length=64)
    """SHA-256 of all that went in; a result is kept only while it still holds."""
    seed: int = 0
    previous_id: int | None = Field(default=None, foreign_key="match_run.id")
    """The run whose pairs were kept where that cost little."""
    job: str = Field(default="", max_length=32)
    stage: str = Field(default="", max_length=30)
    """What it is doing, or was doing last."""
    share: float = 0.0
    """How much of the work is done, in [0, 1]."""
    log: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """When each stage began, and what went wrong: `at`, `stage`, `text`."""
    certificate: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """The fields of `matching.allocation.Certificate`."""
    result: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Who got nothing and why, what is missing, and of a what-if its pairings: codes and stored messages."""
    leaving: int = 0
    """How many organizations would leave with nothing."""
    remedies: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Of an infeasible run: what would make it feasible, stored messages."""
    note: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Why it failed, was superseded or found nothing: a stored message."""
    asked_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    started: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    released: datetime | None = Field(default=None, sa_type=UtcDateTime)


class OverrideKind(StrEnum):
    """What a facilitator decides over the matcher."""

    LOCK = "lock"
    BAN = "ban"
    AMOUNT = "amount"


class Override(Row, table=True):
    """A pair that must be, must not be, or gets a sum set by hand; never without a reason."""

    __tablename__ = "override"

    round_id: int = Field(foreign_key="round.id", index=True)
    kind: OverrideKind = Field(sa_column=status_column(OverrideKind, name="override_kind"))
    need_id: int = Field(foreign_key="application.id", index=True)
    offer_id: int = Field(foreign_key="application.id", index=True)
    amount: int | None = Field(default=None, sa_type=BigInteger)
    """Of an amount: what the offer's line of that unit gives to the need, in hundredths of `unit`."""
    unit: str = Field(default="", max_length=20)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    made_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    removed: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PairingStatus(StrEnum):
    """How far a pairing is."""

    PROPOSED = "proposed"
    RELEASED = "released"
    MUTUAL = "mutual"
    DECLINED = "declined"
    LAPSED = "lapsed"
    MET = "met"
    AGREED = "agreed"
    DROPPED = "dropped"


_P = PairingStatus
PAIRING = Lifecycle(
    "pairing",
    step("release", _P.PROPOSED, _P.RELEASED),
    step("become_mutual", _P.RELEASED, _P.MUTUAL),
    step("decline", (_P.RELEASED, _P.MUTUAL), _P.DECLINED),
    step("take_back", _P.DECLINED, _P.RELEASED),
    step("lapse", _P.RELEASED, _P.LAPSED),
    step("offer_again", (_P.DECLINED, _P.LAPSED), _P.RELEASED, needs_reason=True),
    step("meet", (_P.RELEASED, _P.MUTUAL), _P.MET),
    step("agree", (_P.RELEASED, _P.MUTUAL, _P.MET), _P.AGREED),
    step("drop", (_P.PROPOSED, _P.RELEASED, _P.MUTUAL, _P.MET), _P.DROPPED, needs_reason=True),
)


class Pairing(Row, table=True):
    """One offer carrying one need of a round, wholly or in part."""

    __tablename__ = "pairing"

    round_id: int = Field(foreign_key="round.id", index=True)
    run_id: int | None = Field(default=None, foreign_key="match_run.id", index=True)
    """None: put there by hand, next in line, or one more to choose from."""
    instead_of_id: int | None = Field(default=None, foreign_key="pairing.id", index=True)
    """Of the next in line: the pairing that was declined or lapsed."""
    need_id: int = Field(foreign_key="application.id", index=True)
    offer_id: int = Field(foreign_key="application.id", index=True)
    status: PairingStatus = Field(
        default=PairingStatus.PROPOSED, sa_column=status_column(PairingStatus, name="pairing_status")
    )
    score: float = 0.0
    need_side: float = 0.0
    offer_side: float = 0.0
    parts: dict[str, float] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    flags: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Stored messages, both."""
    gifts: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The fields of `matching.outcome.Gift`, amounts in hundredths."""
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was set by hand, declined or dropped."""
    reply_by: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    """Until when both sides may answer; whether that is over is also a predicate."""
    released: datetime | None = Field(default=None, sa_type=UtcDateTime)


class ObjectionStatus(StrEnum):
    """How an objection was decided; an open one blocks confirmation."""

    RAISED = "raised"
    UPHELD = "upheld"
    DISMISSED = "dismissed"


OBJECTION = Lifecycle(
    "objection",
    step("uphold", ObjectionStatus.RAISED, ObjectionStatus.UPHELD, needs_reason=True),
    step("dismiss", ObjectionStatus.RAISED, ObjectionStatus.DISMISSED, needs_reason=True),
)


class Consequence(StrEnum):
    """What follows from an objection that is upheld; in each case the round goes back to matching."""

    DROP = "drop"
    DECLINE_NEED = "decline-need"
    DECLINE_OFFER = "decline-offer"
    REWORK = "rework"


class Objection(Row, table=True):
    """Somebody, signed in or not, says during public notice that a result is wrong."""

    __tablename__ = "objection"

    round_id: int = Field(foreign_key="round.id", index=True)
    pairing_id: int | None = Field(default=None, foreign_key="pairing.id", index=True)
    """None: it is about the result as a whole."""
    status: ObjectionStatus = Field(
        default=ObjectionStatus.RAISED, sa_column=status_column(ObjectionStatus, name="objection_status")
    )
    name: str = Field(max_length=120)
    email: str = Field(max_length=254)
    """Both seen by facilitators only."""
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Files handed in: filename, media_type, size, sha256."""
    reply_language: str = Field(default="en", max_length=8)
    """The language in which whoever raised it is answered."""
    follows: Consequence | None = Field(
        default=None, sa_column=status_column(Consequence, name="objection_follows", nullable=True)
    )
    """The consequence, once it is upheld."""
    raised_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    decided_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
