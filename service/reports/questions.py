"""The one short form that all reports share: which questions fit which kind, and what an answer may be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matching.messages import Message
from service.errors import BadInput, FieldProblem
from service.reports.models import ANSWER_CHARACTERS, ReportKind
from service.texts import MISSING, tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MOST_PEOPLE = 1_000_000_000
MOST_POINTS = 5
_R = ReportKind
_TOLD = (_R.MONTHLY, _R.QUARTERLY, _R.FINAL)
_LONG = (_R.QUARTERLY, _R.FINAL)
_JUDGED = (_R.EVALUATION,)


@dataclass(frozen=True, slots=True)
class Question:
    """One question. `shape`: text, count (of people) or points (0 to 5)."""

    code: str
    kinds: tuple[ReportKind, ...]
    label: Message
    help: Message | None = None
    shape: str = "text"
    limit: int = 2_000
    needed: bool = True


QUESTIONS = (
    Question(
        "activities",
        _TOLD,
        Message("report-activities", "What was done"),
        Message("report-activities-help", "In a few sentences: what, where, how often."),
    ),
    Question(
        "beneficiaries",
        _LONG,
        Message("report-beneficiaries", "People reached in this time"),
        Message(
            "report-beneficiaries-help", "Each person counts once. For the whole time in a final report."
        ),
        shape="count",
    ),
    Question(
        "results",
        _LONG,
        Message("report-results", "What has changed for people"),
        Message(
            "report-results-help",
            "What is better now than before, and how you know. It is published once accepted: name nobody.",
        ),
        limit=ANSWER_CHARACTERS,
    ),
    Question(
        "money",
        _LONG,
        Message("report-money", "Remarks on money"),
        Message(
            "report-money-help",
            "Sums come from the agreement's ledger. Explain what differs from the budget by much.",
        ),
        needed=False,
    ),
    Question(
        "problems",
        _TOLD,
        Message("report-problems", "Difficulties, and what you do about them"),
        Message("report-problems-help", "Saying it early helps: whoever carries the project can still act."),
        needed=False,
    ),
    Question(
        "next",
        (_R.MONTHLY, _R.QUARTERLY),
        Message("report-next", "Next steps"),
        Message("report-next-help", "They stand at the beginning of your next report."),
    ),
    Question(
        "lasting",
        (_R.FINAL,),
        Message("report-lasting", "What stays, and what you would do otherwise"),
    ),
    Question(
        "goals",
        _JUDGED,
        Message("report-goals", "The goals were reached"),
        shape="points",
    ),
    Question(
        "benefit",
        _JUDGED,
        Message("report-benefit", "People benefit from it"),
        shape="points",
    ),
    Question(
        "economy",
        _JUDGED,
        Message("report-economy", "Money was used well"),
        shape="points",
    ),
    Question(
        "cooperation",
        _JUDGED,
        Message("report-cooperation", "The cooperation was reliable"),
        shape="points",
    ),
    Question(
        "judgement",
        _JUDGED,
        Message("report-judgement", "Judgement in words"),
        Message("report-judgement-help", "What was good, what was not, and what it rests on."),
        limit=ANSWER_CHARACTERS,
    ),
)
_BY_CODE = {one.code: one for one in QUESTIONS}


def asked(kind: ReportKind) -> tuple[Question, ...]:
    """The questions of a kind of report, in their order."""
    return tuple(one for one in QUESTIONS if kind in one.kinds)


def label(code: str) -> Message:
    """What a question asks."""
    return _BY_CODE[code].label


def read(kind: ReportKind, typed: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept of what was typed: texts tidied, numbers as they stand; nothing is refused here."""
    return {one.code: tidy(str(typed.get(one.code, "") or ""))[: one.limit + 1] for one in asked(kind)}


def problems(kind: ReportKind, answers: Mapping[str, str]) -> list[FieldProblem]:
    """Everything that keeps a report of this kind from being handed in."""
    return [
        FieldProblem(one.code, wrong)
        for one in asked(kind)
        for wrong in _wrong(one, str(answers.get(one.code, "")).strip())
    ]


def check(kind: ReportKind, answers: Mapping[str, str]) -> None:
    """Raise BadInput with all that is missing or wrong."""
    if found := problems(kind, answers):
        raise BadInput(found)


def _wrong(one: Question, answer: str) -> Iterator[Message]:
    if not answer:
        if one.needed:
            yield MISSING
    elif one.shape == "text":
        if len(answer) > one.limit:
            yield too_long(one.limit)
    else:
        most = MOST_PEOPLE if one.shape == "count" else MOST_POINTS
        count = number(answer)
        if count is None or count > most:
            yield Message("whole-number", "Write a whole number from 0 to {most}.", most=most)


def number(answer: Any) -> int | None:
    """A count as people type it: `1 200`, `1,200`; None for anything else."""
    plain = "".join(str(answer).replace(",", "").split())
    return int(plain) if plain.isdecimal() and len(plain) <= 12 else None


def score(answers: Mapping[str, str]) -> int:
    """Of an evaluation, in hundredths of all points."""
    points = [
        number(answers.get(one.code)) or 0 for one in asked(ReportKind.EVALUATION) if one.shape == "points"
    ]
    return round(100 * sum(points) / (MOST_POINTS * len(points)))
