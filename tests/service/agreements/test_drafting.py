"""What a draft begins with: parties, gifts, dates, payments and clauses from what is known."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching.profiles import Side
from service.agreements import actions, drafting, queries
from service.agreements.models import AgreementKind, PartyRole
from service.errors import BadInput, NotAllowed, NotNow
from service.events import history
from service.listings import requests
from service.pairings.models import PairingStatus
from service.permissions import Role
from tests.service.agreements.conftest import gift


def test_co_sponsors_of_one_need_become_one_agreement_of_three_parties(session, deal, drafted):
    bound = queries.parties(session, drafted)
    assert [(one.organization.name, one.party.role) for one in bound] == [
        ("Amity Fund", PartyRole.FUNDER),
        ("Civil Affairs Bureau", PartyRole.SUPERVISOR),
        ("乐邻社区服务中心", PartyRole.IMPLEMENTER),
    ]
    assert drafted.kind is AgreementKind.THREE_PARTY
    terms = queries.terms_of(drafted)
    bureau, fund, ngo = (party.organization.uid for party in deal.all)
    assert [(one.organization, one.purpose, one.quantity) for one in terms.commitments] == [
        (bureau, "programme", 6_000_000),
        (bureau, "labour", 600_000),
        (fund, "programme", 2_400_000),
    ]
    first = [one.amount for one in terms.tranches if one.commitment == "c1"]
    assert first == [3_000_000, 1_800_000, 1_200_000]
    assert {one.payee for one in terms.tranches} == {ngo}
    assert [(one.purpose, one.amount) for one in terms.budget] == [
        ("programme", 8_400_000),
        ("labour", 600_000),
    ]
    assert terms.reports.monthly
    assert (
        {one.key: one for one in terms.clauses}["payment"]
        .text["zh-Hans"]
        .startswith("本协议项下承诺的资金总额为¥90,000")
    )
    assert "No management fee" in {one.key: one for one in terms.clauses}["overhead"].text["en"]
    assert actions.problems(session, drafted) == [], "what is known is enough to open signing at once"
    [event] = history(session, drafted.uid)
    assert event.details["round"] == deal.round.uid
    assert event.details["agreement"] == drafted.uid


def test_numbers_run_through_the_year(session, deal, drafted, make_party, make_listing, enter, pair):
    year = drafted.created.year
    assert drafted.number == f"{year}-0001"
    need = enter(deal.round, make_listing(make_party("Another"), "Books"))
    offer = enter(deal.round, make_listing(make_party("Giver"), "Money", Side.OFFER))
    other = pair(need, offer, PairingStatus.AGREED, gifts=[gift(10)])
    made = drafting.from_pairings(session, _staff(deal), [other])
    assert made.number == f"{year}-0002"


def _staff(deal):
    return replace(deal.ngo.actor, roles=frozenset({Role.FACILITATOR}))


def test_a_pairing_is_drafted_once_until_the_draft_is_given_up(session, deal, drafted):
    with pytest.raises(NotNow, match=drafted.number):
        drafting.from_pairings(session, deal.bureau.actor, deal.pairings[:1])
    actions.abandon(session, deal.ngo.actor, drafted, "We begin anew.")
    assert drafting.from_pairings(session, deal.bureau.actor, deal.pairings[:1]).uid != drafted.uid


def test_only_what_both_sides_want_and_only_by_those_concerned(
    session, deal, make_party, make_listing, enter, pair
):
    stranger = make_party("Stranger", Role.OWNER)
    with pytest.raises(NotAllowed):
        drafting.from_pairings(session, stranger.actor, deal.pairings)
    session.rollback()
    offer = enter(deal.round, make_listing(make_party("Late", Role.OWNER), "Late money", Side.OFFER))
    need = enter(deal.round, make_listing(stranger, "Its own need"))
    released = pair(need, offer, PairingStatus.RELEASED, gifts=[gift(10)])
    with pytest.raises(NotNow):
        drafting.from_pairings(session, stranger.actor, [released])
    with pytest.raises(BadInput, match="attention"):
        drafting.from_pairings(session, _staff(deal), [deal.pairings[0], released])


def test_all_pairings_of_a_round_are_drafted_at_once_by_need(
    session, deal, steering, make_party, make_listing, enter, pair
):
    need = enter(deal.round, make_listing(make_party("Second"), "Books for a school"))
    offer = enter(deal.round, make_listing(make_party("Giver"), "Money", Side.OFFER))
    pair(need, offer, PairingStatus.AGREED, gifts=[gift(5_000)])
    made = drafting.round_of(session, steering, deal.round)
    assert [len(queries.parties(session, one)) for one in made] == [3, 2]
    assert drafting.round_of(session, steering, deal.round) == [], "again drafts nothing"
    with pytest.raises(NotAllowed):
        drafting.round_of(session, deal.ngo.actor, deal.round)


def test_goods_counted_in_money_are_worth_that_sum(
    session, deal, enter, pair, make_party, make_listing, steering
):
    need = enter(deal.round, make_listing(make_party("Kitchen"), "Meals for a year"))
    offer = enter(deal.round, make_listing(make_party("Mill"), "Flour", Side.OFFER))
    pairing = pair(need, offer, PairingStatus.AGREED, gifts=[gift(900, kind="goods")])
    [given] = queries.terms_of(drafting.from_pairings(session, steering, [pairing])).commitments
    assert (given.kind, given.value, given.currency, given.valuation) == ("goods", 90_000, "CNY", "in-kind")


def test_an_accepted_request_becomes_an_agreement(session, make_party, make_listing):
    ngo, firm = make_party("NGO", Role.OWNER), make_party("Law firm", Role.OWNER, kind="business")
    lines = [{"kind": "services", "amount": "40 hours", "worth": "8000 CNY"}]
    offer = make_listing(firm, "Legal advice", Side.OFFER, lines=lines)
    asked = requests.send_request(session, ngo.actor, offer, ngo.organization.uid, "Please advise us.")
    with pytest.raises(NotNow):
        drafting.from_request(session, ngo.actor, asked)
    requests.accept(session, firm.actor, asked)
    made = drafting.from_request(session, ngo.actor, asked, drafting.Wanted(language="ru"))
    [given] = queries.terms_of(made).commitments
    assert (given.kind, given.quantity, given.unit, given.value, given.currency, given.valuation) == (
        "services",
        4_000,
        "hour",
        800_000,
        "CNY",
        "time",
    )
    assert made.kind is AgreementKind.COOPERATION
    assert queries.terms_of(made).clauses[0].heading == {"ru": "Предмет"}
    with pytest.raises(NotNow, match=made.number):
        drafting.from_request(session, firm.actor, asked)
