"""What goes into a match run, gathered from the round: profiles, known cooperations, rules.

The same gathering tells afterwards whether a result still stands on what is true now.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Cooperation, Profile
from matching.rules import merged
from service.db import now
from service.listings import queries as listings
from service.listings.models import Listing
from service.pairings import queries
from service.pairings.models import MatchRun, OverrideKind
from service.results.keeping import kept, revived
from service.rounds import queries as rounds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matching.rules import Rules
    from service.rounds.models import Round


@dataclass(frozen=True)
class Inputs:
    """All that decides a run, in the form in which it is kept. `rules`: the keys put over the preset's."""

    preset: str
    rules: Mapping[str, Any]
    profiles: Sequence[Mapping[str, Any]]
    cooperations: Sequence[Mapping[str, Any]]
    previous: str = ""
    """uid of the run whose pairs are to be kept."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of everything."""
        everything = [self.preset, self.rules, self.profiles, self.cooperations, self.previous]
        canonical = json.dumps(everything, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


def gather(
    session: Session,
    one: Round,
    *,
    changes: Mapping[str, Any] | None = None,
    as_of: date | None = None,
    previous: MatchRun | None = None,
) -> Inputs:
    """The round as it is now. `changes`: keys of a what-if; `as_of`: the day that counts, else today."""
    day = as_of or now().astimezone(ZoneInfo(one.time_zone)).date()
    entered = [application.listing_id for application in rounds.in_the_match(session, one)]
    found = session.exec(select(Listing).where(col(Listing.id).in_(entered)).order_by(col(Listing.uid))).all()
    over = {**one.rules, **_overrides(session, one, {listing.uid for listing in found})}
    return Inputs(
        preset=one.preset,
        rules=merged({**over, "as_of": day.isoformat()}, changes or {}),
        profiles=[kept(profile) for profile in listings.profiles_of(session, found)],
        cooperations=[kept(cooperation) for cooperation in queries.cooperations(session, one)],
        previous=previous.uid if previous else "",
    )


def _overrides(session: Session, one: Round, present: set[str]) -> dict[str, Any]:
    """What facilitators decided about pairs that are both in the match, as keys of the rules."""
    keys: dict[str, list[list[str]]] = {"locks": [], "bans": []}
    places = {OverrideKind.LOCK: "locks", OverrideKind.BAN: "bans"}
    for made, need, offer in queries.overrides_in_force(session, one):
        if made.kind in places and {need.uid, offer.uid} <= present:
            keys[places[made.kind]].append([need.uid, offer.uid])
    stated: Mapping[str, Any] = one.rules
    return {key: sorted([*stated.get(key, []), *pairs]) for key, pairs in keys.items() if pairs}


def rules_of(one: Round, keys: Mapping[str, Any]) -> Rules:
    """The rules that kept keys make over the round's preset. Raises InvalidRules."""
    over = {key: value for key, value in keys.items() if key != "as_of"}
    return replace(rounds.preset_with(one, over).rules, as_of=date.fromisoformat(keys["as_of"]))


def profiles_in(run: MatchRun) -> list[Profile]:
    """The profiles that went into a run."""
    return [revived(Profile, one) for one in run.inputs["profiles"]]


def cooperations_in(run: MatchRun) -> list[Cooperation]:
    """The known cooperations that went into a run."""
    return [revived(Cooperation, one) for one in run.inputs["cooperations"]]


def what_changed(session: Session, one: Round, run: MatchRun) -> Message | None:
    """In which way the round is no longer what the run was computed from; None where it is."""
    fresh = gather(
        session,
        one,
        changes=run.changes,
        as_of=date.fromisoformat(run.rules["as_of"]),
        previous=session.get(MatchRun, run.previous_id) if run.previous_id else None,
    )
    if fresh.fingerprint == run.fingerprint:
        return None
    before = {profile["id"]: profile for profile in run.inputs["profiles"]}
    after = {profile["id"]: profile for profile in fresh.profiles}
    touched = [uid for uid in before.keys() | after.keys() if before.get(uid) != after.get(uid)]
    if touched:
        names = sorted((after.get(uid) or before[uid])["title"] for uid in touched)
        return Message(
            "changed-applications",
            "Needs or offers came, went or were edited: {count}, among them “{title}”.",
            count=len(touched),
            title=names[0],
        )
    if fresh.rules != run.rules:
        return Message("changed-rules", "The rules, or what was pinned or excluded, changed.")
    return Message("changed-cooperations", "Cooperations were agreed meanwhile.")
