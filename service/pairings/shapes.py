"""What programs give to run a match and decide about pairs, and what the API gives of runs and pairings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from service.listings.models import OwnerOut
from service.pairings.models import REMARK_CHARACTERS, MatchRunStatus, OverrideKind, PairingStatus
from service.pairings.trying import LEAST_MONEY, MOST_MONEY

Uid = Annotated[str, Limits(max_length=32)]
Reason = Annotated[str, Limits(max_length=REMARK_CHARACTERS)]


class WhatIfIn(BaseModel):
    """What a what-if changes; nothing at all asks for a real run."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{}, {"rules": {"fairness": "leximin"}, "money": 120}]},
    )

    rules: dict[str, Any] = Limits(
        default_factory=dict,
        description="Keys put over the round's rules; `GET /api/v1/rounds/rules` names them all.",
    )
    money: int = Limits(
        100, ge=LEAST_MONEY, le=MOST_MONEY, description="Per cent of the money that the offers have."
    )


class ReleaseIn(BaseModel):
    """Whether somebody has seen that organizations leave with nothing."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"confirmed": True}]})

    confirmed: bool = False


class OverrideIn(BaseModel):
    """A decision about the pair of two applications."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "kind": "amount",
                    "need": "5a0c0e3f6a6f4c0f9d0e6f8f1f0a2b3c",
                    "offer": "9b1deb4d3b7d4bad9bdd2b0d7b3dcb6d",
                    "amount": "5000 CNY",
                    "reason": "The fund has promised this sum.",
                }
            ]
        },
    )

    kind: OverrideKind
    need: Uid = Limits(description="The id of the need's application.")
    offer: Uid = Limits(description="The id of the offer's application.")
    amount: Annotated[str, Limits(max_length=60)] = Limits(
        "", description="Of an amount: what the offer gives, as people write it."
    )
    reason: Reason


class QuantityOut(BaseModel):
    """How much of what, in hundredths of the unit."""

    amount: int
    unit: str


class SentenceOut(BaseModel):
    """A sentence in the reader's language, and its code that never changes."""

    code: str
    text: str


class MatchRunOut(BaseModel):
    """How a match run stands."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "7c9e6679742540de944be07fc1f90ae7",
                    "round": "5a0c0e3f6a6f4c0f9d0e6f8f1f0a2b3c",
                    "status": "done",
                    "what_if": False,
                    "changes": {},
                    "stage": "done",
                    "share": 1.0,
                    "note": None,
                    "remedies": [],
                    "fingerprint": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
                    "seed": 0,
                    "objective": 58.726,
                    "bound": 58.726,
                    "gap": 0.0,
                    "created": "2026-11-26T05:19:00Z",
                    "finished": "2026-11-26T05:19:03Z",
                    "released": None,
                }
            ]
        }
    )

    id: str
    round: str
    status: MatchRunStatus
    what_if: bool
    changes: dict[str, Any]
    stage: str
    share: float
    note: SentenceOut | None
    remedies: list[SentenceOut]
    fingerprint: str
    seed: int
    objective: float | None
    bound: float | None
    gap: float | None
    created: datetime
    finished: datetime | None
    released: datetime | None


class AlarmOut(BaseModel):
    """An organization that would leave with nothing, and the remedy that is easiest."""

    organization: str
    name: str
    title: str
    reason: SentenceOut
    remedy: SentenceOut
    changes: dict[str, Any] | None = Limits(description="The what-if that tries the remedy, if a rule can.")


class ResultOut(BaseModel):
    """What a run found."""

    run: MatchRunOut
    changed: SentenceOut | None = Limits(description="In which way the round has changed since.")
    alarms: list[AlarmOut]
    result: dict[str, Any] = Limits(
        description="Pairings, unmatched, idle, shortfalls and certificate, as `qiao match --json` has them."
    )


class ChangedOut(BaseModel):
    """One pair in two results, needs and offers by the ids of their listings."""

    need: str
    offer: str
    before: list[QuantityOut]
    after: list[QuantityOut]


class BalanceOut(BaseModel):
    """What an organization gets or gives in one unit, before and after."""

    organization: str
    name: str
    unit: str
    before: int
    after: int


class ComparisonOut(BaseModel):
    """What differs between two results."""

    kept: int
    changed: list[ChangedOut]
    gone: list[ChangedOut]
    new: list[ChangedOut]
    needs: list[BalanceOut]
    offers: list[BalanceOut]


class OverrideOut(BaseModel):
    """A decision in force."""

    id: str
    kind: OverrideKind
    need: str = Limits(description="The id of the need's listing.")
    need_title: str
    offer: str
    offer_title: str
    amount: QuantityOut | None
    reason: str
    created: datetime


class SideOut(BaseModel):
    """One side of a pairing."""

    application: str
    listing: str
    title: str
    organization: OwnerOut


class PairingOut(BaseModel):
    """One offer carrying one need. Score, parts, reasons and flags are for its two sides and facilitators."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0f8fad5bd9cb469fa16570867728950e",
                    "round": "5a0c0e3f6a6f4c0f9d0e6f8f1f0a2b3c",
                    "run": "7c9e6679742540de944be07fc1f90ae7",
                    "status": "released",
                    "need": {
                        "application": "a1",
                        "listing": "l1",
                        "title": "Hot lunches",
                        "organization": {"id": "o1", "name": "Green Home", "kind": "ngo"},
                    },
                    "offer": {
                        "application": "a2",
                        "listing": "l2",
                        "title": "Support for older people",
                        "organization": {"id": "o2", "name": "City Fund", "kind": "association"},
                    },
                    "amounts": [{"amount": 5000000, "unit": "CNY"}],
                    "score": 0.97,
                    "parts": {"semantic": 0.5, "concept": 0.4, "base": 0.07},
                    "reasons": [{"code": "same-theme", "text": "Same theme: Elderly care"}],
                    "flags": [],
                    "reply_by": "2026-11-28T15:59:59Z",
                    "released": "2026-11-26T05:20:00Z",
                }
            ]
        }
    )

    id: str
    round: str
    run: str | None
    status: PairingStatus
    need: SideOut
    offer: SideOut
    amounts: list[QuantityOut]
    score: float | None
    parts: dict[str, float]
    reasons: list[SentenceOut]
    flags: list[SentenceOut]
    reply_by: datetime | None
    released: datetime | None
