"""After a match: who is next in line where a pairing fell through, and what else one could choose from.

What is promised stays promised: needs ask only for what they still lack, offers give only what they have
left, and no pair that was tried before comes again. Rules are those of the match.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from matching.assembly import LABOUR, OVERHEAD
from matching.embedding import default_embedder
from matching.matcher import match
from matching.messages import Quantity
from matching.scored import possible_pairs
from matching.screening import screen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence
    from datetime import date

    from matching.embedding import Embedder
    from matching.outcome import Gift, Pairing
    from matching.profiles import Cooperation, Profile, ResourceLine
    from matching.rules import Budget, Rules

TRIES = 3
"""How many candidates are looked at for each one that is wanted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """A pairing that stands, or may yet: ids of need and offer, and what is given."""

    need: str
    offer: str
    gifts: tuple[Gift, ...]


@dataclass(frozen=True, slots=True)
class _Rest:
    """What is left of a profile, and the position that each of its lines had before."""

    whole: Profile
    profile: Profile
    places: tuple[int, ...]


def next_in_line(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    promises: Sequence[Promise],
    wanting: Collection[str],
    rules: Rules,
    *,
    tried: Collection[tuple[str, str]] = (),
    embedder: Embedder | None = None,
    cooperations: Sequence[Cooperation] = (),
) -> tuple[Pairing, ...]:
    """The best pairings that are still possible for the needs in `wanting` beside all `promises`.

    The profiles in them are whole, and gifts name their lines; amounts are of what is lacking and left.
    """
    slots = _slots(needs, promises, rules)
    rest_needs = {
        need.id: rest
        for need in needs
        if need.id in wanting and slots.get(need.organization.id, 1) > 0
        if (rest := _lacking(need, promises)) is not None
    }
    rest_offers = {offer.id: rest for offer in offers if (rest := _unused(offer, promises)) is not None}
    if not rest_needs or not rest_offers:
        return ()
    found = match(
        [rest.profile for rest in rest_needs.values()],
        [rest.profile for rest in rest_offers.values()],
        replace(
            rules,
            locks=(),
            quotas=(),
            bans=tuple(
                pair for pair in (*rules.bans, *tried) if pair[0] in rest_needs and pair[1] in rest_offers
            ),
            budgets=tuple(_left(budget, promises) for budget in rules.budgets),
        ),
        embedder,
        cooperations=cooperations,
    ).pairings
    kept: list[Pairing] = []
    going: set[str] = set()
    for pairing in sorted(found, key=lambda one: (-one.score, one.need.id, one.offer.id)):
        organization = pairing.need.organization.id
        if pairing.need.id not in going:
            if slots.get(organization, 1) <= 0:
                continue
            going.add(pairing.need.id)
            if organization in slots:
                slots[organization] -= 1
        kept.append(_whole(pairing, rest_needs[pairing.need.id], rest_offers[pairing.offer.id]))
    return tuple(kept)


def _slots(needs: Iterable[Profile], promises: Iterable[Promise], rules: Rules) -> dict[str, int]:
    """By organization: how many more of its projects may go ahead; a project that goes ahead counts once."""
    if rules.projects_per_organization is None:
        return {}
    going = {promise.need for promise in promises}
    used = Counter(need.organization.id for need in needs if need.id in going)
    return {
        need.organization.id: rules.projects_per_organization - used[need.organization.id] for need in needs
    }


def _lacking(need: Profile, promises: Iterable[Promise]) -> _Rest | None:
    """What a need still lacks, its parts and its minimum lowered by what it gets."""
    got: Counter[tuple[int, str]] = Counter()
    for promise in promises:
        if promise.need == need.id:
            for gift in promise.gifts:
                got[gift.need_line, gift.part] += gift.quantity.amount
    lines = {}
    for place, line in enumerate(need.lines):
        given = sum(amount for (where, _), amount in got.items() if where == place)
        if line.amount > given:
            lines[place] = replace(
                line,
                amount=line.amount - given,
                minimum=max(0, line.minimum - given),
                labour=max(0, line.labour - got[place, LABOUR]),
                overhead=max(0, line.overhead - got[place, OVERHEAD]),
            )
    return _rest(need, lines)


def _unused(offer: Profile, promises: Iterable[Promise]) -> _Rest | None:
    """What an offer has left, and how many more projects it wants."""
    own = [promise for promise in promises if promise.offer == offer.id]
    used: Counter[int] = Counter()
    for promise in own:
        for gift in promise.gifts:
            used[gift.offer_line] += gift.used.amount
    if offer.most_projects is not None:
        more = offer.most_projects - len({promise.need for promise in own})
        if more <= 0:
            return None
        offer = replace(offer, most_projects=more)
    lines = {
        place: _smaller(line, used[place])
        for place, line in enumerate(offer.lines)
        if line.amount > used[place]
    }
    return _rest(offer, lines)


def _smaller(line: ResourceLine, used: int) -> ResourceLine:
    """A line without what is used, its worth in proportion."""
    left = line.amount - used
    worth = line.worth and Quantity(line.worth.amount * left // line.amount, line.worth.unit)
    return replace(line, amount=left, worth=worth)


def _rest(profile: Profile, lines: dict[int, ResourceLine]) -> _Rest | None:
    if not lines:
        return None
    return _Rest(profile, replace(profile, lines=tuple(lines.values())), tuple(lines))


def _left(budget: Budget, promises: Iterable[Promise]) -> Budget:
    spent = sum(
        gift.used.amount
        for promise in promises
        if promise.offer in budget.offers
        for gift in promise.gifts
        if gift.used.unit == budget.limit.unit
    )
    return replace(budget, limit=Quantity(max(0, budget.limit.amount - spent), budget.limit.unit))


def _whole(pairing: Pairing, need: _Rest, offer: _Rest) -> Pairing:
    gifts = tuple(
        replace(gift, need_line=need.places[gift.need_line], offer_line=offer.places[gift.offer_line])
        for gift in pairing.gifts
    )
    return replace(pairing, need=need.whole, offer=offer.whole, gifts=gifts)


def more_to_choose_from(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    rules: Rules,
    as_of: date,
    *,
    most: int,
    tried: Collection[tuple[str, str]] = (),
    embedder: Embedder | None = None,
    cooperations: Sequence[Cooperation] = (),
) -> tuple[Pairing, ...]:
    """For each need up to `most` further possible pairings, the best first, each as if it were alone."""
    open_needs = [need for need in needs if screen(need, rules, as_of) is None]
    open_offers = [offer for offer in offers if screen(offer, rules, as_of) is None]
    if not open_needs or not open_offers:
        return ()
    bare = replace(rules, as_of=as_of, locks=(), quotas=(), bans=())
    embedder = embedder or default_embedder()
    scored = possible_pairs(open_needs, open_offers, bare, embedder, cooperations, as_of)
    barred = {*tried, *rules.bans}
    candidates: dict[int, list[tuple[int, str, int]]] = defaultdict(list)
    for pair, (n, o) in enumerate(zip(scored.need.tolist(), scored.offer.tolist(), strict=True)):
        if (open_needs[n].id, open_offers[o].id) not in barred:
            candidates[n].append((-int(scored.scores.score[pair]), open_offers[o].id, o))
    found: list[Pairing] = []
    for n in sorted(candidates, key=lambda position: open_needs[position].id):
        wanted = most
        for _, _, o in sorted(candidates[n])[: TRIES * most]:
            alone = match([open_needs[n]], [open_offers[o]], bare, embedder, cooperations=cooperations)
            found += alone.pairings
            wanted -= len(alone.pairings)
            if not wanted:
                break
    return tuple(found)
