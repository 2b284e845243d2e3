"""What an agreement says: clauses in one or two languages, and its plan as data.

A version of an agreement is its `Terms`; what is signed is their canonical JSON. The ledger of `funding` is
made from them when the last party has signed, so that nothing is promised that stands nowhere in the text.
"""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict
from pydantic import Field as Limits

from matching.vocabulary import default_vocabulary
from service.agreements.models import PartyRole

TEXT_CHARACTERS = 20_000
MOST_LINES = 100

Id = Annotated[str, Limits(min_length=1, max_length=32)]
Text = dict[str, Annotated[str, Limits(max_length=TEXT_CHARACTERS)]]
"""By language."""
Minor = Annotated[int, Limits(ge=0, le=10**15)]
"""A sum in minor units of its currency."""
GiftKind = Literal["cash", "goods", "services", "volunteers", "venue", "media", "endorsement"]
Purpose = Literal["programme", "management", "labour"]
Valuation = Literal["cash", "time", "in-kind", "management"]


def _known_currency(code: str) -> str:
    if code not in default_vocabulary().codes("currencies"):
        raise ValueError("not a known currency")
    return code


def _known_unit(code: str) -> str:
    return code if code in default_vocabulary().codes("units") else _known_currency(code)


Currency = Annotated[str, Limits(max_length=3), AfterValidator(_known_currency)]
Unit = Annotated[str, Limits(max_length=20), AfterValidator(_known_unit)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class PartyTerms(_Part):
    """A party as the text names it."""

    organization: Id
    """uid"""
    name: Annotated[str, Limits(max_length=200)]
    identifier: Annotated[str, Limits(max_length=80)] = ""
    role: PartyRole
    signatory: Annotated[str, Limits(max_length=120)] = ""
    """Who is authorised to sign for it."""


class Clause(_Part):
    """One clause: `key` is its template's, or one's own."""

    key: Id
    heading: Text
    text: Text


class CommitmentTerms(_Part):
    """What one party gives; the values of `funding.models`."""

    item: Id
    organization: Id
    kind: GiftKind
    purpose: Purpose = "programme"
    description: Annotated[str, Limits(max_length=500)] = ""
    quantity: Minor
    """In hundredths of `unit`."""
    unit: Unit
    value: Minor | None = None
    currency: Literal[""] | Currency = ""
    valuation: Valuation = "cash"


class MilestoneTerms(_Part):
    """What must be shown by when."""

    item: Id
    title: Annotated[str, Limits(min_length=1, max_length=200)]
    condition: Annotated[str, Limits(max_length=2_000)] = ""
    due: date | None = None


class TrancheTerms(_Part):
    """A part of a commitment of cash, and what must be accepted before it is paid."""

    item: Id
    commitment: Id
    payee: Id
    """uid of the organization that gets it."""
    milestone: Id | None = None
    amount: Minor
    due: date | None = None


class BudgetTerms(_Part):
    """What the implementer plans to spend on what."""

    item: Id
    purpose: Purpose
    label: Annotated[str, Limits(min_length=1, max_length=200)]
    amount: Minor
    currency: Currency


class ReportTerms(_Part):
    """Which reports are due how many days after the end of their period."""

    monthly: bool = False
    quarterly: bool = True
    final: bool = True
    evaluation: bool = False
    days: Annotated[int, Limits(ge=1, le=180)] = 15


class Terms(_Part):
    """All that an agreement says."""

    title: Text = Limits(default_factory=dict)
    parties: Annotated[tuple[PartyTerms, ...], Limits(max_length=MOST_LINES)] = ()
    starts: date | None = None
    ends: date | None = None
    clauses: Annotated[tuple[Clause, ...], Limits(max_length=MOST_LINES)] = ()
    commitments: Annotated[tuple[CommitmentTerms, ...], Limits(max_length=MOST_LINES)] = ()
    milestones: Annotated[tuple[MilestoneTerms, ...], Limits(max_length=MOST_LINES)] = ()
    tranches: Annotated[tuple[TrancheTerms, ...], Limits(max_length=MOST_LINES)] = ()
    budget: Annotated[tuple[BudgetTerms, ...], Limits(max_length=MOST_LINES)] = ()
    reports: ReportTerms = ReportTerms()

    def digest(self) -> str:
        """SHA-256 of what is signed: canonical JSON, keys in order."""
        canonical = json.dumps(
            self.model_dump(mode="json"), ensure_ascii=False, sort_keys=True, separators=(",", ":")
        )
        return hashlib.sha256(canonical.encode()).hexdigest()
