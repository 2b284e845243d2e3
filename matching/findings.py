"""From the allocation back to people: pairings with reasons, shortfalls, who got nothing and why."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

import numpy as np

from matching.assembly import LABOUR, OVERHEAD
from matching.features import TrackRecord, evidence
from matching.messages import Message, Quantity, Term
from matching.outcome import Gift, Pairing, Shortfall, Unmatched
from matching.profiles import MONEY
from matching.scoring import SCALE
from matching.stability import blocking_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matching.allocation import Allocation, Explanation
    from matching.assembly import Assembly, Part
    from matching.messages import Param
    from matching.profiles import Cooperation, Profile
    from matching.scored import NearMiss, ScoredPairs
    from matching.screening import Refusal

NEAR = 0.3
"""Closeness in meaning from which an impossible offer is worth naming to those who got nothing."""

RULED_OUT = frozenset({"same-organization", "conflict-of-interest", "veto", "banned"})
"""Reasons that no change of the need or the offer would lift."""


def pairings(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    scored: ScoredPairs,
    assembly: Assembly,
    allocation: Allocation,
    cooperations: Sequence[Cooperation],
) -> tuple[Pairing, ...]:
    """One pairing for each need and offer between which anything is given, by need and falling score."""
    record = TrackRecord(cooperations)
    gifts: dict[int, list[Gift]] = defaultdict(list)
    for edge in allocation.amount.nonzero()[0].tolist():
        gifts[assembly.pairs[edge]].append(_gift(needs, offers, assembly, allocation, edge))
    found = []
    for pair, given in gifts.items():
        need, offer = needs[int(scored.need[pair])], offers[int(scored.offer[pair])]
        found.append(
            Pairing(
                need=need,
                offer=offer,
                gifts=tuple(given),
                score=int(scored.scores.score[pair]) / SCALE,
                need_side=int(scored.scores.need_side[pair]) / SCALE,
                offer_side=int(scored.scores.offer_side[pair]) / SCALE,
                parts=scored.scores.named_parts(pair),
                evidence=evidence(need, offer, float(scored.semantic[pair]), record),
                flags=_flags(need, offer, given),
            )
        )
    return tuple(sorted(found, key=lambda p: (p.need.id, -p.score, p.offer.id)))


def _gift(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    assembly: Assembly,
    allocation: Allocation,
    edge: int,
) -> Gift:
    part = assembly.parts[int(assembly.problem.edge_demand[edge])]
    offer, line = assembly.lines[int(assembly.problem.edge_supply[edge])]
    needed, offered = needs[part.need].lines[part.line], offers[offer].lines[line]
    return Gift(
        need_line=part.line,
        offer_line=line,
        kind=offered.kind,
        part=part.name,
        quantity=Quantity(int(allocation.amount[edge]), needed.unit),
        used=Quantity(int(allocation.used[edge]), offered.unit),
    )


def _flags(need: Profile, offer: Profile, gifts: Sequence[Gift]) -> tuple[Message, ...]:
    lines = [need.lines[gift.need_line] for gift in gifts if gift.kind == MONEY]
    flags = []
    if not offer.strings.pays_labour and any(line.labour for line in lines):
        flags.append(
            Message(
                "labour-not-covered", "This money may not pay people: the labour must come from elsewhere."
            )
        )
    if not offer.strings.pays_overhead and any(line.overhead for line in lines):
        flags.append(
            Message(
                "overhead-not-covered",
                "This money may not pay administration: its cost must come from elsewhere.",
            )
        )
    if any(gift.part == LABOUR and gift.kind != MONEY for gift in gifts):
        flags.append(
            Message("labour-completed", "These people stand in for the labour that money does not pay.")
        )
    return tuple(flags)


def blocking(scored: ScoredPairs, assembly: Assembly, allocation: Allocation) -> int:
    """How many possible pairs both sides would rather have than what they got.

    A need has room while one of its lines lacks something, an offer while it has something left and may
    serve one more project; either would also leave a partner that it scores lower.
    """
    problem = assembly.problem
    given, used = Counter[int](), Counter[int]()
    served: dict[str, set[str]] = defaultdict(set)
    matched = np.zeros(len(scored.need), dtype=np.bool_)
    for edge in allocation.amount.nonzero()[0].tolist():
        demand, supply = int(problem.edge_demand[edge]), int(problem.edge_supply[edge])
        given[demand] += int(allocation.amount[edge])
        used[supply] += int(allocation.used[edge])
        served[problem.supplies[supply].offer].add(problem.demands[demand].project)
        matched[assembly.pairs[edge]] = True
    need_room = np.zeros(1 + max((part.need for part in assembly.parts), default=-1), dtype=np.bool_)
    for demand, part in enumerate(assembly.parts):
        need_room[part.need] |= given[demand] < part.amount
    offer_room = np.zeros(1 + max((offer for offer, _ in assembly.lines), default=-1), dtype=np.bool_)
    for supply, (offer, _) in enumerate(assembly.lines):
        at_most = problem.most_projects.get(problem.supplies[supply].offer)
        full = at_most is not None and len(served[problem.supplies[supply].offer]) >= at_most
        offer_room[offer] |= used[supply] < problem.supplies[supply].amount and not full
    return len(
        blocking_pairs(
            scored.need,
            scored.offer,
            scored.scores.need_side,
            scored.scores.offer_side,
            matched,
            need_room,
            offer_room,
        )
    )


def shortfalls(needs: Sequence[Profile], assembly: Assembly, allocation: Allocation) -> tuple[Shortfall, ...]:
    """What is still missing of each line of the projects that go ahead."""
    given = Counter[int]()
    for edge in allocation.amount.nonzero()[0].tolist():
        given[int(assembly.problem.edge_demand[edge])] += int(allocation.amount[edge])
    found = []
    for demand, part in enumerate(assembly.parts):
        need = needs[part.need]
        if need.id not in allocation.projects or given[demand] >= part.amount:
            continue
        found.append(shortfall_of(need, part, part.amount - given[demand]))
    return tuple(found)


def shortfall_of(need: Profile, part: Part, amount: int) -> Shortfall:
    """That so many hundredths of a part of a line are still missing."""
    line = need.lines[part.line]
    missing = Quantity(amount, line.unit)
    kind = Term("kinds", line.kind)
    message = {
        LABOUR: Message("labour-missing", "Labour of {sum} is not covered yet.", sum=missing),
        OVERHEAD: Message("overhead-missing", "Administration of {sum} is not covered yet.", sum=missing),
    }.get(part.name, Message("line-missing", "{sum} ({kind}) still missing.", sum=missing, kind=kind))
    return Shortfall(need=need, line=part.line, part=part.name, missing=missing, message=message)


def unmatched_needs(
    needs: Sequence[Profile],
    refused: Mapping[str, Refusal],
    near_misses: Mapping[str, NearMiss],
    explanations: Mapping[str, Explanation],
    allocation: Allocation,
    names: Names,
) -> tuple[Unmatched, ...]:
    """Every need that got nothing, with the reason and what would have changed it."""
    found = []
    for need in needs:
        if need.id in allocation.projects:
            continue
        why = explanations.get(need.id)
        if (refusal := refused.get(need.id)) is not None:
            reason, remedy = refusal.reason, refusal.remedy
        elif why is not None and why.reason.code != "no-candidate":
            reason, remedy = names.spell_out(why.reason), names.spell_out(why.remedy)
        elif need.id in near_misses:
            reason, remedy = _why_missed(near_misses[need.id])
        else:
            reason, remedy = _why_nobody_gives(need)
        found.append(Unmatched(profile=need, reason=reason, remedy=remedy))
    return tuple(found)


def _why_missed(miss: NearMiss) -> tuple[Message, Message]:
    if miss.semantic < NEAR or miss.reason.code == "far-in-meaning":
        return (
            Message("no-fitting-offer", "Offers of that kind are for something else."),
            Message("seek-offer", "Describe the need more fully, or seek an offer for this theme."),
        )
    reason = Message(
        miss.reason.code,
        "The nearest offer of that kind is “{offer}” ({organization}). {reason}",
        offer=miss.offer.title,
        organization=miss.offer.organization.name,
        reason=miss.reason,
    )
    if miss.reason.code in RULED_OUT:
        return reason, Message("seek-other-giver", "Seek another giver: this pair stays ruled out.")
    return reason, Message("meet-condition", "Meet that condition, or ask the giver to lift it.")


def _why_nobody_gives(need: Profile) -> tuple[Message, Message]:
    line = max(need.lines, key=lambda line: line.critical)
    return (
        Message(
            "no-offer-of-kind",
            "No offer gives {kind} in this unit to an organization like this one.",
            kind=Term("kinds", line.kind),
        ),
        Message("seek-kind", "Seek someone who gives {kind}.", kind=Term("kinds", line.kind)),
    )


_NAMED = ("need", "project", "supply", "offer")
"""Parameters that hold the id of a profile, or of one of its lines."""


class Names:
    """Puts titles, names and quantities in the place of ids and numbers in what the optimiser says."""

    def __init__(self, needs: Sequence[Profile], offers: Sequence[Profile], units: Mapping[str, str]) -> None:
        profiles = (*needs, *offers)
        self._units = units
        self._titles = {profile.id: profile.title for profile in profiles}
        self._organizations = {p.organization.id: p.organization.name for p in profiles}

    def spell_out(self, message: Message) -> Message:
        """The same message about titles and names; ids stay in parameters called so, such as `need_id`."""
        named = {name: self._named(name, value) for name, value in message.params.items()}
        named |= {
            f"{name}_id": str(value).split("/")[0]
            for name, value in message.params.items()
            if name in _NAMED and f"{name}_id" not in message.params
        }
        unit = self._units.get(str(message.params.get("supply")))
        if unit is not None and isinstance(amount := message.params.get("amount"), int):
            named["amount"] = Quantity(amount, unit)
        return Message(message.code, message.template, **named)

    def _named(self, name: str, value: Param) -> Param:
        if name == "organization":
            return self._organizations.get(str(value), value)
        if name in _NAMED:
            return self._titles.get(str(value).split("/")[0], value)
        return value


def idle_offers(
    offers: Sequence[Profile],
    refused: Mapping[str, Refusal],
    found: Sequence[Pairing],
    scored: ScoredPairs,
    pool_offers: Sequence[Profile],
) -> tuple[Unmatched, ...]:
    """Every offer of which nothing was used, with the reason and what would have changed it."""
    used = {pairing.offer.id for pairing in found}
    wanted = {pool_offers[position].id for position in set(scored.offer.tolist())}
    idle = []
    for offer in offers:
        if offer.id in used:
            continue
        if (refusal := refused.get(offer.id)) is not None:
            reason, remedy = refusal.reason, refusal.remedy
        elif offer.id in wanted:
            reason = Message(
                "others-fit-better", "Every need it fits is carried by others, better or enough."
            )
            remedy = Message("keep-in-reserve", "Keep it in reserve for pairings that fall through.")
        else:
            reason = Message("no-fitting-need", "No need in this round asks for it.")
            remedy = Message("widen-offer", "Widen its conditions, or look for needs of this kind.")
        idle.append(Unmatched(profile=offer, reason=reason, remedy=remedy))
    return tuple(idle)
