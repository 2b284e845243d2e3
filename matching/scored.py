"""Possible pairs with their scores: candidates, filtered by the rules and scored from both sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matching.assembly import lines_meet
from matching.candidates import candidates
from matching.features import pair_features
from matching.messages import Message
from matching.scoring import SCALE, PairScores, score_pairs
from matching.screening import pair_refusal

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from numpy.typing import NDArray

    from matching.embedding import Embedder
    from matching.profiles import Cooperation, Profile
    from matching.rules import Rules


@dataclass(frozen=True, slots=True)
class NearMiss:
    """The offer nearest in meaning among those a need cannot have, and why it cannot have it."""

    offer: Profile
    reason: Message
    semantic: float


@dataclass(frozen=True, slots=True)
class ScoredPairs:
    """Arrays of shape (pairs,): positions of need and offer, closeness in meaning, scores.

    `near_misses` has, by need id, the nearest offer that gives what is needed and yet is impossible.
    """

    need: NDArray[np.int64]
    offer: NDArray[np.int64]
    semantic: NDArray[np.float64]
    scores: PairScores
    near_misses: dict[str, NearMiss]


def possible_pairs(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    rules: Rules,
    embedder: Embedder,
    cooperations: Sequence[Cooperation],
    as_of: date,
) -> ScoredPairs:
    """Every candidate pair that no rule forbids and whose score reaches `rules.min_score`; locks always."""
    found = candidates(needs, offers, embedder, k=rules.candidates, include=rules.promised)
    pairs = [(needs[n], offers[o]) for n, o in zip(found.need.tolist(), found.offer.tolist(), strict=True)]
    useful = [place for place, (need, offer) in enumerate(pairs) if lines_meet(need, offer, rules)]
    scores = score_pairs(
        *pair_features(needs, offers, found.take(np.array(useful, np.int64)), cooperations, as_of),
        rules.weights,
    )
    promised = frozenset(rules.promised)
    misses: dict[str, tuple[float, str, NearMiss]] = {}
    kept: list[int] = []
    for place, (position, score) in enumerate(zip(useful, scores.score.tolist(), strict=True)):
        need, offer = pairs[position]
        refusal = pair_refusal(need, offer, rules)
        if refusal is None and score < rules.min_score * SCALE and (need.id, offer.id) not in promised:
            refusal = Message("far-in-meaning", "It is too far from the need in meaning.")
        if refusal is None:
            kept.append(place)
        else:
            semantic = float(found.semantic[position])
            miss = (-semantic, offer.id, NearMiss(offer, refusal, semantic))
            misses[need.id] = min(misses.get(need.id, miss), miss, key=lambda one: one[:2])
    chosen = np.array(kept, dtype=np.int64)
    found = found.take(np.array(useful, np.int64)[chosen])
    return ScoredPairs(
        found.need,
        found.offer,
        found.semantic,
        scores.take(chosen),
        {need: miss for need, (_, _, miss) in misses.items()},
    )
