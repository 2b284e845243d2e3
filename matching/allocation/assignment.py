"""The fast path: every project asks for one indivisible thing, and supplies only count.

Then the constraint matrix is totally unimodular: the linear program has whole-number solutions, and where
only the supplies' numbers bind, a sparse assignment algorithm is faster still.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from matching.allocation.instance import Floats, Instance
    from matching.allocation.problem import Integers

MOST_COPIES = 4_000_000
"""Supplies that serve several are copied; above so many edges the linear program is used instead."""


def places(t: Instance) -> Integers | None:
    """How many demands each supply can serve, or None if anything else limits the allocation."""
    usable = t.capacity > 0
    i, j = t.demand[usable], t.supply[usable]
    if not len(i):
        return None
    size = int(t.amount[i[0]])
    indivisible = bool((t.step[i] == size).all())
    plain = (
        not t.shared
        and not t.quotas
        and not t.locks
        and (t.amount[i] == size).all()
        and (t.capacity[usable] == size).all()
        and (t.numerator[usable] == t.denominator[usable]).all()
        and (t.lines[t.project_of[i]] == 1).all()
        and (indivisible or (t.budget[j] % size == 0).all())
        and (t.cheque_min[j] <= size).all()
    )
    if not plain:
        return None
    room = t.budget // size
    candidates = np.bincount(j, minlength=len(room))
    room = np.minimum(room, candidates)
    offered = np.bincount(t.offer_of[j], minlength=len(t.offers))
    binding = offered > t.seats_cap
    single = np.bincount(t.offer_of, minlength=len(t.offers)) == 1
    if (binding & ~single).any():
        return None
    room = np.where(single[t.offer_of], np.minimum(room, t.seats_cap[t.offer_of]), room)
    projects = np.unique(t.project_of[i])
    wins = np.bincount(t.organization_of[projects], minlength=len(t.organizations))
    if (wins > t.wins_cap).any():
        return None
    return room


def assign(t: Instance, room: Integers, first_seat: float) -> Integers | None:
    """The best assignment, ties settled by the noise; None where another way is better.

    Weights are whole numbers: the value in 2⁻ᵏ ten-thousandths times 2²⁰ plus 20 bits of noise, so that
    equal totals are decided by ids and seed, and float64 stays exact (below 2⁵³).
    """
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    usable = np.nonzero(t.capacity > 0)[0]
    i, j = t.demand[usable], t.supply[usable]
    projects = np.unique(t.project[usable])
    owners = np.bincount(t.organization_of[projects], minlength=len(t.organizations))
    if first_seat > 0 and (owners > 1).any():
        return None
    copies = room[j]
    if copies.sum() > MOST_COPIES:
        return None
    value = t.merit[usable] + t.problem.coverage_bonus + first_seat
    weight = _whole(value) + t.noise[usable]
    start = np.cumsum(room) - room
    edge = np.repeat(np.arange(len(usable)), copies)
    copy = np.arange(len(edge)) - np.repeat(np.cumsum(copies) - copies, copies)
    lines, row = np.unique(i, return_inverse=True)
    seats = int(room.sum())
    rows = np.concatenate([row[edge], np.arange(len(lines))])
    columns = np.concatenate([start[j[edge]] + copy, seats + np.arange(len(lines))])
    worst = int(weight.max()) + 1
    data = np.concatenate([(worst - weight)[edge], np.full(len(lines), worst)]).astype(np.float64)
    graph = csr_array((data, (rows, columns)), shape=(len(lines), seats + len(lines)))
    matched_row, matched_column = min_weight_full_bipartite_matching(graph)
    supply_of_seat = np.repeat(np.arange(len(room)), room)
    real = matched_column < seats
    keys = lines[matched_row[real]] * len(room) + supply_of_seat[matched_column[real]]
    taken = usable[np.searchsorted(i * len(room) + j, keys)]
    amount = np.zeros(len(t.demand), dtype=np.int64)
    amount[taken] = t.amount[t.demand[taken]]
    return amount


def _whole(value: Floats) -> Integers:
    most = max(float(value.max()), 1e-9) * 10_000
    bits = int(np.floor(24 - np.log2(most)))
    return np.rint(value * 10_000 * 2.0**bits).astype(np.int64) << 20
