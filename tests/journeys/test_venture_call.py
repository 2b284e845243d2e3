"""The venture call, from preset to confirmed result, as programs do it: `/api/v1` with tokens, nothing else.

Its organizations, needs and funds are those of the bundled scenario. Each step of the story is told by who
takes it; at the end the log alone must say who decided what, when and why.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import col, update

from matching.scenarios import load_scenario
from service.audit.words import STEPS
from service.db import now, writing
from service.permissions import Role
from service.rounds.models import RoundPhase
from tests.service.conftest import *  # noqa: F403 — the fixtures of a running application
from tests.service.conftest import words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from matching.profiles import Profile
    from service.accounts.models import User
    from service.jobs import Jobs
    from tests.service.conftest import MakeParty, MakeUser, Party, SignInAs

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
API = "/api/v1"
TITLE = "双语之城的社区公益创投"
SCOPES = {
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


@dataclass
class Program:
    """A client with a token of its own."""

    http: TestClient
    name: str
    user: User

    def ask(self, method: str, path: str, status: int = 200, **more: Any) -> Any:
        """What comes back, having the status that is expected."""
        answer = self.http.request(method, f"{API}{path}", **more)
        assert answer.status_code == status, (method, path, answer.status_code, answer.text[:2000])
        return answer.json() if answer.content else None

    def get(self, path: str, **params: Any) -> Any:
        return self.ask("GET", path, params=params)

    def post(self, path: str, status: int = 200, **given: Any) -> Any:
        return self.ask("POST", path, status, json=given)


@dataclass
class Call:
    """Everybody in the story, the round and what it holds by the names of the scenario."""

    engine: Engine
    jobs: Jobs
    profiles: dict[str, Profile]
    parties: dict[str, Program]
    organizations: dict[str, str]
    frida: Program
    felix: Program
    reviewers: dict[str, Program]
    public: TestClient
    round: str = ""
    listings: dict[str, str] = field(default_factory=dict)
    applications: dict[str, str] = field(default_factory=dict)
    recused: str = ""
    """The title of what Rui stepped back from."""

    @property
    def here(self) -> str:
        return f"/rounds/{self.round}"

    def owner(self, name: str) -> Program:
        """Whoever acts for the organization behind a need or an offer."""
        return self.parties[self.profiles[name].organization.id]

    def application(self, name: str) -> str:
        return f"{self.here}/applications/{self.applications[name]}"

    def names(self, applications: Iterable[str]) -> list[str]:
        by_uid = {uid: name for name, uid in self.applications.items()}
        return [by_uid[uid] for uid in applications]

    def phase(self, program: Program) -> str:
        return str(program.post(f"{self.here}/advance")["status"])

    def pass_time(self, phase: str) -> None:
        """Let the time of a phase pass."""
        with writing(self.engine) as session:
            session.execute(
                update(RoundPhase)
                .where(col(RoundPhase.phase) == phase)
                .values(ends=now() - timedelta(minutes=1))
            )


@pytest.fixture
def call(
    engine: Engine,
    jobs: Jobs,
    browser: Callable[[], TestClient],
    sign_in: SignInAs,
    make_party: MakeParty,
    make_user: MakeUser,
) -> Call:
    found = load_scenario("venture-call").profiles
    profiles = {one.id: one for one in (*found.needs, *found.offers) if one.id in {*NEEDS, FUND, LINGNAN}}

    def program(user: User, name: str, role: str = "applicant") -> Program:
        asked = {"name": "journey", "scopes": SCOPES[role]}
        secret = sign_in(browser(), user).post(f"{API}/accounts/tokens", json=asked).json()["secret"]
        http = browser()
        http.headers["Authorization"] = f"Bearer {secret}"
        http.headers["Accept-Language"] = "en"
        return Program(http, name, user)

    members: dict[str, Party] = {}
    for profile in profiles.values():
        one = profile.organization
        members[one.id] = make_party(
            one.name,
            kind=one.kind,
            places=sorted(one.places),
            registered=one.registered,
            rating=one.rating,
            inspection_passed=one.inspection_passed,
            inspection_year=None if one.inspection_passed is None else now().year - 1,
        )

    def staff(name: str, role: Role, **more: Any) -> Program:
        return program(make_user(f"{name.lower()}@example.org", name=name, roles=[role], **more), name, role)

    tied = {members["org-mesa"].organization.key: Role.VIEWER}
    return Call(
        engine=engine,
        jobs=jobs,
        profiles=profiles,
        parties={key: program(party.user, key) for key, party in members.items()},
        organizations={key: party.organization.uid for key, party in members.items()},
        frida=staff("Frida", Role.FACILITATOR),
        felix=staff("Felix", Role.FACILITATOR),
        reviewers={
            "Rosa": staff("Rosa", Role.REVIEWER, member_of=tied),
            **{name: staff(name, Role.REVIEWER) for name in ("Stan", "Rui", "Rita", "Rolf")},
        },
        public=browser(),
    )


def test_venture_call_from_preset_to_confirmation_is_told_by_its_log(database_url: str, call: Call) -> None:
    assert database_url
    publish(call)
    create_round(call)
    apply(call)
    return_and_resubmit(call)
    appeal(call)
    review_blind(call)
    first = shortlist_and_match(call)
    objection = object_and_uphold(call, first)
    second = match_again(call, first)
    confirm(call, objection, second)
    read_the_log(call)


def publish(call: Call) -> None:
    """Every organization publishes what it needs or gives."""
    for name, profile in call.profiles.items():
        owner = call.owner(name)
        made = owner.post(
            "/listings", 201, **listed(profile), organization=call.organizations[profile.organization.id]
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
        201,
        preset="venture-call",
        title=TITLE,
        time_zone="Asia/Shanghai",
        calendar="CN",
        rules={"applicants": {"places": ["guangzhou"]}, "budgets": [budget]},
        plan=[{"phase": "open", "ends": (now() + timedelta(days=21)).isoformat()}],
    )
    call.round = made["id"]
    early = call.owner(MESA).ask(
        "POST", f"{call.here}/applications", 404, json={"listing": call.listings[MESA]}
    )
    assert early["code"] == "not-found", "a draft is nobody's but the facilitators'"
    assert call.phase(call.frida) == "open"


def apply(call: Call) -> None:
    """All apply; the questions of the call are asked, and a rule that is not met is said at once."""
    for name in call.profiles:
        owner = call.owner(name)
        made = owner.post(f"{call.here}/applications", 201, listing=call.listings[name])
        call.applications[name] = made["id"]
        if name in NEEDS:
            assert set(made["missing"]) >= {"plan", "facilities", "professionals"}
            owner.ask("PATCH", call.application(name), json={"answers": ANSWERS}, headers={"If-Match": "*"})
        if name == MOHAI:
            refused = owner.post(f"{call.application(name)}/submit", 422)
            assert {one["field"] for one in refused["errors"]} == {"rule-beneficiaries", "although"}
        sent = owner.post(f"{call.application(name)}/submit", although=name == MOHAI)
        assert sent["status"] == "submitted"


def return_and_resubmit(call: Call) -> None:
    """Frida accepts what fits and returns the rest with her reason; it comes back in time and is accepted."""
    taken = call.frida.post(f"{call.here}/applications/accept")
    assert call.names(taken["left"]) == [MOHAI]
    returned = call.frida.post(f"{call.application(MOHAI)}/decision", step="return", reason=WORDS["return"])
    assert returned["status"] == "ineligible"
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
    made = call.owner(WHEELS).post(f"{call.application(WHEELS)}/appeals", 201, text=WORDS["appeal"])
    decision = f"{call.application(WHEELS)}/appeals/{made['id']}/decision"
    given = {"step": "uphold", "reason": WORDS["uphold-appeal"]}
    assert call.frida.ask("POST", decision, 403, json=given)["code"] == "appeal-own-decision"
    assert call.felix.ask("POST", decision, json=given)["status"] == "upheld"
    assert call.owner(WHEELS).get(call.application(WHEELS))["status"] == "eligible"


def review_blind(call: Call) -> None:
    """Three reviewers each; Rosa cannot get her own organization's, Rui recuses himself from one."""
    assert call.phase(call.frida) == "screening"
    assert call.phase(call.frida) == "reviewing"
    for program in call.reviewers.values():
        call.frida.post(f"{call.here}/reviewers", 201, user=program.user.email, most=8)
    people = {one["name"]: one["id"] for one in call.frida.get(f"{call.here}/reviewers")}
    plan = call.frida.get(f"{call.here}/assignment")
    assert plan["missing"] == []
    mesa = call.applications[MESA]
    assert (mesa, people["Rosa"]) not in {(one["application"], one["reviewer"]) for one in plan["added"]}
    call.frida.post(f"{call.here}/assignment", plan=plan["plan"])
    refused = call.frida.post(
        f"{call.here}/assignment/pairs",
        409,
        application=mesa,
        reviewer=people["Rosa"],
        reason="She knows it.",
    )
    assert refused["code"] == "pair-conflict"
    recuse(call)
    mended = call.frida.get(f"{call.here}/assignment")
    assert len(mended["added"]) == 1, "somebody else takes what was recused"
    call.frida.post(f"{call.here}/assignment", plan=mended["plan"])
    for name, program in call.reviewers.items():
        for one in program.get("/reviews"):
            if one["status"] == "assigned":
                write(call, program, one, strict=name == "Stan")


