"""One line of a bench: the figure, what it is measured against in the same run, and the target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class Figure:
    """One line of the table."""

    name: str
    figure: str
    baseline: str
    target: str
    met: bool


def show(figures: Iterable[Figure]) -> bool:
    """Print each figure as soon as it is known; whether all targets are met."""
    met = True
    for line in figures:
        met &= line.met
        mark = "yes" if line.met else "NO"
        print(f"{line.name:38} {line.figure:36} {line.baseline:40} {line.target:30} {mark}", flush=True)
    return met
