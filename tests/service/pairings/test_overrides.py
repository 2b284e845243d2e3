"""Pins, bans and amounts by hand: each with a reason, logged, checked at once, and felt by the next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlmodel import select

from service.errors import BadInput, NotNow
from service.events import history
from service.pairings import actions, queries
from service.pairings.models import MatchRun, MatchRunStatus, Override, OverrideKind, Pairing
from service.pairings.overrides import override, remove
from service.pairings.showing import result_of
from tests.service.pairings.conftest import matched, withdrawn

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.jobs import Jobs
    from tests.service.pairings.conftest import Talk


def decide(
    session: Session, talk: Talk, kind: str, need: str, offer: str, reason: str = "Agreed.", **more: Any
) -> Override:
    need, offer = talk.applications[need].uid, talk.applications[offer].uid
    made = override(
        session, talk.facilitator, talk.round, OverrideKind(kind), need, offer, reason=reason, **more
    )
    session.commit()
    return made


def given(session: Session, talk: Talk, run: MatchRun) -> dict[tuple[str, str], int]:
    """By the short names of need and offer: what is given, in whole yuan."""
    names = {listing.uid: name for name, listing in talk.listings.items()}
    return {
        (names[need.uid], names[offer.uid]): queries.given_in(row, "CNY") // 100
        for row, need, offer in queries.pairings_of(session, run)
    }


def test_a_pin_and_a_ban_are_felt_by_the_next_run_and_their_price_is_told(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    matched(session, talk, jobs)
    pin = decide(session, talk, "lock", "trees", "fund", "Promised in public.")
    decide(session, talk, "ban", "meals", "fund", "They share a treasurer.")
    run = matched(session, talk, jobs)
    pairs = given(session, talk, run)
    assert ("trees", "fund") in pairs
    assert ("meals", "fund") not in pairs
    assert run.certificate["lock_prices"][0][:2] == [talk.listings["trees"].uid, talk.listings["fund"].uid]
    event = history(session, pin.uid)[0]
    assert (event.name, event.reason, event.details["round"]) == (
        "override.make",
        "Promised in public.",
        talk.round.uid,
    )
    remove(session, talk.facilitator, talk.round, pin, "Not promised after all.")
    session.commit()
    assert [event.name for event in history(session, pin.uid)] == ["override.make", "override.remove"]
    again = matched(session, talk, jobs)
    assert "locks" not in again.rules
    assert again.rules["bans"] == [[talk.listings["meals"].uid, talk.listings["fund"].uid]]


def test_a_pair_that_no_run_could_hold_cannot_be_pinned_and_the_rule_is_named(
    session: Session, talk: Talk
) -> None:
    talk.round.rules = {"bans": [[talk.listings["meals"].uid, talk.listings["fund"].uid]]}
    session.add(talk.round)
    session.flush()
    with pytest.raises(BadInput) as refused:
        decide(session, talk, "lock", "meals", "fund")
    assert "The facilitator has excluded this pair." in str(refused.value.problems[0].message)


def test_an_amount_is_taken_into_the_result_and_stays_when_the_round_is_matched_again(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    run = matched(session, talk, jobs)
    assert given(session, talk, run)["meals", "fund"] == 50_000
    decide(session, talk, "amount", "meals", "fund", "They need less.", amount="30000 CNY")
    assert given(session, talk, run)["meals", "fund"] == 30_000
    shown = result_of(session, run)
    assert [str(one.message) for one in shown.shortfalls] == ["20,000 CNY (money) still missing."]
    row = session.exec(select(Pairing).where(Pairing.need_id == talk.applications["meals"].key)).one()
    assert row.reason == "They need less."
    again = matched(session, talk, jobs)
    assert given(session, talk, again)["meals", "fund"] == 30_000
    decide(session, talk, "amount", "meals", "fund", "A bit more.", amount="35000 CNY")
    in_force = queries.overrides_in_force(session, talk.round)
    assert [made.amount for made, *_ in in_force] == [35_000_00], "the newer amount replaces the older one"
    actions.release(session, talk.facilitator, again)
    assert given(session, talk, again)["meals", "fund"] == 35_000


def test_an_amount_that_was_taken_back_makes_the_result_outdated(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    matched(session, talk, jobs)
    made = decide(session, talk, "amount", "meals", "fund", amount="30000 CNY")
    run = matched(session, talk, jobs)
    remove(session, talk.facilitator, talk.round, made)
    session.flush()
    with pytest.raises(NotNow, match="pinned or excluded, changed"):
        actions.release(session, talk.facilitator, run)


def test_pins_that_cannot_all_hold_end_in_remedies_that_name_them(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    """The fund may serve one project only, and two are pinned to it."""
    listing = talk.listings["fund"]
    listing.most_projects = 1
    session.add(listing)
    session.flush()
    decide(session, talk, "lock", "meals", "fund")
    decide(session, talk, "lock", "trees", "fund")
    run = actions.request_match(session, talk.facilitator, talk.round)
    session.commit()
    jobs.run_all()
    session.refresh(run)
    assert run.status is MatchRunStatus.INFEASIBLE
    assert run.note["code"] == "infeasible"
    assert [remedy["code"] for remedy in run.remedies] == ["raise-most-projects"]
    assert session.exec(select(Pairing)).all() == []


def test_a_pin_whose_need_has_left_the_round_no_longer_counts(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    decide(session, talk, "lock", "film", "studio")
    withdrawn(session, talk, "film")
    run = matched(session, talk, jobs)
    assert "locks" not in run.rules
