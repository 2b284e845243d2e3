"""Reading match runs, pairings and objections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import BindParameter, ColumnElement, and_, exists, false, func, or_, true
from sqlalchemy import select as any_select
from sqlalchemy.orm import aliased, defer
from sqlmodel import Session, col, select

from matching.messages import Quantity
from matching.profiles import Cooperation
from service.accounts.models import User
from service.errors import NotFound
from service.events import Event
from service.jobs import Job
from service.listings.models import Listing
from service.organizations.models import Organization
from service.paging import Piece, piece
from service.pairings.models import MatchRun, MatchRunStatus, Override, OverrideKind, Pairing, PairingStatus
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from service.rounds.queries import matchable

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

HIDDEN = (PairingStatus.PROPOSED, PairingStatus.DROPPED)
"""What nobody but facilitators sees."""
PUBLIC = (PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED)


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`."""
    return seen(list(actor.memberships), is_staff=actor.is_staff)


def seen(own: list[int] | BindParameter[Any], *, is_staff: bool) -> ColumnElement[bool]:
    """What somebody sees who has these organizations.

    Both sides see a pairing once it is released; everybody sees it once it is mutual, or while the round is
    in public notice.
    """
    if is_staff:
        return true()
    ours = exists().where(
        col(Application.id).in_([col(Pairing.need_id), col(Pairing.offer_id)]),
        col(Application.organization_id).in_(own),
    )
    noticed = exists().where(col(Round.id) == col(Pairing.round_id), col(Round.status) == RoundStatus.NOTICE)
    return or_(
        col(Pairing.status).in_(PUBLIC),
        and_(col(Pairing.status).not_in(HIDDEN), or_(ours, noticed)),
    )


def carried_needs(session: Session) -> set[int]:
    """The numbers of the listings of needs that somebody carries: chosen by both sides, or signed."""
    carrying = select(Application.listing_id).where(
        col(Application.id) == col(Pairing.need_id), col(Pairing.status).in_(PUBLIC)
    )
    return set(session.exec(carrying))


def visible_to(actor: Actor) -> SelectOfScalar[Pairing]:
    """The pairings an actor may see."""
    return select(Pairing).where(seen_by(actor))


def get(session: Session, actor: Actor, uid: str, *, one: Round | None = None, lock: bool = False) -> Pairing:
    """One pairing, of this round if one is given. Raises NotFound."""
    wanted = visible_to(actor).where(Pairing.uid == uid)
    if one is not None:
        wanted = wanted.where(Pairing.round_id == one.key)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def listed(
    session: Session,
    actor: Actor,
    one: Round,
    *,
    status: PairingStatus | None = None,
    cursor: str | None = None,
    limit: int = 50,
) -> Piece[Pairing]:
    """One page of a round's pairings, the newest first."""
    wanted = visible_to(actor).where(Pairing.round_id == one.key)
    if status is not None:
        wanted = wanted.where(Pairing.status == status)
    return piece(session, wanted, col(Pairing.id), cursor=cursor, limit=limit)


# Match runs -------------------------------------------------------------------------------------------

_BULKY = (MatchRun.inputs, MatchRun.result)
IN_FLIGHT = (MatchRunStatus.QUEUED, MatchRunStatus.RUNNING)


def runs_visible_to(actor: Actor) -> SelectOfScalar[MatchRun]:
    """Match runs are the facilitators' own."""
    return select(MatchRun).where(true() if actor.is_staff else false())


def run(
    session: Session, actor: Actor, uid: str, *, one: Round | None = None, lock: bool = False
) -> MatchRun:
    """One match run, of this round if one is given. Raises NotFound."""
    wanted = runs_visible_to(actor).where(MatchRun.uid == uid)
    if one is not None:
        wanted = wanted.where(MatchRun.round_id == one.key)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def runs(session: Session, actor: Actor, one: Round, *, most: int = 50) -> list[MatchRun]:
    """The runs of a round, the newest first; what is bulky in them is read only when asked for."""
    wanted = runs_visible_to(actor).where(MatchRun.round_id == one.key)
    light = wanted.options(*(defer(column) for column in _BULKY))  # type: ignore[arg-type]
    return list(session.exec(light.order_by(col(MatchRun.id).desc()).limit(most)))


def numbers(session: Session, one: Round) -> dict[int, int]:
    """The runs of a round by their keys, counted from the first: two of one minute are told apart by it."""
    keys = session.exec(
        select(col(MatchRun.id)).where(MatchRun.round_id == one.key).order_by(col(MatchRun.id))
    )
    return {key: number for number, key in enumerate(keys, 1) if key}


