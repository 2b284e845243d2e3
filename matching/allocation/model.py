"""The linear and mixed-integer programs, written as the table of rules they come from.

    maximise       Σ v_e x_e/D_i + β Σ c_p + γ Σ s_o,  v_e = weight_i · (score_e + favour_e)
    need           Σ_{e∈i} x_e/D_i ≤ y_p
    minimum        Σ_{e∈i} x_e/D_i ≥ m_i/D_i · y_p
    budget         Σ_{e∈j} r_e x_e ≤ B_j
    cheque         l_j z_l ≤ Σ_{e∈l} r_e x_e ≤ u_j z_l
    most projects  Σ_{a∈k} a ≤ P_k,  x_e ≤ cap_e · a
    cap            Σ_{p∈o} y_p ≤ C_o
    quota          Σ_{p∈g} y_p ≥ Q_g
    first seat     s_o ≤ Σ_{e∈o} x_e/D_i,  s_o ≤ Σ_{p∈o} y_p
    lock           y_p = 1,  Σ_{e∈a} x_e ≥ the lock's least

Every row is kept in the form A x ≤ b and scaled so that its numbers are near 1. An amount is a share of its
line (x_e/D_i) where the line is finely divisible, and a whole number of steps where it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.rows import NOT_THERE, Rows, below, positions

if TYPE_CHECKING:
    from scipy.sparse import csr_array

    from matching.allocation.instance import Floats, Instance, Mask
    from matching.allocation.problem import Integers

FEW_STEPS = 64
"""A line that divides into at most so many steps is modelled in whole steps."""
OBJECTIVE_SCALE = 1_000.0
"""The solvers' tolerances are absolute; a score of 1 is this many units of their objective."""
TIE = 1e-12
"""One step of the noise as a share of an edge's value: all 2²⁰ steps together are a millionth."""


@dataclass(eq=False)
class Model:
    """A x ≤ b, lower ≤ x ≤ upper, maximise cost·x; and which column is what (-1: no such column)."""

    t: Instance
    edges: Integers
    """Canonical edges in the model; edge `edges[n]` is column n."""
    unit: Floats
    """Hundredths that one unit of an edge's column stands for."""
    y: Integers
    z: Integers
    seat: Integers
    side: Integers
    first: Integers
    floor: int
    cost: Floats
    lower: Floats
    upper: Floats
    integral: Mask
    binary: Mask
    matrix: csr_array
    right: Floats
    groups: list[tuple[str, int, Integers, Floats]]

    def amounts(self, x: Floats) -> Floats:
        """Hundredths on every canonical edge for a solution vector."""
        result = np.zeros(len(self.t.demand))
        result[self.edges] = x[: len(self.edges)] * self.unit
        return result


@dataclass(frozen=True)
class Objective:
    """What is maximised beside the scores.

    `first_seat` γ: extra for an organization's first full line's worth. `floors`: by organization, the
    satisfaction it must keep (−1: none). `raise_worst`: by organization, whether the common level t that
    is maximised counts it; with it the scores count only a little.
    """

    first_seat: float = 0.0
    floors: Floats | None = None
    raise_worst: Mask | None = None
    score_share: float = 1.0


