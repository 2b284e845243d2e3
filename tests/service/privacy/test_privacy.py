"""What is kept of people: their choices, all of it to take along, and erasure."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, col, select

from matching.profiles import Side
from service import events
from service.accounts.models import Invitation, Membership, SignIn, User, UserStatus
from service.db import now, writing
from service.events import Event, broken_links
from service.jobs import Work
from service.listings.models import Listing
from service.pairings.models import Objection
from service.permissions import SYSTEM_ACTOR, Role
from service.privacy.actions import CLOSED_KEPT, NOBODY, UNCONFIRMED_KEPT, forget_people
from service.privacy.holdings import HOLDINGS, columns
from service.search import actions as search
from service.search.models import SavedSearch
from tests.service.conftest import PASSWORD, words
from tests.service.refusing import codes

if TYPE_CHECKING:
    from typing import Any

    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from tests.service.conftest import MakeListing, MakeParty, MakeRound, MakeUser


def test_every_column_that_names_a_person_is_listed_and_no_other(app: FastAPI) -> None:
    assert app.routes, "the application brings all tables"
    assert {f"{table.name}.{column.name}" for table, column in columns()} == set(HOLDINGS)


# Choices ----------------------------------------------------------------------------------------------


def test_personal_suggestions_stop_at_once_and_come_back(
    make_party: MakeParty, make_listing: MakeListing, as_user: Any, jobs: Jobs
) -> None:
    ngo, company = make_party("Spring"), make_party("Dew", kind="business")
    make_listing(ngo, "Drinking water for two schools", themes="water-sanitation")
    make_listing(company, "Money for drinking water", Side.OFFER, themes="water-sanitation")
    jobs.run_all()
    client = as_user(company.user)
    suggested = client.get("/api/v1/search/for-you?side=need").json()
    assert [hit["title"] for hit in suggested] == ["Drinking water for two schools"]
    assert "Needs that fit you" in words(client.get("/"))

    sent = client.post("/privacy/consents", data={"purpose": "recommendations", "given": "no"})
    assert sent.headers["location"] == "/privacy/mine?done=saved"
    assert client.get("/api/v1/search/for-you?side=need").json() == []
    home = words(client.get("/"))
    assert "Needs that fit you" not in home
    assert "New needs" in home

    told = client.put("/api/v1/accounts/me/consents/recommendations", json={"given": True}).json()
    assert told["consents"]["recommendations"] is True
    assert len(client.get("/api/v1/search/for-you?side=need").json()) == 1


def test_every_change_of_mind_is_kept_and_logged_once(make_user: MakeUser, as_user: Any, rows: Any) -> None:
    user = make_user()
    client = as_user(user)
    for given in (False, False, True):
        client.put("/api/v1/accounts/me/consents/digests", json={"given": given})
    said = rows(select(Event).where(Event.actor == user.uid).order_by(col(Event.id)))
    assert [event.name for event in said] == ["consent.withdraw", "consent.give"]
    assert all(event.details == {"purpose": "digests"} for event in said)


def test_digest_is_not_sent_to_whom_turned_digests_off(
    make_party: MakeParty, make_listing: MakeListing, make_user: MakeUser, as_user: Any, jobs: Jobs, rows: Any
) -> None:
    user = make_user("reader@example.org")
    client = as_user(user)
    client.post("/api/v1/search/saved", json={"name": "Water", "query": {"q": "water"}, "digest": "daily"})
    before = now() - timedelta(days=2)
    with writing(jobs.engine) as session:
        session.exec(select(SavedSearch)).one().last_sent = before
    client.put("/api/v1/accounts/me/consents/digests", json={"given": False})
    make_listing(make_party("Spring"), "Drinking water")
    jobs.run_all()
    work = Work(jobs.engine, jobs.settings, jobs.site, "")
    search.send_digests(work)
    assert rows(select(SavedSearch))[0].last_sent == before
    client.put("/api/v1/accounts/me/consents/digests", json={"given": True})
    search.send_digests(work)
    assert rows(select(SavedSearch))[0].last_sent > before


def test_notice_and_rules_of_suggestions_are_public(client: TestClient) -> None:
    assert "This service uses recommendation technologies" in words(client.get("/recommendations"))
    assert f"{UNCONFIRMED_KEPT.days} days" in words(client.get("/privacy"))


# Taking along -----------------------------------------------------------------------------------------


def test_person_takes_along_what_is_hers_and_nothing_of_others(
    engine: Engine, make_party: MakeParty, make_user: MakeUser, make_round: MakeRound, as_user: Any
) -> None:
    ngo = make_party("Spring")
    judge = make_user("judge@example.org", roles=[Role.FACILITATOR])
    with writing(engine) as session:
        session.add(
            Objection(
                round_id=make_round().key,
                name="Ana López",
                email="ana@example.org",
                text="Not fair.",
                raised_by=ngo.user.key,
                decided_by=judge.key,
            )
        )
    hers = as_user(ngo.user).get("/privacy/data")
    assert hers.headers["content-disposition"] == 'attachment; filename="qiao-my-data.json"'
    taken = hers.json()
    assert taken["account"]["email"] == ngo.user.email
    assert taken["kept"]["membership"][0]["role"] == "editor"
    assert taken["kept"]["objection"][0]["text"] == "Not fair."
    everything = json.dumps(taken)
    assert ngo.user.password_hash not in everything
    assert "token_hash" not in everything

    judged = as_user(judge).get("/api/v1/accounts/me/data").json()
    assert set(judged["kept"]["objection"][0]) == {"as", "uid", "created"}
    assert "ana@example.org" not in json.dumps(judged)


# Erasure ----------------------------------------------------------------------------------------------


def _erase(client: TestClient, user: User, **typed: str) -> Any:
    return client.post("/privacy/erase", data={"email": user.email, "password": PASSWORD, **typed})


def test_erased_person_is_gone_and_what_she_wrote_stays(
    engine: Engine,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    as_user: Any,
    rows: Any,
) -> None:
    ngo = make_party("Spring")
    make_listing(ngo, "Drinking water")
    with writing(engine) as session:
        objection = Objection(
            round_id=make_round().key, name="Li Na", email=ngo.user.email, text="No.", raised_by=ngo.user.key
        )
        session.add(objection)
        session.add(
            Invitation(
                organization_id=ngo.organization.key,
                organization_name="Spring",
                email=ngo.user.email,
                role=Role.VIEWER,
                invited_by=ngo.user.key,
                expires=now(),
            )
        )
    address = ngo.user.email
    client = as_user(ngo.user)
    assert _erase(client, ngo.user).headers["location"] == "/?done=erased"

    kept = rows(select(User).where(User.id == ngo.user.key))[0]
    assert (kept.name, kept.password_hash, kept.status) == (NOBODY, "", UserStatus.CLOSED)
    assert address not in kept.email
    assert kept.erased is not None
    for table in (Membership, SignIn):
        assert rows(select(table).where(table.user_id == ngo.user.key)) == []
    assert rows(select(Invitation)) == []
    after = rows(select(Objection))[0]
    assert (after.text, after.name) == ("No.", NOBODY)
    assert address not in after.email
    assert [one.title for one in rows(select(Listing))] == ["Drinking water"]
    assert client.get("/privacy/mine").status_code == 303, "her session must be over"
    with Session(engine) as session:
        assert list(broken_links(session)) == []


@pytest.mark.parametrize(
    ("typed", "code", "said"),
    [
        ({"password": "something else"}, "password-wrong", "This is not your current password."),
        ({"email": "other@example.org"}, "address-other", "This is not the address of your account."),
    ],
)
def test_nobody_is_erased_by_chance(
    make_user: MakeUser, as_user: Any, rows: Any, typed: dict[str, str], code: str, said: str
) -> None:
    user = make_user()
    asked = {"email": user.email, "password": PASSWORD, **typed}
    assert codes(as_user(user).post("/api/v1/accounts/me/erase", json=asked)) == [code]
    refused = _erase(as_user(user), user, **typed)
    assert refused.status_code == 422
    assert said in words(refused)
    assert rows(select(User.erased)) == [None]


def test_only_owner_must_hand_over_first(
    make_party: MakeParty, make_user: MakeUser, as_user: Any, rows: Any
) -> None:
    owner = make_party("Spring", Role.OWNER)
    editor = make_user(member_of={owner.organization.key: Role.EDITOR})
    refused = _erase(as_user(owner.user), owner.user)
    assert refused.status_code == 409
    assert "You are the only owner of “Spring”" in words(refused)
    asked = {"email": owner.user.email, "password": PASSWORD}
    assert codes(as_user(owner.user).post("/api/v1/accounts/me/erase", json=asked)) == ["last-owner-erased"]
    assert rows(select(User.erased).where(User.id == owner.user.key)) == [None]
    assert _erase(as_user(editor), editor).status_code == 303
    facilitator = make_user("f@example.org", roles=[Role.FACILITATOR])
    assert facilitator.uid
    assert _erase(as_user(owner.user), owner.user).status_code == 303, "nobody is left behind now"


def test_last_administrator_stays(make_user: MakeUser, as_user: Any) -> None:
    user = make_user(roles=[Role.ADMINISTRATOR])
    refused = _erase(as_user(user), user)
    assert refused.status_code == 409
    assert "Nobody else administers this service" in words(refused)


def test_token_cannot_erase_whom_it_belongs_to(make_user: MakeUser, as_user: Any, client: TestClient) -> None:
    user = make_user()
    secret = as_user(user).post("/api/v1/accounts/tokens", json={"name": "Import"}).json()["secret"]
    client.cookies.clear()
    refused = client.post(
        "/api/v1/accounts/me/erase",
        json={"email": user.email, "password": PASSWORD},
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert refused.status_code == 403
    assert refused.json()["title"] == "This can only be done after signing in, not with an API token."


def test_unconfirmed_and_long_closed_accounts_are_forgotten(
    engine: Engine, make_user: MakeUser, jobs: Jobs, rows: Any
) -> None:
    long_ago = now() - UNCONFIRMED_KEPT - timedelta(days=1)
    never = make_user(status=UserStatus.REGISTERED, created=long_ago)
    fresh = make_user(status=UserStatus.REGISTERED)
    closed, gone = make_user(), make_user()
    with writing(engine) as session:
        for user, ago in ((closed, timedelta(days=1)), (gone, CLOSED_KEPT + timedelta(days=1))):
            event = events.record(session, SYSTEM_ACTOR, "user.close", user)
            event.at = now() - ago
            event.hash = event.digest()
            user.status = UserStatus.CLOSED
            session.add(user)
            session.add(event)
            session.flush()
    forget_people(Work(jobs.engine, jobs.settings, jobs.site, ""))
    erased = {user.uid for user in rows(select(User).where(col(User.erased).is_not(None)))}
    assert erased == {never.uid, gone.uid}
    assert fresh.uid not in erased
