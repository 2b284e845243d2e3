"""The way from a newcomer's first click to a need that a company finds in another language."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from matching.profiles import Side
from matching.text import LANGUAGES
from service.listings.models import ListingStatus
from service.permissions import Role
from tests.house import PASSWORD, House

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

NEEDS = {
    "zh-Hans": ("乡村学校饮用水净化", "为山区村小安装净水器，让孩子们喝上安全的饮用水。"),
    "zh-Hant": ("鄉村學校飲用水淨化", "為山區村小安裝淨水器，讓孩子們喝上安全的飲用水。"),
    "en": ("Clean drinking water for village schools", "Water filters for six schools in the hills."),
    "ru": ("Чистая питьевая вода для сельских школ", "Фильтры для воды в шести сельских школах."),
    "es": ("Agua potable para escuelas rurales", "Filtros de agua para seis escuelas de la sierra."),
}
OTHERS = {
    "en": ("Choir for a home for the elderly", "Legal advice for tenants", "Trees along the high street"),
    "ru": ("Кружок робототехники для подростков", "Приют для бездомных животных", "Ремонт детской площадки"),
    "es": ("Becas para jóvenes músicos", "Comedor social de invierno", "Huerto urbano del barrio"),
    "zh-Hans": ("社区长者食堂", "残障人士就业培训", "图书馆夜间开放志愿者"),
}
"""What else a house holds: searching tells things apart by how they differ from the rest."""
ORGANIZATIONS = {
    "zh-Hans": {390: "清泉公益中心", 1280: "山花助学服务社"},
    "zh-Hant": {390: "曙光教育協會", 1280: "海岸守護聯盟"},
    "en": {390: "Clear Spring Trust", 1280: "Hill Schools Fund"},
    "ru": {390: "Фонд «Чистый родник»", 1280: "Союз сельских учителей"},
    "es": {390: "Fundación Fuente Clara", 1280: "Red de Escuelas de la Sierra"},
}
"""Names far enough apart not to be taken for doubles."""


def submit(page: Page, action: str) -> None:
    """Press the button of the form that posts to `action`."""
    page.locator(f'form[action="{action}"] button[type="submit"]').last.click()


def sign_up(page: Page, house: House, email: str) -> None:
    """From the front page to a confirmed address, signed in."""
    page.goto("/accounts/sign-up")
    page.fill("#field-name", "Wang Fang")
    page.fill("#field-email", email)
    page.fill("#field-password", PASSWORD)
    submit(page, "/accounts/sign-up")
    link = re.search(r"/accounts/confirm/\S+", house.mail_to(email))
    assert link is not None
    page.goto(link[0])
    submit(page, link[0])
    page.fill("#field-email", email)
    page.fill("#field-password", PASSWORD)
    submit(page, "/accounts/sign-in")
    page.wait_for_url(re.compile(r"/(\?.*)?$"))


def register_organization(page: Page, name: str) -> str:
    """A registered organization; gives its uid."""
    page.goto("/organizations/new")
    page.fill("#field-name", name)
    page.select_option("#field-kind", "ngo")
    submit(page, "/organizations/new")
    page.wait_for_url(re.compile(r"/organizations/[0-9a-f]{32}"))
    found = re.search(r"/organizations/([0-9a-f]{32})", page.url)
    assert found is not None
    return found[1]


def verify(page: Page, organization: str) -> None:
    """What a facilitator does at the desk."""
    page.goto("/organizations/desk")
    page.locator(f'a[href*="{organization}"]').first.click()
    page.check('input[name="step"][value="verify"]')
    submit(page, f"/organizations/{organization}/decision")
    page.wait_for_load_state()


def publish_need(page: Page, house: House, title: str, text: str) -> str:
    """A need with two resource lines, published; gives its uid."""
    page.goto("/listings/new?side=need")
    page.fill("#field-title", title)
    page.fill("#field-text", text)
    submit(page, "/listings/new?side=need")
    page.wait_for_url(re.compile(r"/listings/[0-9a-f]{32}/edit"))
    found = re.search(r"/listings/([0-9a-f]{32})/edit", page.url)
    assert found is not None
    edit = f"/listings/{found[1]}/edit"
    tick(page, "themes", "water-sanitation")
    save_and_continue(page)
    page.wait_for_url(re.compile("step=2"))
    page.select_option("#field-lines-0-kind", "money")
    page.fill("#field-lines-0-amount", "480000")
    page.select_option("#field-lines-0-unit", "CNY")
    page.click('button[name="do"][value="add-line"]')
    page.select_option("#field-lines-1-kind", "training")
    page.fill("#field-lines-1-amount", "24")
    page.select_option("#field-lines-1-unit", "hour")
    save_and_continue(page)
    page.wait_for_url(re.compile("step=3"))
    save_and_continue(page)
    page.wait_for_url(re.compile("step=4"))
    submit(page, edit.replace("/edit", "/publish"))
    page.wait_for_url(re.compile(rf"/listings/{found[1]}(\?|$)"))
    listing = house.find(title)
    assert listing is not None
    assert listing.status == ListingStatus.PUBLISHED
    assert [line["amount"] for line in listing.lines] == [480_000_00, 24_00]
    return found[1]


def save_and_continue(page: Page) -> None:
    page.click('button[name="do"][value="next"]')


def tick(page: Page, name: str, code: str) -> None:
    """Tick a box, unfolding its list first where it is folded."""
    box = page.locator(f'input[name="{name}"][value="{code}"]')
    if not box.is_visible():
        page.locator(f"#field-{name} summary").click()
    box.check()


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("language", LANGUAGES)
def test_newcomer_is_verified_and_publishes_a_need(
    open_page: Callable[..., Page], house: House, language: str, width: int
) -> None:
    page = open_page("/", language=language, width=width)
    sign_up(page, house, f"newcomer-{language.lower()}-{width}@example.org")
    organization = register_organization(page, ORGANIZATIONS[language][width])

    key = house.person(f"facilitator-{language.lower()}-{width}@example.org", roles=[Role.FACILITATOR])
    verify(open_page("/", language=language, width=width, key=key), organization)

    title, text = NEEDS[language]
    need = publish_need(page, house, f"{title} {width}", text)

    visitor = open_page(f"/listings/{need}", language="en", width=width)
    assert visitor.locator("h1").inner_text() == f"{title} {width}"
    assert visitor.locator("h1").get_attribute("lang") == language


@pytest.mark.parametrize("width", [390, 1280])
def test_spanish_company_finds_the_chinese_need_and_reads_why(
    open_page: Callable[..., Page], house: House, width: int
) -> None:
    ngo = house.organization(f"山泉公益中心{width}", "ngo", "zh-Hans")
    title, text = NEEDS["zh-Hans"]
    need = house.listing(
        ngo,
        Side.NEED,
        title,
        text,
        "zh-Hans",
        themes=["water-sanitation"],
        places=["cn"],
        lines=[{"kind": "money", "amount": 480_000_00, "unit": "CNY"}],
    )
    for language, titles in OTHERS.items():
        for other in titles:
            house.listing(ngo, Side.NEED, other, "", language)
    company = house.organization(f"Aguas Claras {width}, S.A.", "business", "es", places=["es"])
    key = house.person(f"compras-{width}@example.org", language="es", **{company: Role.EDITOR})
    house.wait_for_jobs()

    page = open_page("/", language="es", width=width, key=key)
    page.fill('main [role="search"] input[name="q"]', "agua potable rural")
    page.click('main [role="search"] button[type="submit"]')
    card = page.locator("article", has=page.locator(f'a[href="/listings/{need}"]'))

    assert card.locator("h2, h3").get_attribute("lang") == "zh-Hans"
    reasons = card.locator(".chips li").all_inner_texts()
    assert reasons
    assert not any(re.search(r"[\u4e00-\u9fff]", reason) for reason in reasons)
    card.locator("h2, h3").locator("a").click()
    assert page.locator("h1").inner_text() == title
