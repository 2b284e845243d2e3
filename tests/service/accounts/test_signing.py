from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

import itsdangerous
import pytest
from sqlmodel import Session, col, select

from service.accounts import actions
from service.accounts.models import SignIn, User
from service.accounts.queries import SESSION_COOKIE, authenticate, sign_ins, user_by_email
from service.db import now, reading, writing
from service.events import broken_links, history
from service.permissions import SYSTEM_ACTOR
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from service.permissions import Actor
    from service.settings import Settings
    from tests.service.accounts.conftest import Inbox, Link
    from tests.service.conftest import MakeUser, SignInAs

EMAIL = "li.na@example.org"
NEW = {"name": "Li Na", "email": EMAIL, "password": "seven green bridges"}


def enter(client: TestClient, email: str, password: str = PASSWORD, **more: str) -> int:
    reply = client.post("/accounts/sign-in", data={"email": email, "password": password, **more})
    return reply.status_code


# Signing up --------------------------------------------------------------------------------------------


def test_unconfirmed_account_is_told_so_only_with_the_right_password(
    client: TestClient, inbox: Inbox
) -> None:
    client.post("/accounts/sign-up", data=NEW)
    wrong = client.post("/accounts/sign-in", data={"email": EMAIL, "password": "something else"})
    assert "confirm your address" not in wrong.text
    right = client.post("/accounts/sign-in", data={"email": EMAIL, "password": NEW["password"]})
    assert "confirm your address" in right.text
    assert len(inbox(EMAIL)) == 2, "the link is sent again"


# Signing in --------------------------------------------------------------------------------------------


def test_wrong_password_and_unknown_address_get_the_same_answer(
    client: TestClient, make_user: MakeUser
) -> None:
    make_user(EMAIL)
    wrong = client.post("/accounts/sign-in", data={"email": EMAIL, "password": "not the password"})
    unknown = client.post(
        "/accounts/sign-in", data={"email": "x@example.org", "password": "not the password"}
    )
    assert wrong.status_code == unknown.status_code == 422
    assert wrong.text == unknown.text.replace("x@example.org", EMAIL)


def test_unknown_address_takes_as_long_as_a_wrong_password(make_user: MakeUser, engine: Engine) -> None:
    make_user(EMAIL)

    def seconds(address: str) -> float:
        with reading(engine) as session:
            began = time.perf_counter()
            assert authenticate(session, address, "not the password") is None
            return time.perf_counter() - began

    seconds("warm-up@example.org")
    known = min(seconds(EMAIL) for _ in range(3))
    unknown = min(seconds("x@example.org") for _ in range(3))
    assert unknown > known / 4


def test_session_cookie_is_closed_to_scripts_and_other_sites(client: TestClient, make_user: MakeUser) -> None:
    make_user(EMAIL)
    reply = client.post("/accounts/sign-in", data={"email": EMAIL, "password": PASSWORD})
    cookie = next(one for one in reply.headers.get_list("set-cookie") if one.startswith(SESSION_COOKIE))
    flags = {part.strip().lower() for part in cookie.split(";")[1:]}
    assert {"httponly", "samesite=lax", "path=/"} <= flags
    assert "secure" not in flags, "plain http on a laptop"
    assert "domain" not in cookie.lower()


def test_session_cookie_is_secure_where_the_site_is(
    client: TestClient, make_user: MakeUser, site: object, settings: Settings
) -> None:
    make_user(EMAIL)
    site.settings = settings.model_copy(update={"secure_cookies": True})  # type: ignore[attr-defined]
    reply = client.post("/accounts/sign-in", data={"email": EMAIL, "password": PASSWORD})
    assert "secure" in reply.headers["set-cookie"].lower()


def test_only_a_hash_of_the_session_is_kept(client: TestClient, make_user: MakeUser, engine: Engine) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    with reading(engine) as session:
        kept = session.exec(select(SignIn.token_hash)).one()
    assert client.cookies[SESSION_COOKIE] not in kept


