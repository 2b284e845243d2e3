"""Rounds in a real browser: the last day of a phase runs by the second, suggestions come by themselves, and
axe finds no fault."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from matching.rules import load_preset
from service.db import now, writing
from service.permissions import Role
from service.rounds.models import Round, RoundPhase, RoundStatus
from tests.browser.test_accessibility import TWO_VIEWS, examine

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.house import House


@dataclass
class Furnished:
    """Rounds in several phases, and who looks at them."""

    keys: dict[str, str]
    places: dict[str, str]


def _round(house: House, preset: str, title: str, status: RoundStatus, hours: int) -> str:
    phases = list(load_preset(preset).process.phases)
    made = Round(
        preset=preset,
        title=title,
        summary="老人与孩子的需求，行业协会来帮忙。",
        language="zh-Hans",
        phases=phases,
        status=status,
        themes=["elderly-care"],
        time_zone="Asia/Shanghai",
        calendar="CN",
        venue="社会组织创新园",
        rules={"process": {"reply_days": 4}},
    )
    with writing(house.engine) as session:
        session.add(made)
        session.flush()
        for phase in phases:
            ends = now() + timedelta(hours=hours) if phase == status.value else None
            session.add(RoundPhase(round_id=made.key, phase=phase, ends=ends))
    return made.uid


@pytest.fixture(scope="module")
def furnished(house: House) -> Furnished:
    return Furnished(
        {
            "visitor": "",
            "facilitator": house.person("runs-rounds@example.org", roles=[Role.FACILITATOR]),
        },
        {
            "talk": _round(house, "monthly-talk", "社会组织月月谈：一老一小", RoundStatus.OPEN, 5),
            "call": _round(house, "venture-call", "社区公益创投", RoundStatus.SCREENING, -2),
            "past": _round(house, "flood-relief", "抗洪救灾", RoundStatus.CANCELLED, 0),
        },
    )


def test_last_day_of_a_phase_runs_by_the_second(open_page: Callable[..., Page], furnished: Furnished) -> None:
    page = open_page(f"/rounds/{furnished.places['talk']}")
    shown = page.locator("[data-countdown]")
    shown.filter(has_text="04:59:").wait_for()
    before = shown.inner_text()
    page.wait_for_function(
        "before => document.querySelector('[data-countdown]').textContent !== before", arg=before
    )


def test_suggested_themes_come_into_the_form_for_a_new_round(
    open_page: Callable[..., Page], furnished: Furnished
) -> None:
    page = open_page("/rounds/new", key=furnished.keys["facilitator"])
    page.locator("#suggestions .empty, #suggestions article").first.wait_for()
    page.get_by_label("Title").fill("Talk")
    page.get_by_role("button", name="Begin the round").click()
    assert "part=phases" in page.url


PAGES = [
    ("visitor", "/rounds"),
    ("visitor", "/rounds/{talk}"),
    ("visitor", "/rounds/{past}"),
    ("facilitator", "/rounds"),
    ("facilitator", "/rounds/{talk}"),
    ("facilitator", "/rounds/{call}"),
    ("facilitator", "/rounds/new"),
    ("facilitator", "/rounds/themes"),
    ("facilitator", "/rounds/{call}/settings?part=facts"),
    ("facilitator", "/rounds/{call}/settings?part=phases"),
    ("facilitator", "/rounds/{call}/settings?part=rules"),
    ("facilitator", "/rounds/calendar?country=CN&year=2026"),
]


@pytest.mark.parametrize("language", ["ru"])
@pytest.mark.parametrize(("who", "path"), PAGES)
def test_page_has_no_accessibility_fault(
    look_at: Callable[..., Page], furnished: Furnished, who: str, path: str, language: str
) -> None:
    page = look_at(path.format_map(furnished.places), language=language, key=furnished.keys[who])
    page.evaluate(
        "document.querySelectorAll('details:not([data-menu])').forEach((one) => { one.open = true; })"
    )
    assert page.locator("h1").count() == 1
    assert examine(page, TWO_VIEWS) == []
