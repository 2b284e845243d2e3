"""The public notice: what a round proposes for whom, until when anybody may object, what was decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_
from sqlmodel import Session, col, select

from matching.messages import Message
from service.db import now
from service.errors import NotFound
from service.listings.queries import owners_of
from service.pairings.models import Objection, ObjectionStatus, Pairing, PairingStatus
from service.pairings.queries import amounts_of, between
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import has_reached, is_over

if TYPE_CHECKING:
    from datetime import datetime

    from sqlmodel.sql.expression import SelectOfScalar

    from matching.messages import Quantity
    from service.listings.models import Listing
    from service.organizations.models import Organization
    from service.permissions import Actor

SHOWN = (PairingStatus.RELEASED, PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED)
"""What of a result stands in the notice, and is still public after it."""


@dataclass(frozen=True, slots=True)
class Proposed:
    """One line of the result: which offer shall carry which need, with how much."""

    pairing: Pairing
    need: Listing
    offer: Listing
    needing: Organization
    giving: Organization
    amounts: tuple[Quantity, ...]


@dataclass(frozen=True, slots=True)
class Decided:
    """An objection that was decided, without who raised it and what they wrote."""

    objection: Objection
    pairing: Proposed | None
    """What it was about; None: the result as a whole."""


@dataclass(frozen=True, slots=True)
class Notice:
    """The result page of a round. `begun`: there is a result to be seen."""

    begun: bool
    running: bool
    """Whether objections are taken in just now."""
    began: datetime | None
    ends: datetime | None
    working_days: int
    lines: tuple[Proposed, ...]
    open: int
    """Objections that wait for a decision."""
    decided: tuple[Decided, ...]
    reworked: bool
    """An objection was upheld, and the result is being worked on again."""


def has_notice(one: Round) -> bool:
    """Whether a round puts its result out for objections."""
    return RoundStatus.NOTICE.value in one.phases


def takes_objections(session: Session, one: Round) -> bool:
    """Whether somebody may object just now."""
    phase = rounds.phase_of(session, one, RoundStatus.NOTICE)
    return one.status is RoundStatus.NOTICE and not is_over(phase, now())


def notice_of(session: Session, one: Round) -> Notice:
    """What everybody may see of a round's result, during the notice and after it. Raises NotFound."""
    if not has_notice(one):
        raise NotFound
    phase = rounds.phase_of(session, one, RoundStatus.NOTICE)
    begun = has_reached(one, RoundStatus.NOTICE)
    objections = list(
        session.exec(select(Objection).where(Objection.round_id == one.key).order_by(col(Objection.id)))
    )
    decided = [objection for objection in objections if objection.status is not ObjectionStatus.RAISED]
    about = lines(session, one, {objection.pairing_id for objection in decided if objection.pairing_id})
    by_pairing = {line.pairing.key: line for line in about}
    return Notice(
        begun=begun,
        running=takes_objections(session, one),
        began=phase.began if phase and begun else None,
        ends=phase.ends if phase else None,
        working_days=rounds.preset_of(one).process.notice_working_days,
        lines=tuple(line for line in lines(session, one) if line.pairing.status in SHOWN) if begun else (),
        open=len(objections) - len(decided),
        decided=tuple(Decided(objection, by_pairing.get(objection.pairing_id or 0)) for objection in decided),
        reworked=not begun and any(one.status is ObjectionStatus.UPHELD for one in decided),
    )


def lines(session: Session, one: Round, keys: set[int] | None = None) -> list[Proposed]:
    """The pairings of a round (with these numbers) with all that is told of them, by the need's title."""
    condition = col(Pairing.round_id) == one.key
    if keys is not None:
        condition = and_(condition, col(Pairing.id).in_(keys))
    found = between(session, Pairing, condition)
    owners = owners_of(session, [listing for _, *both in found for listing in both])
    return [
        Proposed(
            pairing=pairing,
            need=project,
            offer=offered,
            needing=owners[project.organization_id],
            giving=owners[offered.organization_id],
            amounts=tuple(amounts_of(pairing)),
        )
        for pairing, project, offered in sorted(found, key=lambda three: (three[1].title, three[0].key))
    ]


# Objections -------------------------------------------------------------------------------------------


def visible_to(actor: Actor) -> SelectOfScalar[Objection]:
    """Objections as they were raised are for those who decide them."""
    require(actor, "objection:decide")
    return select(Objection)


def objection(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Objection:
    """One objection. Raises NotFound."""
    wanted = visible_to(actor).where(Objection.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def objections(session: Session, actor: Actor, one: Round) -> list[tuple[Objection, Proposed | None]]:
    """The objections of a round, the open ones first, each with what it is about."""
    found = list(
        session.exec(visible_to(actor).where(Objection.round_id == one.key).order_by(col(Objection.id)))
    )
    about = lines(session, one, {each.pairing_id for each in found if each.pairing_id})
    by_pairing = {line.pairing.key: line for line in about}
    found.sort(key=lambda each: each.status is not ObjectionStatus.RAISED)
    return [(each, by_pairing.get(each.pairing_id or 0)) for each in found]


def waiting(session: Session, one: Round) -> int:
    """How many objections of a round wait for a decision."""
    open_ones = select(Objection.id).where(
        Objection.round_id == one.key, Objection.status == ObjectionStatus.RAISED
    )
    return len(session.exec(open_ones).all())


def to_decide(session: Session) -> list[tuple[Round, int]]:
    """The rounds with objections that wait for a decision, and how many."""
    wanted = (
        select(Round)
        .join(Objection, col(Objection.round_id) == col(Round.id))
        .where(Objection.status == ObjectionStatus.RAISED)
        .distinct()
        .order_by(col(Round.id))
    )
    return [(one, waiting(session, one)) for one in session.exec(wanted)]


def open_objections(session: Session, one: Round) -> Message | None:
    """Why a round cannot be confirmed yet; for `phases.BEFORE_LEAVING`."""
    count = waiting(session, one)
    if not count:
        return None
    return Message(
        "objections-open", "Objections that wait for a decision: {count}. Decide them first.", count=count
    )


def nothing_to_show(session: Session, one: Round) -> Message | None:
    """Why a round cannot go into public notice yet; for `phases.BEFORE_LEAVING`."""
    if not has_notice(one):
        return None
    released = select(Pairing.id).where(Pairing.round_id == one.key, col(Pairing.status).in_(SHOWN))
    if session.exec(released.limit(1)).first() is not None:
        return None
    return Message("nothing-released", "Release a result first: there is nothing to put out for objections.")
