"""The five scenarios carried from their match run to the public register, and read there by a stranger.

Their rounds are matched as the demonstration matches them. From there the parties act through the API, and
what came of it is read by somebody who is not signed in and follows links from the round on.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import col, select, update

from matching.resources import data_path
from matching.scenarios import load_scenario, scenario_names
from service.db import now, reading, writing
from service.jobs import promise
from service.listings.models import Listing
from service.rounds.models import Round, RoundPhase
from tests.history import organizations_of
from tests.house import hold_rounds, open_house
from tests.journeys.cooperation import Cooperation, draft
from tests.journeys.forum import gather
from tests.journeys.stranger import Stranger, money

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matching.scenarios import Scenario
    from tests.journeys.forum import Forum
    from tests.journeys.stranger import Page


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Forum]:
    """Everybody of all five scenarios, in one house."""
    folder = tmp_path_factory.mktemp("published")
    with open_house(folder, scenarios=scenario_names(), furnish=hold_rounds) as house:
        yield gather(house)


@pytest.fixture
def stranger(city: Forum) -> Stranger:
    return Stranger(city.house.url)


def at_round(city: Forum, scenario: str) -> Forum:
    """The people of the city in the round of one scenario."""
    told = load_scenario(scenario)
    titles = set(told.title.values())
    [one] = [one for one in city.public.all_of("/rounds") if one["title"] in titles]
    return replace(city, round=one["id"])


def listing(city: Forum, scenario: str, name: str) -> str:
    """The id of a listing by its name in the scenario."""
    with reading(city.house.engine) as session:
        wanted = select(Listing.uid).where(col(Listing.source) == f"demo:{scenario}:{name}")
        return session.exec(wanted).one()


def pairings(forum: Forum, need: str = "", offers: Sequence[str] = ()) -> list[dict[str, Any]]:
    """What the match run has found for a need, from these offers where some are named."""
    found = forum.frida.all_of(f"{forum.here}/pairings", limit=100)
    return [
        one
        for one in found
        if one["status"] != "dropped"
        and need in ("", one["need"]["listing"])
        and (not offers or one["offer"]["listing"] in offers)
    ]


def choose(forum: Forum, pairing: dict[str, Any]) -> None:
    """Both sides say yes."""
    for side in ("offer", "need"):
        owner = forum.owner(pairing[side]["organization"]["id"]).program
        answered = owner.post(f"{forum.here}/choices/{pairing['id']}", answer="accept")
    assert answered["status"] == "mutual"


def carried(cooperation: Cooperation) -> None:
    """From the draft to its last report."""
    cooperation.place_in_the_past()
    cooperation.sign()
    cooperation.carry_out()
    cooperation.tell()
    cooperation.complete()


def read_by(stranger: Stranger, cooperation: Cooperation) -> Page:
    """Its public page, reached from the round by links alone; parties, sums and final report stand there."""
    there = f"/cooperations/{cooperation.id}"
    page = stranger.follow(f"/rounds/{cooperation.forum.round}", there)
    page.says(*cooperation.names())
    told = stranger.http.get(f"/api/v1{there}").json()
    for total in told["totals"]:
        page.says(*money([total["promised"], total["paid"]], total["currency"]))
    [final] = [one for one in told["reports"] if one["kind"] == "final"]
    assert (final["answers"]["results"], final["answers"]["beneficiaries"]) == (
        cooperation.results,
        cooperation.people,
    )
    assert cooperation.results in page.part("reports")
    assert f"{cooperation.people:,}" in page.part("reports")
    if told["need"]["open"]:
        need = stranger.open(page.link(f"/listings/{told['need']['id']}"))
        need.says(told["need"]["title"])
        assert need.link(there), "and back from the need"
    return page


# Serpukhov ----------------------------------------------------------------------------------------------

JOINT = {
    ("n-pozhilye", "o-obedy"): (
        ("ООО «Серпуховские продукты»", "Фонд «Доброе сердце»"),
        "180 одиноких пенсионеров два месяца получали обеды и приём врача.",
        180,
    ),
    ("n-skver", "o-zavod"): (
        ("АО «Серпуховский завод»", "НКО «Зеленый город»"),
        "В сквере 20 новых скамеек, высажено 60 деревьев и кустов.",
        6000,
    ),
}


def test_serpukhov_tells_of_two_joint_projects_with_partners_and_results(
    city: Forum, stranger: Stranger
) -> None:
    forum = at_round(city, "serpukhov")
    for (need, offer), (partners, results, people) in JOINT.items():
        [found] = pairings(forum, listing(city, "serpukhov", need), [listing(city, "serpukhov", offer)])
        choose(forum, found)
        made = draft(forum, [found["id"]], found["need"]["organization"]["id"])
        made.results, made.people = results, people
        carried(made)
        page = read_by(stranger, made)
        page.says(*partners, "Completed")


# Liaocheng ----------------------------------------------------------------------------------------------

SIX = 6
PUBLISHED_PAIRS = {"网格微服务": "微电影协会", "十元未来": "企业联合会"}


def test_liaocheng_signs_six_and_each_can_be_followed_to_its_report(city: Forum, stranger: Stranger) -> None:
    forum = at_round(city, "liaocheng")
    by_need: dict[str, list[dict[str, Any]]] = {}
    for one in pairings(forum):
        by_need.setdefault(one["need"]["title"], []).append(one)
    chosen = [
        next(one for one in by_need[need] if giver in one["offer"]["organization"]["name"])
        for need, giver in PUBLISHED_PAIRS.items()
    ]
    others = [found[0] for need, found in by_need.items() if need not in PUBLISHED_PAIRS]
    taken = {one["offer"]["listing"] for one in chosen}
    for one in others:
        if len(chosen) < SIX and one["offer"]["listing"] not in taken:
            chosen.append(one)
            taken.add(one["offer"]["listing"])
    for one in chosen:
        choose(forum, one)
    drafted = forum.frida.post(f"{forum.here}/agreements", status=201)["agreements"]
    assert len(drafted) == SIX
    for number, one in enumerate(drafted):
        made = Cooperation(forum, one["id"], f"第{number + 1}批：老人每周有人来看望。", 40 + number)
        made.place_in_the_past()
        made.sign(on_stage=number >= 2)
        made.carry_out()
        made.tell()
        made.complete()
        page = read_by(stranger, made)
        if one["title"] in PUBLISHED_PAIRS:
            page.says(one["title"], PUBLISHED_PAIRS[one["title"]])
    register = stranger.follow(f"/rounds/{forum.round}", f"/cooperations?round={forum.round}")
    register.says(*(one["title"] for one in drafted))
    assert stranger.http.get("/api/v1/cooperations", params={"round": forum.round}).json()["total"] == SIX


# Kaifeng ------------------------------------------------------------------------------------------------

LELIN = ("o-minzheng-community", "o-amity-community", "o-chanzonghui-community")


def test_lelin_home_is_carried_by_a_three_party_agreement_of_its_sponsors(
    city: Forum, stranger: Stranger
) -> None:
    forum = at_round(city, "kaifeng")
    bundle = pairings(
        forum, listing(city, "kaifeng", "n-lelin-home"), [listing(city, "kaifeng", one) for one in LELIN]
    )
    sponsors = {one["offer"]["organization"]["name"]: one["offer"]["organization"]["id"] for one in bundle}
    assert sponsors.keys() == {"民政局", "爱德基金会", "产总会"}
    for one in bundle:
        choose(forum, one)
    made = draft(
        forum,
        [one["id"] for one in bundle],
        bundle[0]["need"]["organization"]["id"],
        supervisor=sponsors["民政局"],
        second_language="en",
    )
    assert made.shown["kind"] == "three-party"
    assert [one["role"] for one in made.parties] == ["funder", "funder", "supervisor", "implementer"]
    made.results, made.people = "老人有了去处，孩子放学有人看。", 900
    carried(made)
    page = read_by(stranger, made)
    page.says("乐邻小家", "Three-party agreement", *sponsors, "Supervising authority", "Money (Labour)")
    given: Counter[str] = Counter()
    for one in stranger.http.get(f"/api/v1/cooperations/{made.id}").json()["promises"]:
        given[one["giver"]] += one["given"]
    assert given.keys() == set(sponsors.values())
    asked = next(one for one in load_scenario("kaifeng").profiles.needs if one.id == "n-lelin-home").lines[0]
    assert sum(given.values()) >= asked.minimum
    assert all(sum_ < asked.minimum for sum_ in given.values()), "none of them could alone"


# The venture call ---------------------------------------------------------------------------------------

FUND, CENTRE = "o-venture-fund", "公益创投运营中心"
RETURNED = "缺少三月的签收单。"
SEEN = "走访：活动照常，名册完整，缺一份签收单。"
BROKEN = "活动停了两个月，首期款没有用于约定的课程。"
FOUND = "账上余款未用，项目未再开展，违反第六条。"
ANSWERS = {"plan": "五月启动，每月一报。", "facilities": "活动室一间。", "professionals": "社工两名。"}


def test_venture_call_pays_one_project_recovers_another_and_bars_who_broke_it(
    city: Forum, stranger: Stranger
) -> None:
    forum = at_round(city, "venture-call")
    confirm_notice(forum)
    sound, broken = contracts(forum, listing(city, "venture-call", FUND))
    following = enter_next_round(city, broken)
    pay_in_tranches(sound)
    page = read_by(stranger, sound)
    page.says("Three-party agreement", "Supervising authority", "Operating centre", "80 of 100 points")
    assert page.part("payments").count("Paid") == len(sound.money["tranches"]) >= 3
    until, back = break_and_recover(broken)
    page = stranger.follow(f"/rounds/{forum.round}", f"/cooperations/{broken.id}")
    page.says("Ended early", *money([back], "CNY"), "recovered", "Recovered")
    assert RETURNED not in page.words
    refuse_barred(following, broken, until)


def confirm_notice(forum: Forum) -> None:
    """The seven working days of the public notice pass, and the result is confirmed."""
    with writing(forum.house.engine) as session:
        own = select(Round.id).where(Round.uid == forum.round).scalar_subquery()
        session.execute(
            update(RoundPhase)
            .where(col(RoundPhase.round_id) == own, col(RoundPhase.phase) == "notice")
            .values(ends=now() - timedelta(minutes=1))
        )
    assert forum.frida.post(f"{forum.here}/notice/confirm")["status"] == "signing"


def sign_pairing(forum: Forum, pairing: dict[str, Any]) -> None:
    """Both owners sign what was matched."""
    for side in ("need", "offer"):
        owner = forum.owner(pairing[side]["organization"]["id"]).program
        signed = owner.post(f"{forum.here}/signing/{pairing['id']}")
    assert signed["status"] == "agreed"


def contracts(forum: Forum, fund: str) -> list[Cooperation]:
    """Of bureau, operating centre and implementer: for two organizations that the fund pays."""
    [centre] = [one for one in forum.public.all_of("/organizations") if one["name"] == CENTRE]
    chosen: dict[str, dict[str, Any]] = {}
    for one in pairings(forum, offers=[fund]):
        if len(pairings(forum, one["need"]["listing"])) == 1:
            chosen.setdefault(one["need"]["organization"]["id"], one)
    made = []
    for implementer, pairing in list(chosen.items())[:2]:
        sign_pairing(forum, pairing)
        wanted = {"supervisor": pairing["offer"]["organization"]["id"], "operator": centre["id"]}
        contract = draft(forum, [pairing["id"]], implementer, **wanted)
        assert [one["role"] for one in contract.parties] == ["supervisor", "operator", "implementer"]
        contract.place_in_the_past(evaluation=True)
        contract.sign()
        contract.results, contract.people = "64 位老人三个月没有再跌倒。", 64
        made.append(contract)
    return made


def pay_in_tranches(sound: Cooperation) -> None:
    """One report comes back and keeps the money until it is mended; then all is paid, told and judged."""
    first = sound.reports()[0]
    sound.hand_in(first)
    returned = sound.giver.post(
        f"/reports/{first['id']}/return", reason=RETURNED, faults=["receipts-missing"]
    )
    assert (returned["status"], returned["reason"]) == ("returned", RETURNED)
    tranche = f"/tranches/{sound.money['tranches'][0]['id']}"
    sound.doer.post(f"{tranche}/request")
    assert sound.giver.post(f"{tranche}/approve", status=409)["code"] == "report-returned"
    sound.giver.post(f"{tranche}/refuse", reason=RETURNED)
    sound.hand_in(first, activities="每周两次；签收单已补。")
    sound.accept(first)
    operator = next(one["organization"] for one in sound.parties if one["role"] == "operator")
    seen = sound.program(operator).post(
        f"{sound.here}/visits", status=201, on=str(sound.days[1]), place="活动室", text=SEEN
    )
    assert seen["text"] == SEEN
    sound.carry_out()
    sound.tell()
    sound.complete()


def break_and_recover(broken: Cooperation) -> tuple[date, int]:
    """The first tranche is paid, a part of it spent, the rest recovered: the end of the bar, and how much."""
    tranche = broken.money["tranches"][0]
    broken.pay(tranche)
    broken.spend(tranche["purpose"], share=10)
    spent = sum(one["spent"] for one in broken.money["lines"])
    said = {"organization": broken.implementer["organization"], "text": BROKEN}
    breach = broken.giver.ask("POST", f"{broken.here}/breaches", status=201, data=said)
    broken.doer.post(f"/breaches/{breach['id']}/answer", text="老师离职，还没找到人。")
    found = broken.forum.frida.post(f"/breaches/{breach['id']}/find", reason=FOUND)
    until = date.fromisoformat(found["barred_until"])
    assert until == now().date() + timedelta(days=365)
    left = tranche["amount"] - spent
    assert found["to_recover"] == {"CNY": left}
    back = broken.giver.post(
        f"/tranches/{tranche['id']}/recover", amount=left, on=str(now().date()), reason=FOUND
    )
    assert (back["status"], back["recovered_amount"]) == ("recovered", left)
    assert broken.shown["status"] == "terminated"
    return until, left


def enter_next_round(city: Forum, broken: Cooperation) -> Forum:
    """The next call takes in what the same organization needs now, once it owes no report any more."""
    following = replace(city, round="")
    following.begin(
        "venture-call",
        "第二期社区公益创投",
        calendar="CN",
        rules={"applicants": {"places": ["guangzhou"]}},
        plan=[{"phase": "open", "ends": (now() + timedelta(days=9)).isoformat()}],
    )
    assert following.advance() == "open"
    before = city.public.get(f"/listings/{broken.shown['need']}")
    owner = broken.doer
    made = owner.post(
        "/listings",
        status=201,
        side="need",
        organization=broken.implementer["organization"],
        title=f"{before['title']}（二期）",
        text=before["text"],
        themes=before["themes"],
        groups=before["groups"],
        places=["guangzhou"],
        beneficiaries=80,
        lines=[{"kind": "money", "amount": 40_000, "unit": "CNY", "minimum": 20_000}],
    )
    owner.post(f"/listings/{made['id']}/publish")
    for one in (listing(city, "venture-call", FUND), made["id"]):
        applicant = city.owner(city.public.get(f"/listings/{one}")["organization"]["id"]).program
        entered = applicant.post(f"{following.here}/applications", status=201, listing=one)
        there = f"{following.here}/applications/{entered['id']}"
        if one == made["id"]:
            applicant.ask("PATCH", there, json={"answers": ANSWERS}, headers={"If-Match": "*"})
            refused = applicant.post(f"{there}/submit", status=422, although=True)
            assert [wrong["code"] for wrong in refused["errors"]] == ["overdue-reports"]
            broken.tell(late=True)
        assert applicant.post(f"{there}/submit", although=True)["status"] == "submitted"
    assert following.frida.post(f"{following.here}/applications/accept")["left"] == []
    assert [following.advance(), following.advance()] == ["screening", "reviewing"]
    following.frida.post(f"{there}/verdict", step="shortlist", reason="It fits.")
    assert following.advance() == "matching"
    return following


def refuse_barred(following: Forum, broken: Cooperation, until: date) -> None:
    """The match of the next round refuses the organization and says why and until when."""
    run = following.match()
    found = following.frida.get(f"{following.here}/match-runs/{run['id']}/result")["result"]
    assert found["pairings"] == []
    [refused] = found["unmatched"]
    name = broken.implementer["name"]
    assert (refused["organization"], refused["reason_code"]) == (name, "barred")
    assert f"{name} is barred until" in refused["reason"]
    assert str(until.year) in refused["reason"]


# Futian -------------------------------------------------------------------------------------------------

ALLIANCE = {
    "n-dream-classroom": (
        "o-csr-dream",
        "夢想中心教室",
        "六所學校各有一間教室，2,600 名學生上了素養課。",
        2600,
    ),
    "n-great-love": ("o-csr-love", "大愛福田", "1,350 人得到應急救助，名單已公示。", 1350),
}
YEAR = 2015


def test_futian_alliance_gives_and_the_year_of_the_fund_adds_up(city: Forum, stranger: Stranger) -> None:
    forum = at_round(city, "futian")
    run = forum.match()
    forum.frida.post(f"{forum.here}/match-runs/{run['id']}/release", confirmed=True)
    assert forum.advance() == "notice"
    confirm_notice(forum)
    for need, (offer, title, results, people) in ALLIANCE.items():
        [found] = pairings(forum, listing(city, "futian", need), [listing(city, "futian", offer)])
        sign_pairing(forum, found)
        made = draft(forum, [found["id"]], found["need"]["organization"]["id"])
        made.results, made.people = results, people
        carried(made)
        read_by(stranger, made).says(title, "企業社會責任聯盟", "Enterprise–society")
    the_year_adds_up(city, forum, stranger)


def the_year_adds_up(city: Forum, forum: Forum, stranger: Stranger) -> None:
    """What the fund gave in its year, brought in and reckoned by the service, equals the data to the yuan."""
    scenario = load_scenario("futian")
    [fund] = scenario.preset.rules.budgets
    with writing(city.house.engine) as session:
        organizations_of(session, scenario)
        offers = {
            source.rpartition(":")[2]: uid
            for source, uid in session.exec(
                select(Listing.source, Listing.uid).where(col(Listing.source).startswith("demo:futian:"))
            )
        }
    sheet = earlier_of(scenario, offers)
    for ready, here in ((len(scenario.profiles.cooperations), 0), (0, len(scenario.profiles.cooperations))):
        files = {"file": ("福田項目.csv", sheet.encode("gb18030"))}
        sent = {"files": files, "data": {"confirm": "yes", "source": "福田區社會建設專項資金年報"}}
        brought = forum.frida.ask("POST", "/cooperations/import", **sent)
        assert (brought["problems"], brought["ready"], brought["here"]) == ([], ready, here)
    city.house.wait_for_jobs(300)
    with writing(city.house.engine) as session:
        promise(session, "draw_network")
    city.house.wait_for_jobs(300)
    given = [one for one in scenario.profiles.cooperations if one.offer in fund.offers]
    spent = sum(one.quantity.amount for one in given)
    assert (len(given), spent) == (108, 12_068_650_00)
    years = stranger.http.get("/api/v1/network").json()["years"]
    [year] = [one for one in years if one["year"] == YEAR]
    assert year["funds"] == [
        {
            "name": fund.name,
            "limit": {"amount": 20_000_000_00, "currency": "CNY"},
            "given": spent,
            "projects": 108,
        }
    ]
    page = stranger.follow("/", "/cooperations", "/numbers")
    page.says(f"{fund.name}: CN¥12,068,650 of CN¥20,000,000 to 108 projects")
    found = stranger.http.get("/api/v1/cooperations", params={"q": given[0].title}).json()["items"]
    [shown] = [one for one in found if one["title"] == given[0].title]
    assert shown["origin"]["reference"] == given[0].id
    assert (shown["payments"], shown["reports"]) == ([], [])
    told = stranger.open(f"/cooperations/{shown['id']}")
    told.says("Brought in from elsewhere", shown["origin"]["source"], "CN¥96,550")


def earlier_of(scenario: Scenario, offers: Mapping[str, str]) -> str:
    """The cooperations as a district keeps them: organizations by name, offers by their ids here."""
    with data_path("scenarios", scenario.name, "cooperations.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = {
        one.organization.id: one.organization.name
        for one in (*scenario.profiles.needs, *scenario.profiles.offers)
    }
    held = StringIO(newline="")
    writer = csv.DictWriter(held, list(rows[0]))
    writer.writeheader()
    for row in rows:
        for side in ("need_organization", "offer_organization"):
            row[side] = names.get(row[side], row[side])
        row["offer"] = offers[row["offer"]] if row["offer"] else ""
        writer.writerow(row)
    return held.getvalue()
