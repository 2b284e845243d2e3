"""Shared words: BM25 between two sets of texts, within a language only.

Across languages hardly a word is shared, so a word score there says nothing; it would only push texts of
the query's own language up. Simplified and Traditional Chinese count as one language, folded as they are.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matching.text import content_tokens, detect_language

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

_K1, _B = 1.2, 0.75
"""Saturation and length correction of BM25 (Robertson & Zaragoza, 2009), at their usual values."""


class Lexicon:
    """The words of a collection with their weights; texts to compare need not belong to it.

    `texts` are those of both sides together: a word is rare or common in the collection, not on a side.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        documents = [_words(text) for text in texts]
        lengths: dict[str, list[int]] = {}
        containing: dict[str, int] = {}
        for language, words in documents:
            lengths.setdefault(language, []).append(len(words))
            for word in set(words):
                containing[word] = containing.get(word, 0) + 1
        self._columns = {word: column for column, word in enumerate(sorted(containing))}
        self._mean_length = {
            language: max(1.0, sum(counts) / len(counts)) for language, counts in lengths.items()
        }
        counts = np.array([containing[word] for word in self._columns], dtype=np.float64)
        collection = np.array(
            [len(lengths[word.partition(" ")[0]]) for word in self._columns], dtype=np.float64
        )
        self._rarity = np.log1p((collection - counts + 0.5) / (counts + 0.5))

    def weigh(self, texts: Sequence[str]) -> LexicalRows:
        """Texts as rows that `overlap` compares."""
        from scipy.sparse import csr_array

        indices: list[int] = []
        weights: list[float] = []
        ends = [0]
        for text in texts:
            language, words = _words(text)
            correction = _K1 * (1 - _B + _B * len(words) / self._mean_length.get(language, 1.0))
            found: dict[int, int] = {}
            for word in words:
                column = self._columns.get(word)
                if column is not None:
                    found[column] = found.get(column, 0) + 1
            for column in sorted(found):
                indices.append(column)
                weights.append(
                    float(self._rarity[column]) * found[column] * (_K1 + 1) / (found[column] + correction)
                )
            ends.append(len(indices))
        shape = (len(texts), len(self._columns))
        weighted = csr_array((np.array(weights, np.float64), np.array(indices, np.int64), ends), shape=shape)
        present = weighted.copy()
        present.data = np.ones_like(present.data)
        return LexicalRows(weighted, present)


class LexicalRows:
    """Texts as sparse rows: BM25 weights of their words, and which words they have."""

    def __init__(self, weighted: csr_array, present: csr_array) -> None:
        self.weighted = weighted
        self.present = present
        self.own = np.asarray(weighted.sum(axis=1), dtype=np.float64)
        """BM25 of each text against itself."""

    def found_in(
        self, rows: NDArray[np.int64], others: LexicalRows, other_rows: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """BM25 of text `rows[i]` as a query against `others[other_rows[i]]`, over that against itself.

        In [0, 1]; 0 where nothing is shared.
        """
        score = row_products(self.present, rows, others.weighted, other_rows)
        own = self.own[rows]
        share = np.divide(score, own, out=np.zeros_like(score), where=own > 0)
        return np.minimum(share, 1.0)

    def overlap(
        self, rows: NDArray[np.int64], others: LexicalRows, other_rows: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Mean of `found_in` in both directions."""
        return (self.found_in(rows, others, other_rows) + others.found_in(other_rows, self, rows)) / 2


def row_products(
    a: csr_array, a_rows: NDArray[np.int64], b: csr_array, b_rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Inner products of row `a_rows[i]` of `a` with row `b_rows[i]` of `b`, shape (len(a_rows),)."""
    result = np.zeros(len(a_rows))
    step = 20_000
    for start in range(0, len(a_rows), step):
        part = slice(start, start + step)
        products = a[a_rows[part]].multiply(b[b_rows[part]])
        result[part] = np.asarray(products.sum(axis=1), dtype=np.float64)
    return result


@lru_cache(maxsize=16384)
def _words(text: str) -> tuple[str, tuple[str, ...]]:
    """A text's language and its words marked with it; an undetermined text is taken for English."""
    language = {"zh-Hans": "zh", "zh-Hant": "zh", "und": "en"}.get(found := detect_language(text), found)
    return language, tuple(f"{language} {word}" for word in content_tokens(text))
