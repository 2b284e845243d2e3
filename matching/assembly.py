"""From profiles and scored pairs to the allocation problem: resource lines become demands and supplies.

A need's money line with labour or administration parts becomes up to three demands, so that money given
without overhead pays the programme alone and people may stand in for the labour. Its minimum is asked of the
programme first, then of labour, then of administration.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.allocation import Demand, Edge, Lock, Problem, Quota, SharedBudget, Supply
from matching.profiles import MONEY
from matching.screening import kinds_between, line_carries, line_carries_labour
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from matching.profiles import Cooperation, Profile, ResourceLine
    from matching.rules import Rules

PROGRAMME, LABOUR, OVERHEAD = "programme", "labour", "overhead"
WHOLE = 100
"""Hundredths in one unit: people and pieces are given whole."""


@dataclass(frozen=True, slots=True)
class Part:
    """One demand of the problem, seen from the profile: which line of which need, and which part of it."""

    need: int
    line: int
    name: str
    amount: int
    minimum: int


def parts_of(need: Profile, number: int) -> Iterator[Part]:
    """The demands that the lines of a need become; `number` is the need's position."""
    for position, line in enumerate(need.lines):
        left = line.minimum
        programme = line.amount - line.labour - line.overhead
        for name, amount in ((PROGRAMME, programme), (LABOUR, line.labour), (OVERHEAD, line.overhead)):
            if amount:
                minimum = min(left, amount)
                left -= minimum
                yield Part(number, position, name, amount, minimum)


def carries(offer: Profile, offered: ResourceLine, needed: ResourceLine, part: str) -> bool:
    """Whether a line of the offer may be used for this part of a line of the need."""
    if part == LABOUR and line_carries_labour(offered, needed):
        return True
    if not line_carries(offered, needed):
        return False
    strings = offer.strings
    return not (
        (part == LABOUR and not strings.pays_labour) or (part == OVERHEAD and not strings.pays_overhead)
    )


def lines_meet(need: Profile, offer: Profile, rules: Rules) -> bool:
    """Whether any line of the offer could be given to any line of the need under the rules."""
    allowed = kinds_between(need.organization.kind, offer.organization.kind, rules)
    return any(
        offered.kind in allowed and (line_carries(offered, needed) or line_carries_labour(offered, needed))
        for needed in need.lines
        for offered in offer.lines
    )


@dataclass(frozen=True, slots=True)
class Assembly:
    """The problem and the way back: `parts[d]` of demand d, `lines[s]` = (offer, line) of supply s,
    `pairs[e]` = position of edge e's pair among the scored pairs, `units` by demand and supply id."""

    problem: Problem
    parts: tuple[Part, ...]
    lines: tuple[tuple[int, int], ...]
    pairs: tuple[int, ...]
    units: Mapping[str, str]


def assemble(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    pairs: Sequence[tuple[int, int]],
    scores: Sequence[int],
    rules: Rules,
    cooperations: Sequence[Cooperation],
    as_of: date,
) -> Assembly:
    """The problem of who gets what: `pairs` are positions (need, offer), `scores` in ten-thousandths."""
    parts = [part for number, need in enumerate(needs) for part in parts_of(need, number)]
    lines = [(number, line) for number, offer in enumerate(offers) for line in range(len(offer.lines))]
    of_need: dict[int, list[int]] = {}
    for position, part in enumerate(parts):
        of_need.setdefault(part.need, []).append(position)
    of_offer: dict[int, list[int]] = {}
    for position, (number, _) in enumerate(lines):
        of_offer.setdefault(number, []).append(position)

    edges: list[Edge] = []
    edge_pairs: list[int] = []
    for position, ((n, o), score) in enumerate(zip(pairs, scores, strict=True)):
        need, offer = needs[n], offers[o]
        allowed = kinds_between(need.organization.kind, offer.organization.kind, rules)
        for d in of_need[n]:
            needed = need.lines[parts[d].line]
            for s in of_offer[o]:
                offered = offer.lines[lines[s][1]]
                if offered.kind in allowed and carries(offer, offered, needed, parts[d].name):
                    edges.append(Edge(d, s, score, _rate(offered, needed)))
                    edge_pairs.append(position)

    used = _used(cooperations, as_of)
    demands = [_demand(needs[part.need], part) for part in parts]
    supplies = [_supply(offers[number], line, used) for number, line in lines]
    problem = Problem.of(
        demands,
        supplies,
        edges,
        most_projects={o.id: o.most_projects for o in offers if o.most_projects is not None},
        projects_cap=_projects_cap(needs, rules),
        already=_already(cooperations, as_of),
        project_cap=_project_cap(needs, rules),
        quotas=_quotas(needs, rules),
        shared_budgets=_shared_budgets(offers, rules, cooperations, as_of),
        locks=_locks(needs, offers, rules),
        coverage_bonus=rules.coverage_bonus,
    )
    units = {
        demand.id: needs[part.need].lines[part.line].unit for demand, part in zip(demands, parts, strict=True)
    }
    units |= {
        supply.id: offers[o].lines[line].unit for supply, (o, line) in zip(supplies, lines, strict=True)
    }
    return Assembly(problem, tuple(parts), tuple(lines), tuple(edge_pairs), units)


