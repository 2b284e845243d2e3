"""What programs give to enter a round and to screen, and what the API gives of applications."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from matching.profiles import Side
from matching.rules import QUESTION_CHARACTERS
from service.listings.models import MOST_CODES, ListingStatus, OwnerOut
from service.rounds.asking import ANSWER_CHARACTERS
from service.rounds.models import REMARK_CHARACTERS, AppealStatus, ApplicationStatus

Uid = Annotated[str, Limits(max_length=32)]
Words = Annotated[list[Annotated[str, Limits(max_length=100)]], Limits(max_length=MOST_CODES)]
MOST_IN_SHOWCASE = 1_000


class EntryIn(BaseModel):
    """A need or offer to enter into a round."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"listing": "3f2c9a…"}]})

    listing: Annotated[str, Limits(max_length=32, description="The listing's id.")]


class FactsIn(BaseModel):
    """Facts that the rules need and nobody has stated; `missing` of an application names those asked."""

    model_config = ConfigDict(extra="forbid")

    beneficiaries: Annotated[int, Limits(ge=0, le=1_000_000_000)] | None = None
    places: Words = Limits(default_factory=list)
    groups: Words = Limits(default_factory=list)
    themes: Words = Limits(default_factory=list)
    registered: Annotated[str, Limits(max_length=20, examples=["2015-04-01"])] = ""
    inspection_passed: bool | None = None
    inspection_year: Annotated[int, Limits(ge=1949, le=2200)] | None = None
    rating: Annotated[int, Limits(ge=1, le=5)] | None = None


class AnswersIn(BaseModel):
    """Answers by question, and facts that were missing; what is left out stays."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"answers": {"plan": "Lunches on weekdays from May on."}, "facts": {"beneficiaries": 120}}
            ]
        },
    )

    answers: dict[
        Annotated[str, Limits(max_length=QUESTION_CHARACTERS)],
        Annotated[str, Limits(max_length=ANSWER_CHARACTERS)],
    ] = Limits(default_factory=dict)
    facts: FactsIn = Limits(default_factory=FactsIn)


class SubmitIn(BaseModel):
    """How to submit."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"although": False}]})

    although: Annotated[
        bool, Limits(description="Submit although a rule that a facilitator may let pass is not met.")
    ] = False


class ScreeningIn(BaseModel):
    """A decision about an application; all but accepting what fits needs a reason."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"step": "return", "reason": "It must reach 50 people."}]},
    )

    step: Literal["accept", "return", "decline"]
    reason: Annotated[str, Limits(max_length=REMARK_CHARACTERS)] = ""


class TogetherIn(BaseModel):
    """Which of the submitted applications to accept if they fit; empty: all of them."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"applications": []}]})

    applications: Annotated[list[Uid], Limits(max_length=2_000)] = Limits(default_factory=list)


class TogetherOut(BaseModel):
    """Ids of what was accepted, and of what was left to be looked at."""

    accepted: list[str]
    left: list[str]


class AppealIn(BaseModel):
    """Why a decision is wrong."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"text": "Our hall lies inside the city."}]}
    )

    text: Annotated[str, Limits(max_length=REMARK_CHARACTERS)]


class AppealDecisionIn(BaseModel):
    """How an appeal is decided, and why."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"step": "uphold", "reason": "The hall is inside."}]},
    )

    step: Literal["uphold", "dismiss"]
    reason: Annotated[str, Limits(max_length=REMARK_CHARACTERS)]


class OrderIn(BaseModel):
    """Ids of organizations in the order in which they are shown; those left out follow as they were."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"order": ["3f2c9a…"]}, {"fair": True}]}
    )

    order: Annotated[list[Uid], Limits(max_length=MOST_IN_SHOWCASE)] = Limits(default_factory=list)
    fair: Annotated[bool, Limits(description="Arrange them fairly instead.")] = False


# What the API gives -----------------------------------------------------------------------------------


class FindingOut(BaseModel):
    """One rule, and what it says. `refuses`: the match leaves it out as long as this is so."""

    rule: str
    state: Literal["met", "unmet", "unknown"]
    asks: str
    code: str | None
    """Of the reason; it never changes."""
    reason: str | None
    remedy: str | None
    hard: bool
    refuses: bool


class CheckOut(BaseModel):
    """What the rules of a round say of a listing now."""

    fits: bool
    findings: list[FindingOut]


class AppealOut(BaseModel):
    """An appeal, and how it was decided."""

    id: str
    status: AppealStatus
    text: str
    reason: str
    created: datetime
    decided: datetime | None


class ApplicationOut(BaseModel):
    """An application as its organization and facilitators see it.

    `missing` are the questions and facts still to be given before it can be submitted; `changed`: its listing
    is no longer what was submitted; `findings`: what the rules said at the last submission.
    """

    id: str
    round: str
    listing: str
    title: str
    organization: OwnerOut
    side: Side
    status: ApplicationStatus
    answers: dict[str, str]
    missing: list[str]
    findings: list[FindingOut]
    changed: bool
    reason: str
    next: str
    deadline: datetime | None
    submitted: datetime | None
    appeals: list[AppealOut]
    created: datetime
    version: int


class ShownListingOut(BaseModel):
    """A need or offer in the showcase."""

    id: str
    title: str
    language: str
    status: ListingStatus


class TurnOut(BaseModel):
    """One organization's turn."""

    organization: OwnerOut
    offers: list[ShownListingOut]
    needs: list[ShownListingOut]