def build(
    t: Instance, objective: Objective, edges: Integers | None = None, *, decide_all: bool = False
) -> Model:
    """The model of an instance, over all usable edges or only the given ones.

    `decide_all`: a yes-or-no variable for every seat, even where its limit cannot bind.
    """
    if edges is None:
        edges = np.nonzero(t.capacity > 0)[0]
    n_e = len(edges)
    i, _j, p = t.demand[edges], t.supply[edges], t.project[edges]
    coarse = t.amount[i] <= FEW_STEPS * t.step[i]
    unit = np.where(coarse, t.step[i], t.amount[i]).astype(np.float64)
    cap = t.capacity[edges] / unit
    share = unit / t.amount[i]
    used = unit * t.use_rate[edges]

    projects, links, seats, sides = _decisions(t, edges, decide_all=decide_all)
    next_column = n_e

    def columns(wanted: Mask) -> Integers:
        nonlocal next_column
        index = np.full(len(wanted), NOT_THERE, dtype=np.int64)
        index[wanted] = next_column + np.arange(wanted.sum())
        next_column += int(wanted.sum())
        return index

    y, z, side = columns(projects), columns(links), columns(sides)
    single = np.bincount(t.offer_of, minlength=len(t.offers)) == 1
    seat_of_link = np.full(len(t.link_project), NOT_THERE)
    seat_of_link[t.link] = t.seat
    shared_column = np.zeros(len(seats), dtype=bool)
    both = np.nonzero((z >= 0) & (seat_of_link >= 0))[0]
    both = both[single[t.seat_offer[seat_of_link[both]]] & seats[seat_of_link[both]]]
    shared_column[seat_of_link[both]] = True
    seat = columns(seats & ~shared_column)
    seat[seat_of_link[both]] = z[both]
    owners = np.zeros(len(t.organizations), dtype=bool)
    if objective.first_seat > 0:
        owners[t.organization_of[p]] = True
    first = columns(owners)
    floor = next_column if objective.raise_worst is not None else NOT_THERE
    n = next_column + (floor >= 0)

    rows = Rows()
    e = np.arange(n_e)
    owner = np.where(side >= 0, side, y[t.project_of])
    decided = owner >= 0
    lines = np.unique(i)
    plain = lines[~decided[lines]]
    rows.add(
        "need",
        plain,
        positions(plain, len(t.amount))[i][~decided[i]],
        e[~decided[i]],
        share[~decided[i]],
        1.0,
    )
    bound = lines[decided[lines]]
    in_bound = decided[i]
    row = positions(bound, len(t.amount))
    rows.add(
        "need",
        bound,
        np.concatenate([row[i[in_bound]], np.arange(len(bound))]),
        np.concatenate([e[in_bound], owner[bound]]),
        np.concatenate([share[in_bound], np.full(len(bound), -1.0)]),
        0.0,
    )
    floors = np.nonzero((t.minimum > 0) & (owner >= 0) & ((side >= 0) | t.critical))[0]
    row = positions(floors, len(t.amount))
    take = row[i] >= 0
    rows.add(
        "minimum",
        floors,
        np.concatenate([row[i[take]], np.arange(len(floors))]),
        np.concatenate([e[take], owner[floors]]),
        np.concatenate([-share[take], t.minimum[floors] / t.amount[floors]]),
        0.0,
    )
    sided = np.nonzero((side >= 0) & (y[t.project_of] >= 0))[0]
    below(rows, "side", side[sided], y[t.project_of[sided]])
    _budgets(rows, t, edges, used, cap)
    _cheques(rows, t, edges, used, cap, y, z)
    _seats(rows, t, edges, cap, y, z, seat, seats)
    _projects(rows, t, edges, unit, y)
    _tokens(rows, t, edges, share, y)
    lower, upper = np.zeros(n), np.ones(n)
    upper[:n_e] = cap
    _locks(rows, t, edges, unit, y, lower)

    cost = np.zeros(n)
    cost[:n_e] = t.merit[edges] * share
    if t.problem.coverage_bonus:
        whole = (y >= 0) & t.has_minimum
        cost[y[whole]] += t.problem.coverage_bonus
        part = ~t.has_minimum[p]
        cost[:n_e][part] += t.problem.coverage_bonus * share[part] / t.lines[p[part]]
    cost *= objective.score_share
    if objective.first_seat > 0:
        cost[first[first >= 0]] = objective.first_seat
        _first_seats(rows, t, p, share, y, first)
    _satisfaction(rows, t, p, t.value[edges] * share, objective, floor)
    if floor >= 0:
        cost[floor] = 1.0
    cost *= OBJECTIVE_SCALE
    cost[:n_e] *= 1.0 + TIE * t.noise[edges]
    integral = np.zeros(n, dtype=bool)
    integral[:n_e] = coarse
    binary = np.zeros(n, dtype=bool)
    for group in (y, z, side, seat):
        binary[group[group >= 0]] = True
    return Model(
        t,
        edges,
        unit,
        y,
        z,
        seat,
        side,
        first,
        floor,
        cost,
        lower,
        upper,
        integral | binary,
        binary,
        rows.matrix(n),
        rows.right_side(),
        rows.groups,
    )


