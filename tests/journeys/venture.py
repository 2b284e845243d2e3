"""The people and the steps of the venture call, taken by programs with tokens: `/api/v1` and nothing else.

Its organizations, needs and funds are those of the bundled scenario. The journeys through API and browser
share these steps; each tells who takes it, and checks what comes back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlmodel import col, update

from matching.scenarios import load_scenario
from service.db import now, writing
from service.permissions import Role
from service.rounds.models import RoundPhase
from tests.house import Program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Engine

    from matching.profiles import Profile

MESA, PINGAN, SHOUHU = "n-mesa-mayores", "n-pingan-fall", "n-dementia-carers"
DEAF, MOHAI, WHEELS = "n-deaf-hospital", "n-mohai", "n-wheelchair-out"
RIDERS, HOMELESS = "n-riders-safety", "n-homeless-bath"
NEEDS = (MESA, PINGAN, SHOUHU, DEAF, MOHAI, WHEELS, RIDERS, HOMELESS)
FUND, LINGNAN = "o-venture-fund", "o-lingnan-elders"
BUDGET, CAP = 160_000, 50_000
"""In CNY: what the city's fund gives in a year, and what one project may get from it."""
ANSWERS = {
    "plan": "Von Mai bis Februar, jeden Monat ein Bericht. 五月启动，每月一报。",
    "facilities": "现有社区活动室一间，桌椅齐全。",
    "professionals": "专职社工两名、督导一名。",
    "self-financing": "自筹一成。",
}
MERIT = {MESA: 9, PINGAN: 8, SHOUHU: 8, DEAF: 8, MOHAI: 8, WHEELS: 8, RIDERS: 7, HOMELESS: 4}
"""Points by which reviewers who are neither strict nor lenient judge; the riders wait, the last fails."""
WORDS = {
    "return": "五十名直接受益人是本次创投的最低要求，请说明第二个班何时开。",
    "accept": "第二个班的名单已核对。",
    "return-wrongly": "No certificate of the annual inspection is on file.",
    "appeal": "年检结论在登记机关网站上，随时可查，请再看一次。",
    "uphold-appeal": "The register shows the inspection of last year as passed.",
    "recuse": "My sister works there.",
    "decline": "Below the mark for projects of its size.",
    "objection": "Ese comedor ya lo paga entero la caja del distrito desde enero.",
    "uphold": "The district's ledger shows that this project is paid for already.",
    "call-up": "A place became free after the objection.",
}
PDF = b"%PDF-1.4\nledger\n%%EOF\n"
TITLE = "双语之城的社区公益创投"
SCOPES: dict[str, list[str]] = {
    "applicant": [
        "listing:create",
        "listing:edit",
        "listing:publish",
        "application:submit",
        "application:appeal",
    ],
    Role.FACILITATOR: [
        "round:run",
        "application:screen",
        "review:assign",
        "match:run",
        "pairing:release",
        "objection:decide",
        "audit:read",
    ],
    Role.REVIEWER: ["review:submit"],
}
"""What each one's token may do, and no more."""


def profiles_of_the_call() -> dict[str, Profile]:
    """The needs and offers of the scenario that take part, by their names there."""
    found = load_scenario("venture-call").profiles
    return {one.id: one for one in (*found.needs, *found.offers) if one.id in {*NEEDS, FUND, LINGNAN}}


def facts_of(profile: Profile) -> dict[str, Any]:
    """What is known of the organization behind a profile, as columns."""
    one = profile.organization
    return {
        "kind": one.kind,
        "places": sorted(one.places),
        "registered": one.registered,
        "rating": one.rating,
        "inspection_passed": one.inspection_passed,
        "inspection_year": None if one.inspection_passed is None else now().year - 1,
    }


@dataclass
class Somebody(Program):
    """A program with a token of its own, and whose it is."""

    name: str
    email: str


@dataclass
class Call:
    """Everybody in the story, the round and what it holds by the names of the scenario."""

    engine: Engine
    work: Callable[[], object]
    """Does the jobs that are due."""
    profiles: dict[str, Profile]
    parties: dict[str, Somebody]
    organizations: dict[str, str]
    frida: Somebody
    felix: Somebody
    reviewers: dict[str, Somebody]
    public: Program
    """Of nobody."""
    round: str = ""
    listings: dict[str, str] = field(default_factory=dict)
    applications: dict[str, str] = field(default_factory=dict)
    recused: str = ""
    """The title of what Rui stepped back from."""
    written: list[tuple[str, str]] = field(default_factory=list)
    """Who reviewed what, by title."""

    @property
    def here(self) -> str:
        return f"/rounds/{self.round}"

    def owner(self, name: str) -> Somebody:
        """Whoever acts for the organization behind a need or an offer."""
        return self.parties[self.profiles[name].organization.id]

    def application(self, name: str) -> str:
        return f"{self.here}/applications/{self.applications[name]}"

    def names(self, applications: Iterable[str]) -> list[str]:
        by_uid = {uid: name for name, uid in self.applications.items()}
        return [by_uid[uid] for uid in applications]

    def phase(self, program: Somebody) -> str:
        return str(program.post(f"{self.here}/advance")["status"])

    def pass_time(self, phase: str) -> None:
        """Let the time of a phase pass."""
        with writing(self.engine) as session:
            session.execute(
                update(RoundPhase)
                .where(col(RoundPhase.phase) == phase)
                .values(ends=now() - timedelta(minutes=1))
            )


