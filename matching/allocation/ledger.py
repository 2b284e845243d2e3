"""Bookkeeping in whole numbers: what every limit still allows, gifts that are made and taken back.

Solutions of a linear program are fractions; the ledger turns them into whole amounts that keep every rule,
and uses up what is left over.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matching.allocation.instance import Floats, Instance
    from matching.allocation.problem import Integers

_UNLIMITED = 1 << 62


class Ledger:
    """An allocation in the making. Upper limits hold at every moment; minima once `settle` has run."""

    def __init__(self, instance: Instance) -> None:
        t = instance
        self.t = t
        self._demand, self._supply = t.demand.tolist(), t.supply.tolist()
        self._up, self._down = t.numerator.tolist(), t.denominator.tolist()
        self._project, self._link, self._seat = t.project.tolist(), t.link.tolist(), t.seat.tolist()
        self._offer = t.offer_of.tolist()
        self._organization = t.organization_of.tolist()
        self._capacity = t.capacity.tolist()
        self._step, self._minimum = t.step.tolist(), t.minimum.tolist()
        self._critical, self._money = t.critical.tolist(), t.money.tolist()
        self._cheque_min = t.cheque_min.tolist()
        self._link_supply = t.link_supply.tolist()
        self.amount = [0] * len(self._demand)
        self.need = t.amount.tolist()
        self.budget = t.budget.tolist()
        self.cheque = t.cheque_max[t.link_supply].tolist()
        self.cheque_given = [0] * len(self._link_supply)
        self.seats = np.minimum(t.seats_cap, _UNLIMITED).tolist()
        self.wins = t.wins_cap.tolist()
        self.money = t.money_cap.tolist()
        self.shared = [limit for _, _, limit in t.shared]
        self.shared_of: dict[int, list[int]] = defaultdict(list)
        for g, (_, members, _) in enumerate(t.shared):
            for j in members.tolist():
                self.shared_of[j].append(g)
        self.received = [0] * len(self.need)
        self.project_total = [0] * len(t.projects)
        self.seat_total = [0] * len(t.seat_project)
        self.lines: list[list[int]] = [[] for _ in t.projects]
        for i, p in enumerate(t.project_of.tolist()):
            self.lines[p].append(i)
        self.edges_of_line: dict[int, list[int]] = {}

    def room(self, e: int) -> int:
        """The most that edge e can carry in addition, by every upper limit; 0 where none is left."""
        j, p, seat = self._supply[e], self._project[e], self._seat[e]
        if not self.seat_total[seat] and self.seats[self._offer[j]] <= 0:
            return 0
        if not self.project_total[p] and self.wins[self._organization[p]] <= 0:
            return 0
        i = self._demand[e]
        left = min(self.budget[j], self.cheque[self._link[e]])
        for g in self.shared_of.get(j, ()):
            left = min(left, self.shared[g])
        have, up, down = self.amount[e], self._up[e], self._down[e]
        if up != down:
            left = (left - (-have * up // down)) * down // up - have
        extra = min(left, self._capacity[e] - have, self.need[i])
        if self._money[i]:
            extra = min(extra, self.money[p])
        return int(extra - extra % self._step[i])

    def give(self, e: int, extra: int) -> None:
        """Let edge e carry `extra` more (or less, if negative)."""
        i, j, p, seat, link = self._demand[e], self._supply[e], self._project[e], self._seat[e], self._link[e]
        have = self.amount[e]
        up, down = self._up[e], self._down[e]
        used = -(-(have + extra) * up // down) + (-have * up // down)
        if not self.seat_total[seat]:
            self.seats[self._offer[j]] -= 1
        if not self.project_total[p]:
            self.wins[self._organization[p]] -= 1
        self.amount[e] = have + extra
        self.seat_total[seat] += extra
        self.project_total[p] += extra
        if not self.seat_total[seat]:
            self.seats[self._offer[j]] += 1
        if not self.project_total[p]:
            self.wins[self._organization[p]] += 1
        self.need[i] -= extra
        self.received[i] += extra
        if self._money[i]:
            self.money[p] -= extra
        self.budget[j] -= used
        self.cheque[link] -= used
        self.cheque_given[link] += used
        for g in self.shared_of.get(j, ()):
            self.shared[g] -= used

    def take_back(self, edges: Iterable[int]) -> None:
        """Empty these edges."""
        for e in edges:
            if self.amount[e]:
                self.give(e, -self.amount[e])

    def offer_gift(self, e: int, wish: int) -> bool:
        """Give up to `wish` over edge e, but no cheque below its minimum. Whether anything was given."""
        extra = min(self.room(e), wish - wish % self._step[self._demand[e]])
        if extra <= 0:
            return False
        link = self._link[e]
        short = self._cheque_min[self._link_supply[link]] - self.cheque_given[link]
        if short > 0 and extra * self._up[e] < short * self._down[e]:
            least = -(-short * self._down[e] // self._up[e])
            step = self._step[self._demand[e]]
            extra = -(-least // step) * step
            if extra > self.room(e):
                return False
        self.give(e, extra)
        return True

    # -- from fractions to whole amounts -------------------------------------------------------------

    def load(self, target: Floats, edges: Integers) -> None:
        """Take over fractional amounts (shape (edges,), hundredths) as far as every upper limit allows."""
        wanted = target[edges]
        step = self.t.step[self.t.demand[edges]]
        whole = np.rint(wanted).astype(np.int64)
        whole = np.where(step > 1, np.floor(wanted / step + 1e-6).astype(np.int64) * step, whole)
        for e, amount in zip(edges.tolist(), whole.tolist(), strict=True):
            if amount > 0:
                extra = min(amount, self.room(e))
                if extra > 0:
                    self.give(e, extra)

    def prefer(self, ranking: Integers) -> None:
        """Set the order in which each line tries its edges: the usable edges, best first."""
        self.edges_of_line = defaultdict(list)
        for e, i in zip(ranking.tolist(), self.t.demand[ranking].tolist(), strict=True):
            self.edges_of_line[i].append(e)

    def settle(self) -> None:
        """Mend or take back whatever is below a cheque minimum, a line's minimum or a lock."""
        t = self.t
        for p, k, least in t.locks:
            self.hold(p, k, least)
        for p in np.nonzero(np.array(self.project_total))[0].tolist():
            self._mend(p)

    def fund(self, p: int) -> bool:
        """Try to let project p go ahead with what is left; leave everything as it was if it cannot."""
        done: list[tuple[int, int]] = []
        if self._fill(p, done):
            return True
        self._undo(done)
        return False

    def top_up(self, p: int) -> None:
        """Give a project that goes ahead as much more as its lines can take."""
        for i in self.lines[p]:
            done: list[tuple[int, int]] = []
            self._serve(i, self.need[i], done)
            if self.received[i] < self._minimum[i]:
                self._undo(done)

    def refill(self, projects: Sequence[int]) -> None:
        """Use up what is left: top up the projects that go ahead, then fund others, in this order."""
        for p in projects:
            if self.project_total[p]:
                self.top_up(p)
        for p in projects:
            if not self.project_total[p]:
                self.fund(p)

    def _fill(self, p: int, done: list[tuple[int, int]]) -> bool:
        for pass_minimum in (True, False):
            for i in sorted(self.lines[p], key=lambda i: not self._critical[i]):
                wish = (self._minimum[i] - self.received[i]) if pass_minimum else self.need[i]
                if pass_minimum and not self._critical[i]:
                    continue
                mark = len(done)
                if wish > 0:
                    self._serve(i, wish, done)
                if self.received[i] < self._minimum[i]:
                    if self._critical[i]:
                        return False
                    self._undo(done[mark:])
                    del done[mark:]
        return self.project_total[p] > 0

    def _undo(self, done: list[tuple[int, int]]) -> None:
        for e, before in reversed(done):
            self.give(e, before - self.amount[e])

    def _serve(self, i: int, wish: int, done: list[tuple[int, int]]) -> None:
        """Give line i about `wish` more, its open cheques first where they suffice."""
        for e in self.edges_of_line.get(i, ()):
            if wish <= 0:
                return
            before = self.amount[e]
            if self.offer_gift(e, -(-wish // self._step[i]) * self._step[i]):
                done.append((e, before))
                wish -= self.amount[e] - before

    def hold(self, p: int, k: int, least: int) -> None:
        """Keep a lock: the offer's seat gets what is missing, before anything else."""
        if k < 0:
            return
        edges = [
            e
            for i in self.lines[p]
            for e in self.edges_of_line.get(i, ())
            if self._offer[self._supply[e]] == k
        ]
        for e in edges:
            short = least - self.seat_total[self._seat[e]]
            if short > 0:
                self.offer_gift(e, -(-short // self._step[self._demand[e]]) * self._step[self._demand[e]])

    def _mend(self, p: int) -> None:
        """Fill up project p's cheques and lines that are below their minimum, or empty them."""
        for _ in range(len(self.lines[p]) + 1):
            self._mend_cheques(p)
            for i in self.lines[p]:
                short = self._minimum[i] - self.received[i]
                if short > 0 and (self.received[i] or self._critical[i]):
                    self._serve(i, short, [])
                    if self.received[i] < self._minimum[i]:
                        self.take_back(self.edges_of_line.get(i, ()))
            if self._sound(p):
                return
        self._drop(p)

    def _mend_cheques(self, p: int) -> None:
        active = [e for i in self.lines[p] for e in self.edges_of_line.get(i, ()) if self.amount[e]]
        for e in active:
            short = self._cheque_short(e)
            if short > 0 and self.amount[e]:
                same = [f for f in active if self._link[f] == self._link[e]]
                if not any(self.offer_gift(f, max(1, short)) for f in same):
                    self.take_back(same)

    def _cheque_short(self, e: int) -> int:
        link = self._link[e]
        return int(self._cheque_min[self._link_supply[link]] - self.cheque_given[link])

    def _sound(self, p: int) -> bool:
        """Whether project p is empty or keeps every minimum."""
        if not self.project_total[p]:
            return True
        lines_hold = all(
            self.received[i] >= self._minimum[i] or not (self.received[i] or self._critical[i])
            for i in self.lines[p]
        )
        return lines_hold and not any(
            self._cheque_short(e) > 0
            for i in self.lines[p]
            for e in self.edges_of_line.get(i, ())
            if self.amount[e]
        )

    def _drop(self, p: int) -> None:
        for i in self.lines[p]:
            self.take_back(self.edges_of_line.get(i, ()))
