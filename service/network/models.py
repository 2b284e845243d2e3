"""The picture of the graph as a job has drawn it, and what programs get of it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Limits
from sqlalchemy import JSON, Column
from sqlmodel import Field

from service.db import Row

NOTE_CHARACTERS = 1_000


class Snapshot(Row, table=True):
    """Figures and layout of the graph of cooperations, kept until another cooperation is signed."""

    __tablename__ = "network_snapshot"

    fingerprint: str = Field(max_length=64, unique=True)
    """SHA-256 of the cooperations that it was made from."""
    figures: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """See `analysing.Figures`."""
    layout: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    """`nodes` and `edges`, see `analysing.Node` and `analysing.Edge`."""


class IntroductionIn(BaseModel):
    """Two organizations that should know each other, and what is said to both."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "organizations": ["5f0c2d…", "9a41be…"],
                    "note": "You both work for clean water in the same county.",
                }
            ]
        },
    )

    organizations: Annotated[list[Annotated[str, Limits(max_length=32)]], Limits(min_length=2, max_length=2)]
    note: Annotated[str, Limits(max_length=NOTE_CHARACTERS)] = ""


class StandingOut(BaseModel):
    """What an organization is in the graph of signed cooperations."""

    id: str
    name: str
    kind: str
    partners: int
    cooperations: int
    sectors: int
    """To how many sectors its partners belong."""
    between: float
    """On how large a share of the shortest ways between others it lies, in [0, 1]."""
    brokers: int
    """Pairs of its partners of two sectors that have signed nothing together."""
    cut_off: int
    """Organizations that would lose the rest without it."""
    group: int


class StandingsOut(BaseModel):
    """A page of the organizations in the graph."""

    items: list[StandingOut]
    page: int
    pages: int


class SectorPairOut(BaseModel):
    """How often two kinds of organization sign with each other, against chance."""

    kinds: list[str]
    link: str
    """A code of link_types; empty: another pair of sectors."""
    observed: int
    expected: float
    cold: bool
    """So few would come by chance in less than one case of twenty."""


class BridgeOut(BaseModel):
    """Two organizations whose tie alone holds two parts together."""

    organizations: list[str]
    size: int
    """Organizations in the smaller part."""


class GroupOut(BaseModel):
    """Organizations that sign more with each other than with others."""

    size: int
    kinds: dict[str, int]
    themes: list[str]
    members: list[str]
    """Those with most partners."""


class MonthOut(BaseModel):
    """What was signed in one month, such as `2021-11`."""

    month: str
    signed: int
    total: int
    newcomers: int
    organizations: int


class SumOut(BaseModel):
    """Money in hundredths of its currency."""

    amount: int
    currency: str


class FundOut(BaseModel):
    """How much of a fund's yearly limit was given, to how many projects."""

    name: str
    limit: SumOut
    given: int
    projects: int


class YearOut(BaseModel):
    """What was signed in one year."""

    year: int
    cooperations: int
    organizations: int
    money: list[SumOut]
    funds: list[FundOut]


class NetworkOut(BaseModel):
    """The graph of signed cooperations in numbers; organizations by id."""

    as_of: str
    organizations: int
    cooperations: int
    pairs: int
    parts: int
    """How many parts nothing joins."""
    largest: int
    """Organizations in the largest part."""
    links: dict[str, int]
    matrix: list[SectorPairOut]
    hubs: list[str]
    """Most partners first."""
    brokers: list[str]
    between: list[str]
    fragile: list[str]
    """Most organizations cut off without it first."""
    bridges: list[BridgeOut]
    groups: list[GroupOut]
    months: list[MonthOut]
    years: list[YearOut]


class TieOut(BaseModel):
    """Two organizations that have signed nothing together and probably would, and why."""

    organizations: list[str]
    score: float
    reasons: list[str]
    through: list[str]


class StageOut(BaseModel):
    """How many needs came so far."""

    stage: str
    label: str
    needs: int


class MoneyOut(BaseModel):
    """Money of all cooperations in one currency, in hundredths."""

    currency: str
    promised: int
    paid: int
    recovered: int


class GivenOut(BaseModel):
    """Something other than money, in hundredths of its unit."""

    kind: str
    unit: str
    promised: int
    given: int


class CityOut(BaseModel):
    """The city in numbers."""

    cooperations: int
    organizations: int
    reports: int
    people: int
    """Reached, as accepted final reports say."""
    money: list[MoneyOut]
    in_kind: list[GivenOut]
    funnel: list[StageOut]
    licence: str


class IntroducedOut(BaseModel):
    """Two organizations that have been introduced."""

    organizations: list[str]
