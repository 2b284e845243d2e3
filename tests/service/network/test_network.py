"""The graph on screen: drawn by a job when something was signed, shown, downloaded, acted upon."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

import pytest
from sqlmodel import select

from service.accounts.models import Consent, ConsentPurpose
from service.agreements.models import Agreement, PartyRole
from service.agreements.models import Party as AgreementParty
from service.db import reading, writing
from service.events import Event
from service.funding.models import Commitment, CommitmentKind
from service.jobs import promise
from service.network import queries
from service.network.models import Snapshot
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import Role
from tests.service.conftest import words
from tests.service.refusing import codes

if TYPE_CHECKING:
    from pathlib import Path

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.settings import Settings
    from tests.service.conftest import MakeAgreement, MakeParty, MakeUser, Party

Draw = Callable[[], None]


@pytest.fixture
def draw(engine: Engine, jobs: Jobs) -> Draw:
    """Promises the job and does it."""

    def drawn() -> None:
        with writing(engine) as session:
            promise(session, "draw_network")
        jobs.run_all()

    return drawn


@pytest.fixture
def city(make_party: MakeParty, make_agreement: MakeAgreement, engine: Engine) -> dict[str, Party]:
    """A bureau in the middle of three NGOs; a company with one of them; a bank with another."""
    kinds = {"bureau": "government", "company": "business", "bank": "finance"}
    parties = {
        name: make_party(name.title(), kind=kinds.get(name, "ngo"))
        for name in ("bureau", "company", "bank", "water", "school", "care")
    }
    pairs = (
        ("bureau", "water"),
        ("bureau", "school"),
        ("bureau", "care"),
        ("company", "water"),
        ("bank", "care"),
    )
    for year, (giver, doer) in enumerate(pairs, 2020):
        made = make_agreement(parties[giver], parties[doer], title=f"{giver} {doer}")
        with writing(engine) as session:
            session.merge(made).in_force = datetime(year, 3, 1, tzinfo=UTC)
    return parties


def test_picture_is_drawn_once_until_something_more_is_signed(
    client: TestClient, draw: Draw, city: dict[str, Party], engine: Engine, make_agreement: MakeAgreement
) -> None:
    assert "There is no picture yet" in client.get("/network").text
    assert client.get("/api/v1/network").status_code == 404

    def kept() -> list[Snapshot]:
        with reading(engine) as session:
            return list(session.exec(select(Snapshot)))

    draw()
    (first,) = kept()
    draw()
    assert [one.id for one in kept()] == [first.id]
    make_agreement(city["company"], city["school"])
    draw()
    (second,) = kept()
    assert second.fingerprint != first.fingerprint
    assert second.figures["cooperations"] == 6


def test_nothing_signed_draws_nothing(draw: Draw, engine: Engine, client: TestClient) -> None:
    draw()
    with reading(engine) as session:
        assert session.exec(select(Snapshot)).all() == []
    assert client.get("/numbers").status_code == 200
    assert client.get("/network/organizations").status_code == 200


def test_page_says_who_meets_and_who_holds_it_together(
    client: TestClient, draw: Draw, city: dict[str, Party]
) -> None:
    draw()
    out = client.get("/api/v1/network").json()
    uid = {name: party.organization.uid for name, party in city.items()}
    assert (out["organizations"], out["cooperations"], out["pairs"], out["parts"], out["largest"]) == (
        6,
        5,
        5,
        1,
        6,
    )
    assert out["links"] == {"government-society": 3, "enterprise-society": 1, "finance-society": 1}
    assert out["hubs"][0] == uid["bureau"]
    assert set(out["fragile"]) == {uid["bureau"], uid["water"], uid["care"]}
    assert {frozenset(one["organizations"]) for one in out["bridges"]} >= {
        frozenset((uid["company"], uid["water"]))
    }
    pair = next(one for one in out["matrix"] if set(one["kinds"]) == {"government", "ngo"})
    assert (pair["observed"], pair["link"]) == (3, "government-society")
    assert [(one["year"], one["cooperations"]) for one in out["years"]] == [(y, 1) for y in range(2020, 2025)]
    assert out["months"][-1]["total"] == 5
    said = words(client.get("/network"))
    for what in ("Bureau", "Which sectors meet", "What falls apart without them", "Government–society (3)"):
        assert what in said


def test_list_says_the_same_as_the_picture(client: TestClient, draw: Draw, city: dict[str, Party]) -> None:
    draw()
    items = client.get("/api/v1/network/organizations?sort=partners").json()["items"]
    assert (items[0]["name"], items[0]["partners"], items[0]["sectors"], items[0]["brokers"]) == (
        "Bureau",
        3,
        1,
        0,
    )
    assert {one["name"] for one in items} == {name.title() for name in city}
    page = client.get("/network/organizations?sort=cut_off")
    assert words(page).index("Bureau") < words(page).index("School")
    one = client.get(f"/network/organizations/{city['water'].organization.uid}")
    assert {"Bureau", "Company"} <= set(words(one).split())
    assert "since 2023" in words(one)
    assert client.get("/network/organizations/unknown").status_code == 404


def _lines(svg: str) -> int:
    return len(re.findall(r"L\d+ \d+", svg))


def test_picture_shows_the_graph_of_a_year_and_of_one_link(
    client: TestClient, draw: Draw, city: dict[str, Party]
) -> None:
    draw()
    whole = client.get("/network/pictures/graph.svg")
    assert whole.headers["Content-Type"] == "image/svg+xml"
    ElementTree.fromstring(whole.text)  # noqa: S314 — we drew it
    assert _lines(whole.text) == 5
    assert "Bureau" in whole.text
    assert _lines(client.get("/network/pictures/graph.svg?until=2021").text) == 2
    assert _lines(client.get("/network/pictures/graph.svg?link=finance-society").text) == 1
    for name in ("growth", "matrix"):
        svg = client.get(f"/network/pictures/{name}.svg").text
        ElementTree.fromstring(svg)  # noqa: S314 — we drew it
        assert "style=" not in svg
        assert "<script" not in svg
    assert client.get("/network/pictures/other.svg").status_code == 404
    assert client.get("/network/pictures/graph.pdf").status_code == 404


def test_picture_can_be_kept_as_pixels(client: TestClient, draw: Draw, city: dict[str, Party]) -> None:
    draw()
    png = client.get("/network/pictures/matrix.png")
    assert png.headers["Content-Type"] == "image/png"
    assert png.content.startswith(b"\x89PNG")


def test_markup_in_a_name_stays_text_in_the_picture(
    client: TestClient, draw: Draw, make_party: MakeParty, make_agreement: MakeAgreement
) -> None:
    make_agreement(make_party("<script>alert(1)</script>", kind="business"), make_party("A & B"))
    draw()
    svg = client.get("/network/pictures/graph.svg").text
    assert "<script" not in svg
    assert "A &amp; B" in svg


def test_three_parties_are_three_ties_and_one_cooperation(
    client: TestClient, draw: Draw, city: dict[str, Party], engine: Engine
) -> None:
    """Its money counts once, with the pair of its giver."""
    with writing(engine) as session:
        agreement = session.exec(select(Agreement).where(Agreement.title == "bureau water")).one()
        session.add(
            AgreementParty(
                agreement_id=agreement.key,
                organization_id=city["school"].organization.key,
                role=PartyRole.OPERATOR,
                position=2,
            )
        )
        session.add(
            Commitment(
                agreement_id=agreement.key,
                organization_id=city["bureau"].organization.key,
                item="c1",
                kind=CommitmentKind.CASH,
                quantity=500_000,
                unit="CNY",
                currency="CNY",
            )
        )
    draw()
    out = client.get("/api/v1/network").json()
    assert (out["cooperations"], out["pairs"]) == (5, 6)
    assert out["years"][0]["money"] == [{"amount": 500_000, "currency": "CNY"}]


# Introducing ------------------------------------------------------------------------------------------


@pytest.fixture
def facilitator(make_user: MakeUser, as_user: Callable[[User], TestClient]) -> TestClient:
    return as_user(make_user(roles=[Role.FACILITATOR]))


def _mails(settings: Settings) -> list[str]:
    folder: Path = settings.data_dir / "outbox"
    return [path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.eml"))]


def test_facilitator_introduces_two_who_share_partners_once(
    facilitator: TestClient,
    draw: Draw,
    city: dict[str, Party],
    jobs: Jobs,
    settings: Settings,
    engine: Engine,
) -> None:
    draw()
    ties = facilitator.get("/api/v1/network/introductions").json()
    water, school, care = (city[name].organization for name in ("water", "school", "care"))
    pair = next(one for one in ties if set(one["organizations"]) == {water.uid, school.uid})
    assert pair["reasons"] == ["Both have signed with Bureau."]
    page = facilitator.get("/network/introductions")
    assert "Both have signed with Bureau." in words(page)
    sent = {"one": water.uid, "other": school.uid, "note": "You both work in the hills."}
    answer = facilitator.post("/network/introductions", data=sent)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/network/introductions?done=introduced")
    jobs.run_all()
    mails = _mails(settings)
    assert len(mails) == 2
    told = {
        party.user.email: mail
        for party in (city["water"], city["school"])
        for mail in mails
        if party.user.email in mail
    }
    assert f"/organizations/{school.uid}" in told[city["water"].user.email]
    assert f"/organizations/{water.uid}" in told[city["school"].user.email]
    assert all("You both work in the hills." in mail for mail in mails)
    with reading(engine) as session:
        event = session.exec(select(Event).where(Event.name == queries.INTRODUCED)).one()
    assert {event.subject, event.details["organization"]} == {water.uid, school.uid}
    again = facilitator.post("/network/introductions", data={**sent, "one": school.uid, "other": water.uid})
    assert again.status_code == 409
    assert "introduced already" in words(again)
    given = {"organizations": [water.uid, school.uid]}
    assert codes(facilitator.post("/api/v1/network/introductions", json=given)) == ["introduced-before"]
    left = facilitator.get("/api/v1/network/introductions").json()
    assert {water.uid, school.uid} not in [set(one["organizations"]) for one in left]
    assert {water.uid, care.uid} in [set(one["organizations"]) for one in left]
    jobs.run_all()
    assert len(_mails(settings)) == 2


def test_whoever_has_turned_introductions_off_is_not_written_to(
    facilitator: TestClient,
    draw: Draw,
    city: dict[str, Party],
    jobs: Jobs,
    settings: Settings,
    engine: Engine,
) -> None:
    draw()
    with writing(engine) as session:
        refuses = Consent(user_id=city["water"].user.key, purpose=ConsentPurpose.INTRODUCTIONS, given=False)
        session.add(refuses)
    water, school = (city[name].organization.uid for name in ("water", "school"))
    facilitator.post("/network/introductions", data={"one": water, "other": school, "note": ""})
    jobs.run_all()
    mails = _mails(settings)
    assert len(mails) == 1
    assert city["school"].user.email in mails[0]


def test_who_may_not_or_need_not_be_introduced_is_refused(
    facilitator: TestClient,
    draw: Draw,
    city: dict[str, Party],
    engine: Engine,
    browser: Callable[[], TestClient],
) -> None:
    draw()
    uid = {name: party.organization.uid for name, party in city.items()}

    def post(*names: str) -> list[str]:
        given = {"organizations": [uid.get(name, name) for name in names]}
        return codes(facilitator.post("/api/v1/network/introductions", json=given))

    assert post("water", "water") == ["two-organizations"]
    assert post("water", "bureau") == ["partners-already"]
    assert post("water", "unknown") == ["not-found"]
    with writing(engine) as session:
        session.get_one(Organization, city["care"].organization.key).status = OrganizationStatus.SUSPENDED
    assert post("water", "care") == ["not-found"]
    with reading(engine) as session:
        assert queries.introduced(session) == set(), "nobody was introduced"
    ties = facilitator.get("/api/v1/network/introductions").json()
    assert uid["care"] not in {end for one in ties for end in one["organizations"]}
    stranger = browser()
    assert stranger.get("/api/v1/network/introductions").status_code == 401
    assert "Introduce organizations" not in stranger.get("/network").text


def test_public_figures_name_nobody_to_introduce(
    client: TestClient, draw: Draw, city: dict[str, Party]
) -> None:
    draw()
    out = client.get("/api/v1/network").json()
    assert not {"ties", "across"} & set(out)
    assert "Both have signed with" not in client.get("/network").text


def test_snapshot_holds_only_what_json_can(draw: Draw, city: dict[str, Party], engine: Engine) -> None:
    draw()
    with reading(engine) as session:
        drawn: Any = queries.snapshot(session, layout=True)
        assert len(drawn.layout["nodes"]) == 6
        assert json.loads(json.dumps(drawn.figures)) == drawn.figures
