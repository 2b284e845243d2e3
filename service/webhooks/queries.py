"""Webhooks that somebody may see, and whom an event concerns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import col, select

from service.errors import NotFound
from service.events import Event
from service.listings.models import Inquiry, Listing, Request
from service.organizations.models import Organization, Question
from service.paging import Piece, piece
from service.permissions import Role
from service.webhooks.models import Delivery, Webhook

if TYPE_CHECKING:
    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

PRIVATE = frozenset({"organization.screen"})
"""Events about an organization that are told to nobody."""


def visible_to(actor: Actor) -> SelectOfScalar[Webhook]:
    """The webhooks of the organizations that somebody owns; administrators see all."""
    webhooks = select(Webhook)
    if Role.ADMINISTRATOR in actor.roles:
        return webhooks
    owned = [number for number, role in actor.memberships.items() if role is Role.OWNER]
    return webhooks.where(col(Webhook.organization_id).in_(owned))


def get(session: Session, actor: Actor, uid: str) -> Webhook:
    """One webhook. Raises NotFound."""
    found = session.exec(visible_to(actor).where(Webhook.uid == uid)).one_or_none()
    if found is None:
        raise NotFound
    return found


def of_organization(session: Session, actor: Actor, organization_id: int) -> list[Webhook]:
    """The webhooks of one organization, the oldest first."""
    wanted = visible_to(actor).where(Webhook.organization_id == organization_id)
    return list(session.exec(wanted.order_by(col(Webhook.id))))


def deliveries(session: Session, webhook: Webhook, *, cursor: str | None, limit: int) -> Piece[Delivery]:
    """What was sent to a webhook, the newest first."""
    wanted = select(Delivery).where(Delivery.webhook_id == webhook.key)
    return piece(session, wanted, col(Delivery.id), cursor=cursor, limit=limit)


def delivery(session: Session, webhook: Webhook, uid: str) -> Delivery:
    """One delivery to a webhook. Raises NotFound."""
    wanted = select(Delivery).where(Delivery.webhook_id == webhook.key, Delivery.uid == uid)
    found = session.exec(wanted.with_for_update()).one_or_none()
    if found is None:
        raise NotFound
    return found


def event_names(session: Session, found: list[Delivery]) -> dict[int, str]:
    """By the event's number: its name."""
    wanted = select(Event.id, Event.name).where(col(Event.id).in_([one.event_id for one in found]))
    return {number: name for number, name in session.exec(wanted) if number is not None}


def concerned(session: Session, event: Event) -> set[int]:
    """The organizations whose own affair an event is."""
    if event.name in PRIVATE:
        return set()
    match event.subject_kind:
        case "organization":
            wanted = select(Organization.id).where(Organization.uid == event.subject)
        case "question":
            wanted = select(Question.organization_id).where(Question.uid == event.subject)
        case "listing":
            wanted = select(Listing.organization_id).where(Listing.uid == event.subject)
        case "inquiry":
            wanted = (
                select(Listing.organization_id)
                .join(Inquiry, col(Inquiry.listing_id) == col(Listing.id))
                .where(Inquiry.uid == event.subject)
            )
        case "request":
            pairs = session.exec(
                select(Request.from_organization_id, Request.to_organization_id).where(
                    Request.uid == event.subject
                )
            )
            return {number for pair in pairs for number in pair}
        case _:
            return set()
    return {number for number in session.exec(wanted) if number is not None}