def recuse(call: Call) -> None:
    rui = call.reviewers["Rui"]
    [first, *_] = rui.get("/reviews")
    call.recused = first["title"]
    rui.post(f"/reviews/{first['id']}/recuse", 204, reason=WORDS["recuse"])
    assert first["id"] not in {one["id"] for one in rui.get("/reviews") if one["status"] == "assigned"}


def write(call: Call, program: Program, one: dict[str, Any], *, strict: bool) -> None:
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


def shortlist_and_match(call: Call) -> dict[str, dict[str, int]]:
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
    return matched(call)


def matched(call: Call) -> dict[str, dict[str, int]]:
    """Match, look, release and put out for objections: what each need gets, in CNY, by offer."""
    run = call.frida.post(f"{call.here}/match-runs", 202)
    call.jobs.run_all()
    seen = call.frida.get(f"{call.here}/match-runs/{run['id']}")
    assert (seen["status"], seen["note"]) == ("done", None)
    assert seen["gap"] < 0.001, "proven to be as good as the best there is"
    release = f"{call.here}/match-runs/{run['id']}/release"
    if call.frida.get(f"{call.here}/match-runs/{run['id']}/result")["alarms"]:
        assert call.frida.post(release, 422)["errors"][0]["field"] == "confirmed"
    call.frida.post(release, confirmed=True)
    assert call.phase(call.frida) == "notice"
    given: dict[str, dict[str, int]] = {}
    by_listing = {uid: name for name, uid in call.listings.items()}
    shown = call.public.get(f"{API}{call.here}/notice").json()
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
    shown = call.public.get(f"{API}{call.here}/notice").json()
    about = next(
        one
        for one in shown["lines"]
        if (one["need"], one["offer"]) == (call.listings[MESA], call.listings[FUND])
    )
    sent = call.public.post(
        f"{API}{call.here}/objections",
        data={
            "name": "Ana López",
            "email": "ana@example.org",
            "text": WORDS["objection"],
            "pairing": about["pairing"],
        },
        files={"files": ("libro.pdf", PDF)},
    )
    assert sent.status_code == 201, sent.text
    call.pass_time("notice")
    blocked = call.frida.post(f"{call.here}/notice/confirm", 409)
    assert blocked["code"] == "objections-open"
    objection = str(sent.json()["id"])
    decision = f"{call.here}/objections/{objection}/uphold"
    call.felix.post(decision, 204, reason=WORDS["uphold"], follows="decline-need")
    assert call.frida.get(call.here)["status"] == "matching"
    assert call.owner(MESA).get(call.application(MESA))["reason"] == WORDS["uphold"]
    return objection


