"""Accounts for programs: oneself, one's tokens and one's sessions."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from service.accounts import actions, queries
from service.accounts.models import (
    AccountIn,
    AccountOut,
    NewTokenOut,
    SessionList,
    SessionOut,
    TokenIn,
    TokenList,
    TokenOut,
)
from service.accounts.queries import SESSION_COOKIE
from service.web import Asking, Reading, Writing, etag, require_match

router = APIRouter(prefix="/api/v1/accounts", tags=["accounts"])


@router.get("/me", summary="Who is asking")
def me(response: Response, session: Reading, actor: Asking) -> AccountOut:
    """The person whose session or token this is."""
    user = queries.own(session, actor)
    response.headers["ETag"] = etag(user.version)
    return AccountOut.of(user)


@router.patch("/me", summary="Change name, language or time zone")
def change_me(
    request: Request, response: Response, session: Writing, actor: Asking, given: AccountIn
) -> AccountOut:
    """Change what is given; what is left out stays. `If-Match` guards against lost edits."""
    require_match(request, queries.own(session, actor).version)
    user = actions.change_profile(
        session, actor, name=given.name, language=given.language, time_zone=given.time_zone
    )
    response.headers["ETag"] = etag(user.version)
    return AccountOut.of(user)


@router.get("/tokens", summary="One's tokens")
def tokens(session: Reading, actor: Asking) -> TokenList:
    """All tokens that have not been revoked, without their secrets."""
    queries.own(session, actor)
    return TokenList(items=[TokenOut.of(token) for token in queries.tokens(session, actor)])


@router.post("/tokens", status_code=201, summary="Make a token")
def create_token(response: Response, session: Writing, actor: Asking, given: TokenIn) -> NewTokenOut:
    """Make a token; its secret is told only here. Needs a session: a token cannot make tokens."""
    token, secret = actions.create_token(
        session, actor, name=given.name, scopes=given.scopes, days=given.days
    )
    response.headers["Cache-Control"] = "no-store"
    return NewTokenOut(token=TokenOut.of(token), secret=secret)


@router.delete("/tokens/{uid}", status_code=204, summary="Revoke a token")
def revoke_token(session: Writing, actor: Asking, uid: str) -> None:
    """From now on the token no longer works."""
    actions.revoke_token(session, actor, uid)


@router.get("/sessions", summary="Where one is signed in")
def sessions(request: Request, session: Reading, actor: Asking) -> SessionList:
    """All sessions that have not ended, the latest used first."""
    queries.own(session, actor)
    here = queries.live_sign_in(session, request.cookies.get(SESSION_COOKIE, ""))
    return SessionList(
        items=[
            SessionOut.of(one, queries.device(one), current=here is not None and one.id == here.id)
            for one in queries.sign_ins(session, actor)
        ]
    )


@router.delete("/sessions/{uid}", status_code=204, summary="End a session")
def revoke_session(session: Writing, actor: Asking, uid: str) -> None:
    """From now on the browser is signed out. Needs a session, not a token."""
    actions.revoke_session(session, actor, uid)
