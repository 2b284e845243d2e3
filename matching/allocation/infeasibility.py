"""When locks and quotas cannot all hold: the smallest changes that would let them.

The elastic model lets every limit give way at a price relative to its size, and every lock at a much higher
one. Only the projects that locks and quotas name take part, since all others may stay empty.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from matching.allocation.instance import Floats, Instance, canonical, summed
from matching.allocation.model import OBJECTIVE_SCALE, Model, Objective, build, promised
from matching.allocation.pipeline import Found, by_score, settled
from matching.allocation.problem import Integers, Problem, Quota, SharedBudget
from matching.allocation.solver import Clock, solve_integer
from matching.allocation.worth import going_ahead
from matching.errors import Infeasible, MatchingError
from matching.messages import Message

NODES = 2_000
LOCK_PRICE = 1_000.0


class TimeUp(MatchingError):
    """The time limit passed before it was known whether locks and quotas can all hold."""

    def __init__(self) -> None:
        super().__init__(
            Message("time-up", "The time limit passed before all locks and quotas could be satisfied.")
        )


def rescue(t: Instance, objective: Objective, clock: Clock, found: Found) -> Found:
    """An allocation that holds all locks and quotas, where the stages found none; else raises.

    Raises Infeasible with remedies, or TimeUp.
    """
    clock.tell("remedies", 0.8, Message("stage-remedies", "Finding out what keeps the locks from holding."))
    if not found.infeasible:
        involved = promised(t)
        model = build(t, objective, np.nonzero((t.capacity > 0) & involved[t.project])[0])
        exact = solve_integer(model, clock, gap=1.0, nodes=10 * NODES)
        if exact.x is not None:
            found.offer(t, objective, settled(model, exact.x, by_score(t)), "locks")
            if found.amount is not None:
                return found
    changes = remedies(t.problem, clock)
    if not changes:
        raise TimeUp
    raise Infeasible(
        Message("infeasible", "The locks and quotas cannot all hold."),
        [change.message for change in changes],
    )


@dataclass(frozen=True, slots=True)
class Change:
    """One limit that has to give way: which, by how much, and the sentence that says so."""

    rule: str
    key: str
    by: int
    message: Message
    offer: str | None = None


def remedies(problem: Problem, clock: Clock | None = None) -> list[Change]:
    """The changes with the least relative slack that let all locks and quotas hold; empty if unknown."""
    clock = clock or Clock(30.0, None)
    loose = canonical(_loosened(problem))
    involved = promised(loose)
    edges = np.nonzero((loose.capacity > 0) & involved[loose.project])[0]
    elastic = _elastic(problem, loose, build(loose, Objective(), edges, decide_all=True))
    result = solve_integer(elastic, clock, gap=0.0, nodes=NODES)
    if result.x is None:
        return []
    return _changes(problem, loose, settled(elastic, result.x, by_score(loose), refill=False))


def repaired(problem: Problem, changes: list[Change]) -> Problem:
    """The problem after these changes."""
    most, caps = dict(problem.most_projects), dict(problem.projects_cap)
    supplies = {s.id: s for s in problem.supplies}
    shared, quotas, locks = list(problem.shared_budgets), list(problem.quotas), list(problem.locks)
    for c in changes:
        if c.rule == "most-projects":
            most[c.key] += c.by
        elif c.rule == "organization-cap":
            caps[c.key] += c.by
        elif c.rule == "budget":
            supplies[c.key] = replace(supplies[c.key], amount=supplies[c.key].amount + c.by)
        elif c.rule == "shared-budget":
            shared = [SharedBudget(b.name, b.supplies, b.limit + c.by * (b.name == c.key)) for b in shared]
        elif c.rule == "quota":
            quotas = [Quota(q.name, q.projects, q.at_least - c.by * (q.name == c.key)) for q in quotas]
        else:
            locks = [k for k in locks if (k.project, k.offer) != (c.key, c.offer)]
    return replace(
        problem,
        most_projects=most,
        projects_cap=caps,
        shared_budgets=tuple(shared),
        quotas=tuple(quotas),
        supplies=tuple(supplies[s.id] for s in problem.supplies),
        locks=tuple(locks),
    )


def _loosened(problem: Problem) -> Problem:
    """Without the limits that may give way, budgets as large as could ever be used."""
    wanted = [0] * len(problem.supplies)
    for e in range(problem.edge_count):
        need = problem.demands[int(problem.edge_demand[e])].amount
        wanted[int(problem.edge_supply[e])] += -(
            -need * int(problem.edge_numerator[e]) // int(problem.edge_denominator[e])
        )
    supplies = tuple(
        replace(s, amount=max(s.amount, most, s.cheque_min))
        for s, most in zip(problem.supplies, wanted, strict=True)
    )
    return replace(
        problem,
        supplies=supplies,
        most_projects={},
        projects_cap={},
        already={},
        shared_budgets=(),
    )


def _elastic(problem: Problem, t: Instance, model: Model) -> Model:
    """The loosened model with the original limits put back, each with a slack that costs its share."""
    from scipy.sparse import csr_array, hstack, vstack

    rows, n = model.matrix.shape
    cost: list[float] = []
    slack_rows: list[int] = []
    slack_columns: list[int] = []
    right = [model.right]
    extra: list[csr_array] = []

    def slack(price: float) -> int:
        cost.append(-price * OBJECTIVE_SCALE)
        return int(n) + len(cost) - 1

    def limit(columns: Integers, values: Floats, most: float) -> None:
        """Σ values · columns ≤ most + slack, in shares of the limit."""
        scale = max(most, 1.0)
        extra.append(
            csr_array((values / scale, (np.zeros(len(columns), dtype=np.int64), columns)), shape=(1, n))
        )
        right.append(np.array([most / scale]))
        slack_rows.append(rows + len(extra) - 1)
        slack_columns.append(slack(1.0))

    edges = model.edges
    used = model.unit * t.use_rate[edges]
    supply_at = {s.id: s for s in problem.supplies}
    for j, name in enumerate(t.supply_ids):
        mine = np.nonzero(t.supply[edges] == j)[0]
        if len(mine):
            limit(mine, used[mine], supply_at[name].amount)
    for budget in problem.shared_budgets:
        members = [j for j, name in enumerate(t.supply_ids) if name in budget.supplies]
        mine = np.nonzero(np.isin(t.supply[edges], members))[0]
        limit(mine, used[mine], budget.limit)
    for k, offer in enumerate(t.offers):
        if offer in problem.most_projects:
            seats = model.seat[(t.seat_offer == k) & (model.seat >= 0)]
            limit(seats, np.ones(len(seats)), problem.most_projects[offer])
    for o, organization in enumerate(t.organizations):
        if organization in problem.projects_cap:
            own = model.y[(t.organization_of == o) & (model.y >= 0)]
            limit(own, np.ones(len(own)), _wins_left(problem, organization))
    lower = model.lower.copy()
    lock_slack = [slack(LOCK_PRICE) for _ in t.locks]
    for number, (p, _, _) in enumerate(t.locks):
        lower[model.y[p]] = 0.0
        extra.append(csr_array((np.array([-1.0]), (np.array([0]), model.y[[p]])), shape=(1, n)))
        right.append(np.array([-1.0]))
        slack_rows.append(rows + len(extra) - 1)
        slack_columns.append(lock_slack[number])
    for rule, start, keys, _ in model.groups:
        for at, key in enumerate(keys.tolist()):
            if rule == "lock":
                slack_rows.append(start + at)
                slack_columns.append(lock_slack[key])
            elif rule == "quota":
                slack_rows.append(start + at)
                slack_columns.append(slack(1.0 / max(1, t.quotas[key][2])))
    matrix = vstack([model.matrix, *extra], format="csr")
    slacks = csr_array(
        (np.full(len(slack_rows), -1.0), (np.array(slack_rows), np.array(slack_columns) - n)),
        shape=(matrix.shape[0], len(cost)),
    )
    flags = np.zeros(len(cost), dtype=bool)
    return replace(
        model,
        cost=np.concatenate([np.zeros(n), cost]),
        lower=np.concatenate([lower, np.zeros(len(cost))]),
        upper=np.concatenate([model.upper, np.full(len(cost), np.inf)]),
        integral=np.concatenate([model.integral, flags]),
        binary=np.concatenate([model.binary, flags]),
        matrix=csr_array(hstack([matrix, slacks], format="csr")),
        right=np.concatenate(right),
    )


def _wins_left(problem: Problem, organization: str) -> int:
    cap, before = problem.projects_cap[organization], problem.already.get(organization, 0)
    return int(cap - before) if cap > before else 0


def _changes(problem: Problem, t: Instance, amount: Integers) -> list[Change]:
    """What the whole amounts of the elastic solution exceed, limit by limit."""
    ahead = {t.projects[p] for p in np.nonzero(going_ahead(t, amount))[0]}
    used = summed(t.supply, t.use(amount), len(t.supply_ids))
    spent = dict(zip(t.supply_ids, used.tolist(), strict=True))
    served: dict[str, set[int]] = {}
    given: dict[tuple[int, int], int] = {}
    for e in np.nonzero(amount)[0].tolist():
        p, k = int(t.project[e]), int(t.offer_of[t.supply[e]])
        served.setdefault(t.offers[k], set()).add(p)
        given[p, k] = given.get((p, k), 0) + int(amount[e])
    changes = []
    for offer, most in sorted(problem.most_projects.items()):
        by = len(served.get(offer, ())) - most
        if by > 0:
            changes.append(
                Change(
                    "most-projects",
                    offer,
                    by,
                    Message(
                        "raise-most-projects",
                        "Raise the most projects of offer “{offer}” by {count}.",
                        offer=offer,
                        count=by,
                    ),
                )
            )
    owner = {d.project: d.organization for d in problem.demands}
    for organization in sorted(problem.projects_cap):
        wins = sum(owner[p] == organization for p in ahead)
        by = wins + problem.already.get(organization, 0) - problem.projects_cap[organization] if wins else 0
        if by > 0:
            changes.append(
                Change(
                    "organization-cap",
                    organization,
                    by,
                    Message(
                        "raise-organization-cap",
                        "Raise the cap of organization “{organization}” by {count}.",
                        organization=organization,
                        count=by,
                    ),
                )
            )
    for s in sorted(problem.supplies, key=lambda s: s.id):
        by = spent[s.id] - s.amount
        if by > 0:
            changes.append(
                Change(
                    "budget",
                    s.id,
                    by,
                    Message(
                        "raise-budget",
                        "Raise the amount of “{supply}” by {amount}.",
                        supply=s.id,
                        offer=s.offer,
                        amount=by,
                    ),
                )
            )
    for budget in problem.shared_budgets:
        by = sum(spent[s] for s in budget.supplies) - budget.limit
        if by > 0:
            changes.append(
                Change(
                    "shared-budget",
                    budget.name,
                    by,
                    Message(
                        "raise-shared-budget",
                        "Raise the shared budget “{name}” by {amount}.",
                        name=budget.name,
                        amount=by,
                    ),
                )
            )
    for quota in problem.quotas:
        by = quota.at_least - len(quota.projects & ahead)
        if by > 0:
            changes.append(
                Change(
                    "quota",
                    quota.name,
                    by,
                    Message("lower-quota", "Lower the quota “{name}” by {count}.", name=quota.name, count=by),
                )
            )
    for p, k, least in t.locks:
        project, offered = t.projects[p], t.offers[k] if k >= 0 else None
        if offered is None and project not in ahead:
            changes.append(
                Change(
                    "lock",
                    project,
                    1,
                    Message("drop-lock", "Give up the lock of “{project}”.", project=project),
                )
            )
        elif offered is not None and given.get((p, k), 0) < least:
            changes.append(
                Change(
                    "lock",
                    project,
                    1,
                    Message(
                        "drop-lock-pair",
                        "Give up the lock of “{project}” and “{offer}”.",
                        project=project,
                        offer=offered,
                    ),
                    offered,
                )
            )
    return changes
