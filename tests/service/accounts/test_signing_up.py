from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import itsdangerous
import pytest
from sqlmodel import select

from service.accounts.models import User, UserStatus
from service.accounts.queries import user_by_email
from service.db import reading
from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.accounts.conftest import Inbox, Link
    from tests.service.conftest import MakeUser

EMAIL = "li.na@example.org"
NEW = {"name": "Li Na", "email": EMAIL, "password": "seven green bridges"}


def enter(client: TestClient, email: str, password: str = PASSWORD, **more: str) -> int:
    reply = client.post("/accounts/sign-in", data={"email": email, "password": password, **more})
    return reply.status_code


# Signing up --------------------------------------------------------------------------------------------


def test_sign_up_answers_the_same_for_known_and_unknown_addresses(
    client: TestClient, make_user: MakeUser, inbox: Inbox
) -> None:
    make_user(EMAIL)
    known = client.post("/accounts/sign-up", data=NEW)
    unknown = client.post("/accounts/sign-up", data=NEW | {"email": "wang@example.org"})
    assert (known.status_code, known.headers["location"]) == (
        unknown.status_code,
        unknown.headers["location"],
    )
    assert known.cookies == unknown.cookies
    assert "account already" in str(inbox(EMAIL)[0]["Subject"])
    assert "Confirm" in str(inbox("wang@example.org")[0]["Subject"])


def test_sign_up_leaves_the_password_of_a_known_address_alone(
    client: TestClient, make_user: MakeUser, engine: Engine
) -> None:
    make_user(EMAIL)
    client.post("/accounts/sign-up", data=NEW)
    assert enter(client, EMAIL, NEW["password"]) == 422
    assert enter(client, EMAIL) == 303


def test_sign_up_tells_a_closed_account_nothing(
    client: TestClient, make_user: MakeUser, inbox: Inbox
) -> None:
    make_user(EMAIL, status=UserStatus.CLOSED)
    assert client.post("/accounts/sign-up", data=NEW).status_code == 303
    assert inbox(EMAIL) == []


def test_second_sign_up_before_confirming_spends_the_first_link(client: TestClient, link: Link) -> None:
    client.post("/accounts/sign-up", data=NEW)
    first = link(EMAIL)
    client.post("/accounts/sign-up", data=NEW | {"password": "another password"})
    assert client.post(first).status_code == 409
    assert client.post(link(EMAIL)).status_code == 303
    assert enter(client, EMAIL, "another password") == 303


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("name", "", "Enter your name"),
        ("name", " \u200b\t", "Enter your name"),
        ("name", "x" * 121, "At most 120"),
        ("name", "Win at www.example.com", "Leave links out"),
        ("email", "", "Enter your e-mail address"),
        ("email", "li.na", "not an e-mail address"),
        ("email", "li@localhost", "not an e-mail address"),
        ("email", "a@b.org, c@d.org", "not an e-mail address"),
        ("email", "x" * 250 + "@b.org", "not an e-mail address"),
        ("password", "short", "at least 10"),
        ("password", "p" * 201, "at most 200"),
        ("password", "Password123", "too easy"),
        ("password", "ababababababab", "too easy"),
        ("password", "LI.NA@example.org", "Do not use your name"),
    ],
)
def test_sign_up_says_beside_the_field_what_is_wrong_and_keeps_the_rest(
    client: TestClient, field: str, value: str, said: str
) -> None:
    reply = client.post("/accounts/sign-up", data=NEW | {field: value})
    assert reply.status_code == 422
    assert f'id="problem-{field}"' in reply.text
    assert said.lower() in reply.text.lower()
    assert NEW["password"] not in reply.text
    kept = "email" if field != "email" else "name"
    assert f'value="{NEW[kept]}"' in reply.text


def test_sign_up_names_all_problems_at_once(client: TestClient) -> None:
    reply = client.post("/accounts/sign-up", data={})
    assert reply.text.count('class="field-problem"') == 3


@pytest.mark.usefixtures("database_url")
def test_form_sent_twice_at_once_signs_up_once(browser: Callable[[], TestClient], engine: Engine) -> None:
    with ThreadPoolExecutor(4) as together:
        replies = together.map(lambda _: browser().post("/accounts/sign-up", data=NEW).status_code, range(4))
    assert list(replies) == [303] * 4
    with reading(engine) as session:
        assert len(session.exec(select(User)).all()) == 1


def test_sign_up_with_an_unknown_time_zone_falls_back_to_utc(client: TestClient, engine: Engine) -> None:
    client.post("/accounts/sign-up", data=NEW | {"time_zone": "Mars/Olympus"})
    with reading(engine) as session:
        user = user_by_email(session, EMAIL)
    assert user is not None
    assert user.time_zone == "UTC"


def test_mail_is_written_in_the_language_of_signing_up(client: TestClient, inbox: Inbox) -> None:
    client.post("/accounts/sign-up", data=NEW, headers={"accept-language": "ru"})
    assert inbox(EMAIL)[0]["Content-Language"] == "ru"


# Confirming --------------------------------------------------------------------------------------------


def test_confirmation_link_works_once(client: TestClient, link: Link) -> None:
    client.post("/accounts/sign-up", data=NEW)
    address = link(EMAIL)
    assert client.post(address).status_code == 303
    again = client.post(address)
    assert again.status_code == 409
    assert "already used" in again.text
    assert client.get(address).status_code == 409


def test_confirmation_link_expires(client: TestClient, link: Link, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = int(time.time() - timedelta(days=3, minutes=1).total_seconds())
    monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: long_ago)
    client.post("/accounts/sign-up", data=NEW)
    address = link(EMAIL)
    monkeypatch.undo()
    assert client.get(address).status_code == 409
    assert client.post(address).status_code == 409


@pytest.mark.parametrize("page", ["confirm", "reset", "email", "invitations"])
def test_forged_links_are_refused(client: TestClient, page: str) -> None:
    forged = itsdangerous.URLSafeTimedSerializer("guess", salt=f"accounts.{page}").dumps(["x", "y"])
    assert client.get(f"/accounts/{page}/{forged}").status_code == 409
    data = {"password": "seven green bridges", "name": "Eve"}
    assert client.post(f"/accounts/{page}/{forged}", data=data).status_code == 409


def test_link_made_for_one_purpose_does_not_serve_another(
    client: TestClient, make_user: MakeUser, link: Link
) -> None:
    make_user(EMAIL)
    client.post("/accounts/reset", data={"email": EMAIL})
    word = link(EMAIL).rpartition("/")[2]
    assert client.post(f"/accounts/confirm/{word}").status_code == 409
    assert client.post(f"/accounts/email/{word}").status_code == 409
