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
from matching.profiles import MONEY, Cooperation, Profile
from matching.screening import refusals
from service.db import now
from service.listings import queries as listings
from service.listings.models import Listing
from service.pairings import queries
from service.pairings.models import MatchRun, OverrideKind
from service.results.keeping import kept, revived
from service.rounds import queries as rounds
from service.rounds.checking import with_overdue
from service.rounds.models import Application

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matching.rules import Rules
    from service.rounds.models import Round

STANDING = frozenset(["barred", "overdue-reports"])
"""Codes of the reasons that come up between admission and confirmation, and keep an organization out."""
WHOLE = 100
"""Per cent of its money that an offer has when nothing is tried out."""


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
    """The round as it is now, on the day `as_of` (today if none).

    `changes` of a what-if: `rules` in the place of the round's own, `money` in per cent of what offers have.
    """
    tried = changes or {}
    day = as_of or now().astimezone(ZoneInfo(one.time_zone)).date()
    wanted = (
        select(Listing)
        .join(Application, col(Application.listing_id) == col(Listing.id))
        .where(rounds.matchable(one))
        .order_by(col(Listing.uid))
    )
    found = session.exec(wanted).all()
    stated = tried.get("rules", one.rules)
    rules = {
        **stated,
        **_overrides(session, one, stated, {listing.uid for listing in found}),
        "as_of": day.isoformat(),
    }
    profiles = with_overdue(
        session, one, listings.profiles_of(session, found), {listing.organization_id for listing in found}
    )
    if rules_of(one, rules).second_chance:
        profiles = _with_losers(session, one, profiles)
    if (money := tried.get("money", WHOLE)) != WHOLE:
        profiles = [_with_money(profile, money) for profile in profiles]
    return Inputs(
        preset=one.preset,
        rules=rules,
        profiles=[kept(profile) for profile in profiles],
        cooperations=[kept(cooperation) for cooperation in queries.cooperations(session, one)],
        previous=previous.uid if previous else "",
    )


def _overrides(
    session: Session, one: Round, stated: Mapping[str, Any], present: set[str]
) -> dict[str, list[Any]]:
    """What facilitators decided about pairs that are both in the match, as keys of the rules."""
    locks, bans, amounts = list(stated.get("locks", [])), list(stated.get("bans", [])), []
    for made, need, offer in queries.overrides_in_force(session, one):
        if not {need.uid, offer.uid} <= present:
            continue
        match made.kind:
            case OverrideKind.LOCK:
                locks.append([need.uid, offer.uid])
            case OverrideKind.BAN:
                bans.append([need.uid, offer.uid])
            case OverrideKind.AMOUNT:
                pair = {"need": need.uid, "offer": offer.uid}
                amounts.append({**pair, "amount": made.amount, "unit": made.unit})
    amounts.sort(key=lambda given: (given["need"], given["offer"]))
    keys = {"locks": sorted(locks), "bans": sorted(bans), "amounts": amounts}
    return {key: value for key, value in keys.items() if value}


def _with_losers(session: Session, one: Round, profiles: Sequence[Profile]) -> list[Profile]:
    """The profiles, each organization with how many rounds in a row it has left with nothing."""
    left = queries.left_out(session, one, {profile.organization.id for profile in profiles})
    return [
        replace(profile, organization=replace(profile.organization, left_out=left[profile.organization.id]))
        if profile.organization.id in left
        else profile
        for profile in profiles
    ]


def _with_money(profile: Profile, share: int) -> Profile:
    """An offer with so many per cent of its money."""
    if profile.side != "offer":
        return profile
    lines = tuple(
        replace(line, amount=line.amount * share // WHOLE) if line.kind == MONEY else line
        for line in profile.lines
    )
    return replace(profile, lines=lines)


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
    """In which way the round is no longer what the run was computed from; None where it is.

    An amount that was set by hand on the run's own result is no change: it stands in the result.
    """
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
    rules = rules_of(one, run.rules)
    for uid in sorted(after.keys() & touched):
        reason = _refused(revived(Profile, after[uid]), rules, one)
        if reason and not (uid in before and _refused(revived(Profile, before[uid]), rules, one)):
            return reason
    if touched:
        names = sorted((after.get(uid) or before[uid])["title"] for uid in touched)
        return Message(
            "changed-applications",
            "Needs or offers came, went or were edited: {count}, among them “{title}”.",
            count=len(touched),
            title=names[0],
        )
    if _but_amounts(fresh.rules) != _but_amounts(run.rules) or not _amounts_stand(session, fresh, run):
        return Message("changed-rules", "The rules, or what was pinned or excluded, changed.")
    if list(fresh.cooperations) != run.inputs["cooperations"]:
        return Message("changed-cooperations", "Cooperations were agreed meanwhile.")
    return None


def refused_now(session: Session, one: Round, chosen: Sequence[Listing]) -> dict[str, Message]:
    """By uid, of these needs and offers: why their organization may not take part today."""
    rules = rounds.preset_of(one).rules
    profiles = with_overdue(
        session, one, listings.profiles_of(session, chosen), {each.organization_id for each in chosen}
    )
    found = {profile.id: _refused(profile, rules, one) for profile in profiles}
    return {uid: reason for uid, reason in found.items() if reason is not None}


def _refused(profile: Profile, rules: Rules, one: Round) -> Message | None:
    """Why the organization may not take part on this day, whatever it brings: a bar, reports that it owes."""
    day = now().astimezone(ZoneInfo(one.time_zone)).date()
    reasons = (refusal.reason for refusal in refusals(profile, rules, day))
    return next((reason for reason in reasons if reason.code in STANDING), None)


def _but_amounts(rules: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in rules.items() if key != "amounts"}


def _amounts_stand(session: Session, fresh: Inputs, run: MatchRun) -> bool:
    """Whether every amount set by hand is what the run's result gives, and none was taken back since."""
    given = fresh.rules.get("amounts", [])
    pairs = {(one["need"], one["offer"]) for one in given}
    if any((one["need"], one["offer"]) not in pairs for one in run.rules.get("amounts", [])):
        return False
    rows = {(need.uid, offer.uid): row for row, need, offer in queries.pairings_of(session, run)}
    return all(
        (row := rows.get((one["need"], one["offer"]))) is not None
        and queries.given_in(row, one["unit"]) == one["amount"]
        for one in given
    )
