"""Timetables beside CP-SAT's of OR-Tools: `python -m tests.load.bench_meetings`.

OR-Tools cannot be imported where HiGHS is, so it runs in a process of its own, with the one worker that
takes it the least CPU time. Both get the same meetings, availability, tables and whole-number priorities.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.meetings import Frame, Meeting, timetable, verify
from tests.load.figures import Figure, show

if TYPE_CHECKING:
    from collections.abc import Iterator

THEIRS = """
import json, sys, time
from ortools.sat.python import cp_model
given = json.load(open(sys.argv[1]))
start = time.process_time()
model, worth, rows, slots = cp_model.CpModel(), [], {}, {}
for one, other, priority in given["meetings"]:
    own = []
    for slot in range(given["slots"]):
        if slot not in given["absent"][one] and slot not in given["absent"][other]:
            own.append(held := model.new_bool_var(""))
            worth.append(priority * held)
            slots.setdefault(slot, []).append(held)
            for organization in (one, other):
                rows.setdefault((organization, slot), []).append(held)
    model.add_at_most_one(own)
for row in rows.values():
    model.add_at_most_one(row)
for held in slots.values():
    model.add(sum(held) <= given["tables"])
model.maximize(sum(worth))
solver = cp_model.CpSolver()
solver.parameters.num_workers = 1
solver.parameters.max_time_in_seconds = 120
status = solver.solve(model)
seconds = time.process_time() - start
optimal = status == cp_model.OPTIMAL
print(json.dumps({"seconds": seconds, "total": int(solver.objective_value), "optimal": optimal}))
"""


def forum(
    meetings: int, needs: int, offers: int, slots: int, tables: int, present: float = 0.8
) -> tuple[list[Meeting], Frame]:
    """Some organizations are asked for much more than others, and each is away in some slots."""
    rng = np.random.default_rng(0)
    asked = [rng.pareto(5, count) + 2 for count in (needs, offers)]
    asked = [weight / weight.sum() for weight in asked]
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < meetings:
        need, offer = (int(rng.choice(len(weight), p=weight)) for weight in asked)
        pairs.add((need, offer))
    there = rng.random((needs + offers, slots)) < present
    names = [f"need{i}" for i in range(needs)] + [f"offer{i}" for i in range(offers)]
    priority = rng.integers(100, 201, meetings)
    listed = [
        Meeting(f"m{k}", (names[need], names[needs + offer]), int(priority[k]))
        for k, (need, offer) in enumerate(sorted(pairs))
    ]
    absent = {name: frozenset(np.flatnonzero(~row).tolist()) for name, row in zip(names, there, strict=True)}
    return listed, Frame(slots=slots, tables=tuple(str(k + 1) for k in range(tables)), absent=absent)


def against_cp_sat(*sizes: int, seconds: float, faster: float = 1) -> Figure:
    """Optimal within so many seconds, with CP-SAT's total, or more where it does not reach the optimum."""
    listed, frame = forum(*sizes)
    start = time.process_time()
    found = timetable(listed, frame)
    ours = time.process_time() - start
    assert not verify(listed, frame, found.places)
    made = found.certificate
    met = made.objective == made.bound and ours <= seconds
    name = f"timetable of {made.meetings} meetings"
    quality = "optimal" if made.objective == made.bound else f"gap {made.gap:.2%}"
    figure = f"{ours:.2f} s CPU, {made.placed} placed, {quality}"
    target = f"optimal in {seconds:.0f} s" + f", CP-SAT / {faster:.0f}" * (faster > 1)
    if importlib.util.find_spec("ortools") is None:
        return Figure(name, figure, "CP-SAT: OR-Tools is not installed", target, met)
    theirs = _theirs(listed, frame)
    said = "same" if theirs["total"] == made.objective else f"{theirs['total'] / made.objective:.1%} of it"
    ratio = theirs["seconds"] / ours
    baseline = f"CP-SAT: {theirs['seconds']:.2f} s ({ratio:.0f} times), {said}"
    met &= theirs["total"] <= made.objective and ratio >= faster
    return Figure(name, figure, baseline, target, met)


def _theirs(listed: list[Meeting], frame: Frame) -> dict[str, Any]:
    given = {
        "meetings": [[*one.organizations, one.priority] for one in listed],
        "absent": {name: sorted(slots) for name, slots in frame.absent.items()},
        "slots": frame.slots,
        "tables": len(frame.tables),
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "forum.json"
        file.write_text(json.dumps(given))
        done = subprocess.run(
            [sys.executable, "-c", THEIRS, file], check=True, capture_output=True, text=True
        )
    return dict(json.loads(done.stdout))


def figures() -> Iterator[Figure]:
    """All figures of this bench."""
    timetable(*forum(20, 10, 10, 4, 4))  # what is loaded only once is not timed
    yield against_cp_sat(110, 40, 20, 8, 12, seconds=10)
    yield against_cp_sat(700, 200, 120, 16, 40, seconds=10, faster=3)
    yield against_cp_sat(2_000, 500, 300, 20, 90, seconds=30)


if __name__ == "__main__":
    sys.exit(not show(figures()))
