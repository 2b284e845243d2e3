"""One agreement, from what both sides chose to its last report, by programs of its parties.

Its project lies behind us, so that everything it owes can be told today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from service.db import now
from tests.house import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from tests.house import Program
    from tests.journeys.forum import Forum

LASTED = timedelta(days=60)
ANYHOW = {"If-Match": "*"}
GIVES, DOES = ("funder", "supervisor"), ("implementer",)


@dataclass
class Cooperation:
    """An agreement of a round, and its parties' programs."""

    forum: Forum
    id: str
    results: str = ""
    """What its final report says has changed for people."""
    people: int = 0
    """Whom it reached, as the final report says."""

    @property
    def here(self) -> str:
        return f"/agreements/{self.id}"

    @property
    def shown(self) -> dict[str, Any]:
        found: dict[str, Any] = self.forum.frida.get(self.here)
        return found

    @cached_property
    def parties(self) -> list[dict[str, Any]]:
        return list(self.shown["parties"])

    def names(self) -> list[str]:
        return [one["name"] for one in self.parties]

    def program(self, organization: str) -> Program:
        return self.forum.owner(organization).program

    def _in_roles(self, roles: Sequence[str]) -> list[dict[str, Any]]:
        return [one for one in self.parties if one["role"] in roles]

    @property
    def giver(self) -> Program:
        """Of those who give or supervise, the first."""
        return self.program(self._in_roles(GIVES)[0]["organization"])

    @property
    def doer(self) -> Program:
        """Who carries it out."""
        return self.program(self._in_roles(DOES)[0]["organization"])

    @property
    def implementer(self) -> dict[str, Any]:
        [one] = self._in_roles(DOES)
        return one

    @cached_property
    def days(self) -> tuple[date, date]:
        """Its first day and its last."""
        last = now().date() - timedelta(days=1)
        return last - LASTED, last

    # Signing ------------------------------------------------------------------------------------------

    def place_in_the_past(self, *, evaluation: bool = False) -> None:
        """The doer writes the days into the draft: it began two months ago and ended yesterday.

        `evaluation`: those who supervise owe one.
        """
        starts, ends = self.days
        terms = self.shown["terms"]
        due = dict(
            zip((one["item"] for one in terms["milestones"]), (starts + LASTED / 2, ends), strict=False)
        )
        terms |= {"starts": str(starts), "ends": str(ends)}
        terms["reports"]["evaluation"] = evaluation
        for one in terms["milestones"]:
            one["due"] = str(due[one["item"]])
        for one in terms["tranches"]:
            one["due"] = str(due.get(one["milestone"], starts))
        saved = self.doer.ask("PUT", f"{self.here}/terms", json={"terms": terms}, headers=ANYHOW)
        assert saved["problems"] == [], "nothing stands in the way of signing"

    def sign(self, *, on_stage: bool = False) -> None:
        """All parties sign the same text, each with a password or together on stage; the books open."""
        frozen = self.forum.frida.ask("POST", f"{self.here}/steps/open-signing", headers=ANYHOW)
        if on_stage:
            signed = self.forum.frida.ask("POST", f"{self.here}/steps/on-stage", headers=ANYHOW)
        else:
            for one in self.parties:
                signed = self.program(one["organization"]).post(
                    f"{self.here}/signatures",
                    text_hash=frozen["text_hash"],
                    name=f"For {one['name']}",
                    position="Director",
                    password=PASSWORD,
                )
        assert signed["status"] == "in-force"
        assert {one["signature"]["text_hash"] for one in signed["parties"]} == {frozen["text_hash"]}
        self.forum.house.wait_for_jobs(300)

    # Money --------------------------------------------------------------------------------------------

    @property
    def money(self) -> dict[str, Any]:
        found: dict[str, Any] = self.giver.get(f"{self.here}/money")
        return found

    def reach(self, milestone: dict[str, Any], statement: str = "Reached, as the list shows.") -> None:
        self.doer.post(f"/milestones/{milestone['id']}/report", statement=statement)
        assert self.giver.post(f"/milestones/{milestone['id']}/accept")["status"] == "accepted"

    def pay(self, tranche: dict[str, Any]) -> None:
        """Asked for by who gets it, approved by its giver, paid on its day by the same bank."""
        there = f"/tranches/{tranche['id']}"
        self.doer.post(f"{there}/request")
        giver = self.giver_of(tranche)
        assert giver.post(f"{there}/approve")["status"] == "approved"
        paid = giver.post(f"{there}/pay", on=tranche["due"], reference=f"Bank {tranche['number']}")
        assert paid["status"] == "paid"

    def giver_of(self, tranche: dict[str, Any]) -> Program:
        givers = {one["id"]: one["organization"] for one in self.money["commitments"]}
        return self.program(givers[tranche["commitment"]])

    def spend(self, purpose: str = "", *, share: int = 100) -> None:
        """So many per cent of each line of the budget, or of those for one purpose."""
        for line in self.money["lines"]:
            if purpose not in ("", line["purpose"]):
                continue
            given = {"amount": line["planned"] * share // 100, "on": str(self.days[1]), "text": line["label"]}
            self.doer.ask("POST", f"/budget-lines/{line['id']}/expenses", status=201, data=given)

    def deliver(self) -> None:
        """All that is not money comes, and who gets it says so."""
        for gift in self.money["commitments"]:
            if gift["kind"] not in ("cash", "endorsement"):
                giver = self.program(gift["organization"])
                came = giver.post(
                    f"/commitments/{gift['id']}/deliveries",
                    status=201,
                    quantity=gift["quantity"],
                    on=str(self.days[1]),
                )
                assert self.doer.post(f"/deliveries/{came['id']}/confirm")["confirmed"]

    def carry_out(self) -> None:
        """Reports that are late, which keep money back; then milestones, tranches, gifts, all spending."""
        self.tell(late=True)
        milestones = {one["id"]: one for one in self.money["milestones"]}
        reached: set[str] = set()
        for tranche in self.money["tranches"]:
            waits = milestones.get(tranche["milestone"])
            if waits and waits["id"] not in reached:
                self.reach(waits)
                reached.add(waits["id"])
            self.pay(tranche)
        for one in milestones.values():
            if one["id"] not in reached:
                self.reach(one)
        self.deliver()
        self.spend()

    # Reports ------------------------------------------------------------------------------------------

    def reports(self) -> list[dict[str, Any]]:
        """All of them, in the order of what they are about."""
        return list(self.doer.get(f"{self.here}/reports"))

    def answers(self, report: dict[str, Any]) -> dict[str, str]:
        """What the report says; questions that it has none for are left out."""
        if report["kind"] == "evaluation":
            points = dict.fromkeys(("goals", "benefit", "economy", "cooperation"), "4")
            return {**points, "judgement": "两次走访，所见与报告一致。"}
        final = report["kind"] == "final"
        return {
            "activities": "每周两次，全部按计划完成。",
            "beneficiaries": str(self.people) if final else str(self.people // 2),
            "results": self.results if final else "一半的人已经受益。",
            "next": "继续。",
            "lasting": "志愿者会接着做下去。",
        }

    def hand_in(self, report: dict[str, Any], **changed: str) -> None:
        program = self.program(report["organization"])
        sent = program.post(f"/reports/{report['id']}/submit", answers={**self.answers(report), **changed})
        assert sent["status"] == "submitted"

    def reader_of(self, report: dict[str, Any]) -> Program:
        """Who decides about a report: those who give or supervise, about their own who carries it out."""
        own = report["organization"] != self.implementer["organization"]
        return self.doer if own else self.giver

    def accept(self, report: dict[str, Any]) -> None:
        accepted = self.reader_of(report).post(f"/reports/{report['id']}/accept")
        assert accepted["status"] == "accepted"

    def tell(self, *, late: bool = False) -> None:
        """All reports that are open still, handed in and accepted; `late`: those that are overdue."""
        for report in self.reports():
            if report["status"] in ("draft", "returned") and (report["days_late"] or not late):
                self.hand_in(report)
                self.accept(report)

    def complete(self) -> None:
        done = self.giver.ask("POST", f"{self.here}/steps/complete", headers=ANYHOW)
        assert done["status"] == "completed"


def draft(forum: Forum, pairings: Sequence[str], by: str, **wanted: Any) -> Cooperation:
    """An agreement of what carries one need, drafted by the organization that carries it out."""
    made = forum.owner(by).program.post("/agreements", status=201, pairings=list(pairings), **wanted)
    return Cooperation(forum, made["id"])
