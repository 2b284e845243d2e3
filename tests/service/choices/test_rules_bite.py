"""Rules of how a round chooses bite: with them the next in line is asked at once, without them not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from matching.profiles import Side
from matching.rules import load_preset
from service.choices import actions, queries
from service.pairings.models import Pairing, PairingStatus
from service.rounds.models import RoundStatus
from tests.service.stated_rules import stating

if TYPE_CHECKING:
    from service.jobs import Jobs
    from tests.service.choices.conftest import Bring
    from tests.service.conftest import MakeRound

MEALS = {"text": "Hot meals for older people who live alone", "themes": "elderly-care"}


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("preset", stating("offers_next"))
def test_offers_next_asks_the_next_in_line_as_soon_as_one_declines(
    preset: str,
    stated: bool,
    make_round: MakeRound,
    bring: Bring,
    give: Any,
    kept: Any,
    jobs: Jobs,
    rows: Any,
) -> None:
    assert load_preset(preset).process.offers_next
    rules = {} if stated else {"process": {"offers_next": False}}
    one = make_round(preset, RoundStatus.SIGNING, rules=rules)
    need = bring(Side.NEED, into=one, **MEALS)
    offers = [bring(Side.OFFER, into=one, **MEALS) for _ in range(2)]
    pairing = give(need, offers[0])
    assert kept(lambda session: queries.choosing(session, one).closed) is None
    kept(lambda session: actions.decline(session, offers[0].actor, one, pairing.uid, "No truck left"))
    jobs.run_all()
    (found,) = rows(select(Pairing).where(Pairing.instead_of_id == pairing.key))
    assert found.offer_id == offers[1].application.key
    assert found.status is (PairingStatus.RELEASED if stated else PairingStatus.PROPOSED)
