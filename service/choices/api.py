"""Choices as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Response

from service.choices import actions, hall_api, next_in_line, queries, settling, showing, signing
from service.choices.models import (
    ChoiceIn,
    ChoiceOut,
    MoreIn,
    OrderIn,
    RanksIn,
    ReasonIn,
    SettledOut,
    SigningIn,
)
from service.errors import SignInNeeded
from service.organizations import queries as organizations
from service.permissions import may, require
from service.rounds import queries as rounds
from service.web import Asking, Reading, Writing  # noqa: TC001 — FastAPI reads them

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from service.choices.queries import Line
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/api/v1/rounds", tags=["choices"])
router.include_router(hall_api.router)

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
PairingId = Annotated[str, Path(max_length=32, description="The pairing's id.")]


def _out(session: Session, actor: Actor, one: Round, lines: Iterable[Line]) -> list[ChoiceOut]:
    state = queries.choosing(session, one)
    return [showing.choice_out(actor, state, line) for line in lines]


def _one_out(session: Session, actor: Actor, one: Round, line: Line) -> ChoiceOut:
    return _out(session, actor, one, [line])[0]


@router.get("/{uid}/choices")
def list_choices(uid: Uid, session: Reading, actor: Asking) -> list[ChoiceOut]:
    """The pairings that the caller's organizations have before them; for facilitators all of the round's."""
    if not actor.signed_in:
        raise SignInNeeded
    one = rounds.get(session, actor, uid)
    steers = may(actor, "forum:steer")
    lines = queries.lines(session, actor, one) if steers else queries.mine(session, actor, one)
    return _out(session, actor, one, lines)


@router.post("/{uid}/choices/{pairing}")
def make_choice(uid: Uid, pairing: PairingId, given: ChoiceIn, session: Writing, actor: Asking) -> ChoiceOut:
    """Accept, decline or take back. Sent twice it counts once; once both accept, the pairing is mutual."""
    one = rounds.get(session, actor, uid)
    side, behalf, reason = given.side, given.on_behalf, given.reason
    match given.answer:
        case "accept":
            line = actions.accept(session, actor, one, pairing, side, on_behalf=behalf, reason=reason)
        case "decline":
            line = actions.decline(session, actor, one, pairing, reason, side, on_behalf=behalf)
        case "take-back":
            line = actions.take_back(session, actor, one, pairing, side, on_behalf=behalf, reason=reason)
    return _one_out(session, actor, one, line)


@router.put("/{uid}/ranks")
def rank_pairings(uid: Uid, given: RanksIn, session: Writing, actor: Asking) -> list[ChoiceOut]:
    """Say in which order an organization likes its pairings on one side."""
    one = rounds.get(session, actor, uid)
    organization = organizations.get(session, actor, given.organization)
    actions.rank(session, actor, one, organization, given.side, given.pairings)
    lines = queries.lines(session, actor, one, organizations=[organization.key])
    return _out(session, actor, one, lines)


@router.post("/{uid}/choices/{pairing}/offer-again")
def offer_pairing_again(
    uid: Uid, pairing: PairingId, given: ReasonIn, session: Writing, actor: Asking
) -> ChoiceOut:
    """Open a pairing that was declined or has lapsed once more; for facilitators, with a reason."""
    one = rounds.get(session, actor, uid)
    next_in_line.offer_again(session, actor, one, pairing, given.reason)
    return _one_out(session, actor, one, queries.line(session, actor, one, pairing))


# Next in line, and more -------------------------------------------------------------------------------


@router.get("/{uid}/next")
def list_next_in_line(uid: Uid, session: Reading, actor: Asking) -> list[ChoiceOut]:
    """Who is next in line where a pairing came to nothing, the best first; for facilitators."""
    require(actor, "forum:steer")
    one = rounds.get(session, actor, uid)
    return _out(session, actor, one, next_in_line.lined_up(session, one))


@router.post("/{uid}/next/{pairing}/offer")
def offer_next_in_line(uid: Uid, pairing: PairingId, session: Writing, actor: Asking) -> ChoiceOut:
    """Ask both sides."""
    one = rounds.get(session, actor, uid)
    next_in_line.offer_next(session, actor, one, pairing)
    return _one_out(session, actor, one, queries.line(session, actor, one, pairing))


@router.post("/{uid}/next/{pairing}/skip")
def skip_next_in_line(
    uid: Uid, pairing: PairingId, given: ReasonIn, session: Writing, actor: Asking
) -> ChoiceOut:
    """Pass over somebody, with a reason; who comes after is looked for."""
    one = rounds.get(session, actor, uid)
    next_in_line.skip_next(session, actor, one, pairing, given.reason)
    return _one_out(session, actor, one, queries.line(session, actor, one, pairing))


@router.post("/{uid}/more", status_code=202)
def offer_more_pairings(uid: Uid, given: MoreIn, session: Writing, actor: Asking) -> Response:
    """Let both sides choose among more; what is found is released as soon as the search is done."""
    next_in_line.offer_more(session, actor, rounds.get(session, actor, uid), given.most)
    return Response(status_code=202)


# Settlement -------------------------------------------------------------------------------------------


def _settled(found: settling.Preview) -> SettledOut:
    figures = found.settlement
    return SettledOut(
        pairings=[line.pairing.uid for line in found.together],
        left_out=[line.pairing.uid for line in found.left_out],
        blocking_before=figures.blocking_before,
        blocking_after=figures.blocking_after,
        total_best=figures.best,
        total_settled=figures.settled,
        price=figures.price,
    )


@router.get("/{uid}/settlement")
def preview_settlement(uid: Uid, session: Reading, actor: Asking) -> SettledOut:
    """What a stable settlement would do with what is open, and its price; nothing changes."""
    return _settled(settling.preview(session, actor, rounds.get(session, actor, uid)))


@router.post("/{uid}/settlement")
def settle_choices(uid: Uid, given: ReasonIn, session: Writing, actor: Asking) -> SettledOut:
    """Make the stable set mutual; for facilitators, with a reason."""
    return _settled(settling.settle(session, actor, rounds.get(session, actor, uid), given.reason))


# Signing ----------------------------------------------------------------------------------------------


@router.get("/{uid}/signing")
def list_signing(uid: Uid, session: Reading, actor: Asking) -> list[ChoiceOut]:
    """What is ready to be signed or is, in the order of the stage."""
    one = rounds.get(session, actor, uid)
    return _out(session, actor, one, signing.ready(session, actor, one))


@router.put("/{uid}/signing")
def order_signing(uid: Uid, given: OrderIn, session: Writing, actor: Asking) -> list[ChoiceOut]:
    """Say in which order the pairings come on stage; for facilitators."""
    one = rounds.get(session, actor, uid)
    signing.put_in_order(session, actor, one, given.pairings)
    return _out(session, actor, one, signing.ready(session, actor, one))


@router.post("/{uid}/signing/{pairing}")
def sign_pairing(
    uid: Uid, pairing: PairingId, given: SigningIn, session: Writing, actor: Asking
) -> ChoiceOut:
    """One side signs, or a facilitator writes down that both have on stage; once both have, it is agreed."""
    one = rounds.get(session, actor, uid)
    if given.on_stage:
        line = signing.record_on_stage(session, actor, one, pairing)
    else:
        line = signing.sign(session, actor, one, pairing, given.side)
    return _one_out(session, actor, one, line)
