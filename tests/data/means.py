"""What a language's texts have in common under the bundled model: `python -m tests.data.means --write`.

The means are those of the benchmark's held-in needs and of its offers; `und` is the mean of the five.
"""

from __future__ import annotations

import sys

import numpy as np

from matching.candidates import profile_vectors
from matching.embedding import BUNDLED, default_embedder
from matching.evaluation import load_benchmark
from matching.resources import data_path
from matching.text import LANGUAGES, UNDETERMINED

PATH = data_path("embedding", f"{BUNDLED}.csv")


def means() -> dict[str, np.ndarray]:
    """By language, as the file should have them."""
    benchmark = load_benchmark("held-in")
    vectors, languages = profile_vectors([*benchmark.needs, *benchmark.offers], default_embedder())
    found = {
        language: vectors[[other == language for other in languages]].mean(axis=0, dtype=np.float64)
        for language in LANGUAGES
    }
    return {**found, UNDETERMINED: np.mean(list(found.values()), axis=0)}


if __name__ == "__main__" and "--write" in sys.argv:
    lines = ["language,mean"]
    lines += [f"{language},{' '.join(f'{x:.4f}' for x in mean)}" for language, mean in means().items()]
    PATH.write_text("\n".join(lines) + "\n", encoding="utf-8")