def match_again(call: Call, first: dict[str, dict[str, int]]) -> dict[str, dict[str, int]]:
    """The first who waits takes the place that became free; the new result stands in notice anew."""
    verdict = f"{call.here}/applications/{call.applications[RIDERS]}/verdict"
    call.frida.post(verdict, step="shortlist", reason=WORDS["call-up"])
    second = matched(call)
    assert MESA not in second
    assert second != first
    assert sum(second.get(RIDERS, {}).values()) >= call.profiles[RIDERS].lines[0].minimum // 100
    return second


def confirm(call: Call, objection: str, second: dict[str, dict[str, int]]) -> None:
    """The notice lasts its seven working days; then the result is confirmed and may be signed."""
    shown = call.public.get(f"{API}{call.here}/notice").json()
    began, ends = (datetime.fromisoformat(shown[name]) for name in ("began", "ends"))
    assert shown["working_days"] == 7
    assert ends - began >= timedelta(days=8), "seven working days hold a weekend at least"
    [decided] = shown["decided"]
    assert (decided["id"], decided["status"], decided["reason"]) == (objection, "upheld", WORDS["uphold"])
    assert "Ana" not in str(shown)
    assert call.frida.post(f"{call.here}/notice/confirm", 409)["code"] == "notice-runs"
    call.pass_time("notice")
    confirmed = call.frida.post(f"{call.here}/notice/confirm")
    assert confirmed["status"] == "signing"
    assert {one["need"] for one in confirmed["lines"]} == {call.listings[need] for need in second}


