"""The whole command, cold and warm, and the same answer every time: `python -m tests.load.bench_match`."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from matching.resources import data_path
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

QIAO = [sys.executable, "-m", "service"]


def _run(source: str, cache: str, **environment: str) -> tuple[dict[str, object], float]:
    start = time.perf_counter()
    done = subprocess.run(
        [*QIAO, "match", source, "--json"],
        check=True,
        capture_output=True,
        env=os.environ | {"QIAO_CACHE_DIR": cache, **environment},
    )
    return dict(json.loads(done.stdout)), time.perf_counter() - start


def _pairs(result: dict[str, object]) -> list[tuple[object, ...]]:
    return [(p["need"], p["offer"], p["amount"], p["score"]) for p in result["pairings"]]  # type: ignore[index, attr-defined]


def cold_and_warm(scenario: str = "liaocheng") -> Figure:
    """With an empty cache of vectors, then again: the second time the model is never loaded."""
    with tempfile.TemporaryDirectory() as cache:
        _, cold = _run(scenario, cache)
        warm = sorted(_run(scenario, cache)[1] for _ in range(3))[1]
    return Figure(
        f"qiao match {scenario}",
        f"warm {warm:.1f} s",
        f"cold {cold:.1f} s ({cold / warm:.1f} times)",
        "cold at most 15 s, warm 3 s",
        cold <= 15 and warm <= 3,
    )


def shuffled(scenario: str = "liaocheng", times: int = 3) -> Figure:
    """Rows in another order, another process, another hash seed: pairings that differ."""
    with tempfile.TemporaryDirectory() as folder:
        first, _ = _run(scenario, folder, PYTHONHASHSEED="0")
        changed = 0
        for seed in range(1, times + 1):
            copy = Path(folder) / f"shuffled-{seed}"
            copy.mkdir()
            for file in data_path("scenarios", scenario).iterdir():
                text = file.read_text(encoding="utf-8")
                (copy / file.name).write_text(_shuffled_rows(text, seed) if file.suffix == ".csv" else text)
            again, _ = _run(str(copy), folder, PYTHONHASHSEED=str(seed))
            changed += len(set(_pairs(first)) ^ set(_pairs(again)))
    return Figure(
        "pairs that change when shuffled",
        f"{changed} in {times} runs",
        f"{len(_pairs(first))} pairings of the first run",
        "0",
        changed == 0,
    )


def _shuffled_rows(text: str, seed: int) -> str:
    """The profiles of a CSV file in another order; the lines of one profile stay together."""
    import csv
    import io

    header, *rows = csv.reader(io.StringIO(text))
    groups: dict[str, list[list[str]]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    order = list(groups)
    random.Random(seed).shuffle(order)
    out = io.StringIO()
    csv.writer(out).writerows([header, *(row for key in order for row in groups[key])])
    return out.getvalue()


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    yield cold_and_warm()
    yield shuffled()


if __name__ == "__main__":
    sys.exit(not show(figures()))
