"""Deferred acceptance beside the PyPI package `matching`: `python -m tests.load.bench_stability`.

That package has our import name, so it runs in a virtual environment of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matching.stability import deferred_acceptance
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

THEIRS = """
import json, sys, threading, time
from matching.games import StableMarriage
def run():
    lists = json.load(open(sys.argv[1]))
    game = StableMarriage.create_from_dictionaries(
        {f"n{i}": [f"o{j}" for j in order] for i, order in enumerate(lists["needs"])},
        {f"o{j}": [f"n{i}" for i in order] for j, order in enumerate(lists["offers"])},
    )
    start = time.process_time()
    solution = game.solve(optimal="suitor")
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "pairs": sorted([s.name, r.name] for s, r in solution.items())}))
sys.setrecursionlimit(10**7)  # it copies its players deeply, one inside the other
threading.stack_size(1 << 30)
thread = threading.Thread(target=run)
thread.start()
thread.join()
"""


def against_matching(size: int = 1_000) -> Figure:
    """Full lists on both sides; the solving alone is timed on both."""
    rng = np.random.default_rng(0)
    needs = np.argsort(rng.random((size, size)), axis=1)
    offers = np.argsort(rng.random((size, size)), axis=1)
    need, offer = np.divmod(np.arange(size * size), size)
    need_side = size - np.argsort(needs, axis=1).ravel()
    offer_side = size - np.argsort(offers, axis=1).T.ravel()
    ones = np.ones(size, np.int64)
    start = time.process_time()
    matched = deferred_acceptance(need, offer, need_side, offer_side, ones, ones)
    ours = time.process_time() - start
    pairs = sorted([f"n{n}", f"o{o}"] for n, o in zip(need[matched], offer[matched], strict=True))
    theirs = _theirs({"needs": needs.tolist(), "offers": offers.tolist()})
    same = pairs == theirs["pairs"]
    ratio = theirs["seconds"] / ours
    return Figure(
        f"deferred acceptance, {size} x {size}",
        f"{ours:.2f} s CPU",
        f"matching 1.4.3: {theirs['seconds']:.2f} s ({ratio:.0f} times), {'same' if same else 'OTHER'} pairs",
        "at least 30 times, same pairs",
        same and ratio >= 30,
    )


def _theirs(lists: dict[str, list[list[int]]]) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        venv.create(home / "venv", with_pip=True)
        python = home / "venv" / "bin" / "python"
        subprocess.run([python, "-m", "pip", "install", "-q", "matching==1.4.3"], check=True)
        (home / "lists.json").write_text(json.dumps(lists))
        (home / "theirs.py").write_text(THEIRS)
        done = subprocess.run(
            [python, home / "theirs.py", home / "lists.json"],
            check=True,
            capture_output=True,
            cwd=home,
            text=True,
        )
    return dict(json.loads(done.stdout))


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    yield against_matching()


if __name__ == "__main__":
    sys.exit(not show(figures()))
