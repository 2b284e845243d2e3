"""What a side does with a pairing: accept, decline, take back, rank.

Every answer may be sent twice: what has been said already is said once. Locks are taken in one order,
applications, organization, pairing, so that two phones that answer at once never wait for each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.choices import places, queries
from service.choices.models import REASON_CHARACTERS, Answer, Choice
from service.choices.next_in_line import look_for_next
from service.choices.queries import HOLDING
from service.choices.telling import tell
from service.db import now
from service.errors import BadInput, NotFound, NotNow
from service.events import advance, record
from service.organizations.models import Organization
from service.pairings.models import PAIRING, Pairing, PairingStatus
from service.permissions import may, require
from service.rounds.models import Application
from service.states import unfitting
from service.texts import said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.choices.queries import Choosing, Line
    from service.permissions import Actor
    from service.rounds.models import Round


def accept(
    session: Session,
    actor: Actor,
    one: Round,
    uid: str,
    side: Side | None = None,
    *,
    on_behalf: bool = False,
    reason: str = "",
) -> Line:
    """Say yes; where both have, the pairing is mutual and both are told."""
    line, side, reason = _asked(session, actor, one, uid, side, on_behalf=on_behalf, reason=reason)
    if line.half(side).answer is Answer.ACCEPTED:
        return line
    state = _open(session, actor, one, line, on_behalf=on_behalf)
    if line.pairing.status is PairingStatus.DECLINED and line.half(side).answer is Answer.DECLINED:
        _take_back_no(session, actor, one, line, side)
    _still_released(session, state, line)
    if line.other(side).answer is Answer.ACCEPTED:
        if (reason_against := places.in_the_way(session, line)) is not None:
            raise NotNow(reason_against)
    else:
        _check_pending(session, one, line, side, state)
    line = _keep(session, actor, one, line, side, Answer.ACCEPTED, reason, on_behalf=on_behalf)
    if line.other(side).answer is Answer.ACCEPTED:
        become_mutual(session, actor, state, line)
    return line


def decline(
    session: Session,
    actor: Actor,
    one: Round,
    uid: str,
    reason: str,
    side: Side | None = None,
    *,
    on_behalf: bool = False,
) -> Line:
    """Say no, with a reason that the other side reads; the next in line is looked for.

    A facilitator may decline for an organization also what is mutual already.
    """
    line, side, reason = _asked(session, actor, one, uid, side, on_behalf=on_behalf, reason=reason)
    if line.half(side).answer is Answer.DECLINED:
        return line
    if not reason:
        raise BadInput.one(
            "reason", Message("decline-reason", "Please say why. The other side reads it and learns from it.")
        )
    state = _open(session, actor, one, line, on_behalf=on_behalf)
    if not (on_behalf and line.pairing.status is PairingStatus.MUTUAL):
        _still_released(session, state, line)
    line = _keep(session, actor, one, line, side, Answer.DECLINED, reason, on_behalf=on_behalf)
    _move(
        session,
        actor,
        line.pairing,
        "decline",
        reason=reason,
        round=one.uid,
        side=str(side),
        organization=line.half(side).organization.uid,
        on_behalf=on_behalf,
    )
    tell(session, state, line.pairing, "declined", (line.other(side).side,))
    look_for_next(session, state)
    return line


def take_back(
    session: Session,
    actor: Actor,
    one: Round,
    uid: str,
    side: Side | None = None,
    *,
    on_behalf: bool = False,
    reason: str = "",
) -> Line:
    """Change one's mind: until the other side has answered, the time is over, or the place is given away."""
    line, side, reason = _asked(session, actor, one, uid, side, on_behalf=on_behalf, reason=reason)
    if line.half(side).answer is None:
        return line
    state = _open(session, actor, one, line, on_behalf=on_behalf)
    if line.pairing.status in HOLDING:
        raise NotNow(
            Message(
                "both-accepted",
                "Both sides have accepted. Speak to the facilitator if something has changed since.",
            )
        )
    if line.pairing.status is PairingStatus.DECLINED and line.half(side).answer is Answer.DECLINED:
        _take_back_no(session, actor, one, line, side)
        tell(session, state, line.pairing, "again", (line.other(side).side,))
    _still_released(session, state, line)
    return _keep(session, actor, one, line, side, None, reason, on_behalf=on_behalf)


