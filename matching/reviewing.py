"""Reviews of a round: who judges which application, and scores without their reviewers' habits.

`assign` is a minimum-cost flow, solved as linear programs whose corners are whole numbers. `normalise` takes
out how strict each reviewer is and how widely they spread their scores, as far as the scores show it.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.messages import Message

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Integers = NDArray[np.int64]

Pair = tuple[str, str]
"""An application's and a reviewer's id."""
NOISE = 2**20
"""Ties are settled by a hash of the ids below this."""


# Who judges what --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Somebody who reviews. Empty `languages` and `themes` say nothing; `most` bounds the applications."""

    id: str
    most: int = 10**6
    languages: frozenset[str] = frozenset()
    themes: frozenset[str] = frozenset()

    def reads(self, language: str) -> bool:
        """Whether they read a language, as far as both are known."""
        return not self.languages or language in ("", "und") or language in self.languages


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """An application to be judged by so many reviewers."""

    id: str
    reviews: int
    language: str = ""
    themes: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who judges what, ordered by ids; `missing` says in words what stands in the way of the rest."""

    pairs: tuple[Pair, ...]
    added: tuple[Pair, ...]
    dropped: tuple[Pair, ...]
    """Of the pairs there were: those that had to give way."""
    missing: tuple[Message, ...] = ()

    def loads(self) -> Mapping[str, int]:
        """By reviewer: how many applications they have."""
        return Counter(reviewer for _, reviewer in self.pairs)


def assign(
    applications: Iterable[Reviewed],
    reviewers: Iterable[Reviewer],
    *,
    conflicts: AbstractSet[Pair] = frozenset(),
    done: AbstractSet[Pair] = frozenset(),
    kept: AbstractSet[Pair] = frozenset(),
    seed: int = 0,
) -> Assignment:
    """Give every application its reviews. Pairs of `conflicts` are not there to be chosen.

    In this order, each as well as what stands before allows: as many reviews as are asked for; few of `kept`
    dropped; few reviewers who do not read the application's language; loads as even as can be (the sum of
    their squares is least, so that no other loads have a smaller difference); themes in common; a hash of
    the ids. `done` are reviews already written: they count and stay.
    """
    rows = sorted(applications, key=lambda one: one.id)
    people = sorted(reviewers, key=lambda one: one.id)
    written = {pair for pair in done if pair not in conflicts}
    before = {pair for pair in kept if pair not in conflicts} - written
    flow = _Flow.of(rows, people, conflicts, written)
    for cost in flow.costs(rows, people, before, seed):
        flow.settle(cost)
    chosen = flow.chosen() | written
    return Assignment(
        pairs=tuple(sorted(chosen)),
        added=tuple(sorted(chosen - written - before)),
        dropped=tuple(sorted(before - chosen)),
        missing=tuple(_missing(rows, people, conflicts, chosen)),
    )


@dataclass(slots=True)
class _Flow:
    """Columns: every possible pair, what an application lacks, each further place of a reviewer.

    Rows: what an application gets and lacks is what it asks for; what a reviewer gets is as many places.
    That is a network, so all corners are whole numbers, and so are those of every face: `settle` finds the
    best corner and then keeps to the face on which the cost is as small, for the next cost to choose from.
    """

    pairs: list[Pair]
    demand: Integers
    matrix: Any
    lower: Floats
    upper: Floats
    places: Integers
    """By column of a place: the reviewer's load once it is taken."""
    x: Floats

    @classmethod
    def of(
        cls,
        rows: Sequence[Reviewed],
        people: Sequence[Reviewer],
        conflicts: AbstractSet[Pair],
        written: AbstractSet[Pair],
    ) -> _Flow:
        from scipy.sparse import csr_array

        had, load = Counter(one for one, _ in written), Counter(one for _, one in written)
        demand = np.array([max(0, one.reviews - had[one.id]) for one in rows], dtype=np.int64)
        cells = [
            (row, place)
            for row, one in enumerate(rows)
            if demand[row]
            for place, person in enumerate(people)
            if (one.id, person.id) not in conflicts and (one.id, person.id) not in written
        ]
        possible = Counter(place for _, place in cells)
        free = [min(max(0, one.most - load[one.id]), possible[place]) for place, one in enumerate(people)]
        seats = [
            (place, load[people[place].id] + nth)
            for place in range(len(people))
            for nth in range(1, free[place] + 1)
        ]
        width = len(cells) + len(rows) + len(seats)
        lacks, first_seat = len(cells), len(cells) + len(rows)
        entries = [
            *((row, column, 1.0) for column, (row, _) in enumerate(cells)),
            *((row, lacks + row, 1.0) for row in range(len(rows))),
            *((len(rows) + place, column, 1.0) for column, (_, place) in enumerate(cells)),
            *((len(rows) + place, first_seat + column, -1.0) for column, (place, _) in enumerate(seats)),
        ]
        row, column, value = (
            (np.array(part) for part in zip(*entries, strict=True)) if entries else ([], [], [])
        )
        return cls(
            pairs=[(rows[row].id, people[place].id) for row, place in cells],
            demand=demand,
            matrix=csr_array((value, (row, column)), shape=(len(rows) + len(people), width)),
            lower=np.zeros(width),
            upper=np.concatenate([np.ones(len(cells)), demand, np.ones(len(seats))]).astype(np.float64),
            places=np.array([load for _, load in seats], dtype=np.int64),
            x=np.zeros(width),
        )

    def costs(
        self, rows: Sequence[Reviewed], people: Sequence[Reviewer], before: AbstractSet[Pair], seed: int
    ) -> list[Floats]:
        """What is made small, the most important first; whole numbers, by column.

        Costs that are small together make one: the first times more than the second can come to.
        """
        by_row, by_place = {one.id: one for one in rows}, {one.id: one for one in people}
        both = [(by_row[one], by_place[other]) for one, other in self.pairs]
        most = int(self.demand.sum()) + 1

        def of_pairs(values: Iterable[int]) -> Floats:
            cost = np.zeros(len(self.x))
            cost[: len(self.pairs)] = np.fromiter(values, dtype=np.float64, count=len(self.pairs))
            return cost

        lacking, load = np.zeros(len(self.x)), np.zeros(len(self.x))
        lacking[len(self.pairs) : len(self.pairs) + len(rows)] = 1
        load[len(self.pairs) + len(rows) :] = 2 * self.places - 1
        dropped = of_pairs(-1 if pair in before else 0 for pair in self.pairs)
        unread = of_pairs(0 if person.reads(one.language) else 1 for one, person in both)
        shared = of_pairs(-len(one.themes & person.themes) for one, person in both)
        themes = int(-shared.min(initial=0.0)) * most + 1
        return [
            (lacking * most + dropped) * most + unread,
            load * themes + shared,
            of_pairs(_noise(seed, *pair) for pair in self.pairs),
        ]

    def settle(self, cost: Floats) -> None:
        """Find the smallest cost, and shut out everything that costs more."""
        from scipy.optimize import linprog

        if not len(cost):
            return
        right = np.concatenate([self.demand, np.zeros(self.matrix.shape[0] - len(self.demand))])
        found = linprog(
            cost,
            A_eq=self.matrix,
            b_eq=right,
            bounds=np.column_stack([self.lower, self.upper]),
            method="highs-ds",
        )
        if found.status != 0:
            raise RuntimeError(f"the solver gave up: {found.message}")
        self.x = np.rint(found.x)
        dear = np.abs(found.lower.marginals + found.upper.marginals) > 0.5
        self.lower[dear] = self.upper[dear] = self.x[dear]

    def chosen(self) -> set[Pair]:
        """The pairs of the solution."""
        return {pair for pair, taken in zip(self.pairs, self.x, strict=False) if taken > 0.5}


