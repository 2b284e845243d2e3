"""The Liaocheng talk on screen, in Chinese: the theme, the show, the match, the phones in the hall, the list.

What organizations ask for and give is the bundled scenario's. What many would do in the same way is done by
hand once and then by program.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

from service.choices.hall_pages import picture_of
from tests.browser.windows import PHONE, Windows
from tests.house import open_house
from tests.journeys.forum import gather

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from playwright.sync_api import Page, Request

    from tests.house import House
    from tests.journeys.forum import Forum

THEME = "养老助老"
PLACE = "社会组织创新园一楼"
COOPERATIONS = 6
ON_STAGE = 2
NO = "今年的名额已经排满，明年再谈。"
LINE = "请用手机扫描桌上的卡片"


@dataclass
class Talk(Windows):
    """The talk, its people and the windows they look through."""

    forum: Forum = field(kw_only=True)
    why: str = ""
    """Why this theme."""
    pairings: list[dict[str, Any]] = field(default_factory=list)
    phones: dict[str, Page] = field(default_factory=dict)
    """By the organization that came in with its card."""

    @property
    def home(self) -> str:
        return self.forum.here

    def owner(self, organization: str) -> str:
        """Whose key opens the windows of an organization."""
        one = self.forum.owner(organization)
        self.keys[one.name] = one.key
        return one.name

    def move_on(self, phase: str) -> None:
        """Frida moves the round on by the button that names the next phase."""
        desk = self.page(self.home, "Frida")
        self.press(desk, "On to: %(phase)s", phase=self.say(phase))
        desk.locator(".phase-here", has_text=self.say(phase)).wait_for()
        desk.context.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with open_house(tmp_path_factory.mktemp("talk"), scenarios=["liaocheng"]) as house:
        yield house


@pytest.fixture
def talk(house: House, open_page: Callable[..., Page], tmp_path: Path) -> Talk:
    forum = gather(house)
    return Talk(open_page, tmp_path, {"Frida": forum.facilitator_key}, "zh-Hans", forum=forum)


def test_liaocheng_talk_on_screen(talk: Talk) -> None:
    begin_with_a_theme(talk)
    enter(talk)
    arrange(talk)
    press_match(talk)
    come_in(talk)
    choose(talk)
    sign(talk)
    read_the_log(talk)


def begin_with_a_theme(talk: Talk) -> None:
    """What most organizations ask for and nobody carries is one click away from being the next talk."""
    talk.forum.house.wait_for_jobs(240)
    desk = talk.page("/rounds/new", "Frida")
    largest = desk.locator("#suggestions article").first
    largest.wait_for()
    talk.look(desk, "new-round")
    assert THEME in largest.inner_text()
    talk.why = largest.locator("input[name=reason]").input_value()
    largest.get_by_role("button", name=talk.starting("Begin a talk on it")).click()
    desk.wait_for_url("**/settings?part=phases**")
    talk.forum.round = desk.url.split("/")[-2]
    desk.get_by_role("link", name=talk.say("Facts"), exact=True).click()
    desk.get_by_label(talk.say("Where it takes place")).fill(PLACE)
    desk.locator("#field-time_zone").select_option("Asia/Shanghai")
    desk.locator("#field-calendar").select_option("CN")
    talk.press(desk, "Save")
    desk.locator("[data-done]").wait_for()
    desk.context.close()
    talk.check("Frida", settings=f"{talk.home}/settings?part=rules")
    talk.move_on("Applying")
    talk.check("", overview=talk.home)


def enter(talk: Talk) -> None:
    """One enters on a phone, with two taps; one learns which rule stands in the way; the others follow."""
    first, *others = talk.forum.listings(["elderly-care"])
    who = talk.owner(first["organization"]["id"])
    phone = talk.page(talk.home, who, PHONE)
    phone.get_by_role("link", name=talk.say("Apply"), exact=True).first.click()
    phone.get_by_role("button", name=talk.starting("Enter it")).filter(has_text=first["title"]).click()
    talk.look(phone, "application")
    talk.press(phone, "Submit")
    phone.locator("[data-done]").wait_for()
    phone.context.close()
    talk.forum.names[first["organization"]["id"]] = first["organization"]["name"]
    for listing in others:
        talk.forum.enter(listing)
    turned_away(talk)
    talk.check("Frida", applications=f"{talk.home}/applications")


def turned_away(talk: Talk) -> None:
    """An association that comes with a need reads which rule stands in the way, before it begins."""
    listing = next(
        one
        for one in talk.forum.public.all_of("/listings", limit=100)
        if one["side"] == "need" and one["organization"]["kind"] == "association"
    )
    phone = talk.page(f"{talk.home}/apply", talk.owner(listing["organization"]["id"]), PHONE)
    panel = phone.locator("li.panel", has_text=listing["title"])
    panel.locator("summary").click()
    talk.look(phone, "turned-away")
    assert talk.say("All rules are met.") not in panel.inner_text()
    assert panel.locator(".notice-list li").first.inner_text()
    phone.context.close()


def arrange(talk: Talk) -> None:
    """A fair order, a guest put first by hand; the show is turned page by page on a phone."""
    desk = talk.page(f"{talk.home}/showcase", "Frida")
    talk.press(desk, "Arrange fairly")
    turns = desk.locator(".turn")
    assert turns.count() == len(talk.forum.names)
    last = turns.last.get_by_role("link").inner_text()
    turns.last.get_by_role("button", name=talk.say("Show first: %(name)s", name=last)).click()
    turns.first.filter(has_text=last).wait_for()
    talk.look(desk, "showcase")
    desk.context.close()
    phone = talk.page(f"{talk.home}/showcase", width=PHONE)
    names = phone.locator(".turn h3").all_inner_texts()
    assert (names[0], set(names)) == (last, set(talk.forum.names.values()))
    phone.get_by_role("link", name=talk.say("Begin the show")).click()
    for place, name in enumerate(names[:3]):
        phone.locator("h1", has_text=name).wait_for()
        assert f"{place + 1} / {len(names)}" in phone.locator(".show-head").inner_text()
        phone.locator("a[rel=next]").click()
    talk.look(phone, "show")
    phone.context.close()
    talk.check("", turn=f"{talk.home}/showcase/{next(iter(talk.forum.names))}")


def press_match(talk: Talk) -> None:
    """One button; who would leave with nothing is named, and has been seen before anything goes out."""
    talk.move_on("Matching")
    desk = talk.page(f"{talk.home}/match", "Frida")
    talk.press(desk, "Match")
    desk.get_by_role("heading", name=talk.say("Pairings"), exact=True).wait_for()
    result = desk.url.partition("?")[0].removeprefix(talk.forum.house.url)
    talk.check(
        "Frida",
        result=result,
        board=f"{result}?view=board",
        certificate=f"{result}/certificate",
        what_if=f"{talk.home}/match/what-if",
    )
    release = desk.locator("#release")
    if release.get_by_role("checkbox").count():
        release.get_by_role("button").click()
        assert desk.locator(".field-problem").first.is_visible(), "first it has to be seen"
        release.get_by_role("checkbox").check()
    release.get_by_role("button").click()
    desk.locator("[data-done]").wait_for()
    desk.context.close()
    talk.move_on("Choosing")
    by_need = {one["need"]["listing"]: one for one in talk.forum.frida.get(f"{talk.home}/choices")}
    talk.pairings = list(by_need.values())
    assert len(talk.pairings) > COOPERATIONS


def come_in(talk: Talk) -> None:
    """Frida prints the cards; whoever will choose scans theirs; one who has no phone is marked present."""
    codes = talk.forum.codes()
    desk = talk.page(f"{talk.home}/live", "Frida")
    talk.press(desk, "Wait")
    desk.get_by_role("link", name=talk.say("Cards with codes")).click()
    desk.locator("h1", has_text=talk.say("Cards with codes")).wait_for()
    talk.look(desk, "cards")
    cards = desk.locator(".code-card")
    assert cards.count() == len(codes)
    addresses = {picture_of(address): address for address in codes.values()}
    wanted = [one[side]["organization"] for one in talk.pairings[: COOPERATIONS + 1] for side in SIDES]
    for organization in dict.fromkeys(wanted):
        card = cards.filter(has_text=talk.forum.names[organization]).first
        scanned = addresses[card.locator("img").get_attribute("src") or ""]
        phone = talk.page(scanned.removeprefix(talk.forum.house.url), width=PHONE)
        assert talk.forum.names[organization] in phone.locator("h1").inner_text()
        if not talk.phones:
            talk.look(phone, "door")
        talk.press(phone, "Check in")
        phone.locator("#hall-stage[data-open=no]").wait_for()
        talk.phones[organization] = phone
    desk.goto(f"{talk.home}/live")
    before = desk.locator("#guests .action-row").count()
    desk.get_by_role("button", name=talk.starting("Mark as present")).first.click()
    desk.locator("[data-done]").wait_for()
    assert desk.locator("#guests .action-row").count() < before
    desk.context.close()


SIDES = ("need", "offer")
SPREAD = 1500
"""Milliseconds within which a phone looks again after news; `forum.js`."""


def choose(talk: Talk) -> None:
    """The phones open when Frida opens the choosing; the wall shows each pair when both have said yes."""
    wall = talk.page(f"{talk.home}/wall")
    desk = talk.page(f"{talk.home}/live", "Frida")
    line = desk.locator("form", has=desk.get_by_label(talk.say("A line for everybody")))
    line.get_by_role("textbox").fill(LINE)
    line.get_by_role("button").click()
    wall.get_by_text(LINE).wait_for()
    desk.get_by_label(talk.say("Minutes of the countdown")).fill("10")
    talk.press(desk, "Open the choosing")
    chosen, spare = talk.pairings[:COOPERATIONS], talk.pairings[COOPERATIONS]
    watched = requests_about(talk, chosen[0])
    for one in chosen[:2]:
        accept(talk, one)
        wall.locator(f"#pair-{one['pairing']}").wait_for()
    wall.wait_for_timeout(2 * SPREAD)
    assert watched == {"offer": ["POST", "GET"], "need": ["POST"]}, "whoever answered last knows it already"
    talk.look(wall, "wall")
    lose_the_network(talk, chosen[2])
    wall.locator(f"#pair-{chosen[2]['pairing']}").wait_for()
    wall.reload()
    for one in chosen[3:]:
        accept(talk, one)
        wall.locator(f"#pair-{one['pairing']}").wait_for()
    shown = wall.locator(".wall-pair").evaluate_all("all => all.map((one) => one.id)")
    assert sorted(shown) == sorted(f"pair-{one['pairing']}" for one in chosen), "each once"
    assert shown[:3] == [f"pair-{one['pairing']}" for one in reversed(chosen[3:])], "the newest on top"
    decline(talk, spare)
    assert wall.locator("#wall-numbers .wall-count dd").inner_text() == str(COOPERATIONS)
    wall.emulate_media(color_scheme="dark")
    talk.look(wall, "wall-full")
    talk.look(desk, "live")
    talk.press(desk, "Close the choosing")
    wall.locator("#wall-stage[data-open=no]").wait_for()
    for page in (wall, desk):
        page.context.close()
    new = f"/agreements/new?pairing={chosen[0]['pairing']}"
    talk.check("Frida", live=f"{talk.home}/live", choices=f"{talk.home}/choices", new=new)


def card(talk: Talk, one: dict[str, Any], side: str) -> Any:
    """A pairing on the phone of one of its sides."""
    phone = talk.phones[one[side]["organization"]]
    return phone.locator(f"#pairing-{one['pairing']}")


def requests_about(talk: Talk, one: dict[str, Any]) -> dict[str, list[str]]:
    """What the phones of both sides will have asked the server about their pairing."""
    asked: dict[str, list[str]] = {side: [] for side in SIDES}
    for side, methods in asked.items():

        def keep(request: Request, methods: list[str] = methods) -> None:
            if request.url.partition("?")[0].endswith(f"/choices/{one['pairing']}"):
                methods.append(request.method)

        talk.phones[one[side]["organization"]].on("request", keep)
    return asked


def accept(talk: Talk, one: dict[str, Any]) -> None:
    """The offer's phone says yes, then the need's; both phones say that they have found each other."""
    first, second = card(talk, one, "offer"), card(talk, one, "need")
    first.get_by_role("button", name=talk.starting("Accept")).click()
    first.locator("xpath=self::*[contains(@class, 'choice-waiting')]").wait_for()
    second.get_by_role("button", name=talk.starting("Accept")).click()
    second.locator(".choice-yes").wait_for()
    first.locator(".choice-yes").wait_for()


def lose_the_network(talk: Talk, one: dict[str, Any]) -> None:
    """What is tapped while a phone has no network is said to be unsaved, kept, and sent when it is back."""
    phone = talk.phones[one["need"]["organization"]]
    card(talk, one, "offer").get_by_role("button", name=talk.starting("Accept")).click()
    phone.context.set_offline(True)
    card(talk, one, "need").get_by_role("button", name=talk.starting("Accept")).click()
    phone.locator("[data-unsaved]").wait_for()
    talk.look(phone, "phone-offline")
    phone.context.set_offline(False)
    card(talk, one, "need").locator(".choice-yes").wait_for()
    talk.look(phone, "phone-mutual")


def decline(talk: Talk, one: dict[str, Any]) -> None:
    """One says no, and why."""
    no = card(talk, one, "offer")
    no.locator("summary").click()
    no.locator("textarea").fill(NO)
    no.get_by_role("button", name=talk.say("Decline"), exact=True).click()
    no.get_by_text(NO).wait_for()
    talk.look(talk.phones[one["offer"]["organization"]], "phone-declined")


def sign(talk: Talk) -> None:
    """Six stand on the list and have agreements drafted; some sign on their phones, the last on stage."""
    talk.move_on("Meeting")
    talk.check("Frida", meetings=f"{talk.home}/meetings")
    talk.move_on("Signing")
    desk = talk.page(f"{talk.home}/signing", "Frida")
    lines = desk.locator(".signing-card")
    assert lines.count() == COOPERATIONS
    top = lines.first.get_attribute("id")
    lines.nth(1).get_by_role("button", name=talk.starting("Move up")).click()
    desk.locator(f".signing-card:nth-child(2)#{top}").wait_for()
    talk.look(desk, "signing-list")
    desk.goto(talk.home)
    talk.press(desk, "Draft the agreements")
    desk.goto(talk.home)
    needs = {one["need"]["listing"] for one in talk.pairings[:COOPERATIONS]}
    assert desk.locator("a[href^='/agreements/']").count() == len(needs), "an agreement for each need"
    talk.look(desk, "drafted")
    agreement = desk.locator("a[href^='/agreements/']").first.get_attribute("href")
    assert agreement is not None
    desk.goto(f"{talk.home}/signing")
    uids = [str(one).removeprefix("pairing-") for one in desk.locator(".signing-card").evaluate_all(IDS)]
    by_uid = {one["pairing"]: one for one in talk.pairings}
    for side in SIDES:
        who = talk.owner(by_uid[uids[0]][side]["organization"])
        phone = talk.page(f"{talk.home}/signing", who, PHONE)
        phone.locator(f"#pairing-{uids[0]}").get_by_role("button", name=talk.starting("We sign")).click()
        phone.locator("[data-done]").wait_for()
        talk.look(phone, f"signs-{side}")
        phone.context.close()
    for uid in uids[1 : 1 + ON_STAGE]:
        line = desk.locator(f"#pairing-{uid}")
        line.get_by_role("button", name=talk.starting("Signed on stage")).click()
        line.get_by_text(talk.say("Agreed")).wait_for()
    desk.context.close()
    talk.check("Frida", signing=f"{talk.home}/signing", agreement=agreement)


IDS = "all => all.map((one) => one.id)"


def read_the_log(talk: Talk) -> None:
    """Somebody who was not there reads, in Chinese, who decided what, when and why."""
    log = talk.page(f"/audit?subject={talk.forum.round}", "Frida", PHONE)
    talk.look(log, "log")
    told = log.locator("tbody tr").all_inner_texts()
    while (older := log.locator("nav.pages a[rel=next]")).count():
        with log.expect_navigation():
            older.click()
        told += log.locator("tbody tr").all_inner_texts()
    told.reverse()

    def rows(*words: str) -> list[int]:
        return [place for place, row in enumerate(told) if all(word in row for word in words)]

    on_a_phone = talk.say("{organization}, on a phone")
    [begun] = rows("Frida", talk.why)
    [closed] = rows("Frida", talk.say("the choosing was closed"), talk.say("Lapsed"))[:1]
    spare = talk.pairings[COOPERATIONS]
    [declined] = rows(NO, on_a_phone.format(organization=spare["offer"]["organization_name"]))
    for one in talk.pairings[:COOPERATIONS]:
        title = f"{one['need']['title']} – {one['offer']['title']}"
        half, whole = (
            rows(
                title,
                talk.happened("Choice", "accepted"),
                on_a_phone.format(organization=one[side]["organization_name"]),
            )
            for side in reversed(SIDES)
        )
        [mutual] = rows(title, talk.happened("Pairing", "chosen by both sides"))
        assert begun < half[0] < whole[0] <= mutual < declined < closed
    agreed = rows(talk.happened("Pairing", "agreed"))
    assert len(agreed) == 1 + ON_STAGE
    assert len([place for place in agreed if "Frida" in told[place]]) == ON_STAGE
    drafted = rows("Frida", talk.happened("Agreement", "begun as a draft"))
    assert closed < drafted[0] < agreed[0]
    english = {
        row for row in told if re.search(r"[a-z]{3,}", re.sub(r"Frida|Owner\d+|[0-9a-f]{64}", "", row))
    }
    assert english == set(), "every word of it is said in the reader's language"