def test_planted_session_is_replaced_at_sign_in(client: TestClient, make_user: MakeUser) -> None:
    make_user(EMAIL)
    client.cookies.set(SESSION_COOKIE, "planted", domain="localhost.local", path="/")
    assert enter(client, EMAIL) == 303
    assert "planted" not in {cookie.value for cookie in client.cookies.jar if cookie.name == SESSION_COOKIE}


def test_signing_in_again_ends_the_session_before(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser
) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    thief = browser()
    thief.cookies.set(SESSION_COOKIE, client.cookies[SESSION_COOKIE])
    assert thief.get("/accounts/settings").status_code == 200
    enter(client, EMAIL)
    assert thief.get("/accounts/settings").status_code == 303
    assert client.get("/accounts/settings").status_code == 200


def test_sign_out_ends_the_session_itself(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser
) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    thief = browser()
    thief.cookies.set(SESSION_COOKIE, client.cookies[SESSION_COOKIE])
    assert client.post("/accounts/sign-out").status_code == 303
    assert SESSION_COOKIE not in client.cookies
    assert thief.get("/accounts/settings").status_code == 303


@pytest.mark.parametrize(
    ("wanted", "led"),
    [
        ("/listings/new?side=need", "/listings/new?side=need"),
        ("https://evil.example/", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_sign_in_leads_only_to_this_site(
    client: TestClient, make_user: MakeUser, wanted: str, led: str
) -> None:
    make_user(EMAIL)
    form = client.get("/accounts/sign-in", params={"next": wanted})
    assert "evil" not in form.text.split("<main")[1].split("</main>")[0]
    reply = client.post("/accounts/sign-in", data={"email": EMAIL, "password": PASSWORD, "next": wanted})
    assert reply.headers["location"] == led


def test_requests_from_other_sites_cannot_sign_in(client: TestClient, make_user: MakeUser) -> None:
    make_user(EMAIL)
    reply = client.post(
        "/accounts/sign-in",
        data={"email": EMAIL, "password": PASSWORD},
        headers={"sec-fetch-site": "cross-site"},
    )
    assert reply.status_code == 403
    assert SESSION_COOKIE not in client.cookies


def test_closed_user_cannot_sign_in_or_go_on(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser, engine: Engine
) -> None:
    user = make_user(EMAIL)
    enter(client, EMAIL)
    with writing(engine) as session:
        actions.close_account(session, SYSTEM_ACTOR, user.uid, reason="left")
    assert client.get("/accounts/settings").status_code == 303
    assert enter(browser(), EMAIL) == 422
    with writing(engine) as session:
        actions.reopen_account(session, SYSTEM_ACTOR, user.uid, reason="back")
    assert client.get("/accounts/settings").status_code == 303, "sessions ended for good"
    assert enter(browser(), EMAIL) == 303


def test_whoever_is_signed_in_is_led_past_the_forms(client: TestClient, make_user: MakeUser) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    assert client.get("/accounts/sign-up").headers["location"] == "/"
    assert client.get("/accounts/sign-in?next=/search").headers["location"] == "/search"


def test_session_that_has_expired_no_longer_works(
    client: TestClient, make_user: MakeUser, engine: Engine
) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    with writing(engine) as session:
        session.exec(select(SignIn)).one().expires = now() - timedelta(seconds=1)
    assert client.get("/accounts/settings").status_code == 303


def test_last_seen_is_noted(client: TestClient, make_user: MakeUser, engine: Engine) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    hours_ago = now() - timedelta(hours=3)
    with writing(engine) as session:
        session.exec(select(SignIn)).one().last_seen = hours_ago
    client.get("/accounts/settings")
    with reading(engine) as session:
        assert session.exec(select(SignIn.last_seen)).one() > hours_ago + timedelta(hours=2)


# Sessions ----------------------------------------------------------------------------------------------


def test_one_session_is_revoked_and_the_others_stay(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser, engine: Engine
) -> None:
    make_user(EMAIL)
    other = browser()
    enter(client, EMAIL)
    enter(other, EMAIL)
    with reading(engine) as session:
        uids = session.exec(select(SignIn.uid).order_by(col(SignIn.id))).all()
    assert client.post(f"/accounts/sessions/{uids[1]}/revoke").status_code == 303
    assert other.get("/accounts/settings").status_code == 303
    assert client.get("/accounts/settings").status_code == 200


def test_sessions_of_others_cannot_be_revoked(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser, engine: Engine
) -> None:
    make_user(EMAIL)
    make_user("eve@example.org")
    enter(client, EMAIL)
    eve = browser()
    enter(eve, "eve@example.org")
    with reading(engine) as session:
        uid = session.exec(select(SignIn.uid).order_by(col(SignIn.id))).first()
    assert eve.post(f"/accounts/sessions/{uid}/revoke").status_code == 404
    assert str(uid) not in eve.get("/accounts/sessions").text
    assert client.get("/accounts/settings").status_code == 200


# Passwords ---------------------------------------------------------------------------------------------


def test_reset_answers_the_same_for_known_and_unknown_addresses(
    client: TestClient, make_user: MakeUser, inbox: Inbox
) -> None:
    make_user(EMAIL)
    known = client.post("/accounts/reset", data={"email": EMAIL})
    unknown = client.post("/accounts/reset", data={"email": "x@example.org"})
    assert known.status_code == unknown.status_code == 303
    assert known.headers["location"] == unknown.headers["location"]
    assert len(inbox(EMAIL)) == 1
    assert inbox("x@example.org") == []


def test_reset_link_works_once_and_not_after_two_hours(
    client: TestClient, make_user: MakeUser, link: Link, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_user(EMAIL)
    client.post("/accounts/reset", data={"email": EMAIL})
    address = link(EMAIL)
    weak = client.post(address, data={"password": EMAIL})
    assert weak.status_code == 422, "a refused password does not spend the link"
    assert client.post(address, data={"password": "nine yellow bridges"}).status_code == 303
    assert client.post(address, data={"password": "ten yellow bridges"}).status_code == 409
    assert enter(client, EMAIL, "nine yellow bridges") == 303
    long_ago = int(time.time() - 7201)
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: long_ago)
    client.post("/accounts/reset", data={"email": EMAIL})
    late = link(EMAIL)
    monkeypatch.undo()
    assert client.post(late, data={"password": "ten yellow bridges"}).status_code == 409


def test_older_reset_links_are_spent_by_a_new_password(
    client: TestClient, make_user: MakeUser, link: Link
) -> None:
    make_user(EMAIL)
    client.post("/accounts/reset", data={"email": EMAIL})
    first = link(EMAIL)
    client.post("/accounts/reset", data={"email": EMAIL})
    assert client.post(link(EMAIL), data={"password": "nine yellow bridges"}).status_code == 303
    assert client.post(first, data={"password": "ten yellow bridges"}).status_code == 409


def test_password_is_changed_only_with_the_current_one_and_ends_other_sessions(
    client: TestClient, browser: Callable[[], TestClient], make_user: MakeUser, inbox: Inbox
) -> None:
    make_user(EMAIL)
    other = browser()
    enter(client, EMAIL)
    enter(other, EMAIL)
    data = {"current": "not it at all", "password": "nine yellow bridges"}
    wrong = client.post("/accounts/password", data=data)
    assert wrong.status_code == 422
    assert "not your current password" in wrong.text
    assert other.get("/accounts/settings").status_code == 200
    reply = client.post("/accounts/password", data=data | {"current": PASSWORD})
    assert reply.status_code == 303
    assert client.get("/accounts/settings").status_code == 200
    assert other.get("/accounts/settings").status_code == 303
    assert "password has been changed" in str(inbox(EMAIL)[-1]["Subject"])


@pytest.mark.parametrize(
    ("password", "said"), [("short", "at least 10"), ("LI.NA@example.org", "Do not use your name")]
)
def test_new_password_keeps_the_rules(
    client: TestClient, make_user: MakeUser, password: str, said: str
) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    reply = client.post("/accounts/password", data={"current": PASSWORD, "password": password})
    assert reply.status_code == 422
    assert said in reply.text
    assert enter(client, EMAIL) == 303, "the old one stays"


def test_somebody_without_a_password_may_set_one(
    client: TestClient, make_user: MakeUser, sign_in: SignInAs
) -> None:
    sign_in(client, make_user(EMAIL, password_hash=""))
    assert enter(client, EMAIL, "") == 422, "no password is no way in"
    assert "Current password" not in client.get("/accounts/settings").text
    assert client.post("/accounts/password", data={"password": "nine yellow bridges"}).status_code == 303
    assert enter(client, EMAIL, "nine yellow bridges") == 303


def test_reset_before_confirming_sends_the_confirmation_again(
    client: TestClient, link: Link, inbox: Inbox
) -> None:
    client.post("/accounts/sign-up", data=NEW)
    client.post("/accounts/reset", data={"email": EMAIL})
    assert len(inbox(EMAIL)) == 2
    assert link(EMAIL).startswith("/accounts/confirm/")


def test_profile_form_keeps_what_was_typed_when_something_is_wrong(
    client: TestClient, make_user: MakeUser
) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    data = {"name": "", "language": "es", "time_zone": "Europe/Madrid"}
    reply = client.post("/accounts/settings", data=data)
    assert reply.status_code == 422
    assert 'id="problem-name"' in reply.text
    assert 'value="Europe/Madrid" selected' in reply.text
    assert client.post("/accounts/email", data={"email": "nonsense"}).status_code == 422
    assert client.post("/accounts/reset", data={"email": "nonsense"}).status_code == 422


# The address -------------------------------------------------------------------------------------------


def test_new_address_counts_only_after_its_link_was_opened(
    client: TestClient, make_user: MakeUser, link: Link, inbox: Inbox
) -> None:
    make_user(EMAIL)
    enter(client, EMAIL)
    assert client.post("/accounts/email", data={"email": "NEW@example.org"}).status_code == 303
    address = link("new@example.org")
    assert "new@example.org" in client.get(address).text
    assert EMAIL in client.get("/accounts/settings").text
    assert client.post(address).status_code == 303
    assert client.post(address).status_code == 409
    assert enter(client, "new@example.org") == 303
    assert "changed" in str(inbox(EMAIL)[-1]["Subject"]), "the old address hears of it"


def test_address_of_somebody_else_is_not_given_away(
    client: TestClient, make_user: MakeUser, inbox: Inbox
) -> None:
    make_user(EMAIL)
    make_user("wang@example.org")
    enter(client, EMAIL)
    assert client.post("/accounts/email", data={"email": "wang@example.org"}).status_code == 303
    assert inbox("wang@example.org") == []


# The log -----------------------------------------------------------------------------------------------


def test_what_happens_to_an_account_is_logged_unbroken(
    client: TestClient, link: Link, engine: Engine
) -> None:
    client.post("/accounts/sign-up", data=NEW)
    client.post(link(EMAIL))
    enter(client, EMAIL, NEW["password"])
    with reading(engine) as session:
        user = user_by_email(session, EMAIL)
        assert user is not None
        names = [event.name for event in history(session, user.uid)]
        assert names == ["user.sign-up", "user.confirm", "user.sign-in"]
        assert not list(broken_links(session))
        assert NEW["password"] not in str([event.details for event in history(session, user.uid)])


def test_clear_expired_forgets_old_sign_ins_and_keeps_the_others(
    jobs: Jobs,
    make_user: MakeUser,
    sign_in: SignInAs,
    client: TestClient,
    engine: Engine,
    actor: Callable[[User], Actor],
) -> None:
    user = make_user(EMAIL)
    sign_in(client, user)
    with writing(engine) as session:
        session.add(
            SignIn(token_hash="old", user_id=user.key, last_seen=now(), expires=now() - timedelta(days=31))
        )
    from service.jobs import promise

    with writing(engine) as session:
        promise(session, "clear_expired")
    jobs.run_all()
    with Session(engine) as session:
        assert len(session.exec(select(SignIn)).all()) == 1
        assert len(sign_ins(session, actor(user))) == 1
