"""Says the library's messages in a reader's language: templates through gettext, words through labels."""

from __future__ import annotations

from datetime import date
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from matching.messages import Message, Quantity, Term
from matching.vocabulary import default_vocabulary
from service.i18n import catalogue, date_text, ended_once, money_text, number_text, plural

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.messages import Param

HUNDREDTHS = 100
_NO_NAMES: Mapping[str, str] = MappingProxyType({})


def say(message: Message, language: str, names: Mapping[str, str] = _NO_NAMES) -> str:
    """The message as a sentence of `language`; texts that are keys of `names` (ids) become their values."""
    template = catalogue(language).gettext(message.template)
    words = {name: _word(value, language, names) for name, value in message.params.items()}
    return ended_once(template.format_map(words))


def stored(message: Message) -> dict[str, Any]:
    """The message as JSON, to be said later in any language; `restored` gives it back."""
    return {
        "code": message.code,
        "template": message.template,
        "params": {name: _stored_param(value) for name, value in message.params.items()},
    }


def restored(kept: Mapping[str, Any]) -> Message:
    """A message that was `stored`."""
    params = {name: _restored_param(value) for name, value in kept["params"].items()}
    return Message(kept["code"], kept["template"], **params)


def _stored_param(value: Param) -> Any:
    match value:
        case Message():
            return {"message": stored(value)}
        case Term():
            return {"term": [value.scheme, value.code]}
        case Quantity():
            return {"quantity": [value.amount, value.unit]}
        case date():
            return {"date": value.isoformat()}
        case _:
            return value


def _restored_param(value: Any) -> Param:
    match value:
        case {"message": kept}:
            return restored(kept)
        case {"term": [scheme, code]}:
            return Term(scheme, code)
        case {"quantity": [amount, unit]}:
            return Quantity(amount, unit)
        case {"date": day}:
            return date.fromisoformat(day)
        case _:
            param: Param = value
            return param


def _word(value: Param, language: str, names: Mapping[str, str]) -> str:
    if isinstance(value, Message):
        return say(value, language, names)
    if isinstance(value, Term):
        return term_text(value, language)
    if isinstance(value, Quantity):
        return quantity_text(value, language)
    if isinstance(value, date):
        return date_text(value, language)
    if isinstance(value, str):
        return names.get(value, value)
    return number_text(value, language)


def term_text(term: Term, language: str) -> str:
    """The label of a word of the vocabulary."""
    return default_vocabulary().label(term.scheme, term.code, language)


def quantity_text(quantity: Quantity, language: str) -> str:
    """How much of what: money as the language writes it, other units by their label."""
    value = quantity.amount / HUNDREDTHS
    if quantity.unit in _currencies():
        return money_text(value, quantity.unit, language)
    if quantity.unit not in _UNITS:
        return f"{number_text(value, language)} {quantity.unit}"
    singular, many = _UNITS[quantity.unit]
    return plural(singular, many, value, language).format(n=number_text(value, language))


@cache
def _currencies() -> frozenset[str]:
    return frozenset(default_vocabulary().codes("currencies"))


def _forms(singular: str, many: str) -> tuple[str, str]:
    """Mark the two forms of a phrase for translation."""
    return singular, many


_UNITS = {
    "project": _forms("{n} project", "{n} projects"),
    "hour": _forms("{n} hour", "{n} hours"),
    "day": _forms("{n} day", "{n} days"),
    "month": _forms("{n} month", "{n} months"),
    "person": _forms("{n} person", "{n} people"),
    "piece": _forms("{n} piece", "{n} pieces"),
    "set": _forms("{n} set", "{n} sets"),
    "box": _forms("{n} box", "{n} boxes"),
    "tonne": _forms("{n} tonne", "{n} tonnes"),
    "kilogram": _forms("{n} kilogram", "{n} kilograms"),
    "litre": _forms("{n} litre", "{n} litres"),
    "session": _forms("{n} session", "{n} sessions"),
    "trip": _forms("{n} trip", "{n} trips"),
    "square-metre": _forms("{n} square metre", "{n} square metres"),
    "seat": _forms("{n} seat", "{n} seats"),
    "post": _forms("{n} post", "{n} posts"),
    "case": _forms("{n} case", "{n} cases"),
}