def _noise(seed: int, application: str, reviewer: str) -> int:
    text = f"{seed}\x1f{application}\x1f{reviewer}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % NOISE


def _missing(
    rows: Sequence[Reviewed],
    people: Sequence[Reviewer],
    conflicts: AbstractSet[Pair],
    chosen: AbstractSet[Pair],
) -> list[Message]:
    """Why some applications have too few reviewers: conflicts of interest, or reviewers who are full."""
    had = Counter(one for one, _ in chosen)
    said = []
    crowded = 0
    for one in rows:
        lacks = one.reviews - had[one.id]
        if lacks <= 0:
            continue
        able = sum((one.id, person.id) not in conflicts for person in people)
        alone = max(0, one.reviews - able)
        if alone:
            said.append(
                Message(
                    "reviewers-conflicted",
                    "Reviewers without a conflict of interest that “{application}” still needs: {count}.",
                    application=one.id,
                    count=alone,
                )
            )
        crowded += max(0, lacks - alone)
    if crowded:
        said.append(
            Message(
                "reviewers-full",
                "Reviews for which no reviewer has room: {count}. Let reviewers take more applications, add "
                "reviewers, or ask for fewer reviews of each application.",
                count=crowded,
            )
        )
    return said


# Scores without habits --------------------------------------------------------------------------------