def newest_runs(session: Session) -> list[tuple[Round, MatchRun]]:
    """Rounds that are being matched, each with its newest run; what-ifs and cancelled ones do not count."""
    newest = (
        select(func.max(col(MatchRun.id)))
        .where(
            col(MatchRun.what_if).is_(False),
            col(MatchRun.status).not_in([MatchRunStatus.CANCELLED, MatchRunStatus.SUPERSEDED]),
        )
        .group_by(col(MatchRun.round_id))
    )
    wanted = (
        select(Round, MatchRun)
        .join(MatchRun, col(MatchRun.round_id) == col(Round.id))
        .where(Round.status == RoundStatus.MATCHING, col(MatchRun.id).in_(newest))
        .options(*(defer(column) for column in _BULKY))  # type: ignore[arg-type]
    )
    return list(session.exec(wanted.order_by(col(Round.id))))


def _results(one: Round) -> SelectOfScalar[MatchRun]:
    done = MatchRun.round_id == one.key, MatchRun.status == MatchRunStatus.DONE
    return select(MatchRun).where(*done, col(MatchRun.what_if).is_(False)).order_by(col(MatchRun.id).desc())


def results(session: Session, one: Round) -> list[MatchRun]:
    """All runs that found pairings and are neither what-ifs nor superseded, the newest first."""
    return list(session.exec(_results(one).options(*(defer(column) for column in _BULKY))))  # type: ignore[arg-type]


def latest_result(session: Session, one: Round) -> MatchRun | None:
    """The newest of them, with all that it found."""
    return session.exec(_results(one).limit(1)).first()


def pairings_of(session: Session, made_by: MatchRun) -> list[tuple[Pairing, Listing, Listing]]:
    """The pairings of a run, each with the listings of its need and its offer; the highest score first."""
    return between(session, Pairing, col(Pairing.run_id) == made_by.key, col(Pairing.score).desc())


def override(session: Session, actor: Actor, uid: str, *, one: Round) -> Override:
    """A facilitator's decision about a pair of a round, still in force. Raises NotFound."""
    wanted = select(Override).where(
        Override.uid == uid, Override.round_id == one.key, col(Override.removed).is_(None)
    )
    found = session.exec(wanted.with_for_update()).first() if actor.is_staff else None
    if found is None:
        raise NotFound
    return found


def overrides_in_force(session: Session, one: Round) -> list[tuple[Override, Listing, Listing]]:
    """What facilitators have decided about pairs and not taken back, with the listings of both sides."""
    return between(
        session, Override, and_(col(Override.round_id) == one.key, col(Override.removed).is_(None))
    )


Pair = TypeVar("Pair", Pairing, Override)


def between(
    session: Session, kind: type[Pair], condition: ColumnElement[bool], *order: Any
) -> list[tuple[Pair, Listing, Listing]]:
    """Pairings or overrides, each with the listings of its need and its offer."""
    need, offer = aliased(Application), aliased(Application)
    sought, given = aliased(Listing), aliased(Listing)
    wanted = (
        select(kind, sought, given)
        .join(need, col(need.id) == col(kind.need_id))
        .join(offer, col(offer.id) == col(kind.offer_id))
        .join(sought, col(sought.id) == col(need.listing_id))
        .join(given, col(given.id) == col(offer.listing_id))
        .where(condition)
        .order_by(*order, col(kind.id))
    )
    return list(session.exec(wanted))


def cooperations(session: Session, one: Round) -> list[Cooperation]:
    """Pairings of other rounds that were agreed: track records, used-up budgets, yearly caps."""
    need, offer = aliased(Application), aliased(Application)
    sought, given = aliased(Listing), aliased(Listing)
    taker, giver = aliased(Organization), aliased(Organization)
    wanted = (
        any_select(Pairing, col(sought.uid), col(given.uid), col(taker.uid), col(giver.uid), col(Event.at))
        .join(need, col(need.id) == col(Pairing.need_id))
        .join(offer, col(offer.id) == col(Pairing.offer_id))
        .join(sought, col(sought.id) == col(need.listing_id))
        .join(given, col(given.id) == col(offer.listing_id))
        .join(taker, col(taker.id) == col(need.organization_id))
        .join(giver, col(giver.id) == col(offer.organization_id))
        .outerjoin(Event, and_(col(Event.subject) == col(Pairing.uid), col(Event.name) == "pairing.agree"))
        .where(col(Pairing.status) == PairingStatus.AGREED, col(Pairing.round_id) != one.key)
        .order_by(col(Pairing.id))
    )
    found: dict[str, Cooperation] = {}
    for pairing, project, offer_uid, taker_uid, giver_uid, agreed in session.execute(wanted):
        first = pairing.gifts[0] if pairing.gifts else None
        signed = agreed or pairing.released or pairing.created
        found[pairing.uid] = Cooperation(
            id=pairing.uid,
            need_organization=taker_uid,
            offer_organization=giver_uid,
            title=project,
            signed=signed.date(),
            offer=offer_uid,
            quantity=_used(pairing) if first else None,
            kind=first["kind"] if first else "",
        )
    return list(found.values())


