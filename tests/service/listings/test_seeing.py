"""Who sees a listing: everybody the open ones of organizations that may act, members their own, staff all."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlmodel import Session, col

from matching.profiles import Side
from service.db import writing
from service.listings import actions, queries
from service.listings.models import Listing, ListingStatus
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import VISITOR, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import MakeListing, MakeParty, MakeUser, Party

    AsUser = Callable[[User], TestClient]
    Rows = Callable[[Any], list[Any]]


def hide(engine: Engine, party: Party, listing: Listing, how: str) -> None:
    """Bring a published listing into one of the states in which others must not see it."""
    with writing(engine) as session:
        kept = queries.get(session, party.actor, listing.uid)
        match how:
            case "withdrawn":
                actions.withdraw(session, party.actor, kept, "no longer needed")
            case "fulfilled":
                actions.fulfil(session, party.actor, kept)
            case "past its day":
                kept.expires = queries.today() - timedelta(days=1)
                session.add(kept)
            case "expired":
                kept.status, kept.expires = ListingStatus.EXPIRED, queries.today() - timedelta(days=1)
                session.add(kept)
            case "draft":
                kept.status = ListingStatus.DRAFT
                session.add(kept)
            case "suspended" | "barred":
                organization = session.get_one(Organization, kept.organization_id)
                organization.status = OrganizationStatus(how)
                if how == "barred":
                    organization.barred_until = queries.today()
                session.add(organization)


HIDDEN = ["withdrawn", "fulfilled", "past its day", "expired", "draft", "suspended", "barred"]


@pytest.mark.parametrize("how", HIDDEN)
def test_what_is_hidden_is_seen_by_no_path(
    engine: Engine,
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_user: MakeUser,
    as_user: AsUser,
    how: str,
) -> None:
    party = make_party()
    listing = make_listing(
        party, "Hidden words", Side.OFFER, lines=[{"kind": "services", "amount": "1 project"}]
    )
    shown = client.get("/listings/mall")
    assert "Hidden words" in shown.text
    hide(engine, party, listing, how)
    stranger, staff = make_user(), make_user(roles=[Role.FACILITATOR])
    for user in (None, stranger):
        if user is not None:
            as_user(user)
        for path in (
            f"/listings/{listing.uid}",
            f"/listings/{listing.uid}/edit",
            f"/api/v1/listings/{listing.uid}",
            f"/api/v1/listings/{listing.uid}/questions",
        ):
            answer = client.get(path)
            assert answer.status_code in (303, 404), path
            assert "Hidden words" not in answer.text
        for path in ("/listings/mall", "/api/v1/listings", f"/organizations/{party.organization.uid}"):
            assert "Hidden words" not in client.get(path).text, path
        for path in ("questions", "requests", "publish", "renew", "copy", "withdraw", "fulfil"):
            answer = client.post(f"/listings/{listing.uid}/{path}", data={"reason": "x", "question": "x"})
            assert answer.status_code in (303, 404), path
            if answer.status_code == 303:
                assert "sign-in" in answer.headers["location"]
    with Session(engine) as session:
        assert queries.published_ids(session) == {}
        assert queries.listed(session, VISITOR).items == []
    for user in (party.user, staff):
        as_user(user)
        assert client.get(f"/listings/{listing.uid}").status_code == 200
        assert client.get(f"/api/v1/listings/{listing.uid}").json()["title"] == "Hidden words"


def test_bar_that_is_over_shows_listings_again(
    engine: Engine, client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    party = make_party()
    listing = make_listing(party)
    with writing(engine) as session:
        session.execute(
            update(Organization).values(
                status=OrganizationStatus.BARRED, barred_until=queries.today() - timedelta(days=1)
            )
        )
    assert client.get(f"/listings/{listing.uid}").status_code == 200


def test_listing_without_a_last_day_in_the_table_stays_open(
    engine: Engine, client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    listing = make_listing(make_party())
    with writing(engine) as session:
        session.execute(update(Listing).where(col(Listing.uid) == listing.uid).values(expires=None))
    assert client.get(f"/listings/{listing.uid}").status_code == 200


def test_expiry_is_recorded_by_the_job_and_told_with_a_link_that_renews(
    engine: Engine,
    client: TestClient,
    make_party: MakeParty,
    make_listing: MakeListing,
    jobs: Jobs,
    rows: Rows,
) -> None:
    from sqlmodel import select

    from service.jobs import Job

    party = make_party()
    listing = make_listing(party)
    hide(engine, party, listing, "past its day")
    actions.expire_due(_work(jobs))
    actions.expire_due(_work(jobs))
    [kept] = rows(select(Listing))
    assert kept.status is ListingStatus.EXPIRED
    mails = [job.payload for job in rows(select(Job).where(Job.name == "send_mail"))]
    assert [(mail["template"], mail["to"]) for mail in mails] == [("listing-expired", party.user.email)]
    key = mails[0]["values"]["key"]
    link = f"/listings/{listing.uid}/renew"
    assert client.get(f"{link}?key={key[:-1]}x").status_code == 409
    assert client.get(f"{link}?key={key}").status_code == 200
    assert rows(select(Listing))[0].status is ListingStatus.EXPIRED, "a look at the link changes nothing"
    assert client.post(link, data={"key": key}).status_code == 200
    [kept] = rows(select(Listing))
    assert kept.status is ListingStatus.PUBLISHED
    assert kept.expires == queries.today() + timedelta(days=90)
    assert client.post(link, data={"key": key}).status_code == 409
    assert client.get(f"/listings/{listing.uid}").status_code == 200


def test_reminder_comes_once_before_each_expiry(
    engine: Engine, make_party: MakeParty, make_listing: MakeListing, jobs: Jobs, rows: Rows, as_user: AsUser
) -> None:
    from sqlmodel import select

    from service.jobs import Job

    party = make_party()
    listing = make_listing(party)
    actions.remind_expiring(_work(jobs))
    assert rows(select(Job).where(Job.name == "send_mail")) == [], "90 days are far away"
    with writing(engine) as session:
        session.execute(update(Listing).values(expires=queries.today() + timedelta(days=6)))
    actions.remind_expiring(_work(jobs))
    actions.remind_expiring(_work(jobs))
    assert len(rows(select(Job).where(Job.name == "send_mail"))) == 1
    assert as_user(party.user).post(f"/listings/{listing.uid}/renew").status_code == 303
    with writing(engine) as session:
        session.execute(update(Listing).values(expires=queries.today() + timedelta(days=5)))
    actions.remind_expiring(_work(jobs))
    assert len(rows(select(Job).where(Job.name == "send_mail"))) == 2
    jobs.run_all()
    assert len(list((jobs.settings.data_dir / "outbox").iterdir())) == 2


def _work(jobs: Jobs) -> Any:
    from service.jobs import Work

    return Work(jobs.engine, jobs.settings, jobs.site, "none")


def test_withdrawing_needs_a_reason_and_a_facilitators_is_told(
    make_party: MakeParty, make_listing: MakeListing, make_user: MakeUser, as_user: AsUser, rows: Rows
) -> None:
    from sqlmodel import select

    from service.jobs import Job

    party = make_party()
    listing = make_listing(party)
    browser = as_user(make_user(roles=[Role.FACILITATOR]))
    assert browser.post(f"/listings/{listing.uid}/withdraw", data={"reason": " "}).status_code == 422
    browser.post(f"/listings/{listing.uid}/withdraw", data={"reason": "It is a double."})
    assert rows(select(Listing))[0].status is ListingStatus.WITHDRAWN
    [mail] = rows(select(Job).where(Job.name == "send_mail"))
    assert (mail.payload["template"], mail.payload["values"]["reason"]) == (
        "listing-withdrawn",
        "It is a double.",
    )


def test_government_purchase_wears_its_badge(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    bureau = make_party("Civil Affairs Bureau", kind="government")
    lines = [{"kind": "services", "amount": "1 project"}, {"kind": "money", "amount": "200000 CNY"}]
    bought = make_listing(bureau, "Home care for 200 elders", lines=lines)
    plain = make_listing(make_party(), "Home care", lines=lines)
    assert "Public purchase of services" in client.get(f"/listings/{bought.uid}?lang=en").text
    assert "Public purchase of services" not in client.get(f"/listings/{plain.uid}?lang=en").text


def test_mall_filters_by_kind_theme_and_words(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    party = make_party("Helpers")
    make_listing(party, "Bookkeeping", Side.OFFER, lines=[{"kind": "services"}], themes="nonprofit-capacity")
    make_listing(party, "A hall", Side.OFFER, lines=[{"kind": "venue"}])
    make_listing(party, "Money", Side.OFFER, lines=[{"kind": "money", "amount": "5000 EUR"}])
    make_listing(party, "Looking for bookkeeping", lines=[{"kind": "services"}])

    def found(query: str) -> set[str]:
        page = client.get(f"/listings/mall?{query}").text
        return {title for title in ("Bookkeeping", "A hall", "Money", "Looking for") if f">{title}" in page}

    assert found("") == {"Bookkeeping", "A hall"}
    assert found("kind=venue") == {"A hall"}
    assert found("theme=nonprofit-capacity") == {"Bookkeeping"}
    assert found("q=BOOKKEEP") == {"Bookkeeping"}


@pytest.mark.parametrize("language", ["zh-Hans", "zh-Hant", "en", "ru", "es"])
def test_pages_answer_in_every_language(
    make_party: MakeParty, make_listing: MakeListing, as_user: AsUser, language: str
) -> None:
    party = make_party()
    listing = make_listing(party)
    browser = as_user(party.user)
    paths = ["mine", "mall", "new", "requests", "import", "import/template.xlsx", listing.uid]
    paths += [f"{listing.uid}/edit?step={step}" for step in (1, 2, 3, 4)]
    for path in paths:
        answer = browser.get(f"/listings/{path}{'&' if '?' in path else '?'}lang={language}")
        assert answer.status_code == 200, path
        if "xlsx" not in path:
            assert f'<html lang="{language}"' in answer.text
