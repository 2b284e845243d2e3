"""Betweenness (Freeman 1977) of every node, exact, by the algorithm of Brandes 2001 in matrices.

Ways are counted from many nodes at once: each step away from them, and each step back, is one product of
the sparse matrix of the graph with a dense one. That takes as many steps as the longest of the shortest ways,
which are few among organizations that sign with each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.sparse import csr_array

AT_ONCE = 128
"""Nodes from which ways are counted together: what then lies in memory fits the processor's cache."""
DIGITS = 7
"""What single precision leaves of a share; beyond it ties would be broken by rounding."""


def betweenness(joined: csr_array) -> NDArray[np.float64]:
    """On how large a share of the shortest ways between others each node of an undirected graph lies.

    `joined`: symmetric, without loops; what is not zero is an edge.
    """
    count = joined.shape[0]
    if count < 3:
        return np.zeros(count)
    plain = (joined != 0).astype(np.float32)
    passed = np.zeros(count)
    for first in range(0, count, AT_ONCE):
        passed += _passed(plain, np.arange(first, min(first + AT_ONCE, count)))
    shares: NDArray[np.float64] = np.round(passed / ((count - 1) * (count - 2)), DIGITS)
    return shares


def _passed(joined: csr_array, begins: NDArray[np.intp]) -> NDArray[np.float64]:
    """How many of the shortest ways from these nodes lead through each, every pair of ends counting one."""
    shape = (joined.shape[0], len(begins))
    ways = np.zeros(shape, np.float32)
    ways[begins, np.arange(len(begins))] = 1
    seen, steps = ways > 0, [ways]
    while (ways := np.where(seen, np.float32(0), joined @ ways)).any():
        seen |= ways > 0
        steps.append(ways)
    through, passed = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    for nearer, ways in zip(steps[-2:0:-1], steps[:1:-1], strict=True):
        shares = np.divide(1 + through, ways, out=np.zeros(shape, np.float32), where=ways > 0)
        through = (joined @ shares) * nearer
        passed += through
    sums: NDArray[np.float64] = passed.sum(axis=1, dtype=np.float64)
    return sums