def promised(t: Instance) -> Mask:
    """By project: whether a lock or a quota names it."""
    named = np.zeros(len(t.projects), dtype=bool)
    for _, members, _ in t.quotas:
        named[members] = True
    for p, _, _ in t.locks:
        named[p] = True
    return named


def _decisions(t: Instance, edges: Integers, *, decide_all: bool) -> tuple[Mask, Mask, Mask, Mask]:
    """Which projects, links, seats and side lines need a yes-or-no variable."""
    i, p = t.demand[edges], t.project[edges]
    present = np.zeros(len(t.projects), dtype=bool)
    present[p] = True
    projects = t.has_minimum.copy()
    candidates = np.bincount(t.organization_of[present], minlength=len(t.organizations))
    projects |= (candidates > t.wins_cap)[t.organization_of]
    projects = (projects & present) | promised(t)
    links = np.zeros(len(t.link_project), dtype=bool)
    links[t.link[edges]] = True
    indivisible = np.full(len(links), np.iinfo(np.int64).max)
    np.minimum.at(indivisible, t.link[edges], (t.step[i] * t.use_rate[edges]).astype(np.int64))
    links &= t.cheque_min[t.link_supply] > indivisible
    seats = np.zeros(len(t.seat_project), dtype=bool)
    seats[t.seat[edges]] = True
    wanted = np.bincount(t.seat_offer[seats], minlength=len(t.offers))
    if not decide_all:
        seats &= (wanted > t.seats_cap)[t.seat_offer]
    sides = np.zeros(len(t.amount), dtype=bool)
    sides[i] = True
    sides &= ~t.critical & (t.minimum > 0)
    return projects, links, seats, sides


def _budgets(rows: Rows, t: Instance, edges: Integers, used: Floats, cap: Floats) -> None:
    j = t.supply[edges]
    most = np.bincount(j, weights=used * cap, minlength=len(t.budget))
    tight = np.nonzero(most > t.budget)[0]
    take = np.isin(j, tight)
    row = positions(tight, len(t.budget))
    rows.add(
        "budget",
        tight,
        row[j[take]],
        np.nonzero(take)[0],
        used[take] / t.budget[j[take]],
        1.0,
        t.budget[tight],
    )
    for g, (_, members, limit) in enumerate(t.shared):
        take = np.isin(j, members)
        if limit > 0 and (used * cap)[take].sum() > limit:
            rows.add(
                "shared-budget",
                [g],
                np.zeros(take.sum()),
                np.nonzero(take)[0],
                used[take] / limit,
                1.0,
                limit,
            )
    p = t.project[edges]
    money = t.money[t.demand[edges]]
    most = np.bincount(p[money], weights=(used / t.use_rate[edges] * cap)[money], minlength=len(t.projects))
    tight = np.nonzero(most > t.money_cap)[0]
    take = np.isin(p, tight) & money
    amount = used / t.use_rate[edges]
    rows.add(
        "project-cap",
        tight,
        positions(tight, len(t.projects))[p[take]],
        np.nonzero(take)[0],
        amount[take] / t.money_cap[p[take]],
        1.0,
        t.money_cap[tight],
    )


