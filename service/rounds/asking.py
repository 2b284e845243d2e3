"""What is asked beside the listing: facts that the rules need and nobody has stated, and own questions."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from matching.messages import Message
from matching.profiles import Profile, Side
from matching.rules import QUESTIONS
from service.errors import FieldProblem
from service.listings.reading import Draft
from service.organizations.checks import understand
from service.texts import MISSING, tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from matching.rules import Preset
    from service.organizations.models import Organization

ANSWER_CHARACTERS = 5_000
LABELS = {
    "plan": Message("question-plan", "What will you do, step by step, and when?"),
    "facilities": Message(
        "question-facilities", "Which rooms and equipment does it need, and which have you?"
    ),
    "professionals": Message(
        "question-professionals", "Which professionals does it need, and who will do this work?"
    ),
    "self-financing": Message("question-self-financing", "What do you pay or bring in yourselves?"),
}
OPTIONAL = frozenset({"self-financing"})
"""Questions that may stay empty: what is asked there is preferred, not needed."""
OF_LISTING = ("beneficiaries", "places", "groups", "themes")
OF_ORGANIZATION = ("registered", "inspection_passed", "inspection_year", "rating")
assert set(LABELS) == set(QUESTIONS)  # noqa: S101 — every code has its words


def label(question: str) -> Message:
    """A question in words; one that the facilitator has written stands as it is."""
    return LABELS.get(question) or Message("question-own", "{question}", question=question)


def field_of(question: str) -> str:
    """The name of a question's field in forms."""
    code = question if question in LABELS else hashlib.sha256(question.encode()).hexdigest()[:12]
    return f"answer-{code}"


def questions_for(preset: Preset, side: Side) -> tuple[str, ...]:
    """What an applicant of that side is asked."""
    return preset.process.questions if side is Side.NEED else ()


def missing_facts(profile: Profile, preset: Preset) -> tuple[str, ...]:
    """The fields that the rules need to know and that neither listing nor organization says."""
    rules, organization = preset.rules, profile.organization
    is_need = profile.side is Side.NEED
    asked = rules.applicants if is_need else rules.sponsors
    wanted = {
        "beneficiaries": is_need and bool(rules.min_beneficiaries) and profile.beneficiaries is None,
        "places": bool(asked.places) and not profile.places and not organization.places,
        "groups": is_need and bool(rules.groups) and not profile.groups,
        "themes": is_need and bool(rules.themes) and not profile.themes,
        "registered": asked.registered and organization.registered is None,
        "inspection_passed": asked.inspection_passed and organization.inspection_passed is None,
        "inspection_year": asked.inspection_passed and organization.inspection_passed is None,
        "rating": asked.min_rating is not None and organization.rating is None,
    }
    return tuple(name for name, missing in wanted.items() if missing)


@dataclass(slots=True)
class Said:
    """What was typed into an application's form, as far as it can be read, and what cannot."""

    listing: dict[str, str] = field(default_factory=dict)
    """Fields of the listing's form, as typed."""
    listing_values: dict[str, Any] = field(default_factory=dict)
    organization: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)
    problems: list[FieldProblem] = field(default_factory=list)

    def over(self, profile: Profile) -> Profile:
        """The profile as it will be once this is saved."""
        values: dict[str, Any] = {
            name: frozenset(value) if isinstance(value, list) else value
            for name, value in self.listing_values.items()
        }
        facts = {name: value for name, value in self.organization.items() if name != "inspection_year"}
        return replace(profile, organization=replace(profile.organization, **facts), **values)


def read(
    fields: Mapping[str, list[str]],
    organization: Organization,
    side: Side,
    *,
    facts: Iterable[str],
    questions: Iterable[str],
    language: str,
) -> Said:
    """What the form says about the `facts` and `questions` that are asked; empty fields say nothing."""
    said = Said()
    typed = {
        name: ";".join(fields[name]).strip()
        for name in facts
        if any(value.strip() for value in fields.get(name, ()))
    }
    said.listing = {name: value for name, value in typed.items() if name in OF_LISTING}
    if said.listing:
        draft = Draft(side, said.listing, None, language)
        said.listing_values = draft.values()
        said.problems += draft.problems
    if own := {name: value for name, value in typed.items() if name in OF_ORGANIZATION}:
        given, problems = understand({"name": organization.name, "kind": organization.kind, **own})
        wrong = {problem.field for problem in problems}
        said.organization = {name: getattr(given, name) for name in own if name not in wrong}
        said.problems += [problem for problem in problems if problem.field in OF_ORGANIZATION]
    for question in questions:
        if (name := field_of(question)) in fields:
            said.answers[question] = tidy(fields[name][0] if fields[name] else "")
            if len(said.answers[question]) > ANSWER_CHARACTERS:
                said.problems.append(FieldProblem(name, too_long(ANSWER_CHARACTERS)))
    return said


def unanswered(answers: Mapping[str, str], questions: Iterable[str]) -> list[FieldProblem]:
    """The questions that have to be answered before submitting and are not."""
    return [
        FieldProblem(field_of(question), MISSING)
        for question in questions
        if question not in OPTIONAL and not answers.get(question, "").strip()
    ]
