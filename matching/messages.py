"""Sentences the library has to say, kept apart from the language they are said in.

A `Message` is a stable code, an English template and its parameters. `str(message)` is the English
sentence; a service translates the template with gettext and fills in the same parameters. Parameters
that have a name of their own in every language travel as `Term` or `Quantity`, never as words.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date


@dataclass(frozen=True, slots=True, order=True)
class Term:
    """A word of the vocabulary: `scheme` (themes, kinds, …) and `code`; shown by its label."""

    scheme: str
    code: str

    def __str__(self) -> str:
        return self.code


@dataclass(frozen=True, slots=True, order=True)
class Quantity:
    """`amount` in hundredths of `unit`; `unit` is an ISO 4217 currency or a code of units.csv."""

    amount: int
    unit: str

    def __str__(self) -> str:
        whole, rest = divmod(self.amount, 100)
        return f"{whole:,}{f'.{rest:02}' if rest else ''} {self.unit}"


Param: TypeAlias = "str | int | float | date | Term | Quantity | Message"


class Message:
    """What is said: `code` for machines, `template` for translators, `params` for both.

    >>> str(Message("too-few", "{count} beneficiaries; at least {least} are asked for", count=30, least=50))
    '30 beneficiaries; at least 50 are asked for'
    """

    __slots__ = ("code", "params", "template")

    def __init__(self, code: str, template: str, **params: Param) -> None:
        self.code = code
        self.template = template
        self.params: Mapping[str, Param] = MappingProxyType(params)

    def __str__(self) -> str:
        return self.template.format_map(self.params)

    def __repr__(self) -> str:
        return f"Message({self.code!r}, {str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Message) and (self.code, dict(self.params)) == (
            other.code,
            dict(other.params),
        )

    def __hash__(self) -> int:
        return hash((self.code, str(self)))