def _cheques(
    rows: Rows, t: Instance, edges: Integers, used: Floats, cap: Floats, y: Integers, z: Integers
) -> None:
    link = t.link[edges]
    most = np.bincount(link, weights=used * cap, minlength=len(z))
    bent = np.bincount(link[t.numerator[edges] % t.denominator[edges] > 0], minlength=len(z))
    limit = np.minimum(t.cheque_max[t.link_supply], np.minimum(t.budget[t.link_supply], most))
    active = np.nonzero(z >= 0)[0]
    row = positions(active, len(z))
    take = z[link] >= 0
    scale = np.maximum(limit, 1.0)
    both_rows = np.concatenate([row[link[take]], np.arange(len(active))])
    both_columns = np.concatenate([np.nonzero(take)[0], z[active]])
    size = used[take] / scale[link[take]]
    rows.add(
        "cheque-maximum",
        active,
        both_rows,
        both_columns,
        np.concatenate([size, -limit[active] / scale[active]]),
        0.0,
    )
    least = np.maximum(t.cheque_min[t.link_supply] - bent, 0)
    rows.add(
        "cheque-minimum",
        active,
        both_rows,
        both_columns,
        np.concatenate([-size, least[active] / scale[active]]),
        0.0,
    )
    mine = active[y[t.link_project[active]] >= 0]
    below(rows, "cheque-project", z[mine], y[t.link_project[mine]])
    free = np.nonzero((z < 0) & (most > t.cheque_max[t.link_supply]))[0]
    take = np.isin(link, free)
    rows.add(
        "cheque-maximum",
        free,
        positions(free, len(z))[link[take]],
        np.nonzero(take)[0],
        used[take] / scale[link[take]],
        limit[free] / scale[free],
    )


def _seats(
    rows: Rows,
    t: Instance,
    edges: Integers,
    cap: Floats,
    y: Integers,
    z: Integers,
    seat: Integers,
    seats: Mask,
) -> None:
    active = np.nonzero(seats)[0]
    offers = np.unique(t.seat_offer[active])
    rows.add(
        "most-projects",
        offers,
        positions(offers, len(t.offers))[t.seat_offer[active]],
        seat[active],
        1.0,
        t.seats_cap[offers],
    )
    e = np.nonzero(seats[t.seat[edges]] & (z[t.link[edges]] < 0))[0]
    count = np.arange(len(e))
    rows.add(
        "seat",
        e,
        np.tile(count, 2),
        np.concatenate([e, seat[t.seat[edges[e]]]]),
        np.concatenate([1 / cap[e], np.full(len(e), -1.0)]),
        0.0,
    )
    taken = np.zeros(len(z), dtype=np.int64)
    taken[t.link] = t.seat
    links = np.nonzero((z >= 0) & seats[taken])[0]
    links = links[z[links] != seat[taken[links]]]
    below(rows, "seat", z[links], seat[taken[links]])
    mine = active[(y[t.seat_project[active]] >= 0)]
    mine = mine[~np.isin(seat[mine], z[z >= 0])]
    below(rows, "seat-project", seat[mine], y[t.seat_project[mine]])


def _projects(rows: Rows, t: Instance, edges: Integers, unit: Floats, y: Integers) -> None:
    """Caps on projects, quotas, and x_e ≤ cap_e·y_p where that says more than the need does."""
    organization = t.organization_of
    decided = np.nonzero(y >= 0)[0]
    wanted = np.bincount(organization[decided], minlength=len(t.organizations))
    tight = np.nonzero(wanted > t.wins_cap)[0]
    take = decided[np.isin(organization[decided], tight)]
    rows.add(
        "organization-cap",
        tight,
        positions(tight, len(wanted))[organization[take]],
        y[take],
        1.0,
        np.maximum(t.wins_cap[tight], 0),
    )
    for g, (_, members, least) in enumerate(t.quotas):
        rows.add("quota", [g], np.zeros(len(members)), y[members], -1.0, -least)
    p, small = t.project[edges], t.capacity[edges] < t.amount[t.demand[edges]]
    e = np.nonzero((y[p] >= 0) & small & t.has_minimum[p])[0]
    count = np.arange(len(e))
    rows.add(
        "capacity",
        e,
        np.tile(count, 2),
        np.concatenate([e, y[p[e]]]),
        np.concatenate([unit[e] / t.capacity[edges[e]], np.full(len(e), -1.0)]),
        0.0,
    )


