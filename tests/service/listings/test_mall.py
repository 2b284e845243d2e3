"""The service mall: what organizations do for each other, page by page, to be asked for directly."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from matching.profiles import Side
from tests.service.conftest import words

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient

    from service.accounts.models import User
    from tests.service.conftest import MakeListing, MakeParty

ADVICE = [{"kind": "services", "amount": "3", "unit": "session"}]


def titles(page: str) -> list[str]:
    return re.findall(r'listing-title"[^>]*><a[^>]*>([^<]*)<', page)


def test_mall_shows_services_on_offer_and_nothing_else(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    firm, ngo = make_party("Law Firm", kind="business"), make_party("Green Home")
    make_listing(firm, "Legal advice", Side.OFFER, lines=ADVICE, themes="legal-aid")
    make_listing(ngo, "Bookkeeping for NGOs", Side.OFFER, lines=ADVICE)
    make_listing(firm, "Grants", Side.OFFER)
    make_listing(ngo, "We need advice", lines=ADVICE)
    make_listing(firm, "A draft", Side.OFFER, lines=ADVICE, publish=False)
    assert titles(client.get("/listings/mall").text) == ["Bookkeeping for NGOs", "Legal advice"]
    assert titles(client.get("/listings/mall?q=BOOK").text) == ["Bookkeeping for NGOs"]
    assert titles(client.get("/listings/mall?theme=legal-aid").text) == ["Legal advice"]
    assert titles(client.get("/listings/mall?kind=venue").text) == []


def test_mall_goes_on_where_a_page_ends(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing
) -> None:
    firm = make_party("Law Firm", kind="business")
    for number in range(23):
        make_listing(firm, f"Advice {number:02}", Side.OFFER, lines=ADVICE)
    first = client.get("/listings/mall?q=advice").text
    [more] = re.findall(r'rel="next" href="([^"]+)"', first)
    second = client.get(more.replace("&amp;", "&")).text
    assert titles(first) + titles(second) == [f"Advice {number:02}" for number in reversed(range(23))]
    assert 'rel="next"' not in second


def test_ngo_asks_for_a_service_from_the_mall(
    make_party: MakeParty, make_listing: MakeListing, as_user: Callable[[User], TestClient]
) -> None:
    firm, ngo = make_party("Law Firm", kind="business"), make_party("Green Home")
    advice = make_listing(firm, "Legal advice", Side.OFFER, lines=ADVICE)
    browser = as_user(ngo.user)
    assert "Look and ask" in words(browser.get("/listings/mall?lang=en"))
    sent = browser.post(
        f"/listings/{advice.uid}/requests",
        data={"organization": ngo.organization.uid, "text": "Could you look at our lease?"},
    )
    assert sent.status_code == 303
    received = as_user(firm.user).get("/listings/requests?lang=en")
    assert "Green Home" in words(received)
