"""`allocate` as a whole: stages, fast path, fairness, locks, time, progress, certificate."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import numpy as np
import pytest

from matching.allocation import (
    BrokenAllocation,
    Cancelled,
    Demand,
    Lock,
    Problem,
    Quota,
    SharedBudget,
    Supply,
    TimeUp,
    allocate,
    certificate,
    fingerprint,
    remedies,
    repaired,
    verify,
)
from matching.allocation.certificate import gini
from matching.allocation.instance import canonical
from matching.allocation.model import Objective, build
from matching.allocation.solver import Clock, solve_linear
from matching.allocation.verification import checked
from matching.errors import Infeasible
from tests.load.bench_allocation import cofunding, one_to_one


def assignment(
    scores: list[list[int]], capacity: int = 1, organization: str = "", **rules: object
) -> Problem:
    demands = [
        Demand(f"d{i}", f"p{i}", organization or f"o{i}", 100, 100, step=100) for i in range(len(scores))
    ]
    supplies = [Supply(f"s{j}", f"k{j}", "x", 100 * capacity) for j in range(len(scores[0]))]
    edges = [(i, j, score) for i, row in enumerate(scores) for j, score in enumerate(row) if score]
    return Problem.of(demands, supplies, edges, **rules)  # type: ignore[arg-type]


@pytest.mark.parametrize("capacity", [1, 3])
def test_fast_path_equals_networkx(capacity: int) -> None:
    problem = one_to_one(60, 60 // capacity, 5, 3, capacity)
    result = allocate(problem, fairness="none")
    graph = nx.Graph()
    for i, j, score in zip(
        *(a.tolist() for a in (problem.edge_demand, problem.edge_supply, problem.edge_score)), strict=True
    ):
        for copy in range(capacity):
            graph.add_edge(("d", i), ("s", j, copy), weight=score)
    best = sum(graph.edges[e]["weight"] for e in nx.max_weight_matching(graph)) / 10_000
    assert result.stage == "assignment"
    assert result.total == pytest.approx(best)
    assert result.gap == 0


@pytest.mark.parametrize(
    "rules",
    [
        {"projects_cap": {"o": 1}},
        {"quotas": [Quota("q", frozenset({"p0"}), 1)]},
        {"locks": [Lock("p0")]},
        {"shared_budgets": [SharedBudget("f", frozenset({"s0", "s1"}), 100)]},
    ],
)
def test_rules_beyond_an_assignment_take_the_general_path(rules: dict[str, object]) -> None:
    problem = assignment([[5000, 4000], [9000, 8000]], organization="o", **rules)
    result = allocate(problem, fairness="none")
    assert result.stage != "assignment"
    assert verify(problem, result) == []


def test_most_projects_of_a_single_line_offer_is_an_assignment() -> None:
    problem = assignment([[5000], [9000], [7000]], capacity=3, most_projects={"k0": 2})
    result = allocate(problem, fairness="none")
    assert result.stage == "assignment"
    assert result.projects == {"p1", "p2"}


def test_most_projects_over_two_lines_of_an_offer() -> None:
    demands = [Demand(f"d{i}", f"p{i}", f"o{i}", 100, 100, step=100) for i in range(2)]
    problem = Problem.of(
        demands,
        [Supply("s0", "k", "x", 100), Supply("s1", "k", "x", 100)],
        [(0, 0, 5000), (1, 1, 6000)],
        most_projects={"k": 1},
    )
    assert allocate(problem).projects == {"p1"}


def test_first_seat_goes_to_those_who_have_nothing() -> None:
    problem = assignment([[9000], [8900], [100]], capacity=2)
    rich = replace(
        problem,
        demands=(problem.demands[0], replace(problem.demands[1], organization="o0"), problem.demands[2]),
    )
    assert allocate(rich, fairness="none").projects == {"p0", "p1"}
    fair = allocate(rich, fairness="first-seat")
    assert fair.projects == {"p0", "p2"}
    assert fair.objective == pytest.approx(fair.total + 2)


def test_bottleneck_and_leximin_raise_the_worst() -> None:
    problem = assignment([[9000, 5000, 0], [8900, 1000, 0], [0, 9000, 3000]])
    free = allocate(problem, fairness="none")
    assert free.total == pytest.approx(0.9 + 0.9)
    assert certificate(problem, free).worst_off == 0
    for fairness in ("bottleneck", "leximin"):
        fair = allocate(problem, fairness=fairness)  # type: ignore[arg-type]
        assert certificate(problem, fair).worst_off == pytest.approx(0.3)
        assert fair.total == pytest.approx(0.89 + 0.5 + 0.3)


def test_leximin_serves_as_many_as_possible_where_not_all_can_be() -> None:
    problem = Problem.of(
        [Demand("d0", "p0", "a", 100, 100), Demand("d1", "p1", "b", 50, 50), Demand("d2", "p2", "c", 50, 50)],
        [Supply("s", "k", "x", 100)],
        [(0, 0, 9900), (1, 0, 2000), (2, 0, 3000)],
    )
    assert allocate(problem, fairness="none").projects == {"p0"}
    assert allocate(problem, fairness="leximin").projects == {"p1", "p2"}


def test_larger_problems_come_close_to_the_bound() -> None:
    problem = cofunding(300, 12, 1, skewed=False)
    result = allocate(problem, fairness="none")
    assert result.gap <= 0.01
    assert verify(problem, result) == []
    assert all(price > 0 for price in result.prices.values())


def test_neighbourhoods_improve_a_skewed_problem() -> None:
    problem = cofunding(400, 240, 2, skewed=True)
    result = allocate(problem, fairness="first-seat")
    assert result.stage == "improve"
    assert result.gap <= 0.01


def test_a_third_of_three_lines_is_no_whole_seat_in_the_bound() -> None:
    """A project that cannot go ahead with less than all takes no seat in part: the bound is the optimum."""
    demands = [
        Demand(f"d{project}{line}", f"p{project}", f"o{project}", 100_000, 100_000)
        for project in range(3)
        for line in range(3)
    ]
    problem = Problem.of(demands, [Supply("s", "k", "x", 300_000)], [(n, 0, 5_000) for n in range(9)])
    assert first_seat_bound(problem) == pytest.approx(1.5 + 1)
    assert allocate(problem, fairness="first-seat").objective == pytest.approx(1.5 + 1)


def test_projects_that_go_ahead_by_degree_take_seats_by_degree_in_the_bound() -> None:
    """One organization has a project of either kind; the one with a minimum loses to a better one."""
    demands = [
        Demand("d0", "p0", "a", 100, 100),
        Demand("d1", "p1", "a", 100, 0),
        Demand("d2", "p2", "b", 100, 100),
    ]
    supplies = [Supply("s0", "k0", "x", 100), Supply("s1", "k1", "y", 60)]
    problem = Problem.of(demands, supplies, [(0, 0, 1_000), (1, 1, 5_000), (2, 0, 9_000)])
    assert first_seat_bound(problem) == pytest.approx(0.3 + 0.6 + 0.9 + 1)
    assert allocate(problem, fairness="first-seat").objective == pytest.approx(0.3 + 0.6 + 0.9 + 1)


def first_seat_bound(problem: Problem) -> float:
    return solve_linear(build(canonical(problem), Objective(first_seat=1.0)), Clock(60, None)).bound


def test_time_limit_is_kept_and_recorded() -> None:
    problem = cofunding(400, 240, 2, skewed=True)
    for fairness in ("first-seat", "leximin"):
        result = allocate(problem, fairness=fairness, time_limit=0.3)  # type: ignore[arg-type]
        assert result.time_limit_hit
        assert result.elapsed < 3
        assert verify(problem, result) == []
    assert not allocate(assignment([[5000]])).time_limit_hit


def test_progress_is_told_and_can_cancel() -> None:
    problem = cofunding(30, 5, 1, skewed=False, candidates=4)
    seen: list[tuple[str, float]] = []
    allocate(problem, progress=lambda stage, fraction, _: seen.append((stage, fraction)))
    assert seen[0][0] == "linear"
    assert seen[-1] == ("done", 1.0)
    assert [f for _, f in seen] == sorted(f for _, f in seen)
    with pytest.raises(Cancelled):
        allocate(problem, progress=lambda *_: False)


def test_seed_decides_between_equals() -> None:
    problem = assignment([[5000]] * 8)
    winners = {next(iter(allocate(problem, seed=seed).projects)) for seed in range(12)}
    assert len(winners) > 1
    assert fingerprint(problem, 0) != fingerprint(problem, 1)


def test_locks_hold_and_have_a_price() -> None:
    problem = assignment([[5000], [9000]], locks=[Lock("p0", "k0", 100)])
    result = allocate(problem, fairness="none")
    assert result.projects == {"p0"}
    found = certificate(problem, result)
    assert found.lock_prices[("p0", "k0")] == pytest.approx(0.4, abs=1e-4)
    assert found.coverage == found.amount_coverage == 0.5
    assert found.gini == pytest.approx(0.5)
    assert (found.organizations, found.organizations_served, found.worst_off) == (2, 1, 0)


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (
            assignment(
                [[5000], [6000]],
                capacity=2,
                most_projects={"k0": 1},
                locks=[Lock("p0", "k0"), Lock("p1", "k0")],
            ),
            "raise-most-projects",
        ),
        (
            assignment(
                [[5000], [6000]],
                capacity=2,
                organization="o",
                projects_cap={"o": 1},
                locks=[Lock("p0"), Lock("p1")],
            ),
            "raise-organization-cap",
        ),
        (assignment([[5000], [6000]], locks=[Lock("p0"), Lock("p1")]), "raise-budget"),
        (
            assignment(
                [[5000, 0], [0, 6000]],
                locks=[Lock("p0"), Lock("p1")],
                shared_budgets=[SharedBudget("f", frozenset({"s0", "s1"}), 100)],
            ),
            "raise-shared-budget",
        ),
        (assignment([[5000]], quotas=[Quota("q", frozenset({"p0"}), 2)]), "lower-quota"),
        (assignment([[5000, 0], [0, 6000]], locks=[Lock("p0", "k1")]), "drop-lock-pair"),
        (assignment([[5000, 0], [0, 0]], locks=[Lock("p1")]), "drop-lock"),
    ],
)
def test_infeasible_locks_come_with_remedies_that_work(problem: Problem, code: str) -> None:
    with pytest.raises(Infeasible) as trouble:
        allocate(problem)
    assert [m.code for m in trouble.value.remedies] == [code]
    mended = repaired(problem, remedies(problem))
    assert verify(mended, allocate(mended)) == []


def test_no_time_with_locks_is_not_called_infeasible() -> None:
    problem = assignment([[5000], [6000]], quotas=[Quota("q", frozenset({"p0", "p1"}), 2)])
    with pytest.raises(TimeUp):
        allocate(problem, time_limit=0.0)


def test_quota_of_a_larger_problem_is_met() -> None:
    problem = cofunding(30, 5, 1, skewed=False, candidates=4)
    least = len(allocate(problem, fairness="none").projects) + 1
    wanted = Quota("q", frozenset(d.project for d in problem.demands), least)
    assert len(allocate(replace(problem, quotas=(wanted,))).projects) >= least


def test_a_broken_allocation_is_never_handed_out() -> None:
    problem = assignment([[5000]])
    result = allocate(problem)
    assert checked(problem, result) is result
    broken = replace(result, amount=result.amount * 2, used=result.used * 2)
    with pytest.raises(BrokenAllocation, match=r"breaks 2 rules\.\nneed d0: gets 200, more than 100"):
        checked(problem, broken)


def test_many_places_take_the_linear_program() -> None:
    problem = assignment([[1000 + n % 7] for n in range(2_050)], capacity=2_050)
    result = allocate(problem, fairness="none")
    assert result.stage == "linear"
    assert len(result.projects) == 2_050


def test_gap_that_is_good_enough_can_be_chosen() -> None:
    problem = cofunding(300, 12, 1, skewed=False)
    assert allocate(problem, fairness="none", gap=0.1).stage == "linear"


def test_price_of_a_lock_is_unknown_where_there_is_no_time() -> None:
    problem = assignment([[5000], [9000]], locks=[Lock("p0")])
    found = certificate(problem, allocate(problem), time_limit=0.0)
    assert found.lock_prices == {("p0", None): None}


def test_gini_of_equal_and_unequal_values() -> None:
    assert gini(np.array([2.0, 2.0, 2.0])) == pytest.approx(0)
    assert gini(np.array([0.0, 0.0, 0.0, 1.0])) == pytest.approx(0.75)
    assert gini(np.zeros(3)) == gini(np.zeros(0)) == 0


@pytest.mark.parametrize(
    "build",
    [
        lambda d, s: Problem.of([d, d], [s], []),
        lambda d, s: Problem.of([d], [s, s], []),
        lambda d, s: Problem.of([replace(d, minimum=101)], [s], []),
        lambda d, s: Problem.of([d, replace(d, id="e", organization="z")], [s], []),
        lambda d, s: Problem.of([d], [replace(s, cheque_max=-1)], []),
        lambda d, s: Problem.of([d], [s], [(1, 0, 5)]),
        lambda d, s: Problem.of([d], [s], [(0, 0, 5), (0, 0, 6)]),
        lambda d, s: Problem.of([d], [s], [(0, 0, 5, (0, 1))]),
        lambda d, s: Problem.of([d], [s], [(0, 0, -5)]),
        lambda d, s: Problem.of([d], [s], [], shared_budgets=[("b", frozenset({"?"}), 1)]),
        lambda d, s: Problem.of([d], [s], [], locks=[("p", "?")]),
        lambda d, s: Problem.of([d], [s], [], quotas=[("q", frozenset({"?"}), 1)]),
        lambda d, s: Problem((d,), (s,), *(np.zeros(n, dtype=np.int64) for n in (1, 1, 1, 1, 2))),
    ],
)
def test_problem_refuses_what_makes_no_sense(build: object) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        build(Demand("d", "p", "o", 100), Supply("s", "k", "x", 100))  # type: ignore[operator]
