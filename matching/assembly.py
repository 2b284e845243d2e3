"""From profiles and scored pairs to the allocation problem: resource lines become demands and supplies.

A need's money line with labour or administration parts becomes up to three demands, so that money given
without overhead pays the programme alone and people may stand in for the labour. Its minimum is asked of the
programme first, then of labour, then of administration.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation import Demand, Edge, Lock, Problem, Quota, SharedBudget, Supply
from matching.profiles import MONEY
from matching.scoring import SCALE
from matching.screening import kinds_between, line_carries, line_carries_labour
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from matching.profiles import Cooperation, Profile, ResourceLine
    from matching.rules import GivenAmount, Rules

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
class Source:
    """One supply of the problem, seen from the profile: which line of which offer, how much of it, and for
    which need alone where that was set by hand."""

    offer: int
    line: int
    amount: int
    need: str = ""


def sources_of(
    needs: Sequence[Profile], offers: Sequence[Profile], rules: Rules, used: Mapping[tuple[str, str], int]
) -> list[Source]:
    """The supplies that the lines of the offers become; what was set by hand is taken out of the rest."""
    by_id = {need.id: need for need in needs}
    found = []
    for number, offer in enumerate(offers):
        left = [max(0, line.amount - used.get((offer.id, line.unit), 0)) for line in offer.lines]
        for given in rules.amounts:
            if given.offer == offer.id and given.need in by_id:
                line = line_of_unit(offer, by_id[given.need], given.unit)
                if line is not None:
                    amount = min(given.amount, left[line])
                    left[line] -= amount
                    found.append(Source(number, line, amount, given.need))
        found += [Source(number, line, amount) for line, amount in enumerate(left)]
    return found


def line_of_unit(offer: Profile, need: Profile, unit: str) -> int | None:
    """The line of the offer that counts in this unit and can be given to the need."""
    for number, offered in enumerate(offer.lines):
        if offered.unit == unit and any(
            line_carries(offered, needed) or line_carries_labour(offered, needed) for needed in need.lines
        ):
            return number
    return None


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
    used = _used(cooperations, as_of)
    sources = sources_of(needs, offers, rules, used)
    reserved = {(source.offer, source.line, source.need) for source in sources if source.need}
    of_need: dict[int, list[int]] = {}
    for position, part in enumerate(parts):
        of_need.setdefault(part.need, []).append(position)
    of_offer: dict[int, list[int]] = {}
    for position, source in enumerate(sources):
        of_offer.setdefault(source.offer, []).append(position)

    edges: list[Edge] = []
    edge_pairs: list[int] = []
    favours: list[int] = []
    for position, ((n, o), score) in enumerate(zip(pairs, scores, strict=True)):
        need, offer = needs[n], offers[o]
        allowed = kinds_between(need.organization.kind, offer.organization.kind, rules)
        favour = _second_chance(need, offer, rules)
        for d in of_need[n]:
            needed = need.lines[parts[d].line]
            for s in of_offer[o]:
                source = sources[s]
                if source.need != (need.id if (o, source.line, need.id) in reserved else ""):
                    continue
                offered = offer.lines[source.line]
                if offered.kind in allowed and carries(offer, offered, needed, parts[d].name):
                    edges.append(Edge(d, s, score, _rate(offered, needed)))
                    edge_pairs.append(position)
                    favours.append(favour)

    demands = [_demand(needs[part.need], part) for part in parts]
    supplies = [_supply(offers[source.offer], source) for source in sources]
    problem = Problem.of(
        demands,
        supplies,
        edges,
        most_projects={o.id: o.most_projects for o in offers if o.most_projects is not None},
        projects_cap=_projects_cap(needs, rules),
        already=_already(cooperations, as_of),
        project_cap=_project_cap(needs, rules),
        quotas=_quotas(needs, rules),
        shared_budgets=_shared_budgets(offers, sources, rules, used),
        locks=_locks(needs, offers, rules),
        coverage_bonus=rules.coverage_bonus,
        edge_favour=np.array(favours, dtype=np.int64) if any(favours) else None,
    )
    units = {
        demand.id: needs[part.need].lines[part.line].unit for demand, part in zip(demands, parts, strict=True)
    }
    units |= {
        supply.id: offers[source.offer].lines[source.line].unit
        for supply, source in zip(supplies, sources, strict=True)
    }
    lines = tuple((source.offer, source.line) for source in sources)
    return Assembly(problem, tuple(parts), lines, tuple(edge_pairs), units)


def _second_chance(need: Profile, offer: Profile, rules: Rules) -> int:
    """What the pair counts beside its score for sides whose organization left its last round with nothing."""
    sides = (need.organization.left_out > 0) + (offer.organization.left_out > 0)
    return round(rules.second_chance * SCALE) * sides


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


def _supply(offer: Profile, source: Source) -> Supply:
    offered = offer.lines[source.line]
    return Supply(
        id=supply_id(offer.id, source.line, source.need),
        offer=offer.id,
        organization=offer.organization.id,
        amount=source.amount,
        cheque_min=offered.cheque_min,
        cheque_max=offered.cheque_max,
    )


def supply_id(offer: str, line: int, need: str = "") -> str:
    """The id of a supply; `need`: of what is set by hand for that need."""
    return f"{offer}/{line}/{need}" if need else f"{offer}/{line}"


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
    that has; the smaller of the two is what the lock holds. Where an amount is set by hand, it is that.
    """
    by_hand = {(given.need, given.offer): given for given in rules.amounts}
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
        if (need, offer) not in by_hand
    ] + [
        Lock(need, offer, _in_demand(by_id[need], by_id[offer], given))
        for (need, offer), given in by_hand.items()
        if need in by_id and offer in by_id
    ]


def _in_demand(need: Profile, offer: Profile, given: GivenAmount) -> int:
    """An amount set by hand in the unit of the line that it is given to."""
    line = line_of_unit(offer, need, given.unit)
    if line is None:
        return given.amount
    offered = offer.lines[line]
    needed = next(
        one for one in need.lines if line_carries(offered, one) or line_carries_labour(offered, one)
    )
    up, down = _rate(offered, needed)
    return max(1, given.amount * down // up)


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
    offers: Sequence[Profile],
    sources: Sequence[Source],
    rules: Rules,
    used: Mapping[tuple[str, str], int],
) -> list[SharedBudget]:
    return [
        SharedBudget(
            budget.name,
            frozenset(
                supply_id(offers[source.offer].id, source.line, source.need)
                for source in sources
                if offers[source.offer].id in budget.offers
                and offers[source.offer].lines[source.line].unit == budget.limit.unit
            ),
            max(0, budget.limit.amount - sum(used.get((o, budget.limit.unit), 0) for o in budget.offers)),
        )
        for budget in rules.budgets
    ]
