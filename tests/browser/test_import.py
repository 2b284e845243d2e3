"""A spreadsheet of bad rows is mended on screen; an edited export changes what is there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from matching.profiles import Side
from service.listings.models import ListingStatus
from service.permissions import Role
from tests.browser.test_accessibility import DESKTOP, PHONE, examine
from tests.service.listings.test_import import CHINESE

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.house import House


def choose(page: Page, name: str, content: bytes, side: str) -> None:
    """Upload a file on the page of imports; the preview opens."""
    page.set_input_files("#field-file", {"name": name, "mimeType": "text/csv", "buffer": content})
    page.select_option("#field-side", side)
    page.locator('form[action="/listings/import"] button[type="submit"]').click()
    page.wait_for_url(re.compile("/listings/import/[0-9a-f]{32}"))


def figures(page: Page) -> list[str]:
    """The numbers on top: can be taken, to mend, in the file; or what came of it."""
    return page.locator(".figure-number").all_inner_texts()


def take(page: Page) -> None:
    """Take what can be read, published at once, and wait for the end."""
    page.check("#field-publish")
    page.click('button[name="do"][value="apply"]')
    page.locator('a[href="/listings/mine"].btn').wait_for()


@pytest.mark.parametrize(("language", "width"), [("zh-Hans", 390), ("es", 1280)])
def test_three_bad_rows_of_a_gb18030_file_are_mended_on_screen(
    open_page: Callable[..., Page], house: House, language: str, width: int
) -> None:
    ngo = house.organization(f"绿色家园{width}", "ngo", "zh-Hans")
    key = house.person(f"bringer-{width}@example.org", language=language, **{ngo: Role.EDITOR})
    page = open_page("/listings/import", language=language, width=width, key=key)
    rows = CHINESE.replace("农村饮用水", f"农村饮用水{width}").encode("gb18030")
    choose(page, "需求.csv", rows, "need")
    assert figures(page) == ["2", "3", "5"]

    wrong = page.locator('input[name^="cell:"]')
    assert [box.input_value() for box in wrong.all()] == ["很多钱", "教书育人", ""]
    for box, value in zip(wrong.all(), ("3万元", "教育", "暑期支教"), strict=True):
        reason = page.locator(f'[id="{box.get_attribute("aria-describedby")}"]')
        assert reason.inner_text().strip()
        box.fill(value)
    page.click('button[name="do"][value="mend"]')
    page.locator("[data-done]").wait_for()
    assert figures(page) == ["5", "0", "5"]

    take(page)
    assert figures(page)[0] == "5"
    made = house.find(f"农村饮用水{width}")
    assert made is not None
    assert (made.status, made.budget) == (ListingStatus.PUBLISHED, 28_000_000)
    listed = page.locator(f'a[href="/listings/{made.uid}"]')
    assert listed.get_attribute("lang") == "zh-Hans"


@pytest.mark.parametrize("width", [390, 1280])
def test_edited_export_says_what_it_changes_before_it_does(
    open_page: Callable[..., Page], house: House, width: int
) -> None:
    ngo = house.organization(f"Sunrise Centre {width}", "ngo", "en")
    line = {"kind": "money", "amount": 500_000, "unit": "CNY"}
    kept = house.listing(ngo, Side.NEED, f"Lunches {width}", "For forty people.", "en", lines=[line])
    key = house.person(f"exporter-{width}@example.org", **{ngo: Role.EDITOR})
    page = open_page("/listings/import", width=width, key=key)
    sheet = (
        f"id,title,kind,amount,unit\n{kept},Warm lunches {width},money,5000,CNY\n,Trips {width},money,9,CNY\n"
    )
    choose(page, "needs.csv", sheet.encode(), "need")
    states = page.locator(".table-cards .status").all_inner_texts()
    assert states == ["Changes", "New"]
    assert examine(page, ((PHONE, "dark"), (DESKTOP, "light"))) == []
    page.set_viewport_size({"width": width, "height": 844})
    take(page)
    assert house.find(f"Lunches {width}") is None
    changed = house.find(f"Warm lunches {width}")
    assert changed is not None
    assert (changed.uid, changed.text) == (kept, "For forty people.")
