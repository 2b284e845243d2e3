"""A flood-relief round on screen: opened, matched and signed in one go, with the facilitator reading Russian.

What is urgent is typed in on a phone; what is there already enters with two taps, or by program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import pytest

from tests.browser.windows import DESKTOP, PHONE, Windows
from tests.house import open_house
from tests.journeys.forum import gather
from tests.journeys.test_flood_relief import CLEANUP, COMPANY, GOODS, THEME, TRUCKS, VOLUNTEERS, WHY, WITHIN
from tests.journeys.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.house import House
    from tests.journeys.forum import Forum

TITLE = "Наводнение в Хэнани"
MUD = "洪水退去，街道、学校和水井都是淤泥，需要能吃苦的志愿者分组清淤，吃住自理。"
SIDES = ("need", "offer")


@dataclass
class Relief(Windows):
    """The round, its people and the windows they look through."""

    forum: Forum = field(kw_only=True)

    @property
    def home(self) -> str:
        return self.forum.here

    def owner(self, organization: str) -> str:
        """Whose key opens the windows of an organization."""
        one = self.forum.owner(organization)
        self.keys[one.name] = one.key
        return one.name

    def move_on(self, desk: Page, phase: str) -> None:
        """Frida moves the round on by the button that names the next phase."""
        desk.goto(self.home)
        self.press(desk, "On to: %(phase)s", phase=self.say(phase))
        desk.locator(".phase-here", has_text=self.say(phase)).wait_for()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("relief"), scenarios=["kaifeng"]) as house:
        yield house


@pytest.fixture
def relief(house: House, open_page: Callable[..., Page], tmp_path: Path) -> Relief:
    forum = gather(house)
    return Relief(open_page, tmp_path, {"Frida": forum.facilitator_key}, "ru", forum=forum)


def test_flood_relief_on_screen(relief: Relief) -> None:
    desk = open_round(relief)
    type_what_is_urgent(relief)
    bring_the_rest(relief)
    match_at_once(relief, desk)
    sign_at_once(relief, desk)
    read_the_log(relief)


def open_round(relief: Relief) -> Page:
    """A preset and a title are all it takes."""
    desk = relief.page("/rounds/new", "Frida")
    desk.locator("input[name=preset][value=flood-relief]").check()
    desk.get_by_label(relief.say("Title"), exact=True).fill(TITLE)
    desk.locator("#field-themes summary").click()
    for theme in THEME:
        desk.locator(f"input[name=themes][value={theme}]").check()
    relief.look(desk, "new-round")
    relief.press(desk, "Begin the round")
    desk.wait_for_url("**/settings?part=phases**")
    relief.forum.round = desk.url.split("/")[-2]
    relief.look(desk, "phases")
    relief.move_on(desk, "Applying")
    relief.check("", overview=relief.home)
    return desk


def type_what_is_urgent(relief: Relief) -> None:
    """A charity in the flooded villages types what it needs on a phone, and is in."""
    there = relief.forum.listings(THEME)
    charity = next(one["organization"] for one in there if one["title"] == COMPANY)
    phone = relief.page(f"{relief.home}/apply", relief.owner(charity["id"]), PHONE)
    relief.look(phone, "apply")
    phone.locator("input[name=side][value=need]").check()
    phone.get_by_label(relief.say("In one sentence")).fill(CLEANUP)
    relief.press(phone, "Begin")
    phone.locator("#field-text").fill(MUD)
    for scheme, code in (("themes", THEME[0]), ("groups", "rural-residents")):
        box = phone.locator(f"input[name={scheme}][value={code}]")
        if not box.is_visible():
            phone.locator(f"#field-{scheme} summary").click()
        box.check()
    relief.look(phone, "urgent-1")
    next_step(phone, 2)
    phone.locator("#field-lines-0-kind").select_option("volunteers")
    phone.locator("#field-lines-0-amount").fill("800")
    phone.locator("#field-lines-0-unit").select_option("hour")
    phone.locator("details:has(#field-lines-0-minimum) > summary").first.click()
    phone.locator("#field-lines-0-minimum").fill("300")
    relief.look(phone, "urgent-2")
    next_step(phone, 3)
    relief.look(phone, "urgent-3")
    next_step(phone, 4)
    relief.look(phone, "urgent-4")
    phone.locator("main a.btn[href^='/applications/']").click()
    phone.wait_for_url(re.compile("/applications/"))
    relief.look(phone, "urgent-submit")
    relief.press(phone, "Submit")
    phone.locator("[data-done]").wait_for()
    relief.look(phone, "urgent-in")
    relief.forum.names[charity["id"]] = charity["name"]
    phone.context.close()


def next_step(phone: Page, number: int) -> None:
    phone.locator("button[name=do][value=next]").click()
    phone.wait_for_url(re.compile(f"step={number}"))


def bring_the_rest(relief: Relief) -> None:
    """What is there already enters with two taps; one does it by hand, the others by program."""
    first, *others = [one for one in relief.forum.listings(THEME) if one["title"] != CLEANUP]
    phone = relief.page(f"{relief.home}/apply", relief.owner(first["organization"]["id"]), PHONE)
    phone.get_by_role("button", name=relief.starting("Enter it")).filter(has_text=first["title"]).click()
    relief.press(phone, "Submit")
    phone.locator("[data-done]").wait_for()
    phone.context.close()
    relief.forum.names[first["organization"]["id"]] = first["organization"]["name"]
    for listing in others:
        relief.forum.enter(listing)


def match_at_once(relief: Relief, desk: Page) -> None:
    """Trucks that are loaded already stay where they are; everything else is the matcher's."""
    relief.move_on(desk, "Matching")
    desk.goto(f"{relief.home}/match/decisions")
    for name, title in (("need", GOODS), ("offer", TRUCKS)):
        choice = desk.locator(f"#field-{name} option", has_text=title).get_attribute("value")
        desk.locator(f"#field-{name}").select_option(choice)
    desk.locator("#field-reason").fill(WHY["override.make"])
    relief.press(desk, "Decide")
    desk.get_by_text(WHY["override.make"]).wait_for()
    relief.look(desk, "decided")
    desk.goto(f"{relief.home}/match")
    relief.press(desk, "Match")
    desk.get_by_role("heading", name=relief.say("Pairings"), exact=True).wait_for()
    result = desk.url.partition("?")[0].removeprefix(relief.forum.house.url)
    relief.check("Frida", result=result)
    match_again_and_compare(relief, desk)
    release = desk.locator("#release")
    if release.get_by_role("checkbox").count():
        release.get_by_role("checkbox").check()
    release.get_by_role("button").click()
    desk.locator("[data-done]").wait_for()


