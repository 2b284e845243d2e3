"""What lists show of public listings: read in one statement, and kept for as long as it stays the same.

A list shows twenty listings at once, so a card is a few columns and not two rows of the ORM. The statement
asks every time; what it answers is the key under which a card is kept, so that nothing older is ever shown.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, Text, bindparam, cast
from sqlmodel import col, select

from service.listings import queries
from service.listings.models import Listing
from service.organizations import queries as organizations
from service.organizations.models import Organization

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlmodel import Session

KEPT = 16_384
"""Of how many listings the card is kept."""


@dataclass(frozen=True, slots=True)
class Maker:
    """Whose listing it is, on a card."""

    name: str
    language: str
    status: str
    places: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Card:
    """What a list shows of a listing; parts that look the same in every list are drawn once, into `drawn`."""

    key: int
    uid: str
    side: str
    language: str
    title: str
    published: date | None
    expires: date | None
    budget: int | None
    currency: str
    themes: Sequence[str]
    groups: Sequence[str]
    places: Sequence[str]
    lines: Sequence[dict[str, Any]]
    drawn: dict[tuple[Any, ...], str] = field(default_factory=dict, repr=False)


_PLAIN = ("id", "uid", "side", "language", "title", "published", "expires", "budget", "currency")
_LISTS = ("themes", "groups", "places", "lines")
"""Read as text, which can be a key."""
_DAY = bindparam("day", type_=Date())
_PUBLIC = (
    select(
        *(getattr(Listing, name) for name in _PLAIN),
        *(cast(getattr(Listing, name), Text) for name in _LISTS),
        Organization.name,
        Organization.language,
        Organization.status,
        cast(Organization.places, Text).label("near"),
    )  # type: ignore[call-overload]
    .join(Organization, col(Organization.id) == col(Listing.organization_id))
    .where(col(Listing.id).in_(bindparam("numbers", expanding=True)))
    .where(queries.open_on(_DAY), organizations.acting(_DAY))
)


def public_cards(session: Session, numbers: Iterable[int]) -> dict[int, tuple[Card, Maker]]:
    """By number, the cards of those of the listings that everybody sees, with whose they are."""
    asked = {"numbers": list(numbers), "day": queries.today()}
    return {row[0]: _card(*row) for row in session.execute(_PUBLIC, asked)}


@lru_cache(maxsize=KEPT)
def _card(*row: Any) -> tuple[Card, Maker]:
    plain, lists, (name, language, status, places) = row[: len(_PLAIN)], row[len(_PLAIN) : -4], row[-4:]
    maker = Maker(name, language, status, json.loads(places))
    return Card(*plain, *(json.loads(text) for text in lists)), maker
