"""Signing in through an OpenID Connect provider, where the installation names one.

Authorization code with PKCE; state, nonce and verifier wait in a signed cookie for ten minutes.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpx
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from matching.messages import Message
from service.accounts import actions
from service.accounts.proofs import sign, unsign
from service.accounts.queries import SESSION_COOKIE
from service.errors import NotAllowed, NotFound, Unavailable
from service.web import (
    Asking,
    Writing,
    client_address,
    keep_cookie,
    language_of,
    limit,
    local_address,
    see_other,
    site_of,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.accounts.models import User
    from service.settings import Settings

router = APIRouter(prefix="/openid")

COOKIE = "qiao_openid"
LASTS = timedelta(minutes=10)
SECONDS = 10
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
REFUSED = Message("openid-refused", "Signing in there did not work. Please try again.")


def begin_session(request: Request, session: Session, user: User, next_page: str) -> Response:
    """Sign a user in on this browser and go on."""
    days = site_of(request).settings.session_days
    key = actions.sign_in(
        session,
        user,
        user_agent=request.headers.get("user-agent", ""),
        days=days,
        previous=request.cookies.get(SESSION_COOKIE, ""),
    )
    response = see_other(next_page)
    keep_cookie(request, response, SESSION_COOKIE, key, days=days)
    return response


def _settings(request: Request) -> Settings:
    """The settings. Raises NotFound where no provider is named: then these pages do not exist."""
    settings = site_of(request).settings
    if not settings.oidc_issuer:
        raise NotFound
    return settings


@lru_cache(maxsize=8)
def _provider(issuer: str) -> dict[str, Any]:
    """What the provider says about itself; asked for once."""
    found = _fetch(issuer.rstrip("/") + "/.well-known/openid-configuration")
    if found.get("issuer") != issuer:
        raise Unavailable(Message("openid-unavailable", "The sign-in provider does not answer."))
    return found


def _fetch(address: str) -> dict[str, Any]:
    try:
        reply = httpx.get(address, timeout=SECONDS)
        reply.raise_for_status()
        content: dict[str, Any] = reply.json()
    except (httpx.HTTPError, ValueError) as error:
        raise Unavailable(Message("openid-unavailable", "The sign-in provider does not answer.")) from error
    return content


def _client(settings: Settings) -> Any:
    from authlib.integrations.httpx_client import OAuth2Client

    return OAuth2Client(
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret or None,
        token_endpoint_auth_method="client_secret_basic" if settings.oidc_client_secret else "none",
        scope="openid email profile",
        redirect_uri=f"{settings.public_url}/accounts/openid/return",
        code_challenge_method="S256",
        timeout=SECONDS,
    )


@router.get("")
def begin(request: Request, next: str = "/") -> Response:  # noqa: A002
    """Off to the provider."""
    settings = _settings(request)
    provider = _provider(settings.oidc_issuer)
    state, nonce, verifier = (secrets.token_urlsafe(48) for _ in range(3))
    with _client(settings) as client:
        address, _ = client.create_authorization_url(
            provider["authorization_endpoint"], state=state, nonce=nonce, code_verifier=verifier
        )
    response = RedirectResponse(address, status_code=303)
    kept = sign(settings.secret, "openid", state, nonce, verifier, local_address(next))
    keep_cookie(request, response, COOKIE, kept, days=LASTS / timedelta(days=1))
    return response


@router.get("/return")
def finish(
    request: Request, session: Writing, actor: Asking, state: str = "", code: str = "", error: str = ""
) -> Response:
    """Back from the provider: check what it says and sign the person in."""
    settings = _settings(request)
    limit(request, "300/hour", "sign-in", client_address(request))
    wanted, nonce, verifier, next_page = unsign(
        settings.secret, "openid", request.cookies.get(COOKIE, ""), LASTS
    )
    if error or not secrets.compare_digest(state.encode(), wanted.encode()):
        raise NotAllowed(REFUSED)
    claims = _claims(settings, code, verifier, nonce)
    if not claims.get("email") or claims.get("email_verified") is not True:
        raise NotAllowed(
            Message("openid-no-email", "The sign-in provider does not vouch for an e-mail address of yours.")
        )
    user = actions.sign_in_with(
        session,
        openid=f"{settings.oidc_issuer} {claims['sub']}"[:255],
        email=str(claims["email"]),
        name=str(claims.get("name", "")),
        language=language_of(request, actor),
        time_zone=str(claims.get("zoneinfo", "")),
    )
    response = begin_session(request, session, user, next_page)
    response.delete_cookie(COOKIE, path="/")
    return response


def _claims(settings: Settings, code: str, verifier: str, nonce: str) -> dict[str, Any]:
    """What the provider says about whoever brought `code`. Raises NotAllowed where it does not hold."""
    from authlib.integrations.base_client import OAuthError
    from joserfc import jwt
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    provider = _provider(settings.oidc_issuer)
    try:
        with _client(settings) as client:
            tokens = client.fetch_token(provider["token_endpoint"], code=code, code_verifier=verifier)
        keys = KeySet.import_key_set(_fetch(provider["jwks_uri"]))  # type: ignore[arg-type]
        token = jwt.decode(tokens["id_token"], keys, algorithms=ALGORITHMS)
        jwt.JWTClaimsRegistry(
            leeway=60,
            iss={"essential": True, "value": settings.oidc_issuer},
            aud={"essential": True, "value": settings.oidc_client_id},
            sub={"essential": True},
            exp={"essential": True},
            nonce={"essential": True, "value": nonce},
        ).validate(token.claims)
    except httpx.HTTPError as error:
        raise Unavailable(Message("openid-unavailable", "The sign-in provider does not answer.")) from error
    except (OAuthError, JoseError, KeyError, ValueError) as error:
        raise NotAllowed(REFUSED) from error
    return dict(token.claims)
