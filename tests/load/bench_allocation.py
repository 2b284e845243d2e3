"""Figures of the allocation beside their baselines, in one run: `python -m tests.load.bench_allocation`."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation import Allocation, Demand, Problem, Supply, allocate
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Callable


def cofunding(projects: int, sponsors: int, seed: int, *, skewed: bool, candidates: int = 12) -> Problem:
    """Thresholds of 40–90 %, cheque limits, most projects, two wins per organization, and budgets for half
    of what is asked; `skewed`: budgets follow a power law."""
    rng = np.random.default_rng(seed)
    owners = rng.integers(0, max(1, int(projects * 0.7)), projects)
    asked = (np.exp(rng.normal(10.8, 0.8, projects)) // 100).astype(np.int64) * 10_000
    weight = rng.pareto(1.2, sponsors) + 0.2 if skewed else rng.uniform(0.5, 1.5, sponsors)
    budget = (weight / weight.sum() * asked.sum() * 0.5).astype(np.int64) // 10_000 * 10_000
    likeness = rng.normal(size=(projects, 8)) @ rng.normal(size=(8, sponsors)) / 8
    demands = [
        Demand(f"d{i}", f"p{i}", f"o{owners[i]}", int(asked[i]), int(asked[i] * rng.uniform(0.4, 0.9)))
        for i in range(projects)
    ]
    supplies, most = [], {}
    for j in range(sponsors):
        low = int(budget[j] * rng.uniform(0.01, 0.05)) if rng.random() < 0.6 else 0
        high = int(budget[j] * rng.uniform(0.2, 0.6)) if rng.random() < 0.5 else None
        supplies.append(Supply(f"s{j}", f"k{j}", f"x{j}", int(budget[j]), low, high))
        if rng.random() < 0.5:
            most[f"k{j}"] = int(rng.integers(2, max(3, 2 * projects // sponsors + 3)))
    near = np.argsort(-(likeness + 0.3 * rng.normal(size=likeness.shape)), axis=1)[:, :candidates]
    edges = [
        (i, int(j), int(np.clip(5_000 + 5_000 * likeness[i, j] + rng.normal() * 600, 500, 9_900)))
        for i in range(projects)
        for j in near[i]
    ]
    return Problem.of(demands, supplies, edges, most_projects=most, projects_cap={f"o{o}": 2 for o in owners})


def one_to_one(needs: int, offers: int, candidates: int, seed: int, capacity: int = 1) -> Problem:
    """Every need asks for one engagement; every offer can take on `capacity`."""
    rng = np.random.default_rng(seed)
    demands = tuple(Demand(f"d{i}", f"p{i}", f"o{i}", 100, 100, step=100) for i in range(needs))
    supplies = tuple(Supply(f"s{j}", f"k{j}", f"x{j}", 100 * capacity) for j in range(offers))
    partners = _sparse(rng, needs, offers, candidates)
    demand = np.repeat(np.arange(needs, dtype=np.int64), candidates)
    ones = np.ones(len(demand), dtype=np.int64)
    return Problem(
        demands,
        supplies,
        demand,
        partners.ravel().astype(np.int64),
        rng.integers(1_000, 10_000, len(demand)),
        ones,
        ones,
    )


def _sparse(rng: np.random.Generator, needs: int, offers: int, candidates: int) -> np.ndarray:
    """Different offers for each need: a random start and random strides."""
    start = rng.integers(0, offers, (needs, 1))
    steps = rng.integers(1, offers // candidates, (needs, candidates)).cumsum(axis=1)
    return (start + steps) % offers


def timed(work: Callable[[], Allocation]) -> tuple[Allocation, float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def networkx_flow(problem: Problem, capacity: int) -> tuple[float, float]:
    """Total score and CPU seconds of networkx's min-cost flow (network simplex) on the same pairs."""
    import networkx as nx

    start = time.process_time()
    graph = nx.DiGraph()
    needs = len(problem.demands)
    graph.add_node("source", demand=-needs)
    graph.add_node("sink", demand=needs)
    for i in range(needs):
        graph.add_edge("source", ("d", i), capacity=1, weight=0)
        graph.add_edge(("d", i), "sink", capacity=1, weight=0)
    for i, j, score in zip(
        problem.edge_demand.tolist(), problem.edge_supply.tolist(), problem.edge_score.tolist(), strict=True
    ):
        graph.add_edge(("d", i), ("s", j), capacity=1, weight=-score)
    for j in range(len(problem.supplies)):
        graph.add_edge(("s", j), "sink", capacity=capacity, weight=0)
    cost, _ = nx.network_simplex(graph)
    return -cost / 10_000, time.process_time() - start


