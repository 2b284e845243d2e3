"""A valid allocation, and one planted break of each rule: `verify` must find exactly that rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matching.allocation import Demand, Lock, Problem, Quota, SharedBudget, Supply, allocate, verify
from tests.matching.allocation.test_optimum import made


def plain(**rules: object) -> Problem:
    demands = [
        Demand("d0", "p0", "a", 100, 50),
        Demand("d1", "p0", "a", 40, critical=False, minimum=10),
        Demand("d2", "p1", "a", 100, 10, step=10),
        Demand("d3", "p2", "b", 60),
    ]
    supplies = [Supply("s0", "k0", "x", 150, cheque_min=20, cheque_max=120), Supply("s1", "k1", "y", 80)]
    edges = [(0, 0, 9000), (1, 1, 5000, (3, 2)), (2, 0, 7000), (2, 1, 4000), (3, 1, 6000)]
    return Problem.of(demands, supplies, edges, **rules)  # type: ignore[arg-type]


GOOD = (100, 20, 30, 0, 40)


def rules_broken(problem: Problem, amounts: tuple[int, ...]) -> set[str]:
    return {violation.rule for violation in verify(problem, made(problem, amounts))}


def test_verify_accepts_a_valid_allocation() -> None:
    assert rules_broken(plain(), GOOD) == set()


@pytest.mark.parametrize(
    ("rule", "amounts", "rules"),
    [
        ("amount", (100, 20, 30, -10, 40), {}),
        ("step", (100, 20, 35, 0, 40), {}),
        ("need", (101, 20, 30, 0, 40), {}),
        ("minimum", (40, 20, 30, 0, 40), {}),
        ("minimum", (0, 20, 30, 0, 40), {}),
        ("minimum", (100, 5, 30, 0, 40), {}),
        ("budget", (100, 20, 60, 0, 40), {}),
        ("cheque-minimum", (100, 20, 10, 0, 40), {}),
        ("cheque-maximum", (100, 20, 30, 0, 40), {"cheque_max": 90}),
        ("project-cap", GOOD, {"project_cap": {"p0": 119}}),
        ("shared-budget", GOOD, {"shared_budgets": [SharedBudget("fund", frozenset({"s0", "s1"}), 199)]}),
        ("most-projects", GOOD, {"most_projects": {"k0": 1}}),
        ("organization-cap", GOOD, {"projects_cap": {"a": 1}}),
        ("organization-cap", GOOD, {"projects_cap": {"a": 2}, "already": {"a": 1}}),
        ("quota", (100, 20, 30, 0, 0), {"quotas": [Quota("q", frozenset({"p0", "p2"}), 2)]}),
        ("lock", (100, 20, 30, 0, 0), {"locks": [Lock("p2")]}),
        ("lock", GOOD, {"locks": [Lock("p1", "k1")]}),
        ("lock", GOOD, {"locks": [Lock("p1", "k0", 31)]}),
    ],
)
def test_verify_finds_each_broken_rule(rule: str, amounts: tuple[int, ...], rules: dict[str, object]) -> None:
    high = rules.pop("cheque_max", None) if rules else None
    problem = plain(**rules)
    if high is not None:
        supplies = (replace(problem.supplies[0], cheque_max=high), problem.supplies[1])
        problem = replace(problem, supplies=supplies)
    assert rules_broken(problem, amounts) == {rule}


def test_verify_counts_money_exactly_to_the_limit() -> None:
    exact = plain(
        project_cap={"p0": 120},
        most_projects={"k0": 2},
        projects_cap={"a": 2},
        shared_budgets=[SharedBudget("fund", frozenset({"s0", "s1"}), 200)],
        quotas=[Quota("q", frozenset({"p0", "p2"}), 2)],
        locks=[Lock("p1", "k0", 30)],
    )
    assert rules_broken(exact, GOOD) == set()


@pytest.mark.parametrize(("edge", "used"), [(1, 29), (1, 31), (3, 1)])
def test_verify_finds_a_wrong_charge(edge: int, used: int) -> None:
    allocation = made(plain(), GOOD)
    allocation.used[edge] = used
    assert [v.rule for v in verify(plain(), allocation)] == ["rate"]


def test_verify_finds_amounts_of_another_problem() -> None:
    allocation = made(plain(), GOOD)
    shorter = replace(allocation, amount=allocation.amount[:-1])
    assert [v.rule for v in verify(plain(), shorter)] == ["length"]


def test_verify_finds_a_wrong_list_of_projects() -> None:
    allocation = replace(made(plain(), GOOD), projects=frozenset({"p0"}))
    assert [v.rule for v in verify(plain(), allocation)] == ["projects"]


def test_violation_says_what_and_where() -> None:
    (violation,) = verify(plain(), made(plain(), (101, 20, 30, 0, 40)))
    assert str(violation) == "need d0: gets 101, more than 100"


def test_already_won_projects_do_not_count_when_nothing_new_is_given() -> None:
    problem = plain(projects_cap={"b": 1}, already={"b": 3})
    assert "p2" not in allocate(problem).projects
    assert rules_broken(problem, (100, 20, 30, 0, 0)) == set()


def test_verify_reads_large_amounts_without_rounding() -> None:
    huge = 9_007_199_254_740_993
    problem = Problem.of([Demand("d", "p", "o", huge)], [Supply("s", "k", "x", huge)], [(0, 0, 1)])
    assert verify(problem, made(problem, (huge,))) == []
    over = replace(problem, supplies=(replace(problem.supplies[0], amount=huge - 1),))
    assert [v.rule for v in verify(over, made(over, (huge,)))] == ["budget"]
    assert np.int64(huge) == huge
