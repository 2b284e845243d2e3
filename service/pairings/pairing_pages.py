"""The page of one pairing, for its two sides and for facilitators; and what a round's page shows of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from service.pairings import queries
from service.results.words import PARTS
from service.rounds import queries as rounds
from service.web import Asking, Reading, page
from service.wording import restored

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)


@router.get("/pairings/{pairing_uid}")
def pairing_page(request: Request, session: Reading, actor: Asking, uid: str, pairing_uid: str) -> Response:
    """One pairing: both sides, what is given, why they fit, how it stands."""
    one = rounds.get(session, actor, uid)
    found = queries.get(session, actor, pairing_uid, one=one)
    need, offer = queries.sides_of(session, [found])[found.key]
    return page(
        request,
        actor,
        "pairings/pairing.html",
        round=one,
        pairing=found,
        need=need,
        offer=offer,
        insider=queries.is_insider(actor, need, offer),
        amounts=queries.amounts_of(found),
        gifts=found.gifts,
        evidence=[restored(message) for message in found.evidence],
        flags=[restored(message) for message in found.flags],
        parts=PARTS,
        share=sorted(found.parts.items(), key=lambda part: (-part[1], list(PARTS).index(part[0]))),
        sections=[
            shown
            for section in getattr(request.app.state, "pairing_sections", ())
            if (shown := section(session, actor, one, found)) is not None
        ],
    )


def section_of_round(session: Session, actor: Actor, one: Round) -> tuple[str, dict[str, Any]] | None:
    """What the page of a round shows its participants of their pairings."""
    own = queries.own_pairings(session, actor, one)
    if not own:
        return None
    sides = queries.sides_of(session, own)
    return "pairings/of_round.html", {
        "round": one,
        "pairings": [(found, *sides[found.key], queries.amounts_of(found)) for found in own],
    }
