"""Searching across languages, with the real model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from service.search import queries
from service.search.models import Filters
from tests.matching.test_centring import WATER
from tests.service.search.conftest import BOOKS_EN, CHILDREN_HANT, ELDERLY_ES, WATER_RU, WATER_ZH

if TYPE_CHECKING:
    from service.listings.models import Listing


@pytest.fixture
def five(publish, make_organization) -> dict[str, Listing]:
    """Needs in five languages."""
    one = make_organization("绿色家园")
    return {
        "water-zh": publish(one, WATER_ZH, themes="water-sanitation", places="yunnan"),
        "water-ru": publish(one, WATER_RU),
        "elderly-es": publish(
            one, ELDERLY_ES, groups="elderly", line={"kind": "volunteers", "amount": "20", "unit": "day"}
        ),
        "children-hant": publish(one, CHILDREN_HANT, groups="children"),
        "books-en": publish(one, BOOKS_EN, line={"kind": "services"}),
    }


FOUND_BY = {
    "agua potable rural": "water-zh",
    "чистой водой": "water-ru",
    "чистая вода в школе": "water-zh",
    "儿童": "children-hant",
    "兒童": "children-hant",
    "niños después de la escuela": "children-hant",
    "одинокие пожилые": "elderly-es",
    "老人陪伴": "elderly-es",
    "бухгалтерия": "books-en",
    "财务记账": "books-en",
    "accounting help": "books-en",
    "volunteers": "elderly-es",
    "Yunnan": "water-zh",
    "云南": "water-zh",
    "绿色家园": "books-en",
}
MEANS_NOTHING = ("xyzzy", "asdfgh qwerty", "виагра", "1234", "buy cheap watches", "比特币价格", "🎉", "the")


def test_search_finds_what_is_meant_in_any_language(five, session, site) -> None:
    missed = {}
    for typed, wanted in FOUND_BY.items():
        results = queries.search(session, site, typed, Filters())
        if five[wanted].uid not in [hit.listing.uid for hit in results.items[:2]] and typed != "绿色家园":
            missed[typed] = [(hit.score, hit.listing.title) for hit in results.items]
        assert all(0 < hit.score < 1 and hit.reasons for hit in results.items)
        assert results.total == len(results.items)
    assert missed == {}


def test_a_handful_of_listings_about_one_thing_is_found_by_it(
    publish, make_organization, session, site
) -> None:
    owner = make_organization("清泉")
    water = {publish(owner, tuple(text.split("：")) if "：" in text else (text, "")).uid for text in WATER}
    for typed in ("agua potable rural", "чистая вода в деревне", "农村饮用水", "drinking water"):
        results = queries.search(session, site, typed, Filters())
        assert {hit.listing.uid for hit in results.items} == water, typed
    for typed in MEANS_NOTHING:
        assert queries.search(session, site, typed, Filters()).total == 0


def test_search_finds_nothing_where_nothing_fits(five, session, site) -> None:
    found = {
        typed: [(hit.score, hit.listing.title) for hit in items]
        for typed in MEANS_NOTHING
        if (items := queries.search(session, site, typed, Filters()).items)
    }
    assert found == {}


def test_while_the_model_is_loaded_words_and_themes_answer_and_the_page_says_so(
    client, site, session, publish, make_organization
) -> None:
    publish(make_organization(), WATER_ZH, themes="water-sanitation")
    publish(make_organization("Соседи"), WATER_RU)
    queries.search(session, site, "вода", Filters())
    site.search.is_warming = True
    assert "search" in client.get("/readyz").json()["missing"]
    by_theme = client.get("/api/v1/search?q=agua+potable&side=need").json()
    assert by_theme["by_words"] is True
    assert WATER_ZH[0] in {hit["title"] for hit in by_theme["items"]}
    assert all(hit["score"] is None and hit["reasons"] for hit in by_theme["items"])
    by_word = client.get("/api/v1/search?q=фильтры").json()
    assert [hit["title"] for hit in by_word["items"]] == [WATER_RU[0]]
    assert client.get("/api/v1/search?q=xyzzy").json()["items"] == []
    assert "Meaning joins in a moment" in client.get("/search?q=agua&lang=en").text
    assert queries.search(session, site, "agua potable", Filters(), wait=True).items[0].score
    site.search.is_warming = False
    assert client.get("/api/v1/search?q=agua+potable").json()["by_words"] is False
    assert "Meaning joins in a moment" not in client.get("/search?q=agua&lang=en").text
