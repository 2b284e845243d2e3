"""Why not me: each reason on the smallest problem that has it, with a remedy that works."""

from __future__ import annotations

from dataclasses import replace

import pytest

from matching.allocation import Demand, Explanation, Lock, Problem, Supply, allocate, explain
from matching.messages import Quantity
from tests.load.bench_allocation import cofunding


def reasons(problem: Problem, **options: object) -> dict[str, Explanation]:
    return explain(problem, allocate(problem, fairness="none"), **options)  # type: ignore[arg-type]


def need(n: int, amount: int = 100, minimum: int = 100, organization: str = "", **more: object) -> Demand:
    return Demand(f"d{n}", f"p{n}", organization or f"o{n}", amount, minimum, **more)  # type: ignore[arg-type]


def give(n: int, amount: int, **more: object) -> Supply:
    return Supply(f"s{n}", f"k{n}", f"x{n}", amount, **more)  # type: ignore[arg-type]


def test_fully_served_projects_need_no_explanation() -> None:
    assert reasons(Problem.of([need(0)], [give(0, 100)], [(0, 0, 5000)])) == {}


def test_no_candidate() -> None:
    found = reasons(Problem.of([need(0)], [give(0, 100)], []))["p0"]
    assert (found.code, found.confirmed, found.asked, found.got) == ("no-candidate", True, 100, 0)


def test_offers_too_small_says_by_how_much() -> None:
    found = reasons(
        Problem.of([need(0)], [give(0, 30), give(1, 45)], [(0, 0, 5000), (0, 1, 5000)]), units={"d0": "CNY"}
    )["p0"]
    assert found.code == "offers-too-small"
    assert found.reason.params["amount"] == Quantity(75, "CNY")
    assert found.remedy.params["amount"] == Quantity(25, "CNY")


def test_cheque_minimum_too_high_names_the_lowest() -> None:
    problem = Problem.of(
        [need(0)], [give(0, 900, cheque_min=300), give(1, 900, cheque_min=200)], [(0, 0, 5000), (0, 1, 5000)]
    )
    found = reasons(problem)["p0"]
    assert found.code == "cheque-minimum-too-high"
    assert (found.reason.params["supply"], found.reason.params["least"]) == ("s1", 200)
    mended = replace(problem, supplies=(problem.supplies[0], replace(problem.supplies[1], cheque_min=100)))
    assert "p0" in allocate(mended).projects


def test_organization_cap_reached_before_and_now() -> None:
    two = [need(0, organization="o"), need(1, organization="o")]
    edges = [(0, 0, 5000), (1, 0, 6000)]
    found = reasons(Problem.of(two, [give(0, 900)], edges, projects_cap={"o": 1}))
    assert {p: e.code for p, e in found.items()} == {"p0": "organization-cap"}
    before = reasons(Problem.of(two, [give(0, 900)], edges, projects_cap={"o": 1}, already={"o": 1}))
    assert {p: e.code for p, e in before.items()} == {"p0": "organization-cap", "p1": "organization-cap"}


def test_project_cap_below_the_minimum() -> None:
    found = reasons(Problem.of([need(0)], [give(0, 900)], [(0, 0, 5000)], project_cap={"p0": 60}))
    assert found["p0"].code == "rules-too-narrow"


def test_outbid_by_the_difference_of_scores() -> None:
    problem = Problem.of([need(0), need(1)], [give(0, 100)], [(0, 0, 5000), (1, 0, 5600)])
    found = reasons(problem)["p0"]
    assert (found.code, found.confirmed) == ("outbid", True)
    assert found.outbid_by == pytest.approx(0.06, abs=0.005)
    raised = problem.edge_score.copy()
    raised[0] += 900
    assert "p0" in allocate(replace(problem, edge_score=raised)).projects


def test_first_seat_counts_when_outbid() -> None:
    problem = Problem.of([need(0), need(1)], [give(0, 100)], [(0, 0, 5000), (1, 0, 5600)])
    found = explain(problem, allocate(problem, fairness="first-seat"))["p0"]
    assert found.outbid_by == pytest.approx(0.06, abs=0.005)


def test_offers_full_when_no_score_would_help() -> None:
    problem = Problem.of(
        [need(0), need(1)],
        [give(0, 900)],
        [(0, 0, 9900), (1, 0, 9950)],
        most_projects={"k0": 1},
        locks=[Lock("p1", "k0")],
    )
    found = reasons(problem)["p0"]
    assert (found.code, found.confirmed) == ("offers-full", True)
    assert found.remedy.params["offer"] == "k0"
    assert "p0" in allocate(replace(problem, most_projects={"k0": 2})).projects


def test_budget_exhausted_says_how_much_more() -> None:
    problem = Problem.of([need(0), need(1)], [give(0, 150)], [(0, 0, 9900), (1, 0, 9950)], locks=[Lock("p1")])
    found = reasons(problem)["p0"]
    assert (found.code, found.confirmed) == ("budget-exhausted", True)
    assert found.remedy.params["amount"] == 50
    mended = replace(problem, supplies=(replace(problem.supplies[0], amount=200),))
    assert "p0" in allocate(mended).projects


def test_nothing_is_claimed_without_trying() -> None:
    problem = Problem.of([need(0), need(1)], [give(0, 100)], [(0, 0, 5000), (1, 0, 5600)])
    for options in ({"most": 0}, {"time_limit": 0.0}):
        found = reasons(problem, **options)["p0"]
        assert (found.code, found.confirmed, found.outbid_by) == ("budget-exhausted", False, None)


def test_partly_served_because_offers_are_small_or_others_fit_better() -> None:
    small = reasons(Problem.of([need(0, minimum=10)], [give(0, 30)], [(0, 0, 5000)]))["p0"]
    assert (small.code, small.got, small.remedy.params["amount"]) == ("partly-offers-too-small", 30, 70)
    rival = reasons(Problem.of([need(0, minimum=10), need(1)], [give(0, 150)], [(0, 0, 5000), (1, 0, 6000)]))
    assert (rival["p0"].code, rival["p0"].got) == ("partly-outbid", 50)


def test_fast_path_is_explained_too() -> None:
    demands = [need(n, step=100) for n in range(3)]
    problem = Problem.of(
        demands, [give(0, 100), give(1, 100)], [(n, j, 5000 + 100 * n) for n in range(3) for j in range(2)]
    )
    result = allocate(problem, fairness="none")
    assert result.stage == "assignment"
    assert explain(problem, result)["p0"].code == "outbid"


def test_confirmed_reasons_hold_in_a_larger_problem() -> None:
    problem = cofunding(40, 5, 3, skewed=False, candidates=4)
    result = allocate(problem, fairness="none")
    found = explain(problem, result, time_limit=60)
    assert {p for p, e in found.items() if not e.got} == {
        d.project for d in problem.demands if d.project not in result.projects
    }
    assert any(e.code == "outbid" for e in found.values())
    for project, e in found.items():
        if e.code == "outbid" and e.outbid_by is not None:
            score = problem.edge_score.copy()
            mine = [n for n, i in enumerate(problem.edge_demand) if problem.demands[i].project == project]
            score[mine] += int(float(e.remedy.params["points"]) * 100)  # type: ignore[arg-type]
            assert project in allocate(replace(problem, edge_score=score), fairness="none").projects
