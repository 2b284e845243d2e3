"""What is known about each candidate pair, as numbers in [0, 1] for scoring and as reasons for people."""

from __future__ import annotations

from collections import Counter
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from matching.messages import Message, Term
from matching.scoring import FEATURES
from matching.screening import line_carries, line_carries_labour
from matching.vocabulary import default_vocabulary

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from numpy.typing import NDArray

    from matching.candidates import Candidates
    from matching.profiles import Cooperation, Profile

    Concepts = Mapping[str, frozenset[str]]

_NEARNESS = {"community": 1.0, "district": 1.0, "city": 0.8, "province": 0.4, "country": 0.15}
"""How near two places are whose narrowest common place is of this type."""

MOST_SHARED = 2
"""How many shared themes, and how many shared groups, are named as reasons."""

KEPT_TEXTS = 20_000
"""The themes and groups of so many texts are kept."""

_FRESH_DAYS = 90
"""After so many days a listing is half as fresh."""


class TrackRecord:
    """Known cooperations, counted by giver, by receiver and by pair of organizations."""

    def __init__(self, cooperations: Sequence[Cooperation]) -> None:
        self.given = Counter(c.offer_organization for c in cooperations)
        self.received = Counter(c.need_organization for c in cooperations)
        self.between = Counter((c.need_organization, c.offer_organization) for c in cooperations)

    def of_giver(self, need: Profile, offer: Profile) -> float:
        """What the need's side sees: cooperations the giver has carried, some of them with it."""
        giver, taker = offer.organization.id, need.organization.id
        return min(1.0, 1 - 0.5 ** self.given[giver] + 0.3 * (self.between[taker, giver] > 0))

    def of_receiver(self, need: Profile, offer: Profile) -> float:
        """What the offer's side sees: the receiver's rating (1A–5A) and its cooperations."""
        giver, taker = offer.organization.id, need.organization.id
        seasoned = 1 - 0.5 ** self.received[taker] + 0.3 * (self.between[taker, giver] > 0)
        return 0.6 * (need.organization.rating or 0) / 5 + 0.4 * min(1.0, seasoned)


