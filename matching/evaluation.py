"""How well needs find the offers that fit them: recall and rank on the benchmark, beside plain baselines.

`data/benchmark/README.md` says how the benchmark was made and judged. The pool holds every offer, those of
the other split and of intents without needs included. An offer counts as right with grade 2; nDCG uses the
grades as they are.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from matching.candidates import candidates
from matching.embedding import default_embedder
from matching.profiles import Organization, Profile, Side
from matching.resources import data_path
from matching.text import LANGUAGES, content_tokens, fold

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from matching.embedding import Embedder

    Floats = NDArray[np.float64]

Split = Literal["held-in", "held-out"]
RIGHT = 2
DEPTHS = (1, 5, 20)
_K1, _B = 1.2, 0.75
_RESAMPLES = 1_000
_NEVER = 10.0
"""More than any two nearnesses differ by."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Needs of one split, all offers, and `grades` (needs, offers) of 0, 1 and 2."""

    needs: tuple[Profile, ...]
    offers: tuple[Profile, ...]
    need_languages: tuple[str, ...]
    offer_languages: tuple[str, ...]
    intents: tuple[str, ...]
    """By need: what it was written from; intervals resample these."""
    need_kinds: tuple[str, ...]
    offer_kinds: tuple[str, ...]
    """The kind of resource, which every listing states and the text alone may not."""
    grades: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Retrieval:
    """Means over queries: `recall` by depth, mean reciprocal rank, nDCG at 10, and how many queries.

    A query's recall at k is 1 if a right offer is among the first k.
    """

    recall: Mapping[int, float]
    mrr: float
    ndcg: float
    queries: int
    low: float
    high: float
    """Bootstrap interval of 95 % of recall at one, resampling intents."""


@dataclass(frozen=True, slots=True)
class Evaluation:
    """By method: the whole pool of five languages mixed, and each pair (need's language, offer's)."""

    split: Split
    mixed: Mapping[str, Retrieval]
    pairs: Mapping[str, Mapping[tuple[str, str], Retrieval]]

    def across(self, method: str) -> float:
        """Mean recall at one over the pairs of two different languages."""
        found = [r.recall[1] for (a, b), r in self.pairs[method].items() if a != b]
        return float(np.mean(found))

    def weakest(self, method: str) -> tuple[tuple[str, str], float]:
        """The pair of two different languages with the least recall at one."""
        across = {pair: r.recall[1] for pair, r in self.pairs[method].items() if pair[0] != pair[1]}
        worst = min(across, key=lambda pair: (across[pair], pair))
        return worst, across[worst]


def load_benchmark(split: Split) -> Benchmark:
    """The bundled benchmark with the needs of one split."""
    intents = {row["intent"]: row for row in _rows("intents")}
    need_rows = [row for row in _rows("needs") if intents[row["intent"]]["split"] == split]
    offer_rows = _rows("offers")
    grade = {(row["need"], row["offer"]): int(row["grade"]) for row in _rows("relevance")}
    return Benchmark(
        needs=tuple(_profile(row, Side.NEED) for row in need_rows),
        offers=tuple(_profile(row, Side.OFFER) for row in offer_rows),
        need_languages=tuple(row["language"] for row in need_rows),
        offer_languages=tuple(row["language"] for row in offer_rows),
        intents=tuple(row["intent"] for row in need_rows),
        need_kinds=tuple(intents[row["intent"]]["kind"] for row in need_rows),
        offer_kinds=tuple(intents[row["intent"]]["kind"] for row in offer_rows),
        grades=np.array(
            [[grade.get((need["id"], offer["id"]), 0) for offer in offer_rows] for need in need_rows]
        ),
    )


