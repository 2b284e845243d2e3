"""What is promised already: whether a pairing can still become mutual beside those that have.

Offers hold as much as their lines have and as many projects as they want; needs take what they ask for.
More may be released than fits, so that both sides have something to choose from.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, or_
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


_NEIGHBOURS = (
    select(Pairing)
    .where(
        or_(col(Pairing.need_id) == bindparam("need"), col(Pairing.offer_id) == bindparam("offer")),
        col(Pairing.status).in_([PairingStatus.RELEASED, *HOLDING]),
        col(Pairing.id) != bindparam("one"),
    )
    .order_by(col(Pairing.id))
)


def neighbours(session: Session, pairing: Pairing) -> list[Pairing]:
    """What is released or promised for the same need or from the same offer; also of one not yet written."""
    values = {"need": pairing.need_id, "offer": pairing.offer_id, "one": pairing.id or 0}
    return list(session.exec(_NEIGHBOURS, params=values))


def in_the_way(session: Session, line: Line) -> Message | None:
    """Why a pairing cannot become mutual any more: what others have been promised leaves too little."""
    return _in_the_way(line.pairing, line, neighbours(session, line.pairing))


def _in_the_way(one: Pairing, line: Line, beside: Sequence[Pairing]) -> Message | None:
    """Why `one`, which has the need or the offer of `line`, does not fit `beside` what is promised."""
    holding = [pairing for pairing in beside if pairing.status in HOLDING and pairing.key != one.key]
    need, offer = line.pairing.need_id, line.pairing.offer_id
    if one.need_id == need and not need_has_room(
        line.need.listing, [one, *(pairing for pairing in holding if pairing.need_id == need)]
    ):
        return Message(
            "need-carried",
            "Others carry “{need}” already, so far that this does not fit any more.",
            need=line.need.listing.title,
        )
    if one.offer_id == offer and not offer_has_room(
        line.offer.listing, [one, *(pairing for pairing in holding if pairing.offer_id == offer)]
    ):
        return Message(
            "offer-promised",
            "“{offer}” is promised to others; what is left of it does not suffice.",
            offer=line.offer.listing.title,
        )
    return None


def crowded_out(session: Session, line: Line) -> list[tuple[Pairing, str]]:
    """What is released and no longer fits, now that this pairing is mutual, and the code of the reason."""
    around = [line.pairing, *neighbours(session, line.pairing)]
    return [
        (rival, why.code)
        for rival in around
        if rival.status is PairingStatus.RELEASED and (why := _in_the_way(rival, line, around)) is not None
    ]
