"""Everything the library raises on purpose.

MatchingError
├── InvalidProfiles      rows that cannot be read, all of them at once (`.problems`)
├── InvalidRules         a preset or an option that contradicts itself (`.problems`)
├── UnreadableFile       not a table at all: encoding, format, size
├── UnknownName          a scenario, preset, model or language nobody knows (`.suggestions`)
└── Infeasible           locks that cannot all hold (`.remedies`)

Every error carries a `Message`, so that a service can say it in the reader's language.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.messages import Message


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in what somebody gave us: where it is, what stood there, how to mend it.

    `row` is the row as the person sees it in the file (1 is the header), None where there is none.
    """

    row: int | None
    column: str
    value: str
    message: Message
    sheet: str = ""

    def __str__(self) -> str:
        sheet = f"{self.sheet}, " if self.sheet else ""
        row = f"row {self.row}, " if self.row is not None else ""
        value = f" “{self.value}”" if self.value else ""
        return f"{sheet}{row}{self.column}{value}: {self.message}"


class MatchingError(Exception):
    """The library cannot do what it was asked; `.message` says why."""

    def __init__(self, message: Message) -> None:
        super().__init__(str(message))
        self.message = message


class _Problems(MatchingError):
    def __init__(self, message: Message, problems: Sequence[Problem]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join([str(self.message), *map(str, self.problems)])


class InvalidProfiles(_Problems):
    """Rows of a file that cannot be taken as needs or offers."""


class InvalidRules(_Problems):
    """A preset file or an option that is not a valid set of rules."""


class UnreadableFile(MatchingError):
    """The file is no table this library can read."""


class UnknownName(MatchingError):
    """A name that is not among the known ones; `.suggestions` are the nearest."""

    def __init__(self, message: Message, suggestions: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.suggestions = tuple(suggestions)


class Infeasible(MatchingError):
    """Locks and quotas that cannot hold together; `.remedies` say what would let them."""

    def __init__(self, message: Message, remedies: Sequence[Message]) -> None:
        super().__init__(message)
        self.remedies = tuple(remedies)

    def __str__(self) -> str:
        return "\n".join([str(self.message), *map(str, self.remedies)])
