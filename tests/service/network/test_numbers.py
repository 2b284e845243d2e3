"""The city in numbers: what was promised, given and told, and how far needs come."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from matching.profiles import Side
from matching.scenarios import load_scenario
from service.db import now, writing
from service.funding.models import (
    Commitment,
    CommitmentKind,
    Delivery,
    Valuation,
)
from service.jobs import promise
from service.listings.models import Listing
from service.pairings.models import Pairing, PairingStatus
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from tests.history import organizations_of, sign_history
from tests.service.conftest import words
from tests.service.disclosure.conftest import Settle, Story, settle, story

if TYPE_CHECKING:
    from fastapi.testclient import TestClient
    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.jobs import Jobs
    from tests.service.conftest import Enter, MakeAgreement, MakeListing, MakeParty, MakeRound, Pair

__all__ = ["settle", "story"]


def test_city_adds_up_each_currency_by_itself(
    client: TestClient, story: Story, engine: Engine, make_agreement: MakeAgreement, settle: Settle
) -> None:
    settle(make_agreement(story.company, story.ngo, amount=100_000, tranches=1), paid=1)
    with writing(engine) as session:
        other = make_agreement(story.company, story.ngo)
        hours = Commitment(
            agreement_id=other.key,
            organization_id=story.company.organization.key,
            item="v",
            kind=CommitmentKind.VOLUNTEERS,
            quantity=200_00,
            unit="hour",
            valuation=Valuation.TIME,
        )
        euros = Commitment(
            agreement_id=other.key,
            organization_id=story.company.organization.key,
            item="e",
            kind=CommitmentKind.CASH,
            quantity=7_00,
            unit="EUR",
            currency="EUR",
        )
        session.add_all([hours, euros])
        session.flush()
        for quantity, confirmed in ((30_00, now()), (5_00, None)):
            more = (
                {"organization_id": story.company.organization.key}
                if "organization_id" in Delivery.model_fields
                else {}
            )
            session.add(
                Delivery(
                    commitment_id=hours.key,
                    quantity=quantity,
                    on=date(2026, 5, 1),
                    confirmed=confirmed,
                    **more,
                )
            )
    out = client.get("/api/v1/network/numbers").json()
    assert out["money"] == [
        {"currency": "CNY", "promised": 600_000, "paid": 600_000, "recovered": 0},
        {"currency": "EUR", "promised": 700, "paid": 0, "recovered": 0},
    ]
    assert out["in_kind"] == [{"kind": "volunteers", "unit": "hour", "promised": 200_00, "given": 30_00}]
    assert (out["cooperations"], out["organizations"], out["reports"], out["people"]) == (3, 2, 1, 1200)
    said = words(client.get("/numbers"))
    for what in ("CN¥6,000", "€7", "200 hours", "1,200", "From need to report"):
        assert what in said


def test_funnel_counts_needs_by_how_far_they_came(
    client: TestClient,
    story: Story,
    make_party: MakeParty,
    make_listing: MakeListing,
    make_round: MakeRound,
    enter: Enter,
    pair: Pair,
) -> None:
    """The story's need came to the report without a round; others stop on the way."""
    ngo, company = make_party("Other"), make_party("Giver", kind="business")
    held = make_round(status=RoundStatus.CHOOSING)
    offer = enter(held, make_listing(company, "Money", Side.OFFER))
    needs = [make_listing(ngo, f"Need {n}") for n in range(4)]
    make_listing(ngo, "Draft", publish=False)
    entered = [enter(held, need) for need in needs[1:]]
    pair(entered[1], offer, PairingStatus.RELEASED, released=now())
    pair(entered[2], offer, PairingStatus.MUTUAL, released=now())
    funnel = {one["stage"]: one["needs"] for one in client.get("/api/v1/network/numbers").json()["funnel"]}
    assert funnel == {
        "published": 5,
        "entered": 4,
        "paired": 3,
        "mutual": 2,
        "signed": 1,
        "given": 1,
        "reported": 1,
    }


def test_futian_year_is_computed_from_what_was_signed(client: TestClient, engine: Engine, jobs: Jobs) -> None:
    """As was published: a fund of 20 million yuan a year, 108 projects, about 12 million."""
    scenario = load_scenario("futian")
    with writing(engine) as session:
        _sign(session)
        promise(session, "draw_network")
    jobs.run_all()
    before, year = client.get("/api/v1/network").json()["years"]
    (fund,) = year["funds"]
    assert (before["year"], year["year"]) == (2014, 2015)
    assert before["cooperations"] + year["cooperations"] == len(scenario.profiles.cooperations)
    assert fund["limit"] == {"amount": 20_000_000_00, "currency": "CNY"}
    assert fund["projects"] == 108
    assert fund["given"] == 12_068_650_00
    assert "福田區社會建設專項資金" in client.get("/numbers").text
    assert "to 108 projects" in words(client.get("/numbers"))


def _sign(session: Session) -> None:
    scenario = load_scenario("futian")
    budget = scenario.preset.rules.budgets[0]
    kept = organizations_of(session, scenario)
    offers: dict[str, Listing] = {}
    for profile in scenario.profiles.offers:
        if profile.id in budget.offers:
            owner = kept[profile.organization.id]
            offers[profile.id] = Listing(side=Side.OFFER, organization_id=owner.key, title=profile.title)
            session.add(offers[profile.id])
    need = Listing(side=Side.NEED, organization_id=next(iter(kept.values())).key, title="x")
    session.add(need)
    session.flush()
    rule = {"name": budget.name, "offers": [one.uid for one in offers.values()], "limit": "20000000 CNY"}
    held = Round(
        title="2015", preset="headquarters-base", status=RoundStatus.CLOSED, rules={"budgets": [rule]}
    )
    session.add(held)
    session.flush()
    entered = {
        name: Application(
            listing_id=one.key,
            organization_id=one.organization_id,
            side=one.side,
            round_id=held.key,
            status=ApplicationStatus.ELIGIBLE,
        )
        for name, one in {"": need, **offers}.items()
    }
    session.add_all(entered.values())
    session.flush()
    asked = entered.pop("")
    pairings = {
        name: Pairing(round_id=held.key, need_id=asked.key, offer_id=one.key) for name, one in entered.items()
    }
    session.add_all(pairings.values())
    session.flush()
    sign_history(session, scenario, held, pairings)
