"""The forms of a round: what is typed to what the actions take, and what is kept back to what is typed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from matching.messages import Message
from matching.rules import PHASES, preset_names
from matching.vocabulary import default_vocabulary
from service.errors import BadInput, FieldProblem
from service.i18n import country_name, time_zones
from service.rounds import calendar, queries, ruleforms
from service.rounds.checks import zone
from service.rounds.shapes import RoundIn
from service.texts import MISSING, too_long

if TYPE_CHECKING:
    from datetime import tzinfo

    from sqlmodel import Session

    from service.permissions import Actor
    from service.web import Typed

PARTS = ("facts", "phases", "rules")
_TEXTS = ("title", "summary", "language", "host", "venue", "time_zone", "calendar")

Fields = dict[str, list[str]]


def given_of(part: str, typed: Typed, kept: RoundIn, language: str) -> RoundIn:
    """What is kept with one part of the form put over it. Raises BadInput for what cannot be read."""
    if part == "phases":
        changed: dict[str, Any] = _times(typed, kept)
    elif part == "rules":
        changed = {"rules": ruleforms.read(kept.preset, typed, language), "reason": typed.text("reason")}
    else:
        changed = _facts(typed)
    return _valid({**kept.model_dump(), **changed})


def new_of(typed: Typed) -> RoundIn:
    """A new round as it was typed. Raises BadInput."""
    preset = typed.text("preset") or typed.text("from")
    return _valid({**_facts(typed), "preset": preset, "reason": typed.text("reason")})


def _valid(given: dict[str, Any]) -> RoundIn:
    try:
        return RoundIn.model_validate(given)
    except ValidationError as error:
        found = {}
        for one in error.errors():
            field = str(one["loc"][0])
            found[field] = (
                too_long(int(one["ctx"]["max_length"])) if one["type"] == "string_too_long" else MISSING
            )
        raise BadInput([FieldProblem(field, message) for field, message in found.items()]) from error


def _facts(typed: Typed) -> dict[str, Any]:
    facts: dict[str, Any] = {name: typed.text(name) for name in _TEXTS if name in typed.fields}
    facts["themes"] = typed.texts("themes")
    return facts


def _times(typed: Typed, kept: RoundIn) -> dict[str, Any]:
    problems: list[FieldProblem] = []
    plan = []
    for phase in PHASES:
        times: dict[str, Any] = {"phase": phase}
        for name in ("starts", "ends"):
            try:
                times[name] = moment_of(typed, f"{name}-{phase}", kept.time_zone)
            except BadInput as error:
                problems += error.problems
        plan.append(times)
    if problems:
        raise BadInput(problems)
    automatic = typed.text("automatic") == "yes"
    return {
        "plan": plan,
        "automatic": automatic,
        "phases": [phase for phase in PHASES if phase in typed.texts("phases")],
    }


def moment_of(typed: Typed, name: str, time_zone: str) -> datetime | None:
    """A moment as a form has it, meant in the round's zone. Raises BadInput."""
    text = typed.text(name).strip()
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadInput.one(
            name, Message("moment-malformed", "Write day and time as in 2027-03-31 18:00.")
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone(time_zone))


def as_typed(part: str, kept: RoundIn, language: str) -> Fields:
    """One part of what is kept, as somebody would type it."""
    if part == "phases":
        where = zone(kept.time_zone)
        fields: Fields = {"phases": list(kept.phases), "automatic": ["yes"] if kept.automatic else []}
        for one in kept.plan:
            fields[f"starts-{one.phase}"] = [_local(one.starts, where)]
            fields[f"ends-{one.phase}"] = [_local(one.ends, where)]
    elif part == "rules":
        fields = ruleforms.typed_as(kept.preset, kept.rules, language)
    else:
        fields = {name: [getattr(kept, name)] for name in _TEXTS}
        fields["themes"] = list(kept.themes)
    return {name: values for name, values in fields.items() if values and values != [""]}


def _local(moment: datetime | None, where: tzinfo) -> str:
    return "" if moment is None else moment.astimezone(where).strftime("%Y-%m-%dT%H:%M")


def choices(session: Session, actor: Actor, language: str) -> dict[str, Any]:
    """What one may choose from in the form of the facts."""
    vocabulary = default_vocabulary()
    return {
        "hosts": [(one.uid, one.name) for one in queries.possible_hosts(session, actor)],
        "themes": [(code, vocabulary.label("themes", code, language)) for code in vocabulary.codes("themes")],
        "time_zones": time_zones(language),
        "countries": country_choices(language),
    }


def country_choices(language: str) -> list[tuple[str, str]]:
    """The countries and regions whose public holidays are known, by name."""
    named = ((code, country_name(code, language)) for code in calendar.countries())
    return sorted(named, key=lambda one: one[1])


def preset_choices() -> tuple[str, ...]:
    """The presets of the house, the plain one last."""
    return tuple(sorted(preset_names(), key=lambda name: (name == "open-round", name)))
