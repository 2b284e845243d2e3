"""One total, maximised: linear program → refill → relax-and-fix → an integer program of the whole where that
is small, else of what is disputed and then of neighbourhoods; the best stage is kept.

Each stage proposes yes-or-no decisions, the ledger turns them into whole amounts, and the proposal counts
only by what those amounts are worth. The bound comes from the linear program, or from a full integer
program where one was solved.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.improvement import disputed, improved, neighbourhoods, within
from matching.allocation.ledger import Ledger
from matching.allocation.model import Model, Objective, build
from matching.allocation.solver import Clock, Solved, solve_integer, solve_linear
from matching.allocation.worth import keeps_promises, worth
from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matching.allocation.instance import Floats, Instance, Mask
    from matching.allocation.problem import Integers

SMALL = 2_000
"""Up to so many columns the full integer program is tried, within NODES, before anything is given up."""
NODES = 3_000
NODE_WORK = 600_000
"""Columns times nodes: wide programs get fewer nodes, so that the work stays about the same."""
DIVES = 12
ROUNDS = 50
"""Neighbourhoods that are decided again, at most, where the problem is larger."""
PATIENCE, LITTLE = 5, 2e-3
"""They end where so many together have added less than this share of the value."""
ROUGH, FINE = 5e-3, 1e-3
"""How well a part is decided again: all that is disputed, and a neighbourhood."""
PROVEN = 2e-6
"""Relative distance from the bound that counts as none: the solvers' tolerances and the noise."""


@dataclass
class Found:
    """The best allocation so far (`amount` is None: none yet), what it is worth, what is possible."""

    amount: Integers | None = None
    value: float = -np.inf
    bound: float = np.inf
    stage: str = "empty"
    prices: dict[tuple[str, str], float] = field(default_factory=dict)
    infeasible: bool = False

    def offer(self, t: Instance, objective: Objective, amount: Integers, stage: str) -> None:
        """Keep this proposal if it holds every promise and is worth more."""
        if not keeps_promises(t, objective, amount):
            return
        value = worth(t, objective, amount)
        if self.amount is None or value > self.value + 1e-9:
            self.amount, self.value, self.stage = amount, value, stage

    def proven(self, gap: float = 0.0) -> bool:
        """Whether the best is within `gap` of the bound."""
        return self.bound - self.value <= max(gap, PROVEN) * max(abs(self.bound), 1e-9)


def solve(
    t: Instance,
    objective: Objective,
    clock: Clock,
    gap: float,
    starts: Sequence[Integers] = (),
    effort: float = 1.0,
) -> Found:
    """The best allocation found for one objective, the empty one and `starts` included.

    `gap`: how close to the bound is close enough where the problem is large; `effort`: share of the usual
    number of nodes and neighbourhoods.
    """
    found = Found(bound=ceiling(t, objective))
    found.offer(t, objective, np.zeros(len(t.demand), dtype=np.int64), "empty")
    for start in starts:
        found.offer(t, objective, start, "earlier")
    model = build(t, objective)
    clock.tell("linear", 0.1, Message("stage-linear", "Solving the linear relaxation."))
    relaxed = solve_linear(model, clock)
    if relaxed.infeasible:
        found.infeasible = True
        return found
    ranking = _ranking(model, relaxed)
    if relaxed.x is None:
        found.offer(t, objective, greedy(t, ranking), "greedy")
        return found
    found.bound = min(found.bound, relaxed.bound)
    found.prices = prices(model, relaxed)
    found.offer(t, objective, settled(model, relaxed.x, ranking), "linear")
    small = len(model.cost) <= SMALL
    if found.proven(0.0 if small else gap):
        return found
    if small or found.amount is None or found.stage == "empty":
        clock.tell("relax-and-fix", 0.3, Message("stage-relax-and-fix", "Deciding which projects go ahead."))
        last = dive(model, relaxed.x, clock)
        found.offer(t, objective, settled(model, last, ranking), "relax-and-fix")
        if found.proven(0.0 if small else gap):
            return found
    if small:
        clock.tell("integer", 0.6, Message("stage-integer", "Proving that nothing better exists."))
        exact = solve_integer(model, clock, gap=0.0, nodes=_nodes(model, effort))
        if exact.infeasible:
            found.infeasible = True
        elif exact.x is not None:
            found.bound = min(found.bound, exact.bound)
            found.offer(t, objective, settled(model, exact.x, ranking), "integer")
        return found
    improve(t, objective, model, relaxed.x, found, ranking, clock, gap, int(ROUNDS * effort))
    return found


