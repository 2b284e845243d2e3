"""Which pairs are worth scoring at all: for each need its nearest offers, for each offer its nearest needs.

Needs and offers lie in separate indexes, since two needs are always nearer to each other than a need to its
offer. Nearness is that of meaning (vectors, centred), with a bonus for shared themes and target groups
and, within a language, for shared words. Lists are not fused by rank: a match across languages has no
rank by words.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.centring import Centring, usual_means
from matching.embedding import default_embedder
from matching.lexical import Lexicon, row_products
from matching.text import detect_language, fold
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from scipy.sparse import csr_array

    from matching.embedding import Embedder
    from matching.profiles import Profile

FLAT_UNTIL = 200_000
"""Up to so many texts the index is exact; above it keeps 8 bits per number (recall .998, a quarter of the
memory, half the time)."""

LEXICAL_BONUS = 0.2
CONCEPT_BONUS = 0.1
"""What full agreement of words, or of themes and groups, adds to the centred cosine when ranking."""

_CONCEPT_SHARES = {"themes": 0.6, "groups": 0.4}
_MIDDLE, _SCALE = 0.2, 0.07
_TITLE_WEIGHT = 0.35
_POOL_FACTOR, _LEAST_POOL = 4, 100
_QUERIES_AT_ONCE = 1024
_PAIRS_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Candidates:
    """n pairs in order of (need, offer): positions in the two sequences given, and features in [0, 1].

    `need` and `offer` are int64; `semantic`, `lexical`, `concept` and `nearness` (what pairs are ranked by:
    the centred cosine with the bonuses for words and concepts) float64, all of shape (n,).
    """

    need: NDArray[np.int64]
    offer: NDArray[np.int64]
    semantic: NDArray[np.float64]
    lexical: NDArray[np.float64]
    concept: NDArray[np.float64]
    nearness: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.need)

    def take(self, chosen: NDArray[np.int64]) -> Candidates:
        """Only the pairs at these places, in this order."""
        return Candidates(
            self.need[chosen],
            self.offer[chosen],
            self.semantic[chosen],
            self.lexical[chosen],
            self.concept[chosen],
            self.nearness[chosen],
        )


def candidates(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    embedder: Embedder | None = None,
    *,
    k: int = 50,
    include: Sequence[tuple[str, str]] = (),
) -> Candidates:
    """Pairs worth scoring: each need's best `k` offers, each offer's best needs, and those to `include`.

    An offer's own list has 5 + 3 × `most_projects` needs (35 where it sets no limit), so that one that can
    carry many projects is not left with the few needs that happen to rank it. `include` holds pairs of a
    need's and an offer's id (unknown ids are passed over). Equal pairs go by id: the order in which needs
    and offers are given changes nothing but the numbers that stand for them.
    """
    if not needs or not offers:
        nothing = np.zeros(0, np.int64)
        return Candidates(nothing, nothing, *(np.zeros(0) for _ in range(4)))
    embedder = embedder or default_embedder()
    need_order, offer_order = _by_id(needs), _by_id(offers)
    need_texts = [_Searched.of(needs[i]) for i in need_order]
    offer_texts = [_Searched.of(offers[i]) for i in offer_order]
    lexicon = Lexicon([searched.text for searched in (*need_texts, *offer_texts)])
    need_side, offer_side = (
        _Side(searched, Centring(*encoded, usual_means(embedder.name)).centre(*encoded), lexicon)
        for searched in (need_texts, offer_texts)
        for encoded in [_encoded(searched, embedder)]
    )

    rows, columns, _ = need_side.best_in(offer_side, np.full(len(needs), k))
    lengths = [5 + 3 * (10 if (most := offers[i].most_projects) is None else most) for i in offer_order]
    own_columns, own_rows, _ = offer_side.best_in(need_side, np.array(lengths))
    need_at = {needs[i].id: place for place, i in enumerate(need_order)}
    offer_at = {offers[i].id: place for place, i in enumerate(offer_order)}
    extra = [(need_at[n], offer_at[o]) for n, o in include if n in need_at and o in offer_at]
    codes = np.concatenate(
        [
            rows * len(offers) + columns,
            own_rows * len(offers) + own_columns,
            np.array([row * len(offers) + column for row, column in extra], dtype=np.int64),
        ]
    )
    rows, columns = np.divmod(np.unique(codes), len(offers))
    cosine, lexical, concept = need_side.compare(rows, offer_side, columns)
    found = Candidates(
        np.array(need_order)[rows],
        np.array(offer_order)[columns],
        semantic_feature(cosine),
        lexical,
        concept,
        _nearness(cosine, lexical, concept),
    )
    return found.take(np.lexsort((found.offer, found.need)))


def _nearness(
    cosine: NDArray[np.float64], lexical: NDArray[np.float64], concept: NDArray[np.float64]
) -> NDArray[np.float64]:
    return np.round(cosine + LEXICAL_BONUS * lexical + CONCEPT_BONUS * concept, 9)


def semantic_feature(cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Centred cosines as a feature in [0, 1]: logistic, one half at .20, with a scale of .07.

    On the held-in half of the project's benchmark (five languages, the bundled model) pairs that belong
    together have a centred cosine of .39 ± .12 and others of -.01 ± .09; a balanced logistic fit has its
    middle at .18 and a scale of .03. A wider scale is used, since the narrow one would make nearly every
    good pair 1: the former then lie near .93, the latter near .05, and order at the top is kept.
    """
    return 1 / (1 + np.exp(-(cosine - _MIDDLE) / _SCALE))


