"""What an allocation is worth, counted from its whole amounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.instance import Floats, Instance, Mask, summed

if TYPE_CHECKING:
    from matching.allocation.model import Objective
    from matching.allocation.problem import Integers


def going_ahead(t: Instance, amount: Integers) -> Mask:
    """By project: whether it gets anything."""
    return summed(t.project, amount, len(t.projects)) > 0


def total(t: Instance, amount: Integers) -> float:
    """Σ weight · score · share: 1 is one line fully served with score 1."""
    return float((t.gain * amount).sum())


def favours(t: Instance, amount: Integers) -> float:
    """Σ weight · favour · share: what counts in the objective beside the total."""
    return float(((t.merit - t.value) * amount / t.amount[t.demand]).sum()) if t.favour.any() else 0.0


def coverage(t: Instance, amount: Integers) -> float:
    """β's count: 1 for each project with a minimum that goes ahead; for the others, the mean share
    reached over the lines, since with no minimum going ahead is a matter of degree."""
    share = t.share(amount)
    mean = np.bincount(t.project_of, weights=share, minlength=len(t.projects)) / np.maximum(t.lines, 1)
    return float(np.where(t.has_minimum, going_ahead(t, amount), mean).sum())


def first_seats(t: Instance, amount: Integers) -> float:
    """Σ over organizations of min(1, shares of their lines): the first full line's worth."""
    shares = np.bincount(
        t.organization_of[t.project_of], weights=t.share(amount), minlength=len(t.organizations)
    )
    return float(np.minimum(1.0, shares).sum())


def satisfaction(t: Instance, amount: Integers) -> Floats:
    """By organization: u_o = Σ weight · score · share over its lines."""
    gained: Floats = t.gain * amount
    owner = t.organization_of[t.project]
    return np.bincount(owner, weights=gained, minlength=len(t.organizations)).astype(np.float64)


def worth(t: Instance, objective: Objective, amount: Integers) -> float:
    """The value of the objective that is maximised."""
    value = objective.score_share * (
        total(t, amount) + favours(t, amount) + t.problem.coverage_bonus * coverage(t, amount)
    )
    if objective.first_seat > 0:
        value += objective.first_seat * first_seats(t, amount)
    if objective.raise_worst is not None:
        value += float(satisfaction(t, amount)[objective.raise_worst].min(initial=np.inf))
    return value


def keeps_promises(t: Instance, objective: Objective, amount: Integers) -> bool:
    """Whether locks, quotas and satisfaction floors hold, the rules that call for more rather than less."""
    ahead = going_ahead(t, amount)
    if any(ahead[members].sum() < least for _, members, least in t.quotas):
        return False
    for p, k, least in t.locks:
        mine = (t.project == p) & ((k < 0) | (t.offer_of[t.supply] == k))
        if amount[mine].sum() < (1 if k < 0 else least):
            return False
    if objective.floors is None:
        return True
    return bool((satisfaction(t, amount) >= objective.floors - 1e-6).all())
