"""HiGHS, through scipy: one call for the linear program, one for the mixed-integer program."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.model import OBJECTIVE_SCALE, Model
from matching.errors import MatchingError
from matching.messages import Message

if TYPE_CHECKING:
    from matching.allocation.instance import Floats

Progress = Callable[[str, float, Message], object]


class Cancelled(MatchingError):
    """The progress callback asked to stop, by returning False."""

    def __init__(self) -> None:
        super().__init__(Message("cancelled", "The allocation was cancelled."))


class Clock:
    """Time left, and who is told how far the work has come."""

    def __init__(self, limit: float, progress: Progress | None) -> None:
        self.start = time.perf_counter()
        self.limit = limit
        self.hit = False
        self._progress = progress

    @property
    def elapsed(self) -> float:
        """Wall-clock seconds since the start."""
        return time.perf_counter() - self.start

    def left(self) -> float:
        """Seconds left; notes that the limit was hit when there are none."""
        left = self.limit - self.elapsed
        self.hit |= left <= 0
        return max(0.0, left)

    def part(self, share: float) -> Clock:
        """A clock that runs out when this share of the time left has passed."""
        return Clock(self.left() * share, self._progress)

    def tell(self, stage: str, fraction: float, message: Message) -> None:
        """Report progress; raises Cancelled if the answer is False."""
        if self._progress is not None and self._progress(stage, fraction, message) is False:
            raise Cancelled


@dataclass(frozen=True)
class Solved:
    """`x` is None where no solution was found; `bound` and `objective` are in scores."""

    x: Floats | None
    objective: float
    bound: float
    infeasible: bool = False
    optimal: bool = False
    duals: Floats | None = None


def solve_linear(
    model: Model, clock: Clock, lower: Floats | None = None, upper: Floats | None = None
) -> Solved:
    """The linear relaxation, with what one more unit of each row's limit is worth (`duals` ≥ 0)."""
    from scipy.optimize import linprog

    if not len(model.cost):
        return _nothing(model)
    left = clock.left()
    if left <= 0:
        return Solved(None, 0.0, np.inf)
    lower = model.lower if lower is None else lower
    upper = model.upper if upper is None else upper
    if (lower > upper + 1e-9).any():
        return Solved(None, 0.0, -np.inf, infeasible=True)
    result = linprog(
        -model.cost,
        A_ub=model.matrix,
        b_ub=model.right,
        bounds=np.column_stack([lower, upper]),
        method="highs",
        options={"time_limit": left},
    )
    if result.status == 0:
        value = -result.fun / OBJECTIVE_SCALE
        return Solved(result.x, value, value, optimal=True, duals=-result.ineqlin.marginals / OBJECTIVE_SCALE)
    clock.left()
    clock.hit |= result.status == 1
    return Solved(None, 0.0, np.inf, infeasible=result.status == 2)


def solve_integer(
    model: Model,
    clock: Clock,
    *,
    gap: float,
    nodes: int,
    seconds: float = np.inf,
    lower: Floats | None = None,
    upper: Floats | None = None,
) -> Solved:
    """The mixed-integer program, within a number of nodes; the clock only as the last resort."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    if not len(model.cost):
        return _nothing(model)
    left = clock.left()
    if left <= 0:
        return Solved(None, 0.0, np.inf)
    result = milp(
        -model.cost,
        integrality=model.integral.astype(int),
        bounds=Bounds(model.lower if lower is None else lower, model.upper if upper is None else upper),
        constraints=LinearConstraint(model.matrix, ub=model.right) if model.matrix.shape[0] else None,
        options={"time_limit": min(left, seconds), "node_limit": nodes, "mip_rel_gap": gap},
    )
    clock.left()
    bound = np.inf if result.mip_dual_bound is None else -result.mip_dual_bound / OBJECTIVE_SCALE
    if result.x is None:
        return Solved(None, 0.0, bound, infeasible=result.status == 2)
    return Solved(result.x, -result.fun / OBJECTIVE_SCALE, bound, optimal=result.status == 0)


def _nothing(model: Model) -> Solved:
    """The answer of a model without columns."""
    impossible = bool((model.right < -1e-9).any())
    x = None if impossible else np.zeros(0)
    return Solved(
        x, 0.0, 0.0, infeasible=impossible, optimal=not impossible, duals=np.zeros(len(model.right))
    )
