"""What a match run says: pairings with reasons, who got nothing and why, and the certificate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.messages import Quantity

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.allocation import Certificate
    from matching.messages import Message
    from matching.profiles import Profile
    from matching.rules import Rules
    from matching.screening import Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Gift:
    """What one line of an offer gives to one line of a need: `quantity` in the need's unit, `used` in the
    offer's. `part` says what of a sum of money it pays: programme, labour or overhead."""

    need_line: int
    offer_line: int
    kind: str
    part: str
    quantity: Quantity
    used: Quantity


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """One offer carrying one need, wholly or in part. `score` in [0, 1] is the sum of `parts`."""

    need: Profile
    offer: Profile
    gifts: tuple[Gift, ...]
    score: float
    need_side: float
    offer_side: float
    parts: Mapping[str, float]
    evidence: tuple[Message, ...]
    flags: tuple[Message, ...] = ()

    @property
    def amounts(self) -> tuple[Quantity, ...]:
        """What is given, one quantity for each unit, in the order of the need's lines."""
        totals: dict[str, int] = {}
        for gift in self.gifts:
            totals[gift.used.unit] = totals.get(gift.used.unit, 0) + gift.used.amount
        return tuple(Quantity(amount, unit) for unit, amount in totals.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """What is still missing of a line of a project that goes ahead."""

    need: Profile
    line: int
    part: str
    missing: Quantity
    message: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Unmatched:
    """A need or an offer that got nothing: why, and what would have changed it."""

    profile: Profile
    reason: Message
    remedy: Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Matching:
    """The result of a match run, reproducible from its certificate's seed and fingerprint."""

    needs: tuple[Profile, ...]
    offers: tuple[Profile, ...]
    rules: Rules
    pairings: tuple[Pairing, ...]
    shortfalls: tuple[Shortfall, ...]
    unmatched: tuple[Unmatched, ...]
    idle: tuple[Unmatched, ...]
    """Offers of which nothing was used."""
    refused: Mapping[str, Refusal]
    """By profile id: needs and offers that the rules kept out; the needs are in `unmatched` too."""
    certificate: Certificate

    def of_need(self, need_id: str) -> tuple[Pairing, ...]:
        """The pairings of one need, the largest score first."""
        return tuple(p for p in self.pairings if p.need.id == need_id)
