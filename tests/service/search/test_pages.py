"""Pages and endpoints of searching: as one types, filters, saving, pins, digests."""

from __future__ import annotations

import re
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING

import pytest

from matching.profiles import Side
from service.db import now
from service.listings.models import ListingStatus
from service.permissions import Role
from service.search import actions, queries
from service.search.models import Digest
from tests.service.search.conftest import CHILDREN_HANT, ELDERLY_ES, WATER_RU, WATER_ZH

if TYPE_CHECKING:
    from service.settings import Settings


@pytest.fixture
def water(publish, make_organization):
    return publish(make_organization(), WATER_ZH, themes="water-sanitation", places="yunnan")


def test_spanish_search_finds_chinese_need_with_spanish_reasons(client, water) -> None:
    answer = client.get(
        "/api/v1/search?q=agua+potable+rural&side=need&limit=5", headers={"Accept-Language": "es"}
    )
    assert answer.status_code == 200
    assert answer.headers["content-language"] == "es"
    found = answer.json()
    assert set(found) == {"items", "next", "total", "facets", "currency", "by_words"}
    (item,) = found["items"]
    assert set(item) == {"id", "title", "language", "score", "reasons"}
    assert (item["id"], item["title"], item["language"]) == (water.uid, WATER_ZH[0], "zh-Hans")
    assert 0.5 < item["score"] < 1
    assert any("Agua" in reason for reason in item["reasons"])
    assert found["facets"]["theme"] == [{"code": "water-sanitation", "count": 1}]
    page = client.get("/search?q=agua+potable+rural&side=need&lang=es").text
    assert f'lang="zh-Hans"><a href="/listings/{water.uid}">{WATER_ZH[0]}' in page
    assert 'lang="es"' in page


def test_offers_are_not_needs(client, water) -> None:
    assert client.get("/api/v1/search?q=agua&side=offer").json()["items"] == []


@pytest.mark.usefixtures("database_url")
def test_filters_narrow_and_their_counts_say_what_they_would_leave(
    client, publish, make_organization, water
) -> None:
    company = make_organization("Empresa", kind="business")
    elderly = publish(
        company,
        ELDERLY_ES,
        groups="elderly",
        themes="elderly-care",
        line={"kind": "money", "amount": "500 EUR"},
    )
    other = publish(make_organization("童"), CHILDREN_HANT, groups="children", themes="child-welfare")

    def ids(query: str) -> set[str]:
        return {item["id"] for item in client.get(f"/api/v1/search?{query}").json()["items"]}

    assert ids("theme=elderly-care") == {elderly.uid}
    assert ids("theme=elderly-care&theme=child-welfare") == {elderly.uid, other.uid}
    assert ids("place=cn") == {water.uid}
    assert ids("group=children") == {other.uid}
    assert ids("language=es") == {elderly.uid}
    assert ids("organization_kind=business") == {elderly.uid}
    assert ids("currency=EUR") == {elderly.uid}
    assert ids("amount_from=1000&amount_to=300000&currency=CNY") == {water.uid, other.uid}
    assert ids("deadline=7") == set()
    assert ids("deadline=90") == {water.uid, elderly.uid, other.uid}
    facets = client.get("/api/v1/search?theme=elderly-care").json()["facets"]
    assert {one["code"]: one["count"] for one in facets["theme"]} == {
        "water-sanitation": 1,
        "elderly-care": 1,
        "child-welfare": 1,
    }
    assert facets["group"] == [{"code": "elderly", "count": 1}]
    page = client.get("/search?theme=elderly-care&deadline=90").text
    assert 'href="/search?deadline=90"' in page  # the chip that takes the theme away
    assert other.uid not in page


def test_a_card_shows_at_once_what_has_changed(client, session, publish, make_organization) -> None:
    organization = make_organization("绿色家园")
    listing = publish(organization, WATER_ZH, themes="water-sanitation", places="yunnan")
    seen = [client.get("/search?side=need&lang=en").text for _ in range(2)]
    assert "山区小学净水设备" in seen[1]
    assert "绿色家园" in seen[1]
    assert "280,000" in seen[1]
    listing.title, listing.themes = "新标题", ["education"]
    listing.lines = [{**listing.lines[0], "amount": 350_000_00}]
    organization.name = "蓝天之家"
    session.add_all([listing, organization])
    session.commit()
    page = client.get("/search?side=need&lang=en").text
    for old, new in (
        ("山区小学净水设备", "新标题"),
        ("绿色家园", "蓝天之家"),
        ("280,000", "350,000"),
        ("Water and sanitation</span>", "Education</span>"),
    ):
        assert new in page.split('id="result-count"')[1]
        assert old not in page.split('id="result-count"')[1]
    assert "Look closer" in page
    assert "Look closer" not in client.get("/search?side=need&lang=ru").text
    listing.status = ListingStatus.WITHDRAWN
    session.add(listing)
    session.commit()
    assert "新标题" not in client.get("/search?side=need&lang=en").text


