"""Does an allocation keep every rule? Counted again from the problem itself, in whole numbers.

Independent of everything that builds allocations: it shares no code with the model or the bookkeeping,
reads only the problem and the amounts, and never rounds.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.errors import MatchingError
from matching.messages import Message

if TYPE_CHECKING:
    from matching.allocation.problem import Allocation, Problem


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that is broken: which (`rule`), where (`subject`), and by how much in words."""

    rule: str
    subject: str
    message: Message

    def __str__(self) -> str:
        return f"{self.rule} {self.subject}: {self.message}"


class BrokenAllocation(MatchingError):
    """The library produced something its own verification refuses; nothing of it may be shown."""

    def __init__(self, violations: list[Violation]) -> None:
        super().__init__(
            Message("broken-allocation", "The allocation breaks {count} rules.", count=len(violations))
        )
        self.violations = tuple(violations)

    def __str__(self) -> str:
        return "\n".join([str(self.message), *map(str, self.violations)])


def verify(problem: Problem, allocation: Allocation) -> list[Violation]:
    """Every rule of the problem that the allocation breaks; an empty list if it keeps them all."""
    found: list[Violation] = []
    if len(allocation.amount) != problem.edge_count or len(allocation.used) != problem.edge_count:
        return [
            _broken(
                "length",
                "edges",
                "{got} amounts for {count} pairs",
                len(allocation.amount),
                problem.edge_count,
            )
        ]
    gifts: list[tuple[int, int, int, int]] = []
    for edge in allocation.amount.nonzero()[0] if len(allocation.amount) else ():
        i, j = int(problem.edge_demand[edge]), int(problem.edge_supply[edge])
        amount, used = int(allocation.amount[edge]), int(allocation.used[edge])
        up, down = int(problem.edge_numerator[edge]), int(problem.edge_denominator[edge])
        pair = f"{problem.demands[i].id} = {problem.supplies[j].id}"
        if amount < 0:
            found.append(_broken("amount", pair, "{got} is below {limit}", amount, 0))
        if amount % problem.demands[i].step:
            found.append(
                _broken("step", pair, "{got} is no multiple of {limit}", amount, problem.demands[i].step)
            )
        if not used * down >= amount * up > (used - 1) * down:
            found.append(_broken("rate", pair, "uses {got}; {limit} is given", used, amount))
        gifts.append((i, j, amount, used))
    for edge in allocation.used.nonzero()[0]:
        if allocation.amount[edge] == 0:
            i, j = int(problem.edge_demand[edge]), int(problem.edge_supply[edge])
            found.append(
                _broken(
                    "rate",
                    f"{problem.demands[i].id} = {problem.supplies[j].id}",
                    "uses {got}; {limit} is given",
                    int(allocation.used[edge]),
                    0,
                )
            )
    found += _demands(problem, allocation, gifts)
    found += _supplies(problem, gifts)
    found += _counts(problem, gifts)
    return found


def checked(problem: Problem, allocation: Allocation) -> Allocation:
    """The allocation itself, if it keeps every rule; raises BrokenAllocation otherwise."""
    violations = verify(problem, allocation)
    if violations:
        raise BrokenAllocation(violations)
    return allocation


def _broken(rule: str, subject: str, template: str, got: int, limit: int) -> Violation:
    return Violation(rule, subject, Message(f"broken-{rule}", template, got=got, limit=limit, count=limit))