def _tokens(rows: Rows, t: Instance, edges: Integers, share: Floats, y: Integers) -> None:
    """A project without a minimum goes ahead only if it gets something: 1 % of what could reach it."""
    chosen = np.nonzero((y >= 0) & ~t.has_minimum)[0]
    chosen = chosen[promised(t)[chosen]]
    p = t.project[edges]
    take = np.isin(p, chosen)
    best = np.zeros(len(y))
    np.maximum.at(best, p[take], (t.capacity[edges] / t.amount[t.demand[edges]])[take])
    row = positions(chosen, len(y))
    rows.add(
        "token",
        chosen,
        np.concatenate([row[p[take]], np.arange(len(chosen))]),
        np.concatenate([np.nonzero(take)[0], y[chosen]]),
        np.concatenate([-share[take], np.maximum(0.01 * best[chosen], 1e-4)]),
        0.0,
    )


def _locks(rows: Rows, t: Instance, edges: Integers, unit: Floats, y: Integers, lower: Floats) -> None:
    seat_key = {
        (int(q), int(k)): a for a, (q, k) in enumerate(zip(t.seat_project, t.seat_offer, strict=True))
    }
    for n, (q, k, least) in enumerate(t.locks):
        lower[y[q]] = 1.0
        if k >= 0:
            take = t.seat[edges] == seat_key.get((q, k), NOT_THERE)
            reach = t.capacity[edges][take]
            needed = max(least, 0.01 * reach.max(initial=0))
            rows.add("lock", [n], np.zeros(take.sum()), np.nonzero(take)[0], -unit[take] / needed, -1.0)


def _first_seats(rows: Rows, t: Instance, p: Integers, share: Floats, y: Integers, first: Integers) -> None:
    """s_o ≤ Σ shares of the organization's lines (and ≤ 1 by its bound), and ≤ Σ y_p of its projects.

    The second says nothing new of whole numbers, but a third of a project with three lines is no longer
    taken for a whole seat; projects and lines without a decision of their own count by their shares.
    """
    owners = np.nonzero(first >= 0)[0]
    e, mine = np.arange(len(p)), np.arange(len(owners))
    row = positions(owners, len(first))
    rows.add(
        "first-seat",
        owners,
        np.concatenate([row[t.organization_of[p]], mine]),
        np.concatenate([e, first[owners]]),
        np.concatenate([-share, np.ones(len(owners))]),
        0.0,
    )
    decided = np.nonzero(y >= 0)[0]
    owners = np.intersect1d(owners, t.organization_of[decided])
    row, mine = positions(owners, len(first)), np.arange(len(owners))
    by_degree = e[(y[p] < 0) & (row[t.organization_of[p]] >= 0)]
    decided = decided[row[t.organization_of[decided]] >= 0]
    rows.add(
        "first-seat",
        owners,
        np.concatenate([row[t.organization_of[p[by_degree]]], row[t.organization_of[decided]], mine]),
        np.concatenate([by_degree, y[decided], first[owners]]),
        np.concatenate([-share[by_degree], np.full(len(decided), -1.0), np.ones(len(owners))]),
        0.0,
    )


def _satisfaction(
    rows: Rows, t: Instance, p: Integers, value: Floats, objective: Objective, floor: int
) -> None:
    """u_o = Σ v_e x_e/D_i: at least the level t for those that are raised, at least its floor for others."""
    owner = t.organization_of[p]
    if objective.raise_worst is not None:
        raised = np.nonzero(objective.raise_worst)[0]
        row = positions(raised, len(t.organizations))
        take = row[owner] >= 0
        rows.add(
            "worst",
            raised,
            np.concatenate([row[owner[take]], np.arange(len(raised))]),
            np.concatenate([np.nonzero(take)[0], np.full(len(raised), floor)]),
            np.concatenate([-value[take], np.ones(len(raised))]),
            0.0,
        )
    if objective.floors is not None:
        kept = np.nonzero(objective.floors > 0)[0]
        row = positions(kept, len(t.organizations))
        take = row[owner] >= 0
        rows.add("floor", kept, row[owner[take]], np.nonzero(take)[0], -value[take], -objective.floors[kept])
