"""The main job: needs and offers in, certified pairings out.

Screen → retrieve candidates → filter → score → allocate → verify → certify → explain. Every step is pure;
profiles are put in the order of their ids first, so the order of the input never matters.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from matching.allocation import certificate, explain
from matching.assembly import assemble, carries, lines_meet
from matching.continuing import shared_out
from matching.embedding import default_embedder
from matching.errors import Infeasible, InvalidRules, Problem
from matching.findings import Names, blocking, idle_offers, pairings, shortfalls, unmatched_needs
from matching.messages import Message
from matching.outcome import Matching
from matching.rules import Rules
from matching.scored import possible_pairs
from matching.scoring import SCALE
from matching.screening import Refusal, pair_refusal, screen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matching.embedding import Embedder
    from matching.outcome import Pairing
    from matching.profiles import Cooperation, Profile


Progress = Callable[[str, float], None]
"""Told a stage's code (reading, allocating, explaining, done) and the share of that stage done, in [0, 1]."""


def _silent(_stage: str, _share: float) -> None:
    return


def match(
    needs: Sequence[Profile],
    offers: Sequence[Profile],
    rules: Rules | None = None,
    embedder: Embedder | None = None,
    *,
    cooperations: Sequence[Cooperation] = (),
    earlier: Matching | None = None,
    progress: Progress = _silent,
) -> Matching:
    """Who carries which need, provably well: pairings with reasons, the rest with remedies, a certificate.

    `rules` default to an open round today; `embedder` to the bundled multilingual model. Known
    `cooperations` feed track records, yearly caps and what is left of budgets. Pairs of an `earlier` result
    stay unless giving one up is worth more than `rules.keep`; the certificate says what that costs. Raises
    InvalidRules for ids that are used twice or rules that name unknown ones, Infeasible with remedies for
    locks and quotas that cannot all hold. What `progress` raises ends the work.
    """
    rules = rules or Rules()
    as_of = rules.as_of or datetime.now(UTC).date()
    needs = tuple(sorted(needs, key=lambda profile: profile.id))
    offers = tuple(sorted(offers, key=lambda profile: profile.id))
    _check_ids(needs, offers, rules)

    refused = {
        profile.id: refusal
        for profile in (*needs, *offers)
        if (refusal := screen(profile, rules, as_of)) is not None
    }
    open_needs = [need for need in needs if need.id not in refused]
    open_offers = [offer for offer in offers if offer.id not in refused]
    _check_locks(needs, offers, refused, rules)

    progress("reading", 0.0)
    scored = possible_pairs(
        open_needs, open_offers, rules, embedder or default_embedder(), cooperations, as_of
    )
    assembly = assemble(
        open_needs,
        open_offers,
        list(zip(scored.need.tolist(), scored.offer.tolist(), strict=True)),
        scored.scores.score.tolist(),
        rules,
        cooperations,
        as_of,
    )

    def allocating(_stage: str, share: float, _message: Message) -> None:
        progress("allocating", share)

    names = Names(needs, offers, assembly.units)
    try:
        allocation, keep_price = shared_out(assembly, rules, earlier, allocating)
    except Infeasible as error:
        raise Infeasible(error.message, [names.spell_out(one) for one in error.remedies]) from error
    progress("explaining", 0.0)
    explanations = explain(
        assembly.problem,
        allocation,
        units=assembly.units,
        progress=lambda share: progress("explaining", share),
    )
    found = pairings(open_needs, open_offers, scored, assembly, allocation, cooperations)
    progress("done", 1.0)
    return Matching(
        needs=needs,
        offers=offers,
        rules=rules,
        pairings=found,
        shortfalls=shortfalls(open_needs, assembly, allocation),
        unmatched=unmatched_needs(needs, refused, scored.near_misses, explanations, allocation, names),
        idle=idle_offers(offers, refused, found, scored, open_offers),
        refused=refused,
        certificate=replace(
            certificate(assembly.problem, allocation),
            blocking_pairs=blocking(scored, assembly, allocation),
            kept_pairs=None if earlier is None or keep_price is None else _kept(found, earlier),
            keep_price=keep_price,
        ),
    )


def _kept(found: Sequence[Pairing], earlier: Matching) -> int:
    """How many pairs are those of the earlier result."""
    before = {(pairing.need.id, pairing.offer.id) for pairing in earlier.pairings}
    return sum((pairing.need.id, pairing.offer.id) in before for pairing in found)


