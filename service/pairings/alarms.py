"""Organizations that would leave a round with nothing: nobody overlooks them before a result is released."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from service.pairings.trying import suggested

if TYPE_CHECKING:
    from matching.outcome import Matching, Unmatched
    from matching.profiles import Organization
    from service.rounds.models import Round


@dataclass(frozen=True, slots=True)
class Alarm:
    """One organization without any pairing, and why each of its needs and offers has none.

    `cheapest` is the first whose remedy a rule of the round could bring about, else the first; `changes` is
    the what-if that tries it.
    """

    organization: Organization
    items: tuple[Unmatched, ...]
    cheapest: Unmatched
    changes: dict[str, Any] | None


def left_with_nothing(one: Round, matching: Matching) -> list[Alarm]:
    """The organizations that took part and get nothing, by name."""
    served = {side.organization.id for pairing in matching.pairings for side in (pairing.need, pairing.offer)}
    left: dict[str, list[Unmatched]] = {}
    for item in (*matching.unmatched, *matching.idle):
        if item.profile.organization.id not in served:
            left.setdefault(item.profile.organization.id, []).append(item)
    found = [_alarm(one, tuple(items)) for items in left.values()]
    return sorted(found, key=lambda alarm: (alarm.organization.name, alarm.organization.id))


def _alarm(one: Round, items: tuple[Unmatched, ...]) -> Alarm:
    for item in items:
        if (changes := suggested(one, item.remedy, item.profile.side)) is not None:
            return Alarm(item.profile.organization, items, item, changes)
    return Alarm(items[0].profile.organization, items, items[0], None)
