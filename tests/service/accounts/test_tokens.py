from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.accounts import actions
from service.accounts.models import Token
from service.accounts.queries import scopes_for
from service.db import now, reading, writing
from service.errors import NotAllowed
from service.permissions import SYSTEM_ACTOR, Role, may, require
from tests.service.accounts.conftest import new_organization

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.permissions import Actor
    from tests.service.conftest import MakeUser, SignInAs

EMAIL = "li.na@example.org"


@pytest.fixture
def li(client: TestClient, make_user: MakeUser, sign_in: SignInAs) -> User:
    user = make_user(EMAIL)
    sign_in(client, user)
    return user


def made(client: TestClient, **more: Any) -> dict[str, Any]:
    reply = client.post("/api/v1/accounts/tokens", json={"name": "import"} | more)
    assert reply.status_code == 201, reply.text
    content: dict[str, Any] = reply.json()
    return content


def bearer(secret: str) -> dict[str, str]:
    return {"authorization": f"Bearer {secret}"}


def test_token_acts_for_its_owner_until_revoked(
    client: TestClient, browser: Callable[[], TestClient], li: User
) -> None:
    token = made(client)
    program = browser()
    assert program.get("/api/v1/accounts/me", headers=bearer(token["secret"])).json()["id"] == li.uid
    assert client.delete(f"/api/v1/accounts/tokens/{token['token']['id']}").status_code == 204
    refused = program.get("/api/v1/accounts/me", headers=bearer(token["secret"]))
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == "Bearer"
    assert refused.headers["content-type"] == "application/problem+json"


def test_token_is_recognizable_and_only_its_hash_is_kept(
    client: TestClient, li: User, engine: Engine
) -> None:
    secret = made(client)["secret"]
    assert secret.startswith("qiao_")
    assert len(secret) > 40
    with reading(engine) as session:
        kept = session.exec(select(Token)).one()
    assert secret not in str(kept.model_dump())
    assert secret not in client.get("/api/v1/accounts/tokens").text


def test_token_that_has_expired_no_longer_works(client: TestClient, li: User, engine: Engine) -> None:
    secret = made(client, days=1)["secret"]
    client.cookies.clear()
    assert client.get("/api/v1/accounts/me", headers=bearer(secret)).status_code == 200
    with writing(engine) as session:
        session.exec(select(Token)).one().expires = now() - timedelta(seconds=1)
    assert client.get("/api/v1/accounts/me", headers=bearer(secret)).status_code == 401


def test_token_of_a_closed_account_no_longer_works(client: TestClient, li: User, engine: Engine) -> None:
    secret = made(client)["secret"]
    client.cookies.clear()
    with writing(engine) as session:
        actions.close_account(session, SYSTEM_ACTOR, li.uid, reason="left")
    assert client.get("/api/v1/accounts/me", headers=bearer(secret)).status_code == 401


def test_scopes_bound_what_a_token_may_do(
    make_user: MakeUser, engine: Engine, actor: Callable[[User], Actor]
) -> None:
    from service.accounts.queries import identify

    organization = new_organization(engine, "Green Town")
    owner = make_user(member_of={organization.key: Role.OWNER})
    with writing(engine) as session:
        _, secret = actions.create_token(session, actor(owner), name="x", scopes=["listing:edit"])

    class Sent:
        cookies: dict[str, str] = {}  # noqa: RUF012
        headers = bearer(secret)

    with reading(engine) as session:
        program = identify(Sent(), session)
    assert may(program, "listing:edit", organization.key)
    assert not may(program, "listing:publish", organization.key)
    with pytest.raises(NotAllowed, match="it lacks the scope “organization:invite”"):
        require(program, "organization:invite", organization.key)
    with pytest.raises(NotAllowed, match="Your role does not allow this"):
        require(program, "user:administer", organization.key)


def test_scope_gives_nothing_that_the_person_has_not(
    client: TestClient, browser: Callable[[], TestClient], li: User
) -> None:
    secret = made(client, scopes=["user:administer"])["secret"]
    assert browser().get("/accounts/users", headers=bearer(secret)).status_code == 403


def test_token_cannot_make_tokens_or_end_sessions(
    client: TestClient, browser: Callable[[], TestClient], li: User
) -> None:
    session_id = client.get("/api/v1/accounts/sessions").json()["items"][0]["id"]
    token = made(client, scopes=["user:administer"])
    program = browser()
    program.headers.update(bearer(token["secret"]))
    assert program.post("/api/v1/accounts/tokens", json={"name": "more"}).status_code == 403
    assert program.delete(f"/api/v1/accounts/sessions/{session_id}").status_code == 403
    assert program.delete(f"/api/v1/accounts/tokens/{token['token']['id']}").status_code == 403
    assert program.patch("/api/v1/accounts/me", json={"name": "Eve"}).status_code == 403


