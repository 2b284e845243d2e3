"""Rules of a round, as data: who may take part, who brings what, caps, budgets, fairness, weights.

A preset is a TOML file of `data/presets`; `load_preset(name)` reads one, a scenario may put keys of its own
over it. Everything wrong in either is reported at once, by key and value.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any, Literal, get_args

from matching.errors import InvalidRules, Problem, UnknownName
from matching.messages import Message, Quantity
from matching.reading.quantities import parse_amount
from matching.resources import data_path
from matching.scoring import FEATURES, Weights
from matching.text import LANGUAGES
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
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
    reader = _Reader()
    table = _present(merged(table, overrides or {}))
    title, summary = (reader.table(table.pop(key, {}), key, _LABELS) for key in ("title", "summary"))
    for key, labels in (("title", title), ("summary", summary)):
        for language in LANGUAGES:
            if language not in labels:
                reader.refuse(f"{key}.{language}", "", Message("missing-key", "This key is needed."))
    process = _record(Process, _PROCESS)(reader, table.pop("process", {}), "process")
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


class _Invalid(Exception):
    """One value that cannot be used; never leaves this module."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class _Reader:
    """Turns the tables of a TOML file into rules and gathers what is wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def finish(self, source: str) -> None:
        """Raise what has been gathered."""
        if self.problems:
            message = Message("invalid-rules", "The rules in {source} cannot be used.", source=source)
            raise InvalidRules(message, self.problems)

    def table(self, table: object, where: str, spec: Mapping[str, _Parser]) -> dict[str, Any]:
        """The values of one table by key, parsed; problems are gathered under `where`.key."""
        if not isinstance(table, dict):
            self.refuse(where, table, Message("not-a-table", "A table of keys and values is expected here."))
            return {}
        values: dict[str, Any] = {}
        for key, value in table.items():
            place = f"{where}.{key}" if where else key
            if key not in spec:
                near = difflib.get_close_matches(key, spec, n=1) or sorted(spec)
                self.refuse(
                    place,
                    value,
                    Message(
                        "unknown-key", "This key is not known. Did you mean {known}?", known=", ".join(near)
                    ),
                )
                continue
            try:
                values[key] = spec[key](self, value, place)
            except _Invalid as invalid:
                self.refuse(place, value, invalid.message)
        return values

    def refuse(self, where: str, value: object, message: Message) -> None:
        """Note that the value at `where` cannot be used."""
        self.problems.append(Problem(row=None, column=where, value=_shown(value), message=message))


_Parser = Callable[[_Reader, Any, str], Any]


def _shown(value: object) -> str:
    return value if isinstance(value, str) else ("" if isinstance(value, dict) else repr(value))


def _flag(_reader: _Reader, value: object, _where: str) -> bool:
    if not isinstance(value, bool):
        raise _Invalid(Message("not-a-flag", "Write true or false."))
    return value


def _count(least: int, most: int = 10**9) -> _Parser:
    def parse(_reader: _Reader, value: object, _where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise _Invalid(
                Message("not-a-count", "Write a whole number from {least} to {most}.", least=least, most=most)
            )
        return value

    return parse


def _number(least: float, most: float) -> _Parser:
    def parse(_reader: _Reader, value: object, _where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise _Invalid(
                Message("not-a-number", "Write a number from {least} to {most}.", least=least, most=most)
            )
        return float(value)

    return parse


def _text(_reader: _Reader, value: object, _where: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _Invalid(Message("not-a-text", "Write a text."))
    return value


def _day(_reader: _Reader, value: object, _where: str) -> date:
    if not isinstance(value, date):
        raise _Invalid(Message("not-a-date", "Write a date such as 2021-11-24."))
    return value


def _quantity(_reader: _Reader, value: object, _where: str) -> Quantity:
    try:
        return parse_amount(str(value))
    except ValueError as error:
        raise _Invalid(
            Message("not-a-sum", "Write an amount with its currency, such as 50000 CNY.")
        ) from error


def _choice(*choices: str) -> _Parser:
    def parse(_reader: _Reader, value: object, _where: str) -> str:
        if value not in choices:
            raise _Invalid(Message("not-a-choice", "Choose one of: {choices}.", choices=", ".join(choices)))
        return str(value)

    return parse


def _strings(reader: _Reader, value: object, where: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _Invalid(Message("not-a-list", 'Write a list of texts, such as ["ngo"].'))
    return tuple(_text(reader, item, where) for item in value)


def _codes(scheme: str) -> _Parser:
    def parse(reader: _Reader, value: object, where: str) -> frozenset[str]:
        known = default_vocabulary().codes(scheme)
        for code in (codes := _strings(reader, value, where)):
            if code not in known:
                near = difflib.get_close_matches(code, known, n=3, cutoff=0.3) or list(known)[:5]
                reader.refuse(
                    where,
                    code,
                    Message(
                        "unknown-code", "This code is not known. Near it: {known}.", known=", ".join(near)
                    ),
                )
        return frozenset(codes)

    return parse


def _each(spec: Mapping[str, _Parser], kind: type, *required: str) -> _Parser:
    def parse(reader: _Reader, value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _Invalid(Message("not-a-list-of-tables", "Write a list of tables ([[{key}]]).", key=where))
        return tuple(
            _record(kind, spec, *required)(reader, item, f"{where}[{number}]")
            for number, item in enumerate(value, 1)
        )

    return parse


def _record(kind: type, spec: Mapping[str, _Parser], *required: str) -> _Parser:
    def parse(reader: _Reader, value: object, where: str) -> Any:
        found = len(reader.problems)
        values = reader.table(value, where, spec)
        missing = [key for key in required if isinstance(value, dict) and key not in value]
        for key in missing:
            reader.refuse(f"{where}.{key}", "", Message("missing-key", "This key is needed."))
        return kind(**values) if len(reader.problems) == found else None

    return parse


def _pairs(_reader: _Reader, value: object, _where: str) -> tuple[tuple[str, str], ...]:
    if not isinstance(value, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in value):
        raise _Invalid(Message("not-pairs", 'Write pairs of a need\'s and an offer\'s id: [["n1", "o1"]].'))
    return tuple((str(need), str(offer)) for need, offer in value)


def _criteria(reader: _Reader, value: object, where: str) -> dict[str, int]:
    if not isinstance(value, dict):
        raise _Invalid(Message("not-a-table", "A table of keys and values is expected here."))
    weights = reader.table(value, where, dict.fromkeys(value, _count(1, 100)))
    if sum(weights.values()) != 100:
        raise _Invalid(Message("criteria-sum", "The weights of the criteria must sum to 100."))
    return weights


def _questions(reader: _Reader, value: object, where: str) -> tuple[str, ...]:
    asked = tuple(dict.fromkeys(" ".join(question.split()) for question in _strings(reader, value, where)))
    if len(asked) > MOST_QUESTIONS or any(len(question) > QUESTION_CHARACTERS for question in asked):
        raise _Invalid(
            Message(
                "too-many-questions",
                "Ask at most {most} questions of at most {length} characters.",
                most=MOST_QUESTIONS,
                length=QUESTION_CHARACTERS,
            )
        )
    return asked


_ELIGIBILITY: dict[str, _Parser] = {
    "organization_kinds": _codes("organization_kinds"),
    "places": _codes("places"),
    "registered": _flag,
    "inspection_passed": _flag,
    "clean_record": _flag,
    "verified": _flag,
    "min_rating": _count(1, 5),
}
_ROLE: dict[str, _Parser] = {
    "needs_from": _codes("organization_kinds"),
    "offers_from": _codes("organization_kinds"),
    "kinds": _codes("kinds"),
}
_QUOTA: dict[str, _Parser] = {
    "scheme": _choice("themes", "groups", "places"),
    "code": _text,
    "at_least": _count(1),
}
_BUDGET: dict[str, _Parser] = {
    "name": _text,
    "offers": lambda reader, value, where: frozenset(_strings(reader, value, where)),
    "limit": _quantity,
}
_GIVEN: dict[str, _Parser] = {"need": _text, "offer": _text, "amount": _count(1, 10**15), "unit": _text}
_PASS_MARK: dict[str, _Parser] = {"up_to": _quantity, "mark": _count(0, 100)}
_SIDE_WEIGHTS: dict[str, _Parser] = dict.fromkeys(FEATURES, _number(0, 20))
_WEIGHTS: dict[str, _Parser] = {
    "need": lambda reader, value, where: dict(Weights().need) | reader.table(value, where, _SIDE_WEIGHTS),
    "offer": lambda reader, value, where: dict(Weights().offer) | reader.table(value, where, _SIDE_WEIGHTS),
    "base": _number(-20, 20),
}
_PROCESS: dict[str, _Parser] = {
    "phases": lambda reader, value, where: tuple(
        _choice(*PHASES)(reader, phase, where) for phase in _strings(reader, value, where)
    ),
    "reply_days": _count(0, 365),
    "most_pending": _count(1, 100),
    "offers_next": _flag,
    "notice_working_days": _count(0, 90),
    "resubmission": _flag,
    "blind_review": _flag,
    "criteria": _criteria,
    "reviews": _count(1, 20),
    "pass_marks": _each(_PASS_MARK, PassMark, "mark"),
    "tell_scores": _flag,
    "reports": lambda reader, value, where: tuple(
        _choice("monthly", "quarterly", "final")(reader, report, where)
        for report in _strings(reader, value, where)
    ),
    "questions": _questions,
}
_RULES: dict[str, _Parser] = {
    "as_of": _day,
    "applicants": _record(Eligibility, _ELIGIBILITY),
    "sponsors": _record(Eligibility, _ELIGIBILITY),
    "roles": _each(_ROLE, Role),
    "groups": _codes("groups"),
    "themes": _codes("themes"),
    "min_beneficiaries": _count(0),
    "projects_per_organization": _count(1),
    "project_cap": _quantity,
    "most_overhead": _count(0, 100),
    "budgets": _each(_BUDGET, Budget, "name", "offers", "limit"),
    "quotas": _each(_QUOTA, Quota, "scheme", "code", "at_least"),
    "fairness": _choice(*get_args(Fairness)),
    "coverage_bonus": _number(0, 10),
    "min_score": _number(0, 1),
    "candidates": _count(1, 10_000),
    "weights": _record(Weights, _WEIGHTS),
    "locks": _pairs,
    "bans": _pairs,
    "amounts": _each(_GIVEN, GivenAmount, "need", "offer", "amount", "unit"),
    "keep": _number(0, 1),
    "second_chance": _number(0, 1),
    "seed": _count(0, 2**31),
    "time_limit": _number(0.1, 86_400),
}
_LABELS: dict[str, _Parser] = dict.fromkeys(LANGUAGES, _text)
