"""Gifts that are not cash: recorded by who gave or got them, confirmed by the other side."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.db import now
from service.errors import BadInput, NotAllowed, NotNow
from service.events import record
from service.funding import queries
from service.funding.actions import past_day
from service.funding.conditions import refuse_not_in_force
from service.funding.models import REMARK_CHARACTERS, Commitment, Delivery
from service.funding.standing import acting_for, doing_for
from service.funding.telling import tell
from service.texts import tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlmodel import Session

    from service.funding.queries import Book
    from service.organizations.models import Organization
    from service.permissions import Actor

LARGEST = 10**15


def record_delivery(
    session: Session, actor: Actor, uid: str, quantity: int | None, on: date | None, text: str = ""
) -> Delivery:
    """Write down that so much (hundredths of its unit) of a commitment came; the other side is asked."""
    agreement = queries.agreement_of(session, actor, Commitment, uid)
    book = queries.open_book(session, actor, agreement, lock=True)
    commitment: Commitment = queries.entry(book.commitments, uid)
    organization = _own(actor, book)
    refuse_not_in_force(book)
    if commitment.ended is not None:
        raise NotNow(Message("line-ended", "An amendment has taken this out of the agreement."))
    if queries.is_cash(commitment):
        raise NotNow(Message("cash-in-tranches", "Money is paid in tranches, not delivered."))
    if quantity is None or not 0 < quantity <= LARGEST:
        raise BadInput.one("quantity", Message("quantity-positive", "Give a number above zero."))
    if len(text) > REMARK_CHARACTERS:
        raise BadInput.one("text", too_long(REMARK_CHARACTERS))
    delivery = Delivery(
        commitment_id=commitment.key,
        organization_id=organization.key,
        quantity=quantity,
        on=past_day(on, "on"),
        text=tidy(text),
        user_id=actor.user_id,
    )
    session.add(delivery)
    session.flush()
    _record(session, actor, book, delivery, "delivery.record", commitment)
    for other in confirming(book, commitment, delivery):
        tell(
            session,
            book.agreement,
            other,
            "delivery-recorded",
            amount=(quantity, commitment.unit),
            title=commitment.description or commitment.kind.value,
        )
    return delivery


def confirm_delivery(session: Session, actor: Actor, uid: str) -> Delivery:
    """Say, for the other side, that it came."""
    book, delivery, commitment = _delivery(session, actor, uid)
    if actor.user_id is not None and actor.user_id == delivery.user_id:
        raise NotAllowed(
            Message(
                "own-delivery", "You recorded this yourself. Somebody of the other side has to confirm it."
            )
        )
    others = confirming(book, commitment, delivery)
    if not any(one.key in actor.memberships for one in others):
        raise NotAllowed(Message("other-side", "The other side has to confirm this."))
    acting_for(actor, "delivery:record", others)
    _refuse_confirmed(delivery)
    delivery.confirmed, delivery.confirmed_by = now(), actor.user_id
    session.add(delivery)
    _record(session, actor, book, delivery, "delivery.confirm", commitment)
    return delivery


def take_back_delivery(session: Session, actor: Actor, uid: str) -> None:
    """Remove what was recorded by mistake, by the side that did, as long as nobody has confirmed it."""
    book, delivery, commitment = _delivery(session, actor, uid)
    acting_for(actor, "delivery:record", [book.organization(delivery.organization_id)])
    _refuse_confirmed(delivery)
    _record(session, actor, book, delivery, "delivery.take-back", commitment)
    session.delete(delivery)


def confirming(book: Book, commitment: Commitment, delivery: Delivery) -> list[Organization]:
    """Who confirms a delivery: the giver what others recorded, the others what the giver recorded."""
    if delivery.organization_id != commitment.organization_id:
        return [book.organization(commitment.organization_id)]
    return [one.organization for one in book.parties if one.organization.key != commitment.organization_id]


def _own(actor: Actor, book: Book) -> Organization:
    parties: Sequence[Organization] = [one.organization for one in book.parties]
    otherwise = Message("parties-record", "Only the parties record what they gave and got.")
    return doing_for(actor, "delivery:record", parties, otherwise)


def _delivery(session: Session, actor: Actor, uid: str) -> tuple[Book, Delivery, Commitment]:
    agreement = queries.agreement_of(session, actor, Delivery, uid)
    book = queries.open_book(session, actor, agreement, lock=True)
    delivery: Delivery = queries.entry(book.deliveries, uid)
    return book, delivery, book.commitment(delivery)


def _refuse_confirmed(delivery: Delivery) -> None:
    if delivery.confirmed is not None:
        raise NotNow(Message("delivery-confirmed", "Both sides have confirmed this already."))


def _record(
    session: Session, actor: Actor, book: Book, delivery: Delivery, name: str, commitment: Commitment
) -> None:
    record(
        session,
        actor,
        name,
        delivery,
        agreement=book.agreement.uid,
        commitment=commitment.item,
        quantity=delivery.quantity,
        unit=commitment.unit,
    )
