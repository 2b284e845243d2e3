"""Organizations and what is known of them: numbers, evidence, questions at verification, flags."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict
from pydantic import Field as Limits
from sqlalchemy import JSON, Column, Text, UniqueConstraint
from sqlmodel import Field

from service.db import Row, UtcDateTime, status_column
from service.lifecycle import Lifecycle, step
from service.texts import tidy

NAME_CHARACTERS = 200
DESCRIPTION_CHARACTERS = 4000
REMARK_CHARACTERS = 4000
"""The longest question, answer, flag or reason."""
MOST_NAMES = 10
MOST_PLACES = 30
MOST_NUMBERS = 10
MOST_EVIDENCE = 30
SPONSOR_SECTORS = frozenset({"enterprise", "finance"})
"""Sectors whose organizations give money and are therefore screened before they are verified."""


class OrganizationStatus(StrEnum):
    """How far an organization is trusted. What a bar's date decides is a predicate: `queries.may_act`."""

    REGISTERED = "registered"
    VERIFIED = "verified"
    DECLINED = "declined"
    SUSPENDED = "suspended"
    BARRED = "barred"


ORGANIZATION = Lifecycle(
    "organization",
    step("verify", OrganizationStatus.REGISTERED, OrganizationStatus.VERIFIED),
    step("decline", OrganizationStatus.REGISTERED, OrganizationStatus.DECLINED, needs_reason=True),
    step("apply_again", OrganizationStatus.DECLINED, OrganizationStatus.REGISTERED),
    step("suspend", OrganizationStatus.VERIFIED, OrganizationStatus.SUSPENDED, needs_reason=True),
    step("reinstate", OrganizationStatus.SUSPENDED, OrganizationStatus.VERIFIED, needs_reason=True),
    step(
        "bar",
        (OrganizationStatus.VERIFIED, OrganizationStatus.SUSPENDED),
        OrganizationStatus.BARRED,
        needs_reason=True,
    ),
    step("lift", OrganizationStatus.BARRED, OrganizationStatus.VERIFIED, needs_reason=True),
)


class Organization(Row, table=True):
    """An organization of any kind. Members keep its facts, facilitators decide its status."""

    __tablename__ = "organization"

    name: str = Field(max_length=NAME_CHARACTERS)
    other_names: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    name_keys: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """The names without case, width, script and legal form, for finding duplicates."""
    kind: str = Field(max_length=20, index=True)
    description: str = Field(default="", sa_column=Column(Text, nullable=False))
    language: str = Field(default="und", max_length=8)
    """The language that the description is written in."""
    places: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    website: str = Field(default="", max_length=500)
    contact_email: str = Field(default="", max_length=254)
    """Shown to members and facilitators only."""
    registered: date | None = None
    """When the state registered it, not when it came here."""
    rating: int | None = None
    """1 to 5, shown as 1A to 5A."""
    inspection_year: int | None = None
    inspection_passed: bool | None = None
    members: int | None = None
    status: OrganizationStatus = Field(
        default=OrganizationStatus.REGISTERED,
        sa_column=status_column(OrganizationStatus, name="organization_status"),
    )
    barred_until: date | None = None
    """The last day of a bar; set if and only if the status is `barred`."""
    screening: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """Of a sponsor: `concerns` (codes), `decision`, `reason`, `at`."""
    synthetic: bool = False


class Identifier(Row, table=True):
    """A number in a public register, by the prefix that org-id.guide gives that register."""

    __tablename__ = "identifier"
    __table_args__ = (UniqueConstraint("scheme", "number", name="identifier_once"),)

    organization_id: int = Field(foreign_key="organization.id", index=True)
    scheme: str = Field(max_length=20)
    number: str = Field(max_length=60)


class EvidenceKind(StrEnum):
    """What a file is to prove."""

    REGISTRATION = "registration"
    INSPECTION = "inspection"
    RATING = "rating"
    AUTHORITY = "authority"
    OTHER = "other"


class Evidence(Row, table=True):
    """A file that proves something; its content lies in the data folder under its SHA-256."""

    __tablename__ = "evidence"

    organization_id: int = Field(foreign_key="organization.id", index=True)
    kind: EvidenceKind = Field(
        default=EvidenceKind.OTHER, sa_column=status_column(EvidenceKind, name="evidence_kind")
    )
    filename: str = Field(max_length=200)
    media_type: str = Field(max_length=100)
    size: int
    sha256: str = Field(max_length=64)
    added_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class QuestionStatus(StrEnum):
    """Whether a question has been answered."""

    OPEN = "open"
    ANSWERED = "answered"


QUESTION = Lifecycle("question", step("answer", QuestionStatus.OPEN, QuestionStatus.ANSWERED))


class Question(Row, table=True):
    """What a facilitator asked an organization before deciding, and its answer."""

    __tablename__ = "question"

    organization_id: int = Field(foreign_key="organization.id", index=True)
    status: QuestionStatus = Field(
        default=QuestionStatus.OPEN, sa_column=status_column(QuestionStatus, name="question_status")
    )
    text: str = Field(sa_column=Column(Text, nullable=False))
    answer: str = Field(default="", sa_column=Column(Text, nullable=False))
    asked_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    answered_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")
    answered: datetime | None = Field(default=None, sa_type=UtcDateTime)


