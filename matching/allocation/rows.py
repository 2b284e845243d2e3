"""Rows of A x ≤ b, collected group by group, each row knowing what limit it stands for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from matching.allocation.instance import Floats
from matching.allocation.problem import Integers

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NOT_THERE = -1
Numbers = Floats | Integers | list[int] | float


@dataclass
class Rows:
    """Rows of A x ≤ b, collected group by group; each group remembers what its rows stand for."""

    entries: list[tuple[Integers, Integers, Floats]] = field(default_factory=list)
    right: list[Floats] = field(default_factory=list)
    groups: list[tuple[str, int, Integers, Floats]] = field(default_factory=list)
    count: int = 0

    def add(
        self,
        rule: str,
        keys: Numbers,
        row: Numbers,
        column: Numbers,
        value: Numbers,
        right: Numbers,
        unit: Numbers = 1.0,
    ) -> None:
        """One row per key: Σ value·x[column] over the entries with this `row` ≤ right.

        `unit` is how much of the limit, as people count it, one unit of the row's right-hand side is.
        """
        keys = np.asarray(keys, dtype=np.int64)
        row, column = np.asarray(row, dtype=np.int64), np.asarray(column, dtype=np.int64)
        self.entries.append((row + self.count, column, _spread(value, row)))
        self.right.append(_spread(right, keys))
        self.groups.append((rule, self.count, keys, _spread(unit, keys)))
        self.count += len(keys)

    def matrix(self, columns: int) -> csr_array:
        """A, of shape (rows, columns)."""
        from scipy.sparse import csr_array

        row = np.concatenate([np.zeros(0, dtype=np.int64), *(part[0] for part in self.entries)])
        column = np.concatenate([np.zeros(0, dtype=np.int64), *(part[1] for part in self.entries)])
        value = np.concatenate([np.zeros(0), *(part[2] for part in self.entries)])
        return csr_array((value, (row, column)), shape=(self.count, columns))

    def right_side(self) -> Floats:
        """b, of shape (rows,)."""
        return np.concatenate([np.zeros(0), *self.right])


def _spread(value: Numbers, over: Integers) -> Floats:
    return np.broadcast_to(np.asarray(value, dtype=np.float64), over.shape)


def below(rows: Rows, rule: str, low: Integers, high: Integers) -> None:
    """low ≤ high, column by column."""
    count = np.arange(len(low))
    rows.add(
        rule, count, np.tile(count, 2), np.concatenate([low, high]), np.repeat([1.0, -1.0], len(low)), 0.0
    )


def positions(chosen: Integers, size: int) -> Integers:
    """Inverse of an index list: where in `chosen` each of 0…size−1 stands, −1 for those that do not."""
    result = np.full(size, NOT_THERE, dtype=np.int64)
    result[chosen] = np.arange(len(chosen))
    return result
