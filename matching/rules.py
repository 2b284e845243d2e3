"""Rules of a round, as data: who may take part, who brings what, caps, budgets, fairness, weights.

A preset is a TOML file of `data/presets`; `load_preset(name)` reads one, a scenario may put keys of its own
over it. Everything wrong in either is reported at once, by key and value.
"""

from __future__ import annotations

import difflib
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, get_args

from matching import toml_values as read
from matching.errors import InvalidRules, UnknownName
from matching.messages import Message, Quantity
from matching.resources import data_path
from matching.scoring import FEATURES, Weights
from matching.text import LANGUAGES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from pathlib import Path

Fairness = Literal["none", "first-seat", "bottleneck", "leximin"]
"""How strongly the worst-off organization counts; see `matching.allocation`."""

PHASES = (
    "open",
    "screening",
    "reviewing",
    "matching",
    "notice",
    "choosing",
    "meeting",
    "signing",
    "delivering",
)
QUESTIONS = ("plan", "facilities", "professionals", "self-financing")
"""Questions that are known in every language."""
MOST_QUESTIONS = 20
QUESTION_CHARACTERS = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility:
    """What an organization must be to take part. Empty sets and False ask for nothing."""

    organization_kinds: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    registered: bool = False
    inspection_passed: bool = False
    clean_record: bool = False
    verified: bool = False
    min_rating: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """Who may bring what: organizations of these kinds may give these resource kinds to those."""

    needs_from: frozenset[str] = frozenset()
    offers_from: frozenset[str] = frozenset()
    kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """At least so many projects of one theme, target group or place go ahead."""

    scheme: str
    code: str
    at_least: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """A fund: what the named offers give together in a calendar year, known cooperations included."""

    name: str
    offers: frozenset[str]
    limit: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenAmount:
    """What an offer gives to a need, set by hand: `amount` in hundredths of `unit`, that of the offer's line.

    The pair is locked, and gets exactly this from that line.
    """

    need: str
    offer: str
    amount: int
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMark:
    """The least score, of 100, of applications that ask for up to so much money; None: for any sum."""

    mark: int
    up_to: Quantity | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """How the round runs in time; read by the service, not by the matcher."""

    phases: tuple[str, ...] = PHASES
    reply_days: int = 5
    most_pending: int = 3
    """How many pairings that an organization has accepted may wait for the other side at once."""
    offers_next: bool = False
    """Whether the next in line is offered without asking the facilitator."""
    notice_working_days: int = 0
    resubmission: bool = True
    blind_review: bool = False
    criteria: Mapping[str, int] = field(default_factory=dict)
    """Weights of the review criteria; they sum to 100."""
    reviews: int = 2
    """How many reviewers judge each application."""
    pass_marks: tuple[PassMark, ...] = ()
    """By size class; the first that an application's sum fits into is its own."""
    tell_scores: bool = False
    """Whether applicants are told their scores by criterion and the reviewers' comments, without names."""
    reports: tuple[str, ...] = ()
    questions: tuple[str, ...] = ()
    """What a need's applicant answers beside its listing: codes of `QUESTIONS`, or questions in full."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Everything besides the profiles that decides a match run.

    `coverage_bonus` is what a project's going ahead is worth beside its score (1 is a perfect pair);
    `min_score` in [0, 1] is the least score of a pair worth proposing; `candidates` how many offers a need
    is compared with in full.
    `locks` and `bans` are pairs of a need's and an offer's id, `amounts` what is given set by hand.
    `keep` is what a pair of an earlier result counts beside its score when the round is matched again, and
    `second_chance` what a pair counts for each side whose organization left its last round with nothing.
    """

    preset: str = ""
    as_of: date | None = None
    applicants: Eligibility = field(default_factory=Eligibility)
    sponsors: Eligibility = field(default_factory=Eligibility)
    roles: tuple[Role, ...] = ()
    groups: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    min_beneficiaries: int = 0
    projects_per_organization: int | None = None
    project_cap: Quantity | None = None
    most_overhead: int | None = None
    """The largest share of a project's money, in per cent, that may be administration."""
    budgets: tuple[Budget, ...] = ()
    quotas: tuple[Quota, ...] = ()
    fairness: Fairness = "first-seat"
    coverage_bonus: float = 0.1
    min_score: float = 0.3
    candidates: int = 50
    weights: Weights = field(default_factory=Weights)
    locks: tuple[tuple[str, str], ...] = ()
    bans: tuple[tuple[str, str], ...] = ()
    amounts: tuple[GivenAmount, ...] = ()
    keep: float = 0.05
    second_chance: float = 0.0
    seed: int = 0
    time_limit: float = 60.0

    @property
    def promised(self) -> tuple[tuple[str, str], ...]:
        """The pairs that must be: those locked, and those whose amount is set by hand."""
        return tuple(dict.fromkeys([*self.locks, *((given.need, given.offer) for given in self.amounts)]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A named set of rules with its title and summary in every interface language."""

    name: str
    title: Mapping[str, str]
    summary: Mapping[str, str]
    process: Process
    rules: Rules


def preset_names() -> tuple[str, ...]:
    """The bundled presets, in alphabetical order."""
    return tuple(sorted(path.stem for path in data_path("presets").glob("*.toml")))


def load_preset(name: str, overrides: Mapping[str, Any] | None = None) -> Preset:
    """The bundled preset `name`, with the keys of `overrides` (tables of the same form) put in its place.

    Raises UnknownName with suggestions, InvalidRules with every problem.
    """
    if name not in preset_names():
        near = difflib.get_close_matches(name, preset_names(), n=3, cutoff=0.4) or list(preset_names())
        message = Message(
            "unknown-preset",
            "There is no preset “{name}”. Known ones: {known}.",
            name=name,
            known=", ".join(near),
        )
        raise UnknownName(message, near)
    return read_preset(data_path("presets", f"{name}.toml"), overrides)


def read_preset(path: Path, overrides: Mapping[str, Any] | None = None) -> Preset:
    """The preset in a TOML file, whose stem is its name. Raises InvalidRules with every problem."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        message = Message(
            "rules-not-toml", "{file} is not a TOML file: {reason}.", file=path.name, reason=str(error)
        )
        raise InvalidRules(message, []) from error
    reader = read.Reader()
    table = _present(merged(table, overrides or {}))
    title, summary = (reader.table(table.pop(key, {}), key, _LABELS) for key in ("title", "summary"))
    for key, labels in (("title", title), ("summary", summary)):
        for language in LANGUAGES:
            if language not in labels:
                reader.refuse(f"{key}.{language}", "", Message("missing-key", "This key is needed."))
    process = read.record(Process, _PROCESS)(reader, table.pop("process", {}), "process")
    values = reader.table(table, "", _RULES)
    reader.finish(path.name)
    rules = Rules(preset=path.stem, **values)
    return Preset(name=path.stem, title=title, summary=summary, process=process, rules=rules)


def merged(table: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`table` with the keys of `over` in their place, table by table."""
    both = dict(table)
    for key, value in over.items():
        inner = both.get(key)
        both[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return both


def _present(table: Mapping[str, Any]) -> dict[str, Any]:
    """`table` without the keys that are None: an override of None takes a key of the preset away."""
    return {
        key: _present(value) if isinstance(value, dict) else value
        for key, value in table.items()
        if value is not None
    }


def _pairs(_reader: read.Reader, value: object, _where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise read.Invalid(
            Message("not-pairs", 'Write pairs of a need\'s and an offer\'s id: [["n1", "o1"]].')
        )
    return tuple((str(need), str(offer)) for need, offer in value)


def _criteria(reader: read.Reader, value: object, where: str) -> dict[str, int]:
    if not isinstance(value, dict):
        raise read.Invalid(Message("not-a-table", "A table of keys and values is expected here."))
    weights = reader.table(value, where, dict.fromkeys(value, read.count(1, 100)))
    if sum(weights.values()) != 100:
        raise read.Invalid(Message("criteria-sum", "The weights of the criteria must sum to 100."))
    return weights


def _questions(reader: read.Reader, value: object, where: str) -> tuple[str, ...]:
    asked = tuple(
        dict.fromkeys(" ".join(question.split()) for question in read.strings(reader, value, where))
    )
    if len(asked) > MOST_QUESTIONS or any(len(question) > QUESTION_CHARACTERS for question in asked):
        raise read.Invalid(
            Message(
                "too-many-questions",
                "Ask at most {most} questions of at most {length} characters.",
                most=MOST_QUESTIONS,
                length=QUESTION_CHARACTERS,
            )
        )
    return asked


_ELIGIBILITY: dict[str, read.Parser] = {
    "organization_kinds": read.codes("organization_kinds"),
    "places": read.codes("places"),
    "registered": read.flag,
    "inspection_passed": read.flag,
    "clean_record": read.flag,
    "verified": read.flag,
    "min_rating": read.count(1, 5),
}
_ROLE: dict[str, read.Parser] = {
    "needs_from": read.codes("organization_kinds"),
    "offers_from": read.codes("organization_kinds"),
    "kinds": read.codes("kinds"),
}
_QUOTA: dict[str, read.Parser] = {
    "scheme": read.choice("themes", "groups", "places"),
    "code": read.text,
    "at_least": read.count(1),
}
_BUDGET: dict[str, read.Parser] = {
    "name": read.text,
    "offers": lambda reader, value, where: frozenset(read.strings(reader, value, where)),
    "limit": read.quantity,
}
_GIVEN: dict[str, read.Parser] = {
    "need": read.text,
    "offer": read.text,
    "amount": read.count(1, 10**15),
    "unit": read.text,
}
_PASS_MARK: dict[str, read.Parser] = {"up_to": read.quantity, "mark": read.count(0, 100)}
_SIDE_WEIGHTS: dict[str, read.Parser] = dict.fromkeys(FEATURES, read.number(0, 20))
_WEIGHTS: dict[str, read.Parser] = {
    "need": lambda reader, value, where: dict(Weights().need) | reader.table(value, where, _SIDE_WEIGHTS),
    "offer": lambda reader, value, where: dict(Weights().offer) | reader.table(value, where, _SIDE_WEIGHTS),
    "base": read.number(-20, 20),
}
_PROCESS: dict[str, read.Parser] = {
    "phases": lambda reader, value, where: tuple(
        read.choice(*PHASES)(reader, phase, where) for phase in read.strings(reader, value, where)
    ),
    "reply_days": read.count(0, 365),
    "most_pending": read.count(1, 100),
    "offers_next": read.flag,
    "notice_working_days": read.count(0, 90),
    "resubmission": read.flag,
    "blind_review": read.flag,
    "criteria": _criteria,
    "reviews": read.count(1, 20),
    "pass_marks": read.each(_PASS_MARK, PassMark, "mark"),
    "tell_scores": read.flag,
    "reports": lambda reader, value, where: tuple(
        read.choice("monthly", "quarterly", "final")(reader, report, where)
        for report in read.strings(reader, value, where)
    ),
    "questions": _questions,
}
_RULES: dict[str, read.Parser] = {
    "as_of": read.day,
    "applicants": read.record(Eligibility, _ELIGIBILITY),
    "sponsors": read.record(Eligibility, _ELIGIBILITY),
    "roles": read.each(_ROLE, Role),
    "groups": read.codes("groups"),
    "themes": read.codes("themes"),
    "min_beneficiaries": read.count(0),
    "projects_per_organization": read.count(1),
    "project_cap": read.quantity,
    "most_overhead": read.count(0, 100),
    "budgets": read.each(_BUDGET, Budget, "name", "offers", "limit"),
    "quotas": read.each(_QUOTA, Quota, "scheme", "code", "at_least"),
    "fairness": read.choice(*get_args(Fairness)),
    "coverage_bonus": read.number(0, 10),
    "min_score": read.number(0, 1),
    "candidates": read.count(1, 10_000),
    "weights": read.record(Weights, _WEIGHTS),
    "locks": _pairs,
    "bans": _pairs,
    "amounts": read.each(_GIVEN, GivenAmount, "need", "offer", "amount", "unit"),
    "keep": read.number(0, 1),
    "second_chance": read.number(0, 1),
    "seed": read.count(0, 2**31),
    "time_limit": read.number(0.1, 86_400),
}
_LABELS: dict[str, read.Parser] = dict.fromkeys(LANGUAGES, read.text)
