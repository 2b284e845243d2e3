"""Two-way choice: which pairs both sides would leave their partners for, and how to settle the rest.

Arrays in, arrays out. A pair is a position in four parallel arrays of shape (pairs,): its need, its offer,
and how much each side likes it (integers, more is better). Preferences over sets are responsive: each side
would rather have a better partner in the place of a worse one, and any partner rather than an empty place.
Equal likings are ordered by position, the earlier pair first.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Flags = NDArray[np.bool_]

STEPS_PER_PAIR = 4
"""How many times stabilising may turn to each pair before deferred acceptance takes over."""


def deferred_acceptance(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    need_capacity: Integers,
    offer_capacity: Integers,
) -> Flags:
    """The stable matching that is best for the needs, as a mask of shape (pairs,).

    Needs propose down their lists while they have a free place; offers hold the best proposals for which
    they have a place (Gale & Shapley 1962; Roth 1984 for several partners on both sides).
    """
    order = np.lexsort((np.arange(len(need)), -need_side, need))
    starts = np.searchsorted(need[order], np.arange(len(need_capacity) + 1))
    lists = order.tolist()
    next_pair, end = starts[:-1].tolist(), starts[1:].tolist()
    free = need_capacity.tolist()
    places = offer_capacity.tolist()
    offers, liking, needs = offer.tolist(), offer_side.tolist(), need.tolist()
    held: list[list[tuple[int, int]]] = [[] for _ in places]
    waiting = list(range(len(free) - 1, -1, -1))
    while waiting:
        proposer = waiting.pop()
        while free[proposer] > 0 and next_pair[proposer] < end[proposer]:
            pair = lists[next_pair[proposer]]
            next_pair[proposer] += 1
            receiver = offers[pair]
            proposal = (liking[pair], -pair)
            if len(held[receiver]) < places[receiver]:
                heapq.heappush(held[receiver], proposal)
                free[proposer] -= 1
            elif places[receiver] and proposal > held[receiver][0]:
                _, left = heapq.heapreplace(held[receiver], proposal)
                free[proposer] -= 1
                loser = needs[-left]
                free[loser] += 1
                if loser != proposer:
                    waiting.append(loser)
    matched: Flags = np.zeros(len(need), dtype=np.bool_)
    matched[[-place for proposals in held for _, place in proposals]] = True
    return matched


def blocking_pairs(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    matched: Flags,
    need_room: Flags,
    offer_room: Flags,
    *,
    epsilon: int = 0,
) -> Integers:
    """Positions of the pairs that both sides would rather have, in order.

    A side would if it has room (`need_room`, `offer_room`: by need and by offer) or has a partner that it
    likes less by more than `epsilon`.
    """
    wanted_by_need = need_room[need] | (
        need_side > _least_liked(need, need_side, matched, len(need_room))[need] + epsilon
    )
    wanted_by_offer = offer_room[offer] | (
        offer_side > _least_liked(offer, offer_side, matched, len(offer_room))[offer] + epsilon
    )
    return np.flatnonzero(~matched & wanted_by_need & wanted_by_offer)


def _least_liked(side: Integers, liking: Integers, matched: Flags, count: int) -> NDArray[np.float64]:
    """By need or offer: how much it likes its least liked partner; infinite where it has none."""
    worst = np.full(count, np.inf)
    np.minimum.at(worst, side[matched], liking[matched])
    return worst


def room(side: Integers, matched: Flags, capacity: Integers) -> Flags:
    """By need or offer: whether it has fewer partners than places."""
    return np.bincount(side[matched], minlength=len(capacity)) < capacity


def stabilise(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    matched: Flags,
    need_capacity: Integers,
    offer_capacity: Integers,
    *,
    epsilon: int,
) -> tuple[Flags, int]:
    """From any matching to one that no pair blocks by more than `epsilon`, and what that costs.

    The pair that both sides miss most is put together, each side leaving its least liked partner where it
    has no place left, until no pair blocks. Such steps can go round in circles, whatever `epsilon`; after
    `STEPS_PER_PAIR` steps for each pair deferred acceptance settles it. The price is the sum of both sides'
    likings before less that after; it can be negative. `epsilon` must be above 0: at 0 circles are common.
    """
    if epsilon <= 0:
        raise ValueError("epsilon must be above 0")
    settled = matched.copy()
    total = need_side + offer_side
    for _ in range(STEPS_PER_PAIR * len(need) + 1):
        free_needs, free_offers = room(need, settled, need_capacity), room(offer, settled, offer_capacity)
        blocking = blocking_pairs(
            need, offer, need_side, offer_side, settled, free_needs, free_offers, epsilon=epsilon
        )
        if not len(blocking):
            return settled, int(total[matched].sum() - total[settled].sum())
        least_need = np.where(free_needs, 0, _least_liked(need, need_side, settled, len(free_needs)))
        least_offer = np.where(free_offers, 0, _least_liked(offer, offer_side, settled, len(free_offers)))
        missed = np.minimum(
            need_side[blocking] - least_need[need[blocking]],
            offer_side[blocking] - least_offer[offer[blocking]],
        )
        pair = blocking[np.argmax(missed)]
        for side, liking, free in ((need, need_side, free_needs), (offer, offer_side, free_offers)):
            if not free[side[pair]]:
                partners = np.flatnonzero(settled & (side == side[pair]))
                settled[partners[len(partners) - 1 - np.argmin(liking[partners][::-1])]] = False
        settled[pair] = True
    settled = deferred_acceptance(need, offer, need_side, offer_side, need_capacity, offer_capacity)
    return settled, int(total[matched].sum() - total[settled].sum())