LENIENCY_PRIOR = 2.0
"""λ: a reviewer's leniency is held back as if so many further reviews of theirs had shown none."""
SPREAD_PRIOR = 8.0
"""ν: a reviewer's spread is held back as if so many further scores of theirs had the usual one."""
FULL = 100.0


@dataclass(frozen=True, slots=True)
class Score:
    """What a reviewer gives an application, 0 to 100."""

    application: str
    reviewer: str
    points: float


@dataclass(frozen=True, slots=True)
class Habit:
    """How a reviewer scores: points above the others (`leniency`), and spread as a share of the usual one."""

    reviews: int
    leniency: float
    spread: float


@dataclass(frozen=True, slots=True)
class Normalised:
    """`scores` as given but without habits; the means by application before and after."""

    scores: tuple[Score, ...]
    before: Mapping[str, float]
    after: Mapping[str, float]
    habits: Mapping[str, Habit] = field(default_factory=dict)


def normalise(scores: Iterable[Score]) -> Normalised:
    """Scores without each reviewer's leniency and spread, ordered by ids.

    First the spread. With n_j scores x_ij of reviewer j around their mean m_j, and s² the variance within
    reviewers over all of them,

        spread_j = √((ν + Σ_i (x_ij − m_j)² / s²) / (ν + n_j − 1)),   y_ij = m_j + (x_ij − m_j) / spread_j

    the posterior mean of a scaled inverse-χ² with ν prior degrees of freedom. Then the leniency, by the
    two-way additive model y_ij = q_i + b_j + error, with the applications' merits q free and

        minimise over q, b:   Σ_ij (y_ij − q_i − b_j)² + λ Σ_j b_j²

    which is Henderson's best linear unbiased prediction (Biometrics 31, 1975) of random reviewer effects, as
    used for biased reviewers by Roos, Rothe & Scheuermann (AAAI 2011). The result is y_ij − b_j within 0 and
    100. Leniencies sum to 0; whom nothing can be compared with, such as a single reviewer, is not corrected.
    """
    given = sorted(scores, key=lambda one: (one.application, one.reviewer))
    if not given:
        return Normalised((), {}, {})
    applications, i = np.unique([one.application for one in given], return_inverse=True)
    reviewers, j = np.unique([one.reviewer for one in given], return_inverse=True)
    x = np.array([one.points for one in given], dtype=np.float64)
    number = np.bincount(j).astype(np.float64)
    spread, y = _even_spread(x, j, number)
    b = _leniency(y, i, j, len(applications), number)
    z = np.clip(y - b[j], 0.0, FULL)
    return Normalised(
        scores=tuple(
            Score(one.application, one.reviewer, float(points)) for one, points in zip(given, z, strict=True)
        ),
        before=_means(applications, i, x),
        after=_means(applications, i, z),
        habits={
            str(name): Habit(int(number[at]), float(b[at]), float(spread[at]))
            for at, name in enumerate(reviewers)
        },
    )


def _even_spread(x: Floats, j: Integers, number: Floats) -> tuple[Floats, Floats]:
    """Each reviewer's spread, and the scores with the usual one."""
    mean = np.bincount(j, x) / number
    squares = np.bincount(j, (x - mean[j]) ** 2)
    usual = squares.sum() / max(1.0, float((number - 1).sum()))
    if usual < 1e-9:
        return np.ones(len(number)), x
    spread: Floats = np.sqrt((SPREAD_PRIOR + squares / usual) / (SPREAD_PRIOR + number - 1))
    return spread, mean[j] + (x - mean[j]) / spread[j]


def _leniency(y: Floats, i: Integers, j: Integers, applications: int, number: Floats) -> Floats:
    """The b of the additive model, by the normal equations with the applications' merits eliminated."""
    count = np.bincount(i, minlength=applications).astype(np.float64)
    seen = np.zeros((applications, len(number)))
    np.add.at(seen, (i, j), 1.0)
    rest = y - (np.bincount(i, y, minlength=applications) / count)[i]
    left = np.diag(number + LENIENCY_PRIOR) - seen.T @ (seen / count[:, None])
    return np.linalg.solve(left, np.bincount(j, rest, minlength=len(number))).astype(np.float64)


def _means(names: NDArray[np.str_], i: Integers, values: Floats) -> dict[str, float]:
    means = np.bincount(i, values) / np.bincount(i)
    return {str(name): float(mean) for name, mean in zip(names, means, strict=True)}
