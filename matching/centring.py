"""Vectors less what all texts of a language have in common.

A model puts all texts of one language, and all that ask or offer, near each other. What sets two texts apart
shows when the mean of their language is taken away. Where there are many texts their own mean serves; the
mean of a few, perhaps all about one thing, would take that very thing away. It is therefore drawn towards
what the language's texts usually have in common: `data/embedding` holds that for the bundled model.
"""

from __future__ import annotations

import csv
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from matching.embedding import BUNDLED
from matching.resources import data_path
from matching.text import UNDETERMINED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Means = Mapping[str, NDArray[np.float64]]

_LIKE_USUAL = 20
"""The usual mean counts for as much as so many texts: on the benchmark less leaves small pools apart, more
gains nothing in large ones."""
_LIKE_ZERO = 5
"""Where a model's usual mean is not known, that of the pool takes its place, drawn towards zero."""


@cache
def usual_means(model: str) -> Means:
    """By language, and for `und`: the mean vector of texts under a model; none where nobody measured it."""
    name = model.partition("/")[0]
    path = data_path("embedding", f"{name}.csv")
    if name != BUNDLED or not path.exists():
        return MappingProxyType({})
    with path.open(encoding="utf-8", newline="") as file:
        return MappingProxyType(
            {row["language"]: np.array(row["mean"].split(), np.float64) for row in csv.DictReader(file)}
        )


class Centring:
    """What the texts of one side have in common, by language; taken away by `centre`."""

    def __init__(self, vectors: NDArray[np.float32], languages: Sequence[str], usual: Means) -> None:
        """`usual`: as `usual_means` gives it for the model of these vectors."""
        exact = vectors.astype(np.float64)
        self._usual = usual or {UNDETERMINED: exact.sum(axis=0) / (len(exact) + _LIKE_ZERO)}
        self._means = {}
        for language in sorted(set(languages)):
            own = exact[[other == language for other in languages]]
            drawn = own.sum(axis=0) + _LIKE_USUAL * self._usually(language)
            self._means[language] = drawn / (len(own) + _LIKE_USUAL)

    def _usually(self, language: str) -> NDArray[np.float64]:
        return self._usual.get(language, self._usual[UNDETERMINED])

    def centre(self, vectors: NDArray[np.float32], languages: Sequence[str]) -> NDArray[np.float32]:
        """Unit rows less the mean of their language."""
        if not languages:
            return vectors
        known = {language: self._means.get(language, self._usually(language)) for language in set(languages)}
        centred = vectors - np.stack([known[language] for language in languages])
        lengths = np.linalg.norm(centred, axis=1, keepdims=True)
        units: NDArray[np.float64] = np.divide(
            centred, lengths, out=np.zeros_like(centred), where=lengths > 0
        )
        return units.astype(np.float32)
