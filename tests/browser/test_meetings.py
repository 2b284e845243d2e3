"""A timetable in a browser: moving meetings by dragging and by buttons, and no fault that axe can find."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlmodel import Session, col, select

from matching.meetings import Place
from matching.profiles import Side
from service.db import writing
from service.listings.models import Listing
from service.meetings import actions
from service.meetings.models import Meeting
from service.meetings.shapes import PlanIn
from service.pairings.models import Pairing, PairingStatus
from service.permissions import SYSTEM_ACTOR, Role
from service.rounds.models import Application, ApplicationStatus, Round, RoundPhase, RoundStatus
from tests.browser.test_accessibility import examine
from tests.days import FORUM_DAY

if TYPE_CHECKING:
    from collections.abc import Callable

    from playwright.sync_api import Page

    from tests.house import House

FRAME = {"day": FORUM_DAY.isoformat(), "start": "09:00", "slots": 3, "tables": ["1", "2"]}
PAIRS = (("清泉公益", "Aguas del Norte"), ("清泉公益", "City Bank"))


class Hall:
    """A round with two meetings: in slot 1 at table 1 and in slot 2 at table 1."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.facilitator = house.person("hall@example.org", roles=[Role.FACILITATOR])
        uids = {name: house.organization(name, kind, "en") for name, kind in _KINDS.items()}
        self.ngo = house.person("hall-ngo@example.org", **{uids["清泉公益"]: Role.OWNER})
        listings = {
            name: house.listing(
                uids[name], Side.NEED if _KINDS[name] == "ngo" else Side.OFFER, f"Of {name}", "Text", "en"
            )
            for name in uids
        }
        phases = ["open", "matching", "choosing", "meeting", "signing"]
        with writing(house.engine) as session:
            one = Round(
                preset="monthly-talk",
                title="May forum",
                phases=phases,
                status=RoundStatus.MEETING,
                time_zone="Asia/Shanghai",
                language="en",
            )
            session.add(one)
            session.flush()
            session.add_all(RoundPhase(round_id=one.key, phase=phase) for phase in phases)
            entered = {name: _enter(session, one, uid) for name, uid in listings.items()}
            actions.set_plan(session, SYSTEM_ACTOR, one, PlanIn.model_validate(FRAME))
            for slot, names in enumerate(PAIRS):
                need, offer = (entered[name].key for name in names)
                pairing = Pairing(round_id=one.key, need_id=need, offer_id=offer, status=PairingStatus.MUTUAL)
                session.add(pairing)
                session.flush()
                actions.place(session, SYSTEM_ACTOR, one, pairing.uid, Place(slot, 0))
            actions.release(session, SYSTEM_ACTOR, one)
        self.home = f"/rounds/{one.uid}/meetings"
        self.round = one

    def meetings(self) -> list[tuple[str, int]]:
        """Beginning (of the clocks in UTC) and table of both, in the order in which they were made."""
        with Session(self.house.engine) as session:
            own = select(Meeting).where(Meeting.round_id == self.round.key).order_by(col(Meeting.id))
            return [(f"{one.starts:%H:%M}", one.table) for one in session.exec(own)]

    def first(self) -> str:
        """Where the first meeting has its page."""
        with Session(self.house.engine) as session:
            own = select(Meeting.uid).where(Meeting.round_id == self.round.key).order_by(col(Meeting.id))
            return f"/meetings/{session.exec(own).first()}"


_KINDS = {"清泉公益": "ngo", "Aguas del Norte": "business", "City Bank": "finance"}


def _enter(session: Session, one: Round, uid: str) -> Application:
    listing = session.exec(select(Listing).where(Listing.uid == uid)).one()
    entered = Application(
        round_id=one.key,
        listing_id=listing.key,
        organization_id=listing.organization_id,
        side=listing.side,
        status=ApplicationStatus.ELIGIBLE,
    )
    session.add(entered)
    session.flush()
    return entered


@pytest.fixture(scope="module")
def hall(house: House) -> Hall:
    return Hall(house)


def cell(slot: int, table: int) -> str:
    return f'[data-slot="{slot}"][data-table="{table}"]'


def test_meeting_is_moved_by_hand_and_every_clash_is_told(open_page: Callable[..., Page], hall: Hall) -> None:
    page = open_page(hall.home, key=hall.facilitator)
    assert hall.meetings() == [("01:00", 0), ("01:25", 0)]

    page.drag_and_drop(f"{cell(0, 0)} [draggable]", cell(2, 1))
    page.wait_for_selector(f"{cell(2, 1)} [draggable]")
    assert hall.meetings() == [("01:50", 1), ("01:25", 0)]

    page.drag_and_drop(f"{cell(2, 1)} [draggable]", cell(1, 1))
    told = page.locator("#desk .notice-error")
    told.first.wait_for()
    assert "清泉公益 meets City Bank in slot 2." in told.first.inner_text()
    assert hall.meetings() == [("01:50", 1), ("01:25", 0)], "nothing has changed"

    page.goto(hall.home)
    page.drag_and_drop(f"{cell(2, 1)} [draggable]", cell(1, 0))
    page.wait_for_selector(f"{cell(2, 1)} :text('City Bank')")
    assert hall.meetings() == [("01:25", 0), ("01:50", 1)], "they have changed places"

    page = open_page(hall.home, key=hall.facilitator, scripts=False)
    page.locator(f"{cell(1, 0)} a[href*='move=']").click()
    assert "清泉公益 meets City Bank in slot 3." in page.locator("#timetable").inner_text()
    page.locator(f"{cell(0, 0)} button").click()
    assert hall.meetings() == [("01:00", 0), ("01:50", 1)], "buttons do it without scripts"


@pytest.mark.parametrize("part", ["", "/plan", "/today", "/summary", "/print"])
def test_pages_of_the_desk_have_no_fault(open_page: Callable[..., Page], hall: Hall, part: str) -> None:
    page = open_page(f"{hall.home}{part}", key=hall.facilitator)
    assert page.locator("h1").count() == 1
    assert examine(page) == []


def test_pages_of_those_who_meet_have_no_fault(open_page: Callable[..., Page], hall: Hall) -> None:
    for path in (hall.home, hall.first()):
        page = open_page(path, key=hall.ngo)
        assert page.locator("h1").count() == 1
        assert examine(page) == []
