"""The people of a round and what they do in bulk: programs with their own tokens, phones with codes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from service.permissions import Role
from tests.listening import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.house import House, Program

RUNS = {"round:run", "match:run", "pairing:release", "pairing:override", "forum:steer", "audit:read"}
OWNS = {"listing:create", "listing:publish", "application:submit", "choice:make", "agreement:sign"}
FOLLOWS_UP = {
    "agreement:bring",
    *("application:screen", "review:assign", "objection:decide", "agreement:draft"),
    *("report:review", "visit:write", "breach:decide", "organization:bar", "tranche:approve"),
}
CARRIES_OUT = {
    *("agreement:draft", "agreement:end", "milestone:report", "milestone:accept"),
    *("tranche:request", "tranche:approve", "tranche:pay", "delivery:record", "expense:record"),
    *("report:write", "report:review", "visit:write", "breach:raise", "breach:answer"),
}
"""What facilitators and owners do besides, once agreements are signed."""


@dataclass
class Owner:
    """Somebody who acts for an organization: the key of a browser that is signed in, and a program."""

    name: str
    key: str
    program: Program


@dataclass
class Forum:
    """Who takes part in a round, and the round once there is one."""

    house: House
    facilitator_key: str
    frida: Program
    """The facilitator's program."""
    public: Program
    owners: dict[str, Owner] = field(default_factory=dict)
    """By their organization's id."""
    round: str = ""
    names: dict[str, str] = field(default_factory=dict)
    """Of the organizations that have entered, by id."""

    @property
    def here(self) -> str:
        return f"/rounds/{self.round}"

    def owner(self, organization: str) -> Owner:
        """Who acts for an organization; they come into being when they are needed."""
        if organization not in self.owners:
            name = f"owner{len(self.owners)}"
            key = self.house.person(f"{name}@example.org", language="zh-Hans", **{organization: Role.OWNER})
            program = self.house.program(key, OWNS | CARRIES_OUT, language="zh-Hans")
            self.owners[organization] = Owner(name.title(), key, program)
        return self.owners[organization]

    def begin(self, preset: str, title: str, **facts: Any) -> dict[str, Any]:
        """Make a round, a draft still."""
        made: dict[str, Any] = self.frida.post(
            "/rounds", status=201, preset=preset, title=title, time_zone="Asia/Shanghai", **facts
        )
        self.round = made["id"]
        return made

    def advance(self) -> str:
        """Move the round on; the phase that it is in then."""
        return str(self.frida.post(f"{self.here}/advance")["status"])

    def listings(self, themes: Iterable[str]) -> list[dict[str, Any]]:
        """What is published about these themes."""
        found = self.public.all_of("/listings", limit=100)
        return [one for one in found if set(themes) & set(one["themes"])]

    def enter(self, listing: dict[str, Any]) -> str:
        """Enter a listing and submit it; where nobody screens it is in at once. Gives its id."""
        organization = listing["organization"]
        owner = self.owner(organization["id"]).program
        entered = owner.post(f"{self.here}/applications", status=201, listing=listing["id"])
        assert entered["missing"] == [], "nobody is asked what is known already"
        submitted = owner.post(f"{self.here}/applications/{entered['id']}/submit")
        assert submitted["status"] == "eligible"
        self.names[organization["id"]] = organization["name"]
        return str(submitted["id"])

    def match(self) -> dict[str, Any]:
        """Match the round and wait for the worker; the run."""
        run: dict[str, Any] = self.frida.post(f"{self.here}/match-runs", status=202)
        until = time.monotonic() + PATIENCE * 4
        while run["status"] in ("queued", "running") and time.monotonic() < until:
            time.sleep(0.1)
            run = self.frida.get(f"{self.here}/match-runs/{run['id']}")
        assert run["status"] == "done", run
        return run

    def codes(self) -> dict[str, str]:
        """Where the code on each organization's card leads."""
        return {one["organization"]: one["address"] for one in self.frida.get(f"{self.here}/attendance")}

    def phone(self, address: str) -> httpx.Client:
        """A phone that has come in with a code."""
        phone = httpx.Client(base_url=self.house.url, headers={"accept-language": "zh-Hans"}, timeout=60)
        assert phone.post(address).status_code == 303
        return phone


def gather(house: House) -> Forum:
    """The facilitator comes; the owners come when they are needed."""
    key = house.person("frida@example.org", roles=[Role.FACILITATOR])
    return Forum(house, key, house.program(key, RUNS | FOLLOWS_UP), house.public())
