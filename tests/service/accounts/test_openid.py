"""Against a small OpenID provider on a local port that checks what a provider has to check."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from service.accounts.models import User, UserStatus
from service.accounts.queries import SESSION_COOKIE, user_by_email
from service.db import reading
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.settings import Settings
    from tests.service.conftest import MakeUser

CLIENT, SECRET = "qiao", "a client's secret"


class Provider(ThreadingHTTPServer):
    """Hands out codes for one person and changes each into an identity token, once."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.key = RSAKey.generate_key(2048, {"kid": "1"})
        self.person: dict[str, Any] = {
            "sub": "42",
            "email": "Li.Na@example.org",
            "email_verified": True,
            "name": "Li Na",
            "zoneinfo": "Asia/Shanghai",
        }
        self.forged: dict[str, Any] = {}
        """Claims that a dishonest provider would put into the token."""
        self.signing_key = self.key
        self.codes: dict[str, dict[str, str]] = {}

    def authorize(self, asked: dict[str, str]) -> str:
        assert asked["response_type"] == "code"
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = f"code{len(self.codes)}"
        self.codes[code] = asked
        return f"{asked['redirect_uri']}?code={code}&state={asked['state']}"

    def token(self, given: dict[str, str], authorization: str) -> dict[str, Any] | None:
        asked = self.codes.pop(given.get("code", ""), None)
        name, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if (
            asked is None
            or asked["redirect_uri"] != given.get("redirect_uri")
            or asked["code_challenge"] != challenge.decode().rstrip("=")
            or (unquote(name), unquote(secret)) != (CLIENT, SECRET)
        ):
            return None
        now = int(time.time())
        claims = {
            "iss": self.issuer,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": asked["nonce"],
            **self.person,
            **self.forged,
        }
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims, self.signing_key)
        return {"access_token": "a", "token_type": "Bearer", "id_token": signed}


