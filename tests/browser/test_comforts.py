"""What scripts add to pages that work without them: searching as one types, keeping what is typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from matching.profiles import Side
from service.permissions import Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.house import House

TITLE = "Lesehilfe für Kinder 7391"


@pytest.fixture(scope="module")
def editor(house: House) -> str:
    """The key of an editor whose organization has one open need."""
    organization = house.organization("Reading Friends", "ngo", "en")
    house.listing(organization, Side.NEED, TITLE, "Books and readers.", "en", themes=["education"])
    house.wait_for_jobs()
    return house.person("reading@example.org", **{organization: Role.EDITOR})


def test_results_follow_what_is_typed_and_filters_stay_open(
    open_page: Callable[..., Page], editor: str
) -> None:
    page = open_page("/search?side=need", key=editor)
    assert page.locator("details[data-filters]").get_attribute("open") is not None
    page.locator('#search-form input[name="q"]').press_sequentially("7391", delay=30)
    page.wait_for_url(re.compile("q=7391"))
    page.locator("q", has_text="7391").wait_for()
    assert page.locator("article", has_text=TITLE).count() == 1
    assert page.locator("details[data-filters]").get_attribute("open") is not None


def test_what_is_typed_is_kept_before_it_is_saved(
    open_page: Callable[..., Page], house: House, editor: str
) -> None:
    listing = house.find(TITLE)
    assert listing is not None
    page = open_page(f"/listings/{listing.uid}/edit?step=1", key=editor)
    page.locator("#field-text").fill("Half a sentence about")
    state = page.locator("[data-autosave-state]")
    page.wait_for_function("state => state.textContent === state.dataset.saved", arg=state.element_handle())

    page.goto(f"/listings/{listing.uid}/edit?step=1")

    assert page.locator("#field-text").input_value() == "Half a sentence about"
    kept = house.find(TITLE)
    assert kept is not None
    assert kept.text == "Books and readers."


def test_typed_characters_are_counted(open_page: Callable[..., Page]) -> None:
    page = open_page("/accounts/sign-up")
    page.locator("#field-name").fill("四个汉字")
    assert page.locator('[data-limit-for="field-name"]').inner_text().endswith("(4)")
