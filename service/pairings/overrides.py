"""What facilitators decide over the matcher: a pair that must be, must not be, or gets a sum set by hand.

Each needs a reason and is logged. What is pinned or excluded feeds the next run. An amount is checked at once
against every rule of the round, taken into the result that is there, and fixed in every run to come: the
matcher shares out the rest around it, and where it can no longer be kept the run says so, with the remedy.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, select

from matching.adjusting import broken_rules, with_amount
from matching.assembly import lines_meet
from matching.errors import InvalidRules
from matching.messages import Message, Quantity
from matching.reading.quantities import InvalidValue, parse_amount
from matching.rules import GivenAmount
from matching.screening import pair_refusal
from service.db import now
from service.errors import BadInput, FieldProblem, NotNow
from service.events import record
from service.listings import queries as listings
from service.listings.models import Listing
from service.pairings import queries
from service.pairings.inputs import cooperations_in, rules_of
from service.pairings.models import REMARK_CHARACTERS, MatchRun, Override, OverrideKind, Pairing
from service.pairings.showing import result_of
from service.permissions import require
from service.results.keeping import kept, kept_findings
from service.rounds import queries as rounds
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.phases import require_phase
from service.texts import said

if TYPE_CHECKING:
    from matching.outcome import Matching
    from service.permissions import Actor


def override(
    session: Session,
    actor: Actor,
    one: Round,
    kind: OverrideKind,
    need: str,
    offer: str,
    *,
    reason: str,
    amount: str = "",
    language: str = "en",
) -> Override:
    """Decide about the pair of two applications (their uids). Raises BadInput, with the rule that forbids."""
    require(actor, "pairing:override")
    require_phase(one, RoundStatus.MATCHING)
    sought, given = _applications(session, one, need, offer)
    why = _reason(reason)
    made = Override(
        round_id=one.key, kind=kind, need_id=sought.key, offer_id=given.key, reason=why, made_by=actor.user_id
    )
    details: dict[str, Any] = {"kind": kind.value, "need": need, "offer": offer}
    same = [found for found, *_ in queries.overrides_in_force(session, one) if _same_pair(found, made)]
    for found in same:
        if found.kind is not kind and OverrideKind.BAN in (found.kind, kind):
            raise NotNow(_CONTRADICTION[kind])
        if found.kind is kind and kind is not OverrideKind.AMOUNT:
            raise NotNow(Message("override-twice", "This has been decided already."))
    match kind:
        case OverrideKind.AMOUNT:
            quantity = _amount(amount, language)
            made.amount, made.unit = quantity.amount, quantity.unit
            details |= {"amount": made.amount, "unit": made.unit}
            details["before"] = _set_amount(session, one, made, sought, given)
        case OverrideKind.LOCK:
            _check_possible(session, one, sought, given)
    for found in same:
        if found.kind is kind:
            _take_back(session, actor, one, found, "replaced")
    return _make(session, actor, one, made, **details)


def exclude(session: Session, actor: Actor, one: Round, pairing: Pairing, reason: str) -> Override:
    """Exclude a pair because an objection to it was upheld; what was pinned or set by hand for it gives way.

    Who may decide objections may do so.
    """
    require(actor, "objection:decide")
    require_phase(one, RoundStatus.MATCHING)
    made = Override(
        round_id=one.key,
        kind=OverrideKind.BAN,
        need_id=pairing.need_id,
        offer_id=pairing.offer_id,
        reason=_reason(reason),
        made_by=actor.user_id,
    )
    for found, *_ in queries.overrides_in_force(session, one):
        if _same_pair(found, made):
            if found.kind is OverrideKind.BAN:
                return found
            _take_back(session, actor, one, found, made.reason)
    sides = {key: session.get_one(Application, getattr(made, f"{key}_id")).uid for key in ("need", "offer")}
    return _make(session, actor, one, made, kind=made.kind.value, pairing=pairing.uid, **sides)


def _make(session: Session, actor: Actor, one: Round, made: Override, **details: Any) -> Override:
    session.add(made)
    session.flush()
    record(session, actor, "override.make", made, reason=made.reason, round=one.uid, **details)
    return made


_CONTRADICTION = {
    OverrideKind.BAN: Message(
        "override-pinned", "This pair is pinned, or its amount is set by hand. Take that back first."
    ),
    OverrideKind.LOCK: Message("override-excluded", "This pair is excluded. Take that back first."),
    OverrideKind.AMOUNT: Message("override-excluded", "This pair is excluded. Take that back first."),
}


def remove(session: Session, actor: Actor, one: Round, made: Override, reason: str = "") -> Override:
    """Take a decision back; the next run no longer knows of it."""
    require(actor, "pairing:override")
    require_phase(one, RoundStatus.MATCHING)
    return _take_back(session, actor, one, made, said(reason, "reason", REMARK_CHARACTERS))


def _take_back(session: Session, actor: Actor, one: Round, made: Override, reason: str) -> Override:
    made.removed = now()
    made.version += 1
    session.add(made)
    record(session, actor, "override.remove", made, reason=reason, round=one.uid, kind=made.kind.value)
    return made


def _same_pair(one: Override, other: Override) -> bool:
    return (one.need_id, one.offer_id) == (other.need_id, other.offer_id)


def _applications(session: Session, one: Round, need: str, offer: str) -> tuple[Application, Application]:
    """Both applications, if they are in the match of this round on the right sides."""
    wanted = select(Application).where(rounds.matchable(one))
    found = {application.uid: application for application in session.exec(wanted)}
    problems = [
        FieldProblem(field, Message("not-in-match", "Choose one that is in the match."))
        for field, uid in (("need", need), ("offer", offer))
        if uid not in found or found[uid].side != field
    ]
    if problems:
        raise BadInput(problems)
    return found[need], found[offer]


def _reason(text: str) -> str:
    kept_text = said(text, "reason", REMARK_CHARACTERS)
    if not kept_text:
        raise BadInput.one("reason", Message("reason-needed", "Please give a reason."))
    return kept_text


def _amount(text: str, language: str) -> Quantity:
    try:
        return parse_amount(text, language=language)
    except InvalidValue as error:
        raise BadInput.one("amount", error.message) from error


def _check_possible(session: Session, one: Round, need: Application, offer: Application) -> None:
    """Refuse to pin a pair that no run could hold, with the rule that forbids it."""
    pair = [session.get_one(Listing, need.listing_id), session.get_one(Listing, offer.listing_id)]
    sought, given = listings.profiles_of(session, pair)
    try:
        rules = rounds.preset_of(one).rules
    except InvalidRules as error:
        raise NotNow(error.message) from error
    reason = pair_refusal(sought, given, rules)
    if reason is None and not lines_meet(sought, given, rules):
        reason = Message("other-resources", "It gives other resources than are needed.")
    if reason is not None:
        raise BadInput.one(
            "offer", Message("cannot-pin", "This pair cannot be pinned: {reason}", reason=reason)
        )


# Amounts ----------------------------------------------------------------------------------------------


def _set_amount(session: Session, one: Round, made: Override, need: Application, offer: Application) -> int:
    """Take an amount into the result that waits for its release, if every rule holds; what was before."""
    run = queries.latest_result(session, one)
    if run is None or run.released is not None:
        raise NotNow(Message("amount-no-result", "There is no result to change: match first."))
    row = queries.proposed_pair(session, run, need.key, offer.key)
    if row is None:
        raise NotNow(
            Message("amount-no-pair", "This pair is not in the result. Pin it and match again to have it.")
        )
    uids = [session.get_one(Listing, side.listing_id).uid for side in (need, offer)]
    given = GivenAmount(need=uids[0], offer=uids[1], amount=made.amount or 0, unit=made.unit)
    changed = _checked(session, one, run, given)
    before = queries.given_in(row, made.unit)
    pairing = next(one for one in changed.pairings if [one.need.id, one.offer.id] == uids)
    row.gifts = [kept(gift) for gift in pairing.gifts]
    run.result = {**run.result, "shortfalls": kept_findings(changed)["shortfalls"]}
    session.add(run)
    row.reason = made.reason
    row.version += 1
    session.add(row)
    return before


def _checked(session: Session, one: Round, run: MatchRun, given: GivenAmount) -> Matching:
    """The run's result with this amount. Raises BadInput with every rule that it would break."""
    matching = result_of(session, run)
    in_force = [
        GivenAmount(need=need.uid, offer=offer.uid, amount=made.amount or 0, unit=made.unit)
        for made, need, offer in queries.overrides_in_force(session, one)
        if made.kind is OverrideKind.AMOUNT and (need.uid, offer.uid) != (given.need, given.offer)
    ]
    rules = replace(rules_of(one, run.rules), amounts=(*in_force, given))
    try:
        changed = replace(with_amount(matching, given), rules=rules)
    except KeyError:
        wrong = Message("amount-other-unit", "The offer gives nothing in this unit to the need.")
        raise BadInput.one("amount", wrong) from None
    broken = broken_rules(changed, cooperations_in(run))
    if broken:
        raise BadInput([FieldProblem("amount", message) for message in broken])
    return changed
