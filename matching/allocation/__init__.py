"""Who gets how much from whom: exact amounts, provably good, the same every time."""

from matching.allocation.allocation import FIRST_SEAT, allocate
from matching.allocation.certificate import Certificate, certificate, fingerprint
from matching.allocation.continuity import allocate_near
from matching.allocation.explanation import Explanation, explain
from matching.allocation.infeasibility import Change, TimeUp, remedies, repaired
from matching.allocation.problem import (
    Allocation,
    Demand,
    Edge,
    Fairness,
    Lock,
    Problem,
    Quota,
    SharedBudget,
    Supply,
)
from matching.allocation.solver import Cancelled
from matching.allocation.verification import BrokenAllocation, Violation, verify

__all__ = [
    "FIRST_SEAT",
    "Allocation",
    "BrokenAllocation",
    "Cancelled",
    "Certificate",
    "Change",
    "Demand",
    "Edge",
    "Explanation",
    "Fairness",
    "Lock",
    "Problem",
    "Quota",
    "SharedBudget",
    "Supply",
    "TimeUp",
    "Violation",
    "allocate",
    "allocate_near",
    "certificate",
    "explain",
    "fingerprint",
    "remedies",
    "repaired",
    "verify",
]
