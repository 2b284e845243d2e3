"""Two results of a round side by side: pairs kept, gone, new and changed; who gains and who loses."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from matching.messages import Quantity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from matching.outcome import Matching, Pairing
    from matching.profiles import Organization, Profile


@dataclass(frozen=True, slots=True)
class Change:
    """One pair in both results, or in one of them."""

    need: Profile
    offer: Profile
    before: Pairing | None
    after: Pairing | None


@dataclass(frozen=True, slots=True)
class Balance:
    """What one organization gets (or gives) in one unit, before and after."""

    organization: Organization
    before: Quantity
    after: Quantity

    @property
    def gains(self) -> bool:
        """Whether it is more than before."""
        return self.after.amount > self.before.amount


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that differs between two results. `needs` and `offers`: organizations whose sum changes."""

    kept: tuple[Change, ...]
    changed: tuple[Change, ...]
    gone: tuple[Change, ...]
    new: tuple[Change, ...]
    needs: tuple[Balance, ...]
    offers: tuple[Balance, ...]

    @property
    def same(self) -> bool:
        """Whether nothing differs."""
        return not (self.changed or self.gone or self.new)


def compared(before: Matching, after: Matching) -> Comparison:
    """What differs from `before` to `after`."""
    old, new = _by_pair(before), _by_pair(after)
    pairs = [
        Change(
            (old.get(pair) or new[pair]).need,
            (old.get(pair) or new[pair]).offer,
            old.get(pair),
            new.get(pair),
        )
        for pair in sorted(old.keys() | new.keys())
    ]
    both = [one for one in pairs if one.before and one.after]
    return Comparison(
        kept=tuple(one for one in both if _amounts(one.before) == _amounts(one.after)),
        changed=tuple(one for one in both if _amounts(one.before) != _amounts(one.after)),
        gone=tuple(one for one in pairs if one.after is None),
        new=tuple(one for one in pairs if one.before is None),
        needs=_balances(before.pairings, after.pairings, side="need"),
        offers=_balances(before.pairings, after.pairings, side="offer"),
    )


def _by_pair(matching: Matching) -> dict[tuple[str, str], Pairing]:
    return {(one.need.id, one.offer.id): one for one in matching.pairings}


def _amounts(pairing: Pairing | None) -> frozenset[Quantity]:
    return frozenset(pairing.amounts) if pairing else frozenset()


def _balances(before: Iterable[Pairing], after: Iterable[Pairing], *, side: str) -> tuple[Balance, ...]:
    """By organization and unit: the sums where they differ; who gains first, largest differences first."""
    organizations: dict[str, Organization] = {}
    sums: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for column, pairings in enumerate((before, after)):
        for one in pairings:
            owner: Organization = getattr(one, side).organization
            organizations[owner.id] = owner
            for amount in one.amounts:
                sums[owner.id, amount.unit][column] += amount.amount
    found = [
        Balance(organizations[uid], Quantity(old, unit), Quantity(new, unit))
        for (uid, unit), (old, new) in sums.items()
        if old != new
    ]
    return tuple(
        sorted(
            found,
            key=lambda one: (
                not one.gains,
                -abs(one.after.amount - one.before.amount),
                one.organization.name,
                one.organization.id,
            ),
        )
    )
