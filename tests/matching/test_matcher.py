import random
from dataclasses import replace
from datetime import date

import pytest

from matching import Infeasible, InvalidRules, match, verify
from matching.messages import Quantity
from matching.outcome import Gift
from matching.profiles import MONEY, Cooperation
from matching.rules import Rules
from tests.builders import line, money, need, offer, organization

RULES = Rules(as_of=date(2022, 3, 1), min_score=0.2)
MEALS = {
    "title": "Hot meals for lonely elderly people",
    "text": "We cook and bring lunch to old people who live alone and need money for food.",
}
MEALS_OFFER = {
    "title": "Money for meals of the elderly",
    "text": "Our foundation pays for food and lunches of old people who live alone.",
}
HEART = {
    "title": "Heart surgery for children of poor families",
    "text": "Operations for children with congenital heart disease; social workers look after the families.",
}
HEART_OFFER = {
    "title": "Fund for heart surgery of children",
    "text": "We pay operations of children with heart disease, not salaries and not administration.",
}
PEOPLE_OFFER = {
    "title": "Hospital social workers for children with heart disease",
    "text": "Our social workers look after the families of children before and after heart surgery.",
}


def pairs(matching):
    return {(pairing.need.id, pairing.offer.id) for pairing in matching.pairings}


def why(matching, id_):
    (found,) = [one for one in matching.unmatched if one.profile.id == id_]
    return found


def test_need_is_paired_with_the_offer_that_fits_and_told_why():
    needs = [need("meals", money(1000), **MEALS), need("heart", money(1000), **HEART)]
    offers = [offer("food", money(1000), **MEALS_OFFER), offer("fund", money(1000), **HEART_OFFER)]
    matching = match(needs, offers, RULES)
    assert pairs(matching) == {("meals", "food"), ("heart", "fund")}
    (pairing,) = matching.of_need("meals")
    assert pairing.amounts == (Quantity(100_000, "CNY"),)
    assert sum(pairing.parts.values()) == pytest.approx(pairing.score, abs=1e-9)
    assert "same-group" in {message.code for message in pairing.evidence}
    assert matching.certificate.gap == 0
    assert verify(matching) == []


def test_order_of_the_input_changes_nothing():
    needs = [need(f"n{i}", money(100 + i), **(MEALS if i % 2 else HEART)) for i in range(12)]
    offers = [offer(f"o{i}", money(300), **(MEALS_OFFER if i % 2 else HEART_OFFER)) for i in range(5)]
    first = match(needs, offers, RULES)
    for seed in range(3):
        random.Random(seed).shuffle(needs)
        random.Random(seed).shuffle(offers)
        again = match(needs, offers, RULES)
        assert again.pairings == first.pairings
        assert again.certificate.fingerprint == first.certificate.fingerprint


def test_certificate_counts_pairs_that_both_sides_would_rather_have():
    needs = [need(f"n{i}", money(100, minimum=100), **MEALS) for i in range(2)]
    offers = [offer("o", money(100), most_projects=1, **MEALS_OFFER)]
    assert match(needs, offers, RULES).certificate.blocking_pairs == 0, "alike needs: nobody prefers"
    offers = [offer("o", money(100), preferences=("n1",), **MEALS_OFFER)]
    assert match(needs, offers, RULES).certificate.blocking_pairs == 0, "the better pair was made"
    locked = replace(RULES, locks=(("n0", "o"),))
    assert match(needs, offers, locked).certificate.blocking_pairs == 1


def test_project_is_carried_by_several_sponsors_when_none_can_alone():
    needs = [need("meals", money(900, minimum=900), **MEALS)]
    offers = [offer(f"o{i}", money(1000, cheque_max=300), **MEALS_OFFER) for i in range(3)]
    assert len(match(needs, offers, RULES).pairings) == 3
    matching = match(needs, offers[:2], RULES)
    assert not matching.pairings
    assert why(matching, "meals").reason.code == "offers-too-small"


