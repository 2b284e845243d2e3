"""The venture call on screen: the decisive steps by hand, on phone and desktop, the rest by program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from service.permissions import Role
from tests.browser.test_accessibility import TWO_VIEWS, examine
from tests.journeys.venture import (
    FUND,
    HOMELESS,
    MERIT,
    MESA,
    MOHAI,
    NEEDS,
    RIDERS,
    SCOPES,
    TITLE,
    WORDS,
    Call,
    Somebody,
    accept_fitting,
    appeal,
    apply,
    assign_reviews,
    create_round,
    facts_of,
    in_notice,
    match,
    profiles_of_the_call,
    publish,
    reassign,
    resubmit,
    write_all,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.house import House

PHONE, DESKTOP = 390, 1280


@dataclass
class Stage:
    """The call, the windows that people open on it, and their sessions by name."""

    call: Call
    open_page: Callable[..., Page]
    keys: dict[str, str]

    def page(self, path: str, who: str = "", width: int = DESKTOP) -> Page:
        return self.open_page(path, key=self.keys.get(who, ""), width=width)

    @property
    def home(self) -> str:
        return self.call.here

    def check(self, who: str, *paths: str) -> None:
        """These pages have no fault that axe can find, on phone and desktop, dark and light."""
        for path in paths:
            page = self.page(path, who)
            assert page.locator(".empty h1").count() == 0, "nothing is missing"
            assert examine(page, TWO_VIEWS) == [], path
            page.context.close()


@pytest.fixture
def stage(house: House, open_page: Callable[..., Page]) -> Stage:
    profiles = profiles_of_the_call()
    keys: dict[str, str] = {}

    def somebody(name: str, scopes: str, *, roles: list[Role] | None = None, **places: Role) -> Somebody:
        email = f"{name.lower()}@call.example.org"
        keys[name] = house.person(email, roles=roles, **places)
        return Somebody(house.program(keys[name], SCOPES[scopes]).http, name, email)

    organizations = {}
    for profile in profiles.values():
        one, facts = profile.organization, facts_of(profile)
        language = "es" if profile.text.isascii() or "ó" in profile.text else "zh-Hans"
        organizations[one.id] = house.organization(one.name, facts.pop("kind"), language, **facts)
    tied = {organizations["org-mesa"]: Role.VIEWER}
    call = Call(
        engine=house.engine,
        work=house.wait_for_jobs,
        profiles=profiles,
        parties={key: somebody(key, "applicant", **{uid: Role.EDITOR}) for key, uid in organizations.items()},
        organizations=organizations,
        frida=somebody("Frida", Role.FACILITATOR, roles=[Role.FACILITATOR]),
        felix=somebody("Felix", Role.FACILITATOR, roles=[Role.FACILITATOR]),
        reviewers={
            "Rosa": somebody("Rosa", Role.REVIEWER, roles=[Role.REVIEWER], **tied),
            **{
                name: somebody(name, Role.REVIEWER, roles=[Role.REVIEWER])
                for name in ("Stan", "Rui", "Rita", "Rolf")
            },
        },
        public=house.public(),
    )
    return Stage(call, open_page, keys)


def test_venture_call_on_screen(stage: Stage, tmp_path: Path) -> None:
    call = stage.call
    publish(call)
    create_round(call)
    apply(call)
    accept_fitting(call)
    return_with_reasons(stage)
    resubmit(call)
    appeal(call)
    assign_reviews(call)
    step_back(stage)
    reassign(call)
    review(stage)
    write_all(call)
    reviews = f"{stage.home}/reviews"
    of_mesa = f"{reviews}/applications/{call.applications[MESA]}"
    stage.check("Frida", reviews, f"{reviews}/assignment", f"{reviews}/scores?cut=1&number=6", of_mesa)
    stage.check("Rita", "/reviews", f"/reviews/{call.reviewers['Rita'].get('/reviews')[0]['id']}")
    draw_the_line(stage)
    press_match(stage)
    first = in_notice(call)
    result = f"{stage.home}/match/{call.frida.get(f'{stage.home}/match-runs')[0]['id']}"
    stage.check(
        "Frida", result, f"{result}?view=board", f"{result}/certificate", f"{stage.home}/match/what-if"
    )
    stage.check("Frida", f"{stage.home}/match/decisions")
    object_by_phone(stage, tmp_path)
    stage.check("Felix", f"{stage.home}/notice")
    uphold(stage)
    call_up(stage)
    second = match(call)
    assert MESA in first
    assert RIDERS in second
    assert MESA not in second
    after, before = [one["id"] for one in call.frida.get(f"{stage.home}/match-runs")]
    stage.check("Frida", f"{stage.home}/match/compare?before={before}&after={after}")
    confirm_by_hand(stage)
    read_the_log(stage)


def return_with_reasons(stage: Stage) -> None:
    """The form begins with the rule that is not met; the organization reads on a phone what Frida wrote."""
    here = f"/applications/{stage.call.applications[MOHAI]}"
    desk = stage.page(here, "Frida")
    reason = desk.get_by_role("textbox", name="Reason")
    assert "50" in reason.input_value()
    reason.fill(WORDS["return"])
    # look: desk return
    desk.get_by_role("button", name="Return it", exact=True).click()
    desk.get_by_text("What happened").wait_for()
    phone = stage.page(here, stage.call.owner(MOHAI).name, PHONE)
    # look: phone returned
    assert phone.get_by_text(WORDS["return"]).first.is_visible()
    assert phone.get_by_role("button", name="Submit again").is_visible()


def step_back(stage: Stage) -> None:
    """Rui, on his phone, recognises a project and steps back with the reason; its name leaves his list."""
    phone = stage.page("/reviews", "Rui", PHONE)
    # look: phone my-reviews
    first = phone.locator(".action-row a.link").first
    stage.call.recused = first.inner_text()
    first.click()
    phone.get_by_role("textbox", name="What ties you to it").fill(WORDS["recuse"])
    # look: phone conflict
    phone.get_by_role("button", name="Step back").click()
    phone.get_by_role("heading", name="My reviews").wait_for()
    assert phone.get_by_role("link", name=stage.call.recused, exact=True).count() == 0


def review(stage: Stage) -> None:
    """Rita confirms that nothing ties her, scores on her phone and hands in; no page says whose it is."""
    phone = stage.page("/reviews", "Rita", PHONE)
    first = phone.locator(".action-row a.link").first
    name = next(key for key in NEEDS if stage.call.profiles[key].title == first.inner_text())
    first.click()
    phone.get_by_role("button", name="I have no conflict of interest").click()
    phone.get_by_text("Your judgement").wait_for()
    assert stage.call.profiles[name].organization.name not in phone.content()
    for scale in phone.locator(".scale").all():
        scale.get_by_role("radio", name=str(MERIT[name]), exact=True).check()
    total = phone.locator("[data-total]")
    assert total.inner_text().startswith(str(MERIT[name] * 10)), "the total is counted while one scores"
    phone.get_by_role("textbox", name="Comment").fill("Well thought out.")
    # look: phone review
    phone.get_by_role("button", name="Hand in the review").click()
    phone.get_by_text("The other reviews").wait_for()


def draw_the_line(stage: Stage) -> None:
    """Frida looks where the line falls, six on the list, and decides like that with a reason for the rest."""
    desk = stage.page(f"{stage.home}/reviews/scores", "Frida")
    # look: desk scores
    desk.get_by_label("How many at most").fill("6")
    desk.get_by_role("button", name="Show where the line falls").click()
    desk.get_by_text("Waiting list (1)").wait_for()
    desk.get_by_label("Decline those below the mark").check()
    desk.get_by_role("textbox", name="Reason for declining").fill(WORDS["decline"])
    # look: desk line
    desk.get_by_role("button", name="Decide like this and tell everybody").click()
    desk.get_by_text("place 1").wait_for()
    rows = desk.locator("tr", has_text=stage.call.profiles[HOMELESS].title)
    assert "Declined" in rows.inner_text()
    assert stage.call.phase(stage.call.frida) == "matching"


def press_match(stage: Stage) -> None:
    """One button; the result comes by itself, and its release says whom it leaves with nothing."""
    desk = stage.page(f"{stage.home}/match", "Frida")
    desk.get_by_role("button", name="Match", exact=True).click()
    desk.get_by_role("heading", name="Pairings").wait_for()
    # look: desk result
    seen = desk.get_by_label("I have seen")
    if seen.count():
        seen.check()
    desk.get_by_role("button", name="Release").click()
    desk.get_by_text("Released").first.wait_for()
    assert stage.call.phase(stage.call.frida) == "notice"


def object_by_phone(stage: Stage, folder: Path) -> None:
    """A visitor finds the line on a phone, objects with a file and is told that it has come in."""
    phone = stage.page(f"{stage.home}/notice", width=PHONE)
    # look: phone notice
    title = stage.call.profiles[MESA].title
    line = phone.locator(".notice-line", has_text=title).filter(has_text=stage.call.profiles[FUND].title)
    line.get_by_role("link", name="Object").click()
    about = phone.get_by_label("What it is about")
    assert title in about.locator("option:checked").inner_text()
    phone.get_by_role("textbox", name="Your objection").fill(WORDS["objection"])
    (folder / "libro.pdf").write_bytes(b"%PDF-1.4\nledger\n%%EOF\n")
    phone.get_by_label("Evidence").set_input_files(folder / "libro.pdf")
    phone.get_by_role("textbox", name="Your name").fill("Ana López")
    phone.get_by_role("textbox", name="Your e-mail address").fill("ana@call.example.org")
    # look: phone object
    phone.get_by_role("button", name="Send the objection").click()
    phone.get_by_text("Open objections: 1").wait_for()
    # look: phone objected
    assert phone.get_by_text("Ana López").count() == 0, "nobody sees who objected"


def uphold(stage: Stage) -> None:
    """Felix reads the evidence, upholds it with a reason that all may read, and the round goes back."""
    desk = stage.page(f"{stage.home}/notice", "Felix")
    assert desk.get_by_role("link", name="libro.pdf").is_visible()
    assert desk.get_by_role("button", name="Confirm the result").is_disabled()
    desk.get_by_role("textbox", name="Reason").fill(WORDS["uphold"])
    desk.get_by_label("The project is declined").check()
    # look: desk uphold
    desk.get_by_role("button", name="Uphold").click()
    desk.get_by_text("The result is being worked on again").wait_for()
    phone = stage.page(f"{stage.home}/notice", width=PHONE)
    # look: phone reworked
    assert phone.get_by_text(WORDS["uphold"]).is_visible()


def call_up(stage: Stage) -> None:
    """The first in line takes the place that became free, while the match is made."""
    phone = stage.page(f"{stage.home}/reviews/scores", "Frida", PHONE)
    assert phone.get_by_text(f"Next in line: {stage.call.profiles[RIDERS].title}").is_visible()
    phone.get_by_role("textbox", name="Reason").fill(WORDS["call-up"])
    for here in phone.locator(":is(.phase-line, .tab-line) [aria-current]").all():
        assert here.evaluate("one => one.getBoundingClientRect().right <= innerWidth"), "here is in view"
    # look: phone call-up
    phone.get_by_role("button", name="Put it on the shortlist").click()
    phone.get_by_text("Next in line").wait_for(state="detached")


def confirm_by_hand(stage: Stage) -> None:
    """Once the time is over Frida confirms; from then on the page tells everybody the confirmed result."""
    waiting = stage.page(f"{stage.home}/notice", "Frida")
    assert waiting.get_by_role("button", name="Confirm the result").is_disabled()
    stage.call.pass_time("notice")
    desk = stage.page(f"{stage.home}/notice", "Frida")
    # look: desk confirm
    desk.get_by_role("button", name="Confirm the result").click()
    desk.get_by_text("The confirmed result").wait_for()
    visitor = stage.page(f"{stage.home}/notice", width=PHONE)
    assert visitor.get_by_text("The confirmed result").is_visible()
    assert visitor.locator(".notice-line", has_text=stage.call.profiles[RIDERS].title).count() == 1
    assert visitor.locator(".notice-line", has_text=stage.call.profiles[MESA].title).count() == 0


def read_the_log(stage: Stage) -> None:
    """The page of the log tells who, what about what, and why, on a phone too."""
    for width in (PHONE, DESKTOP):
        log = stage.page(f"/audit?subject={stage.call.round}", "Felix", width)
        # look: log
        row = log.locator("tr", has_text="Objection: upheld")
        told = row.inner_text()
        for words in ("Felix", stage.call.profiles[MESA].title, WORDS["uphold"], "The need is declined"):
            assert words in told, (words, told)
        assert log.get_by_role("heading", name=TITLE).is_visible()
        across = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert log.evaluate(across) <= 0, "nothing sticks out sideways"
