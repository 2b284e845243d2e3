"""Pages of signing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from matching.profiles import Side
from service.choices import places, queries, signing
from service.errors import BadInput, NotNow
from service.organizations.desk import signed_in
from service.permissions import may
from service.rounds import queries as rounds
from service.rounds.models import RoundStatus
from service.web import Asking, Form, Reading, Writing, page, see_other

if TYPE_CHECKING:
    from sqlmodel import Session

    from matching.messages import Message
    from service.choices.queries import Line
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)


@router.get("/rounds/{uid}/signing")
def list_of_signing(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What is ready to be signed, in the order of the stage."""
    signed_in(actor)
    return _signing(request, session, actor, rounds.get(session, actor, uid))


def _signing(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    *,
    status: int = 200,
    problems: dict[str, Message] | None = None,
) -> Response:
    found = signing.ready(session, actor, one)
    return page(
        request,
        actor,
        "choices/signing.html",
        status=status,
        round=one,
        lines=found,
        amounts=places.amounts,
        state=queries.choosing(session, one),
        signs=one.status is RoundStatus.SIGNING,
        own_sides=lambda line: _own_sides(actor, line),
        steers=may(actor, "forum:steer"),
        agreements=request.app.state.agreements_of(session, actor, [line.pairing.key for line in found]),
        problems=problems or {},
    )


def _own_sides(actor: Actor, line: Line) -> list[Side]:
    """The sides for which the actor may sign and has not."""
    return [
        half.side
        for half in line.halves
        if half.signed is None
        and half.organization.key in actor.memberships
        and may(actor, "agreement:sign", half.organization.key)
    ]


@router.post("/rounds/{uid}/signing/order")
def order(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Move one pairing up or down in the order of the stage."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    uids = [line.pairing.uid for line in signing.ready(session, actor, one)]
    moved, _, way = typed.text("move").partition(" ")
    if moved in uids:
        place = uids.index(moved)
        there = max(0, min(len(uids) - 1, place + (1 if way == "down" else -1)))
        uids[place], uids[there] = uids[there], uids[place]
    signing.put_in_order(session, actor, one, uids)
    return see_other(f"/rounds/{uid}/signing#pairing-{moved}")


@router.post("/rounds/{uid}/signing/{pairing}")
def sign(request: Request, session: Writing, actor: Asking, uid: str, pairing: str, typed: Form) -> Response:
    """One side signs, or the facilitator writes down that both have."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    side = typed.text("side")
    try:
        if typed.text("on_stage") == "yes":
            line = signing.record_on_stage(session, actor, one, pairing)
        else:
            line = signing.sign(session, actor, one, pairing, Side(side) if side in tuple(Side) else None)
    except (BadInput, NotNow) as error:
        session.rollback()
        message = error.problems[0].message if isinstance(error, BadInput) else error.message
        return _signing(request, session, actor, one, status=error.status, problems={pairing: message})
    done = "agreed" if line.pairing.status == "agreed" else "signed"
    return see_other(f"/rounds/{uid}/signing?done={done}#pairing-{pairing}")
