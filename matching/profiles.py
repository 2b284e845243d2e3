"""Profiles: a need or an offer as the library sees it.

Amounts are integers in hundredths of their unit (`12000` in CNY is 120 yuan; `250` in hours is two and
a half hours). Codes (`kind`, `themes`, `places`, …) are those of `data/vocabulary`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from matching.messages import Quantity

if TYPE_CHECKING:
    from datetime import date

    from matching.errors import Problem

MONEY = "money"
LABOUR_KINDS = frozenset({"staff", "volunteers"})
"""Resource kinds that can stand in for the labour part of a sum of money, at their stated worth."""


class Side(StrEnum):
    """Whether something is sought or given."""

    NEED = "need"
    OFFER = "offer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Organization:
    """Who stands behind a profile, with the facts that rules ask for. None means: not known."""

    id: str
    name: str
    kind: str = "ngo"
    places: frozenset[str] = frozenset()
    registered: date | None = None
    inspection_passed: bool | None = None
    rating: int | None = None
    verified: bool | None = None
    bad_record: bool = False
    barred_until: date | None = None
    conflicts: frozenset[str] = frozenset()
    """Ids of organizations with which there is a conflict of interest."""
    overdue: int = 0
    """How many reports of earlier agreements it owes, where a round lets nobody in who does."""
    overdue_since: date | None = None
    left_out: int = 0
    """How many rounds in a row, up to the last it took part in, it has left with nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceLine:
    """One resource of a profile: how much of what.

    On a need, `minimum` is the least that makes the project viable (0: any amount helps), `labour` and
    `overhead` are the parts of a sum of money that pay people and administration, and a line that is not
    `critical` may stay empty without stopping the project.
    On an offer, `worth` is the value of the whole line in money, `cheque_min` and `cheque_max` bound what
    one project may get from it.
    """

    kind: str
    amount: int
    unit: str
    minimum: int = 0
    labour: int = 0
    overhead: int = 0
    critical: bool = True
    worth: Quantity | None = None
    cheque_min: int = 0
    cheque_max: int | None = None

    @property
    def quantity(self) -> Quantity:
        """The whole line: how much of what unit."""
        return Quantity(self.amount, self.unit)


@dataclass(frozen=True, slots=True, kw_only=True)
class Strings:
    """Strings attached to an offer: conditions a need must meet. An empty set means: any."""

    places: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()
    organization_kinds: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    min_rating: int | None = None
    min_beneficiaries: int | None = None
    verified: bool = False
    pays_labour: bool = True
    pays_overhead: bool = True
    vetoes: frozenset[str] = frozenset()
    """Ids of organizations this offer must never be paired with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """A need or an offer.

    `themes`, `groups`, `goals` and `places` are what the need is about, or what the offer cares for.
    `preferences` are ids of the other side, best first, where someone has ranked them.
    """

    id: str
    side: Side
    title: str
    text: str
    organization: Organization
    lines: tuple[ResourceLine, ...]
    themes: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    goals: frozenset[str] = frozenset()
    places: frozenset[str] = frozenset()
    languages: frozenset[str] = frozenset()
    starts: date | None = None
    ends: date | None = None
    published: date | None = None
    expires: date | None = None
    beneficiaries: int | None = None
    strings: Strings = field(default_factory=Strings)
    most_projects: int | None = None
    preferences: tuple[str, ...] = ()
    synthetic: bool = False

    @property
    def full_text(self) -> str:
        """Title and text together, as they are searched."""
        return f"{self.title}\n{self.text}" if self.text else self.title


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooperation:
    """A signed cooperation that is already known: it feeds track records and uses up an offer's budget."""

    id: str
    need_organization: str
    offer_organization: str
    title: str = ""
    signed: date | None = None
    offer: str = ""
    quantity: Quantity | None = None
    kind: str = ""
    theme: str = ""
    synthetic: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profiles:
    """All that one source holds."""

    needs: tuple[Profile, ...]
    offers: tuple[Profile, ...]
    cooperations: tuple[Cooperation, ...] = ()
    problems: tuple[Problem, ...] = ()
    """Rows that were left out, where the caller asked to keep the good ones."""
