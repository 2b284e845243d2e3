"""No page has a fault that axe can find: WCAG 2.2 AA, in every language, width and colouring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.messages import Message
from matching.profiles import Side
from matching.text import LANGUAGES
from service.db import writing
from service.events import record
from service.organizations.models import Organization
from service.permissions import SYSTEM_ACTOR, Role
from tests.browser.conftest import HERE
from tests.house import PASSWORD, House

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import Request
    from fastapi.responses import HTMLResponse
    from playwright.sync_api import Page

PHONE, DESKTOP = 390, 1280
ALL_VIEWS = ((PHONE, "light"), (PHONE, "dark"), (DESKTOP, "dark"), (DESKTOP, "light"))
TWO_VIEWS = ((PHONE, "dark"), (DESKTOP, "light"))
"""Each width and each colouring once."""
VIEW_OF = {
    "zh-Hans": (PHONE, "light"),
    "zh-Hant": (DESKTOP, "dark"),
    "ru": (PHONE, "dark"),
    "es": (DESKTOP, "light"),
}
"""Where only the words differ from English, which is looked at in all views."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@dataclass
class Furnished:
    """A house with something in it: who looks, and where the things lie."""

    keys: dict[str, str]
    places: dict[str, str]


@pytest.fixture(scope="module")
def furnished(house: House) -> Furnished:
    ngo = house.organization("云南清泉公益发展中心", "ngo", "zh-Hans", description="为乡村带来洁净饮水。")
    company = house.organization("Aguas del Norte, S.A.", "business", "es", description="Agua para todos.")
    waiting = house.organization("Фонд «Доброе сердце»", "ngo", "ru", status="registered")
    line = {"kind": "money", "amount": 480_000_00, "unit": "CNY"}
    need = house.listing(
        ngo,
        Side.NEED,
        "云南山区乡村小学净水设备与水质监测",
        "为六所山区小学安装净水设备，并培训教师监测水质。",
        "zh-Hans",
        themes=["water-sanitation"],
        places=["cn"],
        lines=[line, {"kind": "training", "amount": 24_00, "unit": "hour"}],
    )
    offer = house.listing(
        company,
        Side.OFFER,
        "Formación en tratamiento de agua",
        "Nuestros ingenieros enseñan a mantener equipos de agua potable.",
        "es",
        themes=["water-sanitation"],
        lines=[{"kind": "training", "amount": 200_00, "unit": "hour"}],
    )
    with writing(house.engine) as session:
        suspended = session.exec(select(Organization).where(Organization.uid == waiting)).one()
        told = {"before": "verified", "after": "suspended", "organization": ngo}
        record(session, SYSTEM_ACTOR, "organization.suspend", suspended, reason="Нет отчёта.", **told)
    keys = {
        "visitor": "",
        "newcomer": house.person("newcomer@example.org"),
        "ngo": house.person("ngo@example.org", **{ngo: Role.OWNER, waiting: Role.OWNER}),
        "company": house.person("company@example.org", **{company: Role.OWNER}),
        "facilitator": house.person("facilitator@example.org", roles=[Role.FACILITATOR]),
    }
    return Furnished(
        keys, {"need": need, "offer": offer, "organization": ngo, "waiting": waiting, "own": company}
    )


def faults(page: Page) -> list[str]:
    """What axe finds, a line each; without reading the style sheet, which one rule needs (see below)."""
    return _lines(page.evaluate("rules => axe.run(document, {runOnly: rules, preload: false})", RULES))


def _lines(found: dict[str, Any]) -> list[str]:
    return [
        f"{fault['id']}: {node['html'][:160]} ({node['failureSummary'][:300]})"
        for fault in found["violations"]
        for node in fault["nodes"]
    ]


def load_axe(page: Page) -> None:
    """Give the page axe, past its own content policy (the driver may)."""
    page.evaluate((HERE / "vendor" / "axe.min.js").read_text(encoding="utf-8"))


def examine(page: Page, views: tuple[tuple[int, str], ...] = ALL_VIEWS) -> list[str]:
    """Faults in each of these views, and what does not fit a phone or a desktop."""
    load_axe(page)
    found = []
    for width, colour in views:
        page.set_viewport_size({"width": width, "height": 844})
        page.emulate_media(color_scheme=colour, reduced_motion="reduce")  # type: ignore[arg-type]
        found += [f"{width} {colour} {fault}" for fault in faults(page)]
    for width in (PHONE, DESKTOP):
        page.set_viewport_size({"width": width, "height": 844})
        wide = page.evaluate("document.documentElement.scrollWidth")
        if wide > width:
            found.append(f"{width} the page is {wide} wide")
    return found