def test_sorting_and_paging_show_everything_once(client, publish, make_organization) -> None:
    owner = make_organization()
    made = [
        publish(
            owner,
            (f"需求 {number}", ""),
            embed=False,
            line={"kind": "money", "amount": f"{number}000 CNY"},
            expires=str(now().date() + timedelta(days=50 - number)),
        )
        for number in range(1, 8)
    ]
    for sort, expected in (("newest", made[::-1]), ("amount", made[::-1]), ("deadline", made[::-1])):
        seen, cursor = [], ""
        while True:
            answer = client.get(f"/api/v1/search?sort={sort}&limit=3&cursor={cursor}").json()
            assert answer["total"] == 7
            seen += [item["id"] for item in answer["items"]]
            cursor = answer["next"]
            if cursor is None:
                break
        assert seen == [one.uid for one in expected], sort


@pytest.fixture
def sums(publish, make_organization):
    """Needs of 900 and 5,000 CNY, 3,000,000 RUB, 40 EUR, and one that states no sum, by those words."""
    owner = make_organization()

    def need(amount: str):
        line = (
            {"kind": "money", "amount": amount}
            if amount
            else {"kind": "volunteers", "amount": "3", "unit": "day"}
        )
        return publish(owner, (f"需求 {amount}", ""), embed=False, line=line)

    return {amount: need(amount) for amount in ("900 CNY", "3000000 RUB", "", "40 EUR", "5000 CNY")}


def test_sums_are_sorted_within_their_currency_and_the_page_says_so(client, sums) -> None:
    found = client.get("/api/v1/search?sort=amount").json()["items"]
    titles = {one.uid: amount for amount, one in sums.items()}
    assert [titles[item["id"]] for item in found][:2] == ["5000 CNY", "900 CNY"]
    assert {titles[item["id"]] for item in found[2:4]} == {"3000000 RUB", "40 EUR"}
    assert titles[found[4]["id"]] == ""
    page = client.get("/search?sort=amount").text
    assert "Sums are not converted" in page
    places = [
        page.index(f"<h2>{words}</h2>")
        for words in ("Chinese yuan", "euro", "Russian rouble", "No sum stated")
    ]
    assert places[0] < min(places[1:3])
    assert max(places[1:3]) < places[3]
    assert "Sums are not converted" not in client.get("/search").text


def test_a_filter_by_amount_compares_one_currency_and_names_it(client, sums) -> None:
    def asked(query: str) -> tuple[set[str], str | None]:
        answer = client.get(f"/api/v1/search?{query}").json()
        return {item["id"] for item in answer["items"]}, answer["currency"]

    assert asked("amount_from=30") == ({sums["900 CNY"].uid, sums["5000 CNY"].uid}, "CNY")
    assert asked("amount_to=1000") == ({sums["900 CNY"].uid}, "CNY")
    assert asked("amount_from=30&currency=EUR") == ({sums["40 EUR"].uid}, None)
    assert asked("amount_from=1000000&currency=RUB") == ({sums["3000000 RUB"].uid}, None)
    assert asked("")[1] is None
    page = client.get("/search?amount_from=30").text
    assert "Only sums in this currency were compared, since most results have it: Chinese yuan." in page
    assert "Only sums in this currency" not in client.get("/search?amount_from=30&currency=EUR").text


