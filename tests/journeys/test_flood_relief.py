"""A flood-relief round: open, match, sign, all in one go, as programs do it.

The needs and offers are those of the bundled scenario that are for disaster relief: an association's trucks,
companies' goods, a public platform. Nothing is chosen and nobody waits: to sign is to accept.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from service.permissions import Role
from tests.house import open_house
from tests.journeys.trail import Trail
from tests.listening import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.house import House, Program

RUNS = {"round:run", "match:run", "pairing:release", "pairing:override", "forum:steer", "audit:read"}
OWNS = {"listing:create", "listing:publish", "application:submit", "choice:make", "agreement:sign"}
WITHIN = timedelta(minutes=5)
"""From the opening to the last signature, with this machine's hands instead of people's."""


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
    """The people of the story and what has come of it so far."""

    house: House
    frida: Program
    owners: dict[str, Program]
    public: Program
    round: str = ""
    applications: dict[str, str] = field(default_factory=dict)
    """By the title of the listing."""
    at: dict[str, str] = field(default_factory=dict)
    """The organization behind a listing, by its title."""
    signed: list[str] = field(default_factory=list)

    @property
    def here(self) -> str:
        return f"/rounds/{self.round}"


@pytest.fixture
def relief(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relief]:
    with open_house(tmp_path_factory.mktemp("relief"), scenarios=["kaifeng"]) as house:
        frida = house.program(house.person("frida@example.org", roles=[Role.FACILITATOR]), RUNS)
        listings = frida.all_of("/listings", limit=100)
        owners = {}
        for listing in listings:
            if "disaster-relief" in listing["themes"] and listing["organization"]["id"] not in owners:
                one = listing["organization"]["id"]
                key = house.person(f"owner{len(owners)}@example.org", **{one: Role.OWNER})
                owners[one] = house.program(key, OWNS)
        yield Relief(house, frida, owners, house.public())


def test_relief_is_opened_matched_and_signed_within_minutes(relief: Relief) -> None:
    open_round(relief)
    bring_everything(relief)
    match_at_once(relief)
    sign_at_once(relief)
    read_the_log(relief)


def open_round(relief: Relief) -> None:
    """A preset and a title are all it takes."""
    made = relief.frida.post(
        "/rounds",
        status=201,
        preset="flood-relief",
        title="河南水灾救援",
        themes=["disaster-relief"],
        time_zone="Asia/Shanghai",
        reason=WHY["round.create"],
    )
    assert made["phases"] == ["open", "matching", "signing", "delivering"]
    relief.round = made["id"]
    assert relief.frida.post(f"{relief.here}/advance")["status"] == "open"


def bring_everything(relief: Relief) -> None:
    """What is there already enters with one call; what has just become urgent is posted and enters too."""
    for listing in relief.public.all_of("/listings", limit=100):
        if "disaster-relief" in listing["themes"]:
            owner = relief.owners[listing["organization"]["id"]]
            relief.applications[listing["title"]] = enter(relief, owner, listing["id"])
            relief.at[listing["title"]] = listing["organization"]["id"]
    charity = relief.at[COMPANY]
    urgent = relief.owners[charity].post(
        "/listings",
        status=201,
        organization=charity,
        side="need",
        title=CLEANUP,
        text="洪水退去，街道、学校和水井都是淤泥，需要能吃苦的志愿者分组清淤，吃住自理。",
        themes=["disaster-relief"],
        groups=["rural-residents"],
        places=["henan"],
        beneficiaries=3200,
        lines=[{"kind": "volunteers", "amount": 800, "unit": "hour", "minimum": 300}],
    )
    relief.applications[CLEANUP] = enter(relief, relief.owners[charity], urgent["id"])


def enter(relief: Relief, owner: Program, listing: str) -> str:
    """Enter a listing; no screening stands between it and the match. Gives the application's id."""
    entered = owner.post(f"{relief.here}/applications", status=201, listing=listing)
    assert entered["missing"] == []
    submitted = owner.post(f"{relief.here}/applications/{entered['id']}/submit")
    assert submitted["status"] == "eligible"
    return str(submitted["id"])


def match_at_once(relief: Relief) -> None:
    """The trucks that are loaded already stay where they are; everything else is the matcher's."""
    assert relief.frida.post(f"{relief.here}/advance")["status"] == "matching"
    relief.frida.post(
        f"{relief.here}/overrides",
        status=201,
        kind="lock",
        need=relief.applications[GOODS],
        offer=relief.applications[TRUCKS],
        reason=WHY["override.make"],
    )
    run = relief.frida.post(f"{relief.here}/match-runs", status=202)
    until = time.monotonic() + PATIENCE * 4
    while run["status"] in ("queued", "running") and time.monotonic() < until:
        time.sleep(0.1)
        run = relief.frida.get(f"{relief.here}/match-runs/{run['id']}")
    assert run["status"] == "done", run
    released = relief.frida.post(f"{relief.here}/match-runs/{run['id']}/release", confirmed=True)
    found = {(one["need"]["title"], one["offer"]["title"]) for one in released}
    assert found >= {(GOODS, TRUCKS), (GOODS, PLATFORM), (CLEANUP, VOLUNTEERS)}


def sign_at_once(relief: Relief) -> None:
    """One call of each side accepts and signs."""
    assert relief.frida.post(f"{relief.here}/advance")["status"] == "signing"
    for one in relief.frida.get(f"{relief.here}/signing"):
        path = f"{relief.here}/signing/{one['pairing']}"
        assert one["status"] == "released"
        assert relief.owners[one["need"]["organization"]].post(path)["status"] == "released"
        assert relief.owners[one["offer"]["organization"]].post(path)["status"] == "agreed"
        relief.signed.append(one["pairing"])
    assert len(relief.signed) >= 3
    assert relief.frida.post(f"{relief.here}/advance")["status"] == "delivering"


def read_the_log(relief: Relief) -> None:
    """Minutes lie between the opening and the last signature; the log alone tells who, what, when and why."""
    trail = Trail(relief.frida, relief.round)
    trail.check_readable()
    opened, agreed = trail.one("round.open"), trail.of("pairing.agree")
    assert {entry["subject"] for entry in agreed} == set(relief.signed)
    moments = [datetime.fromisoformat(entry["at"]) for entry in (opened, agreed[-1])]
    assert moments[1] - moments[0] < WITHIN
    for name, why in WHY.items():
        decided = trail.one(name)
        assert (decided["who"]["name"], decided["reason"]) == ("Frida", why)
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

        sides = [entry["details"]["side"] for entry in told if entry["name"] == "pairing.sign"]
        assert sides == ["need", "offer"]
        assert told[1]["who"] != told[2]["who"]
    assert [entry["who"]["name"] for entry in trail.of("match_run.finish")] == ["the service"]
    assert trail.one("match_run.request")["who"]["name"] == "Frida"
