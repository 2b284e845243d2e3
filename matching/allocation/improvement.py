"""Improving a good allocation of a large problem: one neighbourhood of projects at a time.

Everything outside a neighbourhood stays as it is; inside, a small integer program decides again. A
neighbourhood is a project for which the linear relaxation promises more than the allocation gives,
together with the projects that compete with it for the same supplies.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.instance import Floats, Instance, Mask, summed
from matching.allocation.solver import Clock, solve_integer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matching.allocation.model import Model
    from matching.allocation.problem import Integers

NEIGHBOURS = 16
NODES = 15


def vector(model: Model, amount: Integers) -> Floats:
    """The solution vector of a whole-number allocation."""
    t = model.t
    x = np.zeros(len(model.cost))
    x[: len(model.edges)] = amount[model.edges] / model.unit
    for columns, index, size in (
        (model.y, t.project, len(t.projects)),
        (model.z, t.link, len(t.link_project)),
        (model.seat, t.seat, len(t.seat_project)),
        (model.side, t.demand, len(t.amount)),
    ):
        here = columns >= 0
        x[columns[here]] = (summed(index, amount, size) > 0)[here]
    shares = np.bincount(t.organization_of[t.project_of], weights=t.share(amount), minlength=len(model.first))
    here = model.first >= 0
    x[model.first[here]] = np.minimum(1.0, shares[here])
    return x


def owners(model: Model) -> Integers:
    """By column: the project it belongs to, −1 for columns of an organization or of all."""
    t = model.t
    owner = np.full(len(model.cost), -1, dtype=np.int64)
    owner[: len(model.edges)] = t.project[model.edges]
    for columns, projects in (
        (model.y, np.arange(len(t.projects))),
        (model.z, t.link_project),
        (model.seat, t.seat_project),
        (model.side, t.project_of),
    ):
        here = columns >= 0
        owner[columns[here]] = projects[here]
    return owner


def neighbourhoods(t: Instance, relaxed: Floats, amount: Integers, rounds: int) -> Iterator[Integers]:
    """Sets of projects to decide again, those with the most to gain first.

    `relaxed`: amounts (edges,) of the linear relaxation; `amount`: those of the allocation so far.
    """
    from scipy.sparse import csr_array

    hoped = np.bincount(t.project, weights=t.gain * relaxed, minlength=len(t.projects))
    has = np.bincount(t.project, weights=t.gain * amount, minlength=len(t.projects))
    heat = np.abs(hoped - has)
    used = (relaxed > 0.5) | (amount > 0)
    weight = np.where(used, 1.0, 0.05)[t.capacity > 0]
    shape = (len(t.projects), len(t.budget))
    usable = np.nonzero(t.capacity > 0)[0]
    touch = csr_array((weight, (t.project[usable], t.supply[usable])), shape=shape)
    tired = np.ones(len(t.projects))
    for _ in range(rounds):
        core = int(np.argmax(heat * tired))
        if heat[core] * tired[core] <= 1e-9:
            return
        pull = (touch @ np.asarray(touch[[core]].todense()).ravel()) * tired * (0.05 + heat / heat.max())
        pull[core] = np.inf
        near = np.argsort(-pull, kind="stable")[:NEIGHBOURS]
        near = near[pull[near] > 0]
        tired[near] *= 0.5
        tired[core] = 0.0
        yield near


def improved(model: Model, amount: Integers, free_projects: Integers, clock: Clock) -> Floats | None:
    """The solution vector after deciding these projects again; None if nothing better was found."""
    x = vector(model, amount)
    free = np.isin(owners(model), free_projects)
    for group in (model.first,):
        free[group[group >= 0]] = True
    if model.floor >= 0:
        free[model.floor] = True
    small = restricted(model, free, x)
    found = solve_integer(small, clock, gap=1e-3, nodes=NODES)
    if found.x is None:
        return None
    x[free] = found.x
    return x


def restricted(model: Model, free: Mask, x: Floats) -> Model:
    """The model over the free columns alone, with all others kept at their value in `x`."""
    kept = np.nonzero(free)[0]
    matrix = model.matrix[:, kept]
    rows = np.nonzero(np.diff(matrix.indptr))[0]
    fixed = np.where(free, 0.0, x)
    right = (model.right - model.matrix @ fixed)[rows]
    return replace(
        model,
        cost=model.cost[kept],
        lower=model.lower[kept],
        upper=model.upper[kept],
        integral=model.integral[kept],
        binary=model.binary[kept],
        matrix=matrix[rows],
        right=np.where(np.abs(right) < 1e-9, np.maximum(right, 0.0), right),
    )
