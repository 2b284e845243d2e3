"""Runs beside each other: what-ifs, comparisons, re-runs that stay, second chances, earlier cooperations."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from sqlmodel import select

from matching.messages import Message
from service.db import now
from service.errors import BadInput, NotNow
from service.pairings import actions, queries
from service.pairings.alarms import left_with_nothing
from service.pairings.comparing import compared
from service.pairings.models import MatchRun, MatchRunStatus, Pairing, PairingStatus
from service.pairings.showing import result_of
from service.pairings.trying import changes_of, suggested
from service.rounds.models import RoundStatus
from tests.service.pairings.conftest import matched, withdrawn

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.jobs import Jobs
    from tests.service.conftest import Enter, MakeListing, MakeRound, Pair
    from tests.service.pairings.conftest import Talk


def test_a_what_if_is_shown_and_compared_and_never_released(
    database_url: str, session: Session, talk: Talk, jobs: Jobs
) -> None:
    before = matched(session, talk, jobs)
    tried = matched(session, talk, jobs, changes_of(talk.round, talk.round.rules, money=50))
    assert (tried.what_if, tried.changes) == (True, {"money": 50})
    assert len(session.exec(select(Pairing)).all()) == 3, "only the real run writes pairings"
    found = compared(result_of(session, before), result_of(session, tried))
    assert len(found.changed) == 3
    meals = next(one for one in found.changed if one.need.title == talk.listings["meals"].title)
    assert [str(one) for one in (*meals.before.amounts, *meals.after.amounts)] == ["50,000 CNY", "30,000 CNY"]  # type: ignore[union-attr]
    assert {balance.gains for balance in (*found.needs, *found.offers)} == {False}
    with pytest.raises(NotNow, match="only for looking at"):
        actions.release(session, talk.facilitator, tried)
    assert queries.latest_result(session, talk.round).uid == before.uid  # type: ignore[union-attr]


def test_a_what_if_has_to_change_something_and_to_keep_to_the_rules_of_rules(talk: Talk) -> None:
    with pytest.raises(BadInput, match="Some fields"):
        changes_of(talk.round, talk.round.rules)
    with pytest.raises(BadInput) as refused:
        changes_of(talk.round, {"fairness": "always"})
    assert refused.value.problems[0].field == "rules.fairness"
    with pytest.raises(BadInput):
        changes_of(talk.round, {}, money=0)
    assert changes_of(talk.round, {"fairness": "leximin"}) == {"rules": {"fairness": "leximin"}}


def test_matching_again_without_a_change_changes_nothing_and_says_so(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    first = matched(session, talk, jobs)
    again = matched(session, talk, jobs)
    assert again.previous_id == first.key
    found = compared(result_of(session, first), result_of(session, again))
    assert found.same
    assert len(found.kept) == 3
    assert (again.certificate["kept_pairs"], again.certificate["keep_price"]) == (3, 0.0)


def test_one_withdrawal_ends_its_own_pair_alone(session: Session, talk: Talk, jobs: Jobs) -> None:
    first = matched(session, talk, jobs)
    withdrawn(session, talk, "trees")
    again = matched(session, talk, jobs)
    found = compared(result_of(session, first), result_of(session, again))
    assert [one.need.title for one in found.gone] == [talk.listings["trees"].title]
    assert found.new == ()
    assert found.changed == ()
    assert [(balance.organization.name, balance.gains) for balance in found.needs] == [("Trees ngo", False)]


def test_who_would_leave_with_nothing_is_named_with_a_remedy_that_can_be_tried(
    session: Session, talk: Talk, jobs: Jobs, make_listing: MakeListing, enter: Enter
) -> None:
    party = talk.parties["trees"]
    session.commit()
    far = make_listing(party, "Repair of the boiler house", themes="housing")
    enter(talk.round, far)
    withdrawn(session, talk, "trees")
    run = matched(session, talk, jobs)
    alarms = left_with_nothing(talk.round, result_of(session, run))
    assert {alarm.organization.name for alarm in alarms} == {"Trees ngo", "Nursery association"}
    assert run.leaving == 2
    trees = next(alarm for alarm in alarms if alarm.organization.name == "Trees ngo")
    assert trees.changes == {"rules": {"min_score": 0.35}}
    tried = actions.try_remedy(session, talk.facilitator, run, trees.cheapest.profile.id)
    assert tried.what_if
    assert tried.rules["min_score"] == 0.35
    with pytest.raises(NotNow):
        actions.try_remedy(session, talk.facilitator, run, "nobody")


@pytest.mark.parametrize(
    ("message", "changes"),
    [
        (Message("remedy-organization-cap", "", count=1), {"rules": {"projects_per_organization": 3}}),
        (Message("more-beneficiaries", "", more=20), {"rules": {"min_beneficiaries": 30}}),
        (Message("pass-inspection", ""), {"rules": {"applicants": {"inspection_passed": False}}}),
        (Message("less-overhead", ""), {"rules": {"most_overhead": None}}),
        (Message("remedy-outbid", ""), {"rules": {"fairness": "bottleneck"}}),
        (Message("remedy-more-offers", ""), {"money": 125}),
        (Message("appeal", ""), None),
    ],
)
def test_remedies_become_changes_of_the_rules_that_stand_in_the_way(
    make_round: MakeRound, message: Message, changes: dict[str, object] | None
) -> None:
    assert suggested(make_round("venture-call", RoundStatus.MATCHING), message) == changes


def test_funds_and_quotas_that_bind_are_widened_one_by_one(make_round: MakeRound) -> None:
    rules = {
        "budgets": [{"name": "City", "offers": ["o1"], "limit": "1000 CNY"}],
        "quotas": [{"scheme": "themes", "code": "health", "at_least": 2}],
    }
    one = make_round("venture-call", RoundStatus.MATCHING, rules=rules)
    more = suggested(one, Message("raise-shared-budget", "", name="City", amount=500_00))
    assert more is not None
    assert more["rules"]["budgets"] == [{"name": "City", "offers": ["o1"], "limit": "1500 CNY"}]
    fewer = suggested(one, Message("lower-quota", "", name="health", count=2))
    assert fewer is not None
    assert fewer["rules"]["quotas"] == []
    assert fewer["rules"]["budgets"] == rules["budgets"], "the round's other rules stay"


# Earlier rounds ---------------------------------------------------------------------------------------


@pytest.fixture
def earlier(
    session: Session, talk: Talk, make_round: MakeRound, enter: Enter, pair: Pair
) -> dict[str, Pairing]:
    """A round of last month: the meals were agreed, the trees left with nothing, the studio was declined."""
    before = make_round("monthly-talk", RoundStatus.CLOSED, title="Winter talk")
    entered = {name: enter(before, listing) for name, listing in talk.listings.items()}
    run = MatchRun(round_id=before.key, status=MatchRunStatus.DONE, released=now() - timedelta(days=30))
    session.add(run)
    session.commit()
    gift = {"kind": "money", "used": {"amount": 10_000_00, "unit": "CNY"}}
    return {
        "meals": pair(entered["meals"], entered["fund"], PairingStatus.AGREED, gifts=[gift], run_id=run.key),
        "film": pair(entered["film"], entered["studio"], PairingStatus.DECLINED, run_id=run.key),
    }


def test_agreed_pairings_of_earlier_rounds_are_known_cooperations(
    session: Session, talk: Talk, jobs: Jobs, earlier: dict[str, Pairing]
) -> None:
    [known] = queries.cooperations(session, talk.round)
    assert known.need_organization == talk.parties["meals"].organization.uid
    assert known.offer == talk.listings["fund"].uid
    assert str(known.quantity) == "10,000 CNY"
    run = matched(session, talk, jobs)
    rows = {need.uid: row for row, need, _ in queries.pairings_of(session, run)}
    codes = {message["code"] for message in rows[talk.listings["meals"].uid].evidence}
    assert "met-before" in codes
    assert queries.given_in(rows[talk.listings["meals"].uid], "CNY") == 50_000_00, "60,000 less 10,000"


def test_who_left_the_last_rounds_with_nothing_gets_a_second_chance_as_configured(
    session: Session, talk: Talk, jobs: Jobs, earlier: dict[str, Pairing]
) -> None:
    uids = {name: party.organization.uid for name, party in talk.parties.items()}
    left = queries.left_out(session, talk.round, set(uids.values()))
    assert left == {uids[name]: 1 for name in ("trees", "nursery", "film", "studio")}
    plain = matched(session, talk, jobs)
    assert all("left_out" not in str(profile["organization"]) for profile in plain.inputs["profiles"])
    talk.round.rules = {"second_chance": 0.1}
    session.add(talk.round)
    run = matched(session, talk, jobs)
    rows = {need.uid: row for row, need, _ in queries.pairings_of(session, run)}
    told = {
        name: "second-chance" in {message["code"] for message in rows[talk.listings[name].uid].evidence}
        for name in ("meals", "trees")
    }
    assert told == {"meals": False, "trees": True}
    assert run.certificate["objective"] > plain.certificate["objective"]
    assert run.certificate["total"] == pytest.approx(plain.certificate["total"])
