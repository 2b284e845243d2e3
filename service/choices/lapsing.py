"""What time does to pairings: a reminder before the end, then they lapse. Also when the hall is closed."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.profiles import Side
from service.choices import queries
from service.choices.actions import lapse
from service.choices.models import Choice
from service.choices.next_in_line import look_for_next
from service.choices.telling import tell
from service.db import writing
from service.pairings.models import Pairing, PairingStatus
from service.permissions import SYSTEM_ACTOR
from service.rounds.models import Round, RoundStatus

if TYPE_CHECKING:
    from service.choices.queries import Choosing, Line
    from service.jobs import Work
    from service.permissions import Actor

DAY_BEFORE = timedelta(days=1)
MINUTES_BEFORE = timedelta(minutes=15)
"""What is shorter than this is shown on phones and the wall, and no mail reminds of it."""
OVER = (RoundStatus.CLOSED, RoundStatus.CANCELLED)


def lapse_pairings(work: Work) -> None:
    """The job that ends pairings whose time is over, and reminds those who have not answered before."""
    with writing(work.engine) as session:
        waiting = select(Pairing.round_id).where(col(Pairing.status) == PairingStatus.RELEASED).distinct()
        rounds = select(Round).where(col(Round.id).in_(waiting), col(Round.status).not_in(OVER))
        for one in session.exec(rounds.order_by(col(Round.id))).all():
            _attend_to(session, queries.choosing(session, one))


def _attend_to(session: Session, state: Choosing) -> None:
    released = session.exec(
        select(Pairing)
        .where(Pairing.round_id == state.round.key, Pairing.status == PairingStatus.RELEASED)
        .order_by(col(Pairing.id))
        .with_for_update()
    ).all()
    over = [pairing for pairing in released if state.has_lapsed(pairing)]
    for pairing in over:
        lapse(session, SYSTEM_ACTOR, state, pairing, "time-over")
    if over:
        look_for_next(session, state)
    if state.closed is None:
        soon = [pairing for pairing in released if pairing not in over and _is_soon(state, pairing)]
        for line in queries.with_sides(session, soon):
            _remind(session, state, line)


def _is_soon(state: Choosing, pairing: Pairing) -> bool:
    """Whether it is time to remind: the day before, or when a quarter of a shorter time is left."""
    until = state.until(pairing)
    if until is None:
        return False
    whole = until - (pairing.released or pairing.created)
    return whole > MINUTES_BEFORE and state.moment >= until - min(DAY_BEFORE, whole / 4)


def _remind(session: Session, state: Choosing, line: Line) -> None:
    for half in line.halves:
        choice = half.choice or Choice(
            pairing_id=line.pairing.key, side=half.side, organization_id=half.organization.key
        )
        if choice.answer is None and choice.reminded is None:
            choice.reminded = state.moment
            session.add(choice)
            tell(session, state, line.pairing, "reminder", (Side(half.side),))


def lapse_all(session: Session, actor: Actor, state: Choosing) -> int:
    """End whatever has not been answered by both sides, since choosing is closed; how many."""
    released = session.exec(
        select(Pairing)
        .where(Pairing.round_id == state.round.key, Pairing.status == PairingStatus.RELEASED)
        .order_by(col(Pairing.id))
        .with_for_update()
    ).all()
    for pairing in released:
        lapse(session, actor, state, pairing, "choosing-closed")
    return len(released)