def test_an_organization_is_found_by_words_of_its_names_in_any_script(
    client, publish, make_organization, make_user, sign_in
) -> None:
    green = publish(make_organization("绿色家园环保中心", other_names=["Green Home"]), WATER_ZH)
    city = publish(make_organization("НКО «Зелёный город»"), WATER_RU)

    def ids(name: str) -> set[str]:
        return {
            item["id"] for item in client.get("/api/v1/search", params={"organization": name}).json()["items"]
        }

    assert ids("綠色家園") == ids("green HOME") == {green.uid}
    assert ids("зеленый город") == {city.uid}
    assert ids("Nobody") == set()
    assert ids("") == ids("«»") == {green.uid, city.uid}
    facets = client.get("/api/v1/search?organization=green").json()["facets"]
    assert {(one["code"], one["count"]) for one in facets["organization"]} == {
        ("绿色家园环保中心", 1),
        ("НКО «Зелёный город»", 1),
    }
    assert facets["language"] == [{"code": "zh-Hans", "count": 1}]
    page = client.get("/search", params={"organization": "綠色家園"}).text
    assert green.title in page
    assert city.title not in page
    assert '<option value="НКО «Зелёный город»">' in page
    assert "Organization: 綠色家園" in " ".join(re.sub("<[^>]*>", " ", page).split())
    sign_in(client, make_user())
    client.post("/search/saved", data={"organization": "綠色家園", "digest": "never"})
    assert client.get("/api/v1/search/saved").json()[0]["query"]["organization"] == "綠色家園"


@pytest.mark.parametrize(
    "query",
    [
        "theme=nonsense",
        "organization=" + "x" * 201,
        "cursor=???",
        "limit=0",
        "side=both",
        "amount_from=-1",
        "currency=XXX",
        "amount_to=nan",
        "q=" + "x" * 301,
    ],
)
def test_what_makes_no_sense_is_refused_by_the_api_and_left_out_on_the_page(client, water, query) -> None:
    answer = client.get(f"/api/v1/search?{query}", headers={"Accept-Language": "es"})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]
    assert client.get(f"/search?{query}").status_code == 200


def test_the_page_says_what_to_do_where_nothing_fits(client, water) -> None:
    assert "Names of themes and places work too" in client.get("/search?q=xyzzy").text
    assert "Take some of the filters away" in client.get("/search?theme=sports").text
    strange = client.get("/search?q=" + "%3Cscript%3Ealert(1)%3C/script%3E%E2%80%AE%F0%A0%AE%B7%F0%9F%8E%89")
    assert strange.status_code == 200
    assert "<script>alert" not in strange.text


@pytest.mark.usefixtures("database_url")
def test_searches_are_saved_changed_deleted_and_brought_back(client, make_user, sign_in, water) -> None:
    assert client.get("/search/saved").status_code == 303
    sign_in(client, make_user())
    data = {"q": "agua potable", "side": "need", "theme": ["water-sanitation"], "digest": "daily"}
    assert client.post("/search/saved", data=data).status_code == 303
    (kept,) = client.get("/api/v1/search/saved").json()
    assert (kept["name"], kept["digest"], kept["query"]["theme"]) == (
        "agua potable",
        "daily",
        ["water-sanitation"],
    )
    assert client.post(f"/search/saved/{kept['id']}", data={"digest": "never"}).status_code == 303
    assert client.get(f"/api/v1/search/saved/{kept['id']}").json()["digest"] == "never"
    page = client.get("/search/saved").text
    assert "agua potable" in page
    gone = client.post(f"/search/saved/{kept['id']}/delete")
    assert gone.status_code == 303
    notice = client.get(gone.headers["location"]).text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', notice))
    assert fields["q"] == "agua potable"
    assert client.post("/search/saved", data=fields).status_code == 303
    (again,) = client.get("/api/v1/search/saved").json()
    assert (again["name"], again["digest"], again["query"]) == ("agua potable", "never", kept["query"])


def test_pins_come_and_go(client, make_user, sign_in, water, publish, make_organization) -> None:
    assert client.put(f"/api/v1/search/pins/{water.uid}").status_code == 401
    sign_in(client, make_user())
    answer = client.post(f"/search/pins/{water.uid}", data={"back": "/search?q=agua"})
    assert answer.headers["location"] == "/search?q=agua&done=pinned"
    assert client.put(f"/api/v1/search/pins/{water.uid}").status_code == 204  # twice is once
    assert [one["id"] for one in client.get("/api/v1/search/pins").json()] == [water.uid]
    assert f"/search/pins/{water.uid}/remove" in client.get("/search?q=agua potable").text
    away = client.post(f"/search/pins/{water.uid}/remove", data={"back": "https://example.org"})
    assert away.headers["location"] == "/search/saved?done=unpinned"
    assert client.get("/api/v1/search/pins").json() == []
    assert client.put("/api/v1/search/pins/nothing").status_code == 404


