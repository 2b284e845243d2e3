"""The showcase on screen: the order, one organization at a time for the projector, all of them on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from service.errors import NotFound
from service.organizations.desk import signed_in
from service.permissions import may
from service.qr import qr_svg
from service.rounds import queries, showcase
from service.rounds.models import RoundStatus
from service.web import Asking, Form, Reading, Writing, page, see_other, site_of

if TYPE_CHECKING:
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/rounds", include_in_schema=False)


@router.get("/{uid}/showcase")
def overview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Who is shown, in order; for facilitators, how to change it."""
    one = queries.get(session, actor, uid)
    closed = showcase.closed(actor, one)
    return page(
        request,
        actor,
        "rounds/showcase.html",
        round=one,
        closed=closed,
        turns=[] if closed else showcase.turns(session, one),
        arranges=_arranges(actor, one),
    )


def _arranges(actor: Actor, one: Round) -> bool:
    return may(actor, "round:run") and one.status not in (RoundStatus.CLOSED, RoundStatus.CANCELLED)


@router.post("/{uid}/showcase")
def arrange(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Change the order: fairly, one to the front or a place up or down, or as it was dragged."""
    signed_in(actor)
    one = queries.get(session, actor, uid, lock=True)
    wanted, _, organization = typed.text("do").partition(":")
    match wanted:
        case "fair":
            showcase.arrange_fairly(session, actor, one)
        case "first":
            showcase.arrange(session, actor, one, [organization])
        case "up" | "down":
            showcase.move(session, actor, one, organization, -1 if wanted == "up" else 1)
        case _:
            showcase.arrange(session, actor, one, typed.texts("order"))
    there = f"#turn-{organization}" if organization else ""
    return see_other(f"/rounds/{uid}/showcase?done=saved{there}")


@router.get("/{uid}/showcase/print")
def printed(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """All organizations, a page of paper for each."""
    one = queries.get(session, actor, uid)
    closed = showcase.closed(actor, one)
    turns = [] if closed else showcase.turns(session, one)
    public = site_of(request).settings.public_url
    return page(
        request,
        actor,
        "rounds/showcase_print.html",
        round=one,
        closed=closed,
        turns=[(turn, qr_svg(f"{public}/organizations/{turn.organization.uid}")) for turn in turns],
    )


@router.get("/{uid}/showcase/{organization}")
def turn_page(request: Request, session: Reading, actor: Asking, uid: str, organization: str) -> Response:
    """One organization for the projector; the arrow keys lead to the next."""
    one = queries.get(session, actor, uid)
    turns = [] if showcase.closed(actor, one) else showcase.turns(session, one)
    places = {turn.organization.uid: number for number, turn in enumerate(turns)}
    if organization not in places:
        raise NotFound
    place = places[organization]
    address = f"{site_of(request).settings.public_url}/organizations/{organization}"
    return page(
        request,
        actor,
        "rounds/turn.html",
        round=one,
        turn=turns[place],
        place=place + 1,
        count=len(turns),
        before=turns[place - 1].organization if place else None,
        after=turns[place + 1].organization if place + 1 < len(turns) else None,
        code=qr_svg(address),
        address=address,
    )
