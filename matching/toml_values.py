"""Values of TOML tables, read one by one; what is wrong is gathered by key and value, not raised at once."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from matching.errors import InvalidRules, Problem
from matching.messages import Message, Quantity
from matching.reading.quantities import parse_amount
from matching.vocabulary import default_vocabulary


class Invalid(Exception):
    """One value that cannot be used; a `Reader` gathers it."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class Reader:
    """Turns the tables of a TOML file into rules and gathers what is wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []

    def finish(self, source: str) -> None:
        """Raise what has been gathered."""
        if self.problems:
            message = Message("invalid-rules", "The rules in {source} cannot be used.", source=source)
            raise InvalidRules(message, self.problems)

    def table(self, table: object, where: str, spec: Mapping[str, Parser]) -> dict[str, Any]:
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
            except Invalid as invalid:
                self.refuse(place, value, invalid.message)
        return values

    def refuse(self, where: str, value: object, message: Message) -> None:
        """Note that the value at `where` cannot be used."""
        self.problems.append(Problem(row=None, column=where, value=_shown(value), message=message))


Parser = Callable[[Reader, Any, str], Any]
"""Called with the reader, a value and where it stands; raises Invalid."""


def _shown(value: object) -> str:
    return value if isinstance(value, str) else ("" if isinstance(value, dict) else repr(value))


def flag(_reader: Reader, value: object, _where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Invalid(Message("not-a-flag", "Write true or false."))
    return value


def count(least: int, most: int = 10**9) -> Parser:
    """A whole number within bounds."""

    def parse(_reader: Reader, value: object, _where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise Invalid(
                Message("not-a-count", "Write a whole number from {least} to {most}.", least=least, most=most)
            )
        return value

    return parse


def number(least: float, most: float) -> Parser:
    """A number within bounds."""

    def parse(_reader: Reader, value: object, _where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise Invalid(
                Message("not-a-number", "Write a number from {least} to {most}.", least=least, most=most)
            )
        return float(value)

    return parse


def text(_reader: Reader, value: object, _where: str) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value.strip():
        raise Invalid(Message("not-a-text", "Write a text."))
    return value


def day(_reader: Reader, value: object, _where: str) -> date:
    """A date."""
    if not isinstance(value, date):
        raise Invalid(Message("not-a-date", "Write a date such as 2021-11-24."))
    return value


def quantity(_reader: Reader, value: object, _where: str) -> Quantity:
    """An amount with its unit."""
    try:
        return parse_amount(str(value))
    except ValueError as error:
        raise Invalid(
            Message("not-a-sum", "Write an amount with its currency, such as 50000 CNY.")
        ) from error


def choice(*choices: str) -> Parser:
    """One of these words."""

    def parse(_reader: Reader, value: object, _where: str) -> str:
        if value not in choices:
            raise Invalid(Message("not-a-choice", "Choose one of: {choices}.", choices=", ".join(choices)))
        return str(value)

    return parse


def strings(reader: Reader, value: object, where: str) -> tuple[str, ...]:
    """A list of texts."""
    if not isinstance(value, list):
        raise Invalid(Message("not-a-list", 'Write a list of texts, such as ["ngo"].'))
    return tuple(text(reader, item, where) for item in value)


def codes(scheme: str) -> Parser:
    """A list of codes of one scheme of the vocabulary."""

    def parse(reader: Reader, value: object, where: str) -> frozenset[str]:
        known = default_vocabulary().codes(scheme)
        for code in (codes := strings(reader, value, where)):
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


def each(spec: Mapping[str, Parser], kind: type, *required: str) -> Parser:
    """A list of tables, each made into a `kind`."""

    def parse(reader: Reader, value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise Invalid(Message("not-a-list-of-tables", "Write a list of tables ([[{key}]]).", key=where))
        return tuple(
            record(kind, spec, *required)(reader, item, f"{where}[{number}]")
            for number, item in enumerate(value, 1)
        )

    return parse


def record(kind: type, spec: Mapping[str, Parser], *required: str) -> Parser:
    """A table made into a `kind`; `required` keys must be there."""

    def parse(reader: Reader, value: object, where: str) -> Any:
        found = len(reader.problems)
        values = reader.table(value, where, spec)
        missing = [key for key in required if isinstance(value, dict) and key not in value]
        for key in missing:
            reader.refuse(f"{where}.{key}", "", Message("missing-key", "This key is needed."))
        return kind(**values) if len(reader.problems) == found else None

    return parse