def publish(call: Call) -> None:
    """Every organization publishes what it needs or gives."""
    for name, profile in call.profiles.items():
        owner = call.owner(name)
        made = owner.post(
            "/listings",
            status=201,
            **listed(profile),
            organization=call.organizations[profile.organization.id],
        )
        owner.post(f"/listings/{made['id']}/publish")
        call.listings[name] = made["id"]


def listed(profile: Profile) -> dict[str, Any]:
    """A profile of the scenario as programs bring it."""
    strings = profile.strings
    return {
        "side": profile.side.value,
        "title": profile.title,
        "text": profile.text,
        **{name: sorted(getattr(profile, name)) for name in ("themes", "groups", "goals", "places")},
        "beneficiaries": profile.beneficiaries,
        "most_projects": profile.most_projects,
        "lines": [
            {
                "kind": line.kind,
                "unit": line.unit,
                "critical": None if line.critical else False,
                **{
                    name: value / 100
                    for name in ("amount", "minimum", "labour", "overhead", "cheque_min", "cheque_max")
                    if (value := getattr(line, name))
                },
            }
            for line in profile.lines
        ],
        "strings": {
            **{name: sorted(getattr(strings, name)) for name in ("places", "groups", "themes")},
            "organization_kinds": sorted(strings.organization_kinds),
            "min_beneficiaries": strings.min_beneficiaries,
            "pays_labour": strings.pays_labour,
            "pays_overhead": strings.pays_overhead,
        },
    }


def create_round(call: Call) -> None:
    """Frida begins the round from the preset, with the city's fund as its budget."""
    [preset] = [one for one in call.frida.get("/rounds/presets") if one["id"] == "venture-call"]
    assert preset["phases"][:5] == ["open", "screening", "reviewing", "matching", "notice"]
    budget = {"name": "2026", "offers": [call.listings[FUND]], "limit": f"{BUDGET} CNY"}
    made = call.frida.post(
        "/rounds",
        status=201,
        preset="venture-call",
        title=TITLE,
        time_zone="Asia/Shanghai",
        calendar="CN",
        rules={"applicants": {"places": ["guangzhou"]}, "budgets": [budget]},
        plan=[{"phase": "open", "ends": (now() + timedelta(days=21)).isoformat()}],
    )
    call.round = made["id"]
    entry = {"listing": call.listings[MESA]}
    early = call.owner(MESA).ask("POST", f"{call.here}/applications", status=404, json=entry)
    assert early["code"] == "not-found", "a draft is nobody's but the facilitators'"
    assert call.phase(call.frida) == "open"


def apply(call: Call) -> None:
    """All apply; the questions of the call are asked, and a rule that is not met is said at once."""
    for name in call.profiles:
        owner = call.owner(name)
        made = owner.post(f"{call.here}/applications", status=201, listing=call.listings[name])
        call.applications[name] = made["id"]
        if name in NEEDS:
            assert set(made["missing"]) >= {"plan", "facilities", "professionals"}
            owner.ask("PATCH", call.application(name), json={"answers": ANSWERS}, headers={"If-Match": "*"})
        if name == MOHAI:
            refused = owner.post(f"{call.application(name)}/submit", status=422)
            assert {one["field"] for one in refused["errors"]} == {"rule-beneficiaries", "although"}
        sent = owner.post(f"{call.application(name)}/submit", although=name == MOHAI)
        assert sent["status"] == "submitted"


def accept_fitting(call: Call) -> None:
    """Frida accepts together what fits; one does not."""
    taken = call.frida.post(f"{call.here}/applications/accept")
    assert call.names(taken["left"]) == [MOHAI]


def return_it(call: Call) -> None:
    """Frida gives it back with her reason."""
    returned = call.frida.post(f"{call.application(MOHAI)}/decision", step="return", reason=WORDS["return"])
    assert returned["status"] == "ineligible"


