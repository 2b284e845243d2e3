"""Making webhooks, and telling them what happened."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog
from sqlmodel import col, func, select

from matching.messages import Message
from service.db import now, reading, writing
from service.errors import BadInput, NotNow, Unavailable
from service.events import Event, advance, record
from service.jobs import promise
from service.organizations import queries as organizations
from service.permissions import SYSTEM_ACTOR, require
from service.webhooks import queries
from service.webhooks.models import (
    DELIVERY,
    MOST_FAILURES,
    MOST_WEBHOOKS,
    TRIES,
    WEBHOOK,
    Announced,
    Delivery,
    DeliveryStatus,
    Webhook,
    WebhookIn,
    WebhookStatus,
)
from service.webhooks.sending import check_address, new_secret, post, signature

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.jobs import Work
    from service.permissions import Actor

log = structlog.get_logger(__name__)
AT_ONCE = 500
"""Entries of the log looked at in one transaction."""


def create_webhook(session: Session, actor: Actor, given: WebhookIn, *, private: bool) -> Webhook:
    """Make a webhook of an organization. `private`: addresses inside our network are allowed."""
    organization = organizations.get(session, actor, given.organization)
    require(actor, "webhook:manage", organization.key)
    check_address(given.url, private=private)
    if len(queries.of_organization(session, actor, organization.key)) >= MOST_WEBHOOKS:
        raise NotNow(
            Message("webhooks-enough", "An organization can have {most} webhooks.", most=MOST_WEBHOOKS)
        )
    webhook = Webhook(
        organization_id=organization.key,
        url=given.url,
        secret=new_secret(),
        names=sorted(set(given.events)),
    )
    session.add(webhook)
    session.flush()
    record(session, actor, "webhook.create", webhook, url=given.url, organization=organization.uid)
    return webhook


def delete_webhook(session: Session, actor: Actor, uid: str) -> None:
    """Remove a webhook and what is known of its deliveries."""
    webhook = queries.get(session, actor, uid)
    require(actor, "webhook:manage", webhook.organization_id)
    record(session, actor, "webhook.delete", webhook, url=webhook.url)
    session.delete(webhook)


def pause_webhook(session: Session, actor: Actor, uid: str) -> Webhook:
    """Tell it nothing until it is resumed; what happens meanwhile it is not told later."""
    webhook = queries.get(session, actor, uid)
    require(actor, "webhook:manage", webhook.organization_id)
    return advance(session, actor, webhook, WEBHOOK, "pause")


def resume_webhook(session: Session, actor: Actor, uid: str) -> Webhook:
    """Tell it what happens from now on."""
    webhook = queries.get(session, actor, uid)
    require(actor, "webhook:manage", webhook.organization_id)
    webhook.failures = 0
    return advance(session, actor, webhook, WEBHOOK, "resume")


def redeliver(session: Session, actor: Actor, uid: str, delivery: str) -> Delivery:
    """Send something once more, with the same id as before. Raises NotNow for what is on its way already."""
    webhook = queries.get(session, actor, uid)
    require(actor, "webhook:manage", webhook.organization_id)
    if webhook.status is WebhookStatus.PAUSED:
        raise NotNow(Message("webhook-paused", "This webhook is paused. Resume it first."))
    again = queries.delivery(session, webhook, delivery)
    again.status = DELIVERY.after(again.status, "redeliver")
    again.tries = 0
    session.add(again)
    record(session, actor, "webhook.redeliver", webhook, url=webhook.url)
    promise(session, "deliver_webhook", delivery=again.uid)
    return again


# Telling ----------------------------------------------------------------------------------------------


def announce(work: Work) -> None:
    """The job that turns new entries of the log into deliveries, each once."""
    while _announce_some(work):
        pass


def _announce_some(work: Work) -> bool:
    with writing(work.engine) as session:
        announced = session.exec(select(Announced).with_for_update()).first()
        if announced is None:
            session.add(Announced(event_id=session.exec(select(func.max(Event.id))).one() or 0))
            return False
        wanted = select(Event).where(col(Event.id) > announced.event_id)
        events = session.exec(wanted.order_by(col(Event.id)).limit(AT_ONCE)).all()
        if not events:
            return False
        listening: dict[int, list[Webhook]] = {}
        for webhook in session.exec(select(Webhook).where(Webhook.status == WebhookStatus.ACTIVE)):
            listening.setdefault(webhook.organization_id, []).append(webhook)
        for event in events if listening else ():
            for number in queries.concerned(session, event):
                for webhook in listening.get(number, ()):
                    if not webhook.names or event.name in webhook.names:
                        _begin(session, webhook, event)
        announced.event_id = events[-1].id or 0
        session.add(announced)
        return len(events) == AT_ONCE


def _begin(session: Session, webhook: Webhook, event: Event) -> None:
    delivery = Delivery(webhook_id=webhook.key, event_id=event.id or 0)
    session.add(delivery)
    session.flush()
    promise(session, "deliver_webhook", delivery=delivery.uid)


def deliver(work: Work, *, delivery: str) -> None:
    """The job that tries one delivery, and promises the next try where it fails."""
    with reading(work.engine) as session:
        found = session.exec(
            select(Delivery, Webhook, Event)
            .where(Delivery.webhook_id == Webhook.id, Delivery.event_id == Event.id)
            .where(Delivery.uid == delivery, Delivery.status == DeliveryStatus.WAITING)
        ).one_or_none()
    if found is None:
        return
    _, webhook, event = found
    answer, error = _try(webhook, event, delivery, private=work.settings.private_webhooks)
    with writing(work.engine) as session:
        kept = session.exec(select(Delivery).where(Delivery.uid == delivery)).one_or_none()
        webhook_now = session.get(Webhook, webhook.id)
        if kept is None or webhook_now is None or kept.status is not DeliveryStatus.WAITING:
            return
        kept.tried, kept.answer, kept.error = now(), answer, error[:200]
        kept.tries += 1
        session.add_all((kept, webhook_now))
        if answer is not None and 200 <= answer < 300:
            kept.status = DELIVERY.after(kept.status, "arrive")
            webhook_now.failures = 0
        elif kept.tries <= len(TRIES):
            promise(session, "deliver_webhook", due=now() + TRIES[kept.tries - 1], delivery=delivery)
        else:
            kept.status = DELIVERY.after(kept.status, "give_up")
            _note_failure(session, webhook_now)


def _try(webhook: Webhook, event: Event, uid: str, *, private: bool) -> tuple[int | None, str]:
    body, moment = message(event), now()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Qiao-Webhooks/1",
        "webhook-id": uid,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": signature(webhook.secret, uid, moment, body),
    }
    try:
        return post(webhook.url, body, headers, private=private), ""
    except Unavailable as error:
        return None, str(error)
    except BadInput as error:
        return None, str(error.problems[0].message)


def message(event: Event) -> bytes:
    """What is told of an event: what happened to what and when, never by whom or why."""
    data = {"kind": event.subject_kind, "id": event.subject}
    data |= {name: event.details[name] for name in ("before", "after") if name in event.details}
    told = {"type": event.name, "timestamp": event.at.isoformat(), "data": data}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def _note_failure(session: Session, webhook: Webhook) -> None:
    webhook.failures += 1
    if webhook.failures >= MOST_FAILURES and webhook.status is WebhookStatus.ACTIVE:
        log.warning("webhook paused", webhook=webhook.uid)
        advance(session, SYSTEM_ACTOR, webhook, WEBHOOK, "pause", reason="too many failures")
