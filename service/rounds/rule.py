"""What a rule of a round is: its key, what it holds, what it is called and does."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.messages import Message

PREFIX = "rules."
"""Before a rule's key in the names of form fields and problems."""


class Kind(StrEnum):
    """What a rule holds, and with it how it is typed and said."""

    COUNT = "count"
    NUMBER = "number"
    FLAG = "flag"
    ONE = "one"
    MANY = "many"
    CODES = "codes"
    PLACES = "places"
    SUM = "sum"
    ROLES = "roles"
    BUDGETS = "budgets"
    QUOTAS = "quotas"
    CRITERIA = "criteria"
    MARKS = "marks"
    QUESTIONS = "questions"
    WEIGHTS = "weights"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `key` is its place in a preset's file; `says` tells in a sentence what it asks for."""

    key: str
    kind: Kind
    label: Message
    help: Message
    says: Message | None = None
    """With the field {value}; None: it is technical, and nobody but facilitators needs to read it."""
    scheme: str = ""
    options: Mapping[str, Message] = field(default_factory=dict)
    explained: Mapping[str, Message] = field(default_factory=dict)
    """What each option means."""
    unlimited: bool = False
    """Whether it may be left empty."""
    phase: str = ""
    """The phase without which it says nothing."""
    advanced: bool = False

    @property
    def name(self) -> str:
        """The name of its form field."""
        return PREFIX + self.key


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that belong together."""

    code: str
    title: Message
    rules: tuple[Rule, ...]