def resubmit(call: Call) -> None:
    """It comes back in time, mended, and is accepted."""
    owner = call.owner(MOHAI)
    seen = owner.get(call.application(MOHAI))
    assert seen["reason"] == WORDS["return"]
    assert "submit it again by" in seen["next"]
    owner.ask(
        "PATCH", f"/listings/{call.listings[MOHAI]}", json={"beneficiaries": 64}, headers={"If-Match": "*"}
    )
    assert owner.post(f"{call.application(MOHAI)}/submit")["status"] == "submitted"
    call.frida.post(f"{call.application(MOHAI)}/decision", step="accept", reason=WORDS["accept"])


def appeal(call: Call) -> None:
    """One is taken out by mistake and appeals; not Frida, who decided, but Felix judges it."""
    call.frida.post(f"{call.application(WHEELS)}/decision", step="decline", reason=WORDS["return-wrongly"])
    made = call.owner(WHEELS).post(f"{call.application(WHEELS)}/appeals", status=201, text=WORDS["appeal"])
    decision = f"{call.application(WHEELS)}/appeals/{made['id']}/decision"
    given = {"step": "uphold", "reason": WORDS["uphold-appeal"]}
    assert call.frida.ask("POST", decision, status=403, json=given)["code"] == "appeal-own-decision"
    assert call.felix.ask("POST", decision, json=given)["status"] == "upheld"
    assert call.owner(WHEELS).get(call.application(WHEELS))["status"] == "eligible"


def assign_reviews(call: Call) -> None:
    """Three reviewers for each; Rosa cannot get what her own organization has handed in."""
    assert call.phase(call.frida) == "screening"
    assert call.phase(call.frida) == "reviewing"
    for program in call.reviewers.values():
        call.frida.post(f"{call.here}/reviewers", status=201, user=program.email, most=8)
    people = {one["name"]: one["id"] for one in call.frida.get(f"{call.here}/reviewers")}
    plan = call.frida.get(f"{call.here}/assignment")
    assert plan["missing"] == []
    mesa = call.applications[MESA]
    assert (mesa, people["Rosa"]) not in {(one["application"], one["reviewer"]) for one in plan["added"]}
    call.frida.post(f"{call.here}/assignment", plan=plan["plan"])
    given = {"application": mesa, "reviewer": people["Rosa"], "reason": "She knows it."}
    refused = call.frida.ask("POST", f"{call.here}/assignment/pairs", status=409, json=given)
    assert refused["code"] == "pair-conflict"


def recuse(call: Call) -> None:
    rui = call.reviewers["Rui"]
    [first, *_] = rui.get("/reviews")
    call.recused = first["title"]
    rui.post(f"/reviews/{first['id']}/recuse", status=204, reason=WORDS["recuse"])
    assert first["id"] not in {one["id"] for one in rui.get("/reviews") if one["status"] == "assigned"}


def reassign(call: Call) -> None:
    """Somebody else takes what was recused."""
    mended = call.frida.get(f"{call.here}/assignment")
    assert len(mended["added"]) == 1
    call.frida.post(f"{call.here}/assignment", plan=mended["plan"])


def write_all(call: Call) -> None:
    """Everything that is still to be written; Stan is strict."""
    for name, program in call.reviewers.items():
        for one in program.get("/reviews"):
            if one["status"] == "assigned":
                write(call, program, one, strict=name == "Stan")


def write(call: Call, program: Somebody, one: dict[str, Any], *, strict: bool) -> None:
    """One review: no conflict, then points. Nothing that is shown says whose the application is."""
    program.post(f"/reviews/{one['id']}/no-conflict")
    seen = program.get(f"/reviews/{one['id']}")
    name = next(key for key in NEEDS if call.profiles[key].title == one["title"])
    assert seen["application"]["applicant"] is None
    assert call.profiles[name].organization.name not in str(seen)
    assert call.organizations[call.profiles[name].organization.id] not in str(seen)
    points = {criterion["code"]: MERIT[name] - 2 * strict for criterion in seen["criteria"]}
    assert len(points) == 7
    sent = program.ask(
        "PUT",
        f"/reviews/{one['id']}",
        json={"scores": points, "comment": "Read twice.", "submit": True},
        headers={"If-Match": "*"},
    )
    assert sent["status"] == "submitted"
    call.written.append((program.name, one["title"]))


def shortlist(call: Call) -> None:
    """Scores without Stan's strictness make the line: six go on, one waits, one is declined with a reason."""
    scores = call.frida.get(f"{call.here}/scores")
    stan = next(one["number"] for one in call.frida.get(f"{call.here}/reviewers") if one["name"] == "Stan")
    assert min(scores["habits"], key=lambda one: one["leniency"])["reviewer"] == stan
    assert any(one["after"] > one["before"] + 1 for one in scores["standings"])
    marks = {call.names([one["application"]])[0]: one["mark"] for one in scores["standings"]}
    assert (marks[MOHAI], marks[MESA]) == (60, 65), "the mark goes by the size"
    line = call.frida.get(f"{call.here}/shortlist", number=6)
    assert set(call.names(line["shortlist"])) == {*NEEDS} - {RIDERS, HOMELESS}
    assert call.names(line["waiting"]) == [RIDERS]
    assert call.names(line["declined"]) == [HOMELESS]
    call.frida.post(f"{call.here}/shortlist", number=6, plan=line["plan"], decline_reason=WORDS["decline"])
    assert call.phase(call.frida) == "matching"


