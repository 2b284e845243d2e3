"""Sharing out again without turning everything over: small change in, small change out.

Every hundredth that an earlier allocation gave and that is given again over the same edge counts a little
beside its score, `keep` for a whole line. An earlier pair is therefore given up only where the objective
gains more than that, and what staying costs is known: the same problem is solved without that favour too.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.allocation import allocate, objective_of
from matching.allocation.fairness import LEVELS, SLACK
from matching.allocation.fairness import candidates as able_organizations
from matching.allocation.instance import canonical
from matching.allocation.model import build
from matching.allocation.pipeline import ceiling, mended
from matching.allocation.problem import SCORE_UNIT, Allocation
from matching.allocation.solver import Clock, solve_linear
from matching.allocation.verification import checked, verify
from matching.allocation.worth import going_ahead, keeps_promises, satisfaction, total, worth

if TYPE_CHECKING:
    from matching.allocation.instance import Instance
    from matching.allocation.problem import Fairness, Integers, Problem
    from matching.allocation.solver import Progress
    from matching.messages import Message

MOST_EDGES = 20_000
"""Pairs above which the problem is not solved a second time: the price is then what the bound leaves open."""


def allocate_near(
    problem: Problem,
    earlier: Integers,
    keep: float,
    *,
    fairness: Fairness = "first-seat",
    seed: int = 0,
    time_limit: float = 60.0,
    progress: Progress | None = None,
) -> tuple[Allocation, float]:
    """An allocation near `earlier` (amounts by edge, shape (edges,)), and what staying near costs at most.

    Objective and bound of the result are those of the problem itself, without what staying counts.
    """
    t = canonical(problem, seed)
    before = earlier[t.order]
    start = mended(t, before)
    candidates = [start] if _broken(problem, earlier, fairness, seed) else [before, start]
    own = np.zeros_like(problem.edge_score) if problem.edge_favour is None else problem.edge_favour
    favour = own + np.where(earlier > 0, round(keep * SCORE_UNIT), 0)
    near = allocate(
        replace(problem, edge_favour=favour),
        fairness=fairness,
        seed=seed,
        time_limit=time_limit / 2,
        progress=_part(progress, 0.0),
        starts=[t.back(start)] if keeps_promises(t, objective_of(fairness), start) else (),
    )
    free = None
    if problem.edge_count <= MOST_EDGES:
        free = allocate(
            problem,
            fairness=fairness,
            seed=seed,
            time_limit=time_limit / 2,
            progress=_part(progress, 0.5),
        )
    found = [near.amount[t.order], *([free.amount[t.order]] if free else [])]
    if fairness in ("bottleneck", "leximin"):
        levels = 1 if fairness == "bottleneck" else LEVELS
        candidates = [one for one in candidates if _as_fair(t, one, found[0], levels, keep)]
        found = found[:1]
    amount = _steadiest(t, fairness, before, keep, [*candidates, *found])
    result = allocation_of(problem, t.back(amount), fairness, seed)
    value = result.objective
    bound = free.bound if free else _relaxed(t, fairness, time_limit / 2)
    result = replace(
        result,
        bound=max(bound, value),
        stage="kept" if (amount == before).all() else near.stage,
        elapsed=near.elapsed + (free.elapsed if free else 0.0),
        time_limit_hit=near.time_limit_hit or (free is not None and free.time_limit_hit),
        prices=free.prices if free else near.prices,
    )
    return checked(problem, result), max(0.0, (free.objective if free else bound) - value)


def _broken(problem: Problem, amount: Integers, fairness: Fairness, seed: int) -> bool:
    """Whether the amounts, as they are, break a rule of the problem."""
    return bool(verify(problem, allocation_of(problem, amount, fairness, seed)))


def allocation_of(problem: Problem, amount: Integers, fairness: Fairness, seed: int = 0) -> Allocation:
    """Amounts by edge as an allocation, with what they are worth and no claim about the best there is."""
    t = canonical(problem, seed)
    ordered = amount[t.order]
    return Allocation(
        amount=amount,
        used=t.back(t.use(ordered)),
        projects=frozenset(p for p, goes in zip(t.projects, going_ahead(t, ordered), strict=True) if goes),
        objective=worth(t, objective_of(fairness), ordered),
        total=total(t, ordered),
        bound=np.inf,
        stage="given",
        fairness=fairness,
        seed=seed,
        elapsed=0.0,
        time_limit_hit=False,
    )


def kept_share(t: Instance, before: Integers, amount: Integers) -> float:
    """How much of an earlier allocation stands: Σ weight · share of the line that is given again."""
    again = np.minimum(before, amount)
    return float((t.weight[t.demand] * again / t.amount[t.demand]).sum())


def _as_fair(t: Instance, amount: Integers, other: Integers, levels: int, keep: float) -> bool:
    """Whether the worst-off organization is no worse off than with the other amounts, and the next ones by
    `keep` at most."""
    able = able_organizations(t)
    ours, theirs = (np.sort(satisfaction(t, one)[able])[:levels] for one in (amount, other))
    allowed = np.full(len(theirs), keep)
    allowed[:1] = 2 * SLACK
    return bool((ours >= theirs - allowed).all())


def _steadiest(
    t: Instance, fairness: Fairness, before: Integers, keep: float, candidates: list[Integers]
) -> Integers:
    """The candidate worth most with what it keeps; of equals the first."""
    objective = objective_of(fairness)
    best, most = candidates[-1], -np.inf
    for amount in candidates:
        value = worth(t, objective, amount) + keep * kept_share(t, before, amount)
        if value > most + 1e-9 and keeps_promises(t, objective, amount):
            best, most = amount, value
    return best


def _relaxed(t: Instance, fairness: Fairness, time_limit: float) -> float:
    """What no allocation can exceed, from the linear relaxation."""
    objective = objective_of(fairness)
    return min(ceiling(t, objective), solve_linear(build(t, objective), Clock(time_limit, None)).bound)


def _part(progress: Progress | None, begins: float) -> Progress | None:
    """Progress of one of two halves."""
    if progress is None:
        return None

    def tell(stage: str, fraction: float, message: Message) -> object:
        return progress(stage, begins + fraction / 2, message)

    return tell
