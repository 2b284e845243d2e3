"""From meetings and a frame to the best timetable and its certificate."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from matching.errors import Infeasible
from matching.meetings.chains import Board, hashed, idle, positions
from matching.meetings.frame import Place, verify
from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from matching.meetings.chains import Unplaced
    from matching.meetings.frame import Frame, Meeting

SECONDS = 60.0
"""How long the integer program may take before the rounded linear program stands."""
_CLOSE = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """How good a timetable is, and how that is known."""

    meetings: int
    placed: int
    objective: int
    bound: int
    """No timetable within the same frame has a larger total of priorities."""
    stage: str
    """What found it: chains, linear, integer, or rounded where the time was over."""
    waits: int
    """Slots that organizations spend waiting between their first meeting and their last, together."""
    table_changes: int
    remedies: tuple[Message, ...] = ()
    """What would let more meetings take place."""
    seconds: float = field(compare=False)

    @property
    def gap(self) -> float:
        """How far the total is from the bound, as a share of the bound."""
        return 1 - self.objective / self.bound if self.bound else 0.0


@dataclass(frozen=True, slots=True)
class Timetable:
    """Where each meeting is, and what is known about it."""

    places: Mapping[str, Place]
    unplaced: tuple[Unplaced, ...]
    certificate: Certificate


def timetable(
    meetings: Iterable[Meeting],
    frame: Frame,
    *,
    seconds: float = SECONDS,
    progress: Callable[[float], object] = lambda _share: None,
) -> Timetable:
    """The best timetable. Raises Infeasible where meetings set by hand clash with each other."""
    start = time.perf_counter()
    listed = sorted(meetings, key=lambda one: one.id)
    by_id = {one.id: one for one in listed}
    fixed = {id_: place for id_, place in frame.fixed.items() if id_ in by_id}
    if clashes := verify([by_id[id_] for id_ in fixed], replace(frame, over=0), fixed):
        raise Infeasible(
            Message("fixed-clash", "Meetings that were set by hand cannot all stay where they are."),
            [clash.message for clash in clashes],
        )
    board = Board(listed, frame)
    everything = sum(one.priority for one in listed)
    for number in board.best_first():
        board.insert(number)
    progress(0.2)
    stage, bound = "chains", everything
    if board.objective() < everything:
        board, stage, bound = _solve(board, seconds, progress)
    progress(0.8)
    if not frame.before:
        board.shorten_waits()
    places = _tables(board)
    progress(0.95)
    return Timetable(
        places=places,
        unplaced=tuple(board.why(number) for number in range(len(listed)) if board.slot[number] < 0),
        certificate=Certificate(
            meetings=len(listed),
            placed=len(places),
            objective=board.objective(),
            bound=bound,
            stage=stage,
            waits=sum(map(idle, board.busy)),
            table_changes=_table_changes(listed, places),
            remedies=tuple(_remedies(board)),
            seconds=time.perf_counter() - start,
        ),
    )


def _remedies(board: Board) -> Iterator[Message]:
    """How many more meetings one more table or one more slot would let take place; at least so many."""
    if all(slot >= 0 for slot in board.slot):
        return
    frame = board.frame
    wider = board.copy(replace(frame, tables=(*frame.tables, "")))
    if more := sum([wider.insert(i) for i in wider.best_first()]):
        yield Message(
            "more-tables", "With one more table, more meetings could take place: {count}.", count=more
        )
    longer = board.copy(replace(frame, slots=frame.slots + 1))
    if more := sum([longer.insert(i) for i in longer.best_first()]):
        yield Message(
            "more-slots", "With one more slot, more meetings could take place: {count}.", count=more
        )


def _solve(board: Board, seconds: float, progress: Callable[[float], object]) -> tuple[Board, str, int]:
    """A board with as large a total as can be, what found it, and the bound."""
    from scipy.optimize import Bounds, LinearConstraint, linprog, milp

    model = _Model(board)
    if not model.columns:
        return board, "chains", model.fixed
    limit = {"time_limit": seconds}
    result = linprog(
        -model.worth, A_ub=model.matrix, b_ub=model.right, bounds=(0, 1), method="highs", options=limit
    )
    if result.x is None:
        return board, "rounded", sum(one.priority for one in board.meetings)
    bound = model.fixed + floor(-result.fun + _CLOSE)
    best = max(board, model.board(result.x), key=Board.objective)
    progress(0.4)
    if best.objective() == bound:
        return best, "linear", bound
    result = milp(
        -model.worth,
        integrality=np.ones(len(model.worth)),
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(model.matrix, ub=model.right),
        options=limit | {"mip_rel_gap": 0.0},
    )
    if result.mip_dual_bound is not None:
        bound = min(bound, model.fixed + floor(-result.mip_dual_bound + _CLOSE))
    if result.x is not None and (whole := model.board(result.x)).objective() >= best.objective():
        return whole, "integer", bound
    return best, "rounded", bound


class _Model:
    """One column for each meeting and slot that are possible; rows that can bind."""

    def __init__(self, board: Board) -> None:
        from scipy.sparse import coo_array, csr_array

        self.source = board
        frame, meetings = board.frame, board.meetings
        free = [i for i in range(len(meetings)) if i not in board.pinned]
        empty = [0] * len(board.can)
        taken = np.zeros(frame.slots)
        for i in board.pinned:
            taken[board.slot[i]] += 1
            for one in board.pair[i]:
                empty[one] |= 1 << board.slot[i]
        self.fixed = sum(meetings[i].priority for i in board.pinned)
        columns = [
            (i, slot)
            for i in free
            for slot in positions(
                board.can[board.pair[i][0]]
                & board.can[board.pair[i][1]]
                & ~empty[board.pair[i][0]]
                & ~empty[board.pair[i][1]]
            )
        ]
        self.columns = columns
        meeting, slot = (np.array([c[k] for c in columns], dtype=np.int64) for k in (0, 1))
        count, people = len(meetings), len(board.can)
        pair = np.array(board.pair, dtype=np.int64)
        rows = np.concatenate(
            [
                meeting,
                count + pair[meeting, 0] * frame.slots + slot,
                count + pair[meeting, 1] * frame.slots + slot,
                count + people * frame.slots + slot,
            ]
        )
        shape = (count + people * frame.slots + frame.slots, len(columns))
        ones = np.ones(len(rows))
        matrix = csr_array(coo_array((ones, (rows, np.tile(np.arange(len(columns)), 4))), shape=shape))
        right = np.concatenate([np.ones(shape[0] - frame.slots), board.tables - taken])
        binding = np.diff(matrix.indptr) > right
        self.matrix, self.right = matrix[binding], right[binding]
        self.worth = self._worth(meeting, slot)

    def _worth(self, meeting: NDArray[np.int64], slot: NDArray[np.int64]) -> NDArray[np.float64]:
        """Priorities; less than one in total for staying in place, and less than that for the hash."""
        board = self.source
        small = 0.25 / len(board.meetings)
        priority = np.array([one.priority for one in board.meetings], dtype=np.float64)
        ties = np.array([hashed(one.id) / 2**32 for one in board.meetings])
        before = np.array(
            [place.slot if (place := board.frame.before.get(one.id)) else -1 for one in board.meetings]
        )
        worth: NDArray[np.float64] = (priority + small * ties)[meeting] + small * (before[meeting] == slot)
        return worth

    def board(self, x: NDArray[np.float64]) -> Board:
        """The columns that are one and the meetings set by hand, then whatever else finds room."""
        made = Board(self.source.meetings, replace(self.source.frame, before={}))
        made.frame = self.source.frame
        for column in np.flatnonzero(x > 1 - _CLOSE):
            made.put(*self.columns[column])
        for i in made.best_first():
            made.insert(i)
        return made


def _tables(board: Board) -> dict[str, Place]:
    """A table for each meeting: its own where it has one, else where the busier side has just been."""
    from scipy.optimize import linear_sum_assignment

    frame, meetings = board.frame, board.meetings
    places = {meetings[i].id: frame.fixed[meetings[i].id] for i in board.pinned}
    load = [busy.bit_count() for busy in board.busy]
    most = 2 * max(load, default=0) + 1
    last: dict[int, int] = {}
    for slot in range(frame.slots):
        here = [i for i, at in enumerate(board.slot) if at == slot]
        waiting = [i for i in here if i not in board.pinned]
        taken = {places[meetings[i].id].table for i in here if i in board.pinned}
        free = [table for table in range(board.tables) if table not in taken]
        value = np.zeros((len(waiting), len(free)), dtype=np.int64)
        for row, i in enumerate(waiting):
            told = frame.before.get(meetings[i].id)
            for column, table in enumerate(free):
                stays = sum(load[one] for one in board.pair[i] if last.get(one) == table)
                stays += most * (told == Place(slot, table))
                value[row, column] = stays * 2 * len(free) - table
        for row, column in zip(*linear_sum_assignment(value, maximize=True), strict=True):
            places[meetings[waiting[row]].id] = Place(slot, free[column])
        for i in here:
            for one in board.pair[i]:
                last[one] = places[meetings[i].id].table
    return dict(sorted(places.items()))


def _table_changes(meetings: Sequence[Meeting], places: Mapping[str, Place]) -> int:
    """How often organizations get up and go to another table."""
    seats: dict[str, list[Place]] = {}
    for meeting in meetings:
        if (place := places.get(meeting.id)) is not None:
            for organization in meeting.organizations:
                seats.setdefault(organization, []).append(place)
    changes = 0
    for own in seats.values():
        own.sort(key=lambda place: place.slot)
        changes += sum(one.table != other.table for one, other in pairwise(own))
    return changes