def read_the_log(call: Call) -> None:
    """Whoever reads the log of the round alone can say who decided what, when and why."""
    entries: list[dict[str, Any]] = []
    cursor = None
    while True:
        piece = call.felix.get(
            "/audit", subject=call.round, limit=100, **({"cursor": cursor} if cursor else {})
        )
        entries += piece["items"]
        if (cursor := piece["next"]) is None:
            break
    entries.reverse()
    assert all(one["sound"] for one in entries)
    moments = [datetime.fromisoformat(one["at"]) for one in entries]
    assert moments == sorted(moments)
    bare = {one["name"] for one in entries if not {one["name"], one["name"].partition(".")[2]} & {*STEPS}}
    assert bare == set(), "everything that happened is said in words"
    told = iter([(one["who"]["name"], one["text"], one["title"], one["reason"]) for one in entries])
    for expected in the_story(call):
        assert expected in told, expected
    [released] = [
        one["details"]["amounts"]
        for one in entries
        if one["name"] == "pairing.release" and call.profiles[RIDERS].title in one["title"]
    ]
    assert released[0].endswith(" CNY"), "how much was decided is in the log too"
    [line] = [one for one in entries if one["name"] == "application.waitlist"]
    assert (line["details"]["place"], line["details"]["mark"]) == (1, 60)
    read_the_page(call)


def the_story(call: Call) -> list[tuple[str, str, str, str]]:
    """Who did what about what, and why, in order; much else stands between."""
    title = {name: profile.title for name, profile in call.profiles.items()}
    about_mesa = title[MESA]
    mohai, wheels = (call.owner(name).user.name for name in (MOHAI, WHEELS))
    nobody, service = "somebody who is not signed in", "the service"
    return [
        ("Frida", "Round: created", TITLE, ""),
        ("Frida", "Round: opened", TITLE, ""),
        (mohai, "Application: submitted", title[MOHAI], ""),
        ("Frida", "Application: accepted", about_mesa, ""),
        ("Frida", "Application: returned", title[MOHAI], WORDS["return"]),
        (mohai, "Application: submitted", title[MOHAI], ""),
        ("Frida", "Application: accepted", title[MOHAI], WORDS["accept"]),
        ("Frida", "Application: declined", title[WHEELS], WORDS["return-wrongly"]),
        (wheels, "Appeal: raised", title[WHEELS], WORDS["appeal"]),
        ("Felix", "Appeal: upheld", title[WHEELS], WORDS["uphold-appeal"]),
        ("Felix", "Application: reinstated", title[WHEELS], WORDS["uphold-appeal"]),
        ("Frida", "Round: reviewing begun", TITLE, ""),
        ("Frida", "Reviewer of a round: added", "Rosa", ""),
        ("Frida", "Round: reviews assigned", TITLE, ""),
        ("Rui", "Conflict of interest: declared", "Rui", WORDS["recuse"]),
        ("Rui", "Review: recused", call.recused, WORDS["recuse"]),
        ("Frida", "Review: assigned", call.recused, ""),
        ("Rita", "Review: submitted", title[WHEELS], ""),
        ("Frida", "Application: shortlisted", about_mesa, ""),
        ("Frida", "Application: put on the waiting list", title[RIDERS], ""),
        ("Frida", "Application: declined", title[HOMELESS], WORDS["decline"]),
        ("Frida", "Round: shortlist decided", TITLE, WORDS["decline"]),
        ("Frida", "Round: matching begun", TITLE, ""),
        ("Frida", "Match run: asked for", "", ""),
        (service, "Match run: finished", "", ""),
        ("Frida", "Pairing: released", f"{about_mesa} – {title[FUND]}", ""),
        ("Frida", "Match run: released", "", ""),
        ("Frida", "Round: public notice begun", TITLE, ""),
        (nobody, "Objection: raised", f"{about_mesa} – {title[FUND]}", ""),
        ("Felix", "Objection: upheld", f"{about_mesa} – {title[FUND]}", WORDS["uphold"]),
        ("Felix", "Round: back to matching", TITLE, WORDS["uphold"]),
        ("Felix", "Application: declined", about_mesa, WORDS["uphold"]),
        ("Felix", "Pairing: dropped", f"{about_mesa} – {title[FUND]}", WORDS["uphold"]),
        ("Frida", "Application: shortlisted", title[RIDERS], WORDS["call-up"]),
        ("Frida", "Match run: asked for", "", ""),
        ("Frida", "Pairing: released", f"{title[RIDERS]} – {title[FUND]}", ""),
        ("Frida", "Round: public notice begun", TITLE, ""),
        ("Frida", "Round: signing begun", TITLE, ""),
        ("Frida", "Round: confirmed", TITLE, ""),
    ]


def read_the_page(call: Call) -> None:
    """The page of the log says the same to people, names instead of ids."""
    page: Any = call.frida.http.get("/audit", params={"subject": call.round, "kind": "round.confirm"})
    seen = words(page)
    fund = call.profiles[FUND].title
    assert f"Round: confirmed {TITLE}" in seen
    assert f"{call.profiles[RIDERS].title} – {fund}" in seen
    page = call.frida.http.get("/audit", params={"subject": call.round, "kind": "objection"})
    assert f"{call.profiles[MESA].title} – {fund}" in words(page)
    assert "Ana" not in page.text
