"""Lifecycles: which step leads from which status to which, and which of them need a reason."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

from matching.messages import Message
from service.errors import BadInput, NotNow
from service.states import unfitting

if TYPE_CHECKING:
    from collections.abc import Iterable

Status = TypeVar("Status", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Step(Generic[Status]):
    """A named transition. `needs_reason`: it is never taken without one."""

    name: str
    sources: frozenset[Status]
    target: Status
    needs_reason: bool = False


def step(
    name: str, sources: Status | Iterable[Status], target: Status, *, needs_reason: bool = False
) -> Step[Status]:
    """A step from one status or several."""
    found = frozenset({sources}) if isinstance(sources, StrEnum) else frozenset(sources)
    return Step(name, found, target, needs_reason)


class Lifecycle(Generic[Status]):
    """All steps of one noun. A name may stand for several steps as long as their sources differ."""

    def __init__(self, noun: str, *steps: Step[Status]) -> None:
        self.noun = noun
        self.steps = steps

    def after(self, status: Status, name: str, reason: str = "") -> Status:
        """The status that the step `name` leads to. Raises NotNow, or BadInput where a reason is missing."""
        for one in self.steps:
            if one.name == name and status in one.sources:
                if one.needs_reason and not reason.strip():
                    raise BadInput.one("reason", Message("reason-needed", "Please give a reason."))
                return one.target
        raise NotNow(unfitting(status))

    def possible(self, status: Status) -> tuple[str, ...]:
        """The steps that can be taken from a status."""
        return tuple(one.name for one in self.steps if status in one.sources)
