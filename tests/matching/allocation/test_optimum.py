"""Random tiny problems against full enumeration: feasible, optimal, bounded, the same in every order."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matching.allocation import (
    Allocation,
    Fairness,
    Problem,
    allocate,
    fingerprint,
    remedies,
    repaired,
    verify,
)
from matching.allocation.allocation import objective_of
from matching.allocation.certificate import certificate
from matching.allocation.instance import canonical
from matching.allocation.model import build
from matching.allocation.solver import Clock, solve_linear
from matching.errors import Infeasible
from tests.matching.allocation.generating import problems

if TYPE_CHECKING:
    import random

    from matching.messages import Message

unhurried = settings(deadline=None, max_examples=80, suppress_health_check=list(HealthCheck))


def made(problem: Problem, amounts: tuple[int, ...]) -> Allocation:
    """An allocation of these amounts, with nothing claimed about it."""
    amount = np.array(amounts, dtype=np.int64)
    used = -(-amount * problem.edge_numerator // problem.edge_denominator)
    ahead = frozenset(
        problem.demands[i].project
        for i, a in zip(problem.edge_demand.tolist(), amounts, strict=True)
        if a > 0
    )
    return Allocation(amount, used, ahead, 0, 0, 0, "", "none", 0, 0, time_limit_hit=False)


def utility(problem: Problem, amounts: tuple[int, ...], fairness: Fairness = "none") -> float:
    """Σ weight·score·share + β·coverage + γ·first seats, straight from the definitions."""
    share = [0.0] * len(problem.demands)
    value = 0.0
    for i, score, x in zip(problem.edge_demand.tolist(), problem.edge_score.tolist(), amounts, strict=True):
        share[i] += x / problem.demands[i].amount
        value += problem.demands[i].weight * score / 10_000 * x / problem.demands[i].amount
    for project in {d.project for d in problem.demands}:
        mine = [n for n, d in enumerate(problem.demands) if d.project == project]
        if any(problem.demands[n].critical and problem.demands[n].minimum for n in mine):
            value += problem.coverage_bonus * any(share[n] > 0 for n in mine)
        else:
            value += problem.coverage_bonus * sum(share[n] for n in mine) / len(mine)
    if fairness == "first-seat":
        for organization in {d.organization for d in problem.demands}:
            own = (n for n, d in enumerate(problem.demands) if d.organization == organization)
            value += min(1.0, sum(share[n] for n in own))
    return value


def enumerated(problem: Problem) -> list[tuple[int, ...]]:
    """Every allocation that `verify` accepts."""
    ranges = [
        range(0, problem.demands[i].amount + 1, problem.demands[i].step) for i in problem.edge_demand.tolist()
    ]
    return [amounts for amounts in itertools.product(*ranges) if not verify(problem, made(problem, amounts))]


def attempt(problem: Problem, fairness: Fairness) -> tuple[Allocation | None, tuple[Message, ...]]:
    """The allocation, or None and the remedies."""
    try:
        return allocate(problem, fairness=fairness), ()
    except Infeasible as trouble:
        return None, trouble.remedies


def small_enough(problem: Problem) -> bool:
    sizes = [problem.demands[i].amount // problem.demands[i].step + 1 for i in problem.edge_demand.tolist()]
    return np.prod(sizes, initial=1) <= 3_000


@pytest.mark.parametrize("fairness", ["none", "first-seat"])
@given(problem=problems(most_amount=4, whole_rates=True))
@unhurried
def test_allocation_is_as_good_as_enumeration(problem: Problem, fairness: Fairness) -> None:
    if not small_enough(problem):
        return
    result = allocate(problem, fairness=fairness)
    best = max(utility(problem, amounts, fairness) for amounts in enumerated(problem))
    assert utility(problem, tuple(result.amount.tolist()), fairness) == pytest.approx(best, abs=1e-5)
    assert result.objective == pytest.approx(best, abs=1e-5)
    assert result.bound >= best - 1e-9
    assert result.gap <= 1e-5
    relaxed = solve_linear(build(canonical(problem), objective_of(fairness)), Clock(60, None))
    assert relaxed.bound >= best - 1e-5


@given(problems(promises=True))
@unhurried
def test_allocation_is_always_valid_or_says_what_would_help(problem: Problem) -> None:
    result, said = attempt(problem, "first-seat")
    if result is None:
        if small_enough(problem):
            assert enumerated(problem) == []
        assert said
        changes = remedies(problem)
        assert tuple(c.message for c in changes) == said
        mended = repaired(problem, changes)
        assert verify(mended, allocate(mended)) == []
        return
    assert verify(problem, result) == []
    assert result.bound >= result.objective >= 0


@given(
    problems(promises=True),
    st.randoms(use_true_random=False),
    st.sampled_from(["none", "first-seat", "leximin"]),
)
@unhurried
def test_order_of_input_changes_nothing(problem: Problem, order: random.Random, fairness: Fairness) -> None:
    d, s, e = (
        order.sample(range(n), n) for n in (len(problem.demands), len(problem.supplies), problem.edge_count)
    )
    where_d, where_s = np.argsort(np.array(d, dtype=int)), np.argsort(np.array(s, dtype=int))
    shuffled = replace(
        problem,
        demands=tuple(problem.demands[n] for n in d),
        supplies=tuple(problem.supplies[n] for n in s),
        edge_demand=where_d[problem.edge_demand[e]],
        edge_supply=where_s[problem.edge_supply[e]],
        edge_score=problem.edge_score[e],
        edge_numerator=problem.edge_numerator[e],
        edge_denominator=problem.edge_denominator[e],
    )
    assert fingerprint(shuffled, 0) == fingerprint(problem, 0)
    before, said = attempt(problem, fairness)
    after, said_after = attempt(shuffled, fairness)
    assert said == said_after
    if before is None or after is None:
        assert before is after
        return
    assert after.amount.tolist() == before.amount[e].tolist()
    assert after.prices == before.prices


def worst_off(problem: Problem, result: Allocation) -> float:
    return certificate(problem, result, lock_prices=False).worst_off


@given(problems(most_amount=4))
@unhurried
def test_leximin_serves_the_worst_off_at_least_as_well(problem: Problem) -> None:
    fair, narrow = (allocate(problem, fairness=f) for f in ("leximin", "bottleneck"))
    for other in ("none", "first-seat"):
        assert worst_off(problem, fair) >= worst_off(problem, allocate(problem, fairness=other)) - 1e-5
    assert worst_off(problem, fair) == pytest.approx(worst_off(problem, narrow), abs=1e-5)
    assert verify(problem, fair) == verify(problem, narrow) == []


@given(problems(promises=True))
@settings(unhurried, max_examples=25)
def test_no_time_still_gives_a_valid_answer(problem: Problem) -> None:
    if problem.quotas or problem.locks:
        return
    result = allocate(problem, time_limit=0.0)
    assert verify(problem, result) == []
    assert result.bound >= result.objective
