from __future__ import annotations

from dataclasses import replace
from datetime import date

from matching.alternatives import Promise, more_to_choose_from, next_in_line
from matching.matcher import match
from matching.messages import Quantity
from matching.outcome import Gift
from matching.rules import Budget, Rules
from tests.builders import line, money, need, offer, organization

DAY = date(2022, 3, 1)
RULES = Rules(as_of=DAY, min_score=0.2)
MEALS = {
    "title": "Hot meals for lonely elderly people",
    "text": "We cook and bring lunch to old people who live alone and need money for food.",
}
GIVER = {
    "title": "Money for meals of the elderly",
    "text": "Our foundation pays for food and lunches of old people who live alone.",
}


def promised(pairing):
    return Promise(need=pairing.need.id, offer=pairing.offer.id, gifts=pairing.gifts)


def gift(kind, amount, unit, need_line, offer_line):
    quantity = Quantity(amount * 100, unit)
    return Gift(
        need_line=need_line,
        offer_line=offer_line,
        kind=kind,
        part="programme",
        quantity=quantity,
        used=quantity,
    )


def test_best_offer_that_is_free_and_was_not_tried_comes_next():
    needs = [need("a", money(1000), **MEALS), need("b", money(1000), **MEALS)]
    offers = [offer(f"o{i}", money(1000), **GIVER) for i in range(3)]
    first = match(needs, offers, RULES)
    refused, kept = first.pairings
    (found,) = next_in_line(
        needs, offers, [promised(kept)], {refused.need.id}, RULES, tried=[(refused.need.id, refused.offer.id)]
    )
    assert found.need.id == refused.need.id
    assert found.offer.id not in (refused.offer.id, kept.offer.id)
    assert found.amounts == (Quantity(100_000, "CNY"),)


def test_only_what_is_lacking_is_asked_for_and_only_what_is_left_is_given():
    project = need("a", line("venue", 1, "day"), money(1000, minimum=800, labour=300), **MEALS)
    fund = offer("o", line("media", 1, "post"), money(5000), **GIVER)
    promises = [
        Promise(need="a", offer="hall", gifts=(gift("venue", 1, "day", 0, 0),)),
        Promise(need="a", offer="other", gifts=(gift("money", 600, "CNY", 1, 0),)),
        Promise(need="z", offer="o", gifts=(gift("money", 4700, "CNY", 0, 1),)),
    ]
    (found,) = next_in_line([project], [fund], promises, {"a"}, RULES)
    assert {(one.need_line, one.offer_line) for one in found.gifts} == {(1, 1)}, "as the profiles have them"
    assert sum(one.quantity.amount for one in found.gifts) == 30_000, "no more than the offer has left"


def test_offer_that_serves_as_many_as_it_wants_is_not_asked_again():
    needs = [need("a", money(100), **MEALS), need("b", money(100), **MEALS)]
    fund = offer("o", money(5000), most_projects=1, **GIVER)
    held = match(needs[:1], [fund], RULES).pairings
    assert next_in_line(needs, [fund], [promised(one) for one in held], {"b"}, RULES) == ()
    assert next_in_line(needs, [fund], [], {"b"}, RULES) != ()


def test_conditions_bans_budgets_and_yearly_caps_hold_still():
    ours = organization("ours", kind="ngo")
    needs = [need(f"n{i}", money(100), organization=ours, **MEALS) for i in range(3)]
    fund = offer("o", money(5000), **GIVER)
    held = [promised(one) for one in match(needs[:1], [fund], RULES).pairings]
    wanting = {"n1", "n2"}
    assert len(next_in_line(needs, [fund], held, wanting, RULES)) == 2
    assert len(next_in_line(needs, [fund], held, wanting, replace(RULES, projects_per_organization=2))) == 1
    assert next_in_line(needs, [fund], held, wanting, replace(RULES, projects_per_organization=1)) == ()
    budget = Budget(name="fund", offers=frozenset({"o"}), limit=Quantity(10_000, "CNY"))
    assert next_in_line(needs, [fund], held, wanting, replace(RULES, budgets=(budget,))) == ()
    (left,) = next_in_line(needs, [fund], held, wanting, replace(RULES, bans=(("n1", "o"), ("other", "x"))))
    assert left.need.id == "n2"
    picky = offer("o", money(5000), min_beneficiaries=50, **GIVER)
    assert next_in_line(needs, [picky], [], wanting, RULES) == ()


def test_more_to_choose_from_is_the_best_of_what_was_not_tried():
    a = need("a", money(1000), **MEALS)
    near = [offer(f"o{i}", money(400 + i), **GIVER) for i in range(3)]
    far = offer("x", money(1000), title="Football boots", text="Boots for a youth football team.")
    picky = offer("p", money(1000), verified=True, **GIVER)
    found = more_to_choose_from(
        [a], [*near, far, picky], replace(RULES, min_score=0.5), DAY, most=2, tried=[("a", "o1")]
    )
    assert [pairing.offer.id for pairing in found] == ["o2", "o0"]
    assert [pairing.amounts[0].amount for pairing in found] == [40_200, 40_000], "each as if it were alone"
    assert more_to_choose_from([a], [far], replace(RULES, min_score=0.5), DAY, most=2) == ()
