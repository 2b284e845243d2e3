"""Amounts set by hand on a result that is there already, and whether every rule of the round still holds.

The check reads the profiles and the rules again and shares no code with the optimiser.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matching import matcher
from matching.allocation import verify
from matching.allocation.continuity import allocation_of
from matching.assembly import assemble, carries, line_of_unit, parts_of
from matching.continuing import amounts
from matching.findings import shortfall_of
from matching.messages import Message, Quantity
from matching.outcome import Gift
from matching.scoring import SCALE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.allocation import Violation
    from matching.assembly import Assembly
    from matching.messages import Param
    from matching.outcome import Matching, Pairing, Shortfall
    from matching.profiles import Cooperation, Profile
    from matching.rules import GivenAmount


def with_amount(matching: Matching, given: GivenAmount) -> Matching:
    """The result with one pair's amount set by hand, its programme served first; nothing is checked.

    Raises KeyError where the pair is not in the result, or the offer has no line of that unit for the need.
    """
    pairing = next(
        (one for one in matching.pairings if (one.need.id, one.offer.id) == (given.need, given.offer)), None
    )
    line = None if pairing is None else line_of_unit(pairing.offer, pairing.need, given.unit)
    if pairing is None or line is None:
        raise KeyError(given.need, given.offer, given.unit)
    changed = replace(pairing, gifts=_gifts(matching, pairing, line, given.amount))
    pairings = tuple(changed if one is pairing else one for one in matching.pairings)
    return replace(matching, pairings=pairings, shortfalls=_shortfalls(pairings))


def _shortfalls(pairings: Sequence[Pairing]) -> tuple[Shortfall, ...]:
    """What is still missing of the projects that get something."""
    needs = {one.need.id: one.need for one in pairings}
    got = Counter[tuple[str, int, str]]()
    for one in pairings:
        for gift in one.gifts:
            got[one.need.id, gift.need_line, gift.part] += gift.quantity.amount
    return tuple(
        shortfall_of(need, part, missing)
        for need in needs.values()
        for part in parts_of(need, 0)
        if (missing := part.amount - got[need.id, part.line, part.name]) > 0
    )


def _gifts(matching: Matching, pairing: Pairing, line: int, amount: int) -> tuple[Gift, ...]:
    """The pairing's gifts with those from one line of the offer made anew from an amount of that line."""
    need, offer = pairing.need, pairing.offer
    others = [gift for gift in pairing.gifts if gift.offer_line != line]
    got = Counter[tuple[int, str]]()
    for one in matching.of_need(need.id):
        for gift in others if one is pairing else one.gifts:
            got[gift.need_line, gift.part] += gift.quantity.amount
    offered = offer.lines[line]
    parts = [part for part in parts_of(need, 0) if carries(offer, offered, need.lines[part.line], part.name)]
    made: list[Gift] = []
    for part in parts:
        needed = need.lines[part.line]
        up, down = (
            (1, 1)
            if offered.unit == needed.unit or offered.worth is None
            else (offered.amount, offered.worth.amount)
        )
        room = max(0, part.amount - got[part.line, part.name])
        last = part is parts[-1]
        used = amount if last else min(amount, -(-room * up // down))
        if used:
            quantity = Quantity(used * down // up, needed.unit)
            made.append(
                Gift(
                    need_line=part.line,
                    offer_line=line,
                    kind=offered.kind,
                    part=part.name,
                    quantity=quantity,
                    used=Quantity(used, offered.unit),
                )
            )
            amount -= used
    return tuple(sorted([*others, *made], key=lambda gift: (gift.need_line, gift.offer_line)))


def broken_rules(matching: Matching, cooperations: Sequence[Cooperation] = ()) -> list[Message]:
    """Every rule of the round that the result breaks, in words; empty if it keeps them all.

    Conditions, sums, budgets, funds, cheques, caps, quotas and locks; of a pair whose amount is set by hand
    the lock is not asked for more than that.
    """
    rules = matching.rules
    by_hand = {(given.need, given.offer) for given in rules.amounts}
    plain = replace(rules, amounts=(), locks=tuple(pair for pair in rules.locks if pair not in by_hand))
    needs = [need for need in matching.needs if need.id not in matching.refused]
    offers = [offer for offer in matching.offers if offer.id not in matching.refused]
    places = {profile.id: number for side in (needs, offers) for number, profile in enumerate(side)}
    known = [one for one in matching.pairings if one.need.id in places and one.offer.id in places]
    assembly = assemble(
        needs,
        offers,
        [(places[one.need.id], places[one.offer.id]) for one in known],
        [round(one.score * SCALE) for one in known],
        plain,
        cooperations,
        rules.as_of or datetime.now(UTC).date(),
    )
    found = allocation_of(assembly.problem, amounts(assembly, known), rules.fairness, rules.seed)
    said = [_words(one, assembly, matching) for one in verify(assembly.problem, found)]
    others = [one for one in matcher.verify(replace(matching, rules=plain)) if one.code != "too-much"]
    return list(dict.fromkeys([*others, *said]))


_SENTENCES = {
    "need": "“{name}” would get {got} for this part; it asks for {limit}.",
    "minimum": "“{name}” would get {got} for this part; below {limit} it cannot go ahead.",
    "step": "“{name}” takes whole steps of {limit} only.",
    "budget": "“{name}” would give {got} in all; it has {limit}.",
    "cheque-minimum": "“{name}” gives no project less than {limit}; here it would be {got}.",
    "cheque-maximum": "“{name}” gives no project more than {limit}; here it would be {got}.",
    "project-cap": "“{name}” would get {got} in all; the round allows {limit} for one project.",
    "shared-budget": "The fund “{name}” would give {got}; it has {limit}.",
    "most-projects": "“{name}” would serve {got} projects; it serves {limit} at most.",
    "organization-cap": "{name} would have {got} projects; {limit} are allowed.",
    "quota": "Of the kind “{name}”, {got} projects would go ahead; at least {limit} must.",
    "lock": "“{name}” is pinned and would get {got}; what is pinned asks for {limit}.",
    "rate": "What “{name}” gives and what it uses up do not fit together.",
}
"""What is broken, by the rule's code. Amounts are quantities where they have a unit."""
_COUNTED = frozenset({"most-projects", "organization-cap", "quota"})


def _words(violation: Violation, assembly: Assembly, matching: Matching) -> Message:
    """A violation with titles and quantities in the place of ids and hundredths."""
    profiles: dict[str, Profile] = {one.id: one for one in (*matching.needs, *matching.offers)}
    organizations = {one.organization.id: one.organization.name for one in profiles.values()}
    first = violation.subject.split(" ")[0]
    owner = first.split("/")[0]
    unit = assembly.units.get(first) or _unit_of(violation, assembly, matching)
    params: dict[str, Param] = {"name": violation.subject}
    if owner in profiles:
        params["name"] = profiles[owner].title
    elif owner in organizations:
        params["name"] = organizations[owner]
    for name in ("got", "limit"):
        value = violation.message.params.get(name, 0)
        measured = unit and violation.rule not in _COUNTED and isinstance(value, int)
        params[name] = Quantity(value, unit) if measured else value  # type: ignore[arg-type]  # an int
    template = _SENTENCES.get(violation.rule, "“{name}” breaks a rule: {got} against {limit}.")
    return Message(f"broken-{violation.rule}", template, **params)


def _unit_of(violation: Violation, assembly: Assembly, matching: Matching) -> str:
    """The unit of a rule about a project or a fund as a whole."""
    if violation.rule == "project-cap" and matching.rules.project_cap is not None:
        return matching.rules.project_cap.unit
    for budget in matching.rules.budgets:
        if violation.rule == "shared-budget" and budget.name == violation.subject:
            return budget.limit.unit
    project = violation.subject.split(" ")[0]
    return next((unit for id_, unit in assembly.units.items() if id_.startswith(f"{project}/")), "")
