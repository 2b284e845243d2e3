from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matching import stability
from matching.stability import blocking_pairs, deferred_acceptance, room, stabilise


@st.composite
def markets(draw, most=4, capacity=2):
    needs, offers = draw(st.integers(1, most)), draw(st.integers(1, most))
    every = [(n, o) for n in range(needs) for o in range(offers)]
    pairs = draw(st.lists(st.sampled_from(every), unique=True, max_size=9))
    need = np.array([n for n, _ in pairs], dtype=np.int64)
    offer = np.array([o for _, o in pairs], dtype=np.int64)
    liking = st.lists(st.integers(1, 6), min_size=len(pairs), max_size=len(pairs))
    caps = [
        np.array(draw(st.lists(st.integers(0, capacity), min_size=k, max_size=k)), dtype=np.int64)
        for k in (needs, offers)
    ]
    return need, offer, np.array(draw(liking), np.int64), np.array(draw(liking), np.int64), *caps


def strict(market):
    """The same market with ties broken by position, as the algorithms do."""
    need, offer, need_side, offer_side, *caps = market
    places = np.arange(len(need))
    return need, offer, need_side * 100 - places, offer_side * 100 - places, *caps


def unstable(market, matched, epsilon=0):
    need, offer, need_side, offer_side, need_capacity, offer_capacity = market
    return blocking_pairs(
        need,
        offer,
        need_side,
        offer_side,
        matched,
        room(need, matched, need_capacity),
        room(offer, matched, offer_capacity),
        epsilon=epsilon,
    ).tolist()


def fits(market, matched):
    need, offer, _, _, need_capacity, offer_capacity = market
    return (np.bincount(need[matched], minlength=len(need_capacity)) <= need_capacity).all() and (
        np.bincount(offer[matched], minlength=len(offer_capacity)) <= offer_capacity
    ).all()


def all_stable(market):
    count = len(market[0])
    for size in range(count + 1):
        for chosen in combinations(range(count), size):
            matched = np.zeros(count, np.bool_)
            matched[list(chosen)] = True
            if fits(market, matched) and not unstable(market, matched):
                yield matched


@given(markets())
def test_deferred_acceptance_leaves_no_blocking_pair(market):
    matched = deferred_acceptance(*market)
    assert fits(market, matched)
    assert unstable(strict(market), matched) == []


@settings(max_examples=60)
@given(markets(capacity=1))
def test_deferred_acceptance_is_the_best_stable_matching_for_every_need(market):
    market = strict(market)
    matched = deferred_acceptance(*market)
    need, _, need_side, *_ = market
    got = {int(n): int(v) for n, v in zip(need[matched], need_side[matched], strict=True)}
    for other in all_stable(market):
        for n, liking in zip(need[other], need_side[other], strict=True):
            assert got.get(int(n), -1) >= liking


def test_blocking_pairs_are_those_both_would_rather_have():
    need, offer = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1])
    need_side, offer_side = np.array([9, 1, 9, 1]), np.array([9, 5, 1, 5])
    matched = np.array([False, True, True, False])
    none = np.zeros(2, np.bool_)
    assert blocking_pairs(need, offer, need_side, offer_side, matched, none, none).tolist() == [0]
    assert blocking_pairs(need, offer, need_side, offer_side, matched, none, none, epsilon=8).tolist() == []
    empty = np.zeros(4, np.bool_)
    assert blocking_pairs(need, offer, need_side, offer_side, empty, none, none).tolist() == []
    both = np.ones(2, np.bool_)
    assert blocking_pairs(need, offer, need_side, offer_side, empty, both, both).tolist() == [0, 1, 2, 3]


@given(markets(), st.integers(1, 5), st.randoms(use_true_random=False))
def test_stabilised_matching_has_no_pair_that_blocks_by_more_than_epsilon(market, epsilon, random):
    need, _, need_side, offer_side, *_ = market
    start = np.zeros(len(need), np.bool_)
    for pair in random.sample(range(len(need)), len(need)):
        start[pair] = True
        if not fits(market, start):
            start[pair] = False
    settled, price = stabilise(*market[:4], start, *market[4:], epsilon=epsilon)
    assert fits(market, settled)
    assert unstable(market, settled, epsilon) == []
    likings = need_side + offer_side
    assert price == likings[start].sum() - likings[settled].sum()


def test_stable_matching_stays_as_it_is():
    market = tuple(np.array(a) for a in ([0, 1], [0, 1], [5, 5], [5, 5], [1, 1], [1, 1]))
    matched = np.array([True, True])
    settled, price = stabilise(*market[:4], matched, *market[4:], epsilon=1)
    assert (settled.tolist(), price) == ([True, True], 0)


def test_circles_end_in_deferred_acceptance(monkeypatch):
    monkeypatch.setattr(stability, "STEPS_PER_PAIR", 0)
    market = tuple(
        np.array(a) for a in ([0, 0, 1, 1], [0, 1, 0, 1], [9, 1, 1, 9], [9, 1, 1, 9], [1, 1], [1, 1])
    )
    settled, price = stabilise(*market[:4], np.array([False, True, True, False]), *market[4:], epsilon=1)
    assert (settled.tolist(), price) == ([True, False, False, True], -32)


def test_stabilising_needs_an_epsilon():
    nothing = np.zeros(0, np.int64)
    with pytest.raises(ValueError, match="above 0"):
        stabilise(*[nothing] * 4, np.zeros(0, np.bool_), nothing, nothing, epsilon=0)
