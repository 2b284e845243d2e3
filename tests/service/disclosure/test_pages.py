"""What strangers find out about a cooperation, on public pages and through the API alone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from sqlmodel import select

from service.agreements.models import Agreement, AgreementStatus, PartyRole
from service.agreements.models import Party as AgreementParty
from service.agreements.terms import Terms
from service.db import writing
from service.funding.models import Disbursement, DisbursementStatus
from service.listings import actions as listings
from service.organizations.models import Organization, OrganizationStatus
from service.rounds.models import Round, RoundStatus
from tests.service.conftest import words

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.service.conftest import MakeAgreement, MakeListing, MakeParty
    from tests.service.disclosure.conftest import Story


def _links(text: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', text)


def test_stranger_follows_a_cooperation_from_need_to_final_report(client: TestClient, story: Story) -> None:
    rounds = client.get("/rounds")
    there = f"/rounds/{story.round.uid}"
    assert there in _links(rounds.text)
    need = client.get(f"/listings/{story.need.uid}")
    here = f"/cooperations/{story.agreement.uid}"
    assert here in _links(client.get(there).text)
    assert here in _links(need.text)
    assert here in _links(client.get("/cooperations").text)
    page = client.get(here)
    assert page.status_code == 200
    said = words(page)
    for what in (
        "Clean water for mountain schools",
        "Spring forum",
        "Blue River Ltd",
        "Green Home",
        "CN¥5,000",
        "CN¥2,500",
        "1 / 1",
        "Final report",
        "Two schools drink clean water.",
        "1,200",
        "The cooperation was completed on",
    ):
        assert what in said
    links = _links(page.text)
    followed = [
        f"/listings/{story.need.uid}",
        there,
        f"/organizations/{story.ngo.organization.uid}",
        f"/organizations/{story.company.organization.uid}",
        f"/api/v1/cooperations/{story.agreement.uid}",
    ]
    assert set(followed) <= set(links)
    assert [client.get(address).status_code for address in followed] == [200] * 5
    assert here in _links(client.get(followed[2]).text)


def test_closed_need_is_told_on_the_page_itself(client: TestClient, story: Story, engine: Engine) -> None:
    with writing(engine) as session:
        need = session.merge(story.need)
        listings.fulfil(session, story.ngo.actor, need)
    assert client.get(f"/listings/{story.need.uid}").status_code == 404
    page = client.get(f"/cooperations/{story.agreement.uid}")
    assert "Clean water for mountain schools" in words(page)
    assert f"/listings/{story.need.uid}" not in _links(page.text)


def test_need_that_was_never_published_stays_private(
    client: TestClient, make_party: MakeParty, make_listing: MakeListing, make_agreement: MakeAgreement
) -> None:
    company, ngo = make_party("Blue River Ltd", kind="business"), make_party()
    draft = make_listing(ngo, "A secret wish", publish=False)
    agreement = make_agreement(company, ngo, need=draft)
    page = client.get(f"/cooperations/{agreement.uid}")
    assert "A secret wish" not in page.text
    assert client.get(f"/api/v1/cooperations/{agreement.uid}").json()["need"] is None


def test_only_what_all_have_signed_is_public(
    client: TestClient, make_party: MakeParty, make_agreement: MakeAgreement
) -> None:
    company, ngo = make_party("Blue River Ltd", kind="business"), make_party()
    made = {
        status: make_agreement(company, ngo, status, title=f"It is {status}") for status in AgreementStatus
    }
    seen = {
        status
        for status, agreement in made.items()
        if client.get(f"/cooperations/{agreement.uid}").status_code == 200
    }
    assert seen == {
        AgreementStatus.IN_FORCE,
        AgreementStatus.SUSPENDED,
        AgreementStatus.COMPLETED,
        AgreementStatus.TERMINATED,
    }
    register = client.get("/cooperations").text
    assert {status for status in made if f"It is {status}<" in register} == seen
    assert client.get("/api/v1/cooperations").json()["total"] == 4


def test_barred_party_stays_named_but_has_no_page(client: TestClient, story: Story, engine: Engine) -> None:
    with writing(engine) as session:
        ngo = session.get_one(Organization, story.ngo.organization.key)
        ngo.status, ngo.barred_until = OrganizationStatus.BARRED, date(2999, 1, 1)
        tranche = session.exec(select(Disbursement).where(Disbursement.item == "t1")).one()
        tranche.status, tranche.recovered_amount = DisbursementStatus.RECOVERED, 200_000
        tranche.recovered = date(2026, 9, 1)
    page = client.get(f"/cooperations/{story.agreement.uid}")
    assert "Green Home" in words(page)
    assert f"/organizations/{ngo.uid}" not in _links(page.text)
    assert "CN¥2,000 came back" in words(page)
    (total,) = client.get(f"/api/v1/cooperations/{story.agreement.uid}").json()["totals"]
    assert total == {"currency": "CNY", "promised": 500_000, "paid": 300_000, "recovered": 200_000}


def test_correction_stays_visible_beside_what_counts_now(
    client: TestClient, story: Story, engine: Engine, make_agreement: MakeAgreement
) -> None:
    old = Terms.model_validate(story.agreement.terms)
    promise = old.commitments[0].model_copy(update={"quantity": 800_000})
    new = old.model_copy(update={"ends": date(2027, 3, 31), "commitments": (promise,)})
    amendment = make_agreement(
        story.company, story.ngo, AgreementStatus.IN_FORCE, amends_id=story.agreement.key
    )
    with writing(engine) as session:
        kept = session.get_one(Agreement, amendment.key)
        kept.terms, kept.in_force = new.model_dump(mode="json"), datetime(2026, 6, 1, tzinfo=UTC)
    assert client.get(f"/cooperations/{amendment.uid}").status_code == 404
    changes = client.get(f"/api/v1/cooperations/{story.agreement.uid}").json()["corrections"]
    assert [(one["on"], one["field"], one["before"], one["after"]) for one in changes] == [
        ("2026-06-01", "ends", "2026-12-31", "2027-03-31"),
        ("2026-06-01", "promise", "500000 CNY", "800000 CNY"),
    ]
    page = client.get(f"/cooperations/{story.agreement.uid}")
    assert "<del>CN¥5,000" in page.text
    assert "CN¥8,000" in page.text


def test_three_parties_join_three_pairs_of_sectors(
    client: TestClient, make_party: MakeParty, make_agreement: MakeAgreement, engine: Engine
) -> None:
    bureau, ngo = make_party("Civil Affairs Bureau", kind="government"), make_party("Le Lin")
    centre = make_party("Operating Centre")
    agreement = make_agreement(bureau, ngo)
    with writing(engine) as session:
        session.add(
            AgreementParty(
                agreement_id=agreement.key,
                organization_id=centre.organization.key,
                role=PartyRole.OPERATOR,
                position=2,
            )
        )
    out = client.get(f"/api/v1/cooperations/{agreement.uid}").json()
    assert [(one["name"], one["role"]) for one in out["parties"]] == [
        ("Civil Affairs Bureau", "funder"),
        ("Le Lin", "implementer"),
        ("Operating Centre", "operator"),
    ]
    assert out["link_types"] == ["government-society", "society-society"]


def test_draft_round_is_not_named(client: TestClient, story: Story, engine: Engine) -> None:
    with writing(engine) as session:
        session.get_one(Round, story.round.key).status = RoundStatus.DRAFT
    assert "Spring forum" not in client.get(f"/cooperations/{story.agreement.uid}").text
    assert "Spring forum" not in client.get("/cooperations").text
