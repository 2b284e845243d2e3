"""Pair scores: how well an offer fits a need, seen from both sides, as named parts that add up.

Each side's score is logistic, `σ(b + Σ wₖ·fₖ)` with features fₖ ∈ [0, 1] and weights of its own; the pair's
score is the harmonic mean of both sides, so that a pair counts only as much as the less pleased side lets it.

The parts shown to people are the Aumann–Shapley attribution of the score along the straight path from
"nothing known" (f = 0) to f. Along that path a logistic score changes in proportion to wₖ·fₖ, and the
harmonic mean, homogeneous of degree one, splits over its two sides by Euler's theorem, so the attribution has
a closed form and the parts with the base add up to the score exactly (Aumann & Shapley, *Values of
Non-Atomic Games*, 1974). Scores and parts are integers in ten-thousandths: equal on every machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

SCALE = 10_000
"""Scores are integers; this many make 1."""

BASE = "base"
"""The part of a score that is there before anything is known about the pair."""

FEATURES = (
    "semantic",
    "concept",
    "lexical",
    "amount",
    "place",
    "record",
    "preference",
    "goals",
    "freshness",
)
"""What is known about a pair, each in [0, 1]: nearness of meaning; shared themes and target groups; shared
words (same language only); how much of the need the offer could carry; nearness of place; track record of
the other side; being ranked by the other side; shared SDG goals; how recently the other side published."""


def _default_need_weights() -> Mapping[str, float]:
    return MappingProxyType(
        {
            "semantic": 3.4,
            "concept": 2.2,
            "lexical": 0.4,
            "amount": 0.8,
            "place": 0.3,
            "record": 0.3,
            "preference": 1.0,
            "goals": 0.2,
            "freshness": 0.1,
        }
    )


def _default_offer_weights() -> Mapping[str, float]:
    return MappingProxyType(
        {
            "semantic": 3.4,
            "concept": 2.4,
            "lexical": 0.4,
            "amount": 0.2,
            "place": 0.6,
            "record": 0.5,
            "preference": 1.0,
            "goals": 0.3,
            "freshness": 0.1,
        }
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights (log-odds per feature) of the need's and the offer's side, and the common intercept."""

    need: Mapping[str, float] = field(default_factory=_default_need_weights)
    offer: Mapping[str, float] = field(default_factory=_default_offer_weights)
    base: float = -2.6

    def arrays(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both sides' weights, shape (len(FEATURES),), in the order of `FEATURES`."""
        return (
            np.array([self.need.get(name, 0.0) for name in FEATURES]),
            np.array([self.offer.get(name, 0.0) for name in FEATURES]),
        )


@dataclass(frozen=True, slots=True)
class PairScores:
    """Scores of n pairs: `need_side`, `offer_side`, `score` of shape (n,), `parts` (n, 1 + features).

    All are integers in ten-thousandths; `parts[:, 0]` is the base and each row of `parts` sums to `score`.
    """

    need_side: NDArray[np.int64]
    offer_side: NDArray[np.int64]
    score: NDArray[np.int64]
    parts: NDArray[np.int64]

    def take(self, positions: NDArray[np.int64]) -> PairScores:
        """The scores of the pairs at these positions, shape (m,), in their order."""
        return PairScores(
            self.need_side[positions],
            self.offer_side[positions],
            self.score[positions],
            self.parts[positions],
        )

    def named_parts(self, pair: int) -> dict[str, float]:
        """The parts of one pair in [0, 1], those that are not zero, by name."""
        names = (BASE, *FEATURES)
        return {name: int(part) / SCALE for name, part in zip(names, self.parts[pair], strict=True) if part}


def score_pairs(
    need_features: NDArray[np.float64], offer_features: NDArray[np.float64], weights: Weights
) -> PairScores:
    """Score n pairs from the features each side sees: shape (n, len(FEATURES)), values in [0, 1]."""
    need_weights, offer_weights = weights.arrays()
    a, a_parts = _side(need_features, need_weights, weights.base)
    b, b_parts = _side(offer_features, offer_weights, weights.base)
    total = a + b
    # H = 2ab/(a+b) has ∂H/∂a = 2(b/(a+b))² and ∂H/∂b = 2(a/(a+b))², and H = a·∂H/∂a + b·∂H/∂b.
    parts = 2 * (b / total)[:, None] ** 2 * a_parts + 2 * (a / total)[:, None] ** 2 * b_parts
    score = np.rint(SCALE * 2 * a * b / total).astype(np.int64)
    return PairScores(
        need_side=np.rint(SCALE * a).astype(np.int64),
        offer_side=np.rint(SCALE * b).astype(np.int64),
        score=score,
        parts=_round_to_sum(SCALE * parts, score),
    )


def _side(
    features: NDArray[np.float64], weights: NDArray[np.float64], base: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """One side's score, shape (n,), and its parts with the base first, shape (n, 1 + features)."""
    contributions = features * weights
    logit = contributions.sum(axis=1)
    at_base = 1 / (1 + np.exp(-base))
    score = 1 / (1 + np.exp(-(base + logit)))
    slope = np.full_like(logit, at_base * (1 - at_base))
    np.divide(score - at_base, logit, out=slope, where=logit != 0)
    parts = np.empty((len(features), 1 + len(weights)))
    parts[:, 0] = at_base
    parts[:, 1:] = slope[:, None] * contributions
    return score, parts


def _round_to_sum(values: NDArray[np.float64], totals: NDArray[np.int64]) -> NDArray[np.int64]:
    """Integers near `values` (n, k) whose rows sum to `totals`: largest remainder, ties to the left."""
    floors = np.floor(values).astype(np.int64)
    missing = totals - floors.sum(axis=1)
    order = np.argsort(-(values - floors), axis=1, kind="stable")
    ranks = np.argsort(order, axis=1, kind="stable")
    columns = values.shape[1]
    rounded: NDArray[np.int64] = floors + (missing // columns)[:, None]
    rounded += ranks < (missing % columns)[:, None]
    return rounded