def _used(pairing: Pairing) -> Quantity:
    """What the pairing takes of its offer, in the unit of its first gift."""
    unit = pairing.gifts[0]["used"]["unit"]
    return Quantity(given_in(pairing, unit), unit)


def given_in(pairing: Pairing, unit: str) -> int:
    """What a pairing takes of its offer in one unit, in hundredths."""
    return sum(gift["used"]["amount"] for gift in pairing.gifts if gift["used"]["unit"] == unit)


def amounts_of(pairing: Pairing) -> list[Quantity]:
    """What is given, one quantity for each unit."""
    units = dict.fromkeys(gift["used"]["unit"] for gift in pairing.gifts)
    return [Quantity(given_in(pairing, unit), unit) for unit in units]


_SERVED = (PairingStatus.RELEASED, *PUBLIC)
"""What an organization has, or may yet have, of a round."""


def left_out(session: Session, one: Round, organizations: Collection[str]) -> dict[str, int]:
    """By uid: how many other rounds in a row, the last released one first, an organization left with nothing.

    It took part where an application of its was in the match; what was declined or lapsed is nothing.
    """
    ended = (
        select(MatchRun.round_id, func.max(col(MatchRun.released)).label("released"))
        .where(col(MatchRun.released).is_not(None), MatchRun.round_id != one.key)
        .group_by(col(MatchRun.round_id))
        .subquery()
    )
    took_part = (
        select(Organization.uid, Application.round_id, ended.c.released)
        .join(Application, col(Application.organization_id) == col(Organization.id))
        .join(ended, ended.c.round_id == col(Application.round_id))
        .where(
            col(Organization.uid).in_(organizations),
            col(Application.status).in_([ApplicationStatus.ELIGIBLE, ApplicationStatus.SHORTLISTED]),
        )
        .order_by(ended.c.released.desc(), col(Application.round_id).desc())
        .distinct()
    )
    got = (
        select(Organization.uid, Pairing.round_id)
        .join(Application, col(Application.organization_id) == col(Organization.id))
        .join(Pairing, col(Application.id).in_([col(Pairing.need_id), col(Pairing.offer_id)]))
        .where(col(Organization.uid).in_(organizations), col(Pairing.status).in_(_SERVED))
    )
    served = {(uid, round_id) for uid, round_id in session.execute(got)}
    counts: dict[str, int] = {}
    settled: set[str] = set()
    for uid, round_id, _ in session.execute(took_part):
        if (uid, round_id) in served:
            settled.add(uid)
        elif uid not in settled:
            counts[uid] = counts.get(uid, 0) + 1
    return counts


def in_flight(session: Session, one: Round) -> list[MatchRun]:
    """The runs of a round that are on their way."""
    wanted = select(MatchRun).where(MatchRun.round_id == one.key, col(MatchRun.status).in_(IN_FLIGHT))
    return list(session.exec(wanted.options(*(defer(column) for column in _BULKY))))  # type: ignore[arg-type]


def applications_by_listing(session: Session, round_id: int) -> dict[str, int]:
    """By the uid of a listing: the number of its application to a round."""
    found = select(Listing.uid, Application.id).where(
        col(Application.listing_id) == col(Listing.id), Application.round_id == round_id
    )
    return {uid: number for uid, number in session.exec(found) if number is not None}


def proposed_by(session: Session, made_by: MatchRun) -> list[Pairing]:
    """What a run proposes and nobody has been told of yet."""
    wanted = select(Pairing).where(Pairing.run_id == made_by.key, Pairing.status == PairingStatus.PROPOSED)
    return list(session.exec(wanted.order_by(col(Pairing.id)).with_for_update()))


def proposed_pair(session: Session, made_by: MatchRun, need: int, offer: int) -> Pairing | None:
    """What a run proposes for two applications, by their numbers."""
    return session.exec(
        select(Pairing)
        .where(Pairing.run_id == made_by.key, Pairing.need_id == need, Pairing.offer_id == offer)
        .where(Pairing.status == PairingStatus.PROPOSED)
        .with_for_update()
    ).first()


