"""Pages on which an owner says where an organization's events are sent, and sees what arrived."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it
from pydantic import ValidationError

from matching.messages import Message
from service.audit.words import happening
from service.errors import BadInput, NotFound, NotNow
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, signed_in
from service.paging import Cursor  # noqa: TC001 — FastAPI reads it
from service.permissions import require
from service.web import NOTHING_TYPED, Asking, Form, Reading, Writing, page, see_other, site_of, typed_before
from service.webhooks import actions, queries
from service.webhooks.models import EVENTS, MOST_WEBHOOKS, WebhookIn

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor
    from service.web import Typed

router = APIRouter(prefix="/organizations/{organization}/webhooks", include_in_schema=False)


@router.get("")
def webhooks(request: Request, session: Reading, actor: Asking, organization: str) -> Response:
    """The webhooks of an organization, and the form for another."""
    signed_in(actor)
    return _page(request, session, actor, organization, typed=typed_before(request, session))


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    *,
    typed: Typed = NOTHING_TYPED,
    status: int = 200,
    **values: Any,
) -> Response:
    organization = organizations.get(session, actor, uid)
    require(actor, "webhook:manage", organization.key)
    return page(
        request,
        actor,
        "webhooks/webhooks.html",
        status=status,
        organization=organization,
        webhooks=queries.of_organization(session, actor, organization.key),
        typed=typed,
        events=[(name, happening(name)) for name in EVENTS],
        happening=happening,
        most=MOST_WEBHOOKS,
        **values,
    )


@router.post("")
def create(request: Request, session: Writing, actor: Asking, organization: str, typed: Form) -> Response:
    """Make a webhook and tell its secret, this once."""
    signed_in(actor)
    private = site_of(request).settings.private_webhooks
    try:
        try:
            given = WebhookIn(
                organization=organization, url=typed.text("url").strip(), events=typed.texts("events")
            )
        except ValidationError:
            raise BadInput.one("url", Message("field-unclear", "This could not be understood.")) from None
        made = actions.create_webhook(session, actor, given, private=private)
    except BadInput as error:
        problems = problems_by_field(error)
        return _page(request, session, actor, organization, typed=typed, status=422, problems=problems)
    except NotNow as error:
        problems = {"url": error.message}
        return _page(
            request, session, actor, organization, typed=typed, status=error.status, problems=problems
        )
    response = _page(request, session, actor, organization, made=made)
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/{uid}")
def webhook(
    request: Request, session: Reading, actor: Asking, organization: str, uid: str, cursor: Cursor = None
) -> Response:
    """One webhook and what was sent to it, the newest first."""
    signed_in(actor)
    found, home = queries.get(session, actor, uid), organizations.get(session, actor, organization)
    if found.organization_id != home.key:
        raise NotFound
    sent = queries.deliveries(session, found, cursor=cursor, limit=20)
    return page(
        request,
        actor,
        "webhooks/webhook.html",
        organization=home,
        webhook=found,
        deliveries=sent.items,
        names=queries.event_names(session, sent.items),
        happening=happening,
        older=f"{request.url.path}?cursor={sent.next}" if sent.next else "",
    )


@router.post("/{uid}/pause")
def pause(session: Writing, actor: Asking, organization: str, uid: str) -> Response:
    """Send nothing until it is resumed."""
    signed_in(actor)
    actions.pause_webhook(session, actor, uid)
    return see_other(f"/organizations/{organization}/webhooks/{uid}?done=saved")


@router.post("/{uid}/resume")
def resume(session: Writing, actor: Asking, organization: str, uid: str) -> Response:
    """Send what happens from now on."""
    signed_in(actor)
    actions.resume_webhook(session, actor, uid)
    return see_other(f"/organizations/{organization}/webhooks/{uid}?done=saved")


@router.post("/{uid}/delete")
def delete(session: Writing, actor: Asking, organization: str, uid: str) -> Response:
    """Remove it."""
    signed_in(actor)
    actions.delete_webhook(session, actor, uid)
    return see_other(f"/organizations/{organization}/webhooks?done=deleted")


@router.post("/{uid}/deliveries/{delivery}")
def redeliver(session: Writing, actor: Asking, organization: str, uid: str, delivery: str) -> Response:
    """Send something once more."""
    signed_in(actor)
    actions.redeliver(session, actor, uid, delivery)
    return see_other(f"/organizations/{organization}/webhooks/{uid}?done=sent")