def rank(
    session: Session, actor: Actor, one: Round, organization: Organization, side: Side, uids: Sequence[str]
) -> None:
    """Put an organization's pairings of one side in order, the best first; what is left out has no place."""
    if not actor.is_staff or organization.key in actor.memberships:
        require(actor, "choice:make", organization.key)
    else:
        require(actor, "forum:steer")
    state = queries.choosing(session, one)
    closed = state.over if may(actor, "forum:steer") else state.closed
    if closed is not None:
        raise NotNow(closed)
    own = {
        line.pairing.uid: line
        for line in queries.lines(session, actor, one, organizations=[organization.key])
        if line.half(side).organization.key == organization.key
    }
    unknown = [uid for uid in uids if uid not in own]
    if unknown or len(set(uids)) != len(uids):
        raise BadInput.one(
            "pairings",
            Message("ranks-unknown", "Name each pairing of your organization once, and no others."),
        )
    place_of = {uid: place for place, uid in enumerate(uids, 1)}
    changed = False
    for uid, line in own.items():
        choice = _choice(line, side)
        if choice.rank != place_of.get(uid):
            choice.rank = place_of.get(uid)
            choice.version += 1
            session.add(choice)
            changed = True
    if changed:
        session.flush()
        record(
            session,
            actor,
            "choice.rank",
            organization,
            round=one.uid,
            side=str(side),
            pairings=list(uids),
        )


def become_mutual(session: Session, actor: Actor, state: Choosing, line: Line, reason: str = "") -> None:
    """Both sides want it: they are told, and what no longer fits beside it lapses."""
    pairing = line.pairing
    pairing.reason = reason
    _move(session, actor, pairing, "become_mutual", reason=reason, round=state.round.uid)
    tell(session, state, pairing, "mutual")
    crowded = places.crowded_out(session, line)
    for rival, cause in crowded:
        lapse(session, actor, state, rival, cause, instead=pairing.uid)
    if any(cause == "offer-promised" for _, cause in crowded):
        look_for_next(session, state)


def lapse(
    session: Session, actor: Actor, state: Choosing, pairing: Pairing, cause: str, **details: str
) -> None:
    """A released pairing comes to nothing: time is over, or it no longer fits. Both are told."""
    _move(session, actor, pairing, "lapse", round=state.round.uid, cause=cause, **details)
    tell(session, state, pairing, "lapsed")


# What all of them check ---------------------------------------------------------------------------------


def _asked(
    session: Session,
    actor: Actor,
    one: Round,
    uid: str,
    side: Side | None,
    *,
    on_behalf: bool,
    reason: str,
) -> tuple[Line, Side, str]:
    """The pairing, locked, and for which side the actor may answer, and the reason as it is kept."""
    line = queries.line(session, actor, one, uid)
    side = _side(actor, line, side, on_behalf=on_behalf)
    reason = said(reason, "reason", REASON_CHARACTERS)
    if on_behalf and not reason:
        raise BadInput.one(
            "reason", Message("behalf-reason", "Please say why you answer for this organization.")
        )
    if session.get_bind().dialect.name != "sqlite":
        _lock(session, line, side)
        line = queries.line(session, actor, one, uid)
    return line, side, reason


def _side(actor: Actor, line: Line, side: Side | None, *, on_behalf: bool) -> Side:
    if on_behalf:
        require(actor, "forum:steer")
        if side is None:
            raise BadInput.one("side", Message("side-missing", "Say for which side you answer."))
        return side
    own = [half.side for half in line.halves if half.organization.key in actor.memberships]
    if side is None and len(own) > 1:
        raise BadInput.one("side", Message("side-missing", "Say for which side you answer."))
    chosen = side or (own[0] if own else Side.NEED)
    require(actor, "choice:make", line.half(chosen).organization.key)
    return chosen