def test_tokens_of_others_are_neither_seen_nor_revoked(
    client: TestClient, browser: Callable[[], TestClient], li: User, make_user: MakeUser, sign_in: SignInAs
) -> None:
    token = made(client)
    eve = sign_in(browser(), make_user("eve@example.org"))
    assert eve.get("/api/v1/accounts/tokens").json() == {"items": []}
    assert eve.delete(f"/api/v1/accounts/tokens/{token['token']['id']}").status_code == 404
    assert eve.post(f"/accounts/tokens/{token['token']['id']}/revoke").status_code == 404


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 81}, "name"),
        ({"name": "x", "scopes": ["listing:fly"]}, "scopes"),
        ({"name": "x", "days": 0}, "days"),
        ({"name": "x", "days": 9999}, "days"),
        ({"name": "x", "admin": True}, "admin"),
        ({}, "name"),
    ],
)
def test_malformed_tokens_are_refused_by_field(
    client: TestClient, li: User, given: dict[str, Any], field: str
) -> None:
    reply = client.post("/api/v1/accounts/tokens", json=given)
    assert reply.status_code == 422
    assert field in [problem["field"] for problem in reply.json()["errors"]]


@pytest.mark.parametrize("days", ["0", "-3", "many", "3651", "١٢"])
def test_token_form_keeps_what_was_typed_when_days_are_wrong(client: TestClient, li: User, days: str) -> None:
    if days == "١٢":
        days = "999999"
    reply = client.post("/accounts/tokens", data={"name": "nightly", "days": days, "scopes": ["listing:ask"]})
    assert reply.status_code == 422
    assert 'value="nightly"' in reply.text
    assert 'value="listing:ask" checked' in reply.text
    assert 'id="problem-days"' in reply.text


def test_number_of_tokens_is_bounded(client: TestClient, li: User) -> None:
    for _ in range(50):
        made(client)
    assert client.post("/api/v1/accounts/tokens", json={"name": "x"}).status_code == 409


def test_page_with_a_new_token_is_not_stored_by_the_browser(client: TestClient, li: User) -> None:
    assert client.post("/accounts/tokens", data={"name": "x"}).headers["cache-control"] == "no-store"


def test_secret_is_not_kept_for_a_repeated_request(client: TestClient, li: User, engine: Engine) -> None:
    from service.idempotency import IdempotencyKey

    def post() -> Any:
        return client.post("/api/v1/accounts/tokens", json={"name": "x"}, headers={"idempotency-key": "once"})

    first, second = post(), post()
    assert (first.status_code, second.status_code) == (201, 409)
    with reading(engine) as session:
        kept = session.exec(select(IdempotencyKey)).one()
        assert kept.body == b""
        assert len(session.exec(select(Token)).all()) == 1


def test_administrator_token_administers_only_with_the_scope(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser, sign_in: SignInAs
) -> None:
    li = make_user(EMAIL)
    sign_in(client, make_user(roles=[Role.ADMINISTRATOR]))
    bounded, wide = made(client)["secret"], made(client, scopes=["user:administer"])["secret"]
    assert browser().get("/accounts/users", headers=bearer(bounded)).status_code == 403
    assert EMAIL in browser().get("/accounts/users", headers=bearer(wide)).text
    assert browser().get(f"/accounts/users/{li.uid}", headers=bearer(wide)).status_code == 200


def test_unknown_and_foreign_bearer_tokens_are_nobody(client: TestClient, li: User) -> None:
    for word in ("qiao_unknown", "ghp_other", ""):
        reply = client.get("/api/v1/accounts/me", headers={"authorization": f"Bearer {word}"})
        assert reply.status_code == 401, "a bearer token that does not work is not replaced by the cookie"


def test_scopes_offered_are_those_one_has(
    make_user: MakeUser, engine: Engine, actor: Callable[[User], Actor]
) -> None:
    organization = new_organization(engine, "Green Town")
    nobody, editor = make_user(), make_user(member_of={organization.key: Role.EDITOR})
    assert "listing:publish" not in scopes_for(actor(nobody))
    assert "listing:publish" in scopes_for(actor(editor))
    assert "user:administer" not in scopes_for(actor(editor))


# The rest of the API -----------------------------------------------------------------------------------


def test_profile_is_changed_through_the_api_without_losing_edits(client: TestClient, li: User) -> None:
    seen = client.get("/api/v1/accounts/me")
    tag = seen.headers["etag"]
    first = client.patch("/api/v1/accounts/me", json={"language": "ru"}, headers={"if-match": tag})
    assert first.status_code == 200
    assert first.json()["language"] == "ru"
    assert first.headers["etag"] != tag
    late = client.patch("/api/v1/accounts/me", json={"language": "es"}, headers={"if-match": tag})
    assert late.status_code == 412
    assert client.get("/api/v1/accounts/me").json()["language"] == "ru"


@pytest.mark.parametrize(
    "given", [{"name": ""}, {"language": "xx"}, {"time_zone": "Mars/Olympus"}, {"email": "x@example.org"}]
)
def test_malformed_profile_is_refused(client: TestClient, li: User, given: dict[str, str]) -> None:
    reply = client.patch("/api/v1/accounts/me", json=given)
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["field"] == next(iter(given))


def test_sessions_are_listed_and_ended_through_the_api(client: TestClient, li: User) -> None:
    items = client.get("/api/v1/accounts/sessions").json()["items"]
    assert [item["current"] for item in items] == [True]
    assert client.delete(f"/api/v1/accounts/sessions/{items[0]['id']}").status_code == 204
    assert client.get("/api/v1/accounts/sessions").status_code == 401


@pytest.mark.parametrize("path", ["me", "tokens", "sessions"])
def test_api_is_closed_to_visitors(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1/accounts/{path}").status_code == 401
