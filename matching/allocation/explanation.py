"""Why not me: for every project that got nothing, or less than it asked for, the reason and a remedy.

Reasons that the data alone show (no candidate, offers too small, …) are certain. Reasons that come from
competition are tried out: the problem is solved again with the change, and only what then happens is
claimed; where there was no time for that, the sentence names no number.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.allocation import FIRST_SEAT, allocate
from matching.allocation.infeasibility import TimeUp
from matching.allocation.instance import Floats, Instance, canonical, summed
from matching.allocation.model import Objective, build
from matching.allocation.pipeline import prices
from matching.allocation.problem import SCORE_UNIT, Allocation, Fairness, Integers, Problem
from matching.allocation.solver import Clock, solve_linear
from matching.errors import Infeasible
from matching.messages import Message, Param, Quantity

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MARGIN = 0.03
"""What is added to a shortfall before it is tried out: the linear prices are not exact."""
MOST_EDGES = 2_000
"""Problems with more pairs are not solved again for each project: not one of them would be in the time."""
PRICED_EDGES = 100_000


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a project got nothing (`got` 0) or less than it asked for, and what would change that.

    `confirmed`: the data alone prove it, or solving the changed problem did. `outbid_by`: the score that
    was missing, 0 to 1, where that is the reason and was confirmed.
    """

    project: str
    code: str
    reason: Message
    remedy: Message
    confirmed: bool
    asked: int
    got: int
    outbid_by: float | None = None


@dataclass
class _Case:
    """What is needed to explain: the instance, the amounts, what is left of everything."""

    problem: Problem
    t: Instance
    amount: Integers
    allocation: Allocation
    units: Mapping[str, str]
    clock: Clock
    spent: Integers
    received: Integers
    edges_of: dict[int, list[int]] = field(default_factory=dict)
    lines_of: dict[int, list[int]] = field(default_factory=dict)
    duals: Mapping[tuple[str, str], float] = field(default_factory=dict)

    def measured(self, line: str, amount: int) -> Param:
        return Quantity(amount, self.units[line]) if line in self.units else amount


def explain(
    problem: Problem,
    allocation: Allocation,
    *,
    units: Mapping[str, str] | None = None,
    most: int = 1_000_000,
    time_limit: float = 10.0,
    progress: Callable[[float], object] | None = None,
) -> dict[str, Explanation]:
    """By project id. `units`: by demand and supply id the unit of its amounts, so that messages carry
    quantities and not bare hundredths. `time_limit`: seconds for trying out; `most`: how many to try.
    `progress` is told the share that is done; what it raises ends the work.
    """
    t = canonical(problem, allocation.seed)
    amount = allocation.amount[t.order]
    case = _Case(
        problem,
        t,
        amount,
        allocation,
        units or {},
        Clock(time_limit, None),
        summed(t.supply, t.use(amount), len(t.budget)),
        summed(t.demand, amount, len(t.amount)),
    )
    lines, edges = defaultdict(list), defaultdict(list)
    for i, p in enumerate(t.project_of.tolist()):
        lines[p].append(i)
    for e, i in enumerate(t.demand.tolist()):
        edges[i].append(e)
    case.lines_of, case.edges_of = lines, edges
    case.duals = _duals(case)
    found = {}
    tried = 0
    for p, project in enumerate(t.projects):
        if progress is not None:
            progress(p / len(t.projects))
        got = sum(int(case.received[i]) for i in lines[p])
        asked = sum(int(t.amount[i]) for i in lines[p])
        if got >= asked:
            continue
        if got:
            found[project] = _partly(case, p, asked, got)
            continue
        certain = _certain(case, p)
        if certain is None:
            tried += 1
            certain = _competition(case, p, may_try=tried <= most)
        code, reason, remedy, confirmed, by = certain
        found[project] = Explanation(project, code, reason, remedy, confirmed, asked, 0, by)
    return found


_Finding = tuple[str, Message, Message, bool, float | None]


