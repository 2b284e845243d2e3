"""The problem in canonical order, as arrays, with everything removed that can never be used.

Sorting by id makes every later step independent of the order of the input. The removals (a line that
cannot reach its minimum, a cheque that cannot reach its least size, …) never remove a valid allocation.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from matching.allocation.problem import SCORE_UNIT, Integers, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_HUGE = 1 << 60


@dataclass(eq=False)
class Instance:
    """Index sets: demands i, supplies j, edges e=(i,j), projects p, organizations o, offers k,
    links l=(p,j) that cheque limits hold for, and seats a=(p,k) that most-projects counts.

    `capacity[e]` is the most edge e can ever carry, 0 where it is of no use.
    """

    problem: Problem
    seed: int
    order: Integers
    """Canonical edge → edge of the problem."""
    demand_ids: list[str]
    supply_ids: list[str]
    projects: list[str]
    organizations: list[str]
    offers: list[str]
    amount: Integers
    minimum: Integers
    step: Integers
    critical: Mask
    money: Mask
    weight: Floats
    project_of: Integers
    organization_of: Integers
    """By project."""
    budget: Integers
    cheque_min: Integers
    cheque_max: Integers
    offer_of: Integers
    demand: Integers
    supply: Integers
    score: Integers
    favour: Integers
    numerator: Integers
    denominator: Integers
    link: Integers
    link_project: Integers
    link_supply: Integers
    seat: Integers
    seat_project: Integers
    seat_offer: Integers
    seats_cap: Integers
    """By offer."""
    wins_cap: Integers
    """By organization: what is left of its cap."""
    money_cap: Integers
    """By project."""
    shared: list[tuple[str, Integers, int]]
    quotas: list[tuple[str, Integers, int]]
    locks: list[tuple[int, int, int]]
    """(project, offer or -1, at least)."""
    capacity: Integers
    open_project: Mask
    """Projects that could go ahead if they were alone."""

    @cached_property
    def value(self) -> Floats:
        """What serving the whole line over edge e adds to the total."""
        return self.weight[self.demand] * self.score / SCORE_UNIT

    @cached_property
    def merit(self) -> Floats:
        """What serving the whole line over edge e adds to the objective: its value and what favours it."""
        return self.weight[self.demand] * (self.score + self.favour) / SCORE_UNIT

    @cached_property
    def gain(self) -> Floats:
        """What one hundredth over edge e adds to the total."""
        return self.value / self.amount[self.demand]

    @cached_property
    def project(self) -> Integers:
        """By edge."""
        return self.project_of[self.demand]

    @cached_property
    def use_rate(self) -> Floats:
        """Units of the supply used by one hundredth over edge e, before rounding up."""
        return self.numerator / self.denominator

    @cached_property
    def has_minimum(self) -> Mask:
        """By project: whether a critical line has a minimum, so that going ahead is all or nothing."""
        marked = np.zeros(len(self.projects), dtype=bool)
        marked[self.project_of[self.critical & (self.minimum > 0)]] = True
        return marked

    @cached_property
    def lines(self) -> Integers:
        """By project: how many lines it has."""
        return np.bincount(self.project_of, minlength=len(self.projects)).astype(np.int64)

    @cached_property
    def noise(self) -> Integers:
        """By edge: 20 stable bits from seed and ids, to settle ties the same way everywhere."""
        a = _hashes(self.demand_ids, self.seed)[self.demand]
        b = _hashes(self.supply_ids, self.seed)[self.supply]
        with np.errstate(over="ignore"):
            mixed = a * np.uint64(0x9E3779B97F4A7C15) + b
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed ^= mixed >> np.uint64(32)
        return (mixed & np.uint64(0xFFFFF)).astype(np.int64)

    def use(self, amount: Integers) -> Integers:
        """What amounts take from the supplies: rounded up to whole hundredths. Shape (edges,)."""
        plain = self.numerator == self.denominator
        if plain.all():
            return amount.copy()
        if float(amount.max(initial=0)) * float(self.numerator.max()) < float(_HUGE):
            return -(-amount * self.numerator // self.denominator)
        used = amount.copy()
        for e in np.nonzero(~plain & (amount > 0))[0]:
            used[e] = -(-int(amount[e]) * int(self.numerator[e]) // int(self.denominator[e]))
        return used

    def share(self, amount: Integers) -> Floats:
        """By demand: the part of the line that is served, 0 to 1."""
        return summed(self.demand, amount, len(self.amount)) / self.amount

    def back(self, values: Integers) -> Integers:
        """From canonical edge order to the problem's."""
        result = np.zeros_like(values)
        result[self.order] = values
        return result


def summed(index: Integers, values: Integers, size: int) -> Integers:
    """Exact group sums of integers."""
    result = np.zeros(size, dtype=np.int64)
    np.add.at(result, index, values)
    return result


