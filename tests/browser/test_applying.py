"""Applying, the desk and the showcase in a real browser: what scripts add, and what axe finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import pytest
from sqlmodel import col, select

from matching.profiles import Side
from matching.rules import load_preset
from service.db import now, reading, writing
from service.listings.models import Listing
from service.organizations.models import Organization
from service.permissions import Role
from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus
from tests.browser.test_accessibility import TWO_VIEWS, examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.house import House

LINE = {"kind": "money", "amount": 480_000_00, "unit": "CNY"}


@dataclass
class Furnished:
    """A call and a talk with somebody in them."""

    keys: dict[str, str]
    places: dict[str, str]


def _round(house: House, preset: str, title: str) -> str:
    made = Round(
        preset=preset,
        title=title,
        language="zh-Hans",
        phases=list(load_preset(preset).process.phases),
        status=RoundStatus.OPEN,
    )
    with writing(house.engine) as session:
        session.add(made)
        session.flush()
        for phase in made.phases:
            session.add(RoundPhase(round_id=made.key, phase=phase))
    return made.uid


def _enter(house: House, one: str, listing: str, status: ApplicationStatus, **values: object) -> str:
    with writing(house.engine) as session:
        found = session.exec(select(Listing).where(col(Listing.uid) == listing)).one()
        made = Application(
            round_id=session.exec(select(Round).where(col(Round.uid) == one)).one().key,
            listing_id=found.key,
            organization_id=found.organization_id,
            side=found.side,
            status=status,
            revision=found.revision,
            submitted=now(),
            **values,
        )
        session.add(made)
    return made.uid


@pytest.fixture(scope="module")
def furnished(house: House) -> Furnished:
    facts = {"registered": date(2015, 4, 1), "inspection_passed": True, "inspection_year": 2024}
    ngo = house.organization("泉水志愿者协会", "ngo", "zh-Hans", **facts)
    guild = house.organization("Film Guild", "association", "en", **facts)
    need, other = (
        house.listing(ngo, Side.NEED, title, "每周一次。", "zh-Hans", lines=[LINE], groups=["elderly"])
        for title in ("为老人送餐", "老人合唱团")
    )
    offer = house.listing(guild, Side.OFFER, "Filming", "Filming and editing.", "en", lines=[LINE])
    call = _round(house, "venture-call", "社区公益创投")
    talk = _round(house, "monthly-talk", "月月谈")
    places = {
        "call": call,
        "talk": talk,
        "draft": _enter(house, call, need, ApplicationStatus.DRAFT),
        "returned": _enter(house, call, other, ApplicationStatus.INELIGIBLE, reason="Too thin a plan."),
        "submitted": _enter(house, call, offer, ApplicationStatus.SUBMITTED),
        "ngo": ngo,
        "guild": guild,
    }
    _enter(house, talk, need, ApplicationStatus.ELIGIBLE, showing=1)
    _enter(house, talk, offer, ApplicationStatus.ELIGIBLE, showing=2)
    keys = {
        "visitor": "",
        "ngo": house.person("springs@example.org", **{ngo: Role.OWNER}),
        "facilitator": house.person("screens@example.org", roles=[Role.FACILITATOR]),
    }
    return Furnished(keys, places)


def test_rules_answer_while_one_types(open_page: Callable[..., Page], furnished: Furnished) -> None:
    page = open_page(f"/applications/{furnished.places['draft']}", key=furnished.keys["ngo"])
    rule = page.locator("#field-rule-beneficiaries")
    assert "not stated" in rule.inner_text()
    page.locator("#field-beneficiaries").fill("30")
    rule.locator("text=at least 50 are asked for").wait_for()
    assert page.locator("#field-although").count() == 1
    page.locator("#field-beneficiaries").fill("60")
    page.locator("text=All rules are met.").wait_for()
    state = page.locator("[data-autosave-state]")
    assert state.inner_text() == state.get_attribute("data-saved")


def test_arrow_keys_turn_the_pages_of_the_showcase(
    open_page: Callable[..., Page], furnished: Furnished
) -> None:
    here = f"/rounds/{furnished.places['talk']}/showcase"
    page = open_page(f"{here}/{furnished.places['ngo']}")
    page.keyboard.press("ArrowRight")
    page.wait_for_url(f"**{here}/{furnished.places['guild']}")
    assert page.locator("h1").inner_text() == "Film Guild"
    page.keyboard.press("ArrowLeft")
    page.wait_for_url(f"**{here}/{furnished.places['ngo']}")


def test_turn_is_dragged_to_another_place(
    open_page: Callable[..., Page], house: House, furnished: Furnished
) -> None:
    page = open_page(f"/rounds/{furnished.places['talk']}/showcase", key=furnished.keys["facilitator"])
    last = page.locator(f"#turn-{furnished.places['guild']}")
    last.drag_to(page.locator(f"#turn-{furnished.places['ngo']}"), target_position={"x": 40, "y": 4})
    page.locator("[data-done]").wait_for()
    with reading(house.engine) as session:
        order = session.exec(
            select(Organization.uid)
            .join(Application, col(Application.organization_id) == col(Organization.id))
            .join(Round, col(Round.id) == col(Application.round_id))
            .where(col(Round.uid) == furnished.places["talk"])
            .order_by(col(Application.showing))
        ).all()
    assert order == [furnished.places["guild"], furnished.places["ngo"]]


PAGES = [
    ("ngo", "/rounds/{call}/apply"),
    ("ngo", "/applications/{draft}"),
    ("ngo", "/applications/{returned}"),
    ("facilitator", "/applications/{submitted}"),
    ("facilitator", "/applications/{returned}"),
    ("facilitator", "/rounds/{call}/applications"),
    ("facilitator", "/rounds/{talk}/showcase"),
    ("visitor", "/rounds/{talk}/showcase"),
    ("visitor", "/rounds/{talk}/showcase/{guild}"),
    ("visitor", "/rounds/{talk}/showcase/print"),
]


@pytest.mark.parametrize("language", ["en", "ru"])
@pytest.mark.parametrize(("who", "path"), PAGES)
def test_page_has_no_accessibility_fault(
    look_at: Callable[..., Page], furnished: Furnished, who: str, path: str, language: str
) -> None:
    page = look_at(path.format_map(furnished.places), language=language, key=furnished.keys[who])
    assert page.locator("h1").count() == 1
    assert examine(page, TWO_VIEWS) == []
