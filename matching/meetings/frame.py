"""What a timetable must fit into, and whether one does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from math import ceil
from typing import TYPE_CHECKING

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


@dataclass(frozen=True, slots=True)
class Meeting:
    """Two organizations that should meet; `priority` (a whole number from 1) is what that is worth."""

    id: str
    organizations: tuple[str, str]
    priority: int = 1


@dataclass(frozen=True, slots=True)
class Place:
    """When and where: positions from 0."""

    slot: int
    table: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a timetable must fit into."""

    slots: int
    tables: tuple[str, ...]
    """Their names."""
    absent: Mapping[str, frozenset[int]] = field(default_factory=dict)
    """By organization: the slots in which it cannot come."""
    fixed: Mapping[str, Place] = field(default_factory=dict)
    """By meeting: set by hand, or over already. It stays where it is."""
    before: Mapping[str, Place] = field(default_factory=dict)
    """By meeting: where people have been told that it is. It is changed only where that gains something."""
    over: int = 0
    """So many slots at the beginning take in nothing more."""


@dataclass(frozen=True, slots=True)
class Clash:
    """Why a meeting cannot be where it is."""

    meeting: str
    message: Message


def slots_needed(meetings: Iterable[Meeting], tables: int) -> int:
    """How many slots are enough where everybody can always come (König 1916).

    One side needs and the other offers; where an organization does both, one slot more may be needed.
    """
    listed = list(meetings)
    busiest = max(Counter(one for meeting in listed for one in meeting.organizations).values(), default=0)
    return max(busiest, ceil(len(listed) / tables))


def verify(
    meetings: Iterable[Meeting], frame: Frame, places: Mapping[str, Place], *, only: str | None = None
) -> tuple[Clash, ...]:
    """Everything that is wrong with a timetable; `only`: with the place of one meeting.

    It knows nothing of how timetables are made, and judges those made by hand as well.
    """
    by_id = {one.id: one for one in meetings}
    found = []
    at_table: dict[Place, str] = {}
    in_slot: dict[tuple[str, int], str] = {}
    order = sorted(places, key=lambda id_: (id_ == only, id_))
    for id_ in order:
        place = places[id_]
        if not (0 <= place.slot < frame.slots and 0 <= place.table < len(frame.tables)):
            found.append(Clash(id_, Message("no-place", "There is no such slot or table.")))
            continue
        found += [
            Clash(id_, message) for message in _wrong(by_id[id_], place, frame, by_id, at_table, in_slot)
        ]
        at_table.setdefault(place, id_)
        for organization in by_id[id_].organizations:
            in_slot.setdefault((organization, place.slot), id_)
    return tuple(clash for clash in found if only in (None, clash.meeting))


def _wrong(
    meeting: Meeting,
    place: Place,
    frame: Frame,
    by_id: Mapping[str, Meeting],
    at_table: Mapping[Place, str],
    in_slot: Mapping[tuple[str, int], str],
) -> Iterator[Message]:
    slot = place.slot + 1
    if place in at_table:
        one, other = by_id[at_table[place]].organizations
        yield Message(
            "table-taken",
            "In slot {slot}, table {table} is taken: {one} meets {other} there.",
            slot=slot,
            table=frame.tables[place.table],
            one=one,
            other=other,
        )
    for organization in dict.fromkeys(meeting.organizations):
        if place.slot in frame.absent.get(organization, ()):
            yield Message(
                "absent", "{organization} cannot come in slot {slot}.", organization=organization, slot=slot
            )
        if (organization, place.slot) in in_slot:
            pair = by_id[in_slot[organization, place.slot]].organizations
            yield Message(
                "busy",
                "{organization} meets {other} in slot {slot}.",
                organization=organization,
                other=pair[pair[0] == organization],
                slot=slot,
            )
    if (stays := frame.fixed.get(meeting.id)) is not None and stays != place:
        yield Message("fixed-moved", "This meeting was set by hand and is not where it was put.")
    elif stays is None and place.slot < frame.over and frame.before.get(meeting.id) != place:
        yield Message("slot-over", "Slot {slot} is over.", slot=slot)
