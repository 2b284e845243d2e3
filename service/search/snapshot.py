"""All public listings at one moment, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    from matching.centring import Centring

NO_CODES = np.zeros(0, np.int32)


@dataclass(frozen=True, slots=True)
class OrganizationFacts:
    """What is searched of an organization: its name, the keys of all its names, the number of its kind."""

    name: str
    keys: str
    kind: int


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one moment, one row for each public listing, in the order of their numbers.

    `stated` and `meant` are codes by row: `stated[0][i]` is a row, `stated[1][i]` a code that it has.
    """

    ids: NDArray[np.int64]
    is_offer: NDArray[np.bool_]
    published: NDArray[np.int64]
    expires: NDArray[np.int64]
    """Days as ordinals."""
    budget: NDArray[np.float64]
    """Hundredths of a unit of `currency`; nan where no sum is stated."""
    currency: NDArray[np.int32]
    """The number of a code."""
    maker: NDArray[np.int32]
    """Whose it is: a place in `organizations` and `named`."""
    organizations: NDArray[np.int64]
    named: Sequence[OrganizationFacts]
    stated: tuple[NDArray[np.int32], NDArray[np.int32]]
    meant: tuple[NDArray[np.int32], NDArray[np.int32]]
    words: tuple[NDArray[np.int32], NDArray[np.int32]]
    sides: Mapping[bool, NDArray[np.int64]]
    """By `is_offer`: the rows of that side."""
    vectors: Mapping[bool, NDArray[np.float32]]
    """By `is_offer`: the centred unit vectors of those rows; zeros where there is none yet."""
    centrings: Mapping[bool, Centring | None]
    """By `is_offer`."""

    def __len__(self) -> int:
        return len(self.ids)

    def of(self, organizations: Iterable[int]) -> NDArray[np.bool_]:
        """Which rows are listings of these organizations."""
        whose: NDArray[np.bool_] = np.isin(self.organizations, list(organizations))[self.maker]
        return whose

    def called(self, key: str) -> NDArray[np.bool_]:
        """Which rows are listings of organizations that have `key` in one of their names."""
        whose = np.array([key in one.keys for one in self.named], np.bool_)
        return whose[self.maker] if len(whose) else np.zeros(len(self), np.bool_)

    def row(self, listing: int) -> int | None:
        """The row of a listing, if it is public."""
        place = int(np.searchsorted(self.ids, listing))
        return place if place < len(self.ids) and self.ids[place] == listing else None

    def having(
        self, part: tuple[NDArray[np.int32], NDArray[np.int32]], codes: Iterable[int]
    ) -> NDArray[np.bool_]:
        """Which rows have one of the codes (or words): bool, one for each row."""
        rows, values = part
        mask = np.zeros(len(self.ids), np.bool_)
        wanted = list(codes)
        if len(wanted) == 1:
            mask[rows[values == wanted[0]]] = True
        elif wanted:
            mask[rows[np.isin(values, wanted)]] = True
        return mask

    def nearness(
        self, vector: NDArray[np.float32], language: str, sides: Iterable[bool] = (False, True)
    ) -> NDArray[np.float32]:
        """The centred cosine of a raw vector with every row of the sides (`is_offer`); 0 for others."""
        found = np.zeros(len(self.ids), np.float32)
        for is_offer in sides:
            if (centring := self.centrings.get(is_offer)) is not None:
                centred = centring.centre(vector[None, :], [language])[0]
                found[self.sides[is_offer]] = self.vectors[is_offer] @ centred
        return found


def flat(parts: Sequence[NDArray[np.int32]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Values of all rows one after another, and the row of each: (rows, values)."""
    lengths = [len(part) for part in parts]
    rows = np.repeat(np.arange(len(parts), dtype=np.int32), lengths)
    return rows, np.concatenate(parts) if parts else NO_CODES