def _certain(case: _Case, p: int) -> _Finding | None:
    """Reasons that hold whatever the others get."""
    t, project = case.t, case.t.projects[p]
    lines = [i for i in case.lines_of[p] if t.critical[i] and t.minimum[i] > 0] or case.lines_of[p]
    needed = bool(t.has_minimum[p])
    bare = [i for i in lines if not case.edges_of[i]]
    if bare and (needed or len(bare) == len(lines)):
        return (
            "no-candidate",
            Message("no-candidate", "No offer is allowed to support “{need}”.", need=t.demand_ids[bare[0]]),
            Message(
                "remedy-no-candidate",
                "Widen what “{need}” asks for, or find an offer that allows it.",
                need=t.demand_ids[bare[0]],
            ),
            True,
            None,
        )
    limit = t.wins_cap[t.organization_of[p]]
    organization = t.organizations[int(t.organization_of[p])]
    if limit <= 0:
        return _organization_cap(organization, case, certain=True)
    for i in lines:
        dead = [e for e in case.edges_of[i] if t.capacity[e] == 0]
        if len(dead) == len(case.edges_of[i]) and needed:
            high = [
                e
                for e in dead
                if t.cheque_min[t.supply[e]] * t.denominator[e] > int(t.amount[i]) * int(t.numerator[e])
            ]
            if len(high) == len(dead):
                e = min(high, key=lambda e: int(t.cheque_min[t.supply[e]]))
                supply = t.supply_ids[int(t.supply[e])]
                least = int(t.cheque_min[t.supply[e]])
                most = int(t.amount[i]) * int(t.numerator[e]) // int(t.denominator[e])
                return (
                    "cheque-minimum-too-high",
                    Message(
                        "cheque-minimum-too-high",
                        "“{need}” asks for {asked}; “{supply}” gives nobody less than {least}.",
                        need=t.demand_ids[i],
                        supply=supply,
                        asked=case.measured(supply, most),
                        least=case.measured(supply, least),
                    ),
                    Message(
                        "remedy-cheque-minimum",
                        "Ask “{supply}” to give from {amount} up.",
                        supply=supply,
                        amount=case.measured(supply, most),
                    ),
                    True,
                    None,
                )
    for i in lines:
        reach = sum(_reach(t, e) for e in case.edges_of[i])
        if reach < t.minimum[i]:
            need = t.demand_ids[i]
            return (
                "offers-too-small",
                Message(
                    "offers-too-small",
                    "All offers for “{need}” together come to {amount}; it needs {least}.",
                    need=need,
                    amount=case.measured(need, reach),
                    least=case.measured(need, int(t.minimum[i])),
                ),
                Message(
                    "remedy-offers-too-small",
                    "Lower the minimum of “{need}” by {amount}, or find that much more.",
                    need=need,
                    amount=case.measured(need, int(t.minimum[i]) - reach),
                ),
                True,
                None,
            )
    if not t.open_project[p]:
        return (
            "rules-too-narrow",
            Message(
                "rules-too-narrow",
                "The rules leave “{project}” no way to reach its minimum.",
                project=project,
            ),
            Message(
                "remedy-rules-too-narrow",
                "Check the cap of “{project}” and the limits of its offers.",
                project=project,
            ),
            True,
            None,
        )
    own = Counter(
        d.organization
        for d in {d.project: d for d in case.problem.demands}.values()
        if d.project in case.allocation.projects
    )
    if own[organization] >= limit:
        return _organization_cap(organization, case, certain=True)
    return None


def _organization_cap(organization: str, case: _Case, *, certain: bool) -> _Finding:
    limit = case.problem.projects_cap[organization]
    return (
        "organization-cap",
        Message(
            "organization-cap",
            "“{organization}” has reached its cap of {count} projects.",
            organization=organization,
            count=limit,
        ),
        Message(
            "remedy-organization-cap",
            "Raise the cap of “{organization}” by {count}, or withdraw another of its projects.",
            organization=organization,
            count=1,
        ),
        certain,
        None,
    )


def _reach(t: Instance, e: int) -> int:
    """The most that edge e could carry if its supply served nobody else."""
    j, i = int(t.supply[e]), int(t.demand[e])
    most = min(int(t.budget[j]), int(t.cheque_max[j])) * int(t.denominator[e]) // int(t.numerator[e])
    most = min(most, int(t.amount[i]))
    return most - most % int(t.step[i])


