"""What searching keeps: a vector for each listing, saved searches, pins.

Vectors are searched in the process, exactly, on SQLite and on PostgreSQL alike (`index.SearchIndex`, a
product of matrices). ARCHITECTURE.md says with figures how far that goes.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic import Field as Limits
from sqlalchemy import JSON, Column, LargeBinary, UniqueConstraint
from sqlmodel import Field
from typing_extensions import TypedDict

from matching.profiles import Side
from service.db import Row, UtcDateTime, status_column
from service.organizations.models import NAME_CHARACTERS as ORGANIZATION_NAME

QUERY_CHARACTERS = 300
NAME_CHARACTERS = 120
MOST_SAVED = 50
"""How many saved searches one person may have."""
MOST_PINS = 500
MOST_CHOSEN = 20
"""How many codes of one scheme may be filtered by at once."""


class Embedding(Row, table=True):
    """The meaning and the words of one revision of a listing.

    A new revision gets a new row and the older one is deleted after it, so that every process catches up by
    reading the rows with larger numbers than it has seen.
    """

    __tablename__ = "search_embedding"

    listing_id: int = Field(foreign_key="listing.id", index=True, ondelete="CASCADE")
    model: str = Field(max_length=300)
    """`Embedder.name`: only vectors of one name may be compared."""
    revision: int
    language: str = Field(max_length=8)
    """As `matching.text` sees it; decides which mean is taken away and which words compare."""
    vector: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """A unit row of float32, little-endian, not centred."""
    words: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """`matching.text.content_tokens` of title and text, each once."""
    concepts: dict[str, list[str]] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """By scheme: the codes that it states or its text mentions."""


class Digest(StrEnum):
    """How often new results of a saved search are sent."""

    DAILY = "daily"
    WEEKLY = "weekly"
    NEVER = "never"


class SavedSearch(Row, table=True):
    """What somebody searches for again and again, and what they have been told of already."""

    __tablename__ = "saved_search"

    user_id: int = Field(foreign_key="user.id", index=True, ondelete="CASCADE")
    name: str = Field(max_length=NAME_CHARACTERS)
    query: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """`Asked` as JSON."""
    digest: Digest = Field(default=Digest.WEEKLY, sa_column=status_column(Digest, name="saved_search_digest"))
    last_sent: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When it was last looked through for a digest, whether or not there was anything to send."""
    shown: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    """uids of the listings that were there at saving or have been sent."""


class Pin(Row, table=True):
    """A listing that somebody wants to find again."""

    __tablename__ = "pin"
    __table_args__ = (UniqueConstraint("user_id", "listing_id", name="pin_once"),)

    user_id: int = Field(foreign_key="user.id", index=True, ondelete="CASCADE")
    listing_id: int = Field(foreign_key="listing.id", index=True, ondelete="CASCADE")


# What people type -------------------------------------------------------------------------------------


class Sort(StrEnum):
    """In which order results come. `best` without words is `newest`."""

    BEST = "best"
    NEWEST = "newest"
    DEADLINE = "deadline"
    AMOUNT = "amount"


class Deadline(StrEnum):
    """Until when a listing is open, at the latest: days from today."""

    WEEK = "7"
    MONTH = "30"
    QUARTER = "90"


Code = Annotated[str, StringConstraints(max_length=60)]
Codes = Annotated[list[Code], Limits(max_length=MOST_CHOSEN)]
WholeUnits = Annotated[float, Limits(ge=0, le=1e12, allow_inf_nan=False)]


class Filters(BaseModel):
    """What results must have: one of the codes of each scheme that is given, a sum, a deadline.

    Only listings of organizations that may act are ever found, so there is no filter for verified ones.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    side: Side | None = None
    theme: Codes = []
    group: Codes = []
    kind: Codes = []
    place: Codes = []
    language: Codes = []
    organization_kind: Codes = []
    currency: Annotated[str, Limits(max_length=3)] = ""
    amount_from: WholeUnits | None = None
    amount_to: WholeUnits | None = None
    """Whole units of `currency`; without one, of that which most of the results have."""
    organization: Annotated[str, Limits(max_length=ORGANIZATION_NAME)] = ""
    """Words of one of an organization's names, in any script, case and width."""
    deadline: Deadline | None = None
    sort: Sort = Sort.BEST


class Asked(Filters):
    """Words and filters together: what is saved."""

    q: Annotated[str, Limits(max_length=QUERY_CHARACTERS)] = ""

    @property
    def filters(self) -> Filters:
        """Without the words."""
        return Filters(**self.model_dump(exclude={"q"}))


class SavedSearchIn(BaseModel):
    """A search to keep."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Agua potable",
                    "query": {"q": "agua potable rural", "side": "need", "place": ["cn"]},
                    "digest": "weekly",
                }
            ]
        },
    )

    name: Annotated[str, Limits(max_length=NAME_CHARACTERS, description="Empty: made of the query.")] = ""
    query: Asked
    digest: Digest = Digest.WEEKLY


class SavedSearchChange(BaseModel):
    """Changed fields of a saved search; what is left out stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"digest": "daily"}]})

    name: Annotated[str, Limits(min_length=1, max_length=NAME_CHARACTERS)] | None = None
    digest: Digest | None = None


# What the API gives -----------------------------------------------------------------------------------


class HitOut(BaseModel):
    """A listing that was found. Everything else about it: `/api/v1/listings/{id}`."""

    id: str
    title: str
    language: str
    """The language it is written in; `und` where that is not known."""
    score: float | None
    """How well it fits, in [0, 1]; null where no words were searched for."""
    reasons: list[str]
    """Why it was found, the strongest first, in the reader's language."""


class CountOut(TypedDict):
    """How many results a code would leave."""

    code: str
    count: int


class SearchOut(BaseModel):
    """Results, the best (or newest …) first."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "items": [
                        {
                            "id": "0f0c7f5e6ab94a0fb6a8a3f1d7e3c2b1",
                            "title": "山区小学净水设备",
                            "language": "zh-Hans",
                            "score": 0.93,
                            "reasons": [
                                "Theme: Water and sanitation",
                                "Close in meaning, written in Simplified Chinese",
                            ],
                        }
                    ],
                    "next": None,
                    "total": 1,
                    "facets": {"theme": [{"code": "water-sanitation", "count": 1}]},
                    "currency": None,
                    "by_words": False,
                }
            ]
        }
    )

    items: list[HitOut]
    next: str | None = None
    """Give it as `cursor` for what follows; null: that was all."""
    total: int
    facets: dict[str, list[CountOut]]
    """By filter: the codes (of organizations the names) that results have, the most frequent first."""
    currency: str | None = None
    """In which currency amounts were compared where none was asked for: the one that most results have.

    Sums are never converted."""
    by_words: bool = False
    """True for the first seconds after a start: words and themes alone were compared, not yet meaning."""


class SavedSearchOut(BaseModel):
    """A saved search."""

    id: str
    name: str
    query: Asked
    digest: Digest
    last_sent: datetime | None
    created: datetime


class PinOut(BaseModel):
    """A pinned listing."""

    id: str
    """The listing's id."""
    title: str
    language: str
    pinned: datetime
