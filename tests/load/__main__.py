"""Every figure beside its baseline, in one table: `python -m tests.load`.

Every bench runs, also after one that misses its target; the exit status is 1 where any was missed.
"""

from __future__ import annotations

import sys

from tests.load import (
    bench_agreement,
    bench_allocation,
    bench_disclosure,
    bench_forum,
    bench_match,
    bench_meetings,
    bench_retrieval,
    bench_rounds,
    bench_search,
    bench_stability,
)
from tests.load.figures import show

BENCHES = (
    bench_agreement,
    bench_retrieval,
    bench_allocation,
    bench_stability,
    bench_meetings,
    bench_forum,
    bench_match,
    bench_rounds,
    bench_search,
    bench_disclosure,
)

met = [show(bench.figures()) for bench in BENCHES]
sys.exit(not all(met))