def against_networkx(needs: int = 10_000, candidates: int = 10, capacity: int = 1) -> Figure:
    """One-to-one (or capacities) at 10,000 needs."""
    problem = one_to_one(needs, needs // capacity, candidates, 7, capacity)
    result, ours = timed(lambda: allocate(problem, fairness="none"))
    total, theirs = networkx_flow(problem, capacity)
    same = abs(total - result.total) < 1e-6
    return Figure(
        f"{needs:,} needs × {candidates}, capacity {capacity}",
        f"{ours:.2f} s, total {result.total:.2f}",
        f"networkx {theirs:.1f} s, total {total:.2f}",
        f"≥ 20× ({theirs / ours:.0f}×), same total",
        same and theirs >= 20 * ours,
    )


def cofunding_gap(
    projects: int, sponsors: int, *, skewed: bool, most_gap: float, seconds: float, seeds: int = 3
) -> Figure:
    """Gap to the linear bound and CPU seconds, the worst of three instances."""
    runs = []
    for seed in range(1, seeds + 1):
        problem = cofunding(projects, sponsors, seed, skewed=skewed)
        runs.append(timed(lambda problem=problem: allocate(problem, fairness="none")))
    gap, cpu = max(r.gap for r, _ in runs), max(s for _, s in runs)
    return Figure(
        f"co-funding {projects:,}/{sponsors}{' skewed' if skewed else ''}",
        f"gap {gap:.2%} in {cpu:.2f} s",
        "bound of the linear program",
        f"≤ {most_gap:.1%} in < {seconds:g} s",
        gap <= most_gap and cpu < seconds,
    )


def shuffled_pairs(times: int = 5) -> Figure:
    """Pairs that change when demands, supplies and edges come in another order."""
    problem = cofunding(300, 12, 1, skewed=False)
    first = _pairs(problem, allocate(problem))
    changed = 0
    for seed in range(times):
        rng = np.random.default_rng(seed)
        d, s, e = (
            rng.permutation(n) for n in (len(problem.demands), len(problem.supplies), problem.edge_count)
        )
        other = replace(
            problem,
            demands=tuple(problem.demands[n] for n in d),
            supplies=tuple(problem.supplies[n] for n in s),
            edge_demand=np.argsort(d)[problem.edge_demand[e]],
            edge_supply=np.argsort(s)[problem.edge_supply[e]],
            edge_score=problem.edge_score[e],
            edge_numerator=problem.edge_numerator[e],
            edge_denominator=problem.edge_denominator[e],
        )
        changed += len(first ^ _pairs(other, allocate(other)))
    return Figure(f"{times} shuffles, {len(first)} pairs", f"{changed} changed", "—", "0", changed == 0)


def _pairs(problem: Problem, result: Allocation) -> set[tuple[str, str, int]]:
    return {
        (
            problem.demands[int(problem.edge_demand[e])].id,
            problem.supplies[int(problem.edge_supply[e])].id,
            int(result.amount[e]),
        )
        for e in np.nonzero(result.amount)[0]
    }


def figures() -> list[Figure]:
    """All figures, the slow baselines included (a few minutes)."""
    return [
        cofunding_gap(300, 12, skewed=False, most_gap=0.01, seconds=1.0),
        cofunding_gap(1_000, 600, skewed=True, most_gap=0.025, seconds=3.0),
        shuffled_pairs(),
        against_networkx(),
        against_networkx(capacity=10),
    ]


if __name__ == "__main__":
    show(figures())
