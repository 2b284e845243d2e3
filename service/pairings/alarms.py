"""Organizations that would leave a round with nothing: nobody overlooks them before a result is released."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matching.outcome import Matching, Unmatched
    from matching.profiles import Organization


@dataclass(frozen=True, slots=True)
class Alarm:
    """One organization without any pairing, and why each of its needs and offers has none."""

    organization: Organization
    items: tuple[Unmatched, ...]


def left_with_nothing(matching: Matching) -> list[Alarm]:
    """The organizations that took part and get nothing, by name."""
    served = {side.organization.id for pairing in matching.pairings for side in (pairing.need, pairing.offer)}
    left: dict[str, list[Unmatched]] = {}
    for item in (*matching.unmatched, *matching.idle):
        if item.profile.organization.id not in served:
            left.setdefault(item.profile.organization.id, []).append(item)
    found = [Alarm(items[0].profile.organization, tuple(items)) for items in left.values()]
    return sorted(found, key=lambda alarm: (alarm.organization.name, alarm.organization.id))
