"""Two-way choice settled at once: the stable set of the pairs that both sides have before them, its price.

Ids and numbers in, positions out. A side likes its pairs in the order that it ranked them; those that it did
not rank come after, the better score first. How many partners a side has room for is what fits of its most
liked pairs, which the caller says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.stability import blocking_pairs, deferred_acceptance, room

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Suit:
    """One pair that both sides may still have. Ranks count from 1; scores are in [0, 1]."""

    need: Hashable
    offer: Hashable
    score: float
    need_rank: int | None = None
    offer_rank: int | None = None
    need_score: float = 0.0
    offer_score: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """Which pairs come together, and what that costs against the largest total score."""

    chosen: tuple[int, ...]
    """Positions of the pairs."""
    blocking_before: int
    """Pairs that would rather have each other, were the total all that counts."""
    blocking_after: int
    best: float
    settled: float

    @property
    def price(self) -> float:
        """The share of the largest total score that stability costs."""
        return 1 - self.settled / self.best if self.best else 0.0


def settle(
    suits: Sequence[Suit], need_room: Mapping[Hashable, int], offer_room: Mapping[Hashable, int]
) -> Settlement:
    """The stable set that is best for the needs, with at most so many partners for each side."""
    needs, need = _numbered([suit.need for suit in suits])
    offers, offer = _numbered([suit.offer for suit in suits])
    need_places = np.array([need_room[one] for one in needs], np.int64)
    offer_places = np.array([offer_room[one] for one in offers], np.int64)
    liked = (
        _liking([(suit.need_rank, suit.need_score) for suit in suits]),
        _liking([(suit.offer_rank, suit.offer_score) for suit in suits]),
    )
    scores = np.array([suit.score for suit in suits], np.float64)
    best = _heaviest(need, offer, scores, need_places, offer_places)
    stable = deferred_acceptance(need, offer, *liked, need_places, offer_places)

    def blocking(matched: NDArray[np.bool_]) -> int:
        rooms = room(need, matched, need_places), room(offer, matched, offer_places)
        return len(blocking_pairs(need, offer, *liked, matched, *rooms))

    return Settlement(
        chosen=tuple(np.flatnonzero(stable).tolist()),
        blocking_before=blocking(best),
        blocking_after=blocking(stable),
        best=float(scores[best].sum()),
        settled=float(scores[stable].sum()),
    )


def _numbered(ids: Sequence[Hashable]) -> tuple[list[Hashable], NDArray[np.int64]]:
    numbers: dict[Hashable, int] = {}
    found = [numbers.setdefault(one, len(numbers)) for one in ids]
    return list(numbers), np.array(found, np.int64)


def _liking(wishes: Sequence[tuple[int | None, float]]) -> NDArray[np.int64]:
    """How much each pair is liked: ranked ones first, in order, then by score; equal ones by position."""
    order = sorted(
        range(len(wishes)),
        key=lambda pair: (wishes[pair][0] is None, wishes[pair][0] or 0, -wishes[pair][1], pair),
    )
    liking = np.empty(len(wishes), np.int64)
    liking[order] = np.arange(len(wishes), 0, -1)
    return liking


def _heaviest(
    need: NDArray[np.int64],
    offer: NDArray[np.int64],
    scores: NDArray[np.float64],
    need_places: NDArray[np.int64],
    offer_places: NDArray[np.int64],
) -> NDArray[np.bool_]:
    """The pairs with the largest total score: a transport problem, whose corners are whole numbers."""
    from scipy.optimize import linprog
    from scipy.sparse import coo_array

    count = len(scores)
    if not count:
        return np.zeros(0, np.bool_)
    rows = np.concatenate([need, offer + len(need_places)])
    columns = np.tile(np.arange(count), 2)
    limits = coo_array(
        (np.ones(2 * count), (rows, columns)), shape=(len(need_places) + len(offer_places), count)
    )
    # A hair more for earlier pairs: among equally good sets always the same one.
    weights = scores + 1e-9 * np.arange(count, 0, -1) / count
    found = linprog(
        -weights,
        A_ub=limits.tocsr(),
        b_ub=np.concatenate([need_places, offer_places]),
        bounds=(0, 1),
        method="highs-ds",
    )
    taken: NDArray[np.bool_] = found.x > 0.5
    return taken
