"""What is to be shared out: resource lines that are sought and given, the pairs allowed, the rules.

Nothing here knows of texts or profiles: only ids, integers and scores. Amounts are whole hundredths of a
unit, scores whole ten-thousandths. A pair that a filter, a ban or a conflict of interest has removed is
simply absent from the edges.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

Integers = NDArray[np.int64]
SCORE_UNIT = 10_000
"""Scores are held in ten-thousandths: 7310 is .731."""

Fairness = Literal["none", "first-seat", "bottleneck", "leximin"]

_NOTHING: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Demand:
    """One resource line of a project that seeks support.

    Either nothing is given, or at least `minimum`, at most `amount`, and every gift is a multiple of `step`
    (100 for people or pieces, `amount` itself for an engagement that cannot be divided). A project goes
    ahead only if each of its critical lines reaches its minimum. `weight` multiplies the line's scores in
    the total; `money` says that the line counts against the project's cap.
    """

    id: str
    project: str
    organization: str
    amount: int
    minimum: int = 0
    critical: bool = True
    weight: float = 1.0
    step: int = 1
    money: bool = True


@dataclass(frozen=True, slots=True)
class Supply:
    """One resource line of an offer. The cheque limits bound what one project may take from this line."""

    id: str
    offer: str
    organization: str
    amount: int
    cheque_min: int = 0
    cheque_max: int | None = None


class Edge(NamedTuple):
    """An allowed pair: positions in `demands` and `supplies`, score, and rate.

    `rate` is (numerator, denominator): units of the supply used up by one unit given to the demand. What a
    gift uses is rounded up to a whole hundredth.
    """

    demand: int
    supply: int
    score: int
    rate: tuple[int, int] = (1, 1)


class Lock(NamedTuple):
    """The project must go ahead; with an `offer`, that offer must give it `at_least` that much."""

    project: str
    offer: str | None = None
    at_least: int = 1


class Quota(NamedTuple):
    """At least `at_least` of these projects must go ahead."""

    name: str
    projects: frozenset[str]
    at_least: int


class SharedBudget(NamedTuple):
    """What these supplies give together stays within `limit`: a yearly fund behind several offers."""

    name: str
    supplies: frozenset[str]
    limit: int


@dataclass(frozen=True, eq=False)
class Problem:
    """Demands, supplies, edges (five parallel arrays of shape (edges,)) and rules.

    Raises ValueError for ids used twice, positions out of range, a pair given twice, negative amounts,
    minima above amounts that contradict themselves, or rules about things that do not exist.
    """

    demands: tuple[Demand, ...]
    supplies: tuple[Supply, ...]
    edge_demand: Integers
    edge_supply: Integers
    edge_score: Integers
    edge_numerator: Integers
    edge_denominator: Integers
    most_projects: Mapping[str, int] = field(default_factory=dict)
    """By offer: how many different projects it serves at most."""
    projects_cap: Mapping[str, int] = field(default_factory=dict)
    """By organization: how many of its projects go ahead at most, `already` included."""
    already: Mapping[str, int] = field(default_factory=dict)
    """By organization: projects it has won before this round."""
    project_cap: Mapping[str, int] = field(default_factory=dict)
    """By project: the most its money lines get together."""
    quotas: tuple[Quota, ...] = ()
    shared_budgets: tuple[SharedBudget, ...] = ()
    locks: tuple[Lock, ...] = ()
    coverage_bonus: float = 0.0
    """β: what one more project going ahead is worth, beside scores of at most 1 for each line."""
    edge_favour: Integers | None = None
    """By edge, in ten-thousandths: what serving the line over it is worth beside its score, such as staying
    with an earlier partner. It counts in the objective, and neither in the total nor in satisfactions."""

    @classmethod
    def of(
        cls,
        demands: Iterable[Demand],
        supplies: Iterable[Supply],
        edges: Iterable[Edge | tuple[int, int, int] | tuple[int, int, int, tuple[int, int]]],
        *,
        most_projects: Mapping[str, int] = _NOTHING,
        projects_cap: Mapping[str, int] = _NOTHING,
        already: Mapping[str, int] = _NOTHING,
        project_cap: Mapping[str, int] = _NOTHING,
        quotas: Iterable[Quota | tuple[str, frozenset[str], int]] = (),
        shared_budgets: Iterable[SharedBudget | tuple[str, frozenset[str], int]] = (),
        locks: Iterable[Lock | tuple[str, str | None]] = (),
        coverage_bonus: float = 0.0,
        edge_favour: Integers | None = None,
    ) -> Self:
        """A problem from objects or plain tuples; give the arrays themselves where there are many edges."""
        full = [Edge(*edge) for edge in edges]
        flat = np.array(
            [(e.demand, e.supply, e.score, e.rate[0], e.rate[1]) for e in full], dtype=np.int64
        ).reshape(len(full), 5)
        columns = np.ascontiguousarray(flat.T)
        return cls(
            tuple(demands),
            tuple(supplies),
            columns[0],
            columns[1],
            columns[2],
            columns[3],
            columns[4],
            most_projects=most_projects,
            projects_cap=projects_cap,
            already=already,
            project_cap=project_cap,
            quotas=tuple(Quota(*quota) for quota in quotas),
            shared_budgets=tuple(SharedBudget(*budget) for budget in shared_budgets),
            locks=tuple(Lock(*lock) for lock in locks),
            coverage_bonus=coverage_bonus,
            edge_favour=edge_favour,
        )

    def __post_init__(self) -> None:
        for wrong in _mistakes(self):
            raise ValueError(wrong)

    @property
    def edge_count(self) -> int:
        """How many pairs are allowed."""
        return len(self.edge_demand)


@dataclass(frozen=True, eq=False)
class Allocation:
    """Who gets how much from whom, and how good that provably is.

    `amount[e]` is what edge e of the problem carries, in hundredths of the demand's unit; `used[e]` what it
    takes from the supply. `objective` is what was maximised and `bound` what no allocation can exceed, both
    in scores (1 is one line fully served with score 1) and both with the bonuses; `total` is without them.
    """

    amount: Integers
    used: Integers
    projects: frozenset[str]
    """Projects that go ahead."""
    objective: float
    total: float
    bound: float
    stage: str
    fairness: Fairness
    seed: int
    elapsed: float
    """Wall-clock seconds; the only field that differs between two runs."""
    time_limit_hit: bool
    prices: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """By (rule, id): what one more unit of that limit would add, from the linear program; only above 0."""

    @property
    def gap(self) -> float:
        """How far the objective may be from the best there is, as a share of the bound."""
        return max(0.0, self.bound - self.objective) / self.bound if self.bound > 0 else 0.0


def _mistakes(problem: Problem) -> Iterable[str]:
    arrays = (
        problem.edge_demand,
        problem.edge_supply,
        problem.edge_score,
        problem.edge_numerator,
        problem.edge_denominator,
    )
    count = len(problem.edge_demand)
    if any(array.shape != (count,) for array in arrays):
        yield "the five edge arrays must have one length"
        return
    demands, supplies = problem.demands, problem.supplies
    if len({d.id for d in demands}) < len(demands) or len({s.id for s in supplies}) < len(supplies):
        yield "an id is used twice"
    owner: dict[str, str] = {}
    for d in demands:
        if not (d.amount > 0 and 0 <= d.minimum <= d.amount and d.step > 0 and d.weight >= 0):
            yield f"demand {d.id}: needs 0 ≤ minimum ≤ amount, amount and step above 0, weight not below 0"
        if owner.setdefault(d.project, d.organization) != d.organization:
            yield f"project {d.project} belongs to two organizations"
    for s in supplies:
        if s.amount < 0 or s.cheque_min < 0 or (s.cheque_max is not None and s.cheque_max < 0):
            yield f"supply {s.id}: negative amount"
    if count:
        if (
            problem.edge_demand.min() < 0
            or problem.edge_supply.min() < 0
            or problem.edge_demand.max() >= len(demands)
            or problem.edge_supply.max() >= len(supplies)
        ):
            yield "an edge points outside the demands or supplies"
        if len(np.unique(problem.edge_demand * len(supplies) + problem.edge_supply)) < count:
            yield "a pair is given twice"
        if problem.edge_numerator.min() < 1 or problem.edge_denominator.min() < 1:
            yield "rates must be above 0"
        if problem.edge_score.min() < 0:
            yield "scores must not be below 0"
        favour = problem.edge_favour
        if favour is not None and (favour.shape != (count,) or favour.min() < 0):
            yield "favours must not be below 0, one for each edge"
    known = {s.id for s in supplies}
    for budget in problem.shared_budgets:
        if not budget.supplies <= known or budget.limit < 0:
            yield f"shared budget {budget.name}: unknown supply or negative limit"
    offers = {s.offer for s in supplies}
    for lock in problem.locks:
        if lock.project not in owner or (lock.offer is not None and lock.offer not in offers):
            yield f"lock of {lock.project} and {lock.offer}: unknown project or offer"
    for quota in problem.quotas:
        if not quota.projects <= owner.keys():
            yield f"quota {quota.name}: unknown project"
