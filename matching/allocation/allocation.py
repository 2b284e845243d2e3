"""`allocate`: the one way from a problem to an allocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.fairness import best, bottleneck, leximin
from matching.allocation.infeasibility import rescue
from matching.allocation.instance import Instance, canonical
from matching.allocation.model import Objective
from matching.allocation.problem import Allocation, Fairness, Integers, Problem
from matching.allocation.solver import Clock, Progress
from matching.allocation.verification import checked
from matching.allocation.worth import going_ahead, total, worth
from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.allocation.pipeline import Found

FIRST_SEAT = 1.0
"""γ: an organization's first full line counts as much again as a line served with score 1."""
CLOSE, CLOSE_WHERE_LARGE = 0.005, 0.01
"""Gaps that are close enough."""
LARGE = 10_000
"""Canonical edges above which a problem counts as large."""


def allocate(
    problem: Problem,
    *,
    fairness: Fairness = "first-seat",
    seed: int = 0,
    time_limit: float = 60.0,
    gap: float | None = None,
    progress: Progress | None = None,
    starts: Sequence[Integers] = (),
) -> Allocation:
    """Share out everything as well as possible, keeping every rule.

    What is maximised, with u_o = Σ weight·score·share over the lines of organization o:

    - `none`: Σ_o u_o + β·(projects going ahead).
    - `first-seat`: the same + γ·Σ_o min(1, Σ shares of o's lines).
    - `bottleneck`: first the smallest u_o, then as for `none` without falling below it.
    - `leximin`: the smallest u_o, then the next, up to five levels, then as for `none`.

    The last two leave out organizations that could get nothing even alone; where not all others can get
    something, as many as possible do, and the smallest is taken among those.

    Small problems are solved to the optimum or to a fixed number of nodes, so that neither clock nor machine
    matters; `time_limit` (seconds) ends the work early with the best allocation so far, which is empty at
    worst. `gap`: how close to the bound is close enough for larger ones (default .005, above 10,000 edges
    .01). `progress(stage, fraction, message)` may return False to cancel (raises Cancelled).
    `starts`: amounts by edge that keep every limit; the result is worth no less than any of them.
    Raises Infeasible if locks and quotas cannot all hold, and TimeUp if that was not settled in time.
    """
    clock = Clock(time_limit, progress)
    t = canonical(problem, seed)
    if gap is None:
        gap = CLOSE if len(t.demand) <= LARGE else CLOSE_WHERE_LARGE
    objective = objective_of(fairness)
    earlier = [start[t.order] for start in starts]
    if fairness == "bottleneck":
        found, objective = bottleneck(t, clock, gap, earlier)
    elif fairness == "leximin":
        found, objective = leximin(t, clock, gap, earlier)
    else:
        found = best(t, objective, clock, gap, earlier)
    if found.amount is None:
        found = rescue(t, objective, clock, found)
    clock.tell("verify", 0.95, Message("stage-verify", "Checking every rule again."))
    result = _result(t, objective, found, fairness, clock)
    checked(problem, result)
    clock.tell("done", 1.0, Message("stage-done", "Done."))
    return result


def objective_of(fairness: Fairness) -> Objective:
    """What is maximised, without the levels of `bottleneck` and `leximin`."""
    return Objective(first_seat=FIRST_SEAT if fairness == "first-seat" else 0.0)


def _result(t: Instance, objective: Objective, found: Found, fairness: Fairness, clock: Clock) -> Allocation:
    amount: Integers = found.amount if found.amount is not None else np.zeros(len(t.demand), dtype=np.int64)
    ahead = going_ahead(t, amount)
    value = worth(t, objective, amount)
    bound = value if found.proven() else max(found.bound, value)
    return Allocation(
        amount=t.back(amount),
        used=t.back(t.use(amount)),
        projects=frozenset(p for p, goes in zip(t.projects, ahead, strict=True) if goes),
        objective=value,
        total=total(t, amount),
        bound=bound,
        stage=found.stage,
        fairness=fairness,
        seed=t.seed,
        elapsed=clock.elapsed,
        time_limit_hit=clock.hit,
        prices=found.prices,
    )
