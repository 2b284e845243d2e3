"""Groups in a weighted graph: the method of Louvain (Blondel et al. 2008), with fast local moving.

Only those whose neighbours have changed group are looked at again (Traag, Waltman & van Eck 2019), instead of
everybody in each round; nothing is drawn at random, so that the same graph always falls into the same groups.
"""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

SMALLEST = 1e-12
"""A gain of modularity below this is rounding."""

Weights = list[dict[int, float]]
"""Of each node: its neighbours with the weight of the edge; an edge to itself counts twice."""


def louvain(neighbours: Sequence[Mapping[int, float]]) -> list[int]:
    """The group of each node, so that modularity is high."""
    weights: Weights = [dict(own) for own in neighbours]
    found = list(range(len(weights)))
    while True:
        group = _moved(weights)
        number = {one: place for place, one in enumerate(dict.fromkeys(group))}
        if len(number) == len(weights):
            return found
        group = [number[one] for one in group]
        found = [group[one] for one in found]
        weights = _merged(weights, group, len(number))


def _moved(weights: Weights) -> list[int]:
    """The group of each node, moved to where modularity gains most until nobody gains anything."""
    degree = [sum(own.values()) for own in weights]
    total, both = list(degree), sum(degree)
    group, waiting = list(range(len(weights))), deque(range(len(weights)))
    waits = [True] * len(weights)
    while waiting:
        one = waiting.popleft()
        waits[one] = False
        tied: dict[int, float] = defaultdict(float)
        for other, weight in weights[one].items():
            if other != one:
                tied[group[other]] += weight
        here, share = group[one], degree[one] / both if both else 0.0
        total[here] -= degree[one]
        best, most = here, tied[here] - share * total[here] + SMALLEST
        for there, weight in tied.items():
            gain = weight - share * total[there]
            if gain > most:
                best, most = there, gain + SMALLEST
        total[best] += degree[one]
        if best == here:
            continue
        group[one] = best
        for other in weights[one]:
            if group[other] != best and not waits[other]:
                waits[other] = True
                waiting.append(other)
    return group


def _merged(weights: Weights, group: Sequence[int], count: int) -> Weights:
    """The graph whose nodes are the groups."""
    merged: list[dict[int, float]] = [defaultdict(float) for _ in range(count)]
    for one, own in enumerate(weights):
        into = merged[group[one]]
        for other, weight in own.items():
            into[group[other]] += weight
    return [dict(own) for own in merged]