@dataclass(frozen=True, slots=True)
class _Searched:
    """What is searched of a profile or a query; `title` is empty where it is all there is."""

    text: str
    title: str
    language: str
    concepts: Mapping[str, frozenset[str]]

    @classmethod
    def of(cls, source: Profile | str) -> _Searched:
        """A profile's own themes and groups count where stated, else those that its text mentions."""
        if isinstance(source, str):
            return cls(source, "", detect_language(source), _mentioned(source))
        mentioned = _mentioned(source.full_text)
        concepts = {
            "themes": source.themes or mentioned["themes"],
            "groups": source.groups or mentioned["groups"],
        }
        return replace(cls.as_written(source), concepts=concepts)

    @classmethod
    def as_written(cls, profile: Profile) -> _Searched:
        """A profile's text alone, for encoding it."""
        text = profile.full_text
        return cls(text, profile.title if profile.text else "", detect_language(text), {})


@lru_cache(maxsize=16384)
def _mentioned(text: str) -> dict[str, frozenset[str]]:
    found = default_vocabulary().concepts(text)
    return {scheme: frozenset(found.get(scheme, ())) for scheme in _CONCEPT_SHARES}


class CandidateIndex:
    """One side, needs or offers, ready to be searched by meaning in any language.

    The order of the profiles changes nothing but the positions that stand for them.
    """

    def __init__(
        self, profiles: Sequence[Profile], embedder: Embedder | None = None, *, flat_until: int = FLAT_UNTIL
    ) -> None:
        self._embedder = embedder or default_embedder()
        self._order = np.array(_by_id(profiles), dtype=np.int64)
        searched = [_Searched.of(profiles[i]) for i in self._order]
        self._lexicon = Lexicon([one.text for one in searched])
        vectors, languages = _encoded(searched, self._embedder)
        self._centring = Centring(vectors, languages, usual_means(self._embedder.name))
        centred = self._centring.centre(vectors, languages)
        self._side = _Side(searched, centred, self._lexicon, flat_until)

    def search(self, texts: Sequence[str], k: int = 10) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """The `k` best profiles for each text: scores, best first, and positions.

        Both have shape (len(texts), min(k, number of profiles)). A score is the centred cosine with the
        bonuses for concepts and words.
        """
        shape = (len(texts), min(k, len(self._order)))
        searched = [_Searched.of(text) for text in texts]
        vectors, languages = _encoded(searched, self._embedder)
        queries = _Side(searched, self._centring.centre(vectors, languages), self._lexicon)
        _, columns, scores = queries.best_in(self._side, np.full(*shape))
        return scores.reshape(shape), self._order[columns].reshape(shape)


