"""Signing: what is ready, in the order of the stage; each side's owner says so, or the stage is written down.

What stands here is only that both sides sign; texts, tranches and signatures come with the agreement. In a
round without a phase of choosing, signing is accepting as well, so that relief is signed within minutes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from matching.messages import Message
from matching.profiles import Side
from service.choices import places, queries
from service.choices.actions import become_mutual
from service.choices.forum import stage_of
from service.choices.models import Signed
from service.choices.telling import tell
from service.db import now
from service.errors import BadInput, NotFound, NotNow
from service.events import advance, record
from service.pairings.models import PAIRING, Pairing, PairingStatus
from service.permissions import require
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import require_phase
from service.states import unfitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.choices.queries import Choosing, Line
    from service.permissions import Actor

READY = (PairingStatus.MUTUAL, PairingStatus.MET)


def ready(session: Session, actor: Actor, one: Round) -> list[Line]:
    """What can be signed or is, in the order in which it comes on stage.

    In a round without choosing what is released is among them. First those that the facilitator has put in
    order, then by the need's turn at the showcase, then by number.
    """
    state = queries.choosing(session, one)
    statuses = [*READY, PairingStatus.AGREED, *(() if state.has_phase else (PairingStatus.RELEASED,))]
    found = [
        line
        for line in queries.lines(session, actor, one, statuses=statuses)
        if line.pairing.status is not PairingStatus.RELEASED or not state.has_lapsed(line.pairing)
    ]
    stage = state.stage
    turn = {uid: place for place, uid in enumerate(stage.signing_order if stage else ())}
    last = len(turn)
    return sorted(
        found,
        key=lambda line: (
            turn.get(line.pairing.uid, last),
            line.need.application.showing or last + len(found),
            line.pairing.key,
        ),
    )


def sign(session: Session, actor: Actor, one: Round, uid: str, side: Side | None = None) -> Line:
    """One side's owner signs; once both have, it is agreed. Signing twice signs once."""
    line = queries.line(session, actor, one, uid)
    own = [half.side for half in line.halves if half.organization.key in actor.memberships]
    if side is None and len(own) > 1:
        raise BadInput.one("side", Message("side-missing", "Say for which side you answer."))
    side = side or (own[0] if own else Side.NEED)
    require(actor, "agreement:sign", line.half(side).organization.key)
    line = _locked(session, line)
    if line.half(side).signed is not None:
        return line
    state = _signing(session, one, line)
    _note(session, actor, one, line, side, on_stage=False)
    return _agree_when_both(session, actor, state, line)


def record_on_stage(session: Session, actor: Actor, one: Round, uid: str) -> Line:
    """The facilitator saw both sides sign on stage."""
    require(actor, "forum:steer")
    line = _locked(session, queries.line(session, actor, one, uid))
    if line.pairing.status is PairingStatus.AGREED:
        return line
    state = _signing(session, one, line)
    for half in line.halves:
        if half.signed is None:
            _note(session, actor, one, line, half.side, on_stage=True)
    return _agree_when_both(session, actor, state, line)


def put_in_order(session: Session, actor: Actor, one: Round, uids: Sequence[str]) -> None:
    """Say in which order the pairings come on stage."""
    require(actor, "forum:steer")
    known = {line.pairing.uid for line in ready(session, actor, one)}
    if not set(uids) <= known or len(set(uids)) != len(uids):
        raise BadInput.one(
            "pairings", Message("order-unknown", "Name pairings that are ready to be signed, each once.")
        )
    stage = stage_of(session, one)
    stage.signing_order = list(uids)
    stage.version += 1
    session.add(stage)
    session.flush()
    record(session, actor, "live_stage.order", stage, round=one.uid, pairings=list(uids))


def _locked(session: Session, line: Line) -> Line:
    fresh = session.exec(
        select(Pairing)
        .where(Pairing.id == line.pairing.key)
        .with_for_update()
        .execution_options(populate_existing=True)
    ).one()
    return queries.with_sides(session, [fresh])[0]


def _signing(session: Session, one: Round, line: Line) -> Choosing:
    """Raise NotNow unless this can be signed now."""
    require_phase(one, RoundStatus.SIGNING)
    state, pairing = queries.choosing(session, one), line.pairing
    if pairing.status in READY:
        return state
    if pairing.status is not PairingStatus.RELEASED:
        if pairing.status is PairingStatus.PROPOSED:
            raise NotFound
        raise NotNow(unfitting(pairing.status))
    if state.has_phase:
        raise NotNow(Message("not-mutual", "Both sides must have accepted before they sign."))
    if state.has_lapsed(pairing):
        raise NotNow(Message("reply-over", "The time to answer this pairing is over."))
    if (reason := places.in_the_way(session, line)) is not None:
        raise NotNow(reason)
    return state


def _note(session: Session, actor: Actor, one: Round, line: Line, side: Side, *, on_stage: bool) -> None:
    signed = Signed(pairing_id=line.pairing.key, side=side, user_id=actor.user_id, on_stage=on_stage)
    session.add(signed)
    session.flush()
    record(
        session,
        actor,
        "pairing.sign",
        line.pairing,
        round=one.uid,
        side=str(side),
        organization=line.half(side).organization.uid,
        on_stage=on_stage,
    )


def _agree_when_both(session: Session, actor: Actor, state: Choosing, line: Line) -> Line:
    line = queries.with_sides(session, [line.pairing])[0]
    if all(half.signed is not None for half in line.halves):
        if line.pairing.status is PairingStatus.RELEASED:
            become_mutual(session, actor, state, line)
        advance(session, actor, line.pairing, PAIRING, "agree", round=state.round.uid)
        line.pairing.version += 1
        for half in line.halves:
            half.application.agreed = half.application.agreed or now().date()
            session.add(half.application)
        tell(session, state, line.pairing, "signed")
    return line