def _demands(
    problem: Problem, allocation: Allocation, gifts: list[tuple[int, int, int, int]]
) -> list[Violation]:
    found = []
    received = [0] * len(problem.demands)
    money: dict[str, int] = defaultdict(int)
    for i, _, amount, _ in gifts:
        received[i] += amount
        if problem.demands[i].money:
            money[problem.demands[i].project] += amount
    served = {d.project for d, got in zip(problem.demands, received, strict=True) if got > 0}
    for d, got in zip(problem.demands, received, strict=True):
        if got > d.amount:
            found.append(_broken("need", d.id, "gets {got}, more than {limit}", got, d.amount))
        short = got < d.minimum
        if short and (got > 0 or (d.critical and d.project in served)):
            found.append(_broken("minimum", d.id, "gets {got}, less than {limit}", got, d.minimum))
    for project, limit in problem.project_cap.items():
        if money[project] > limit:
            found.append(
                _broken("project-cap", project, "gets {got}, more than {limit}", money[project], limit)
            )
    if served != allocation.projects:
        found.append(
            _broken(
                "projects",
                "list",
                "{got} projects go ahead, {limit} are listed",
                len(served),
                len(allocation.projects),
            )
        )
    return found


def _supplies(problem: Problem, gifts: list[tuple[int, int, int, int]]) -> list[Violation]:
    found = []
    spent: dict[str, int] = defaultdict(int)
    cheques: dict[tuple[int, str], int] = defaultdict(int)
    for i, j, _, used in gifts:
        spent[problem.supplies[j].id] += used
        cheques[j, problem.demands[i].project] += used
    found += [
        _broken("budget", s.id, "gives {got}, more than {limit}", spent[s.id], s.amount)
        for s in problem.supplies
        if spent[s.id] > s.amount
    ]
    for (j, project), cheque in cheques.items():
        s = problem.supplies[j]
        if 0 < cheque < s.cheque_min:
            found.append(
                _broken(
                    "cheque-minimum",
                    f"{s.id} → {project}",
                    "{got} is less than {limit}",
                    cheque,
                    s.cheque_min,
                )
            )
        if s.cheque_max is not None and cheque > s.cheque_max:
            found.append(
                _broken(
                    "cheque-maximum",
                    f"{s.id} → {project}",
                    "{got} is more than {limit}",
                    cheque,
                    s.cheque_max,
                )
            )
    for budget in problem.shared_budgets:
        together = sum(spent[supply] for supply in budget.supplies)
        if together > budget.limit:
            found.append(
                _broken(
                    "shared-budget", budget.name, "gives {got}, more than {limit}", together, budget.limit
                )
            )
    return found


def _counts(problem: Problem, gifts: list[tuple[int, int, int, int]]) -> list[Violation]:
    found = []
    by_offer: dict[str, set[str]] = defaultdict(set)
    by_organization: dict[str, set[str]] = defaultdict(set)
    given: dict[tuple[str, str], int] = defaultdict(int)
    served: set[str] = set()
    for i, j, amount, _ in gifts:
        d, offer = problem.demands[i], problem.supplies[j].offer
        served.add(d.project)
        by_offer[offer].add(d.project)
        by_organization[d.organization].add(d.project)
        given[d.project, offer] += amount
    for offer, limit in problem.most_projects.items():
        if len(by_offer[offer]) > limit:
            found.append(
                _broken(
                    "most-projects",
                    offer,
                    "serves {got} projects, more than {limit}",
                    len(by_offer[offer]),
                    limit,
                )
            )
    for organization, limit in problem.projects_cap.items():
        new, before = len(by_organization[organization]), problem.already.get(organization, 0)
        if new and new + before > limit:
            found.append(
                _broken(
                    "organization-cap",
                    organization,
                    "has {got} projects, more than {limit}",
                    new + before,
                    limit,
                )
            )
    found += [
        _broken(
            "quota",
            q.name,
            "{got} projects go ahead, fewer than {limit}",
            len(q.projects & served),
            q.at_least,
        )
        for q in problem.quotas
        if len(q.projects & served) < q.at_least
    ]
    for lock in problem.locks:
        if lock.project not in served:
            found.append(_broken("lock", lock.project, "goes ahead {got} times, not {limit}", 0, 1))
        elif lock.offer is not None and given[lock.project, lock.offer] < max(1, lock.at_least):
            found.append(
                _broken(
                    "lock",
                    f"{lock.project} = {lock.offer}",
                    "gets {got}, less than {limit}",
                    given[lock.project, lock.offer],
                    max(1, lock.at_least),
                )
            )
    return found
