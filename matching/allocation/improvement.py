"""Improving a good allocation of a large problem: a small part of it at a time is decided again.

A small integer program decides that part; everything outside it stays as it is. The first part is all that
the linear relaxation decides otherwise than the allocation; then one neighbourhood of projects comes after
the other: a project for which the relaxation promises more than the allocation gives, together with those
that compete with it for the same supplies.
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

NEIGHBOURS = 12
NODES = 15
SAME = 1e-6
"""Values that differ by no more are the same decision."""


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


def disputed(model: Model, amount: Integers, relaxed: Floats) -> Mask:
    """The columns to decide again where only the decisions on which relaxation and allocation differ are
    open. Over edges that neither of them uses nothing will be given."""
    x = vector(model, amount)
    free = ~model.integral | (np.abs(x - relaxed) > SAME)
    edges = slice(len(model.edges))
    free[edges] &= (x[edges] > SAME) | (relaxed[edges] > SAME)
    return free


def within(model: Model, projects: Integers) -> Mask:
    """The columns to decide again where only these projects are open."""
    free = np.isin(owners(model), projects)
    free[model.first[model.first >= 0]] = True
    if model.floor >= 0:
        free[model.floor] = True
    return free


def improved(model: Model, amount: Integers, free: Mask, clock: Clock, gap: float) -> Floats | None:
    """The solution vector after deciding these columns again; None if nothing better was found."""
    x = vector(model, amount)
    found = solve_integer(restricted(model, free, x), clock, gap=gap, nodes=NODES)
    if found.x is None or model.cost[free] @ (found.x - x[free]) <= SAME:
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
