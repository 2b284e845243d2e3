"""The showcase: organizations of a round one after the other, with what they have and what they need.

`Application.showing` is the turn of its organization; those without one come last, in the order in which
they applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zlib import crc32

from sqlalchemy import func
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.errors import BadInput, NotNow
from service.events import record
from service.listings import queries as listings
from service.listings.models import Listing
from service.organizations.models import Organization
from service.permissions import require
from service.rounds import phases
from service.rounds.checking import ENTERED
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.queries import preset_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.permissions import Actor


@dataclass(frozen=True, slots=True)
class Turn:
    """One organization's turn: what it has and what it needs, as everybody may see it."""

    organization: Organization
    offers: tuple[Listing, ...]
    needs: tuple[Listing, ...]


def closed(actor: Actor, one: Round) -> Message | None:
    """Why the showcase is not shown to the actor; None where it is."""
    blind = preset_of(one).process.blind_review and RoundStatus.REVIEWING in phases.of_round(one)
    if blind and not actor.is_staff and not phases.has_reached(one, RoundStatus.MATCHING):
        return Message(
            "showcase-blind",
            "In this round, reviewers do not know who applies. The showcase opens when they are done.",
        )
    return None


def turns(session: Session, one: Round) -> list[Turn]:
    """Who is shown, in order: what was entered into the round and is public as a listing."""
    found = session.exec(
        select(Application, Listing, Organization)
        .where(
            Application.round_id == one.key,
            col(Application.status).in_(ENTERED),
            col(Listing.id) == col(Application.listing_id),
            col(Organization.id) == col(Application.organization_id),
            listings.public(listings.today()),
        )
        .order_by(
            col(Application.showing).is_(None),
            col(Application.showing),
            col(Application.submitted),
            col(Application.id),
        )
    ).all()
    owners = {organization.key: organization for _, _, organization in found}
    return [
        Turn(
            organization,
            *(
                tuple(
                    listing
                    for entry, listing, _ in found
                    if entry.organization_id == key and listing.side == side
                )
                for side in (Side.OFFER, Side.NEED)
            ),
        )
        for key, organization in owners.items()
    ]


def order_version(order: Sequence[Turn]) -> int:
    """A number that changes with the order, for its ETag."""
    return crc32(",".join(turn.organization.uid for turn in order).encode())


def arrange(session: Session, actor: Actor, one: Round, wanted: Sequence[str]) -> None:
    """Put the organizations (uids) in this order; those that are left out follow as they were.

    Raises BadInput for one that is not shown in this round.
    """
    require(actor, "round:run")
    if one.status in (RoundStatus.CLOSED, RoundStatus.CANCELLED):
        raise NotNow(Message("round-over", "This round is over."))
    before = [turn.organization.uid for turn in turns(session, one)]
    for uid in wanted:
        if uid not in before:
            raise BadInput.one(
                "order", Message("not-in-showcase", "“{id}” is not an organization of this showcase.", id=uid)
            )
    order = list(dict.fromkeys([*wanted, *before]))
    _number(session, one, order)
    if order != before:
        record(session, actor, "showcase.arrange", one, order=order)


def move(session: Session, actor: Actor, one: Round, uid: str, by: int) -> None:
    """Move an organization up (-1) or down (1)."""
    order = [turn.organization.uid for turn in turns(session, one)]
    if uid in order:
        place = order.index(uid)
        order.insert(max(0, place + by), order.pop(place))
    arrange(session, actor, one, order)


def arrange_fairly(session: Session, actor: Actor, one: Round) -> None:
    """Spread those who need and those who give evenly; who was shown least so far comes first."""
    shown = turns(session, one)
    earlier = _earlier_showings(session, one)
    first = _first_submissions(session, one)

    def merit(turn: Turn) -> tuple[int, str, str]:
        organization = turn.organization
        return earlier.get(organization.key, 0), first.get(organization.key, ""), organization.uid

    needing = sorted((turn for turn in shown if turn.needs), key=merit)
    giving = sorted((turn for turn in shown if not turn.needs), key=merit)
    placed = [
        ((number + 0.5) / len(side), kind, turn.organization.uid)
        for kind, side in enumerate((needing, giving))
        for number, turn in enumerate(side)
    ]
    arrange(session, actor, one, [uid for _, _, uid in sorted(placed)])


def _number(session: Session, one: Round, order: Sequence[str]) -> None:
    places = {uid: number for number, uid in enumerate(order, 1)}
    found = session.exec(
        select(Application, Organization.uid)
        .where(Application.round_id == one.key, col(Organization.id) == col(Application.organization_id))
        .with_for_update(of=Application)
    )
    for application, uid in found.all():
        application.showing = places.get(uid)
        session.add(application)


def _earlier_showings(session: Session, one: Round) -> dict[int, int]:
    """By organization: in how many other rounds it was shown."""
    counted = (
        select(Application.organization_id, func.count(func.distinct(col(Application.round_id))))
        .where(Application.round_id != one.key, col(Application.showing).is_not(None))
        .group_by(col(Application.organization_id))
    )
    return dict(session.exec(counted).all())


def _first_submissions(session: Session, one: Round) -> dict[int, str]:
    found = session.exec(
        select(Application.organization_id, func.min(col(Application.submitted)))
        .where(Application.round_id == one.key, col(Application.status).in_(ENTERED))
        .group_by(col(Application.organization_id))
    )
    return {organization: str(moment) for organization, moment in found.all()}
