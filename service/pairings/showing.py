"""A stored run as the library's `Matching`, without running anything again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from service.pairings import queries
from service.pairings.inputs import profiles_in, rules_of
from service.results.keeping import matching_of, pairing_of
from service.rounds.models import Round

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from matching.outcome import Matching, Pairing
    from matching.profiles import Profile
    from service.pairings.models import MatchRun


def result_of(session: Session, run: MatchRun) -> Matching:
    """What a run has found, with amounts as they stand now; what was dropped since is still in it."""
    profiles = profiles_in(run)
    by_id = {profile.id: profile for profile in profiles}
    one = session.get_one(Round, run.round_id)
    return matching_of(
        profiles, rules_of(one, run.rules), _pairings(session, run, by_id), run.result, run.certificate
    )


def _pairings(session: Session, run: MatchRun, profiles: dict[str, Profile]) -> Iterator[Pairing]:
    if run.what_if:
        for kept in run.result["pairings"]:
            yield pairing_of(kept, profiles[kept["need"]], profiles[kept["offer"]])
        return
    for row, need, offer in queries.pairings_of(session, run):
        yield pairing_of(row.model_dump(), profiles[need.uid], profiles[offer.uid])