def test_listing_page_has_a_pin_and_similar_listings(
    client, water, publish, make_organization, make_user, sign_in
) -> None:
    other = publish(make_organization("Родник"), WATER_RU, themes="water-sanitation")
    sign_in(client, make_user())
    page = client.get(f"/listings/{water.uid}").text
    assert f"/search/pins/{water.uid}" in page
    assert f"/listings/{other.uid}" in page


def _mails(settings: Settings) -> list:
    found = [
        message_from_bytes(f.read_bytes(), policy=default)
        for f in (settings.data_dir / "outbox").glob("*.eml")
    ]
    return [mail for mail in found if "/search/stop" in mail.get_content()]


@pytest.mark.usefixtures("database_url")
def test_digest_tells_only_what_is_new_and_can_be_stopped(
    client, session, settings, jobs, publish, make_organization, make_user, actor, water, site
) -> None:
    from service.jobs import Work

    work = Work(jobs.engine, jobs.settings, site, "digest")
    person = make_user("ana@example.org", language="es")
    asked = queries.asked_of
    kept = actions.save_search(
        session,
        actor(person),
        actions.Asked(q="agua potable", side=Side.NEED),
        digest=Digest.DAILY,
        shown=[water.uid],
    )
    session.commit()

    def a_day_passes() -> None:
        session.refresh(kept)
        kept.last_sent = now() - timedelta(days=1)
        session.add(kept)
        session.commit()
        actions.send_digests(work)
        jobs.run_all()
        session.refresh(kept)
        session.commit()

    a_day_passes()
    assert _mails(settings) == []  # what was there at saving is not new
    assert now() - kept.last_sent < timedelta(minutes=1)
    new = publish(make_organization("Родник"), WATER_RU)
    actions.send_digests(work)
    jobs.run_all()
    assert _mails(settings) == []  # not yet time
    a_day_passes()
    (mail,) = _mails(settings)
    assert mail["To"] == "ana@example.org"
    assert mail["Content-Language"] == "es"
    text = mail.get_content()
    assert new.uid in text
    assert water.uid not in text
    a_day_passes()
    assert len(_mails(settings)) == 1  # nothing is told twice
    assert asked(kept).q == "agua potable"
    key = re.search(r"/search/stop\?key=(\S+)", text).group(1)
    assert client.get(f"/search/stop?key={key}").status_code == 200
    session.refresh(kept)
    assert kept.digest == Digest.DAILY  # looking at the link stops nothing
    session.commit()
    assert client.post("/search/stop", data={"key": key}).status_code == 200
    session.refresh(kept)
    assert kept.digest == Digest.NEVER
    assert client.get("/search/stop?key=forged").status_code == 409


def test_suggestions_meet_in_kind_and_respect_strings(
    client, session, site, publish, make_organization, make_user, actor, sign_in, water
) -> None:
    giver = make_organization("Fondo", kind="business")
    user = make_user(member_of={giver.key: Role.EDITOR})
    assert queries.for_you(session, site, actor(user), side=Side.NEED) == []
    session.commit()
    publish(
        giver,
        ("净水设备捐赠", "向山区学校提供饮用水净化设备。"),
        side=Side.OFFER,
        themes="water-sanitation",
        line={"kind": "venue"},
    )
    assert queries.for_you(session, site, actor(user), side=Side.NEED) == []  # a venue meets no money
    session.commit()
    publish(
        giver,
        ("饮用水资助", "资助山区学校饮用水项目。"),
        side=Side.OFFER,
        themes="water-sanitation",
        only_places="ru",
    )
    assert queries.for_you(session, site, actor(user), side=Side.NEED) == []  # only in Russia
    session.commit()
    publish(giver, ("饮用水资助", "资助山区学校饮用水项目。"), side=Side.OFFER, themes="water-sanitation")
    (hit,) = queries.for_you(session, site, actor(user), side=Side.NEED)
    assert hit.listing.uid == water.uid
    assert hit.reasons[0].code == "same-theme"
    session.commit()
    sign_in(client, user)
    assert [one["id"] for one in client.get("/api/v1/search/for-you?side=need").json()] == [water.uid]
