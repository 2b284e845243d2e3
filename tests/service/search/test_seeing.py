"""What is not public is found by no path: results, counts, similar, for you, API, pages, pins, digests."""

from __future__ import annotations

from datetime import timedelta
from email import message_from_bytes
from email.policy import default

import pytest
from sqlmodel import col, select

from matching.profiles import Side
from service.db import now
from service.listings import actions as listing_actions
from service.listings.models import Listing, ListingStatus
from service.organizations.models import OrganizationStatus
from service.permissions import SYSTEM_ACTOR, VISITOR, Role
from service.search import actions, queries
from service.search.models import Asked, Digest, Filters, SavedSearch
from tests.service.search.conftest import WATER_RU, WATER_ZH


def _withdraw(session, listing, organization) -> None:
    listing_actions.withdraw(session, SYSTEM_ACTOR, listing, "not needed any more")


def _expire(session, listing, organization) -> None:
    listing.expires = now().date() - timedelta(days=1)
    session.add(listing)


def _expire_by_job(session, listing, organization) -> None:
    _expire(session, listing, organization)
    listing.status = ListingStatus.EXPIRED
    session.add(listing)


def _fulfil(session, listing, organization) -> None:
    listing_actions.fulfil(session, SYSTEM_ACTOR, listing)


def _suspend(session, listing, organization) -> None:
    organization.status = OrganizationStatus.SUSPENDED
    session.add(organization)


def _bar(session, listing, organization) -> None:
    organization.status = OrganizationStatus.BARRED
    organization.barred_until = now().date() + timedelta(days=30)
    session.add(organization)


def _draft(session, listing, organization) -> None:
    listing.status = ListingStatus.DRAFT
    session.add(listing)


HIDDEN = {
    "withdrawn": _withdraw,
    "expired": _expire,
    "expired-by-job": _expire_by_job,
    "fulfilled": _fulfil,
    "suspended": _suspend,
    "barred": _bar,
    "draft": _draft,
}


@pytest.mark.parametrize("how", HIDDEN)
def test_what_is_not_public_is_found_by_no_path(
    how, session, site, client, jobs, make_organization, publish, make_user, sign_in, actor, settings
) -> None:
    giver = make_organization("水务公司", kind="business")
    publish(
        giver,
        ("为乡村学校提供净水设备", "我们向山区学校捐赠饮用水净化设备并负责安装。"),
        side=Side.OFFER,
        themes="water-sanitation",
    )
    shown = make_organization("好邻居")
    other = publish(shown, WATER_RU, themes="water-sanitation")
    owner = make_organization("清泉")
    listing = publish(owner, WATER_ZH, themes="water-sanitation", places="yunnan")
    company = make_user(member_of={giver.key: Role.OWNER})
    user = actor(company)
    insider = actor(make_user(member_of={owner.key: Role.OWNER}))
    staff = actor(make_user(roles=[Role.FACILITATOR]))
    sign_in(client, company)
    actions.pin(session, user, listing.uid)
    kept = actions.save_search(session, user, Asked(q="agua potable rural"), digest=Digest.DAILY)
    kept.last_sent = now() - timedelta(days=2)
    session.add(kept)
    session.commit()
    everything = Filters()

    def uids(found) -> set[str]:
        return {hit.listing.uid for hit in found}

    assert listing.uid in uids(queries.search(session, site, "agua potable", everything).items)
    assert listing.uid in uids(queries.for_you(session, site, user, side=Side.NEED, limit=5))
    assert listing.uid in uids(queries.similar(session, site, other))
    assert listing.uid in client.get("/search/saved").text
    before = queries.search(session, site, "", everything)
    assert dict(before.facets["place"])["yunnan"] == 1

    HIDDEN[how](session, listing, owner)
    session.commit()
    if how not in ("withdrawn", "fulfilled"):
        # changed behind the back of the log of events: what is shown is still confirmed by the database
        assert listing.uid not in uids(queries.search(session, site, "", everything).items)
        queries.index_of(site).forget()
    for who in (VISITOR, user, insider, staff):
        for typed in ("", "agua potable", "清泉"):
            results = queries.search(session, site, typed, everything)
            assert listing.uid not in uids(results.items)
            assert results.total == len(results.items)
            assert "yunnan" not in dict(results.facets["place"])
        assert listing.uid not in uids(queries.similar(session, site, other))
        for side in Side:
            assert listing.uid not in uids(queries.for_you(session, site, who, side=side, limit=9))
    session.commit()
    assert listing.uid not in client.get("/api/v1/search?q=agua potable").text
    assert listing.uid not in client.get("/api/v1/search/for-you?side=need").text
    assert listing.uid not in client.get("/api/v1/search/pins").text
    assert listing.uid not in client.get("/search?q=agua potable").text
    assert listing.uid not in client.get("/search").text
    assert listing.uid not in client.get("/search/saved").text
    session.commit()
    actions.send_digests(_work(jobs))
    jobs.run_all()
    outbox = [
        message_from_bytes(file.read_bytes(), policy=default)
        for file in (settings.data_dir / "outbox").glob("*.eml")
    ]
    mails = "".join(mail.get_content() for mail in outbox if "/search/stop" in mail.get_content())
    assert other.uid in mails
    assert listing.uid not in mails


