"""A flood-relief round: open, match, sign, all in one go, as programs do it.

The needs and offers are those of the bundled scenario that are for disaster relief: an association's trucks,
companies' goods, a public platform. Nothing is chosen and nobody waits: to sign is to accept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tests.house import open_house
from tests.journeys.forum import gather
from tests.journeys.trail import Trail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.journeys.forum import Forum

WITHIN = timedelta(minutes=5)
"""From the opening to the last signature, with this machine's hands instead of people's."""


THEME = ["disaster-relief"]
GOODS, COMPANY = "河南水灾：七天送达二十八万元救灾物资", "灾后安置点心理陪伴"
CLEANUP = "受灾村清淤志愿者"
PLATFORM, TRUCKS = "党委救灾平台：号召、统筹与物资", "物流协会救灾货车"
VOLUNTEERS = "注册志愿者调配"
WHY = {
    "round.create": "Heavy rain over Henan; the first villages are cut off.",
    "override.make": "The trucks are loaded for these villages already.",
}


@dataclass
class Relief:
    """The people of the story, and what has come of it so far."""

    forum: Forum
    applications: dict[str, str] = field(default_factory=dict)
    """By the title of the listing."""
    signed: list[str] = field(default_factory=list)

    @property
    def here(self) -> str:
        return self.forum.here


@pytest.fixture
def relief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relief]:
    with open_house(tmp_path_factory.mktemp("relief"), scenarios=["kaifeng"]) as house:
        yield Relief(gather(house))


def test_relief_is_opened_matched_and_signed_within_minutes(relief: Relief) -> None:
    open_round(relief)
    bring_everything(relief)
    match_at_once(relief)
    sign_at_once(relief)
    read_the_log(relief)


def open_round(relief: Relief) -> None:
    """A preset and a title are all it takes."""
    made = relief.forum.begin("flood-relief", "河南水灾救援", themes=THEME, reason=WHY["round.create"])
    assert made["phases"] == ["open", "matching", "signing", "delivering"]
    assert relief.forum.advance() == "open"


def bring_everything(relief: Relief) -> None:
    """What is there already enters with one call; what has just become urgent is posted and enters too."""
    there = relief.forum.listings(THEME)
    charity = next(one["organization"]["id"] for one in there if one["title"] == COMPANY)
    urgent = relief.forum.owner(charity).program.post(
        "/listings",
        status=201,
        organization=charity,
        side="need",
        title=CLEANUP,
        text="洪水退去，街道、学校和水井都是淤泥，需要能吃苦的志愿者分组清淤，吃住自理。",
        themes=THEME,
        groups=["rural-residents"],
        places=["henan"],
        beneficiaries=3200,
        lines=[{"kind": "volunteers", "amount": 800, "unit": "hour", "minimum": 300}],
    )
    for listing in (*there, urgent):
        relief.applications[listing["title"]] = relief.forum.enter(listing)


def match_at_once(relief: Relief) -> None:
    """The trucks that are loaded already stay where they are; everything else is the matcher's."""
    assert relief.forum.advance() == "matching"
    relief.forum.frida.post(
        f"{relief.here}/overrides",
        status=201,
        kind="lock",
        need=relief.applications[GOODS],
        offer=relief.applications[TRUCKS],
        reason=WHY["override.make"],
    )
    run = relief.forum.match()
    released = relief.forum.frida.post(f"{relief.here}/match-runs/{run['id']}/release", confirmed=True)
    found = {(one["need"]["title"], one["offer"]["title"]) for one in released}
    assert found >= {(GOODS, TRUCKS), (GOODS, PLATFORM), (CLEANUP, VOLUNTEERS)}


def sign_at_once(relief: Relief) -> None:
    """One call of each side accepts and signs."""
    assert relief.forum.advance() == "signing"
    for one in relief.forum.frida.get(f"{relief.here}/signing"):
        path = f"{relief.here}/signing/{one['pairing']}"
        assert one["status"] == "released"
        assert relief.forum.owner(one["need"]["organization"]).program.post(path)["status"] == "released"
        assert relief.forum.owner(one["offer"]["organization"]).program.post(path)["status"] == "agreed"
        relief.signed.append(one["pairing"])
    assert len(relief.signed) >= 3
    assert relief.forum.advance() == "delivering"


def read_the_log(relief: Relief) -> None:
    """Minutes lie between the opening and the last signature; the log alone tells who, what, when and why."""
    trail = Trail(relief.forum.frida, relief.forum.round)
    trail.check_readable()
    opened, agreed = trail.one("round.open"), trail.of("pairing.agree")
    assert {entry["subject"] for entry in agreed} == set(relief.signed)
    moments = [datetime.fromisoformat(entry["at"]) for entry in (opened, agreed[-1])]
    assert moments[1] - moments[0] < WITHIN
    for name, why in WHY.items():
        decided = trail.one(name)
        assert (decided["who"]["name"], decided["reason"]) == ("Frida", why)
    assert trail.one("override.make")["title"] == f"{GOODS} – {TRUCKS}"
    for pairing in relief.signed:
        told = [entry for entry in trail.entries if entry["subject"] == pairing]
        steps = [entry["name"] for entry in told]
        assert steps == [
            "pairing.release",
            "pairing.sign",
            "pairing.sign",
            "pairing.become_mutual",
            "pairing.agree",
        ]

        need, _, offer = told[0]["title"].partition(" – ")
        assert need in (GOODS, CLEANUP, COMPANY)
        assert offer
        sides = [entry["details"]["side"] for entry in told if entry["name"] == "pairing.sign"]
        assert sides == ["need", "offer"]
        assert told[1]["who"] != told[2]["who"]
    assert [entry["who"]["name"] for entry in trail.of("match_run.finish")] == ["the service"]
    assert trail.one("match_run.request")["who"]["name"] == "Frida"
