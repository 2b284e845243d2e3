"""Pages for signing up and in, and for what belongs to oneself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from matching.messages import Message
from service.accounts import actions, administration, openid, queries
from service.accounts.administration import wrong
from service.accounts.memberships import check_invitation
from service.accounts.models import SessionOut, UserStatus
from service.accounts.openid import begin_session
from service.accounts.queries import SESSION_COOKIE
from service.db import now
from service.errors import BadInput, NotNow
from service.i18n import time_zones
from service.web import (
    LANGUAGE_COOKIE,
    Asking,
    Form,
    Reading,
    Writing,
    client_address,
    keep_cookie,
    language_of,
    limit,
    local_address,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor
    from service.web import Typed

router = APIRouter(prefix="/accounts", include_in_schema=False)
router.include_router(openid.router)
router.include_router(administration.router)

WRONG = Message("sign-in-wrong", "The e-mail address or the password is not right.")
UNCONFIRMED = Message(
    "unconfirmed", "Please confirm your address first: we have just sent you the link again."
)


def _secret(request: Request) -> str:
    return site_of(request).settings.secret


def _spent(request: Request, actor: Actor, error: NotNow, again: str = "") -> Response:
    return page(request, actor, "accounts/spent.html", status=error.status, error=error, again=again)


# Signing up and confirming -----------------------------------------------------------------------------


@router.get("/sign-up")
def sign_up_form(request: Request, actor: Asking) -> Response:
    """The form for somebody new."""
    if actor.signed_in:
        return see_other("/")
    return page(request, actor, "accounts/sign_up.html")


@router.post("/sign-up")
def sign_up(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Take somebody in; the answer is the same whether or not the address was known."""
    limit(request, "200/hour", "sign-up", client_address(request))
    limit(request, "5/hour", "sign-up", queries.fold_email(typed.text("email")))
    try:
        actions.sign_up(
            session,
            _secret(request),
            email=typed.text("email"),
            name=typed.text("name"),
            password=typed.text("password"),
            language=language_of(request, actor),
            time_zone=typed.text("time_zone"),
        )
    except BadInput as error:
        return page(request, actor, "accounts/sign_up.html", status=422, typed=typed, problems=wrong(error))
    return see_other("/accounts/sent?what=sign-up")


@router.get("/sent")
def sent(request: Request, actor: Asking, what: str = "") -> Response:
    """What to do now that a mail is on its way."""
    return page(request, actor, "accounts/sent.html", what=what)


@router.get("/confirm/{token}")
def confirm_form(request: Request, session: Reading, actor: Asking, token: str) -> Response:
    """A button: programs that look at links in mail shall not confirm anything."""
    try:
        user = actions.check_confirmation(session, _secret(request), token)
    except NotNow as error:
        return _spent(request, actor, error, "/accounts/sign-up")
    return page(request, actor, "accounts/confirm.html", email=user.email)


@router.post("/confirm/{token}")
def confirm(request: Request, session: Writing, actor: Asking, token: str) -> Response:
    """Confirm an address."""
    try:
        actions.confirm(session, _secret(request), token)
    except NotNow as error:
        return _spent(request, actor, error, "/accounts/sign-up")
    return see_other("/accounts/sign-in?done=confirmed")


# Signing in and out ------------------------------------------------------------------------------------


def _sign_in_page(request: Request, actor: Actor, next_page: str, **values: Any) -> Response:
    settings = site_of(request).settings
    provider = settings.oidc_name if settings.oidc_issuer else ""
    return page(request, actor, "accounts/sign_in.html", next=next_page, openid=provider, **values)


@router.get("/sign-in")
def sign_in_form(request: Request, actor: Asking, next: str = "/") -> Response:  # noqa: A002
    """The form for somebody known."""
    if actor.signed_in:
        return see_other(next)
    return _sign_in_page(request, actor, local_address(next))


@router.post("/sign-in")
def sign_in(request: Request, reading: Reading, session: Writing, actor: Asking, typed: Form) -> Response:
    """Sign somebody in. The password is checked before anything is written."""
    email = queries.fold_email(typed.text("email"))
    limit(request, "300/hour", "sign-in", client_address(request))
    limit(request, "10/15minutes", "sign-in", client_address(request), email)
    limit(request, "50/hour", "sign-in", email)
    next_page = local_address(typed.text("next", "/"))
    user = queries.authenticate(reading, email, typed.text("password"))
    if user is None:
        return _sign_in_page(request, actor, next_page, status=422, typed=typed, problems={"email": WRONG})
    if user.status is UserStatus.REGISTERED:
        limit(request, "5/hour", "sign-up", email)
        actions.confirmation_missing(session, _secret(request), user)
        return _sign_in_page(
            request, actor, next_page, status=422, typed=typed, problems={"email": UNCONFIRMED}
        )
    return begin_session(request, session, user, next_page)