def match(call: Call) -> dict[str, dict[str, int]]:
    """Match, look, release and put out for objections: what each need gets, in CNY, by offer."""
    run = call.frida.post(f"{call.here}/match-runs", status=202)
    call.work()
    seen = call.frida.get(f"{call.here}/match-runs/{run['id']}")
    assert (seen["status"], seen["note"]) == ("done", None)
    assert seen["gap"] < 0.001, "proven to be as good as the best there is"
    release = f"{call.here}/match-runs/{run['id']}/release"
    if call.frida.get(f"{call.here}/match-runs/{run['id']}/result")["alarms"]:
        assert call.frida.post(release, status=422)["errors"][0]["field"] == "confirmed"
    call.frida.post(release, confirmed=True)
    assert call.phase(call.frida) == "notice"
    return in_notice(call)


def in_notice(call: Call) -> dict[str, dict[str, int]]:
    """What stands in public notice; it keeps the budget, the cap of a project and the least of each."""
    given: dict[str, dict[str, int]] = {}
    by_listing = {uid: name for name, uid in call.listings.items()}
    shown = call.public.get(f"{call.here}/notice")
    assert shown["running"]
    for one in shown["lines"]:
        [money] = one["amounts"]
        given.setdefault(by_listing[one["need"]], {})[by_listing[one["offer"]]] = money["amount"]
    from_fund = [sums[FUND] for sums in given.values() if FUND in sums]
    assert sum(from_fund) <= BUDGET
    assert max(from_fund) <= CAP
    for need, sums in given.items():
        assert sum(sums.values()) * 100 >= call.profiles[need].lines[0].minimum
    return given


def object_and_uphold(call: Call, first: dict[str, dict[str, int]]) -> str:
    """Somebody who has no account objects with evidence; Felix upholds it and the round goes back."""
    assert MESA in first
    shown = call.public.get(f"{call.here}/notice")
    about = next(
        one
        for one in shown["lines"]
        if (one["need"], one["offer"]) == (call.listings[MESA], call.listings[FUND])
    )
    sent = call.public.ask(
        "POST",
        f"{call.here}/objections",
        status=201,
        data={
            "name": "Ana López",
            "email": "ana@example.org",
            "text": WORDS["objection"],
            "pairing": about["pairing"],
        },
        files={"files": ("libro.pdf", PDF)},
    )
    call.pass_time("notice")
    blocked = call.frida.post(f"{call.here}/notice/confirm", status=409)
    assert blocked["code"] == "objections-open"
    objection = str(sent["id"])
    decision = f"{call.here}/objections/{objection}/uphold"
    call.felix.post(decision, status=204, reason=WORDS["uphold"], follows="decline-need")
    assert call.frida.get(call.here)["status"] == "matching"
    assert call.owner(MESA).get(call.application(MESA))["reason"] == WORDS["uphold"]
    return objection


def match_again(call: Call, first: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The first who waits takes the place that became free; the new result stands in notice anew."""
    verdict = f"{call.here}/applications/{call.applications[RIDERS]}/verdict"
    call.frida.post(verdict, step="shortlist", reason=WORDS["call-up"])
    second = match(call)
    assert MESA not in second
    assert second != first
    assert sum(second.get(RIDERS, {}).values()) >= call.profiles[RIDERS].lines[0].minimum // 100
    return second


def confirm(call: Call, objection: str, second: dict[str, dict[str, int]]) -> None:
    """The notice lasts its seven working days; then the result is confirmed and may be signed."""
    shown = call.public.get(f"{call.here}/notice")
    began, ends = (datetime.fromisoformat(shown[name]) for name in ("began", "ends"))
    assert shown["working_days"] == 7
    assert ends - began >= timedelta(days=8), "seven working days hold a weekend at least"
    [decided] = shown["decided"]
    assert (decided["id"], decided["status"], decided["reason"]) == (objection, "upheld", WORDS["uphold"])
    assert "Ana" not in str(shown)
    assert call.frida.post(f"{call.here}/notice/confirm", status=409)["code"] == "notice-runs"
    call.pass_time("notice")
    confirmed = call.frida.post(f"{call.here}/notice/confirm")
    assert confirmed["status"] == "signing"
    assert {one["need"] for one in confirmed["lines"]} == {call.listings[need] for need in second}
