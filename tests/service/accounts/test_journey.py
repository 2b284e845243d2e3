"""One person's whole way: sign up, confirm, sign in, settings, sessions, reset, token, invitation."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.organizations.models import Organization
    from service.settings import Settings
    from tests.service.accounts.conftest import Inbox, Link
    from tests.service.conftest import MakeUser

EMAIL, SECRET = "li.na@example.org", "seven green bridges"


@pytest.mark.usefixtures("database_url")
def test_newcomer_signs_up_and_uses_everything_that_accounts_offer(
    client: TestClient,
    browser: Callable[[], TestClient],
    engine: Engine,
    settings: Settings,
    organization: Organization,
    link: Link,
    inbox: Inbox,
    make_user: MakeUser,
) -> None:
    # sign up, in Chinese
    form = client.get("/accounts/sign-up", headers={"accept-language": "zh-CN"})
    assert form.status_code == 200
    assert 'autocomplete="new-password"' in form.text
    reply = client.post(
        "/accounts/sign-up",
        data={
            "name": "Li  Na",
            "email": " Li.Na@Example.org",
            "password": SECRET,
            "time_zone": "Asia/Shanghai",
        },
        headers={"accept-language": "zh-CN"},
    )
    assert reply.status_code == 303
    assert client.get(reply.headers["location"]).status_code == 200

    # not before the address is confirmed
    assert client.post("/accounts/sign-in", data={"email": EMAIL, "password": SECRET}).status_code == 422
    confirm = link(EMAIL)
    assert client.get(confirm).status_code == 200, "looking at the link confirms nothing"
    assert client.post("/accounts/sign-in", data={"email": EMAIL, "password": SECRET}).status_code == 422
    reply = client.post(confirm)
    assert reply.headers["location"].startswith("/accounts/sign-in")

    # sign in
    reply = client.post(
        "/accounts/sign-in", data={"email": EMAIL, "password": SECRET, "next": "/accounts/settings"}
    )
    assert reply.status_code == 303
    assert reply.headers["location"] == "/accounts/settings"
    page = client.get("/accounts/settings", headers={"accept-language": "en"})
    assert page.headers["content-language"] == "zh-Hans", "the language of signing up"
    assert 'value="Asia/Shanghai" selected' in page.text

    # settings
    reply = client.post(
        "/accounts/settings", data={"name": "Li Na", "language": "es", "time_zone": "Europe/Madrid"}
    )
    assert reply.status_code == 303
    assert client.get("/accounts/settings").headers["content-language"] == "es"

    # sessions, listed and revoked
    other = browser()
    other.post(
        "/accounts/sign-in",
        data={"email": EMAIL, "password": SECRET},
        headers={"user-agent": "Mozilla/5.0 (Linux; Android 14) Chrome/130 Mobile Safari/537"},
    )
    assert other.get("/accounts/settings").status_code == 200
    page = client.get("/accounts/sessions")
    assert "Chrome · Android" in page.text
    assert client.post("/accounts/sessions/revoke").status_code == 303
    assert other.get("/accounts/settings").headers["location"].startswith("/accounts/sign-in")
    assert client.get("/accounts/settings").status_code == 200

    # reset
    assert client.post("/accounts/reset", data={"email": EMAIL}).status_code == 303
    reset = link(EMAIL)
    assert client.get(reset).status_code == 200
    assert client.post(reset, data={"password": "nine yellow bridges"}).status_code == 303
    assert client.get("/accounts/settings").status_code == 303, "a reset ends every session"
    reply = client.post("/accounts/sign-in", data={"email": EMAIL, "password": "nine yellow bridges"})
    assert reply.status_code == 303

    # token
    page = client.post("/accounts/tokens", data={"name": "import", "scopes": ["listing:ask"], "days": "30"})
    key = re.search(r'value="(qiao_[^"]+)"', page.text)
    assert key
    me = browser().get("/api/v1/accounts/me", headers={"authorization": f"Bearer {key[1]}"})
    assert me.json()["email"] == EMAIL
    assert key[1] not in client.get("/accounts/tokens").text, "shown once"

    # invitation, taken up
    owner = make_user("owner@example.org", member_of={organization.key: Role.OWNER})
    from service.accounts.actions import invite
    from service.accounts.queries import actor_of, members_of
    from service.db import reading, writing

    with writing(engine) as session:
        invite(
            session,
            settings.secret,
            actor_of(session, owner),
            organization.key,
            organization.name,
            email=EMAIL,
            role="editor",
        )
    invitation = link(EMAIL)
    assert "Green Town" in client.get(invitation).text
    assert client.post(invitation).status_code == 303
    with reading(engine) as session:
        roles = {user.email: membership.role for user, membership in members_of(session, organization.key)}
    assert roles == {"owner@example.org": Role.OWNER, EMAIL: Role.EDITOR}
