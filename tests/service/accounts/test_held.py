"""What was typed survives a session that ended meanwhile."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import select

from service.accounts.actions import MOST_HELD, hold
from service.accounts.models import HeldForm
from service.accounts.queries import SESSION_COOKIE, held
from service.db import now, reading, writing
from service.web import HELD_COOKIE
from tests.service.conftest import BASE_URL, PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from tests.service.conftest import MakeUser

TYPED = {"name": "Nightly 导入 <b>", "days": "30", "scopes": ["listing:ask"]}


def ended(client: TestClient) -> None:
    """The session is over, as after a month away."""
    if SESSION_COOKIE in client.cookies:
        client.cookies.delete(SESSION_COOKIE)


def test_form_comes_back_after_signing_in(client: TestClient, make_user: MakeUser) -> None:
    make_user("li@example.org")
    ended(client)
    reply = client.post(
        "/accounts/tokens", data=TYPED, headers={"referer": f"{BASE_URL}/accounts/tokens?lang=en"}
    )
    assert reply.status_code == 303
    sign_in = client.get(reply.headers["location"])
    assert "What you typed is kept" in sign_in.text
    assert "httponly" in reply.headers["set-cookie"].lower()
    next_page = reply.headers["location"].partition("next=")[2]
    assert next_page.startswith("%2Faccounts%2Ftokens%3F")
    back = client.post(
        "/accounts/sign-in",
        data={
            "email": "li@example.org",
            "password": PASSWORD,
            "next": "/accounts/tokens?lang=en&held=1",
        },
    )
    page = client.get(back.headers["location"])
    assert 'value="Nightly 导入 &lt;b&gt;"' in page.text
    assert 'value="listing:ask" checked' in page.text
    assert "Nightly" not in client.get("/accounts/tokens").text, "only on the way back"


def test_held_form_is_given_to_no_other_browser_or_form(
    client: TestClient, browser: Callable[[], TestClient], engine: Engine
) -> None:
    with writing(engine) as session:
        key = hold(session, "/accounts/tokens", {"name": ["x"]})
    with reading(engine) as session:
        assert held(session, key, "/accounts/tokens") == {"name": ["x"]}
        assert held(session, key, "/accounts/settings") is None
        assert held(session, "another", "/accounts/tokens") is None
        assert held(session, "", "/accounts/tokens") is None
        assert key not in str(session.exec(select(HeldForm)).one().model_dump())


def test_held_form_is_forgotten_after_a_day(engine: Engine, jobs: Jobs) -> None:
    from service.jobs import promise

    with writing(engine) as session:
        key = hold(session, "/a", {"name": ["x"]})
        session.flush()
        session.exec(select(HeldForm)).one().expires = now() - timedelta(seconds=1)
        promise(session, "clear_expired")
    with reading(engine) as session:
        assert held(session, key, "/a") is None
    jobs.run_all()
    with reading(engine) as session:
        assert session.exec(select(HeldForm)).all() == []


def test_passwords_are_never_held(client: TestClient, engine: Engine) -> None:
    data = {"current": "old secret words", "password": "new secret words", "new_password": "secret"}
    assert client.post("/accounts/password", data=data | {"note": "hello"}).status_code == 303
    with reading(engine) as session:
        assert session.exec(select(HeldForm)).one().fields == {"note": ["hello"]}


def test_too_much_is_not_held_but_still_leads_to_sign_in(client: TestClient, engine: Engine) -> None:
    reply = client.post("/accounts/tokens", data={"name": "x" * (MOST_HELD + 1)})
    assert reply.status_code == 303
    assert "held" not in reply.headers["location"]
    assert HELD_COOKIE not in client.cookies
    with reading(engine) as session:
        assert session.exec(select(HeldForm)).all() == []


def test_form_from_another_site_is_not_where_one_is_led(client: TestClient) -> None:
    reply = client.post("/accounts/tokens", data=TYPED, headers={"referer": "https://evil.example/x"})
    assert "evil" not in reply.headers["location"]
    assert "next=%2Faccounts%2Ftokens" in reply.headers["location"]


def test_visitors_are_led_to_sign_in_and_back_with_the_query(client: TestClient) -> None:
    reply = client.get("/accounts/settings?part=2&x=%26")
    assert reply.headers["location"] == "/accounts/sign-in?next=%2Faccounts%2Fsettings%3Fpart%3D2%26x%3D%2526"
