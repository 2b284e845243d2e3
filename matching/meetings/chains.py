"""Meetings in slots, put in and moved along Kempe chains: two slots swap what hangs together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matching.meetings.frame import Frame, Meeting


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A meeting that found no place, why, and what alone would give it one, the cheapest first."""

    meeting: str
    reason: Message
    remedies: tuple[Message, ...]


class Board:
    """Meetings in slots; tables come last. Organizations and slots are numbers, sets of slots are bits."""

    def __init__(self, meetings: Sequence[Meeting], frame: Frame) -> None:
        self.meetings, self.frame = meetings, frame
        names = sorted({name for one in meetings for name in one.organizations})
        number = {name: place for place, name in enumerate(names)}
        self.pair = [(number[one.organizations[0]], number[one.organizations[1]]) for one in meetings]
        open_slots = (1 << frame.slots) - (1 << min(frame.over, frame.slots))
        self.can = [
            open_slots & ~sum(1 << slot for slot in frame.absent.get(name, ()) if slot < frame.slots)
            for name in names
        ]
        self.tables = len(frame.tables)
        self.slot = [-1] * len(meetings)
        self.at: list[dict[int, int]] = [{} for _ in names]
        self.busy = [0] * len(names)
        self.count = [0] * frame.slots
        self.pinned = set()
        for i, one in enumerate(meetings):
            if one.id in frame.fixed:
                self.pinned.add(i)
                self.put(i, frame.fixed[one.id].slot)
        for i in self.best_first():
            old = frame.before.get(meetings[i].id)
            if old is not None and old.slot < frame.slots and self._fits(i) >> old.slot & 1:
                self.put(i, old.slot)

    def best_first(self) -> list[int]:
        """Meetings without a place, the most wanted first; among equals by the hash of their ids."""
        waiting = [i for i, slot in enumerate(self.slot) if slot < 0]
        return sorted(waiting, key=lambda i: (-self.meetings[i].priority, hashed(self.meetings[i].id)))

    def objective(self) -> int:
        """The total of the priorities of what has a place."""
        return sum(one.priority for one, slot in zip(self.meetings, self.slot, strict=True) if slot >= 0)

    def copy(self, frame: Frame) -> Board:
        """The same meetings in the same slots of another frame."""
        other = Board(self.meetings, replace(frame, fixed={}, before={}))
        other.pinned = self.pinned
        for i, slot in enumerate(self.slot):
            if slot >= 0:
                other.put(i, slot)
        return other

    def put(self, i: int, slot: int) -> None:
        """Put a meeting into a slot; whether it fits has been asked before."""
        self.slot[i] = slot
        self.count[slot] += 1
        for one in self.pair[i]:
            self.at[one][slot] = i
            self.busy[one] |= 1 << slot

    def take(self, i: int) -> None:
        """Take a meeting out of its slot."""
        slot = self.slot[i]
        self.slot[i] = -1
        self.count[slot] -= 1
        for one in self.pair[i]:
            del self.at[one][slot]
            self.busy[one] &= ~(1 << slot)

    def _free(self, i: int) -> int:
        """The slots in which both can come and neither meets anybody."""
        one, other = self.pair[i]
        return self.can[one] & self.can[other] & ~self.busy[one] & ~self.busy[other]

    def _fits(self, i: int) -> int:
        return self._free(i) & sum(1 << slot for slot, n in enumerate(self.count) if n < self.tables)

    def insert(self, i: int) -> bool:
        """Put a meeting into the first slot that has room, or can be made to have it."""
        if fits := self._fits(i):
            self.put(i, next(positions(fits)))
            return True
        return any(self._make_room(i, slot) for slot in positions(self._free(i))) or any(
            self._free_up(i, one, other) for one, other in (self.pair[i], self.pair[i][::-1])
        )

    def _make_room(self, i: int, full: int) -> bool:
        """Swap a chain out of a full slot that takes one more meeting away than it brings."""
        for roomy in (slot for slot, n in enumerate(self.count) if n < self.tables):
            for chain in self._chains(full, roomy):
                if self._gain(chain, full) > 0:
                    self._swap(chain, full, roomy)
                    if self._fits(i) >> full & 1:
                        self.put(i, full)
                        return True
                    self._swap(chain, roomy, full)
        return False

    def _free_up(self, i: int, one: int, other: int) -> bool:
        """Where `one` is free and `other` is not: swap the chain of `other` elsewhere."""
        both = self.can[one] & self.can[other]
        for slot in positions(both & ~self.busy[one] & self.busy[other]):
            for elsewhere in positions(self.can[other] & ~self.busy[other]):
                chain = self._chain(self.at[other][slot], slot, elsewhere)
                if chain is None or self.count[slot] - self._gain(chain, slot) >= self.tables:
                    continue
                if self.count[elsewhere] + self._gain(chain, slot) > self.tables:
                    continue
                if any(one in self.pair[j] for j in chain):
                    continue
                self._swap(chain, slot, elsewhere)
                self.put(i, slot)
                return True
        return False

    def _gain(self, chain: Sequence[int], slot: int) -> int:
        """How many meetings fewer a slot has once a chain is swapped out of it."""
        return 2 * sum(self.slot[j] == slot for j in chain) - len(chain)

    def _chain(self, i: int, u: int, v: int) -> list[int] | None:
        """All meetings of two slots that hang together with this one; None where one of them must stay."""
        chain, seen = [i], {i}
        for j in chain:
            there = v if self.slot[j] == u else u
            if j in self.pinned:
                return None
            for one in self.pair[j]:
                if not self.can[one] >> there & 1:
                    return None
                if (k := self.at[one].get(there)) is not None and k not in seen:
                    seen.add(k)
                    chain.append(k)
        return chain

    def _chains(self, u: int, v: int) -> Iterator[list[int]]:
        """All that two slots can swap."""
        seen: set[int] = set()
        for i, slot in enumerate(self.slot):
            if slot in (u, v) and i not in seen:
                chain = self._chain(i, u, v)
                if chain is not None:
                    seen.update(chain)
                    yield chain

    def _swap(self, chain: Sequence[int], u: int, v: int) -> None:
        moved = [(j, v if self.slot[j] == u else u) for j in chain]
        for j, _ in moved:
            self.take(j)
        for j, slot in moved:
            self.put(j, slot)

    def shorten_waits(self) -> None:
        """Swap chains as long as people wait less, or as long but come earlier."""
        better = True
        while better:
            better = False
            for u, v in combinations(range(self.frame.slots), 2):
                for chain in self._chains(u, v):
                    if self._improves(chain, u, v):
                        self._swap(chain, u, v)
                        better = True

    def _improves(self, chain: Sequence[int], u: int, v: int) -> bool:
        gain = self._gain(chain, u)
        if max(self.count[u] - gain, self.count[v] + gain) > self.tables:
            return False
        flip = 1 << u | 1 << v
        waits = 0
        for one in {one for j in chain for one in self.pair[j]}:
            busy = self.busy[one]
            if busy & flip != flip:
                waits += idle(busy ^ flip) - idle(busy)
        return (waits, gain) < (0, 0)

    # What could not be placed --------------------------------------------------------------------------

    def why(self, i: int) -> Unplaced:
        """Why a meeting has no place, and what would give it one."""
        meeting = self.meetings[i]
        one, other = self.pair[i]
        names = {"one": meeting.organizations[0], "other": meeting.organizations[1]}
        common = self.can[one] & self.can[other]
        if not common:
            reason = Message("never-both", "{one} and {other} can never come in the same slot.", **names)
        elif full := self._free(i):
            slots = ", ".join(str(slot + 1) for slot in positions(full))
            reason = Message(
                "tables-full",
                "All tables are full in the slots in which {one} and {other} are free: {slots}.",
                slots=slots,
                **names,
            )
        else:
            reason = Message(
                "always-busy",
                "In every slot in which {one} and {other} can come, one of them has another meeting.",
                **names,
            )
        return Unplaced(meeting.id, reason, tuple(self._ways(i)))

    def _ways(self, i: int) -> Iterator[Message]:
        if full := self._free(i):
            yield Message(
                "one-table", "One more table in slot {slot} is enough.", slot=next(positions(full)) + 1
            )
        room = sum(
            1 << slot for slot, n in enumerate(self.count) if n < self.tables and slot >= self.frame.over
        )
        for me, you in ((0, 1), (1, 0)):
            absent, present = self.pair[i][me], self.pair[i][you]
            slots = room & ~self.can[absent] & ~self.busy[absent] & self.can[present] & ~self.busy[present]
            if slots:
                yield Message(
                    "one-presence",
                    "It is enough that {organization} comes in slot {slot}.",
                    organization=self.meetings[i].organizations[me],
                    slot=next(positions(slots)) + 1,
                )


def positions(mask: int) -> Iterator[int]:
    """The positions of the ones, from the lowest."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


def idle(busy: int) -> int:
    """Empty slots between the first and the last."""
    return busy.bit_length() - (busy & -busy).bit_length() + 1 - busy.bit_count() if busy else 0


def hashed(id_: str) -> int:
    """32 stable bits of an id, to settle ties the same way everywhere."""
    return int.from_bytes(hashlib.blake2b(id_.encode(), digest_size=4).digest())
