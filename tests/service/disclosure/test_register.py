"""The register finds cooperations by words in any language and by what they are, and counts the others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from service.agreements.models import AgreementStatus
from service.db import writing
from service.rounds.models import RoundStatus
from tests.service.refusing import codes

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.conftest import MakeAgreement, MakeListing, MakeParty, MakeRound
    from tests.service.disclosure.conftest import Settle


@pytest.fixture
def city(
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    make_agreement: MakeAgreement,
    settle: Settle,
    engine: Engine,
) -> dict[str, Any]:
    """Three cooperations of three years, themes, pairs of sectors and languages."""
    company = make_party("Завод «Луч»", kind="business")
    bank = make_party("Northern Bank", kind="finance")
    bureau = make_party("民政局", kind="government")
    ngo, other = make_party("Green Home"), make_party("乐龄社工站")
    water = make_listing(ngo, "Pure springs", themes="water-sanitation", places="cn")
    old = make_listing(other, "陪伴獨居長者", themes="elderly-care", groups="elderly", places="futian")
    held = make_round(status=RoundStatus.CLOSED, title="Spring forum")
    ended = AgreementStatus.COMPLETED, AgreementStatus.TERMINATED
    told = {"need": water, "amount": 300_000, "round_id": held.key}
    made = {
        "water": make_agreement(company, ngo, ended[0], title="Чистая вода для школ", **told),
        "old": make_agreement(bureau, other, title="陪伴獨居長者", need=old, amount=900_000),
        "bank": make_agreement(bank, ngo, ended[1], title="Microcredit desk", amount=100_000),
    }
    for year, (name, agreement) in enumerate(made.items(), 2024):
        settle(agreement)
        with writing(engine) as session:
            session.merge(agreement).in_force = datetime(year, 6, 1, tzinfo=UTC)
        assert name
    return {"ids": {agreement.uid: name for name, agreement in made.items()}, "round": held.uid, "ngo": ngo}


def _found(client: TestClient, city: dict[str, Any], **asked: Any) -> list[str]:
    answer = client.get("/api/v1/cooperations", params=asked)
    assert answer.status_code == 200
    return [city["ids"][one["id"]] for one in answer.json()["items"]]


@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("вода", ["water"]),
        ("ЧИСТОЙ ВОДЫ", ["water"]),
        ("springs", ["water"]),
        ("agua potable", ["water"]),
        ("独居长者", ["old"]),
        ("獨居", ["old"]),
        ("пожилые люди", ["old"]),
        ("民政局", ["old"]),
        ("green home", ["bank", "water"]),
        ("завод", ["water"]),
        ("100%_nothing", []),
    ],
)
def test_words_of_any_language_find(
    client: TestClient, city: dict[str, Any], q: str, found: list[str]
) -> None:
    assert _found(client, city, q=q) == found


def test_each_filter_leaves_what_fits(client: TestClient, city: dict[str, Any]) -> None:
    ngo = city["ngo"].organization.uid
    for asked, found in (
        ({}, ["bank", "old", "water"]),
        ({"year": 2025}, ["old"]),
        ({"link": "finance-society"}, ["bank"]),
        ({"kinds": "ngo,business"}, ["water"]),
        ({"kinds": "ngo,ngo"}, []),
        ({"theme": "elderly-care"}, ["old"]),
        ({"place": "cn"}, ["old", "water"]),
        ({"place": "futian"}, ["old"]),
        ({"round": city["round"]}, ["water"]),
        ({"state": "terminated"}, ["bank"]),
        ({"organization": ngo}, ["bank", "water"]),
        ({"organization": ngo, "year": 2024}, ["water"]),
        ({"sort": "oldest"}, ["water", "old", "bank"]),
        ({"sort": "amount"}, ["old", "water", "bank"]),
        ({"sort": "title"}, ["bank", "water", "old"]),
        ({"theme": "no-such"}, []),
        ({"year": ""}, ["bank", "old", "water"]),
        ({"page": 2}, []),
    ):
        assert _found(client, city, **asked) == found, asked
    for kinds in ("ngo", "ngo,shop", "ngo,business,government"):
        assert codes(client.get(f"/api/v1/cooperations?kinds={kinds}")) == ["kinds-two"]


def test_counts_keep_the_other_choices(client: TestClient, city: dict[str, Any]) -> None:
    facets = client.get("/api/v1/cooperations?year=2025").json()["facets"]
    counts = {name: {one["value"]: one["count"] for one in values} for name, values in facets.items()}
    assert counts["year"] == {"2026": 1, "2025": 1, "2024": 1}
    assert counts["state"] == {"in-force": 1}
    assert counts["link"] == {"government-society": 1}
    assert counts["theme"] == {"elderly-care": 1}
    assert counts["round"] == {}
    assert facets["link"][0]["label"] == "Government–society"


def test_page_keeps_what_was_asked_for(client: TestClient, city: dict[str, Any]) -> None:
    page = client.get("/cooperations?q=вода&theme=water-sanitation&lang=ru")
    assert "Чистая вода для школ" in page.text
    assert 'value="вода"' in page.text
    assert "theme=water-sanitation" in page.text
    assert "/cooperations/export/csv?q=" in page.text
    empty = client.get("/cooperations?q=zzzz&lang=en")
    assert "No cooperation fits" in empty.text


def test_long_register_has_pages(
    client: TestClient, make_party: MakeParty, make_agreement: MakeAgreement
) -> None:
    company, ngo = make_party("Blue River Ltd", kind="business"), make_party()
    for number in range(23):
        make_agreement(company, ngo, title=f"Project {number:02}")
    first, second = (client.get(f"/api/v1/cooperations?sort=title&page={n}").json() for n in (1, 2))
    assert (first["total"], first["pages"], len(first["items"]), len(second["items"])) == (23, 2, 20, 3)
    titles = [one["title"] for one in first["items"] + second["items"]]
    assert titles == [f"Project {number:02}" for number in range(23)]
    assert "page=2" in client.get("/cooperations").text
