"""Sharing out again: nothing changes for nothing, little changes for little, and the price is told."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matching.allocation import Allocation, Demand, Edge, Problem, Supply, allocate, allocate_near, verify
from matching.allocation.allocation import objective_of
from matching.allocation.continuity import kept_share
from matching.allocation.instance import canonical
from matching.allocation.pipeline import mended
from matching.allocation.worth import worth
from tests.load.bench_allocation import cofunding
from tests.matching.allocation.generating import problems

if TYPE_CHECKING:
    from matching.allocation.problem import Fairness

KEEP = 0.05
TOTALS: tuple[Fairness, ...] = ("none", "first-seat")


def without(problem: Problem, project: str) -> tuple[Problem, np.ndarray]:
    """The problem after one project has been withdrawn, and which of its edges are left."""
    stays = [d.project != project for d in problem.demands]
    number = np.cumsum(stays) - 1
    kept = np.array(stays)[problem.edge_demand] if problem.edge_count else np.zeros(0, dtype=bool)
    return replace(
        problem,
        demands=tuple(d for d, stay in zip(problem.demands, stays, strict=True) if stay),
        edge_demand=number[problem.edge_demand[kept]],
        edge_supply=problem.edge_supply[kept],
        edge_score=problem.edge_score[kept],
        edge_numerator=problem.edge_numerator[kept],
        edge_denominator=problem.edge_denominator[kept],
        project_cap={p: most for p, most in problem.project_cap.items() if p != project},
    ), kept


@given(problems(whole_rates=True), st.sampled_from(TOTALS))
def test_without_a_change_nothing_changes(problem: Problem, fairness: Fairness) -> None:
    first = allocate(problem, fairness=fairness)
    again, price = allocate_near(problem, first.amount, KEEP, fairness=fairness)
    assert again.amount.tolist() == first.amount.tolist()
    assert price == pytest.approx(0, abs=1e-5)
    assert again.objective == pytest.approx(first.objective)
    assert again.bound >= again.objective - 1e-9


@given(problems(whole_rates=True), st.sampled_from(TOTALS), st.data())
def test_every_change_after_a_withdrawal_pays_more_than_it_gives_up(
    problem: Problem, fairness: Fairness, data: st.DataObject
) -> None:
    first = allocate(problem, fairness=fairness)
    gone = data.draw(st.sampled_from(sorted({d.project for d in problem.demands})))
    rest, kept = without(problem, gone)
    earlier = first.amount[kept]
    again, price = allocate_near(rest, earlier, KEEP, fairness=fairness)
    assert verify(rest, again) == []
    t, objective = canonical(rest), objective_of(fairness)
    before, after = earlier[t.order], again.amount[t.order]
    stayed = mended(t, before)
    gain = worth(t, objective, after) - worth(t, objective, stayed)
    given_up = kept_share(t, before, stayed) - kept_share(t, before, after)
    assert gain >= KEEP * given_up - 1e-6
    best = allocate(rest, fairness=fairness)
    assert best.objective - again.objective == pytest.approx(price, abs=1e-5)
    assert again.bound >= best.objective - 1e-6


def pairs(problem: Problem, allocation: Allocation) -> set[tuple[str, str]]:
    return {
        (problem.demands[problem.edge_demand[e]].project, problem.supplies[problem.edge_supply[e]].offer)
        for e in allocation.amount.nonzero()[0]
    }


def test_one_withdrawal_changes_few_other_pairs() -> None:
    problem = cofunding(24, 5, 3, skewed=False)
    first = allocate(problem)
    for gone in sorted(first.projects)[:4]:
        rest, kept = without(problem, gone)
        stood = {pair for pair in pairs(problem, first) if pair[0] != gone}
        near, _ = allocate_near(rest, first.amount[kept], KEEP)
        assert len(stood - pairs(rest, near)) <= len(stood) / 4, gone


def test_scores_that_move_a_little_move_no_pairs_and_the_price_is_small() -> None:
    """Every text edited, every score up to three points of 100 off: without staying, 29 pairs change."""
    problem = cofunding(24, 5, 3, skewed=False)
    first = allocate(problem)
    noise = np.random.default_rng(1)
    near = free = 0
    for _ in range(2):
        moved = np.clip(problem.edge_score + noise.integers(-300, 301, problem.edge_count), 0, 10_000)
        edited = replace(problem, edge_score=moved)
        again, price = allocate_near(edited, first.amount, KEEP)
        near += len(pairs(problem, first) ^ pairs(edited, again))
        free += len(pairs(problem, first) ^ pairs(edited, allocate(edited)))
        assert price < 0.005 * again.objective
    assert free >= 10
    assert near <= free / 10


def test_a_clearly_better_partner_is_still_taken_and_a_slightly_better_one_is_not() -> None:
    demand = Demand("d", "p", "o", 100)
    supplies = [Supply("old", "old", "x", 100), Supply("new", "new", "x", 100)]
    earlier = np.array([100, 0])
    for score, partner in ((6_300, "old"), (6_700, "new")):
        problem = Problem.of([demand], supplies, [Edge(0, 0, 6_000), Edge(0, 1, score)])
        again, price = allocate_near(problem, earlier, KEEP)
        assert {offer for _, offer in pairs(problem, again)} == {partner}
        assert price == pytest.approx((score - 6_000) / 10_000 if partner == "old" else 0.0, abs=1e-6)


def test_who_gets_more_by_the_fairest_rule_still_does_when_staying_near() -> None:
    problem = cofunding(8, 3, 1, skewed=False)
    first = allocate(problem, fairness="leximin")
    again, _ = allocate_near(problem, first.amount, KEEP, fairness="leximin")
    assert again.amount.tolist() == first.amount.tolist()