def _competition(case: _Case, p: int, *, may_try: bool) -> _Finding:
    """Others got what this project could have used: by how much it was outbid, or what ran out."""
    project = case.t.projects[p]
    short = shortfall(case.t, case.duals, p, _first_seat(case, p))
    headroom = 1.0 - float(case.t.score[case.t.project == p].max(initial=0)) / SCORE_UNIT
    if may_try and case.problem.edge_count <= MOST_EDGES:
        for extra in (MARGIN, 0.1, 0.25):
            raised = max(short, 0.0) + extra
            if case.clock.left() <= 0:
                break
            if raised <= headroom and _funded(case, _with_scores(case, p, raised), project):
                by = round(max(short, 0.0) + (0.0 if extra == MARGIN else extra), 4)
                by = max(by, 1 / SCORE_UNIT)
                return (
                    "outbid",
                    Message(
                        "outbid",
                        "“{project}” was outbid by {points} points of 100.",
                        project=project,
                        points=max(1, round(100 * by)),
                    ),
                    Message(
                        "remedy-outbid",
                        "A score higher by {points} points of 100 would have funded “{project}”.",
                        project=project,
                        points=math.ceil(100 * raised),
                    ),
                    True,
                    by,
                )
    full = _offers_full(case, p, may_try=may_try)
    return full if full is not None else _exhausted(case, p, may_try=may_try)


def _offers_full(case: _Case, p: int, *, may_try: bool) -> _Finding | None:
    t, project = case.t, case.t.projects[p]
    served: dict[int, set[int]] = defaultdict(set)
    for e in np.nonzero(case.amount)[0].tolist():
        served[int(t.offer_of[t.supply[e]])].add(int(t.project[e]))
    wanted = {
        int(t.offer_of[t.supply[e]]) for i in case.lines_of[p] for e in case.edges_of[i] if t.capacity[e]
    }
    full = sorted(k for k in wanted if len(served[k]) >= t.seats_cap[k])
    if not full or len(full) < len(wanted):
        return None
    confirmed, offer = False, t.offers[full[0]]
    if may_try and case.problem.edge_count <= MOST_EDGES:
        for k in full:
            more = {**case.problem.most_projects, t.offers[k]: case.problem.most_projects[t.offers[k]] + 1}
            if case.clock.left() > 0 and _funded(case, replace(case.problem, most_projects=more), project):
                confirmed, offer = True, t.offers[k]
                break
    return (
        "offers-full",
        Message(
            "offers-full", "Every offer for “{project}” has its full number of projects.", project=project
        ),
        Message(
            "remedy-offers-full",
            "Raise the most projects of offer “{offer}” by {count}.",
            offer=offer,
            count=1,
        ),
        confirmed,
        None,
    )


