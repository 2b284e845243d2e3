from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.service.conftest import PASSWORD

if TYPE_CHECKING:
    from fastapi.testclient import TestClient

    from service.settings import Settings
    from tests.service.accounts.conftest import Inbox
    from tests.service.conftest import MakeUser


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"rate_limit": True})


def test_guessing_a_password_is_slowed_down_with_retry_after(client: TestClient, make_user: MakeUser) -> None:
    make_user("li@example.org")
    make_user("wang@example.org")
    guesses = [
        client.post("/accounts/sign-in", data={"email": "LI@example.org ", "password": f"guess number {n}"})
        for n in range(11)
    ]
    assert [reply.status_code for reply in guesses] == [422] * 10 + [429]
    assert 0 < int(guesses[-1].headers["retry-after"]) <= 900
    right = client.post("/accounts/sign-in", data={"email": "li@example.org", "password": PASSWORD})
    assert right.status_code == 429, "not even the right one, for now"
    other = client.post("/accounts/sign-in", data={"email": "wang@example.org", "password": PASSWORD})
    assert other.status_code == 303, "another account is not kept out"


@pytest.mark.parametrize("known", [True, False])
def test_nobodys_mailbox_is_flooded_and_the_limit_tells_nothing(
    client: TestClient, make_user: MakeUser, inbox: Inbox, known: bool
) -> None:
    if known:
        make_user("li@example.org")
    replies = [client.post("/accounts/reset", data={"email": "li@example.org"}) for _ in range(7)]
    assert [reply.status_code for reply in replies] == [303] * 5 + [429] * 2
    assert len(inbox("li@example.org")) == (5 if known else 0)


def test_signing_up_is_limited_for_each_address(client: TestClient, inbox: Inbox) -> None:
    data = {"name": "Li", "email": "li@example.org", "password": "seven green bridges"}
    replies = [client.post("/accounts/sign-up", data=data).status_code for _ in range(6)]
    assert replies == [303] * 5 + [429]
    assert client.post("/accounts/sign-up", data=data | {"email": "w@example.org"}).status_code == 303
