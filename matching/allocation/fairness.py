"""Fairness between organizations: the worst-off first, or only its first step.

The satisfaction of an organization is u_o = Σ weight · score · share over its lines. Organizations that
could get nothing even if they were alone are left out of every comparison.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.assignment import assign, places
from matching.allocation.model import Objective
from matching.allocation.pipeline import Found, solve
from matching.allocation.worth import satisfaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.allocation.instance import Floats, Instance, Mask
    from matching.allocation.problem import Integers
    from matching.allocation.solver import Clock

LEVELS = 5
MANY_SEATS = 10.0
"""γ at which serving one more organization outweighs any score."""
EFFORT = 0.1
"""Share of the usual work that goes into raising one level."""
SLACK = 1e-6


def best(
    t: Instance, objective: Objective, clock: Clock, gap: float, starts: Sequence[Integers] = ()
) -> Found:
    """The greatest total for an objective without levels: by assignment where that is all it is."""
    room = places(t)
    if room is not None:
        amount = assign(t, room, objective.first_seat)
        if amount is not None:
            found = Found()
            found.offer(t, objective, amount, "assignment")
            found.bound = found.value
            return found
    return solve(t, objective, clock, gap, starts)


def candidates(t: Instance) -> Mask:
    """By organization: whether one of its projects could go ahead if it were alone."""
    able = np.zeros(len(t.organizations), dtype=bool)
    able[t.organization_of[t.open_project]] = True
    return able


def bottleneck(
    t: Instance, clock: Clock, gap: float, earlier: Sequence[Integers] = ()
) -> tuple[Found, Objective]:
    """Raise the worst-off as far as possible, then the total."""
    return leximin(t, clock, gap, earlier, levels=1)


def leximin(
    t: Instance, clock: Clock, gap: float, earlier: Sequence[Integers] = (), levels: int = LEVELS
) -> tuple[Found, Objective]:
    """Raise the worst-off, hold it there, raise the next, up to `levels` times; then the total.

    Where not all can get something, those served when as many as possible are served count as the ones
    to be raised. The result is never worse for the worst-off than with a first seat or without fairness.
    """
    able = candidates(t)
    starts: list[Integers] = list(earlier)
    for first_seat in (0.0, MANY_SEATS):
        found = best(t, Objective(first_seat=first_seat), clock, gap)
        if found.amount is None:
            return found, Objective()
        starts.append(found.amount)
    raised = able.copy()
    raising = clock.part(0.6)
    floors = np.full(len(able), -1.0)
    for level in range(levels):
        step = _raise(t, raised, floors, raising, gap, starts)
        worst = _lowest(t, step, raised)
        if worst <= SLACK and level == 0:
            raised &= satisfaction(t, starts[-1]) > SLACK
            step = _raise(t, raised, floors, raising, gap, starts)
            worst = _lowest(t, step, raised)
        starts.append(step)
        floors[raised] = max(worst - SLACK, 0.0)
        raised &= satisfaction(t, step) > worst + SLACK
        if not raised.any() or raising.left() <= 0:
            break
    clock.hit |= raising.hit
    objective = Objective(floors=floors)
    found = solve(t, objective, clock, gap, starts)
    return found, objective


def _raise(
    t: Instance, raised: Mask, floors: Floats, clock: Clock, gap: float, starts: list[Integers]
) -> Integers:
    share = 0.01 / max(1.0, float(t.weight.sum()) + t.problem.coverage_bonus * len(t.projects))
    objective = Objective(floors=np.where(raised, -1.0, floors), raise_worst=raised, score_share=share)
    found = solve(t, objective, clock, gap, starts, EFFORT)
    return starts[-1] if found.amount is None else found.amount


def _lowest(t: Instance, amount: Integers, raised: Mask) -> float:
    return float(satisfaction(t, amount)[raised].min(initial=np.inf)) if raised.any() else 0.0