def _rate(offered: ResourceLine, needed: ResourceLine) -> tuple[int, int]:
    if offered.unit == needed.unit or offered.worth is None:
        return (1, 1)
    return (offered.amount, offered.worth.amount)


def _demand(need: Profile, part: Part) -> Demand:
    line = need.lines[part.line]
    return Demand(
        id=f"{need.id}/{part.line}/{part.name}",
        project=need.id,
        organization=need.organization.id,
        amount=part.amount,
        minimum=part.minimum,
        critical=line.critical and (part.name == PROGRAMME or part.minimum > 0),
        weight=part.amount / line.amount / len(need.lines),
        step=_step(line, part.amount),
        money=line.kind == MONEY,
    )


def _step(line: ResourceLine, amount: int) -> int:
    if line.unit == "project":
        return amount
    return WHOLE if amount % WHOLE == 0 else 1


def _supply(offer: Profile, line: int, used: Mapping[tuple[str, str], int]) -> Supply:
    offered = offer.lines[line]
    return Supply(
        id=f"{offer.id}/{line}",
        offer=offer.id,
        organization=offer.organization.id,
        amount=max(0, offered.amount - used.get((offer.id, offered.unit), 0)),
        cheque_min=offered.cheque_min,
        cheque_max=offered.cheque_max,
    )


def _used(cooperations: Sequence[Cooperation], as_of: date) -> dict[tuple[str, str], int]:
    """By offer and unit: what known cooperations of the year have taken from it."""
    used: dict[tuple[str, str], int] = {}
    for cooperation in cooperations:
        if cooperation.offer and cooperation.quantity and _this_year(cooperation, as_of):
            key = (cooperation.offer, cooperation.quantity.unit)
            used[key] = used.get(key, 0) + cooperation.quantity.amount
    return used


def _this_year(cooperation: Cooperation, as_of: date) -> bool:
    return cooperation.signed is not None and cooperation.signed.year == as_of.year


def _projects_cap(needs: Sequence[Profile], rules: Rules) -> dict[str, int]:
    if rules.projects_per_organization is None:
        return {}
    return {need.organization.id: rules.projects_per_organization for need in needs}


def _already(cooperations: Sequence[Cooperation], as_of: date) -> dict[str, int]:
    """By organization: projects won this year; several sponsors of one project count once."""
    won = {(c.need_organization, c.title or c.id) for c in cooperations if _this_year(c, as_of)}
    already: dict[str, int] = {}
    for organization, _ in sorted(won):
        already[organization] = already.get(organization, 0) + 1
    return already


def _project_cap(needs: Sequence[Profile], rules: Rules) -> dict[str, int]:
    cap = rules.project_cap
    if cap is None:
        return {}
    return {
        need.id: cap.amount
        for need in needs
        if any(line.kind == MONEY and line.unit == cap.unit for line in need.lines)
    }


def _locks(needs: Sequence[Profile], offers: Sequence[Profile], rules: Rules) -> list[Lock]:
    """A locked offer gives its share of the first line it can carry, and not a token.

    Offers locked to one need share what its line asks for at least, needs locked to one offer share what
    that has; the smaller of the two is what the lock holds.
    """
    of_need = Counter(need for need, _ in rules.locks)
    of_offer = Counter(offer for _, offer in rules.locks)
    by_id = {profile.id: profile for profile in (*needs, *offers)}
    return [
        Lock(
            need,
            offer,
            max(1, _carried(by_id[need], by_id[offer]) // max(of_need[need], of_offer[offer])),
        )
        for need, offer in rules.locks
    ]


def _carried(need: Profile, offer: Profile) -> int:
    """How much of its least amount the offer could give to the first line of the need it fits."""
    for needed in need.lines:
        for offered in offer.lines:
            if line_carries(offered, needed):
                programme = needed.amount - needed.labour - needed.overhead
                most = offered.amount if offered.cheque_max is None else offered.cheque_max
                return min(needed.minimum or programme, programme, offered.amount, most)
    return 1


def _quotas(needs: Sequence[Profile], rules: Rules) -> list[Quota]:
    vocabulary = default_vocabulary()
    return [
        Quota(
            quota.code,
            frozenset(
                need.id
                for need in needs
                if any(
                    vocabulary.within(quota.scheme, code, frozenset({quota.code}))
                    for code in getattr(need, quota.scheme)
                )
            ),
            quota.at_least,
        )
        for quota in rules.quotas
    ]


def _shared_budgets(
    offers: Sequence[Profile], rules: Rules, cooperations: Sequence[Cooperation], as_of: date
) -> list[SharedBudget]:
    used = _used(cooperations, as_of)
    return [
        SharedBudget(
            budget.name,
            frozenset(
                f"{offer.id}/{line}"
                for offer in offers
                if offer.id in budget.offers
                for line, offered in enumerate(offer.lines)
                if offered.unit == budget.limit.unit
            ),
            max(0, budget.limit.amount - sum(used.get((o, budget.limit.unit), 0) for o in budget.offers)),
        )
        for budget in rules.budgets
    ]