def canonical(problem: Problem, seed: int = 0) -> Instance:
    """The instance of a problem; equal for every order in which the same problem is given."""
    d_order = sorted(range(len(problem.demands)), key=lambda i: problem.demands[i].id)
    s_order = sorted(range(len(problem.supplies)), key=lambda j: problem.supplies[j].id)
    demands = [problem.demands[i] for i in d_order]
    supplies = [problem.supplies[j] for j in s_order]
    demand = _inverse(d_order)[problem.edge_demand]
    supply = _inverse(s_order)[problem.edge_supply]
    order = np.lexsort((supply, demand)).astype(np.int64)
    demand, supply = demand[order], supply[order]

    projects = sorted({d.project for d in demands})
    organizations = sorted({d.organization for d in demands})
    offers = sorted({s.offer for s in supplies})
    at_project = {p: n for n, p in enumerate(projects)}
    at_organization = {o: n for n, o in enumerate(organizations)}
    at_offer = {k: n for n, k in enumerate(offers)}
    at_supply = {s.id: n for n, s in enumerate(supplies)}
    project_of = _ints(at_project[d.project] for d in demands)
    organization_of = np.zeros(len(projects), dtype=np.int64)
    organization_of[project_of] = _ints(at_organization[d.organization] for d in demands)
    offer_of = _ints(at_offer[s.offer] for s in supplies)

    links, link = np.unique(project_of[demand] * max(1, len(supplies)) + supply, return_inverse=True)
    seats, seat = np.unique(project_of[demand] * max(1, len(offers)) + offer_of[supply], return_inverse=True)
    instance = Instance(
        problem=problem,
        seed=seed,
        order=order,
        demand_ids=[d.id for d in demands],
        supply_ids=[s.id for s in supplies],
        projects=projects,
        organizations=organizations,
        offers=offers,
        amount=_ints(d.amount for d in demands),
        minimum=_ints(d.minimum for d in demands),
        step=_ints(d.step for d in demands),
        critical=np.array([d.critical for d in demands], dtype=bool),
        money=np.array([d.money for d in demands], dtype=bool),
        weight=np.array([d.weight for d in demands], dtype=np.float64),
        project_of=project_of,
        organization_of=organization_of,
        budget=_ints(s.amount for s in supplies),
        cheque_min=_ints(s.cheque_min for s in supplies),
        cheque_max=_ints(_HUGE if s.cheque_max is None else s.cheque_max for s in supplies),
        offer_of=offer_of,
        demand=demand,
        supply=supply,
        score=problem.edge_score[order],
        favour=np.zeros_like(order) if problem.edge_favour is None else problem.edge_favour[order],
        numerator=problem.edge_numerator[order],
        denominator=problem.edge_denominator[order],
        link=link.astype(np.int64),
        link_project=links // max(1, len(supplies)),
        link_supply=links % max(1, len(supplies)),
        seat=seat.astype(np.int64),
        seat_project=seats // max(1, len(offers)),
        seat_offer=seats % max(1, len(offers)),
        seats_cap=_ints(problem.most_projects.get(k, _HUGE) for k in offers),
        wins_cap=_ints(
            problem.projects_cap[o] - problem.already.get(o, 0) if o in problem.projects_cap else _HUGE
            for o in organizations
        ),
        money_cap=_ints(problem.project_cap.get(p, _HUGE) for p in projects),
        shared=[
            (b.name, _ints(sorted(at_supply[s] for s in b.supplies)), b.limit)
            for b in sorted(problem.shared_budgets, key=lambda b: (b.name, b.limit, sorted(b.supplies)))
        ],
        quotas=[
            (q.name, _ints(sorted(at_project[p] for p in q.projects)), q.at_least)
            for q in sorted(problem.quotas, key=lambda q: (q.name, q.at_least, sorted(q.projects)))
        ],
        locks=sorted(
            (at_project[k.project], -1 if k.offer is None else at_offer[k.offer], max(1, k.at_least))
            for k in problem.locks
        ),
        capacity=np.zeros(len(order), dtype=np.int64),
        open_project=np.ones(len(projects), dtype=bool),
    )
    _capacities(instance)
    return instance


def _ints(values: Iterable[int]) -> Integers:
    return np.fromiter(values, dtype=np.int64)


def _inverse(order: list[int]) -> Integers:
    result = np.empty(len(order), dtype=np.int64)
    result[order] = np.arange(len(order))
    return result


def _hashes(ids: list[str], seed: int) -> NDArray[np.uint64]:
    key = str(seed).encode()
    digests = (hashlib.blake2b(i.encode(), digest_size=8, key=key).digest() for i in ids)
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)


def _capacities(t: Instance) -> None:
    """Fill in `capacity` and `open_project`: shrink until nothing changes."""
    limit = np.minimum(t.budget, t.cheque_max)
    for _, members, shared in t.shared:
        limit[members] = np.minimum(limit[members], shared)
    reach = limit[t.supply]
    for e in np.nonzero(t.numerator != t.denominator)[0]:
        reach[e] = min(int(reach[e]) * int(t.denominator[e]) // int(t.numerator[e]), int(_HUGE))
    capacity = np.minimum(reach, t.amount[t.demand])
    capped = t.money[t.demand]
    capacity[capped] = np.minimum(capacity[capped], t.money_cap[t.project[capped]])
    capacity[t.seats_cap[t.offer_of[t.supply]] <= 0] = 0
    capacity -= capacity % t.step[t.demand]

    stays = t.wins_cap[t.organization_of] > 0
    least_money = summed(t.project_of, np.where(t.money & t.critical, t.minimum, 0), len(t.projects))
    stays &= least_money <= t.money_cap
    while True:
        capacity[~stays[t.project]] = 0
        cheque = summed(t.link, t.use(capacity), len(t.link_project))
        capacity[(cheque < t.cheque_min[t.link_supply])[t.link]] = 0
        eligible = summed(t.demand, capacity, len(t.amount))
        hopeless = eligible < t.minimum
        capacity[hopeless[t.demand]] = 0
        now = stays.copy()
        now[t.project_of[hopeless & t.critical]] = False
        now &= summed(t.project, capacity, len(t.projects)) > 0
        if (now == stays).all():
            break
        stays = now
    t.capacity, t.open_project = capacity, stays
