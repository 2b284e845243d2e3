"""Reading rounds and applications. Every path starts at `visible_to` or `applications_visible_to`."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING

from sqlalchemy import ColumnElement, and_, or_, true
from sqlmodel import Session, col, select

from matching.profiles import Side
from service.errors import NotFound
from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus
from service.rounds.phases import of_round

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

    from matching.rules import Preset
    from service.permissions import Actor


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`: everybody sees a round once it is open."""
    return true() if actor.is_staff else col(Round.status) != RoundStatus.DRAFT


def visible_to(actor: Actor) -> SelectOfScalar[Round]:
    """The rounds an actor may see."""
    return select(Round).where(seen_by(actor))


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Round:
    """One round. Raises NotFound."""
    wanted = visible_to(actor).where(Round.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def preset_of(one: Round) -> Preset:
    """The round's preset with its own rules put over it. Raises InvalidRules with every problem."""
    return _preset(one.preset, json.dumps(one.rules, sort_keys=True))


@lru_cache(maxsize=256)
def _preset(name: str, rules: str) -> Preset:
    from matching.rules import load_preset

    return load_preset(name, json.loads(rules))


def phase_of(session: Session, one: Round, phase: RoundStatus) -> RoundPhase | None:
    """The planned times of a phase."""
    return session.exec(
        select(RoundPhase).where(RoundPhase.round_id == one.key, RoundPhase.phase == phase.value)
    ).first()


# Applications -----------------------------------------------------------------------------------------


def applications_visible_to(actor: Actor) -> SelectOfScalar[Application]:
    """One's own organizations' applications; all of them for staff."""
    own = col(Application.organization_id).in_(list(actor.memberships))
    return select(Application).where(or_(true() if actor.is_staff else own))


def application(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Application:
    """One application. Raises NotFound."""
    wanted = applications_visible_to(actor).where(Application.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def matchable(one: Round) -> ColumnElement[bool]:
    """The condition behind `in_the_match`, on `application`.

    Needs must be shortlisted where the round reviews, else eligible; offers must be eligible. Where it does
    not screen, what was submitted and fits the rules is eligible at once.
    """
    eligible = col(Application.status) == ApplicationStatus.ELIGIBLE
    if RoundStatus.REVIEWING in of_round(one):
        eligible = and_(eligible, col(Application.side) == Side.OFFER)
    shortlisted = col(Application.status) == ApplicationStatus.SHORTLISTED
    return and_(col(Application.round_id) == one.key, or_(eligible, shortlisted))


def in_the_match(session: Session, one: Round, side: Side | None = None) -> list[Application]:
    """The applications that the matcher may pair, by number."""
    wanted = select(Application).where(matchable(one))
    if side is not None:
        wanted = wanted.where(col(Application.side) == side)
    return list(session.exec(wanted.order_by(col(Application.id))))