def open_pairings_of_others(session: Session, one: Round, run: MatchRun) -> list[Pairing]:
    """Pairings of the round that do not come from this run and that nobody has agreed to or refused yet."""
    wanted = select(Pairing).where(
        Pairing.round_id == one.key,
        or_(col(Pairing.run_id) != run.key, col(Pairing.run_id).is_(None)),
        col(Pairing.status).in_([PairingStatus.PROPOSED, PairingStatus.RELEASED]),
    )
    return list(session.exec(wanted.order_by(col(Pairing.id)).with_for_update()))


# What belongs to runs and pairings --------------------------------------------------------------------


def job_of(session: Session, run: MatchRun) -> Job | None:
    """The job that does a run; None once it is done long ago."""
    return session.exec(select(Job).where(Job.uid == run.job)).first()


def set_by_hand_after(session: Session, one: Round, run: MatchRun) -> int:
    """How many amounts in force were set after a run was done."""
    return sum(
        made.kind is OverrideKind.AMOUNT and run.finished is not None and made.created > run.finished
        for made, *_ in overrides_in_force(session, one)
    )


def names_of_users(session: Session, numbers: Collection[int | None]) -> dict[int, str]:
    """By number: what people are called."""
    found = session.exec(select(User.id, User.name, User.email).where(col(User.id).in_(numbers)))
    return {number: name or email for number, name, email in found if number is not None}


def application_uids(session: Session, one: Round) -> dict[str, str]:
    """By the uid of a listing: the uid of its application to a round."""
    found = select(Listing.uid, Application.uid).where(
        col(Application.listing_id) == col(Listing.id), Application.round_id == one.key
    )
    return dict(session.exec(found).all())


def choosable(session: Session, one: Round) -> dict[str, list[tuple[str, str]]]:
    """By side: the applications in the match, uid and words, by title."""
    found = session.exec(
        select(Application.side, Application.uid, Listing.title, Organization.name)
        .join(Listing, col(Listing.id) == col(Application.listing_id))
        .join(Organization, col(Organization.id) == col(Application.organization_id))
        .where(matchable(one))
        .order_by(col(Listing.title), col(Application.id))
    )
    sides: dict[str, list[tuple[str, str]]] = {"need": [], "offer": []}
    for side, uid, title, name in found:
        sides[side].append((uid, f"{title} · {name}"))
    return sides


@dataclass(frozen=True, slots=True)
class SideOf:
    """One side of a pairing."""

    application: Application
    listing: Listing
    organization: Organization


def sides_of(session: Session, pairings: Collection[Pairing]) -> dict[int, tuple[SideOf, SideOf]]:
    """By the number of a pairing: its need and its offer."""
    wanted = {number for one in pairings for number in (one.need_id, one.offer_id)}
    found = (
        select(Application, Listing, Organization)
        .join(Listing, col(Listing.id) == col(Application.listing_id))
        .join(Organization, col(Organization.id) == col(Application.organization_id))
        .where(col(Application.id).in_(wanted))
    )
    sides = {
        application.key: SideOf(application, listing, organization)
        for application, listing, organization in session.exec(found)
    }
    return {one.key: (sides[one.need_id], sides[one.offer_id]) for one in pairings}


def is_insider(actor: Actor, need: SideOf, offer: SideOf) -> bool:
    """Whether the actor sees why a pairing was made: its two sides, and facilitators."""
    return actor.is_staff or bool({need.organization.key, offer.organization.key} & actor.memberships.keys())


def run_uids(session: Session, pairings: Collection[Pairing]) -> dict[int, str]:
    """By number: the uids of the runs that pairings come from."""
    numbers = {one.run_id for one in pairings if one.run_id is not None}
    found = session.exec(select(MatchRun.id, MatchRun.uid).where(col(MatchRun.id).in_(numbers)))
    return {number: uid for number, uid in found if number is not None}


def own_pairings(session: Session, actor: Actor, one: Round) -> list[Pairing]:
    """The pairings of a round that the actor's own organizations are in and may see."""
    if not actor.memberships:
        return []
    own = exists().where(
        col(Application.id).in_([col(Pairing.need_id), col(Pairing.offer_id)]),
        col(Application.organization_id).in_(list(actor.memberships)),
    )
    wanted = visible_to(actor).where(own, Pairing.round_id == one.key, col(Pairing.status).not_in(HIDDEN))
    return list(session.exec(wanted.order_by(col(Pairing.score).desc(), col(Pairing.id))))
