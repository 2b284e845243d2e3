"""Money, gifts and breaches as the API takes and gives them. Sums are integers in minor units."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from service.funding.models import (
    REMARK_CHARACTERS,
    BreachStatus,
    CommitmentKind,
    DisbursementStatus,
    MilestoneStatus,
    Purpose,
    Valuation,
)
from service.funding.turns import TurnKind

Reason = Annotated[str, Limits(max_length=REMARK_CHARACTERS)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ReasonIn(_In):
    """Why."""

    reason: Annotated[Reason, Limits(examples=["The account is not named."])]


class StatementIn(_In):
    """What was reached."""

    statement: Annotated[Reason, Limits(examples=["Two wells are dug; photographs are attached."])]


class TextIn(_In):
    """An answer or an appeal."""

    text: Annotated[Reason, Limits(examples=["The invoices were late; here they are."])]


class PaymentIn(_In):
    """A payment as the bank's statement has it."""

    on: Annotated[date, Limits(examples=["2026-03-05"])]
    reference: Annotated[str, Limits(max_length=120, examples=["ICBC 20260305 118"])]


class RecoveryIn(_In):
    """Money that came back."""

    amount: Annotated[int, Limits(ge=1, le=10**15, examples=[150_000], description="Minor units.")]
    on: Annotated[date, Limits(examples=["2026-09-01"])]
    reason: Annotated[Reason, Limits(examples=["The pump was not bought."])]


class DeliveryIn(_In):
    """So much of a commitment that is not cash."""

    quantity: Annotated[
        int, Limits(ge=1, le=10**15, examples=[2_400], description="Hundredths of the commitment's unit.")
    ]
    on: Annotated[date, Limits(examples=["2026-04-12"])]
    text: Annotated[Reason, Limits(examples=["Three assistants, eight hours each."])] = ""


class CommitmentOut(BaseModel):
    """What one party gives: `quantity` in hundredths of `unit`, `value` in minor units of `currency`."""

    id: str
    item: str
    organization: str
    kind: CommitmentKind
    purpose: Purpose
    description: str
    quantity: int
    unit: str
    value: int | None
    currency: str
    valuation: Valuation
    delivered: int
    """Confirmed by both sides, in hundredths of `unit`; of cash, what was paid."""
    ended: datetime | None


class DeliveryOut(BaseModel):
    """Something that was given."""

    id: str
    commitment: str
    recorded_for: str
    quantity: int
    on: date
    text: str
    confirmed: datetime | None


class MilestoneOut(BaseModel):
    """What must be reached by when."""

    id: str
    item: str
    title: str
    condition: str
    status: MilestoneStatus
    due: date | None
    statement: str
    reason: str
    accepted: datetime | None
    ended: datetime | None


class ConditionOut(BaseModel):
    """What must be so before a tranche is paid; `missing`: why it is not, and how to mend it."""

    code: str
    asks: str
    met: bool
    missing: str = ""


class TrancheOut(BaseModel):
    """One tranche of a commitment of cash."""

    id: str
    item: str
    number: int
    commitment: str
    purpose: Purpose
    payee: str
    milestone: str | None
    status: DisbursementStatus
    amount: int
    currency: str
    due: date | None
    requested: datetime | None
    approved: datetime | None
    paid: date | None
    reference: str
    recovered_amount: int
    recovered: date | None
    reason: str
    ended: datetime | None
    conditions: list[ConditionOut]


class ExpenseOut(BaseModel):
    """What was spent from a line of the budget."""

    id: str
    line: str
    organization: str
    amount: int
    on: date
    text: str
    voucher: str
    """Its name; empty: none was handed in."""


class LineOut(BaseModel):
    """A line of the budget against what was spent."""

    id: str
    item: str
    purpose: Purpose
    label: str
    planned: int
    spent: int
    over: bool
    currency: str
    ended: datetime | None


class AccountOut(BaseModel):
    """All money of one purpose in one currency; other currencies are never added to it."""

    currency: str
    purpose: Purpose
    committed: int
    planned: int
    paid: int
    recovered: int
    budgeted: int
    spent: int
    unspent: int
    """paid − recovered − spent"""


class TurnOut(BaseModel):
    """Something that waits: what, whose turn it is, and by when."""

    kind: TurnKind
    agreement: str
    thing: str
    organizations: list[str]
    due: date | None
    text: str
    yours: bool


class MoneyOut(BaseModel):
    """The books of one agreement."""

    agreement: str
    commitments: list[CommitmentOut]
    deliveries: list[DeliveryOut]
    milestones: list[MilestoneOut]
    tranches: list[TrancheOut]
    lines: list[LineOut]
    expenses: list[ExpenseOut]
    accounts: list[AccountOut]
    turns: list[TurnOut]


class FileOut(BaseModel):
    """A file that was handed in."""

    filename: str
    media_type: str
    size: int


class BreachOut(BaseModel):
    """What is said of a party that is said to have broken the agreement, and what followed."""

    id: str
    agreement: str
    organization: str
    status: BreachStatus
    text: str
    language: str
    evidence: list[FileOut]
    created: datetime
    answer: str
    reason: str
    decided: datetime | None
    to_recover: dict[str, int]
    still_to_recover: dict[str, int]
    barred_until: date | None
    appeal_by: date | None
    appeal: str
    appeal_reason: str
    appeal_decided: datetime | None
