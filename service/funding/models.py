"""Commitments, milestones, tranches, budgets, spending and breaches of agreements in force.

All of it is made from the terms that were signed (`item` names the line of the terms), never typed in.
"""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Text, UniqueConstraint
from sqlmodel import Field

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step

REMARK_CHARACTERS = 4_000


class CommitmentKind(StrEnum):
    """What a party gives."""

    CASH = "cash"
    GOODS = "goods"
    SERVICES = "services"
    VOLUNTEERS = "volunteers"
    VENUE = "venue"
    MEDIA = "media"
    ENDORSEMENT = "endorsement"


class Valuation(StrEnum):
    """How its worth was found (B4SI): cash, hours of time, in kind at the giver's cost, cost of managing."""

    CASH = "cash"
    TIME = "time"
    IN_KIND = "in-kind"
    MANAGEMENT = "management"


class Purpose(StrEnum):
    """What money is for; the three are never mixed."""

    PROGRAMME = "programme"
    MANAGEMENT = "management"
    LABOUR = "labour"


class Commitment(Row, table=True):
    """What one party gives: so much of what, and what it is worth."""

    __tablename__ = "commitment"
    __table_args__ = (UniqueConstraint("agreement_id", "item", name="commitment_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    """The giver."""
    item: str = Field(max_length=32)
    position: int = 0
    """Its place in the terms."""
    kind: CommitmentKind = Field(sa_column=status_column(CommitmentKind, name="commitment_kind"))
    purpose: Purpose = Field(
        default=Purpose.PROGRAMME, sa_column=status_column(Purpose, name="commitment_purpose")
    )
    description: str = Field(default="", max_length=500)
    quantity: int = Field(sa_type=BigInteger)
    """In hundredths of `unit`; of cash, minor units of the currency."""
    unit: str = Field(max_length=20)
    value: int | None = Field(default=None, sa_type=BigInteger)
    """What it is worth in minor units of `currency`; None: not valued (an endorsement)."""
    currency: str = Field(default="", max_length=3)
    valuation: Valuation = Field(
        default=Valuation.CASH, sa_column=status_column(Valuation, name="commitment_valuation")
    )
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """Since when an amendment has taken it out."""


class Delivery(Row, table=True):
    """Something other than cash that was given, and whether who got it says so."""

    __tablename__ = "delivery"

    commitment_id: int = Field(foreign_key="commitment.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    """For whom it was recorded: the giver, or somebody who got it. The other side confirms."""
    quantity: int = Field(sa_type=BigInteger)
    on: date
    text: str = Field(default="", sa_column=Column(Text, nullable=False))
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    confirmed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    confirmed_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class MilestoneStatus(StrEnum):
    """Whether what a milestone asks for was shown."""

    PLANNED = "planned"
    REPORTED = "reported"
    ACCEPTED = "accepted"
    RETURNED = "returned"


_M = MilestoneStatus
MILESTONE = Lifecycle(
    "milestone",
    step("report", (_M.PLANNED, _M.RETURNED), _M.REPORTED),
    step("accept", _M.REPORTED, _M.ACCEPTED),
    step("return", _M.REPORTED, _M.RETURNED, needs_reason=True),
)


class Milestone(Row, table=True):
    """What must be reached by when; tranches wait for it."""

    __tablename__ = "milestone"
    __table_args__ = (UniqueConstraint("agreement_id", "item", name="milestone_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    item: str = Field(max_length=32)
    position: int = 0
    status: MilestoneStatus = Field(
        default=MilestoneStatus.PLANNED, sa_column=status_column(MilestoneStatus, name="milestone_status")
    )
    title: str = Field(max_length=200)
    condition: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What has to be shown."""
    due: date | None = Field(default=None, index=True)
    statement: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What the implementer says was reached."""
    organization_id: int | None = Field(default=None, foreign_key="organization.id")
    """Who reported it last."""
    reported: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reported_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was returned last."""
    accepted: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reminded: int = 0
    """How many reminders went out."""
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)


class DisbursementStatus(StrEnum):
    """How far a tranche is."""

    PLANNED = "planned"
    REQUESTED = "requested"
    APPROVED = "approved"
    HELD = "held"
    PAID = "paid"
    RECOVERED = "recovered"


_D = DisbursementStatus
DISBURSEMENT = Lifecycle(
    "disbursement",
    step("request", _D.PLANNED, _D.REQUESTED),
    step("refuse", _D.REQUESTED, _D.PLANNED, needs_reason=True),
    step("approve", _D.REQUESTED, _D.APPROVED),
    step("hold", (_D.REQUESTED, _D.APPROVED), _D.HELD, needs_reason=True),
    step("release", _D.HELD, _D.REQUESTED),
    step("pay", _D.APPROVED, _D.PAID),
    step("recover", (_D.PAID, _D.RECOVERED), _D.RECOVERED, needs_reason=True),
    step("replan", (_D.REQUESTED, _D.APPROVED, _D.HELD), _D.PLANNED, needs_reason=True),
)


class Disbursement(Row, table=True):
    """One tranche of a commitment of cash."""

    __tablename__ = "disbursement"
    __table_args__ = (UniqueConstraint("agreement_id", "item", name="disbursement_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    commitment_id: int = Field(foreign_key="commitment.id", index=True)
    milestone_id: int | None = Field(default=None, foreign_key="milestone.id", index=True)
    """What must be accepted before it is paid; None: nothing but the signatures."""
    payee_id: int = Field(foreign_key="organization.id", index=True)
    item: str = Field(max_length=32)
    position: int = 0
    """Tranches of one commitment are paid in this order."""
    status: DisbursementStatus = Field(
        default=DisbursementStatus.PLANNED,
        sa_column=status_column(DisbursementStatus, name="disbursement_status"),
    )
    amount: int = Field(sa_type=BigInteger)
    """Minor units of `currency`."""
    currency: str = Field(max_length=3)
    due: date | None = Field(default=None, index=True)
    requested_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    requested: datetime | None = Field(default=None, sa_type=UtcDateTime)
    approved_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    """Never who requested it."""
    approved: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paid: date | None = None
    paid_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    reference: str = Field(default="", max_length=120)
    """Of the payment, as the bank's statement has it."""
    recovered_amount: int = Field(default=0, sa_type=BigInteger)
    """What came back in all, at most what was paid."""
    recovered: date | None = None
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was refused, held or recovered last."""
    reminded: int = 0
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)


class BudgetLine(Row, table=True):
    """What was planned to be spent on what."""

    __tablename__ = "budget_line"
    __table_args__ = (UniqueConstraint("agreement_id", "item", name="budget_line_once"),)

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    item: str = Field(max_length=32)
    position: int = 0
    purpose: Purpose = Field(sa_column=status_column(Purpose, name="budget_line_purpose"))
    label: str = Field(max_length=200)
    planned: int = Field(sa_type=BigInteger)
    currency: str = Field(max_length=3)
    ended: datetime | None = Field(default=None, sa_type=UtcDateTime)


class Expense(Row, table=True):
    """Money that was spent from a line of the budget."""

    __tablename__ = "expense"

    budget_line_id: int = Field(foreign_key="budget_line.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    """Who spent it."""
    amount: int = Field(sa_type=BigInteger)
    """Minor units of the line's currency; negative corrects an earlier one."""
    on: date
    text: str = Field(default="", max_length=500)
    voucher: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """A file: filename, media_type, size, sha256; empty: none."""
    user_id: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class BreachStatus(StrEnum):
    """Whether a party broke the agreement. `upheld`: the finding stands after an appeal."""

    ALLEGED = "alleged"
    FOUND = "found"
    DISMISSED = "dismissed"
    UPHELD = "upheld"
    OVERTURNED = "overturned"


_B = BreachStatus
BREACH = Lifecycle(
    "breach",
    step("find", _B.ALLEGED, _B.FOUND, needs_reason=True),
    step("dismiss", _B.ALLEGED, _B.DISMISSED, needs_reason=True),
    step("uphold", _B.FOUND, _B.UPHELD, needs_reason=True),
    step("overturn", _B.FOUND, _B.OVERTURNED, needs_reason=True),
)
STANDING = (_B.FOUND, _B.UPHELD)
"""Findings that have consequences."""


class Breach(Row, table=True):
    """Somebody says that a party broke the agreement; what a facilitator found and what followed."""

    __tablename__ = "breach"

    agreement_id: int = Field(foreign_key="agreement.id", index=True)
    organization_id: int = Field(foreign_key="organization.id", index=True)
    """Who is said to have broken it."""
    status: BreachStatus = Field(
        default=BreachStatus.ALLEGED, sa_column=status_column(BreachStatus, name="breach_status")
    )
    text: str = Field(sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    evidence: list[dict[str, Any]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """Files: filename, media_type, size, sha256."""
    raised_for: int | None = Field(default=None, foreign_key="organization.id")
    """The party that says so; nobody: a facilitator."""
    raised_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    answer: str = Field(default="", sa_column=Column(Text, nullable=False))
    """What the organization says to it."""
    answered: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was found or dismissed."""
    decided_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
    to_recover: dict[str, int] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """By currency: unused money that had to come back when it was found, minor units."""
    barred_until: date | None = None
    appeal: str = Field(default="", sa_column=Column(Text, nullable=False))
    appealed: datetime | None = Field(default=None, sa_type=UtcDateTime)
    appeal_reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why the finding stands, or does not, after the appeal."""
    appeal_decided_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    """Never who found the breach."""
    appeal_decided: datetime | None = Field(default=None, sa_type=UtcDateTime)
