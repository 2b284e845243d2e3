"""A stable settlement on request: what it would do and cost, then done by the facilitator with a reason.

The pairs are those that both sides have before them and that nobody has declined. Each side has room for as
many partners as fit of those that it likes best.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.choices import places, queries
from service.choices.actions import become_mutual
from service.choices.models import REASON_CHARACTERS
from service.choices.queries import HOLDING
from service.errors import BadInput, NotNow
from service.events import record
from service.pairings.models import Pairing, PairingStatus
from service.permissions import require
from service.texts import said

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Sequence

    from matching.settlement import Settlement
    from service.choices.queries import Line
    from service.listings.models import Listing
    from service.permissions import Actor
    from service.rounds.models import Round


@dataclass(frozen=True, slots=True)
class Preview:
    """What a settlement would make mutual, what it would leave, and its price."""

    together: tuple[Line, ...]
    left_out: tuple[Line, ...]
    settlement: Settlement


def preview(session: Session, actor: Actor, one: Round) -> Preview:
    """What a stable settlement would do with what is open now."""
    require(actor, "forum:steer")
    return _preview(session, actor, one)


def _preview(session: Session, actor: Actor, one: Round) -> Preview:
    from matching.settlement import Suit, settle

    state = queries.choosing(session, one)
    if state.over is not None:
        raise NotNow(state.over)
    found = [
        line
        for line in queries.lines(session, actor, one, statuses=[PairingStatus.RELEASED])
        if places.in_the_way(session, line) is None
    ]
    suits = [
        Suit(
            need=line.pairing.need_id,
            offer=line.pairing.offer_id,
            score=line.pairing.score,
            need_rank=_rank(line, Side.NEED),
            offer_rank=_rank(line, Side.OFFER),
            need_score=line.pairing.need_side,
            offer_score=line.pairing.offer_side,
        )
        for line in found
    ]
    settlement = settle(
        suits,
        _rooms(session, found, Side.NEED, places.need_has_room),
        _rooms(session, found, Side.OFFER, places.offer_has_room),
    )
    chosen = set(settlement.chosen)
    return Preview(
        tuple(line for place, line in enumerate(found) if place in chosen),
        tuple(line for place, line in enumerate(found) if place not in chosen),
        settlement,
    )


def _rank(line: Line, side: Side) -> int | None:
    choice = line.half(side).choice
    return None if choice is None else choice.rank


def _rooms(
    session: Session,
    found: Sequence[Line],
    side: Side,
    has_room: Callable[[Listing, Sequence[Pairing]], bool],
) -> dict[Hashable, int]:
    """By application: how many partners fit beside those it has, taken in the order of its liking."""
    of_side: dict[int, list[Line]] = {}
    for line in found:
        of_side.setdefault(line.half(side).application.key, []).append(line)
    column = Pairing.need_id if side is Side.NEED else Pairing.offer_id
    held: dict[int, list[Pairing]] = {}
    for pairing in session.exec(
        select(Pairing).where(col(column).in_(of_side), col(Pairing.status).in_(HOLDING))
    ):
        held.setdefault(getattr(pairing, f"{side}_id"), []).append(pairing)
    rooms: dict[Hashable, int] = {}
    for application, own in of_side.items():
        beside = list(held.get(application, ()))
        count = 0
        for line in sorted(own, key=lambda line: _liking(line, side)):
            if has_room(line.half(side).listing, [*beside, line.pairing]):
                beside.append(line.pairing)
                count += 1
        rooms[application] = count
    return rooms


def _liking(line: Line, side: Side) -> tuple[bool, int, float, int]:
    rank = _rank(line, side)
    score = line.pairing.need_side if side is Side.NEED else line.pairing.offer_side
    return (rank is None, rank or 0, -score, line.pairing.key)


def settle(session: Session, actor: Actor, one: Round, reason: str) -> Preview:
    """Make the stable set mutual, with a reason; what no longer fits beside it lapses."""
    require(actor, "forum:steer")
    reason = said(reason, "reason", REASON_CHARACTERS)
    if not reason:
        raise BadInput.one("reason", Message("reason-needed", "Please give a reason."))
    made = _preview(session, actor, one)
    if not made.together:
        raise NotNow(Message("nothing-to-settle", "No pairing is open that could be settled."))
    state = queries.choosing(session, one)
    done = []
    for line in made.together:
        session.refresh(line.pairing, with_for_update=True)
        if line.pairing.status is PairingStatus.RELEASED and places.in_the_way(session, line) is None:
            become_mutual(session, actor, state, line, reason)
            done.append(line.pairing.uid)
    figures = made.settlement
    record(
        session,
        actor,
        "round.settle",
        one,
        reason=reason,
        round=one.uid,
        pairings=done,
        blocking_before=figures.blocking_before,
        blocking_after=figures.blocking_after,
        price=round(figures.price, 6),
    )
    return made