def pair_features(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    candidates: Candidates,
    cooperations: Sequence[Cooperation],
    as_of: date,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The features that the need's side and the offer's side see, both of shape (pairs, len(FEATURES))."""
    record = TrackRecord(cooperations)
    pairs = [
        (needs[n], offers[o])
        for n, o in zip(candidates.need.tolist(), candidates.offer.tolist(), strict=True)
    ]
    shared: dict[str, Any] = {
        "semantic": candidates.semantic,
        "concept": candidates.concept,
        "lexical": candidates.lexical,
        "amount": [amount_fit(need, offer) for need, offer in pairs],
        "place": [nearness(_places(need), _places(offer)) for need, offer in pairs],
        "goals": [_overlap(need.goals, offer.goals) for need, offer in pairs],
    }
    need_side = shared | {
        "record": [record.of_giver(need, offer) for need, offer in pairs],
        "preference": [_preference(need, offer) for need, offer in pairs],
        "freshness": [freshness(offer, as_of) for _, offer in pairs],
    }
    offer_side = shared | {
        "record": [record.of_receiver(need, offer) for need, offer in pairs],
        "preference": [_preference(offer, need) for need, offer in pairs],
        "freshness": [freshness(need, as_of) for need, _ in pairs],
    }
    return _matrix(need_side, len(pairs)), _matrix(offer_side, len(pairs))


def _matrix(columns: dict[str, Any], rows: int) -> NDArray[np.float64]:
    return np.array([columns[name] for name in FEATURES], dtype=np.float64).reshape(len(FEATURES), rows).T


def amount_fit(need: Profile, offer: Profile) -> float:
    """The largest share of one of the need's lines that one of the offer's lines could carry."""
    best = 0.0
    for needed in need.lines:
        for offered in offer.lines:
            if line_carries(offered, needed):
                most = (
                    offered.amount if offered.cheque_max is None else min(offered.amount, offered.cheque_max)
                )
                best = max(best, min(1.0, most / needed.amount))
            elif line_carries_labour(offered, needed) and offered.worth is not None:
                best = max(best, min(1.0, offered.worth.amount / needed.labour))
    return best


def _places(profile: Profile) -> frozenset[str]:
    return profile.places or profile.organization.places


@cache
def nearness(ours: frozenset[str], theirs: frozenset[str]) -> float:
    """How near two sets of places are: 1 in one district or where one lies in the other, 0 if unknown."""
    return max((_nearness(a, b) for a in ours for b in theirs), default=0.0)


def _nearness(a: str, b: str) -> float:
    vocabulary = default_vocabulary()
    around_a = (a, *vocabulary.ancestors("places", a))
    around_b = {b, *vocabulary.ancestors("places", b)}
    for place in around_a:
        if place in around_b:
            return _NEARNESS[vocabulary.attribute("places", place, "type")]
    return 0.0


def _overlap(ours: frozenset[str], theirs: frozenset[str]) -> float:
    return len(ours & theirs) / min(len(ours), len(theirs)) if ours and theirs else 0.0


def _preference(chooser: Profile, chosen: Profile) -> float:
    if chosen.id not in chooser.preferences:
        return 0.0
    return 1 - chooser.preferences.index(chosen.id) / len(chooser.preferences)


def freshness(profile: Profile, as_of: date) -> float:
    """1 on the day of publication, half after 90 days; 0 where the day is not known."""
    if profile.published is None:
        return 0.0
    return float(0.5 ** (max(0, (as_of - profile.published).days) / _FRESH_DAYS))


def evidence(need: Profile, offer: Profile, semantic: float, record: TrackRecord) -> tuple[Message, ...]:
    """Why this pair: short reasons for people, the strongest first."""
    reasons = shared(concepts(need), concepts(offer), semantic, nearness(_places(need), _places(offer)))
    if record.between[need.organization.id, offer.organization.id]:
        reasons.append(Message("met-before", "Worked together before"))
    if need.id in offer.preferences or offer.id in need.preferences:
        reasons.append(Message("ranked", "One has asked for the other"))
    if need.organization.left_out or offer.organization.left_out:
        reasons.append(Message("second-chance", "Left the last round with nothing"))
    return tuple(reasons)


def shared(ours: Concepts, theirs: Concepts, semantic: float, near: float) -> list[Message]:
    """What two have in common: themes, target groups, meaning and place, the strongest first.

    `semantic` in [0, 1] as scored, `near` as `nearness` has it.
    """
    reasons = [
        Message("same-theme", "Same theme: {term}", term=Term("themes", theme))
        for theme in sorted(ours["themes"] & theirs["themes"])[:MOST_SHARED]
    ]
    reasons += [
        Message("same-group", "Same people: {term}", term=Term("groups", group))
        for group in sorted(ours["groups"] & theirs["groups"])[:MOST_SHARED]
    ]
    if semantic >= 0.6:
        reasons.append(Message("similar-meaning", "Texts close in meaning"))
    if near >= _NEARNESS["city"]:
        reasons.append(Message("same-place", "Near each other"))
    return reasons


def concepts(profile: Profile) -> Concepts:
    """Themes and target groups of a profile: those stated and, where none are, those its text mentions."""
    if profile.themes and profile.groups:
        return {"themes": profile.themes, "groups": profile.groups}
    mentioned = _mentioned(profile.full_text)
    return {
        "themes": profile.themes or mentioned["themes"],
        "groups": profile.groups or mentioned["groups"],
    }


@lru_cache(KEPT_TEXTS)
def _mentioned(text: str) -> Concepts:
    found = default_vocabulary().concepts(text)
    return {scheme: frozenset(found.get(scheme, ())) for scheme in ("themes", "groups")}