def _work(jobs):
    from service.jobs import Work

    return Work(jobs.engine, jobs.settings, jobs.site, "job")


def test_a_listing_that_comes_back_is_found_again(session, site, make_organization, publish, jobs) -> None:
    listing = publish(make_organization(), WATER_ZH)
    listing_actions.withdraw(session, SYSTEM_ACTOR, listing, "later")
    session.commit()
    assert queries.search(session, site, "饮用水", Filters()).total == 0
    listing_actions.publish(session, SYSTEM_ACTOR, listing)
    session.commit()
    jobs.run_all()
    assert queries.search(session, site, "饮用水", Filters()).total == 1


def test_an_edited_listing_is_found_by_its_new_words(session, site, make_organization, publish, jobs) -> None:
    from service.listings.reading import Draft

    listing = publish(make_organization(), WATER_ZH)
    draft = Draft(Side.NEED, {"title": "财务记账服务", "text": "需要会计每月帮我们记账报税。"}, None, "en")
    listing_actions.change(session, SYSTEM_ACTOR, listing, draft)
    session.commit()
    jobs.run_all()
    assert queries.search(session, site, "бухгалтерия", Filters()).total == 1
    assert queries.search(session, site, "agua potable", Filters()).total == 0


def test_a_listing_is_browsed_before_its_vector_is_there(session, site, make_organization, publish) -> None:
    listing = publish(make_organization(), WATER_ZH, embed=False)
    found = queries.search(session, site, "", Filters(side=Side.NEED))
    assert [hit.listing.uid for hit in found.items] == [listing.uid]
    assert found.items[0].score is None


def test_another_process_catches_up(session, site, settings, make_organization, publish) -> None:
    from service.db import make_engine
    from service.search.index import SearchIndex

    elsewhere = SearchIndex(make_engine(settings.database_url))
    assert len(elsewhere.current()) == 0
    publish(make_organization(), WATER_ZH)
    assert len(elsewhere.current()) == 1
    assert elsewhere.current().vectors[False].any()


def test_saved_searches_are_ones_own(session, site, make_user, actor) -> None:
    mine, other = actor(make_user()), actor(make_user(roles=[Role.ADMINISTRATOR]))
    kept = actions.save_search(session, mine, Asked(q="agua"))
    session.commit()
    assert queries.saved(session, mine) == [kept]
    assert queries.saved(session, other) == []
    assert session.exec(select(SavedSearch).where(col(SavedSearch.uid) == kept.uid)).one()
    assert session.exec(select(Listing)).all() == []
