"""Rules on a form and in words: typed → value → typed, and a value as people say it.

A rule's field is called `rules.<key>`; those with lines have `rules.<key>-<line>-<column>`. What cannot be
read stays as it was typed, so that the library's reader says what is wrong with it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from matching.messages import Message, Quantity, Term
from matching.reading.quantities import InvalidValue, parse_amount
from matching.vocabulary import default_vocabulary
from service.i18n import list_text, number_text
from service.organizations.checks import places_of
from service.rounds.procedure import CRITERIA
from service.rounds.rule import Kind, Rule
from service.rounds.rulebook import GROUPS, RULES
from service.rounds.ruling import overrides, plain, values
from service.wording import quantity_text, say, term_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from service.rounds.models import Round
    from service.web import Typed

MOST_LINES = 20
"""How many lines a table of rules has at most."""
SPARE_LINES = 2
_LINE = re.compile(r"(\d{1,2})-([a-z_]+)")
_COLUMNS = {
    Kind.ROLES: ("needs_from", "offers_from", "kinds"),
    Kind.BUDGETS: ("name", "offers", "limit"),
    Kind.QUOTAS: ("what", "at_least"),
    Kind.CRITERIA: ("name", "weight"),
    Kind.MARKS: ("mark", "up_to"),
}
NOTHING = Message("rule-nothing", "Not asked for")
YES = Message("rule-yes", "Yes")
NO = Message("rule-no", "No")

Fields = dict[str, list[str]]


def read(preset: str, typed: Typed, language: str) -> dict[str, Any]:
    """The keys to put over a preset for what was typed."""
    wanted = {key: _READERS[rule.kind](rule, typed, language) for key, rule in RULES.items()}
    return overrides(preset, wanted)


def typed_as(preset: str, rules: Mapping[str, Any], language: str) -> Fields:
    """What holds, as somebody would type it."""
    fields: Fields = {}
    for key, value in values(preset, rules).items():
        fields |= _WRITERS[RULES[key].kind](RULES[key], value, language)
    return fields


def line_count(rule: Rule, fields: Mapping[str, list[str]]) -> int:
    """How many lines a table of the form shows: all that say something, and spare ones."""
    used = [int(match[1]) + 1 for name in fields if (match := _line(rule, name)) and any(fields[name])]
    spare = 1 if rule.kind in (Kind.ROLES, Kind.BUDGETS) else SPARE_LINES
    return min(max([0, *used]) + spare, MOST_LINES)


def _line(rule: Rule, name: str) -> re.Match[str] | None:
    before = f"{rule.name}-"
    return _LINE.fullmatch(name.removeprefix(before)) if name.startswith(before) else None


# Typed → value ----------------------------------------------------------------------------------------


def _count(rule: Rule, typed: Typed, _language: str) -> Any:
    return _number_of(typed.text(rule.name), rule, int)


def _number(rule: Rule, typed: Typed, _language: str) -> Any:
    return _number_of(typed.text(rule.name).replace(",", "."), rule, float)


def _number_of(text: str, rule: Rule, kind: type[int] | type[float]) -> Any:
    if not text.strip():
        return None if rule.unlimited else ""
    try:
        return kind(text)
    except ValueError:
        return text


def _flag(rule: Rule, typed: Typed, _language: str) -> bool:
    return typed.text(rule.name) == "yes"


def _one(rule: Rule, typed: Typed, _language: str) -> str:
    return typed.text(rule.name)


def _many(rule: Rule, typed: Typed, _language: str) -> list[str]:
    chosen = typed.texts(rule.name)
    return [one for one in rule.options if one in chosen] + [one for one in chosen if one not in rule.options]


def _codes(rule: Rule, typed: Typed, _language: str) -> list[str]:
    return sorted(set(typed.texts(rule.name)))


def _places(rule: Rule, typed: Typed, _language: str) -> list[str]:
    return sorted(places_of(typed.text(rule.name)))


def _sum(rule: Rule, typed: Typed, language: str) -> str | None:
    return _sum_of(typed.text(rule.name), language) or None


def _sum_of(text: str, language: str) -> str:
    try:
        return str(plain(parse_amount(text, language=language))) if text.strip() else ""
    except InvalidValue:
        return text


def _lines(rule: Rule, typed: Typed) -> list[dict[str, list[str]]]:
    """The lines of a table that say something, column by column."""
    found = []
    for number in range(MOST_LINES):
        line = {column: typed.texts(f"{rule.name}-{number}-{column}") for column in _COLUMNS[rule.kind]}
        if any(value.strip() for values in line.values() for value in values):
            found.append(line)
    return found


def _first(line: Mapping[str, list[str]], column: str) -> str:
    return next(iter(line[column]), "").strip()


def _roles(rule: Rule, typed: Typed, _language: str) -> list[dict[str, list[str]]]:
    return [{column: sorted(set(codes)) for column, codes in line.items()} for line in _lines(rule, typed)]


def _budgets(rule: Rule, typed: Typed, language: str) -> list[dict[str, Any]]:
    return [
        {
            "name": _first(line, "name"),
            "offers": sorted(set(line["offers"])),
            "limit": _sum_of(_first(line, "limit"), language),
        }
        for line in _lines(rule, typed)
    ]


def _quotas(rule: Rule, typed: Typed, _language: str) -> list[dict[str, Any]]:
    found = []
    for line in _lines(rule, typed):
        scheme, _, code = _first(line, "what").partition(":")
        found.append(
            {"scheme": scheme, "code": code, "at_least": _number_of(_first(line, "at_least"), rule, int)}
        )
    return found


def _criteria(rule: Rule, typed: Typed, language: str) -> dict[str, Any]:
    by_name = {say(name, language).casefold(): code for code, name in CRITERIA.items()}
    found = {}
    for line in _lines(rule, typed):
        name = _first(line, "name")
        found[by_name.get(name.casefold(), name)] = _number_of(_first(line, "weight"), rule, int)
    return found


def _pass_marks(rule: Rule, typed: Typed, language: str) -> list[dict[str, Any]]:
    return [
        {
            "mark": _number_of(_first(line, "mark"), rule, int),
            "up_to": _sum_of(_first(line, "up_to"), language) or None,
        }
        for line in _lines(rule, typed)
    ]


def _questions(rule: Rule, typed: Typed, _language: str) -> list[str]:
    known = [code for code in rule.options if code in typed.texts(rule.name)]
    own = [line.strip() for line in typed.text(f"{rule.name}-own").splitlines()]
    return [*known, *(line for line in own if line)]


def _weights(rule: Rule, typed: Typed, _language: str) -> dict[str, Any]:
    texts = {part: typed.text(f"{rule.name}-{part}").replace(",", ".") for part in rule.options}
    return {part: _number_of(text, rule, float) for part, text in texts.items()}


_READERS: Mapping[Kind, Callable[[Rule, Any, str], Any]] = {
    Kind.COUNT: _count,
    Kind.NUMBER: _number,
    Kind.FLAG: _flag,
    Kind.ONE: _one,
    Kind.MANY: _many,
    Kind.CODES: _codes,
    Kind.PLACES: _places,
    Kind.SUM: _sum,
    Kind.ROLES: _roles,
    Kind.BUDGETS: _budgets,
    Kind.QUOTAS: _quotas,
    Kind.CRITERIA: _criteria,
    Kind.MARKS: _pass_marks,
    Kind.QUESTIONS: _questions,
    Kind.WEIGHTS: _weights,
}


# Value → typed ----------------------------------------------------------------------------------------


def _text(rule: Rule, value: Any, _language: str) -> Fields:
    return {rule.name: [] if value is None else [f"{value:g}" if isinstance(value, float) else str(value)]}


def _list(rule: Rule, value: Any, _language: str) -> Fields:
    return {rule.name: list(value)}


def _yes(rule: Rule, value: Any, _language: str) -> Fields:
    return {rule.name: ["yes"] if value else []}


def _place_names(rule: Rule, value: Any, language: str) -> Fields:
    return {rule.name: ["; ".join(term_text(Term("places", code), language) for code in value)]}


def _table(rule: Rule, value: Any, language: str) -> Fields:
    fields: Fields = {}
    for number, line in enumerate(_typed_lines(rule, value, language)):
        for column, texts in line.items():
            fields[f"{rule.name}-{number}-{column}"] = texts
    return fields


def _typed_lines(rule: Rule, value: Any, language: str) -> list[Fields]:
    if rule.kind is Kind.CRITERIA:
        return [
            {"name": [criterion_name(code, language)], "weight": [str(weight)]}
            for code, weight in value.items()
        ]
    if rule.kind is Kind.QUOTAS:
        return [
            {"what": [f"{one['scheme']}:{one['code']}"], "at_least": [str(one["at_least"])]} for one in value
        ]
    return [
        {
            name: one if isinstance(one, list) else [] if one is None else [str(one)]
            for name, one in line.items()
        }
        for line in value
    ]


def _question_fields(rule: Rule, value: Any, _language: str) -> Fields:
    own = [question for question in value if question not in rule.options]
    known = [question for question in value if question in rule.options]
    return {rule.name: known, f"{rule.name}-own": ["\n".join(own)]}


def _weight_fields(rule: Rule, value: Any, _language: str) -> Fields:
    return {f"{rule.name}-{part}": [f"{value[part]:g}"] for part in rule.options}


_WRITERS: Mapping[Kind, Callable[[Rule, Any, str], Fields]] = {
    Kind.COUNT: _text,
    Kind.NUMBER: _text,
    Kind.FLAG: _yes,
    Kind.ONE: _text,
    Kind.MANY: _list,
    Kind.CODES: _list,
    Kind.PLACES: _place_names,
    Kind.SUM: _text,
    Kind.ROLES: _table,
    Kind.BUDGETS: _table,
    Kind.QUOTAS: _table,
    Kind.CRITERIA: _table,
    Kind.MARKS: _table,
    Kind.QUESTIONS: _question_fields,
    Kind.WEIGHTS: _weight_fields,
}


# Value → words ----------------------------------------------------------------------------------------


def criterion_name(code: str, language: str) -> str:
    """What a review criterion is called."""
    return say(CRITERIA[code], language) if code in CRITERIA else code


def words(rule: Rule, value: Any, language: str) -> str:
    """A value as people say it."""
    if value is None or value in ([], {}, "") or (value is False):
        return say(NO if rule.kind is Kind.FLAG else NOTHING, language)
    match rule.kind:
        case Kind.FLAG:
            return say(YES, language)
        case Kind.ONE:
            return say(rule.options[value], language)
        case Kind.MANY:
            return list_text((say(rule.options[one], language) for one in value), language)
        case Kind.CODES:
            return terms(rule.scheme, value, language)
        case Kind.PLACES:
            return terms("places", value, language)
        case Kind.SUM:
            return _money(value, language)
        case Kind.ROLES:
            return "; ".join(_role_words(role, language) for role in value)
        case Kind.BUDGETS:
            return list_text((f"{one['name']} ({_money(one['limit'], language)})" for one in value), language)
        case Kind.QUOTAS:
            return list_text(
                (
                    f"{term_text(Term(one['scheme'], one['code']), language)} {one['at_least']}"
                    for one in value
                ),
                language,
            )
        case Kind.CRITERIA:
            return list_text(
                (f"{criterion_name(code, language)} {weight} %" for code, weight in value.items()), language
            )
        case Kind.MARKS:
            return list_text((_mark_words(one, language) for one in value), language)
        case Kind.QUESTIONS:
            return " / ".join(
                say(rule.options[one], language) if one in rule.options else one for one in value
            )
        case Kind.WEIGHTS:
            parts = (f"{say(name, language)} {value[part]:g}" for part, name in rule.options.items())
            return list_text(parts, language)
        case _:
            return number_text(value, language)


def _role_words(role: Mapping[str, list[str]], language: str) -> str:
    anybody = say(Message("role-anybody", "Anybody"), language)
    anything = say(Message("role-anything", "anything"), language)
    return say(
        Message(
            "role-words",
            "{givers} → {takers}: {kinds}",
            givers=terms("organization_kinds", role["offers_from"], language) or anybody,
            takers=terms("organization_kinds", role["needs_from"], language) or anybody,
            kinds=terms("kinds", role["kinds"], language) or anything,
        ),
        language,
    )


def _mark_words(one: Mapping[str, Any], language: str) -> str:
    if one["up_to"] is None:
        return number_text(one["mark"], language)
    upto = Message("pass-mark-words", "{mark} up to {sum}", mark=one["mark"], sum=parse_amount(one["up_to"]))
    return say(upto, language)


def terms(scheme: str, codes: Any, language: str) -> str:
    """Words of the vocabulary, one after the other, in the vocabulary's order."""
    order = default_vocabulary().codes(scheme)
    return list_text((term_text(Term(scheme, code), language) for code in order if code in codes), language)


def _money(text: str, language: str) -> str:
    quantity: Quantity = parse_amount(text)
    return quantity_text(quantity, language)


def sentences(one: Round, language: str) -> dict[str, tuple[Message, list[str]]]:
    """What a round's rules ask for in plain words, by group; what asks for nothing is left out."""
    held = values(one.preset, one.rules)
    found = {}
    for group in GROUPS:
        said = [
            say(
                Message(rule.says.code, rule.says.template, value=words(rule, held[rule.key], language)),
                language,
            )
            for rule in group.rules
            if rule.says and held[rule.key] and (not rule.phase or rule.phase in one.phases)
        ]
        if said:
            found[group.code] = (group.title, said)
    return found


def _sentence(says: Message, value: str, language: str) -> str:
    return say(Message(says.code, says.template, value=value), language)