PAGES = [
    ("visitor", "/"),
    ("visitor", "/search?side=need"),
    ("visitor", "/search?q=agua+potable&side=need"),
    ("visitor", "/search?q=zzzzzz&side=offer&theme=heritage"),
    ("visitor", "/listings/mall"),
    ("visitor", "/listings/{need}"),
    ("visitor", "/listings/{offer}"),
    ("visitor", "/organizations/{organization}"),
    ("visitor", "/organizations"),
    ("visitor", "/accounts/sign-in"),
    ("visitor", "/accounts/sign-up"),
    ("visitor", "/accounts/reset"),
    ("visitor", "/no-such-page"),
    ("newcomer", "/"),
    ("newcomer", "/organizations/new"),
    ("newcomer", "/accounts/settings"),
    ("newcomer", "/accounts/sessions"),
    ("newcomer", "/accounts/tokens"),
    ("ngo", "/"),
    ("ngo", "/listings/mine"),
    ("ngo", "/listings/new?side=need"),
    ("ngo", "/listings/{need}"),
    ("ngo", "/listings/{need}/edit?step=1"),
    ("ngo", "/listings/{need}/edit?step=2"),
    ("ngo", "/listings/{need}/edit?step=3"),
    ("ngo", "/listings/{need}/edit?step=4"),
    ("ngo", "/listings/new?side=offer"),
    ("ngo", "/listings/import"),
    ("ngo", "/listings/requests"),
    ("ngo", "/organizations/mine"),
    ("ngo", "/organizations/{organization}/members"),
    ("ngo", "/organizations/{waiting}/verification"),
    ("ngo", "/organizations/{waiting}"),
    ("ngo", "/organizations/{organization}/edit"),
    ("ngo", "/organizations/{organization}/webhooks"),
    ("company", "/"),
    ("company", "/search?q=agua+potable+rural&side=need"),
    ("company", "/search/saved"),
    ("company", "/listings/{need}"),
    ("facilitator", "/"),
    ("facilitator", "/organizations/desk"),
    ("facilitator", "/organizations/{waiting}/verification"),
    ("facilitator", "/audit?check=yes"),
    ("facilitator", "/audit?subject={waiting}"),
]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("who", "path"), PAGES)
def test_page_has_no_accessibility_fault(
    look_at: Callable[..., Page], furnished: Furnished, who: str, path: str, language: str
) -> None:
    page = look_at(path.format_map(furnished.places), language=language, key=furnished.keys[who])

    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("h1").count() == 1
    assert examine(page, ALL_VIEWS if language == "en" else (VIEW_OF[language],)) == []


@pytest.fixture(scope="module")
def style_guide(house: House) -> str:
    from types import SimpleNamespace

    from fastapi import Request

    from service.permissions import VISITOR
    from service.web import page as render

    organization = SimpleNamespace(name="АНО «Мосты поколений»", language="ru", status="verified")
    listing = SimpleNamespace(
        uid="x",
        side="need",
        title="Цифровая грамотность для пожилых жителей малых городов",
        language="ru",
        themes=["elderly-care"],
        places=["ru"],
        expires=None,
        lines=[{"kind": "money", "amount": 2_600_000_00, "unit": "RUB"}],
    )
    reasons = [Message("same", "Same field"), Message("place", "Your district")]
    hits = [
        SimpleNamespace(listing=listing, organization=organization, score=score, reasons=reasons)
        for score in (0.93, None)
    ]

    def shown(request: Request) -> HTMLResponse:
        return render(
            request,
            VISITOR,
            "styleguide.html",
            hits=hits,
            problems={"name": Message("missing", "Give a name."), "text": Message("short", "Say more.")},
            typed={"email": "not an address"},
        )

    shown.__annotations__ = {"request": Request}
    house.app.add_api_route("/styleguide", shown)
    return "/styleguide"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_component_has_no_accessibility_fault(
    look_at: Callable[..., Page], style_guide: str, language: str
) -> None:
    assert examine(look_at(style_guide, language=language)) == []


def test_no_screen_is_locked_to_one_orientation(look_at: Callable[..., Page]) -> None:
    page = look_at("/", language="en")
    load_axe(page)
    found = page.evaluate(
        "() => axe.run(document, {runOnly: {type: 'rule', values: ['css-orientation-lock']}})"
    )
    assert [rule["id"] for rule in found["passes"]] == ["css-orientation-lock"], "it has been looked at"
    assert _lines(found) == []


def test_keyboard_reaches_the_content_first(open_page: Callable[..., Page]) -> None:
    page = open_page("/")
    page.keyboard.press("Tab")
    assert page.locator(".skip-link").evaluate("link => link === document.activeElement")
    page.keyboard.press("Enter")
    assert page.locator("#main").evaluate("main => main === document.activeElement")


def test_menus_open_and_close_by_keyboard(open_page: Callable[..., Page]) -> None:
    page = open_page("/")
    menu = page.locator("details[data-menu]").filter(has=page.locator("[hreflang]")).first
    menu.locator("summary").focus()
    page.keyboard.press("Enter")
    assert menu.get_attribute("open") is not None
    page.keyboard.press("Escape")
    assert menu.get_attribute("open") is None
    assert menu.locator("summary").evaluate("summary => summary === document.activeElement")


def test_language_switch_keeps_the_page_and_the_question(open_page: Callable[..., Page]) -> None:
    page = open_page("/search?q=water&side=need", width=1280)
    page.locator("header summary").first.click()
    page.locator('header [hreflang="ru"]').click()
    assert page.locator("html").get_attribute("lang") == "ru"
    assert "q=water" in page.url
    page.goto("/accounts/sign-in")
    assert page.locator("html").get_attribute("lang") == "ru"


def test_dark_mode_is_remembered(open_page: Callable[..., Page]) -> None:
    page = open_page("/")
    page.emulate_media(color_scheme="light")
    page.locator("[data-theme-switch]").click()
    page.goto("/accounts/sign-in")
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert (
        page.locator("body").evaluate("body => getComputedStyle(body).backgroundColor") == "rgb(17, 23, 22)"
    )


def test_password_is_shown_on_demand(open_page: Callable[..., Page]) -> None:
    page = open_page("/accounts/sign-in")
    password = page.locator("#field-password")
    password.fill(PASSWORD)
    page.locator("[data-reveal]").click()
    assert password.get_attribute("type") == "text"


def test_search_and_menus_work_without_scripts(open_page: Callable[..., Page], furnished: Furnished) -> None:
    page = open_page("/", width=390, scripts=False)
    page.locator('[role="search"] input[name="q"]').fill("净水")
    page.locator('[role="search"] button').click()
    assert "/search" in page.url
    assert page.locator(f'a[href="/listings/{furnished.places["need"]}"]').count() >= 1
