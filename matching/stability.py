"""Two-way choice: both sides rank, and no two would rather have each other than what they have.

Arrays in, arrays out; nothing here knows of profiles. A pair is `(need[e], offer[e])`, numbers of a need and
of an offer, listed once; `need_side[e]` and `offer_side[e]` are integers that say how much each of them likes
the other. A pair that is not listed is impossible. Both sides may have several partners, and prefer sets of
partners as they prefer the partners themselves (responsive preferences). Equally liked partners are taken in
the order of their numbers, so the order of the pairs never matters.

A pair *blocks* a matching if it is not in it and each of the two has room for the other, or has a partner
that it likes less, by more than ε. A matching that no pair blocks is ε-stable; stable where ε is 0.

Room where money is shared. In a matching with amounts there is no number of seats. Say that a need has room
while something that it asks for is still missing, and an offer while it may take on another project
(`most_projects`) and has enough left for the smallest gift it makes. Without room, one takes the other only
by leaving the partner it likes least. Where needs ask for several things, count on lines, not on whole
profiles: let `need` number the lines of needs and `offer` the lines of offers, so that money does not seem to
be wanted where only staff is missing. What is counted so are wishes: whether the amount set free by the
partner that is left would meet every minimum is not asked, so the count is an upper bound of the pairs that
could really walk away together.
"""

from __future__ import annotations

from heapq import heapify, heappush, heapreplace
from typing import TYPE_CHECKING

import numpy as np

from matching.errors import InvalidRules
from matching.messages import Message

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Integers = NDArray[np.int64]
    Booleans = NDArray[np.bool_]

_NEVER = np.iinfo(np.int64).max
_ALWAYS = np.iinfo(np.int64).min


def deferred_acceptance(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    need_capacity: Integers,
    offer_capacity: Integers,
) -> Booleans:
    """The stable matching that every need likes best of all stable ones: which pairs are in it.

    The pairs' arrays have shape (pairs,), the capacities (needs,) and (offers,): how many partners each may
    have. Needs propose, best offer first; an offer holds its best proposals so far (Gale & Shapley, 1962;
    Roth, 1984, for several partners on both sides). At most one step for each pair.
    """
    nobody = np.zeros(len(need), bool)
    return _propose(
        need, offer, need_side, _strict(need, offer_side, need_capacity), nobody, need_capacity, offer_capacity, 0
    )


def room_left(side: Integers, matched: Booleans, capacity: Integers) -> Booleans:
    """Who has fewer partners than `capacity`: `side` is a pair's need or offer, shape of the result as of
    `capacity`."""
    return np.bincount(side[matched], minlength=len(capacity)) < capacity


def blocking_pairs(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    matched: Booleans,
    need_room: Booleans,
    offer_room: Booleans,
    epsilon: int = 0,
) -> Integers:
    """Positions of the pairs that block the matching, rising.

    `need_room` (needs,) and `offer_room` (offers,) say who has room for one more: see `room_left`, and the
    module's description for matchings with amounts. `epsilon` is in the unit of the two sides' scores. Who
    has neither room nor partner takes nobody.
    """
    need_bar = _bar(need, need_side, matched, need_room)
    offer_bar = _bar(offer, offer_side, matched, offer_room)
    wants = ~matched & (need_side - epsilon > need_bar[need]) & (offer_side - epsilon > offer_bar[offer])
    return wants.nonzero()[0]


def count_blocking_pairs(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    matched: Booleans,
    need_room: Booleans,
    offer_room: Booleans,
    epsilon: int = 0,
) -> int:
    """How many pairs block the matching; arguments as for `blocking_pairs`."""
    found = blocking_pairs(need, offer, need_side, offer_side, matched, need_room, offer_room, epsilon)
    return len(found)


def _bar(side: Integers, scores: Integers, matched: Booleans, room: Booleans) -> Integers:
    """What a newcomer must beat, for each of one side: nothing where there is room, else the worst partner."""
    bar = np.full(len(room), _NEVER)
    np.minimum.at(bar, side[matched], scores[matched])
    bar[room] = _ALWAYS
    return bar


def _strict(need: Integers, offer_side: Integers, need_capacity: Integers) -> Integers:
    """The offers' liking without ties, `len(need_capacity)` to the unit: of equals the lower number first."""
    return offer_side * len(need_capacity) - need


