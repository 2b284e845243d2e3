"""What the API takes and gives about reports, visits and the clinic."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits

from service.reports import queries, questions
from service.reports.models import (
    ANSWER_CHARACTERS,
    MOST_FAULTS,
    REASON_CHARACTERS,
    ReportKind,
    ReportStatus,
)
from service.wording import say

if TYPE_CHECKING:
    from service.reports.clinic import Clinic
    from service.reports.visits import Visited

Answer = Annotated[str, Limits(max_length=ANSWER_CHARACTERS)]
Code = Annotated[str, Limits(max_length=40)]
Faults = Annotated[list[Code], Limits(max_length=MOST_FAULTS, description="Codes of the clinic.")]


class AnswersIn(BaseModel):
    """The short form, by question; numbers as people write them."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "answers": {
                        "activities": "Twelve lessons of swimming in two schools.",
                        "beneficiaries": "120",
                        "results": "96 of 120 children swim 25 metres now; none did in March.",
                        "next": "The pool of the second school is repaired in May.",
                    },
                    "checked": ["receipts-missing"],
                }
            ]
        },
    )

    answers: Annotated[dict[Code, Answer], Limits(max_length=20)]
    checked: Annotated[list[Code], Limits(max_length=50)] = []
    """Codes of the pre-check list that were looked at."""


class AcceptIn(BaseModel):
    """What went wrong all the same, if anything."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"faults": ["late"], "remark": ""}]}
    )

    faults: Faults = []
    remark: Annotated[str, Limits(max_length=REASON_CHARACTERS)] = ""


class ReturnIn(BaseModel):
    """Why it is returned."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"reason": "Receipts for the buses are missing.", "faults": ["receipts-missing"]}]
        },
    )

    reason: Annotated[str, Limits(max_length=REASON_CHARACTERS)]
    faults: Faults = []


class VisitIn(BaseModel):
    """What somebody saw on the spot."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "on": "2026-05-12",
                    "place": "School No. 4",
                    "text": "Both wells give water. The fence is missing still.",
                    "faults": ["delay-untold"],
                }
            ]
        },
    )

    on: date
    place: Annotated[str, Limits(max_length=200)] = ""
    text: Answer
    faults: Faults = []


class FileOut(BaseModel):
    """A file; `published`: everybody sees it once the report is accepted."""

    number: int
    filename: str
    media_type: str
    size: int
    caption: str
    people: str
    consent: str
    published: bool


class ReportOut(BaseModel):
    """A report. Answers and files are empty for others until it is handed in."""

    id: str
    agreement: str
    agreement_title: str
    organization: str
    organization_name: str
    kind: ReportKind
    number: int
    status: ReportStatus
    period_start: date
    period_end: date
    due: date
    days_late: int
    """0: not overdue."""
    answers: dict[str, str]
    checked: list[str]
    facts: dict[str, Any]
    """Milestones, money in minor units by currency, people of the need; once submitted, as it was then."""
    files: list[FileOut]
    score: int | None
    reason: str
    submitted: datetime | None
    decided: datetime | None
    reminders: int


class QuestionOut(BaseModel):
    """A question of the form."""

    code: str
    label: str
    help: str
    shape: str
    limit: int
    needed: bool


class TransparencyOut(BaseModel):
    """How open an organization is. `score` and `facts` in [0, 1]; reports are those due until yesterday."""

    score: float
    facts: float
    reports_handed_in: int
    reports_due: int


class VisitOut(BaseModel):
    """A visit; no organization: a facilitator came."""

    id: str
    agreement: str
    organization: str | None
    on: date
    place: str
    text: str
    language: str
    faults: list[str]
    files: list[FileOut]


class FaultOut(BaseModel):
    """How often a fault was noted."""

    code: str
    label: str
    count: int
    this_year: int
    year_before: int
    agreements: int
    by_preset: dict[str, int]
    by_quarter: dict[str, int]


def files(listed: list[dict[str, Any]]) -> list[FileOut]:
    """Files as the API shows them."""
    return [
        FileOut(
            number=number,
            filename=file["filename"],
            media_type=file["media_type"],
            size=file["size"],
            caption=file.get("caption", ""),
            people=file.get("people", ""),
            consent=file.get("consent", ""),
            published=queries.is_published(file),
        )
        for number, file in enumerate(listed, 1)
    ]


def report(found: queries.Told, *, inside: bool, facts: dict[str, Any]) -> ReportOut:
    """A report; `inside`: for who writes it."""
    one = found.report
    open_to = inside or one.status in queries.HANDED_IN
    answers = one.answers if open_to else {}
    return ReportOut(
        id=one.uid,
        agreement=found.agreement.uid,
        agreement_title=found.agreement.title,
        organization=found.organization.uid,
        organization_name=found.organization.name,
        kind=one.kind,
        number=one.number,
        status=one.status,
        period_start=one.period_start,
        period_end=one.period_end,
        due=one.due,
        days_late=found.late,
        answers={code: answer for code, answer in answers.items() if isinstance(answer, str)},
        checked=list(answers.get("checked", [])),
        facts=facts,
        files=files(one.attachments) if open_to else [],
        score=one.score,
        reason=one.reason,
        submitted=one.submitted,
        decided=one.decided,
        reminders=one.reminded,
    )


def form(kind: ReportKind, language: str) -> list[QuestionOut]:
    """The questions of a kind of report, in the reader's language."""
    return [
        QuestionOut(
            code=one.code,
            label=say(one.label, language),
            help=say(one.help, language) if one.help else "",
            shape=one.shape,
            limit=one.limit,
            needed=one.needed,
        )
        for one in questions.asked(kind)
    ]


def visit(found: Visited, agreement: str) -> VisitOut:
    """A visit as the API shows it."""
    one = found.visit
    return VisitOut(
        id=one.uid,
        agreement=agreement,
        organization=found.organization.uid if found.organization else None,
        on=one.on,
        place=one.place,
        text=one.text,
        language=one.language,
        faults=list(found.faults),
        files=files(one.attachments),
    )


def recurring(found: Clinic, names: dict[str, str]) -> list[FaultOut]:
    """What the clinic counts; `names`: labels by code."""
    return [
        FaultOut(
            code=one.code,
            label=names[one.code],
            count=one.count,
            this_year=one.this_year,
            year_before=one.year_before,
            agreements=one.agreements,
            by_preset={
                preset: count for (code, preset), count in found.by_preset.items() if code == one.code
            },
            by_quarter={
                quarter: count for (code, quarter), count in found.by_quarter.items() if code == one.code
            },
        )
        for one in found.recurring
    ]