class FlagLevel(StrEnum):
    """How serious it is. A confirmed red flag is a bad record."""

    OBSERVATION = "observation"
    YELLOW = "yellow"
    RED = "red"


class FlagRisk(StrEnum):
    """What kind of risk it is, as the UN Partner Portal sorts them."""

    REPUTATIONAL = "reputational"
    FINANCIAL = "financial"
    OPERATIONAL = "operational"
    COMPLIANCE = "compliance"
    SAFEGUARDING = "safeguarding"
    ABUSE = "abuse"


class FlagStatus(StrEnum):
    """How far a flag has been looked into."""

    OPEN = "open"
    ESCALATED = "escalated"
    DISMISSED = "dismissed"
    CONFIRMED = "confirmed"


FLAG = Lifecycle(
    "flag",
    step("escalate", FlagStatus.OPEN, FlagStatus.ESCALATED),
    step("dismiss", (FlagStatus.OPEN, FlagStatus.ESCALATED), FlagStatus.DISMISSED, needs_reason=True),
    step("confirm", (FlagStatus.OPEN, FlagStatus.ESCALATED), FlagStatus.CONFIRMED, needs_reason=True),
)


class Flag(Row, table=True):
    """Something adverse that a facilitator has noted; seen by facilitators only."""

    __tablename__ = "flag"

    organization_id: int = Field(foreign_key="organization.id", index=True)
    level: FlagLevel = Field(sa_column=status_column(FlagLevel, name="flag_level"))
    risk: FlagRisk = Field(sa_column=status_column(FlagRisk, name="flag_risk"))
    status: FlagStatus = Field(
        default=FlagStatus.OPEN, sa_column=status_column(FlagStatus, name="flag_status")
    )
    text: str = Field(sa_column=Column(Text, nullable=False))
    reason: str = Field(default="", sa_column=Column(Text, nullable=False))
    """Why it was dismissed or confirmed."""
    raised_by: int | None = Field(default=None, foreign_key="user.id", ondelete="SET NULL")


class Concern(StrEnum):
    """What a sponsor is screened for: UNDP's list."""

    WEAPONS = "weapons"
    TOBACCO = "tobacco"
    SANCTIONS = "sanctions"
    PORNOGRAPHY = "pornography"
    BANNED_SUBSTANCES = "banned-substances"
    WILDLIFE = "wildlife"
    GAMBLING = "gambling"
    HUMAN_RIGHTS = "human-rights"
    FORCED_LABOUR = "forced-labour"
    CHILD_LABOUR = "child-labour"
    CONTROVERSIES = "controversies"


class ScreeningDecision(StrEnum):
    """What was decided about a sponsor."""

    ACCEPTED = "accepted"
    MONITORED = "monitored"
    REFUSED = "refused"


# What people type -------------------------------------------------------------------------------------


_ONE_LINE = BeforeValidator(lambda value: " ".join(tidy(value).split()) if isinstance(value, str) else value)
_LINES = BeforeValidator(lambda value: tidy(value) if isinstance(value, str) else value)
_BLANK = BeforeValidator(lambda value: None if isinstance(value, str) and not value.strip() else value)


class IdentifierIn(BaseModel):
    """A number in a public register, as typed."""

    model_config = ConfigDict(extra="forbid")

    scheme: Annotated[str, Limits(max_length=20, examples=["CN-USCI"]), _ONE_LINE]
    number: Annotated[str, Limits(min_length=1, max_length=60, examples=["51100000500000001A"]), _ONE_LINE]


