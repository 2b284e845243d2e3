"""What people and programs give to make and change rounds, and what the API gives of them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from service.rounds.models import REMARK_CHARACTERS, TEXT_CHARACTERS, TITLE_CHARACTERS, RoundStatus

PhaseCode = Literal[
    "open",
    "screening",
    "reviewing",
    "matching",
    "notice",
    "choosing",
    "meeting",
    "signing",
    "delivering",
]
Code = Annotated[str, Limits(max_length=60)]
_RULES_DESCRIPTION = (
    "Keys put over the preset's, in the form of its file; `null` takes a key of the preset away. "
    "`GET /api/v1/rounds/rules` names them all with what each does."
)


class PhaseIn(BaseModel):
    """When a phase begins and ends by plan; a time without a zone is one of the round's own zone."""

    model_config = ConfigDict(extra="forbid")

    phase: PhaseCode
    starts: datetime | None = None
    ends: datetime | None = None


class RoundChange(BaseModel):
    """Changed facts of a round; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "rules": {"min_beneficiaries": 80, "process": {"notice_working_days": 5}},
                    "plan": [{"phase": "open", "ends": "2027-03-31T18:00:00"}],
                }
            ]
        },
    )

    title: Annotated[str, Limits(max_length=TITLE_CHARACTERS)] = ""
    summary: Annotated[str, Limits(max_length=TEXT_CHARACTERS)] = ""
    language: Annotated[
        Literal["zh-Hans", "zh-Hant", "en", "ru", "es", ""], Limits(description="Empty: detected.")
    ] = ""
    host: Annotated[str, Limits(max_length=32, description="The id of the organization that holds it.")] = ""
    phases: list[PhaseCode] = Limits(default_factory=list, description="Empty: the preset's.")
    rules: dict[str, Any] = Limits(default_factory=dict, description=_RULES_DESCRIPTION)
    themes: Annotated[list[Code], Limits(max_length=20)] = Limits(default_factory=list)
    time_zone: Annotated[str, Limits(max_length=60, examples=["Asia/Shanghai"])] = "UTC"
    venue: Annotated[str, Limits(max_length=300)] = ""
    calendar: Annotated[
        str, Limits(max_length=2, description="The country whose public holidays count, ISO 3166.")
    ] = ""
    automatic: bool = False
    plan: list[PhaseIn] = Limits(default_factory=list)
    reason: Annotated[
        str,
        Limits(
            max_length=REMARK_CHARACTERS,
            description="Kept in the log; needed for rules once matching has begun.",
        ),
    ] = ""


class RoundIn(RoundChange):
    """A new round, a draft at first."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "preset": "monthly-talk",
                    "title": "社会组织月月谈：一老一小",
                    "themes": ["elderly-care", "child-welfare"],
                    "time_zone": "Asia/Shanghai",
                    "calendar": "CN",
                    "plan": [{"phase": "open", "ends": "2027-03-20T18:00:00"}],
                }
            ]
        },
    )

    preset: Annotated[
        str, Limits(max_length=60, description="The name of a preset, or the id of one of your own.")
    ]
    title: Annotated[str, Limits(min_length=1, max_length=TITLE_CHARACTERS)]


class StepIn(BaseModel):
    """Why a round goes back or is cancelled; for going back, until when the phase is open anew."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"reason": "Two more districts want to join."}]}
    )

    reason: Annotated[str, Limits(max_length=REMARK_CHARACTERS)]
    ends: datetime | None = None


class NameIn(BaseModel):
    """What something is called."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"name": "Talk without bad records"}]}
    )

    name: Annotated[str, Limits(max_length=TITLE_CHARACTERS)]


class DayOffIn(BaseModel):
    """Whether a day is worked, whatever the country's calendar says."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"works": False, "name": "City day"}]}
    )

    works: bool = False
    name: Annotated[str, Limits(max_length=120)] = ""


# What the API gives -----------------------------------------------------------------------------------


class PhaseOut(BaseModel):
    """One phase: by plan, and when it did begin."""

    phase: str
    starts: datetime | None
    ends: datetime | None
    began: datetime | None


class RoundOut(BaseModel):
    """A round as the API shows it."""

    id: str
    status: RoundStatus
    title: str
    summary: str
    language: str
    host: str | None
    preset: str
    phases: list[str]
    next: str | None
    """The phase that follows."""
    overdue: bool
    """Whether the time of its phase has passed."""
    rules: dict[str, Any]
    themes: list[str]
    time_zone: str
    venue: str
    calendar: str
    automatic: bool
    plan: list[PhaseOut]
    synthetic: bool
    created: datetime
    version: int


class PresetOut(BaseModel):
    """What a round can begin with; title and summary in the reader's language."""

    id: str
    title: str
    summary: str
    phases: list[str]
    own: bool


class RuleOut(BaseModel):
    """One rule: its key in `rules`, what it is called and does, in the reader's language."""

    key: str
    kind: str
    label: str
    help: str
    default: Any
    options: list[str]
    """Codes it may have, where it has few."""


class RuleValueOut(BaseModel):
    """A rule as it holds in a round."""

    key: str
    value: Any
    words: str
    """The value in the reader's language."""
    preset: Any
    """What the preset says."""
    differs: bool


class CalendarDayOut(BaseModel):
    """A day that is not what its weekday says."""

    day: date
    works: bool
    name: str
    own: bool
    """Put there by hand."""


class ThemeOut(BaseModel):
    """What many ask for and nobody carries."""

    themes: list[str]
    groups: list[str]
    keywords: list[str]
    """Its name and the words that tell it from the others, in the reader's language."""
    needs: int
    examples: list[str]
    """Ids of needs."""
