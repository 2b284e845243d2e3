"""What the API takes and gives about meetings; the forms are read into the same."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from matching.profiles import Side
from service.meetings.models import (
    LEAST_MINUTES,
    MOST_BREAKS,
    MOST_MINUTES,
    MOST_SLOTS,
    MOST_TABLES,
    REMARK_CHARACTERS,
    TABLE_CHARACTERS,
    MeetingStatus,
    OutcomeAsked,
    OutcomeLabel,
)

_Reason = Annotated[str, Limits(max_length=REMARK_CHARACTERS)]
Missing = Literal["need", "offer", "both"]
Clock = Annotated[str, Limits(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", examples=["09:00"])]
"""A time of day on the wall of the forum."""


class BreakIn(BaseModel):
    """Nobody meets from `at` on for so many minutes."""

    model_config = ConfigDict(extra="forbid")

    at: Clock
    minutes: Annotated[int, Limits(ge=5, le=600)]


class PlanIn(BaseModel):
    """When and where: times are those of the round's zone."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "day": "2027-05-14",
                    "start": "09:00",
                    "slots": 8,
                    "minutes": 20,
                    "pause": 5,
                    "breaks": [{"at": "12:00", "minutes": 60}],
                    "tables": ["1", "2", "3", "Garden"],
                }
            ]
        },
    )

    day: Annotated[date, Limits(ge=date(2000, 1, 1), le=date(2199, 12, 31))]
    start: Clock
    slots: Annotated[int, Limits(ge=1, le=MOST_SLOTS)]
    minutes: Annotated[int, Limits(ge=LEAST_MINUTES, le=MOST_MINUTES)] = 20
    pause: Annotated[int, Limits(ge=0, le=120)] = 5
    """Minutes to change tables between two slots."""
    breaks: Annotated[list[BreakIn], Limits(max_length=MOST_BREAKS)] = []
    tables: Annotated[
        list[Annotated[str, Limits(min_length=1, max_length=TABLE_CHARACTERS)]],
        Limits(min_length=1, max_length=MOST_TABLES),
    ]


class AvailabilityIn(BaseModel):
    """The beginnings of the slots in which the organization cannot come."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"absent": ["2027-05-14T01:00:00Z"]}]}
    )

    absent: Annotated[list[datetime], Limits(max_length=MOST_SLOTS)]


class PlaceIn(BaseModel):
    """Where a pairing's meeting is to be. `swap`: whoever is there takes its present place."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"starts": "2027-05-14T01:25:00Z", "table": "3", "swap": False}]},
    )

    starts: datetime
    table: Annotated[str, Limits(max_length=TABLE_CHARACTERS)]
    swap: bool = False


class ReasonIn(BaseModel):
    """Why."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "Our train is two hours late."}]}
    )

    reason: _Reason


class MissedIn(BaseModel):
    """Which side did not come."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"missed_by": "offer"}]})

    missed_by: Missing


class OutcomeIn(BaseModel):
    """What came of a meeting; facilitators say for which side."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"label": "negotiating", "text": "We visit them next week."}]},
    )

    label: OutcomeLabel
    text: _Reason = ""
    side: Side | None = None


# What people get --------------------------------------------------------------------------------------


class SaidOut(BaseModel):
    """One sentence in the reader's language, and the code that never changes."""

    code: str
    text: str


class PartyOut(BaseModel):
    """One side of a meeting."""

    organization: str
    name: str
    listing: str
    title: str


class MeetingOut(BaseModel):
    """Who meets whom, when, where and why."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0f3c9a6f2d404c0e8f5d0a8e1c1b7a55",
                    "round": "7a1d0b7f7f5a4c2a9f0e5d6c1b2a3948",
                    "pairing": "5b8e7c0d1f2a43b69c8d7e6f5a4b3c2d",
                    "status": "scheduled",
                    "starts": "2027-05-14T01:25:00Z",
                    "ends": "2027-05-14T01:45:00Z",
                    "time_zone": "Asia/Shanghai",
                    "slot": 2,
                    "table": "3",
                    "need": {
                        "organization": "aa0f1f0c6f8e4b0b8a7c6d5e4f3a2b1c",
                        "name": "Green Home",
                        "listing": "1c2b3a4f5e6d7c8a9b0c1d2e3f4a5b6c",
                        "title": "Clean water",
                    },
                    "offer": {
                        "organization": "bb0f1f0c6f8e4b0b8a7c6d5e4f3a2b1c",
                        "name": "Water Works",
                        "listing": "2c2b3a4f5e6d7c8a9b0c1d2e3f4a5b6c",
                        "title": "Filters and fitters",
                    },
                    "why": [{"code": "same-theme", "text": "Both are about water and sanitation."}],
                    "by_hand": False,
                    "sequence": 0,
                    "missed_by": "",
                    "reason": "",
                }
            ]
        }
    )

    id: str
    round: str
    pairing: str
    status: MeetingStatus
    starts: datetime
    ends: datetime
    time_zone: str
    slot: int | None
    table: str
    need: PartyOut
    offer: PartyOut
    why: list[SaidOut]
    by_hand: bool
    sequence: int
    missed_by: str
    reason: str


class SlotOut(BaseModel):
    """One slot, numbered from 1."""

    number: int
    starts: datetime
    ends: datetime


class PlanOut(BaseModel):
    """The frame of a timetable."""

    round: str
    time_zone: str
    frame: PlanIn
    slots: list[SlotOut]
    tables: list[str]
    released: datetime | None


class UnplacedOut(BaseModel):
    """A pairing that found no place, and why."""

    pairing: str
    need: str
    offer: str
    reason: SaidOut | None
    remedies: list[SaidOut]


class TimetableOut(BaseModel):
    """How far the solving is, and how good what it found is."""

    status: Literal["none", "promised", "running", "done", "failed"]
    progress: float
    meetings: int = 0
    placed: int = 0
    objective: int = 0
    bound: int = 0
    stage: str = ""
    waits: int = 0
    table_changes: int = 0
    seconds: float = 0.0
    clashes: list[SaidOut] = []
    remedies: list[SaidOut] = []
    unplaced: list[UnplacedOut] = []


class AvailabilityOut(BaseModel):
    """When an organization cannot come."""

    organization: str
    absent: list[datetime]


class ProposalOut(BaseModel):
    """A pairing that could use a place that has become free."""

    pairing: str
    need: str
    offer: str
    starts: datetime
    table: str


class OutcomeOut(BaseModel):
    """What one side says came of a meeting."""

    meeting: str
    side: Side
    asked: OutcomeAsked
    label: OutcomeLabel
    text: str


class SummaryOut(BaseModel):
    """A forum in numbers; shares in [0, 1], None while there is nothing to count."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "pairings": 40,
                    "accepted": 22,
                    "accepted_share": 0.55,
                    "meetings": 22,
                    "held": 18,
                    "missed": 2,
                    "cancelled": 2,
                    "held_share": 0.82,
                    "organizations": 19,
                    "with_two": 12,
                    "without": ["bb0f1f0c6f8e4b0b8a7c6d5e4f3a2b1c"],
                    "outcomes": {"now": {"valuable": 9, "negotiating": 6}, "six-months": {"agreement": 4}},
                }
            ]
        }
    )

    pairings: int
    accepted: int
    accepted_share: float | None
    meetings: int
    held: int
    missed: int
    cancelled: int
    held_share: float | None
    organizations: int
    with_two: int
    without: list[str]
    outcomes: dict[OutcomeAsked, dict[OutcomeLabel, int]]
