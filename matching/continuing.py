"""Matching a round again: what an earlier result gave, seen from the problem as it is now."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation import allocate, allocate_near, fingerprint, verify
from matching.allocation.continuity import allocation_of
from matching.assembly import supply_id

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching.allocation import Allocation
    from matching.allocation.problem import Integers
    from matching.allocation.solver import Progress
    from matching.assembly import Assembly
    from matching.outcome import Matching, Pairing
    from matching.rules import Rules

SAME = 1e-6
"""Objectives that differ by less are the same."""


def shared_out(
    assembly: Assembly, rules: Rules, earlier: Matching | None, progress: Progress
) -> tuple[Allocation, float | None]:
    """Who gets what, and what staying near the earlier result costs (None: there is nothing to stay near).

    The very same problem has the very same result, amounts included. Raises what `allocate` raises.
    """
    problem = assembly.problem
    before = amounts(assembly, earlier.pairings) if earlier is not None and rules.keep else None
    if earlier is None or before is None or not before.any():
        found = allocate(
            problem,
            fairness=rules.fairness,
            seed=rules.seed,
            time_limit=rules.time_limit,
            progress=progress,
        )
        return found, None
    if (same := _unchanged(assembly, rules, earlier, before)) is not None:
        return same, earlier.certificate.keep_price or 0.0
    return allocate_near(
        problem,
        before,
        rules.keep,
        fairness=rules.fairness,
        seed=rules.seed,
        time_limit=rules.time_limit,
        progress=progress,
    )


def amounts(assembly: Assembly, pairings: Iterable[Pairing]) -> Integers:
    """By edge of the problem: what these pairings give over it, as far as it is there."""
    problem = assembly.problem
    demands = {demand.id: number for number, demand in enumerate(problem.demands)}
    supplies = {supply.id: number for number, supply in enumerate(problem.supplies)}
    places = {
        pair: edge
        for edge, pair in enumerate(
            zip(problem.edge_demand.tolist(), problem.edge_supply.tolist(), strict=True)
        )
    }
    found = np.zeros(problem.edge_count, dtype=np.int64)
    for pairing in pairings:
        for gift in pairing.gifts:
            demand = demands.get(f"{pairing.need.id}/{gift.need_line}/{gift.part}")
            for owner in (pairing.need.id, ""):
                supply = supplies.get(supply_id(pairing.offer.id, gift.offer_line, owner))
                if demand is not None and supply is not None and (demand, supply) in places:
                    found[places[demand, supply]] += gift.quantity.amount
                    break
    return found


def _unchanged(assembly: Assembly, rules: Rules, earlier: Matching, before: Integers) -> Allocation | None:
    """The earlier allocation, if it was made for this very problem and has not been touched since."""
    problem, known = assembly.problem, earlier.certificate
    if known.time_limit_hit or known.fingerprint != fingerprint(problem, rules.seed, rules.fairness):
        return None
    same = allocation_of(problem, before, rules.fairness, rules.seed)
    if abs(same.objective - known.objective) > SAME or verify(problem, same):
        return None
    return replace(same, bound=known.bound, stage=known.stage, prices=known.prices)
