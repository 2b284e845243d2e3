"""Pages about one's own data, and what everybody may know of how the service treats people."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from service.accounts import queries as accounts
from service.accounts.actions import KEPT_AFTER_END
from service.accounts.administration import wrong
from service.accounts.consents import allows, consents, decide
from service.accounts.models import ConsentPurpose
from service.accounts.queries import SESSION_COOKIE
from service.errors import BadInput, NotFound
from service.jobs import KEPT
from service.privacy import actions, queries
from service.web import (
    Asking,
    Form,
    Reading,
    Writing,
    client_address,
    limit,
    local_address,
    page,
    see_other,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.permissions import Actor
    from service.web import Typed

router = APIRouter(include_in_schema=False)

DAY = timedelta(days=1)


@router.get("/privacy")
def notice(request: Request, actor: Asking) -> Response:
    """What is kept of people, what for and how long."""
    days = {
        "unconfirmed": actions.UNCONFIRMED_KEPT // DAY,
        "closed": actions.CLOSED_KEPT // DAY,
        "sign_ins": KEPT_AFTER_END // DAY,
        "mail": KEPT // DAY,
    }
    return page(request, actor, "privacy/notice.html", days=days)


@router.get("/recommendations")
def recommendations(request: Request, session: Reading, actor: Asking) -> Response:
    """The rules by which things are suggested, and the switch."""
    allowed = allows(session, actor.user_id, ConsentPurpose.RECOMMENDATIONS)
    return page(request, actor, "privacy/recommendations.html", allowed=allowed)


def _mine(
    request: Request,
    session: Session,
    actor: Actor,
    *,
    status: int = 200,
    typed: Typed | None = None,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    return page(
        request,
        actor,
        "privacy/mine.html",
        status=status,
        consents=consents(session, actor),
        has_password=bool(accounts.own(session, actor).password_hash),
        typed={"email": typed.text("email")} if typed else {},
        problems=problems or {},
    )


@router.get("/privacy/mine")
def mine(request: Request, session: Reading, actor: Asking) -> Response:
    """What the person allows, all that is kept of her, and the way out."""
    return _mine(request, session, actor, typed=typed_before(request, session))


@router.post("/privacy/consents")
def set_consent(session: Writing, actor: Asking, typed: Form) -> Response:
    """Turn a purpose on or off."""
    if typed.text("purpose") not in set(ConsentPurpose):
        raise NotFound
    decide(session, actor, ConsentPurpose(typed.text("purpose")), given=typed.text("given") == "yes")
    return see_other(f"{local_address(typed.text('next', '/privacy/mine'))}?done=saved")


@router.get("/privacy/data")
def data(session: Reading, actor: Asking, indent: Annotated[int, Query(ge=0, le=8)] = 2) -> Response:
    """All that is kept of the person, as a file."""
    kept = json.dumps(queries.taken_along(session, actor), ensure_ascii=False, indent=indent)
    headers = {
        "Content-Disposition": 'attachment; filename="qiao-my-data.json"',
        "Cache-Control": "no-store",
    }
    return Response(kept, media_type="application/json", headers=headers)


@router.post("/privacy/erase")
def erase(request: Request, reading: Reading, session: Writing, actor: Asking, typed: Form) -> Response:
    """Erase the account; the session ends with it."""
    limit(request, "10/hour", "erase", actor.uid or client_address(request))
    kept_hash = accounts.own(reading, actor).password_hash
    try:
        actions.erase(
            session, actor, kept_hash=kept_hash, password=typed.text("password"), email=typed.text("email")
        )
    except BadInput as error:
        session.rollback()
        return _mine(request, reading, actor, status=422, typed=typed, problems=wrong(error))
    response = see_other("/?done=erased")
    response.delete_cookie(SESSION_COOKIE)
    return response
