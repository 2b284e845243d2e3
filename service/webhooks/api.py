"""/api/v1/webhooks: an owner says where their organization's events are to be sent."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from service.organizations import queries as organizations
from service.paging import Cursor, Limit, PieceOut
from service.web import Asking, Reading, Writing, site_of
from service.webhooks import actions, queries
from service.webhooks.models import DeliveryOut, NewWebhookOut, WebhookIn, WebhookOut

router = APIRouter(prefix="/api/v1/webhooks", tags=["webhooks"])
Uid = Annotated[str, Path(max_length=32)]


@router.get("")
def list_webhooks(
    session: Reading,
    actor: Asking,
    organization: Annotated[str, Query(max_length=32, description="Id of the organization.")],
) -> list[WebhookOut]:
    """The webhooks of an organization that you own."""
    found = organizations.get(session, actor, organization)
    return [WebhookOut.of(one) for one in queries.of_organization(session, actor, found.key)]


@router.post("", status_code=201)
def create_webhook(request: Request, session: Writing, actor: Asking, given: WebhookIn) -> NewWebhookOut:
    """Make a webhook; its secret is told only now."""
    private = site_of(request).settings.private_webhooks
    webhook = actions.create_webhook(session, actor, given, private=private)
    return NewWebhookOut(webhook=WebhookOut.of(webhook), secret=webhook.secret)


@router.get("/{uid}")
def show_webhook(session: Reading, actor: Asking, uid: Uid) -> WebhookOut:
    """One webhook."""
    return WebhookOut.of(queries.get(session, actor, uid))


@router.delete("/{uid}", status_code=204)
def delete_webhook(session: Writing, actor: Asking, uid: Uid) -> Response:
    """Remove a webhook."""
    actions.delete_webhook(session, actor, uid)
    return Response(status_code=204)


@router.post("/{uid}/pause")
def pause_webhook(session: Writing, actor: Asking, uid: Uid) -> WebhookOut:
    """Send nothing until it is resumed."""
    return WebhookOut.of(actions.pause_webhook(session, actor, uid))


@router.post("/{uid}/resume")
def resume_webhook(session: Writing, actor: Asking, uid: Uid) -> WebhookOut:
    """Send what happens from now on."""
    return WebhookOut.of(actions.resume_webhook(session, actor, uid))


@router.get("/{uid}/deliveries")
def list_deliveries(
    session: Reading, actor: Asking, uid: Uid, cursor: Cursor = None, limit: Limit = 20
) -> PieceOut[DeliveryOut]:
    """What was sent to a webhook and what became of it, the newest first."""
    found = queries.deliveries(session, queries.get(session, actor, uid), cursor=cursor, limit=limit)
    names = queries.event_names(session, found.items)
    return PieceOut(items=[DeliveryOut.of(one, names[one.event_id]) for one in found.items], next=found.next)


@router.post("/{uid}/deliveries/{delivery}/redeliver", status_code=202)
def redeliver(session: Writing, actor: Asking, uid: Uid, delivery: Uid) -> DeliveryOut:
    """Send something once more, whether it had arrived or was given up."""
    again = actions.redeliver(session, actor, uid, delivery)
    return DeliveryOut.of(again, queries.event_names(session, [again])[again.event_id])