class OrganizationIn(BaseModel):
    """An organization as people type it; what needs more than one field is checked in `checks`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "绿色家园志愿者协会",
                    "other_names": ["Green Home Volunteers"],
                    "kind": "ngo",
                    "description": "我们在社区推广垃圾分类。",
                    "places": ["futian"],
                    "website": "https://example.org",
                    "registered": "2015-04-01",
                    "rating": 3,
                    "identifiers": [{"scheme": "CN-USCI", "number": "51100000500000001A"}],
                }
            ]
        },
    )

    name: Annotated[str, Limits(min_length=2, max_length=NAME_CHARACTERS), _ONE_LINE]
    other_names: Annotated[
        list[Annotated[str, Limits(min_length=1, max_length=NAME_CHARACTERS), _ONE_LINE]],
        Limits(max_length=MOST_NAMES),
    ] = Limits(default_factory=list)
    kind: Annotated[str, Limits(max_length=20, description="A code of organization_kinds."), _ONE_LINE]
    description: Annotated[str, Limits(max_length=DESCRIPTION_CHARACTERS), _LINES] = ""
    places: Annotated[
        list[Annotated[str, Limits(max_length=60), _ONE_LINE]], Limits(max_length=MOST_PLACES)
    ] = Limits(default_factory=list, description="Codes of places.")
    website: Annotated[str, Limits(max_length=500), _ONE_LINE] = ""
    contact_email: Annotated[str, Limits(max_length=254), _ONE_LINE] = ""
    registered: Annotated[date | None, _BLANK] = None
    rating: Annotated[Annotated[int, Limits(ge=1, le=5)] | None, _BLANK] = None
    inspection_year: Annotated[Annotated[int, Limits(ge=1949, le=2200)] | None, _BLANK] = None
    inspection_passed: Annotated[bool | None, _BLANK] = None
    members: Annotated[Annotated[int, Limits(ge=0, le=100_000_000)] | None, _BLANK] = None
    identifiers: Annotated[list[IdentifierIn], Limits(max_length=MOST_NUMBERS)] = Limits(default_factory=list)
    distinct: bool = Limits(
        default=False,
        description="Confirms that an organization with a similar name is not the same one.",
    )


class OrganizationChange(OrganizationIn):
    """Changed facts of an organization; what is left out stays."""

    name: Annotated[str, Limits(min_length=2, max_length=NAME_CHARACTERS), _ONE_LINE] = "-"
    kind: Annotated[str, Limits(max_length=20), _ONE_LINE] = "-"


class DecisionStep(StrEnum):
    """What facilitators decide; all but the first need a reason, and a bar needs its last day."""

    VERIFY = "verify"
    DECLINE = "decline"
    SUSPEND = "suspend"
    REINSTATE = "reinstate"
    BAR = "bar"
    LIFT = "lift"


class DecisionIn(BaseModel):
    """A decision about an organization."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"step": "bar", "reason": "Misused funds.", "until": "2027-12-31"},
                {"step": "verify"},
            ]
        },
    )

    step: DecisionStep
    reason: Annotated[str, Limits(max_length=REMARK_CHARACTERS), _LINES] = ""
    until: date | None = None


class QuestionIn(BaseModel):
    """A question at verification, or its answer."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Who signs for you, and since when?"}]}
    )

    text: Annotated[str, Limits(min_length=1, max_length=REMARK_CHARACTERS), _LINES]


class FlagIn(BaseModel):
    """Something adverse that a facilitator notes."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"level": "yellow", "risk": "financial", "text": "The accounts are late."}]
        },
    )

    level: FlagLevel
    risk: FlagRisk
    text: Annotated[str, Limits(min_length=1, max_length=REMARK_CHARACTERS), _LINES]


class FlagStep(StrEnum):
    """What becomes of a flag; dismissing and confirming need a reason."""

    ESCALATE = "escalate"
    DISMISS = "dismiss"
    CONFIRM = "confirm"


class FlagDecisionIn(BaseModel):
    """A decision about a flag."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"step": "dismiss", "reason": "The accounts have come in."}]},
    )

    step: FlagStep
    reason: Annotated[str, Limits(max_length=REMARK_CHARACTERS), _LINES] = ""


class ScreeningIn(BaseModel):
    """What a sponsor was found to do, what was decided and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"concerns": ["tobacco"], "decision": "monitored", "reason": "One supplier of a subsidiary."}
            ]
        },
    )

    concerns: Annotated[list[Concern], Limits(max_length=len(Concern))] = Limits(default_factory=list)
    decision: ScreeningDecision
    reason: Annotated[str, Limits(min_length=1, max_length=REMARK_CHARACTERS), _LINES]


# What the API gives -----------------------------------------------------------------------------------


class IdentifierOut(BaseModel):
    """A number in a public register; `id` is prefix and number, as in open data."""

    id: str
    scheme: str
    number: str


class OrganizationOut(BaseModel):
    """An organization as the API shows it; `contact_email` and `screening` only to members and staff."""

    id: str
    name: str
    other_names: list[str]
    kind: str
    sector: str
    description: str
    language: str
    places: list[str]
    website: str
    registered: date | None
    rating: int | None
    inspection_year: int | None
    inspection_passed: bool | None
    members: int | None
    identifiers: list[IdentifierOut]
    status: OrganizationStatus
    barred_until: date | None
    may_act: bool
    completeness: float
    synthetic: bool
    created: datetime
    version: int
    contact_email: str | None = None


class QuestionOut(BaseModel):
    """A question at verification with its answer, for members and facilitators."""

    id: str
    status: QuestionStatus
    text: str
    answer: str
    created: datetime
    answered: datetime | None

    @classmethod
    def of(cls, question: Question) -> QuestionOut:
        """What is told of a question."""
        return cls(id=question.uid, **question.model_dump(include=set(cls.model_fields) - {"id"}))


class FlagOut(BaseModel):
    """A flag, for facilitators; `reason`: why it was dismissed or confirmed."""

    id: str
    level: FlagLevel
    risk: FlagRisk
    status: FlagStatus
    text: str
    reason: str
    created: datetime


class ScreeningOut(BaseModel):
    """The screening of a sponsor, for facilitators."""

    concerns: list[Concern]
    decision: ScreeningDecision
    reason: str
    at: date


class EvidenceOut(BaseModel):
    """A file that proves something, for members and facilitators."""

    id: str
    kind: EvidenceKind
    filename: str
    media_type: str
    size: int
    sha256: str
    created: datetime
