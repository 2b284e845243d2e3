"""What an organization's giving became, as JSON. Sums are minor units; currencies are never added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel

from service.errors import SignInNeeded
from service.funding.models import Valuation
from service.organizations import queries as organizations
from service.reports import giving
from service.web import Asking, Reading  # noqa: TC001 — FastAPI reads them

if TYPE_CHECKING:
    from collections.abc import Iterable

router = APIRouter(prefix="/api/v1", tags=["reports"])


class InputOut(BaseModel):
    """What was promised and given, in minor units of a currency."""

    valuation: Valuation
    currency: str
    promised: int
    given: int


class ShareOut(BaseModel):
    """What went to a theme or place; an empty code: none is stated."""

    code: str
    currency: str
    given: int


class SupportedOut(BaseModel):
    """An agreement and what came of it."""

    agreement: str
    title: str
    partners: list[str]
    theme: str
    place: str
    inputs: list[InputOut]
    people_reached: int | None
    milestones_reached: int
    results: list[str]
    score: int | None


class GivingOut(BaseModel):
    """Inputs, outputs and impacts of an organization's giving."""

    organization: str
    year: int | None
    years: list[int]
    inputs: list[InputOut]
    by_theme: list[ShareOut]
    by_place: list[ShareOut]
    people_reached: int | None
    milestones_reached: int
    supported: list[SupportedOut]


def _inputs(listed: Iterable[giving.Input]) -> list[InputOut]:
    return [
        InputOut(
            valuation=one.valuation,
            currency=one.given.unit,
            promised=one.promised.amount,
            given=one.given.amount,
        )
        for one in listed
    ]


def _shares(listed: Iterable[giving.Share]) -> list[ShareOut]:
    return [ShareOut(code=one.code, currency=one.given.unit, given=one.given.amount) for one in listed]


@router.get("/giving")
def get_giving(
    session: Reading,
    actor: Asking,
    organization: Annotated[str, Query(max_length=32, description="The id of an organization of one's own.")],
    year: Annotated[int | None, Query(ge=1900, le=2200)] = None,
) -> GivingOut:
    """What the organization gave under signed agreements, and what is said to have come of it."""
    if not actor.signed_in:
        raise SignInNeeded
    whose = organizations.inside(session, actor, organization)
    found = giving.giving(session, whose, year)
    return GivingOut(
        organization=whose.uid,
        year=found.year,
        years=list(found.years),
        inputs=_inputs(found.inputs),
        by_theme=_shares(found.by_theme),
        by_place=_shares(found.by_place),
        people_reached=found.reached,
        milestones_reached=found.milestones,
        supported=[
            SupportedOut(
                agreement=one.agreement.uid,
                title=one.agreement.title,
                partners=[partner.name for partner in one.partners],
                theme=one.theme,
                place=one.place,
                inputs=_inputs(one.inputs),
                people_reached=one.reached,
                milestones_reached=len(one.milestones),
                results=[str(report.answers["results"]) for report in one.results],
                score=one.score,
            )
            for one in found.supported
        ],
    )
