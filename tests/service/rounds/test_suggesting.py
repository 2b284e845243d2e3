"""The next theme: from what organizations ask for and nobody carries to a talk on it, with one click."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import select

from matching.embedding import default_embedder
from matching.profiles import Side
from service.db import writing
from service.events import Event
from service.listings.models import Listing, ListingStatus
from service.pairings.models import PairingStatus
from service.permissions import Role
from service.rounds.models import Round
from service.search.models import Embedding

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from service.jobs import Jobs
    from tests.service.conftest import Enter, MakeListing, MakeParty, MakeRound, MakeUser, Pair

    Rows = Callable[[Any], list[Any]]

ELDERLY = {
    "独居老人午餐配送": "为社区独居老人每天送午餐，需要车辆和志愿者。",
    "Горячие обеды для одиноких пенсионеров": "Развозим горячие обеды одиноким пожилым людям в районе.",
    "Warm lunches for older neighbours": "Lunch delivered to elderly people who live alone in our district.",
}


def publish(make_listing: MakeListing, make_party: MakeParty) -> list[Listing]:
    """Three needs for the old in three languages, and one of another kind."""
    party = make_party()
    old = [
        make_listing(party, title, text=text, themes="elderly-care", groups="elderly")
        for title, text in ELDERLY.items()
    ]
    return [*old, make_listing(party, "Trees along the river", text="Planting trees.", themes="environment")]


def test_unmet_needs_become_a_talk_with_one_click(
    facilitator: TestClient,
    make_listing: MakeListing,
    make_party: MakeParty,
    jobs: Jobs,
    rows: Rows,
) -> None:
    publish(make_listing, make_party)
    jobs.run_all()
    page = facilitator.get("/rounds/themes", headers={"Accept-Language": "en"}).text
    assert "Elderly care\u00a0· Older people" in page
    assert "3 needs without a partner" in page
    assert all(title in page for title in ELDERLY)
    assert "Trees along the river" not in page, "one need is no theme"
    form = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page))
    assert facilitator.post("/rounds/new", data=form).status_code == 303
    (talk,) = rows(select(Round))
    assert (talk.preset, talk.themes) == ("monthly-talk", ["elderly-care"])
    assert talk.title == "Monthly talk: Elderly care and Older people"
    (begun,) = rows(select(Event).where(Event.name == "round.create"))
    assert begun.reason == "3 needs without a partner ask for it."
    assert begun.details["themes"] == ["elderly-care"]


def test_needs_that_somebody_carries_count_no_more(
    facilitator: TestClient,
    make_listing: MakeListing,
    make_party: MakeParty,
    make_round: MakeRound,
    enter: Enter,
    pair: Pair,
    jobs: Jobs,
) -> None:
    first, second, *_ = publish(make_listing, make_party)
    jobs.run_all()
    one, giver = make_round(), make_party("Chamber", kind="association")
    offer = enter(one, make_listing(giver, "Vans", Side.OFFER))
    pair(enter(one, first), offer, PairingStatus.MUTUAL)
    pair(enter(one, second), offer, PairingStatus.DECLINED)
    (theme,) = facilitator.get("/api/v1/rounds/themes").json()
    assert theme["needs"] == 2
    assert first.uid not in theme["examples"]
    assert theme["keywords"][:2] == ["Elderly care", "Older people"]


def test_suggestions_are_for_those_who_run_rounds(
    browser: Callable[[], TestClient], as_user: Callable[..., TestClient], make_party: MakeParty
) -> None:
    assert browser().get("/api/v1/rounds/themes").status_code == 401
    member = as_user(make_party().user)
    assert member.get("/api/v1/rounds/themes").status_code == 403
    assert member.get("/rounds/themes").status_code == 403


def test_a_thousand_needs_are_grouped_by_what_they_mean(
    make_party: MakeParty,
    make_user: MakeUser,
    as_user: Callable[..., TestClient],
    engine: Engine,
) -> None:
    party, random = make_party(), np.random.default_rng(0)
    centres = random.normal(size=(30, 512))
    with writing(engine) as session:
        for number in range(1000):
            vector = centres[number % 30] + random.normal(size=512)
            listing = Listing(
                organization_id=party.organization.key,
                side=Side.NEED,
                title=f"Need {number}",
                language="en",
                status=ListingStatus.PUBLISHED,
                revision=1,
            )
            session.add(listing)
            session.flush()
            session.add(
                Embedding(
                    listing_id=listing.key,
                    model=default_embedder().name,
                    revision=1,
                    language="en",
                    vector=(vector / np.linalg.norm(vector)).astype("<f4").tobytes(),
                    words=[f"word{number % 30}", "need"],
                )
            )
    client = as_user(make_user(roles=[Role.FACILITATOR]))
    found = client.get("/api/v1/rounds/themes").json()
    assert len(found) == 8
    assert sum(theme["needs"] for theme in found) == 8 * 34
