from __future__ import annotations

import itertools
import random

import pytest

from matching.settlement import Suit, settle


def suit(need, offer, score, need_rank=None, offer_rank=None):
    return Suit(
        need=need,
        offer=offer,
        score=score,
        need_rank=need_rank,
        offer_rank=offer_rank,
        need_score=score,
        offer_score=score,
    )


def names(suits, settlement):
    return {f"{suits[place].need}{suits[place].offer}" for place in settlement.chosen}


def test_where_everything_fits_everything_comes_together_for_nothing():
    suits = [suit("a", 1, 0.5), suit("a", 2, 0.6), suit("b", 2, 0.7)]
    found = settle(suits, {"a": 2, "b": 1}, {1: 1, 2: 2})
    assert found.chosen == (0, 1, 2)
    assert (found.blocking_before, found.blocking_after, found.price) == (0, 0, 0)


def test_ranks_of_both_sides_decide_and_their_price_is_told():
    """The total wants a1 and b2; a and 2 would both rather have each other."""
    suits = [
        suit("a", 1, 0.9),
        suit("a", 2, 0.6, need_rank=1, offer_rank=1),
        suit("b", 2, 0.8),
        suit("b", 1, 0.2),
    ]
    found = settle(suits, {"a": 1, "b": 1}, {1: 1, 2: 1})
    assert names(suits, found) == {"a2", "b1"}
    assert found.blocking_before == 1
    assert found.blocking_after == 0
    assert found.best == pytest.approx(1.7)
    assert found.settled == pytest.approx(0.8)
    assert found.price == pytest.approx(1 - 0.8 / 1.7)


def test_what_was_ranked_comes_before_what_was_not():
    suits = [suit("a", 1, 0.9), suit("a", 2, 0.1, need_rank=3)]
    assert names(suits, settle(suits, {"a": 1}, {1: 1, 2: 1})) == {"a2"}


def test_nothing_to_settle():
    found = settle([], {}, {})
    assert (found.chosen, found.blocking_before, found.best, found.price) == ((), 0, 0, 0)


def test_best_is_the_heaviest_set_and_the_settlement_is_stable():
    dice = random.Random(3)
    for _ in range(40):
        pairs = [(n, o) for n in "abc" for o in (1, 2, 3) if dice.random() < 0.8]
        suits = [
            suit(n, o, dice.randint(1, 99) / 100, dice.choice([None, 1, 2]), dice.choice([None, 1]))
            for n, o in pairs
        ]
        rooms = {n: dice.randint(1, 2) for n in "abc"}, {o: dice.randint(1, 2) for o in (1, 2, 3)}
        found = settle(suits, *rooms)
        heaviest = max(
            sum(suits[p].score for p in chosen)
            for count in range(len(suits) + 1)
            for chosen in itertools.combinations(range(len(suits)), count)
            if fits(suits, chosen, *rooms)
        )
        assert found.best == pytest.approx(heaviest)
        assert fits(suits, found.chosen, *rooms)
        assert found.blocking_after == 0
        assert found.settled <= found.best + 1e-9


def fits(suits, chosen, need_room, offer_room):
    return all(
        sum(getattr(suits[p], side) == one for p in chosen) <= room
        for side, rooms in (("need", need_room), ("offer", offer_room))
        for one, room in rooms.items()
    )
