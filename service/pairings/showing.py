"""A stored run as the library's `Matching`, and in the pieces that pages show; nothing is run again."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import NotNow
from service.pairings import queries
from service.pairings.inputs import profiles_in, rules_of
from service.results.keeping import matching_of, pairing_of
from service.rounds.models import Round

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlmodel import Session

    from matching.outcome import Matching, Pairing, Shortfall
    from matching.profiles import Profile
    from service.pairings.models import MatchRun, Override
    from service.pairings.models import Pairing as Row

PER_PAGE = 40
"""How many needs a page of a result shows."""


def result_of(session: Session, run: MatchRun, *, wanted: bool = False) -> Matching:
    """What a run has found, with amounts as they stand now; what was dropped since is still in it.

    `wanted`: raise NotNow where it has found nothing (yet).
    """
    if wanted and not run.certificate:
        raise NotNow(Message("run-no-result", "This run has no result."))
    profiles = profiles_in(run)
    by_id = {profile.id: profile for profile in profiles}
    one = session.get_one(Round, run.round_id)
    return matching_of(
        profiles, rules_of(one, run.rules), _pairings(session, run, by_id), run.result, run.certificate
    )


def _pairings(session: Session, run: MatchRun, profiles: Mapping[str, Profile]) -> Iterator[Pairing]:
    if run.what_if:
        for kept in run.result["pairings"]:
            yield pairing_of(kept, profiles[kept["need"]], profiles[kept["offer"]])
        return
    for row, need, offer in queries.pairings_of(session, run):
        yield pairing_of(row.model_dump(), profiles[need.uid], profiles[offer.uid])


@dataclass(frozen=True, slots=True)
class Placed:
    """One pairing of a result with its row (none in a what-if) and what facilitators decided about it."""

    pairing: Pairing
    row: Row | None
    overrides: tuple[Override, ...]


@dataclass(frozen=True, slots=True)
class Carried:
    """A need with all that carry it, and what is missing still."""

    need: Profile
    placed: tuple[Placed, ...]
    missing: tuple[Shortfall, ...]


def carried(
    session: Session, one: Round, run: MatchRun, matching: Matching, words: str = ""
) -> list[Carried]:
    """The needs that get something, the best carried first; `words`: only where they occur."""
    rows = {(need.uid, offer.uid): row for row, need, offer in queries.pairings_of(session, run)}
    decided: dict[tuple[str, str], list[Override]] = {}
    for made, need, offer in queries.overrides_in_force(session, one):
        decided.setdefault((need.uid, offer.uid), []).append(made)
    missing = {id_: tuple(items) for id_, items in groupby(matching.shortfalls, lambda item: item.need.id)}
    found = []
    for id_, pairings in groupby(matching.pairings, key=lambda pairing: pairing.need.id):
        group = list(pairings)
        if not any(_mentions(pairing, words) for pairing in group):
            continue
        pairs = [(id_, pairing.offer.id) for pairing in group]
        placed = tuple(
            Placed(pairing, rows.get(pair), tuple(decided.get(pair, ())))
            for pair, pairing in zip(pairs, group, strict=True)
        )
        found.append(Carried(group[0].need, placed, missing.get(id_, ())))
    return sorted(found, key=lambda one: (-one.placed[0].pairing.score, one.need.id))


def _mentions(pairing: Pairing, words: str) -> bool:
    """Whether a word occurs in the names of either side."""
    sides = (pairing.need, pairing.offer)
    return not words or any(
        words.casefold() in f"{side.title} {side.organization.name}".casefold() for side in sides
    )


def pages_of(found: Sequence[Carried], number: int, address: Callable[[int], str]) -> tuple[str, str]:
    """Addresses of the page before and the page after this one (from 1), empty where there is none."""
    before = address(number - 1) if number > 1 else ""
    return before, address(number + 1) if number * PER_PAGE < len(found) else ""