@router.post("/sign-out")
def sign_out(request: Request, session: Writing) -> Response:
    """End this session."""
    actions.sign_out(session, request.cookies.get(SESSION_COOKIE, ""))
    response = see_other("/?done=signed-out")
    response.delete_cookie(SESSION_COOKIE, path="/")
    return response


# A forgotten password ----------------------------------------------------------------------------------


@router.get("/reset")
def request_reset_form(request: Request, actor: Asking) -> Response:
    """Where to send the link."""
    return page(request, actor, "accounts/reset.html", email="")


@router.post("/reset")
def request_reset(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Send a link, if anybody has this address; the answer does not say."""
    limit(request, "100/hour", "reset", client_address(request))
    limit(request, "5/hour", "reset", queries.fold_email(typed.text("email")))
    try:
        actions.request_reset(session, _secret(request), typed.text("email"))
    except BadInput as error:
        return page(
            request, actor, "accounts/reset.html", status=422, typed=typed, problems=wrong(error), email=""
        )
    return see_other("/accounts/sent?what=reset")


@router.get("/reset/{token}")
def reset_form(request: Request, session: Reading, actor: Asking, token: str) -> Response:
    """The form for a new password."""
    try:
        user = actions.check_reset(session, _secret(request), token)
    except NotNow as error:
        return _spent(request, actor, error, "/accounts/reset")
    return page(request, actor, "accounts/reset.html", email=user.email)


@router.post("/reset/{token}")
def reset(
    request: Request, reading: Reading, session: Writing, actor: Asking, token: str, typed: Form
) -> Response:
    """Set a new password."""
    limit(request, "100/hour", "reset", client_address(request))
    try:
        user = actions.check_reset(reading, _secret(request), token)
        actions.reset(session, _secret(request), token, typed.text("password"))
    except NotNow as error:
        return _spent(request, actor, error, "/accounts/reset")
    except BadInput as error:
        session.rollback()
        return page(
            request, actor, "accounts/reset.html", status=422, problems=wrong(error), email=user.email
        )
    return see_other("/accounts/sign-in?done=password-changed")


# Oneself -----------------------------------------------------------------------------------------------


def _settings_page(
    request: Request,
    session: Session,
    actor: Actor,
    *,
    status: int = 200,
    typed: Typed | None = None,
    problems: dict[str, Message] | None = None,
) -> Response:
    user = queries.own(session, actor)
    kept = {"name": user.name, "language": user.language, "time_zone": user.time_zone}
    given = {name: values[0] for name, values in typed.fields.items()} if typed else {}
    return page(
        request,
        actor,
        "accounts/settings.html",
        status=status,
        user=user,
        typed={**kept, **given},
        problems=problems or {},
        time_zones={user.time_zone: user.time_zone} | time_zones(language_of(request, actor)),
    )


@router.get("/settings")
def settings_form(request: Request, session: Reading, actor: Asking) -> Response:
    """Profile, address and password."""
    return _settings_page(request, session, actor, typed=typed_before(request, session))


@router.post("/settings")
def change_profile(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Save the profile; the pages change to the language chosen."""
    try:
        user = actions.change_profile(
            session,
            actor,
            name=typed.text("name"),
            language=typed.text("language"),
            time_zone=typed.text("time_zone"),
        )
    except BadInput as error:
        return _settings_page(request, session, actor, status=422, typed=typed, problems=wrong(error))
    response = see_other("/accounts/settings?done=saved")
    keep_cookie(request, response, LANGUAGE_COOKIE, user.language, days=365)
    return response


@router.post("/password")
def change_password(
    request: Request, reading: Reading, session: Writing, actor: Asking, typed: Form
) -> Response:
    """Set a new password and sign out elsewhere."""
    limit(request, "20/hour", "password", actor.uid or client_address(request))
    try:
        actions.change_password(
            session,
            actor,
            kept_hash=queries.own(reading, actor).password_hash,
            current=typed.text("current"),
            password=typed.text("password"),
            keep=request.cookies.get(SESSION_COOKIE, ""),
        )
    except BadInput as error:
        session.rollback()
        return _settings_page(request, reading, actor, status=422, problems=wrong(error))
    return see_other("/accounts/settings?done=password-changed")


@router.post("/email")
def request_email(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Send a link to a new address."""
    limit(request, "10/hour", "email", actor.uid or client_address(request))
    try:
        actions.request_email(session, _secret(request), actor, typed.text("email"))
    except BadInput as error:
        return _settings_page(request, session, actor, status=422, typed=typed, problems=wrong(error))
    return see_other("/accounts/sent?what=email")


@router.get("/email/{token}")
def change_email_form(request: Request, session: Reading, actor: Asking, token: str) -> Response:
    """A button that makes the new address the one to sign in with."""
    try:
        _, email = actions.check_email(session, _secret(request), token)
    except NotNow as error:
        return _spent(request, actor, error, "/accounts/settings")
    return page(request, actor, "accounts/confirm.html", email=email)


@router.post("/email/{token}")
def change_email(request: Request, session: Writing, actor: Asking, token: str) -> Response:
    """Take the new address."""
    try:
        actions.change_email(session, _secret(request), token)
    except NotNow as error:
        return _spent(request, actor, error, "/accounts/settings")
    return see_other("/accounts/settings?done=confirmed")


@router.get("/sessions")
def sessions(request: Request, session: Reading, actor: Asking) -> Response:
    """Where somebody is signed in."""
    queries.own(session, actor)
    here = queries.live_sign_in(session, request.cookies.get(SESSION_COOKIE, ""))
    found = [
        SessionOut.of(one, queries.device(one), current=here is not None and one.id == here.id)
        for one in queries.sign_ins(session, actor)
    ]
    return page(request, actor, "accounts/sessions.html", sessions=found)


@router.post("/sessions/revoke")
def revoke_sessions(request: Request, session: Writing, actor: Asking) -> Response:
    """End every other session."""
    actions.revoke_sessions(session, actor, keep=request.cookies.get(SESSION_COOKIE, ""))
    return see_other("/accounts/sessions?done=revoked")


@router.post("/sessions/{uid}/revoke")
def revoke_session(session: Writing, actor: Asking, uid: str) -> Response:
    """End one session."""
    actions.revoke_session(session, actor, uid)
    return see_other("/accounts/sessions?done=revoked")


def _tokens_page(request: Request, session: Session, actor: Actor, **values: Any) -> Response:
    queries.own(session, actor)
    response = page(
        request,
        actor,
        "accounts/tokens.html",
        **{
            "tokens": queries.tokens(session, actor),
            "scopes": queries.scopes_for(actor),
            "secret": "",
            "moment_now": now(),
            **values,
        },
    )
    response.headers["Cache-Control"] = "no-store"
    return response


@router.get("/tokens")
def tokens(request: Request, session: Reading, actor: Asking) -> Response:
    """Tokens, and the form for a new one."""
    return _tokens_page(request, session, actor, typed=typed_before(request, session))


@router.post("/tokens")
def create_token(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Make a token and show it, this once."""
    try:
        _, secret = actions.create_token(
            session,
            actor,
            name=typed.text("name"),
            scopes=typed.texts("scopes"),
            days=_days(typed.text("days")),
        )
    except BadInput as error:
        return _tokens_page(request, session, actor, status=422, typed=typed, problems=wrong(error))
    return _tokens_page(request, session, actor, secret=secret)


def _days(text: str) -> int | None:
    """A number of days as typed: 0, which is refused, where it is none."""
    text = text.strip()
    if not text:
        return None
    return int(text) if text.isdecimal() and len(text) < 6 else 0


@router.post("/tokens/{uid}/revoke")
def revoke_token(session: Writing, actor: Asking, uid: str) -> Response:
    """End a token."""
    actions.revoke_token(session, actor, uid)
    return see_other("/accounts/tokens?done=revoked")


# Invitations -------------------------------------------------------------------------------------------


def _invitation_page(request: Request, session: Session, actor: Actor, token: str, **values: Any) -> Response:
    invitation = check_invitation(session, _secret(request), token)
    user = queries.user_by_email(session, invitation.email)
    has_account = user is not None and user.status is not UserStatus.REGISTERED
    return page(
        request, actor, "accounts/invitation.html", invitation=invitation, has_account=has_account, **values
    )


@router.get("/invitations/{token}")
def invitation(request: Request, session: Reading, actor: Asking, token: str) -> Response:
    """Who invites, to what; and how to join."""
    try:
        return _invitation_page(request, session, actor, token)
    except NotNow as error:
        return _spent(request, actor, error)


@router.post("/invitations/{token}")
def accept_invitation(
    request: Request, reading: Reading, session: Writing, actor: Asking, token: str, typed: Form
) -> Response:
    """Join; somebody new is signed in as well."""
    limit(request, "300/hour", "invitation", client_address(request))
    try:
        user = actions.accept_invitation(
            session,
            _secret(request),
            actor,
            token,
            name=typed.text("name"),
            password=typed.text("password"),
            language=language_of(request, actor),
            time_zone=typed.text("time_zone"),
        )
    except BadInput as error:
        return _invitation_page(
            request, reading, actor, token, status=422, typed=typed, problems=wrong(error)
        )
    except NotNow as error:
        return _spent(request, actor, error)
    if actor.signed_in:
        return see_other("/?done=joined")
    return begin_session(request, session, user, "/?done=joined")