def _propose(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_keys: Integers,
    held: Booleans,
    need_capacity: Integers,
    offer_capacity: Integers,
    margin: int,
) -> Booleans:
    """Deferred acceptance from the partners already `held`; a newcomer must beat the worst by over `margin`.

    An offer is only ever better off from step to step. So one that has turned a need down will do so
    again, and each need goes down its list once.
    """
    order = np.lexsort((offer, -need_side, need))
    bounds = np.searchsorted(need[order], np.arange(len(need_capacity) + 1)).tolist()
    listed = order.tolist()
    offers, keys = offer[order].tolist(), offer_keys[order].tolist()
    needs = need.tolist() if held.any() else need
    matched = held.copy()
    capacity = offer_capacity.tolist()
    partners: list[list[tuple[int, int]]] = [[] for _ in capacity]
    for pair in held.nonzero()[0].tolist():
        partners[int(offer[pair])].append((int(offer_keys[pair]), pair))
    for found in partners:
        heapify(found)
    seats = (need_capacity - np.bincount(need[held], minlength=len(need_capacity))).tolist()
    place = bounds[:-1]
    for first in range(len(seats)):
        waiting = [first]
        while waiting:
            proposer = waiting.pop()
            at, end = place[proposer], bounds[proposer + 1]
            while seats[proposer] > 0 and at < end:
                pair, taker, key = listed[at], offers[at], keys[at]
                at += 1
                if matched[pair]:
                    continue
                found = partners[taker]
                if len(found) < capacity[taker]:
                    heappush(found, (key, pair))
                elif found and key - margin > found[0][0]:
                    _, left = heapreplace(found, (key, pair))
                    matched[left] = False
                    loser = int(needs[left])
                    seats[loser] += 1
                    waiting.append(loser)
                else:
                    continue
                matched[pair] = True
                seats[proposer] -= 1
            place[proposer] = at
    return matched


def stabilise(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_side: Integers,
    score: Integers,
    matched: Booleans,
    need_capacity: Integers,
    offer_capacity: Integers,
    epsilon: int,
) -> tuple[Booleans, int]:
    """An ε-stable matching near a given one, and its price: the loss of total `score` (pairs,).

    Meant for an optimum: what no blocking pair disturbs stays as it is. To satisfy blocking pairs one after
    the other in any order may go round in circles, whatever ε (Knuth, 1976). Here it is done in two parts,
    each of which ends:

    1. Needs let go. A need leaves its worst partner as long as there is a better one, by more than ε, that
       would take it and that it has no free place for. Nobody gains a partner, so this ends after at most as
       many steps as there are pairs in the matching; since it only ever makes offers more willing, the
       order of the steps does not matter.
    2. Needs with free places propose, the best offer first, to those that would take them, as in deferred
       acceptance. No need has reason to leave a partner any more, so offers only gain: with every step an
       offer fills a place or likes a partner better by ε. That is at most one step for each pair, and at
       most Σ capacity · (1 + range of `offer_side` / ε).

    A larger `epsilon` disturbs fewer pairs. Raises InvalidRules unless it is positive: with none, chains of
    equal choices may undo the whole optimum, and `deferred_acceptance` gives a better stable matching.
    """
    if epsilon <= 0:
        raise InvalidRules(
            Message(
                "epsilon-not-positive",
                "The tolerance of a stabilised matching must be more than 0; use deferred acceptance for none.",
            ),
            [],
        )
    keys = _strict(need, offer_side, need_capacity)
    margin = epsilon * len(need_capacity)
    kept = _let_go(need, offer, need_side, keys, matched, need_capacity, offer_capacity, epsilon, margin)
    stable = _propose(need, offer, need_side, keys, kept, need_capacity, offer_capacity, margin)
    return stable, int(score[matched].sum() - score[stable].sum())


def _let_go(
    need: Integers,
    offer: Integers,
    need_side: Integers,
    offer_keys: Integers,
    matched: Booleans,
    need_capacity: Integers,
    offer_capacity: Integers,
    epsilon: int,
    margin: int,
) -> Booleans:
    """Part 1 of `stabilise`: the pairs that are kept. All needs step at once, one partner each, in rounds."""
    kept = matched.copy()
    order = np.lexsort((offer, -need_side, need))
    owner = need[order]
    starts = np.searchsorted(owner, np.arange(len(need_capacity)))
    while True:
        offer_bar = _bar(offer, offer_keys, kept, room_left(offer, kept, offer_capacity))
        willing = (~kept & (offer_keys - margin > offer_bar[offer]))[order]
        free = need_capacity - np.bincount(need[kept], minlength=len(need_capacity))
        counted = np.concatenate([[0], np.cumsum(willing)])
        rank = counted[1:] - counted[starts][owner]
        tempting = order[willing & (rank == free[owner] + 1)]
        held = order[kept[order]]
        worst = np.full(len(need_capacity), -1)
        worst[need[held]] = held  # the last one written is the one liked least
        left = worst[need[tempting]]
        gain = (left >= 0) & (need_side[tempting] - epsilon > need_side[left])
        if not gain.any():
            return kept
        kept[left[gain]] = False