class _Side:
    """Texts in one order: their centred vectors, words and concepts."""

    def __init__(
        self,
        searched: Sequence[_Searched],
        vectors: NDArray[np.float32],
        lexicon: Lexicon,
        flat_until: int = FLAT_UNTIL,
    ) -> None:
        self.vectors = vectors
        self._words = lexicon.weigh([one.text for one in searched])
        self._concepts = _concept_rows(searched)
        self._flat_until = flat_until
        self._nearest: Any = None

    def _index(self) -> Any:
        if self._nearest is None:
            self._nearest = _nearest_index(self.vectors, self._flat_until)
        return self._nearest

    def compare(
        self, rows: NDArray[np.int64], other: _Side, columns: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Centred cosine, shared words and shared concepts of pairs, each of shape (len(rows),)."""
        cosine = np.empty(len(rows))
        for start in range(0, len(rows), _PAIRS_AT_ONCE):
            part = slice(start, start + _PAIRS_AT_ONCE)
            ours, theirs = self.vectors[rows[part]], other.vectors[columns[part]]
            cosine[part] = (ours.astype(np.float64) * theirs).sum(axis=1)
        lexical = self._words.overlap(rows, other._words, columns)
        concept = np.minimum(row_products(self._concepts, rows, other._concepts, columns), 1.0)
        return cosine, lexical, concept

    def best_in(
        self, other: _Side, lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Each of our texts' best `lengths[i]` of the other side: rows, columns, scores, best first.

        The nearest by meaning, several times as many as wanted, are ranked anew with the bonuses.
        """
        size = len(other.vectors)
        pool = min(size, max(_LEAST_POOL, _POOL_FACTOR * int(lengths.max(initial=0))))
        parts: list[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]] = []
        for start in range(0, len(self.vectors), _QUERIES_AT_ONCE):
            queries = self.vectors[start : start + _QUERIES_AT_ONCE]
            if pool == size:
                columns = np.tile(np.arange(size), len(queries))
            else:
                _, near = other._index().search(queries, pool)
                columns = near.astype(np.int64).ravel()
            rows = np.repeat(np.arange(start, start + len(queries)), pool)
            cosine, lexical, concept = self.compare(rows, other, columns)
            score = _nearness(cosine, lexical, concept)
            best = np.lexsort((columns, -score, rows))
            kept = best[np.tile(np.arange(pool), len(queries)) < lengths[rows[best]]]
            parts.append((rows[kept], columns[kept], score[kept]))
        empty = np.zeros(0, np.int64)
        parts.append((empty, empty, np.zeros(0)))
        rows, columns, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
        return rows, columns, scores


def profile_vectors(
    profiles: Sequence[Profile], embedder: Embedder | None = None
) -> tuple[NDArray[np.float32], list[str]]:
    """Unit vectors (n, d) of profiles, not centred yet, with the title mixed in, and their languages."""
    return _encoded([_Searched.as_written(one) for one in profiles], embedder or default_embedder())


def _encoded(searched: Sequence[_Searched], embedder: Embedder) -> tuple[NDArray[np.float32], list[str]]:
    """Vectors of the texts, with the title's own vector mixed in where there is one, and languages.

    A title says what is wanted without the story around it; .35 was best on the held-in half of the
    benchmark (accuracy at one across languages .87 → .90; on the other half .91 → .94).
    """
    vectors = embedder.encode([one.text for one in searched])
    titled = [place for place, one in enumerate(searched) if one.title]
    if titled:
        titles = embedder.encode([searched[place].title for place in titled])
        mixed = vectors[titled] + np.float32(_TITLE_WEIGHT) * titles
        vectors = vectors.copy()
        vectors[titled] = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return vectors, [one.language for one in searched]


def _by_id(profiles: Sequence[Profile]) -> list[int]:
    return sorted(range(len(profiles)), key=lambda i: (profiles[i].id, fold(profiles[i].full_text)))


def _concept_rows(searched: Sequence[_Searched]) -> csr_array:
    """Rows whose products are the shares of common themes (.6) and groups (.4): Ochiai's coefficient.

    That is |A ∩ B| / √(|A|·|B|) in each scheme.
    """
    from scipy.sparse import csr_array

    vocabulary = default_vocabulary()
    columns = {
        pair: column
        for column, pair in enumerate(
            (scheme, code) for scheme in _CONCEPT_SHARES for code in sorted(vocabulary.codes(scheme))
        )
    }
    indices: list[int] = []
    weights: list[float] = []
    ends = [0]
    for one in searched:
        for scheme, share in _CONCEPT_SHARES.items():
            found = sorted(columns[scheme, code] for code in one.concepts[scheme])
            indices += found
            weights += [(share / max(1, len(found))) ** 0.5] * len(found)
        ends.append(len(indices))
    data = np.array(weights, np.float64)
    return csr_array((data, np.array(indices, np.int64), ends), shape=(len(searched), len(columns)))


def _nearest_index(vectors: NDArray[np.float32], flat_until: int) -> Any:
    """A FAISS index of unit rows by inner product: exact up to `flat_until` rows, 8 bits a number above."""
    import faiss

    count, dimension = vectors.shape
    index: Any
    if count <= flat_until:
        index = faiss.IndexFlatIP(dimension)
    else:
        index = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        index.train(vectors[:: max(1, count // 100_000)])
    index.add(np.ascontiguousarray(vectors))
    return index