def _rows(name: str) -> list[dict[str, str]]:
    with data_path("benchmark", f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _profile(row: dict[str, str], side: Side) -> Profile:
    nobody = Organization(id=row["id"], name=row["id"])
    return Profile(
        id=row["id"], side=side, title=row["title"], text=row["text"], organization=nobody, lines=()
    )


def evaluate(split: Split = "held-out", embedder: Embedder | None = None) -> Evaluation:
    """All methods on one split.

    `listing` is what the matcher does: it ranks by nearness the offers of the kind of resource that is
    needed, which every listing states. The others see the texts alone: `qiao` (the same nearness),
    `meaning` (vectors only) and the baselines `tf-idf` and `bm25`.
    """
    benchmark = load_benchmark(split)
    found = candidates(
        benchmark.needs, benchmark.offers, embedder or default_embedder(), k=len(benchmark.offers)
    )
    shape = (len(benchmark.needs), len(benchmark.offers))
    needs = [need.full_text for need in benchmark.needs]
    offers = [offer.full_text for offer in benchmark.offers]
    other_kind = np.array(benchmark.need_kinds)[:, None] != np.array(benchmark.offer_kinds)[None, :]
    scores = {
        "listing": found.nearness.reshape(shape) - _NEVER * other_kind,
        "qiao": found.nearness.reshape(shape),
        "meaning": found.semantic.reshape(shape),
        "tf-idf": _tf_idf(needs, offers),
        "bm25": _bm25(needs, offers),
    }
    return Evaluation(
        split=split,
        mixed={
            method: _retrieval(benchmark, table, np.arange(shape[0]), np.arange(shape[1]))
            for method, table in scores.items()
        },
        pairs={
            method: {
                (ours, theirs): _retrieval(
                    benchmark,
                    table,
                    _places(benchmark.need_languages, ours),
                    _places(benchmark.offer_languages, theirs),
                )
                for ours in LANGUAGES
                for theirs in LANGUAGES
            }
            for method, table in scores.items()
        },
    )


def _places(languages: Sequence[str], wanted: str) -> NDArray[np.int64]:
    return np.array([place for place, language in enumerate(languages) if language == wanted])


def _retrieval(
    benchmark: Benchmark, scores: Floats, queries: NDArray[np.int64], pool: NDArray[np.int64]
) -> Retrieval:
    """Ranks of the offers at `pool` for the needs at `queries`; equal scores go by position."""
    table = scores[np.ix_(queries, pool)]
    grades = benchmark.grades[np.ix_(queries, pool)]
    order = np.argsort(-table, axis=1, kind="stable")
    ranked = np.take_along_axis(grades, order, axis=1)
    first = np.argmax(ranked >= RIGHT, axis=1)
    ideal = -np.sort(-grades, axis=1)
    discount = 1 / np.log2(np.arange(2, 12))
    gains = [(2.0 ** row[:, :10] - 1) @ discount[: row.shape[1]] for row in (ranked, ideal)]
    hits = (first == 0).astype(float)
    low, high = _interval(hits, [benchmark.intents[query] for query in queries])
    return Retrieval(
        recall={depth: float((first < depth).mean()) for depth in DEPTHS},
        mrr=float((1 / (1 + first)).mean()),
        ndcg=float((gains[0] / gains[1]).mean()),
        queries=len(queries),
        low=low,
        high=high,
    )


def _interval(hits: Floats, intents: Sequence[str]) -> tuple[float, float]:
    """95 % bootstrap interval of the mean, resampling intents and not single texts (Efron 1979)."""
    by_intent: dict[str, list[float]] = defaultdict(list)
    for hit, intent in zip(hits, intents, strict=True):
        by_intent[intent].append(float(hit))
    means = np.array([np.mean(values) for _, values in sorted(by_intent.items())])
    drawn = np.random.default_rng(0).integers(0, len(means), (_RESAMPLES, len(means)))
    low, high = np.percentile(means[drawn].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def _tf_idf(needs: Sequence[str], offers: Sequence[str]) -> Floats:
    """Cosine of TF-IDF over character 2–4-grams, the strongest plain choice without segmentation."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4), sublinear_tf=True)
    theirs = vectorizer.fit_transform([fold(text).lower() for text in offers])
    ours = vectorizer.transform([fold(text).lower() for text in needs])
    table: Floats = (ours @ theirs.T).toarray()
    return table


def _bm25(needs: Sequence[str], offers: Sequence[str]) -> Floats:
    """Okapi BM25 over the same tokens that the matcher uses (Robertson & Zaragoza 2009)."""
    documents = [content_tokens(text) for text in offers]
    lengths = np.array([len(document) for document in documents], dtype=float)
    holders: dict[str, dict[int, int]] = defaultdict(dict)
    for place, document in enumerate(documents):
        for token in document:
            holders[token][place] = holders[token].get(place, 0) + 1
    table = np.zeros((len(needs), len(offers)))
    for query, text in enumerate(needs):
        for token in sorted(set(content_tokens(text))):
            found = holders.get(token, {})
            rarity = np.log(1 + (len(offers) - len(found) + 0.5) / (len(found) + 0.5))
            for place, count in found.items():
                share = lengths[place] / lengths.mean()
                table[query, place] += rarity * count * (_K1 + 1) / (count + _K1 * (1 - _B + _B * share))
    return table