def _lock(session: Session, line: Line, side: Side) -> None:
    """Nobody else changes what depends on this answer until the transaction ends.

    On SQLite the transaction has the one write lock from its first statement.
    """
    ids = [line.pairing.need_id, line.pairing.offer_id]
    session.exec(
        select(Application.id)
        .where(col(Application.id).in_(ids))
        .order_by(col(Application.id))
        .with_for_update(key_share=True)
    ).all()
    session.exec(
        select(Organization.id)
        .where(Organization.id == line.half(side).organization.key)
        .with_for_update(key_share=True)
    ).all()
    session.refresh(line.pairing, with_for_update=True)
    for half in line.halves:
        if half.choice is not None:
            session.refresh(half.choice)


def _open(session: Session, actor: Actor, one: Round, line: Line, *, on_behalf: bool) -> Choosing:
    state = queries.choosing(session, one)
    closed = state.over if on_behalf and may(actor, "forum:steer") else state.closed
    if closed is not None:
        raise NotNow(closed)
    if line.pairing.status is PairingStatus.PROPOSED:
        raise NotFound
    return state


def _still_released(session: Session, state: Choosing, line: Line) -> None:
    """Raise NotNow, saying what has become of it, unless both sides may still answer."""
    status = line.pairing.status
    if status is PairingStatus.DECLINED:
        raise NotNow(Message("other-declined", "The other side has declined this pairing."))
    if state.has_lapsed(line.pairing):
        over = Message("reply-over", "The time to answer this pairing is over.")
        raise NotNow(places.in_the_way(session, line) or over)
    if status is not PairingStatus.RELEASED:
        raise NotNow(unfitting(status))


def _check_pending(session: Session, one: Round, line: Line, side: Side, state: Choosing) -> None:
    most = state.process.most_pending
    waiting = queries.waiting_for_others(session, one, line.half(side).organization.key, line.pairing.key)
    if waiting >= most:
        raise NotNow(
            Message(
                "pending-full",
                "{count} pairings that you have accepted wait for the other side, and no more than {most} "
                "may wait at once. Accept further ones when the others have answered, or take one back.",
                count=waiting,
                most=most,
            )
        )


def _take_back_no(session: Session, actor: Actor, one: Round, line: Line, side: Side) -> None:
    """The pairing is open again, unless its place has been given away since."""
    pairing = line.pairing
    successor = session.exec(
        select(Pairing.id).where(
            Pairing.instead_of_id == pairing.key, Pairing.status != PairingStatus.DROPPED
        )
    ).first()
    if successor is not None:
        raise NotNow(Message("place-given", "The next in line has been asked meanwhile."))
    if (reason := places.in_the_way(session, line)) is not None:
        raise NotNow(reason)
    _move(session, actor, pairing, "take_back", round=one.uid, side=str(side))


def _move(session: Session, actor: Actor, pairing: Pairing, step: str, **details: Any) -> None:
    """A step of the pairing, which is another version of it then."""
    pairing.version += 1
    advance(session, actor, pairing, PAIRING, step, **details)


def _choice(line: Line, side: Side) -> Choice:
    half = line.half(side)
    return half.choice or Choice(
        pairing_id=line.pairing.key, side=side, organization_id=half.organization.key
    )


def _keep(
    session: Session,
    actor: Actor,
    one: Round,
    line: Line,
    side: Side,
    answer: Answer | None,
    reason: str,
    *,
    on_behalf: bool,
) -> Line:
    """The pairing with the answer, which is kept and logged; a refusal is logged by its step."""
    choice = _choice(line, side)
    choice.answer, choice.reason, choice.on_behalf = answer, reason, on_behalf
    choice.user_id, choice.at = actor.user_id, now()
    choice.version += 1
    session.add(choice)
    session.flush()
    if answer is not Answer.DECLINED:
        record(
            session,
            actor,
            "choice.accept" if answer is Answer.ACCEPTED else "choice.take_back",
            choice,
            reason=reason,
            round=one.uid,
            pairing=line.pairing.uid,
            side=str(side),
            organization=line.half(side).organization.uid,
            on_behalf=on_behalf,
        )
    half = replace(line.half(side), choice=choice)
    return replace(line, need=half) if side is Side.NEED else replace(line, offer=half)