def test_money_without_overhead_flags_labour_and_people_complete_it():
    needs = [need("heart", money(1000, labour=200, minimum=800), **HEART)]
    fund = offer("fund", money(2000), pays_labour=False, pays_overhead=False, **HEART_OFFER)
    people = offer("people", line("staff", 100, "hour", worth=400), **PEOPLE_OFFER)

    alone = match(needs, [fund], RULES)
    (pairing,) = alone.pairings
    assert [flag.code for flag in pairing.flags] == ["labour-not-covered"]
    assert pairing.amounts == (Quantity(80_000, "CNY"),)
    assert [(s.part, s.missing, s.message.code) for s in alone.shortfalls] == [
        ("labour", Quantity(20_000, "CNY"), "labour-missing")
    ]

    together = match(needs, [fund, people], RULES)
    completed = {pairing.offer.id: pairing for pairing in together.pairings}["people"]
    assert [flag.code for flag in completed.flags] == ["labour-completed"]
    assert completed.gifts[0].quantity == Quantity(20_000, "CNY")
    assert completed.gifts[0].used == Quantity(5_000, "hour"), "half the worth is half the hours"
    assert together.shortfalls == ()
    assert verify(together) == []


def test_administration_without_money_is_flagged_and_missing():
    needs = [need("meals", money(1000, overhead=100), line("venue", 2, "day"), **MEALS)]
    matching = match(needs, [offer("o", money(2000), pays_overhead=False, **MEALS_OFFER)], RULES)
    assert [flag.code for flag in matching.pairings[0].flags] == ["overhead-not-covered"]
    assert [one.message.code for one in matching.shortfalls] == ["overhead-missing", "line-missing"]


def test_refused_need_is_told_the_rule():
    barred = organization("x", barred_until=date(2022, 12, 31))
    matching = match([need("meals", organization=barred, **MEALS)], [offer("o", **MEALS_OFFER)], RULES)
    assert why(matching, "meals").reason.code == "barred"
    assert matching.refused["meals"].reason.params["day"] == date(2022, 12, 31)


@pytest.mark.parametrize(
    ("offered", "code", "remedy"),
    [
        ([], "no-offer-of-kind", "seek-kind"),
        ([offer("o", line("venue", 1, "day"), **MEALS_OFFER)], "no-offer-of-kind", "seek-kind"),
        ([offer("o", **HEART_OFFER)], "no-fitting-offer", "seek-offer"),
        (
            [offer("o", only_places=frozenset({"kaifeng"}), **MEALS_OFFER)],
            "only-places",
            "meet-condition",
        ),
        ([offer("o", vetoes=frozenset({"org-meals"}), **MEALS_OFFER)], "veto", "seek-other-giver"),
    ],
)
def test_need_without_any_pair_is_told_the_nearest_obstacle(offered, code, remedy):
    matching = match([need("meals", **MEALS)], offered, replace(RULES, min_score=0.5))
    assert why(matching, "meals").reason.code == code
    assert why(matching, "meals").remedy.code == remedy


def test_need_that_was_outbid_reads_titles_not_ids():
    needs = [need("a", money(100, minimum=100), **MEALS), need("b", money(100, minimum=100), **HEART)]
    offers = [offer("o", money(100), **MEALS_OFFER)]
    matching = match(needs, offers, replace(RULES, min_score=0.0))
    reason, remedy = why(matching, "b").reason, why(matching, "b").remedy
    assert "b/0" not in f"{reason} {remedy}"
    assert HEART["title"] in f"{reason} {remedy}"


def test_idle_offers_are_told_why():
    needs = [need("meals", money(100), **MEALS)]
    offers = [
        offer("used", money(100), **MEALS_OFFER),
        offer("venue", line("venue", 1, "day"), **MEALS_OFFER),
        offer("old", expires=date(2022, 1, 1), **MEALS_OFFER),
        offer("spare", money(100), organization=organization("z", kind="ngo"), **HEART_OFFER),
    ]
    idle = {one.profile.id: one.reason.code for one in match(needs, offers, replace(RULES, min_score=0)).idle}
    assert idle == {"venue": "no-fitting-need", "old": "expired", "spare": "others-fit-better"}


def test_ban_makes_a_pair_absent_and_lock_makes_it_present():
    needs = [need("meals", money(100), **MEALS)]
    offers = [offer("food", money(100), **MEALS_OFFER), offer("fund", money(100), **HEART_OFFER)]
    assert pairs(match(needs, offers, RULES)) == {("meals", "food")}
    assert ("meals", "food") not in pairs(match(needs, offers, replace(RULES, bans=(("meals", "food"),))))
    locked = match(needs, offers, replace(RULES, locks=(("meals", "fund"),)))
    assert ("meals", "fund") in pairs(locked), "a lock holds even below the least score"