def _nodes(model: Model, effort: float) -> int:
    return max(10, int(min(NODES, NODE_WORK // len(model.cost)) * effort))


def ceiling(t: Instance, objective: Objective) -> float:
    """What no allocation can exceed, without solving anything: each line at its best score."""
    best = np.zeros(len(t.amount))
    np.maximum.at(best, t.demand, np.where(t.capacity > 0, t.merit, 0.0))
    reach = np.minimum(1.0, np.bincount(t.demand, weights=t.capacity, minlength=len(best)) / t.amount)
    total = float((best * reach).sum()) + t.problem.coverage_bonus * int(t.open_project.sum())
    seats = len(np.unique(t.organization_of[t.open_project]))
    level = float(np.sum(best)) if objective.raise_worst is not None else 0.0
    return objective.score_share * total + objective.first_seat * seats + level


def greedy(t: Instance, ranking: Integers) -> Integers:
    """Projects in the order of their best edge, each filled from its best edges. Always feasible."""
    ledger = Ledger(t)
    ledger.prefer(ranking)
    for p, k, least in t.locks:
        ledger.hold(p, k, least)
    ledger.settle()
    ledger.refill(_project_order(t, ranking))
    return np.array(ledger.amount, dtype=np.int64)


def mended(t: Instance, amount: Integers) -> Integers:
    """Amounts of an earlier allocation as far as every rule lets them stand, and what is left used up."""
    ranking = by_score(t)
    ledger = Ledger(t)
    ledger.prefer(ranking)
    ledger.load(amount.astype(np.float64), np.nonzero(amount)[0])
    ledger.settle()
    ledger.refill(_project_order(t, ranking))
    return np.array(ledger.amount, dtype=np.int64)


def settled(model: Model, x: Floats, ranking: Integers, *, refill: bool = True) -> Integers:
    """Whole amounts from a fractional solution: rounded, mended, and filled up with what is left."""
    t = model.t
    ledger = Ledger(t)
    ledger.prefer(ranking)
    target = model.amounts(x)
    carried = np.nonzero(target > 0.5)[0]
    going = np.ones(len(t.projects), dtype=bool)
    decided = model.y >= 0
    going[decided] = x[model.y[decided]] > 1 - 1e-6
    certain = going[t.project[carried]]
    strong = np.argsort(-target[carried], kind="stable")
    first = carried[strong[certain[strong]]]
    ledger.load(target, first)
    ledger.settle()
    if not refill:
        return np.array(ledger.amount, dtype=np.int64)
    shares = np.zeros(len(decided))
    shares[decided] = x[model.y[decided]]
    order = _project_order(t, ranking)
    order = sorted(order, key=lambda p: -round(float(shares[p]), 6))
    ledger.refill(order)
    return np.array(ledger.amount, dtype=np.int64)


def dive(model: Model, relaxed: Floats, clock: Clock) -> Floats:
    """Relax-and-fix: keep what is decided, decide the clearest quarter of the rest, solve again."""
    lower, upper = model.lower.copy(), model.upper.copy()
    x = relaxed
    columns = np.nonzero(model.integral)[0]
    for _ in range(DIVES):
        whole = np.rint(x[columns])
        decided = np.abs(x[columns] - whole) <= 1e-6
        still_open = columns[~decided]
        if not len(still_open):
            break
        none = columns[decided & (whole == 0)]
        upper[none] = np.minimum(upper[none], lower[none])
        some = columns[decided & (whole == 1) & model.binary[columns]]
        lower[some] = 1.0
        rest = x[still_open] - np.floor(x[still_open])
        ranked = still_open[np.argsort(-rest, kind="stable")]
        fractions = np.sort(rest)[::-1]
        quarter = max(1, len(ranked) // 4)
        up = ranked[:quarter][(fractions[:quarter] >= 0.5) | (np.arange(quarter) == 0)]
        trial = lower.copy()
        trial[up] = np.minimum(np.ceil(x[up]), upper[up])
        step = solve_linear(model, clock, trial, upper)
        if step.infeasible:
            upper[up] = np.maximum(lower[up], np.floor(x[up]))
            step = solve_linear(model, clock, lower, upper)
        else:
            lower = trial
        if step.x is None:
            break
        x = step.x
    return x


def improve(
    t: Instance,
    objective: Objective,
    model: Model,
    relaxed: Floats,
    found: Found,
    ranking: Integers,
    clock: Clock,
    gap: float,
    rounds: int,
) -> None:
    """Decide one part after the other again, until close enough to the bound, or until that brings little."""
    if found.amount is None:
        return
    values = [found.value]
    for n, (free, close) in enumerate(_parts(model, relaxed, found, rounds)):
        clock.tell(
            "improve",
            0.5 + 0.4 * n / (rounds + 1),
            Message("stage-improve", "Improving the choice of projects and sponsors."),
        )
        x = improved(model, found.amount, free, clock, close)
        if x is not None:
            found.offer(t, objective, settled(model, x, ranking), "improve")
        values.append(found.value)
        if found.proven(gap) or clock.left() <= 0 or _tired(values):
            return


def _parts(model: Model, relaxed: Floats, found: Found, rounds: int) -> Iterator[tuple[Mask, float]]:
    """Columns to decide again, and how well: first where relaxation and allocation differ, then
    neighbourhoods of projects, by what the relaxation still promises them then."""
    if found.amount is None:
        return
    yield disputed(model, found.amount, relaxed), ROUGH
    for near in neighbourhoods(model.t, model.amounts(relaxed), found.amount, rounds):
        yield within(model, near), FINE


def _tired(values: Sequence[float]) -> bool:
    """Whether the last rounds together brought too little to go on."""
    return len(values) > PATIENCE and values[-1] - values[-1 - PATIENCE] < LITTLE * abs(values[-1])


def _ranking(model: Model, relaxed: Solved) -> Integers:
    """Usable edges, the most worthwhile first: by score less the prices of what they use up."""
    t = model.t
    share = model.unit / t.amount[t.demand[model.edges]]
    if relaxed.duals is None:
        return by_score(t)
    net = t.merit[model.edges].copy()
    wanted = [g for g in model.groups if g[0] in {"budget", "shared-budget", "cheque-maximum", "seat"}]
    weights = np.zeros(model.matrix.shape[0])
    for _, start, keys, _ in wanted:
        weights[start : start + len(keys)] = relaxed.duals[start : start + len(keys)]
    net -= (model.matrix.T @ weights)[: len(model.edges)] / share
    return model.edges[np.lexsort((-t.noise[model.edges], -np.round(net, 9)))]


def by_score(t: Instance) -> Integers:
    """Usable edges, the best score first."""
    usable = np.nonzero(t.capacity > 0)[0]
    return usable[np.lexsort((-t.noise[usable], -t.merit[usable]))]


def _project_order(t: Instance, ranking: Integers) -> list[int]:
    seen = np.full(len(t.projects), len(ranking))
    np.minimum.at(seen, t.project[ranking], np.arange(len(ranking)))
    present = np.nonzero(seen < len(ranking))[0]
    return [int(p) for p in present[np.argsort(seen[present], kind="stable")]]


def prices(model: Model, relaxed: Solved) -> dict[tuple[str, str], float]:
    """By (rule, id) of a limit: what one more unit of it would add to the relaxation, where above 0."""
    t = model.t
    names = {
        "budget": t.supply_ids,
        "most-projects": t.offers,
        "organization-cap": t.organizations,
        "project-cap": t.projects,
        "shared-budget": [name for name, _, _ in t.shared],
        "quota": [name for name, _, _ in t.quotas],
    }
    found: dict[tuple[str, str], float] = {}
    if relaxed.duals is None:
        return found
    for rule, start, keys, unit in model.groups:
        if rule in names:
            each = relaxed.duals[start : start + len(keys)] / np.maximum(unit, 1e-12)
            for n in np.nonzero(each > 1e-15)[0].tolist():
                found[rule, names[rule][int(keys[n])]] = float(each[n])
    return found
