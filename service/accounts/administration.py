"""Pages of those who administer users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request, Response

from service.accounts import actions, queries
from service.accounts.models import SERVICE_ROLES
from service.errors import BadInput
from service.permissions import require
from service.web import Asking, Form, Reading, Writing, page, see_other

if TYPE_CHECKING:
    from sqlmodel import Session

    from matching.messages import Message
    from service.permissions import Actor

router = APIRouter()

USERS_ON_A_PAGE = 50


def wrong(error: BadInput) -> dict[str, Message]:
    """By field: what is wrong with it."""
    return {problem.field: problem.message for problem in error.problems}


@router.get("/users")
def users(request: Request, session: Reading, actor: Asking, q: str = "", start: int = 0) -> Response:
    """Everybody, or those whose name or address contains `q`."""
    require(actor, "user:administer")
    start = max(0, min(start, 1_000_000))
    found = queries.users(session, actor, q[:200], limit=USERS_ON_A_PAGE + 1, offset=start)

    def address(first: int) -> str:
        return "/accounts/users?" + urlencode({"q": q, "start": first})

    return page(
        request,
        actor,
        "accounts/users.html",
        users=found[:USERS_ON_A_PAGE],
        wanted=q,
        newer=address(max(0, start - USERS_ON_A_PAGE)) if start else "",
        older=address(start + USERS_ON_A_PAGE) if len(found) > USERS_ON_A_PAGE else "",
    )


def _user_page(request: Request, session: Session, actor: Actor, uid: str, **values: Any) -> Response:
    require(actor, "user:administer")
    user = queries.get(session, actor, uid)
    return page(request, actor, "accounts/user.html", user=user, roles=SERVICE_ROLES, **values)


@router.get("/users/{uid}")
def user(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One user."""
    return _user_page(request, session, actor, uid)


@router.post("/users/{uid}")
def set_service_roles(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Set a user's roles in the whole service."""
    actions.set_service_roles(session, actor, uid, typed.texts("roles"))
    return see_other(f"/accounts/users/{uid}?done=saved")


@router.post("/users/{uid}/close")
def close_account(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Close an account."""
    try:
        actions.close_account(session, actor, uid, reason=typed.text("reason"))
    except BadInput as error:
        return _user_page(request, session, actor, uid, status=422, problems=wrong(error))
    return see_other(f"/accounts/users/{uid}?done=saved")


@router.post("/users/{uid}/reopen")
def reopen_account(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Reopen an account."""
    try:
        actions.reopen_account(session, actor, uid, reason=typed.text("reason"))
    except BadInput as error:
        return _user_page(request, session, actor, uid, status=422, problems=wrong(error))
    return see_other(f"/accounts/users/{uid}?done=saved")