def match_again_and_compare(relief: Relief, desk: Page) -> None:
    """Two runs of the same minute are told apart by their numbers; nothing has changed between them."""
    desk.goto(f"{relief.home}/match")
    relief.press(desk, "Match again")
    desk.get_by_role("heading", name=relief.say("Pairings"), exact=True).wait_for()
    result = desk.url
    desk.get_by_role("link", name=relief.say("Compare"), exact=True).click()
    runs = desk.locator("#field-before option").all_inner_texts()
    assert [run.partition(" · ")[0] for run in runs] == [
        relief.say("Run %(number)s", number=number) for number in (2, 1)
    ]
    relief.press(desk, "Compare")
    desk.get_by_text(relief.say("Both results are the same, pair by pair and amount by amount.")).wait_for()
    relief.look(desk, "compare")
    desk.goto(result)


def sign_at_once(relief: Relief, desk: Page) -> None:
    """Both sides of every pairing sign on their phones; to sign is to accept."""
    relief.move_on(desk, "Signing")
    listed = relief.forum.frida.get(f"{relief.home}/signing")
    assert {(GOODS, TRUCKS), (CLEANUP, VOLUNTEERS)} <= {
        (one["need"]["title"], one["offer"]["title"]) for one in listed
    }
    phones = {}
    for one in listed:
        for side in SIDES:
            who = relief.owner(one[side]["organization"])
            if who not in phones:
                phones[who] = relief.page(f"{relief.home}/signing", who, PHONE)
            phone = phones[who]
            line = phone.locator(f"#pairing-{one['pairing']}")
            line.get_by_role("button", name=relief.starting("We sign")).click()
            phone.locator(f"#pairing-{one['pairing']} .status").first.wait_for()
        relief.look(phone, f"signed-{len(phones)}")
    desk.goto(f"{relief.home}/signing")
    assert desk.locator(".signing-card").count() == len(listed)
    assert desk.get_by_role("button", name=relief.starting("Signed on stage")).count() == 0
    relief.check("Frida", signing=f"{relief.home}/signing")
    relief.move_on(desk, "Delivering")
    relief.look(desk, "delivering")


def read_the_log(relief: Relief) -> None:
    """Minutes lie between opening and last signature; who pinned the trucks, and why, stands there."""
    for width in (PHONE, DESKTOP):
        log = relief.page(f"/audit?subject={relief.forum.round}", "Frida", width)
        relief.look(log, "log")
        pinned = log.locator("tr", has_text=WHY["override.make"]).inner_text()
        assert all(words in pinned for words in ("Frida", GOODS, TRUCKS)), pinned
    trail = Trail(relief.forum.frida, relief.forum.round)
    trail.check_readable()
    opened, agreed = trail.one("round.open"), trail.of("pairing.agree")
    began, ended = (datetime.fromisoformat(entry["at"]) for entry in (opened, agreed[-1]))
    assert ended - began < WITHIN