class _Answers(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/.well-known/openid-configuration":
            issuer = self.server.issuer
            self._answer(
                {
                    "issuer": issuer,
                    "authorization_endpoint": f"{issuer}/authorize",
                    "token_endpoint": f"{issuer}/token",
                    "jwks_uri": f"{issuer}/keys",
                }
            )
        elif address.path == "/keys":
            self._answer({"keys": [self.server.key.as_dict(private=False)]})
        else:
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            self.send_response(302)
            self.send_header("Location", self.server.authorize(asked))
            self.end_headers()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        tokens = self.server.token(given, self.headers.get("Authorization", ""))
        self._answer(tokens or {"error": "invalid_grant"}, 200 if tokens else 400)

    def _answer(self, content: dict[str, Any], status: int = 200) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def provider() -> Iterator[Provider]:
    provider = Provider()
    threading.Thread(target=provider.serve_forever, daemon=True).start()
    yield provider
    provider.shutdown()
    provider.server_close()


@pytest.fixture
def settings(settings: Settings, request: pytest.FixtureRequest) -> Settings:
    if "provider" not in request.fixturenames:
        return settings
    provider: Provider = request.getfixturevalue("provider")
    return settings.model_copy(
        update={
            "oidc_issuer": provider.issuer,
            "oidc_client_id": CLIENT,
            "oidc_client_secret": SECRET,
            "oidc_name": "City Hall",
        }
    )


def there(client: TestClient, next_page: str = "/") -> str:
    """To the provider, where the person agrees; the address that leads back."""
    away = client.get("/accounts/openid", params={"next": next_page})
    assert away.status_code == 303
    back = httpx.get(away.headers["location"])
    return back.headers["location"].removeprefix("http://localhost:8000")


def found(engine: Engine, email: str = "li.na@example.org") -> User:
    with reading(engine) as session:
        user = user_by_email(session, email)
    assert user is not None
    return user


def test_somebody_new_comes_in_through_the_provider(
    client: TestClient, provider: Provider, engine: Engine
) -> None:
    assert "City Hall" in client.get("/accounts/sign-in").text
    reply = client.get(there(client, "/accounts/tokens"))
    assert reply.status_code == 303
    assert reply.headers["location"] == "/accounts/tokens"
    assert client.get("/accounts/tokens").status_code == 200
    user = found(engine)
    assert user.status is UserStatus.ACTIVE
    assert (user.name, user.time_zone, user.password_hash) == ("Li Na", "Asia/Shanghai", "")


def test_the_same_person_is_known_again_even_with_another_address(
    client: TestClient, provider: Provider, engine: Engine
) -> None:
    client.get(there(client))
    provider.person["email"] = "li.na@elsewhere.example"
    client.cookies.clear()
    client.get(there(client))
    me = client.get("/api/v1/accounts/me").json()
    assert me["id"] == found(engine).uid
    assert me["email"] == "li.na@example.org"


def test_existing_account_with_the_verified_address_is_linked(
    client: TestClient, provider: Provider, make_user: MakeUser, engine: Engine
) -> None:
    user = make_user("li.na@example.org")
    client.get(there(client))
    assert client.get("/api/v1/accounts/me").json()["id"] == user.uid
    assert found(engine).openid == f"{provider.issuer} 42"


def test_account_that_was_never_confirmed_loses_its_password(
    client: TestClient, browser: Callable[[], TestClient], provider: Provider, make_user: MakeUser
) -> None:
    make_user("li.na@example.org", status=UserStatus.REGISTERED, confirmed=None)
    assert client.get(there(client)).status_code == 303
    stranger = browser().post("/accounts/sign-in", data={"email": "li.na@example.org", "password": PASSWORD})
    assert stranger.status_code == 422


def test_closed_account_stays_closed(client: TestClient, provider: Provider, make_user: MakeUser) -> None:
    make_user("li.na@example.org", status=UserStatus.CLOSED)
    assert client.get(there(client)).status_code == 409
    assert SESSION_COOKIE not in client.cookies


@pytest.mark.parametrize(
    "forged",
    [
        {"nonce": "another"},
        {"iss": "https://evil.example"},
        {"aud": "somebody-else"},
        {"exp": 1},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": ""},
    ],
)
def test_token_that_does_not_hold_is_refused(
    client: TestClient, provider: Provider, forged: dict[str, Any]
) -> None:
    provider.forged = forged
    assert client.get(there(client)).status_code == 403
    assert SESSION_COOKIE not in client.cookies


def test_token_signed_by_somebody_else_is_refused(client: TestClient, provider: Provider) -> None:
    provider.signing_key = RSAKey.generate_key(2048, {"kid": "1"})
    assert client.get(there(client)).status_code == 403
    assert SESSION_COOKIE not in client.cookies


def test_answer_for_another_browser_is_refused(
    client: TestClient, browser: Callable[[], TestClient], provider: Provider
) -> None:
    back = there(client)
    victim = browser()
    assert victim.get(back).status_code == 409, "no cookie: nobody was sent away from here"
    there(victim)
    assert victim.get(back).status_code == 403, "the state is not the one of this browser"
    assert SESSION_COOKIE not in victim.cookies


def test_code_is_used_once(client: TestClient, provider: Provider) -> None:
    back = there(client)
    assert client.get(back).status_code == 303
    client.cookies.delete(SESSION_COOKIE)
    assert client.get(back).status_code in (403, 409)


def test_refusal_at_the_provider_is_said(client: TestClient, provider: Provider) -> None:
    there(client)
    assert client.get("/accounts/openid/return?error=access_denied&state=x").status_code == 403


def test_provider_that_does_not_answer_is_said(client: TestClient, provider: Provider) -> None:
    provider.shutdown()
    provider.server_close()
    assert client.get("/accounts/openid").status_code == 503


def test_sign_in_through_a_provider_leads_only_to_this_site(client: TestClient, provider: Provider) -> None:
    assert client.get(there(client, "//evil.example")).headers["location"] == "/"


def test_without_configuration_the_routes_do_not_exist(client: TestClient) -> None:
    assert client.get("/accounts/openid").status_code == 404
    assert client.get("/accounts/openid/return").status_code == 404
    assert "/accounts/openid" not in client.get("/accounts/sign-in").text
