"""What is promised already: whether a pairing can still become mutual beside those that have.

Offers hold as much as their lines have and as many projects as they want; needs take what they ask for.
More may be released than fits, so that both sides have something to choose from.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import or_
from sqlmodel import Session, col, select

from matching.messages import Message, Quantity
from service.choices.queries import HOLDING
from service.pairings.models import Pairing, PairingStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.choices.queries import Line
    from service.listings.models import Listing


def amounts(pairing: Pairing) -> list[Quantity]:
    """What is given, one quantity for each unit."""
    totals: dict[str, int] = {}
    for gift in pairing.gifts:
        used = gift["used"]
        totals[used["unit"]] = totals.get(used["unit"], 0) + used["amount"]
    return [Quantity(amount, unit) for unit, amount in totals.items()]


def taken(found: Iterable[Pairing]) -> Counter[int]:
    """By line of a need: how much of it these pairings give."""
    counted: Counter[int] = Counter()
    for pairing in found:
        for gift in pairing.gifts:
            counted[gift["need_line"]] += gift["quantity"]["amount"]
    return counted


def used(found: Iterable[Pairing]) -> Counter[int]:
    """By line of an offer: how much of it these pairings use."""
    counted: Counter[int] = Counter()
    for pairing in found:
        for gift in pairing.gifts:
            counted[gift["offer_line"]] += gift["used"]["amount"]
    return counted


def _exceeds(counted: Counter[int], listing: Listing) -> bool:
    lines = listing.lines
    return any(line < len(lines) and amount > lines[line]["amount"] for line, amount in counted.items())


def need_has_room(listing: Listing, found: Sequence[Pairing]) -> bool:
    """Whether a need can take all of these."""
    return not _exceeds(taken(found), listing)


def offer_has_room(listing: Listing, found: Sequence[Pairing]) -> bool:
    """Whether an offer can carry all of these."""
    most = listing.most_projects
    return not _exceeds(used(found), listing) and (
        most is None or len({one.need_id for one in found}) <= most
    )


def in_the_way(session: Session, line: Line) -> Message | None:
    """Why a pairing cannot become mutual any more: what others have been promised leaves too little."""
    pairing = line.pairing
    holding = session.exec(
        select(Pairing).where(
            or_(col(Pairing.need_id) == pairing.need_id, col(Pairing.offer_id) == pairing.offer_id),
            col(Pairing.status).in_(HOLDING),
            col(Pairing.id) != pairing.key,
        )
    ).all()
    if not need_has_room(
        line.need.listing, [pairing, *(one for one in holding if one.need_id == pairing.need_id)]
    ):
        return Message(
            "need-carried",
            "Others carry “{need}” already, so far that this does not fit any more.",
            need=line.need.listing.title,
        )
    if not offer_has_room(
        line.offer.listing, [pairing, *(one for one in holding if one.offer_id == pairing.offer_id)]
    ):
        return Message(
            "offer-promised",
            "“{offer}” is promised to others; what is left of it does not suffice.",
            offer=line.offer.listing.title,
        )
    return None


def rivals(session: Session, pairing: Pairing) -> list[Pairing]:
    """What is released for the same need or from the same offer."""
    found = session.exec(
        select(Pairing)
        .where(
            or_(col(Pairing.need_id) == pairing.need_id, col(Pairing.offer_id) == pairing.offer_id),
            col(Pairing.status) == PairingStatus.RELEASED,
            col(Pairing.id) != pairing.key,
        )
        .order_by(col(Pairing.id))
    )
    return list(found)
