"""/api/v1/network: the graph of signed cooperations and the city in numbers, for programs."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request

from service.disclosure.models import LICENCE
from service.errors import NotFound
from service.network import actions, queries, showing
from service.network.models import (
    BridgeOut,
    CityOut,
    FundOut,
    GivenOut,
    GroupOut,
    IntroducedOut,
    IntroductionIn,
    MoneyOut,
    MonthOut,
    NetworkOut,
    SectorPairOut,
    StageOut,
    StandingOut,
    StandingsOut,
    SumOut,
    TieOut,
    YearOut,
)
from service.web import Asking, Reading, Writing, language_of
from service.wording import restored, say

router = APIRouter(prefix="/api/v1/network", tags=["network"])

SAME = {
    "organizations", "cooperations", "pairs", "parts", "largest", "links",
    "hubs", "brokers", "between", "fragile",
}  # fmt: skip
"""What the figures have under the same name as `NetworkOut`."""


@router.get("")
def get_network(session: Reading) -> NetworkOut:
    """The graph in numbers, as it was looked at last; 404 until something was signed."""
    drawn = queries.snapshot(session)
    if drawn is None:
        raise NotFound
    figures = drawn.figures
    return NetworkOut(
        **{name: figures[name] for name in SAME},
        as_of=drawn.created.isoformat(),
        matrix=[SectorPairOut(**pair) for pair in figures["matrix"]],
        bridges=[BridgeOut(organizations=[a, b], size=size) for a, b, size in figures["bridges"]],
        groups=[GroupOut(**group) for group in figures["groups"]],
        months=[MonthOut(**dict(zip(MonthOut.model_fields, row, strict=True))) for row in figures["months"]],
        years=[
            YearOut(
                year=one["year"],
                cooperations=one["cooperations"],
                organizations=one["organizations"],
                money=[SumOut(amount=amount, currency=unit) for amount, unit in one["money"]],
                funds=[
                    FundOut(
                        name=name, limit=SumOut(amount=limit, currency=unit), given=given, projects=projects
                    )
                    for name, limit, unit, given, projects in one["funds"]
                ],
            )
            for one in figures["years"]
        ],
    )


@router.get("/organizations")
def list_standings(
    session: Reading,
    sort: Literal["partners", "cooperations", "sectors", "between", "brokers", "cut_off"] = "partners",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> StandingsOut:
    """The organizations of the graph, those with most of something first."""
    drawn = queries.snapshot(session, layout=True)
    found, pages = showing.standings(session, drawn, sort=sort, page=page) if drawn else ([], 1)
    return StandingsOut(
        items=[StandingOut(name=one.organization.name, **one.node._asdict()) for one in found],
        page=page,
        pages=pages,
    )


@router.get("/numbers")
def get_numbers(request: Request, session: Reading, actor: Asking) -> CityOut:
    """What all cooperations come to: promised, given, told; how far needs come."""
    city, language = queries.city(session), language_of(request, actor)
    return CityOut(
        cooperations=city.cooperations,
        organizations=city.organizations,
        reports=city.reports,
        people=city.people,
        money=[
            MoneyOut(
                currency=promised.unit, promised=promised.amount, paid=paid.amount, recovered=back.amount
            )
            for promised, paid, back in city.money
        ],
        in_kind=[
            GivenOut(
                kind=one.kind, unit=one.promised.unit, promised=one.promised.amount, given=one.given.amount
            )
            for one in city.in_kind
        ],
        funnel=[
            StageOut(stage=one.code, label=say(one.label, language), needs=one.needs)
            for one in queries.funnel(session)
        ],
        licence=LICENCE,
    )


@router.get("/introductions")
def list_ties(
    request: Request,
    session: Reading,
    actor: Asking,
    across: Annotated[bool, Query(description="Only ties between two sectors.")] = False,
) -> list[TieOut]:
    """Who would probably sign with whom; for facilitators."""
    language = language_of(request, actor)
    return [
        TieOut(
            organizations=[one.uid for one in tie.ends],
            score=tie.score,
            reasons=[say(restored(reason), language) for reason in tie.reasons],
            through=[one.uid for one in tie.through],
        )
        for tie in queries.ties(session, actor, across=across)
    ]


@router.post("/introductions", status_code=201)
def introduce(session: Writing, actor: Asking, given: IntroductionIn) -> IntroducedOut:
    """Tell two organizations about each other, once; for facilitators."""
    found = actions.introduce(session, actor, given)
    return IntroducedOut(organizations=[one.uid for one in found])
