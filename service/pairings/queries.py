"""Reading match runs, pairings and objections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, exists, or_, true
from sqlmodel import Session, col, select

from service.errors import NotFound
from service.pairings.models import Pairing, PairingStatus
from service.rounds.models import Application, Round, RoundStatus

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

HIDDEN = (PairingStatus.PROPOSED, PairingStatus.DROPPED)
"""What nobody but facilitators sees."""
PUBLIC = (PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED)


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`.

    Both sides see a pairing once it is released; everybody sees it once it is mutual, or while the round is
    in public notice.
    """
    if actor.is_staff:
        return true()
    own = exists().where(
        col(Application.id).in_([col(Pairing.need_id), col(Pairing.offer_id)]),
        col(Application.organization_id).in_(list(actor.memberships)),
    )
    noticed = exists().where(col(Round.id) == col(Pairing.round_id), col(Round.status) == RoundStatus.NOTICE)
    return or_(
        col(Pairing.status).in_(PUBLIC),
        and_(col(Pairing.status).not_in(HIDDEN), or_(own, noticed)),
    )


def visible_to(actor: Actor) -> SelectOfScalar[Pairing]:
    """The pairings an actor may see."""
    return select(Pairing).where(seen_by(actor))


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Pairing:
    """One pairing. Raises NotFound."""
    wanted = visible_to(actor).where(Pairing.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found