def _check_ids(needs: Sequence[Profile], offers: Sequence[Profile], rules: Rules) -> None:
    """Refuse ids used twice and rules about profiles that are not there, all of them at once."""
    problems = []
    for side, profiles in (("needs", needs), ("offers", offers)):
        counts = Counter(profile.id for profile in profiles)
        problems += [
            Problem(None, side, id_, Message("id-twice", "This id is used more than once."))
            for id_, count in counts.items()
            if count > 1
        ]
    known = ({need.id for need in needs}, {offer.id for offer in offers})
    by_hand = tuple((given.need, given.offer) for given in rules.amounts)
    for column, pairs in (("locks", rules.locks), ("bans", rules.bans), ("amounts", by_hand)):
        for pair in pairs:
            problems += [
                Problem(
                    None,
                    column,
                    id_,
                    Message(
                        "unknown-id",
                        "There is no such listing. Near it: {known}.",
                        known=", ".join(difflib.get_close_matches(id_, sorted(ids), n=3)) or "—",
                    ),
                )
                for id_, ids in zip(pair, known, strict=True)
                if id_ not in ids
            ]
    if problems:
        raise InvalidRules(Message("invalid-input", "The input contradicts itself."), problems)


def _check_locks(
    needs: Sequence[Profile], offers: Sequence[Profile], refused: Mapping[str, Refusal], rules: Rules
) -> None:
    """Refuse locks of pairs that no allocation could hold, whatever the amounts, with what would mend it."""
    by_id = {profile.id: profile for profile in (*needs, *offers)}
    remedies = []
    for need_id, offer_id in rules.promised:
        need, offer = by_id[need_id], by_id[offer_id]
        reasons = [refused[id_].reason for id_ in (need_id, offer_id) if id_ in refused]
        impossible = pair_refusal(need, offer, rules)
        if impossible is None and not lines_meet(need, offer, rules):
            impossible = Message("other-resources", "It gives other resources than are needed.")
        remedies += [
            Message(
                "drop-lock",
                "Remove the lock of “{need}” and “{offer}”: {reason}",
                need=need.title,
                offer=offer.title,
                reason=reason,
                need_id=need.id,
                offer_id=offer.id,
            )
            for reason in [*reasons, *([impossible] if impossible else [])]
        ]
    if remedies:
        raise Infeasible(Message("impossible-locks", "Some locked pairs are not possible."), remedies)


def verify(matching: Matching) -> list[Message]:
    """What in a matching breaks its own rules, counted again from the profiles; empty if nothing does.

    Checks who takes part, which pairs are possible, what each gift may pay, that no line gets more than it
    asks for, that no offer gives more than it has, and that the parts of each score add up to it. It shares
    no code with the optimiser; `matching.allocation.verify` checks the optimiser's own rules as well.
    """
    rules = matching.rules
    as_of = rules.as_of or datetime.now(UTC).date()
    broken: list[Message] = []
    got: Counter[tuple[str, int]] = Counter()
    gave: Counter[tuple[str, int]] = Counter()
    for pairing in matching.pairings:
        need, offer = pairing.need, pairing.offer
        refusals = (screen(need, rules, as_of), screen(offer, rules, as_of))
        broken += [refusal.reason for refusal in refusals if refusal is not None]
        if (reason := pair_refusal(need, offer, rules)) is not None:
            broken.append(reason)
        for gift in pairing.gifts:
            got[need.id, gift.need_line] += gift.quantity.amount
            gave[offer.id, gift.offer_line] += gift.used.amount
            if not carries(offer, offer.lines[gift.offer_line], need.lines[gift.need_line], gift.part):
                broken.append(
                    Message("wrong-gift", "{offer} cannot give this to {need}.", need=need.id, offer=offer.id)
                )
        if sum(round(part * SCALE) for part in pairing.parts.values()) != round(pairing.score * SCALE):
            broken.append(
                Message(
                    "parts-apart",
                    "The parts of the score of {need} and {offer} do not add up.",
                    need=need.id,
                    offer=offer.id,
                )
            )
    for totals, profiles in ((got, matching.needs), (gave, matching.offers)):
        broken += [
            Message("too-much", "Line {line} of {id} holds more than it can.", line=line + 1, id=profile.id)
            for profile in profiles
            for line, resource in enumerate(profile.lines)
            if totals[profile.id, line] > resource.amount
        ]
    return broken