def _exhausted(case: _Case, p: int, *, may_try: bool) -> _Finding:
    """The money that is left does not reach its minimum: how much more, and from whom."""
    t, project = case.t, case.t.projects[p]
    usable = [e for i in case.lines_of[p] for e in case.edges_of[i] if t.capacity[e]]
    best = max(usable, key=lambda e: (int(t.score[e]), -e))
    i, j = int(t.demand[best]), int(t.supply[best])
    left = int(t.budget[j]) - int(case.spent[j])
    least = int(t.minimum[i]) or int(t.amount[i])
    missing = max(
        1, -(-least * int(t.numerator[best]) // int(t.denominator[best])) - left, int(t.cheque_min[j]) - left
    )
    supply = t.supply_ids[j]
    confirmed = False
    if may_try and case.problem.edge_count <= MOST_EDGES and case.clock.left() > 0:
        supplies = tuple(
            replace(s, amount=s.amount + missing) if s.id == supply else s for s in case.problem.supplies
        )
        confirmed = _funded(case, replace(case.problem, supplies=supplies), project)
    return (
        "budget-exhausted",
        Message(
            "budget-exhausted",
            "What the offers for “{project}” have goes to projects that fit them better.",
            project=project,
        ),
        Message(
            "remedy-budget-exhausted",
            "{amount} more from “{supply}” would fund “{project}”.",
            amount=case.measured(supply, missing),
            supply=supply,
            project=project,
        )
        if confirmed
        else Message(
            "remedy-more-offers",
            "More from “{supply}”, or a further offer, could fund “{project}”.",
            supply=supply,
            project=project,
        ),
        confirmed,
        None,
    )


def _partly(case: _Case, p: int, asked: int, got: int) -> Explanation:
    t, project = case.t, case.t.projects[p]
    short = min(
        (i for i in case.lines_of[p] if case.received[i] < t.amount[i]),
        key=lambda i: int(case.received[i]) / int(t.amount[i]),
    )
    need = t.demand_ids[short]
    reach = sum(_reach(t, e) for e in case.edges_of[short])
    missing = int(t.amount[short]) - int(case.received[short])
    small = reach < t.amount[short]
    amounts = {
        "need": need,
        "amount": case.measured(need, int(case.received[short])),
        "asked": case.measured(need, int(t.amount[short])),
    }
    reason = (
        Message(
            "partly-offers-too-small",
            "“{need}” gets {amount} of {asked}: its offers have no more.",
            **amounts,
        )
        if small
        else Message(
            "partly-outbid", "“{need}” gets {amount} of {asked}: the rest serves others better.", **amounts
        )
    )
    remedy = Message(
        "remedy-partly",
        "Another offer of {amount} would complete “{need}”.",
        need=need,
        amount=case.measured(need, missing),
    )
    return Explanation(
        project, "partly-offers-too-small" if small else "partly-outbid", reason, remedy, small, asked, got
    )


def _duals(case: _Case) -> Mapping[tuple[str, str], float]:
    if case.allocation.prices or case.problem.edge_count > PRICED_EDGES:
        return case.allocation.prices
    first_seat = FIRST_SEAT if case.allocation.fairness == "first-seat" else 0.0
    model = build(case.t, Objective(first_seat=first_seat))
    relaxed = solve_linear(model, case.clock)
    return prices(model, relaxed) if relaxed.duals is not None else {}


def _first_seat(case: _Case, p: int) -> float:
    """γ if the organization has nothing yet and a first seat counts."""
    if case.allocation.fairness != "first-seat":
        return 0.0
    o = case.t.organization_of[p]
    served = case.amount[case.t.organization_of[case.t.project] == o].any()
    return 0.0 if served else FIRST_SEAT


def shortfall(t: Instance, duals: Mapping[tuple[str, str], float], p: int, first_seat: float = 0.0) -> float:
    """How much higher all scores of a project would have to be before it pays at the present prices.

    The project buys each critical line's minimum where value less price is best (price: λ_j per unit of a
    budget, μ_k per project of an offer, spread over what the offer could give, and the organization's
    price once); shortfall = what that costs more than it brings, per unit of score. Negative: it pays.
    """
    organization = t.organizations[int(t.organization_of[p])]
    net_total = t.problem.coverage_bonus - duals.get(("organization-cap", organization), 0.0)
    per_score = shares = 0.0
    for i in np.nonzero((t.project_of == p) & (t.critical | ~t.has_minimum[p]))[0].tolist():
        edges = np.nonzero((t.demand == i) & (t.capacity > 0))[0]
        wanted = int(t.minimum[i]) or int(t.capacity[edges].max(initial=0))
        net = _net(t, duals, edges)
        for e in edges[np.argsort(-net, kind="stable")].tolist():
            take = min(wanted, int(t.capacity[e]))
            net_total += float(net[np.nonzero(edges == e)[0][0]]) * take
            per_score += float(t.weight[i]) * take / int(t.amount[i])
            shares += take / int(t.amount[i])
            wanted -= take
            if wanted <= 0:
                break
    net_total += first_seat * min(1.0, shares)
    return -net_total / per_score if per_score > 0 else np.inf


def _net(t: Instance, duals: Mapping[tuple[str, str], float], edges: Integers) -> Floats:
    supplies = t.supply[edges]
    budget = np.array([duals.get(("budget", t.supply_ids[j]), 0.0) for j in supplies])
    shared = np.zeros(len(t.budget))
    for name, members, _ in t.shared:
        shared[members] += duals.get(("shared-budget", name), 0.0)
    seat = np.array([duals.get(("most-projects", t.offers[k]), 0.0) for k in t.offer_of[supplies]])
    merit = t.merit[edges] / t.amount[t.demand[edges]]
    return merit - (budget + shared[supplies]) * t.use_rate[edges] - seat / t.capacity[edges]


def _with_scores(case: _Case, p: int, raised: float) -> Problem:
    score = case.problem.edge_score.copy()
    mine = case.t.order[case.t.project == p]
    score[mine] += int(np.ceil(raised * SCORE_UNIT))
    return replace(case.problem, edge_score=score)


def _funded(case: _Case, problem: Problem, project: str) -> bool:
    """Whether the changed problem, solved in the same way, lets the project go ahead."""
    fairness: Fairness = case.allocation.fairness
    try:
        again = allocate(
            problem, fairness=fairness, seed=case.t.seed, time_limit=max(0.05, case.clock.left())
        )
    except (Infeasible, TimeUp):
        return False
    return project in again.projects
