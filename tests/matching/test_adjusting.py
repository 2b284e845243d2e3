"""Amounts set by hand: taken as they are, checked rule by rule, kept by the matcher when it runs again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import pytest

from matching.adjusting import broken_rules, with_amount
from matching.errors import Infeasible
from matching.matcher import match, verify
from matching.messages import Quantity
from matching.rules import Budget, GivenAmount, Rules
from tests.builders import line, money, need, offer, organization

if TYPE_CHECKING:
    from matching.outcome import Matching
    from matching.profiles import Profile

RULES = Rules(as_of=date(2026, 3, 1), min_score=0.0)
LUNCH = {"text": "Hot lunches for older people", "themes": frozenset({"elderly-care"})}


def given(amount: int, need_id: str = "a", offer_id: str = "fund", unit: str = "CNY") -> GivenAmount:
    return GivenAmount(need=need_id, offer=offer_id, amount=amount * 100, unit=unit)


def two_needs(**limits: int) -> tuple[list[Profile], list[Profile]]:
    needs = [need("a", money(600, minimum=200), **LUNCH), need("b", money(600, minimum=200), **LUNCH)]
    return needs, [offer("fund", money(1000, **limits), **LUNCH)]


def given_to(matching: Matching) -> dict[str, int]:
    return {one.need.id: sum(gift.used.amount for gift in one.gifts) // 100 for one in matching.pairings}


@pytest.mark.parametrize(
    ("amount", "limits", "rules", "code", "words"),
    [
        (600, {}, {}, "broken-budget", "“fund” would give 1,100 CNY in all; it has 1,000 CNY."),
        (700, {}, {}, "broken-need", "“a” would get 700 CNY for this part; it asks for 600 CNY."),
        (100, {}, {}, "broken-minimum", "below 200 CNY it cannot go ahead"),
        (250, {"cheque_min": 300}, {}, "broken-cheque-minimum", "no project less than 300 CNY"),
        (550, {"cheque_max": 500}, {}, "broken-cheque-maximum", "no project more than 500 CNY"),
        (500, {}, {"project_cap": Quantity(450_00, "CNY")}, "broken-project-cap", "450 CNY for one project"),
        (
            450,
            {},
            {"budgets": (Budget(name="City", offers=frozenset({"fund"}), limit=Quantity(800_00, "CNY")),)},
            "broken-shared-budget",
            "The fund “City” would give 950 CNY; it has 800 CNY.",
        ),
    ],
)
def test_each_limit_is_named_with_its_amounts(
    amount: int, limits: dict[str, int], rules: dict[str, object], code: str, words: str
) -> None:
    needs, offers = two_needs(**limits)
    matching = match(needs, offers, replace(RULES, **rules))  # type: ignore[arg-type]
    assert broken_rules(matching) == []
    if code in ("broken-budget", "broken-shared-budget"):
        matching = with_amount(matching, given(500, "b"))
    found = broken_rules(with_amount(matching, given(amount)))
    assert code in {message.code for message in found}
    assert any(words in str(message) for message in found), [str(message) for message in found]


def test_an_amount_within_all_rules_is_taken_and_its_programme_is_served_first() -> None:
    needs = [need("a", money(600, labour=200, overhead=100), **LUNCH)]
    matching = match(needs, [offer("fund", money(1000), **LUNCH)], RULES)
    changed = with_amount(matching, given(450))
    assert broken_rules(changed) == []
    assert verify(changed) == []
    assert [(gift.part, gift.quantity.amount) for gift in changed.pairings[0].gifts] == [
        ("programme", 300_00),
        ("labour", 150_00),
    ]
    assert [(one.part, one.missing.amount) for one in changed.shortfalls] == [
        ("labour", 50_00),
        ("overhead", 100_00),
    ]


def test_a_condition_that_no_longer_holds_is_named_too() -> None:
    needs, offers = two_needs()
    matching = match(needs, offers, RULES)
    vetoed = replace(offers[0], strings=replace(offers[0].strings, vetoes=frozenset({"org-a"})))
    pairings = tuple(replace(one, offer=vetoed) for one in matching.pairings)
    found = broken_rules(replace(matching, offers=(vetoed,), pairings=pairings))
    assert [str(message) for message in found] == ["One side has ruled out the other."]


def test_only_pairs_of_the_result_can_be_adjusted() -> None:
    needs, offers = two_needs()
    matching = match(needs, offers, RULES)
    for wrong in (given(300, "c"), given(300, unit="hour")):
        with pytest.raises(KeyError):
            with_amount(matching, wrong)


def test_a_new_run_keeps_the_amount_and_shares_out_the_rest() -> None:
    needs, offers = two_needs()
    matching = match(needs, offers, replace(RULES, amounts=(given(250),)))
    assert given_to(matching) == {"a": 250, "b": 600}
    assert broken_rules(matching) == []
    assert matching.certificate.lock_prices["a", "fund"] is not None
    more = match(needs, offers, replace(RULES, amounts=(given(550),)))
    assert given_to(more) == {"a": 550, "b": 450}


def test_hours_that_stand_in_for_money_are_set_by_hand_in_hours() -> None:
    needs = [need("a", money(1000, labour=400), **LUNCH)]
    offers = [
        offer("fund", money(1000), pays_labour=False, **LUNCH),
        offer("people", line("volunteers", 40, "hour", worth=400), **LUNCH),
    ]
    by_hand = (given(20, "a", "people", "hour"),)
    matching = match(needs, offers, replace(RULES, amounts=by_hand))
    assert given_to(matching)["a"] in (600, 20)
    people = next(one for one in matching.pairings if one.offer.id == "people")
    assert [(str(gift.used), str(gift.quantity)) for gift in people.gifts] == [("20 hour", "200 CNY")]


def test_an_amount_that_cannot_be_kept_comes_back_with_a_remedy_that_names_the_pair() -> None:
    needs, offers = two_needs()
    with pytest.raises(Infeasible) as refused:
        match(needs, offers, replace(RULES, amounts=(given(700),)))
    remedy = refused.value.remedies[0]
    assert remedy.code == "drop-lock-pair"
    assert (remedy.params["project_id"], remedy.params["offer_id"]) == ("a", "fund")
    vetoed = [offer("fund", money(1000), vetoes=frozenset({"org-a"}), **LUNCH)]
    with pytest.raises(Infeasible) as impossible:
        match(needs, vetoed, replace(RULES, amounts=(given(300),)))
    assert impossible.value.remedies[0].params["need_id"] == "a"


def test_a_second_chance_decides_between_equals_and_is_told_as_a_reason() -> None:
    loser = organization("org-b", left_out=2)
    needs = [
        need("a", money(600, minimum=600), **LUNCH),
        need("b", money(600, minimum=600), organization=loser, **LUNCH),
    ]
    offers = [offer("fund", money(600), **LUNCH)]
    plain = match(needs, offers, RULES)
    helped = match(needs, offers, replace(RULES, second_chance=0.2))
    assert [one.need.id for one in plain.pairings] == ["a"], "it fits a little better"
    assert [one.need.id for one in helped.pairings] == ["b"]
    assert helped.pairings[0].score < plain.pairings[0].score, "the score itself is not changed"
    assert "Left the last round with nothing" in [str(reason) for reason in helped.pairings[0].evidence]
    assert helped.certificate.objective - helped.certificate.total > 1.2 - 1e-6
    assert helped.certificate.gap < 1e-6


def test_matching_again_without_a_change_gives_the_same_and_says_what_was_kept() -> None:
    needs, offers = two_needs()
    first = match(needs, offers, RULES)
    again = match(needs, offers, RULES, earlier=first)
    assert again.pairings == first.pairings
    assert again.certificate.kept_pairs == 2
    assert again.certificate.keep_price == 0
    assert again.certificate.bound == first.certificate.bound
    assert first.certificate.kept_pairs is None


def test_a_pair_of_the_earlier_result_stays_though_a_newcomer_fits_a_little_better() -> None:
    old = offer("old", money(600), text="Lunches for old people", themes=frozenset({"elderly-care"}))
    needs = [need("a", money(600), **LUNCH)]
    first = match(needs, [old], RULES)
    new = offer("new", money(600), text=LUNCH["text"], themes=frozenset({"elderly-care"}))
    free = match(needs, [old, new], RULES)
    near = match(needs, [old, new], RULES, earlier=first)
    assert [one.offer.id for one in free.pairings] == ["new"]
    assert [one.offer.id for one in near.pairings] == ["old"]
    assert near.certificate.keep_price == pytest.approx(
        free.certificate.objective - near.certificate.objective, abs=1e-6
    )
    assert 0 < near.certificate.keep_price < RULES.keep
    moved = match(needs, [old, new], replace(RULES, keep=0.0), earlier=first)
    assert [one.offer.id for one in moved.pairings] == ["new"]
