"""The certificate: how good an allocation is, what limits it, and what exactly it was computed from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.fairness import candidates
from matching.allocation.instance import Floats, canonical
from matching.allocation.model import Objective
from matching.allocation.pipeline import solve
from matching.allocation.solver import Clock
from matching.allocation.worth import going_ahead, satisfaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.allocation.problem import Allocation, Fairness, Lock, Problem

MOST_LOCKS = 10
MOST_EDGES = 20_000


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """What can be said about an allocation without knowing how it was found.

    `objective`, `total`, `bound`, `prices`, `lock_prices` are in scores (1 is one line fully served with
    score 1). `prices` has the limits that bind, with what one more unit would add to the linear relaxation;
    `lock_prices` what each lock costs: objective without it less objective with it, None where that was
    not computed. `worst_off` is the least satisfaction of an organization that could get anything at all,
    `gini` the inequality of those satisfactions (0: all equal). `blocking_pairs` is filled in by whoever
    knows both sides' rankings.
    """

    objective: float
    total: float
    bound: float
    gap: float
    stage: str
    fairness: Fairness
    seed: int
    time_limit_hit: bool
    projects: int
    projects_ahead: int
    coverage: float
    """Share of the projects that go ahead."""
    amount_coverage: float
    """Mean over the demand lines of the share that is served."""
    organizations_served: int
    organizations: int
    worst_off: float
    gini: float
    prices: Mapping[tuple[str, str], float]
    lock_prices: Mapping[tuple[str, str | None], float | None]
    fingerprint: str
    blocking_pairs: int | None = None
    kept_pairs: int | None = None
    """How many pairs are those of the earlier result; None where there was none to keep."""
    keep_price: float | None = None
    """What staying near the earlier result costs at most: best objective less this one."""


def certificate(
    problem: Problem, allocation: Allocation, *, time_limit: float = 10.0, lock_prices: bool = True
) -> Certificate:
    """The certificate of an allocation. `time_limit`: seconds for the prices of locks."""
    t = canonical(problem, allocation.seed)
    amount = allocation.amount[t.order]
    able = candidates(t)
    happy = satisfaction(t, amount)[able]
    ahead = int(going_ahead(t, amount).sum())
    return Certificate(
        objective=allocation.objective,
        total=allocation.total,
        bound=allocation.bound,
        gap=allocation.gap,
        stage=allocation.stage,
        fairness=allocation.fairness,
        seed=allocation.seed,
        time_limit_hit=allocation.time_limit_hit,
        projects=len(t.projects),
        projects_ahead=ahead,
        coverage=ahead / len(t.projects) if t.projects else 0.0,
        amount_coverage=float(t.share(amount).mean()) if len(t.amount) else 0.0,
        organizations_served=int((happy > 0).sum()),
        organizations=len(t.organizations),
        worst_off=float(happy.min(initial=np.inf)) if len(happy) else 0.0,
        gini=gini(happy),
        prices=dict(sorted(allocation.prices.items(), key=lambda item: (-item[1], item[0]))),
        lock_prices=_lock_prices(problem, allocation, time_limit) if lock_prices else {},
        fingerprint=fingerprint(problem, allocation.seed, allocation.fairness),
    )


def gini(values: Floats) -> float:
    """Σ_ab |v_a − v_b| / (2 n Σ v): 0 where all are equal, near 1 where one has everything."""
    ordered = np.sort(values)
    n, whole = len(ordered), float(ordered.sum())
    if whole <= 0:
        return 0.0
    return float(((2 * np.arange(1, n + 1) - n - 1) * ordered).sum() / (n * whole))


def fingerprint(problem: Problem, seed: int, fairness: Fairness = "first-seat") -> str:
    """SHA-256 of everything that the allocation depends on, whatever order it was given in."""
    ids = [d.id for d in problem.demands], [s.id for s in problem.supplies]
    edges = sorted(
        (ids[0][i], ids[1][j], score, up, down)
        for i, j, score, up, down in zip(
            problem.edge_demand.tolist(),
            problem.edge_supply.tolist(),
            problem.edge_score.tolist(),
            problem.edge_numerator.tolist(),
            problem.edge_denominator.tolist(),
            strict=True,
        )
    )
    favour = np.zeros_like(problem.edge_score) if problem.edge_favour is None else problem.edge_favour
    favoured = sorted(
        (ids[0][int(problem.edge_demand[e])], ids[1][int(problem.edge_supply[e])], int(favour[e]))
        for e in favour.nonzero()[0]
    )
    digest = hashlib.sha256()
    digest.update(fairness.encode())
    for part in (
        sorted(
            (
                d.id,
                d.project,
                d.organization,
                d.amount,
                d.minimum,
                d.critical,
                repr(d.weight),
                d.step,
                d.money,
            )
            for d in problem.demands
        ),
        sorted(
            (
                s.id,
                s.offer,
                s.organization,
                s.amount,
                s.cheque_min,
                -1 if s.cheque_max is None else s.cheque_max,
            )
            for s in problem.supplies
        ),
        edges,
        *([favoured] if favoured else []),
        *(
            sorted(rule.items())
            for rule in (problem.most_projects, problem.projects_cap, problem.already, problem.project_cap)
        ),
        sorted((q.name, sorted(q.projects), q.at_least) for q in problem.quotas),
        sorted((b.name, sorted(b.supplies), b.limit) for b in problem.shared_budgets),
        sorted((k.project, k.offer or "", k.at_least) for k in problem.locks),
        repr(float(problem.coverage_bonus)),
        seed,
    ):
        digest.update(json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode())
        digest.update(b"\n")
    return digest.hexdigest()


def _lock_prices(
    problem: Problem, allocation: Allocation, time_limit: float
) -> dict[tuple[str, str | None], float | None]:
    clock = Clock(time_limit, None)
    objective = Objective()
    prices: dict[tuple[str, str | None], float | None] = {}
    if problem.locks and problem.edge_count <= MOST_EDGES:
        with_all = solve(canonical(problem, allocation.seed), objective, clock, 0.002).value
    for n, lock in enumerate(sorted(problem.locks, key=_lock_order)):
        prices[lock.project, lock.offer] = None
        if n < MOST_LOCKS and problem.edge_count <= MOST_EDGES and clock.left() > 0:
            others = tuple(other for other in problem.locks if other != lock)
            t = canonical(replace(problem, locks=others), allocation.seed)
            free = solve(t, objective, clock, 0.002).value
            prices[lock.project, lock.offer] = max(0.0, free - with_all)
    return prices


def _lock_order(lock: Lock) -> tuple[str, str, int]:
    return lock.project, lock.offer or "", lock.at_least
