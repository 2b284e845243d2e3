"""The front page and the homes: who sees what, and what waits for whom."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from matching.profiles import Side
from service.db import now, writing
from service.home import queries
from service.listings import actions, requests, threads
from service.listings.models import Listing, ListingStatus
from service.organizations.models import OrganizationStatus
from service.permissions import VISITOR, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.accounts.models import User
    from service.permissions import Actor
    from service.web import Site
    from tests.service.conftest import MakeListing, MakeParty, MakeUser


def codes(home: queries.Home) -> list[str]:
    return [todo.message.code for todo in home.todo]


def test_front_page_counts_only_what_everybody_sees(
    client: TestClient, session: Session, make_party: MakeParty, make_listing: MakeListing
) -> None:
    ngo = make_party("Green Home")
    make_listing(ngo, "Clean water")
    make_listing(ngo, "A draft", publish=False)
    make_listing(ngo, "Advice", Side.OFFER)
    make_party("Waiting", status=OrganizationStatus.REGISTERED)

    assert queries.figures(session, VISITOR) == queries.Figures(needs=1, offers=1, organizations=1)
    html = client.get("/").text
    assert "Clean water" in html
    assert "A draft" not in html


def test_withdrawn_and_expired_needs_are_not_on_the_front_page(
    client: TestClient, engine: Engine, make_party: MakeParty, make_listing: MakeListing
) -> None:
    ngo = make_party("Green Home")
    withdrawn, expired = make_listing(ngo, "Taken back"), make_listing(ngo, "Out of date")
    with writing(engine) as session:
        actions.withdraw(session, ngo.actor, session.get_one(Listing, withdrawn.key), "No longer needed")
        session.get_one(Listing, expired.key).expires = now().date() - timedelta(days=1)

    html = client.get("/").text

    assert "Taken back" not in html
    assert "Out of date" not in html


def test_newcomer_is_told_to_register_an_organization(
    client: TestClient, as_user: Callable[[User], TestClient], make_user: MakeUser
) -> None:
    html = as_user(make_user(name="Wang Fang")).get("/").text
    assert "Welcome, Wang Fang" in html
    assert 'href="/organizations/new"' in html


@pytest.mark.parametrize(
    ("kind", "home"),
    [("ngo", "ngo"), ("association", "ngo"), ("business", "company"), ("government", "company")],
)
def test_home_follows_the_sector(
    session: Session, site: Site, make_party: MakeParty, kind: str, home: str
) -> None:
    assert queries.home(session, site, make_party("One", kind=kind).actor).kind == home


@pytest.mark.usefixtures("database_url")
def test_editor_sees_what_waits_and_a_viewer_does_not(
    session: Session,
    site: Site,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_user: MakeUser,
    actor: Callable[[User], Actor],
) -> None:
    ngo = make_party("Green Home")
    listing = make_listing(ngo, "Clean water")
    make_listing(ngo, "A draft", publish=False)
    viewer = actor(make_user(member_of={ngo.organization.key: Role.VIEWER}))
    asker = actor(make_user())
    stored = session.get_one(Listing, listing.key)
    threads.ask(session, asker, stored, "How many schools?")
    stored.expires = now().date() + timedelta(days=2)
    session.flush()

    assert codes(queries.home(session, site, ngo.actor)) == ["home-question", "home-expires", "home-draft"]
    seen = queries.home(session, site, viewer)
    assert codes(seen) == []
    assert not seen.publishes


def test_unverified_organization_is_told_what_speeds_it_up(
    session: Session, site: Site, make_party: MakeParty
) -> None:
    waiting = make_party("Waiting", status=OrganizationStatus.REGISTERED)
    assert codes(queries.home(session, site, waiting.actor)) == ["home-unverified"]


def test_facilitator_sees_who_waits(
    session: Session, site: Site, make_party: MakeParty, make_user: MakeUser, actor: Callable[[User], Actor]
) -> None:
    make_party("Waiting", status=OrganizationStatus.REGISTERED)
    olga = actor(make_user(roles=[Role.FACILITATOR]))

    home = queries.home(session, site, olga)

    assert home.kind == "facilitator"
    assert codes(home) == ["home-desk"]
    assert queries.figures(session, olga).waiting == 1


def test_received_request_comes_first(
    session: Session, site: Site, make_party: MakeParty, make_listing: MakeListing
) -> None:
    ngo, company = make_party("Green Home"), make_party("Water Works", kind="business")
    listing = session.get_one(Listing, make_listing(ngo, "Clean water").key)
    requests.send_request(session, company.actor, listing, company.organization.uid, "May we help?")

    home = queries.home(session, site, ngo.actor)

    assert codes(home)[0] == "home-request"
    assert home.todo[0].message.params["organization"] == "Water Works"
    assert listing.status is ListingStatus.PUBLISHED