def test_impossible_lock_names_the_reason():
    needs = [need("meals", money(100), **MEALS)]
    offers = [
        offer("venue", line("venue", 1, "day"), **MEALS_OFFER),
        offer("vetoing", vetoes=frozenset({"org-meals"}), **MEALS_OFFER),
        offer("old", expires=date(2022, 1, 1), **MEALS_OFFER),
    ]
    locks = tuple(("meals", one.id) for one in offers)
    with pytest.raises(Infeasible) as caught:
        match(needs, offers, replace(RULES, locks=locks))
    reasons = [remedy.params["reason"].code for remedy in caught.value.remedies]
    assert reasons == ["other-resources", "veto", "expired"]


def test_locks_that_exceed_a_limit_come_with_remedies():
    needs = [need(f"n{i}", money(100, minimum=100), **MEALS) for i in range(2)]
    rules = replace(RULES, locks=(("n0", "o"), ("n1", "o")))
    with pytest.raises(Infeasible) as caught:
        match(needs, [offer("o", money(500), most_projects=1, **MEALS_OFFER)], rules)
    assert MEALS_OFFER["title"] in " ".join(map(str, caught.value.remedies))
    with pytest.raises(Infeasible) as caught:
        match(needs, [offer("o", money(150), **MEALS_OFFER)], rules)
    amounts = [remedy.params.get("amount") for remedy in caught.value.remedies]
    assert Quantity(5_000, "CNY") in amounts


def test_ids_that_clash_or_are_unknown_are_all_named():
    with pytest.raises(InvalidRules) as caught:
        match(
            [need("n1"), need("n1")],
            [offer("o1")],
            replace(RULES, locks=(("n2", "o1"),), bans=(("n1", "zzz"),)),
        )
    found = {(problem.column, problem.value, problem.message.code) for problem in caught.value.problems}
    assert found == {
        ("needs", "n1", "id-twice"),
        ("locks", "n2", "unknown-id"),
        ("bans", "zzz", "unknown-id"),
    }


def test_progress_is_told_in_order():
    heard = []
    match(
        [need("meals", **MEALS)],
        [offer("o", **MEALS_OFFER)],
        RULES,
        progress=lambda stage, share: heard.append((stage, share)),
    )
    stages = list(dict.fromkeys(stage for stage, _ in heard))
    assert stages == ["reading", "allocating", "explaining", "done"]
    assert all(0 <= share <= 1 for _, share in heard)


def test_nothing_in_gives_nothing_out():
    matching = match([], [], RULES)
    assert (matching.pairings, matching.unmatched, matching.idle) == ((), (), ())


def test_rules_default_to_an_open_round_today():
    matching = match([need("meals", **MEALS)], [offer("o", **MEALS_OFFER)])
    assert pairs(matching) == {("meals", "o")}


def test_known_cooperations_use_up_the_year():
    past = [
        Cooperation(
            id="c",
            need_organization="org-meals",
            offer_organization="org-o",
            title="Before",
            signed=date(2022, 1, 5),
            offer="o",
            quantity=Quantity(90_000, "CNY"),
        )
    ]
    matching = match([need("meals", **MEALS)], [offer("o", **MEALS_OFFER)], RULES, cooperations=past)
    assert matching.pairings[0].amounts == (Quantity(10_000, "CNY"),)
    capped = replace(RULES, projects_per_organization=1)
    matching = match([need("meals", **MEALS)], [offer("o", **MEALS_OFFER)], capped, cooperations=past)
    assert why(matching, "meals").reason.code == "organization-cap"


def test_verify_finds_each_planted_fault():
    needs = [need("meals", money(1000), **MEALS)]
    matching = match(needs, [offer("o", money(1000), **MEALS_OFFER)], RULES)
    (pairing,) = matching.pairings

    def broken(**changes):
        planted = replace(matching, pairings=(replace(pairing, **changes),))
        return {message.code for message in verify(planted)}

    gift = pairing.gifts[0]
    too_much = replace(gift, quantity=Quantity(100_100, "CNY"), used=Quantity(100_100, "CNY"))
    assert broken() == set()
    assert broken(gifts=(too_much,)) == {"too-much"}
    assert broken(score=0.123) == {"parts-apart"}
    assert broken(offer=replace(pairing.offer, organization=pairing.need.organization)) == {
        "same-organization"
    }
    barred = replace(pairing.need.organization, barred_until=date(2023, 1, 1))
    assert broken(need=replace(pairing.need, organization=barred)) == {"barred"}
    venue = replace(pairing.offer, lines=(line("venue", 9999, "day"),))
    assert broken(offer=venue) == {"wrong-gift"}
    assert isinstance(gift, Gift)
    assert gift.kind == MONEY
