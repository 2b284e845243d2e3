"""Reading rounds and applications. Every path starts at `visible_to` or `applications_visible_to`."""

from __future__ import annotations

import json
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, bindparam, or_, true
from sqlmodel import Session, col, select

from matching.profiles import Side
from matching.text import LANGUAGES
from service.db import now
from service.errors import NotFound
from service.listings import queries as listings
from service.listings.models import Listing
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.permissions import may
from service.rounds.models import (
    Application,
    ApplicationStatus,
    OwnPreset,
    Round,
    RoundPhase,
    RoundStatus,
)
from service.rounds.phases import STEPS, clock, following, of_round
from service.rounds.shapes import PhaseOut, RoundIn, RoundOut

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel.sql.expression import SelectOfScalar

    from matching.rules import Preset
    from service.permissions import Actor

_SAME = {
    "title",
    "summary",
    "preset",
    "phases",
    "rules",
    "themes",
    "time_zone",
    "venue",
    "calendar",
    "automatic",
}
"""What a round has under the same name as `RoundIn`."""


ROW = col(Round.id)


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`: everybody sees a round once it is open."""
    return _seen(is_staff=actor.is_staff)


def _seen(*, is_staff: bool) -> ColumnElement[bool]:
    return true() if is_staff else col(Round.status) != RoundStatus.DRAFT


def visible_to(actor: Actor) -> SelectOfScalar[Round]:
    """The rounds an actor may see."""
    return select(Round).where(seen_by(actor))


@cache
def _wanted(*, is_staff: bool) -> SelectOfScalar[Round]:
    """Put together once: every page of a round asks it."""
    return select(Round).where(_seen(is_staff=is_staff), Round.uid == bindparam("uid"))


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Round:
    """One round. Raises NotFound."""
    wanted = _wanted(is_staff=actor.is_staff)
    found = session.exec(wanted.with_for_update() if lock else wanted, params={"uid": uid}).first()
    if found is None:
        raise NotFound
    return found


def preset_of(one: Round) -> Preset:
    """The round's preset with its own rules put over it. Raises InvalidRules with every problem."""
    return preset_with(one, one.rules)


def preset_with(one: Round, rules: Mapping[str, Any]) -> Preset:
    """The round's preset with these keys over it, in the place of its own rules. Raises InvalidRules."""
    return _preset(one.preset, json.dumps(rules, sort_keys=True))


@lru_cache(maxsize=256)
def _preset(name: str, rules: str) -> Preset:
    from matching.rules import load_preset

    return load_preset(name, json.loads(rules))


_PHASE = select(RoundPhase).where(
    RoundPhase.round_id == bindparam("round"), RoundPhase.phase == bindparam("phase")
)


def phase_of(session: Session, one: Round, phase: RoundStatus) -> RoundPhase | None:
    """The planned times of a phase."""
    return session.exec(_PHASE, params={"round": one.key, "phase": phase.value}).first()


def plan_of(session: Session, one: Round) -> dict[str, RoundPhase]:
    """The planned times of all its phases, by phase, in their order."""
    found = session.exec(select(RoundPhase).where(RoundPhase.round_id == one.key)).all()
    rows = {row.phase: row for row in found}
    return {phase: rows[phase] for phase in one.phases if phase in rows}


def plans_of(session: Session, rounds: Iterable[Round]) -> dict[int, dict[str, RoundPhase]]:
    """`plan_of` for several rounds, by number, with one statement."""
    plans: dict[int, dict[str, RoundPhase]] = {one.key: {} for one in rounds}
    for row in session.exec(select(RoundPhase).where(col(RoundPhase.round_id).in_(list(plans)))):
        plans[row.round_id][row.phase] = row
    return plans


def as_given(session: Session, one: Round) -> RoundIn:
    """The facts, times and rules of a round as somebody would have to give them."""
    host = None if one.host_id is None else session.get_one(Organization, one.host_id)
    return RoundIn.model_validate(
        one.model_dump(include=_SAME)
        | {
            "language": one.language if one.language in LANGUAGES else "",
            "host": host.uid if host else "",
            "plan": [
                {"phase": row.phase, "starts": row.starts, "ends": row.ends}
                for row in plan_of(session, one).values()
            ],
        }
    )


def in_status(actor: Actor, status: RoundStatus | None) -> SelectOfScalar[Round]:
    """What the actor may see of the rounds in a status."""
    return visible_to(actor) if status is None else visible_to(actor).where(col(Round.status) == status)


def listed(session: Session, actor: Actor, *, most: int = 200) -> list[Round]:
    """The rounds that the actor may see, the newest first."""
    return list(session.exec(visible_to(actor).order_by(ROW.desc()).limit(most)))


SHELVES = (
    ("open", (RoundStatus.OPEN,)),
    ("running", tuple(status for status in STEPS if status not in (RoundStatus.OPEN, RoundStatus.CLOSED))),
    ("drafts", (RoundStatus.DRAFT,)),
    ("past", (RoundStatus.CLOSED, RoundStatus.CANCELLED)),
)
"""In which order people look for rounds."""


def shelves(rounds: Iterable[Round]) -> list[tuple[str, list[Round]]]:
    """Rounds by what one may do with them, the shelves that are empty left out."""
    shown = list(rounds)
    found = [(code, [one for one in shown if one.status in statuses]) for code, statuses in SHELVES]
    return [(code, held) for code, held in found if held]


def hosts_of(session: Session, rounds: Iterable[Round]) -> dict[int, Organization]:
    """The organizations that hold rounds, by their number."""
    wanted = {one.host_id for one in rounds}
    found = session.exec(select(Organization).where(col(Organization.id).in_(wanted - {None})))
    return {organization.key: organization for organization in found}


def out(session: Session, rounds: Sequence[Round]) -> list[RoundOut]:
    """Rounds as the API gives them."""
    plans, hosts, moment = plans_of(session, rounds), hosts_of(session, rounds), now()
    return [
        RoundOut(
            **one.model_dump(include=_SAME | {"status", "language", "synthetic", "created", "version"}),
            id=one.uid,
            host=hosts[one.host_id].uid if one.host_id in hosts else None,
            next=following(one),
            overdue=clock(one, plans[one.key], moment).is_over,
            plan=[
                PhaseOut(**plans[one.key][phase].model_dump(include=set(PhaseOut.model_fields)))
                for phase in one.phases
                if phase in plans[one.key]
            ],
        )
        for one in rounds
    ]


def possible_hosts(session: Session, actor: Actor) -> list[Organization]:
    """The organizations that may hold a round: one's own first, then all that may act, by name."""
    acting = organizations.visible_to(actor).where(organizations.acting(organizations.today()))
    found = session.exec(acting.order_by(col(Organization.name)).limit(1000))
    return sorted(found, key=lambda one: (one.key not in actor.memberships, one.name.casefold()))


def offers_for(session: Session, actor: Actor, one: Round) -> list[tuple[str, str]]:
    """uid and title of the offers that a fund of the round may hold: those entered, and those of its host."""
    entered = select(Application.listing_id).where(
        Application.round_id == one.key, col(Application.side) == Side.OFFER
    )
    found = session.exec(
        listings.visible_to(actor)
        .where(
            col(Listing.side) == Side.OFFER,
            or_(
                col(Listing.id).in_(entered),
                and_(col(Listing.organization_id) == one.host_id, listings.public(listings.today())),
            ),
        )
        .order_by(col(Listing.id))
    )
    return [(listing.uid, listing.title) for listing in found]


def own_presets(session: Session, actor: Actor) -> list[OwnPreset]:
    """The presets that facilitators have made, by name."""
    if not may(actor, "round:run"):
        return []
    return sorted(session.exec(select(OwnPreset)), key=lambda one: (one.name.casefold(), one.key))


def applications_of(session: Session, one: Round) -> list[Application]:
    """All applications to a round, by number."""
    own = select(Application).where(Application.round_id == one.key)
    return list(session.exec(own.order_by(col(Application.id))))


def round_of(session: Session, application: Application) -> Round:
    """The round of an application that the caller has found."""
    return session.get_one(Round, application.round_id)


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
