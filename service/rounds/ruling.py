"""What holds in a round: the values of its rules, what differs from the preset, what is wrong with them.

Values are those of a preset's file, ready for JSON; they are read and refused by the library's own reader.
"""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from matching.errors import InvalidRules
from matching.messages import Message, Quantity
from matching.rules import load_preset
from service.errors import FieldProblem
from service.rounds.rule import PREFIX
from service.rounds.rulebook import RULES
from service.texts import tidy

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from matching.rules import Preset
    from service.rounds.rule import Rule


def plain(value: Any) -> Any:
    """A value of the library's as a preset's file would have it, ready for JSON."""
    if isinstance(value, Quantity):
        whole, rest = divmod(value.amount, 100)
        return f"{whole}{f'.{rest:02}' if rest else ''} {value.unit}"
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [plain(one) for one in value]
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if hasattr(value, "items"):
        return {key: plain(one) for key, one in value.items()}
    return value


def values(preset: str, rules: Mapping[str, Any]) -> dict[str, Any]:
    """By key: what holds under a preset with these rules put over it. Raises InvalidRules."""
    return json.loads(_values(preset, json.dumps(rules, sort_keys=True)))  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _values(preset: str, rules: str) -> str:
    loaded = load_preset(preset, json.loads(rules))
    return json.dumps({key: plain(_at(loaded, key)) for key in RULES})


def _at(preset: Preset, key: str) -> Any:
    found: Any = preset if key.startswith("process.") else preset.rules
    for part in key.split("."):
        found = getattr(found, part)
    return found


def overrides(preset: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """The keys to put over a preset so that these values hold; None takes a key of the preset away."""
    kept: dict[str, Any] = {}
    given = values(preset, {})
    for key, value in wanted.items():
        if value == given[key]:
            continue
        if isinstance(value, dict):
            value = {
                name: value.get(name)
                for name in {**given[key], **value}
                if value.get(name) != given[key].get(name)
            }
        *tables, last = key.split(".")
        table = kept
        for name in tables:
            table = table.setdefault(name, {})
        table[last] = value
    return kept


def changes(preset: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By key: what held before and what holds after, where that differs."""
    old, new = values(preset, before), values(preset, after)
    return {key: [old[key], new[key]] for key in RULES if old[key] != new[key]}


def tidied(value: Any) -> Any:
    """Rules as they are kept: no invisible characters in any text of theirs."""
    if isinstance(value, str):
        return tidy(value)
    if isinstance(value, dict):
        return {tidy(key): tidied(one) for key, one in value.items()}
    return [tidied(one) for one in value] if isinstance(value, list) else value


def problems(preset: str, rules: Mapping[str, Any]) -> list[FieldProblem]:
    """Everything wrong with rules that shall be put over a preset, each with the field it belongs to."""
    found = [
        FieldProblem(PREFIX + key, Message("rule-elsewhere", "This is no rule that can be set here."))
        for key in _leaves(rules)
        if rule_of(key) is None
    ]
    try:
        load_preset(preset, rules)
    except InvalidRules as error:
        for problem in error.problems:
            rule = rule_of(problem.column)
            found.append(FieldProblem(rule.name if rule else PREFIX + problem.column, problem.message))
    once: dict[str, FieldProblem] = {}
    for one in found:
        once.setdefault(one.field, one)
    return list(once.values())


def rule_of(place: str) -> Rule | None:
    """The rule that a place in a preset's file belongs to, such as `roles[1].kinds`."""
    parts = place.split("[")[0].split(".")
    for length in range(len(parts), 0, -1):
        if (rule := RULES.get(".".join(parts[:length]))) is not None:
            return rule
    return None


def _leaves(rules: Mapping[str, Any], where: str = "") -> Iterator[str]:
    for key, value in rules.items():
        place = f"{where}.{key}" if where else key
        if isinstance(value, dict) and rule_of(place) is None and value:
            yield from _leaves(value, place)
        else:
            yield place
