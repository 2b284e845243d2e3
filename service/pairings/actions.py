"""Writing match runs and pairings: ask for a run, cancel it, release what it proposes."""

from __future__ import annotations

from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, select

from matching.messages import Message
from service.db import now
from service.errors import BadInput, NotNow
from service.events import advance, record
from service.jobs import promise
from service.pairings import queries, telling
from service.pairings.alarms import left_with_nothing
from service.pairings.inputs import gather, rules_of, what_changed
from service.pairings.models import (
    MATCH_RUN,
    PAIRING,
    MatchRun,
    MatchRunStatus,
    Pairing,
)
from service.pairings.showing import result_of
from service.pairings.trying import suggested
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import require_phase
from service.wording import restored, stored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.permissions import Actor

# Match runs -------------------------------------------------------------------------------------------


def request_match(
    session: Session, actor: Actor, one: Round, changes: Mapping[str, Any] | None = None
) -> MatchRun:
    """Have the round matched as it is now; with `changes` (keys of the rules) only to see what would come.

    A run that is on its way already, with the same input, is given back instead of a second one.
    """
    require(actor, "match:run")
    require_phase(one, RoundStatus.MATCHING)
    session.exec(select(Round.id).where(Round.id == one.key).with_for_update()).one()
    previous = queries.latest_result(session, one)
    inputs = gather(session, one, changes=changes, previous=previous)
    for running in queries.in_flight(session, one):
        if running.fingerprint == inputs.fingerprint and running.what_if == bool(changes):
            return running
        if not running.what_if and not changes:
            raise NotNow(
                Message(
                    "match-running",
                    "A match of this round is on its way, and the round has changed since it began. "
                    "Cancel it or wait until it ends.",
                )
            )
    for side, message in _EMPTY.items():
        if not any(profile["side"] == side for profile in inputs.profiles):
            raise NotNow(message)
    run = MatchRun(
        round_id=one.key,
        what_if=bool(changes),
        changes=dict(changes or {}),
        rules=dict(inputs.rules),
        inputs={"profiles": inputs.profiles, "cooperations": inputs.cooperations},
        fingerprint=inputs.fingerprint,
        seed=rules_of(one, inputs.rules).seed,
        previous_id=previous.key if previous else None,
        asked_by=actor.user_id,
    )
    session.add(run)
    run.job = promise(session, "match_round", uid=run.uid).uid
    record(
        session,
        actor,
        "match_run.request",
        run,
        round=one.uid,
        fingerprint=run.fingerprint,
        what_if=run.what_if,
        changes=run.changes,
    )
    return run


_EMPTY = {
    "need": Message("match-no-needs", "No need is in the match yet: none has been admitted."),
    "offer": Message("match-no-offers", "No offer is in the match yet: none has been admitted."),
}


def try_remedy(session: Session, actor: Actor, run: MatchRun, about: str) -> MatchRun:
    """Try what would help: `about` is the id of a need or offer that got nothing, or a remedy's number."""
    require(actor, "match:run")
    one = session.get_one(Round, run.round_id)
    changes = None
    if about.isdecimal() and len(about) < 6 and int(about) < len(run.remedies):
        changes = suggested(one, restored(run.remedies[int(about)]))
    elif run.certificate:
        matching = result_of(session, run)
        for item in (*matching.unmatched, *matching.idle):
            if item.profile.id == about:
                changes = suggested(one, item.remedy, item.profile.side)
    if changes is None:
        raise NotNow(Message("remedy-not-tried", "No rule of the round would bring this about."))
    return request_match(session, actor, one, changes)


def cancel(session: Session, actor: Actor, run: MatchRun) -> MatchRun:
    """Stop a run that is on its way; nothing of it is kept."""
    require(actor, "match:run")
    one = session.get_one(Round, run.round_id)
    run.finished = now()
    return advance(session, actor, run, MATCH_RUN, "cancel", round=one.uid)


# Release ----------------------------------------------------------------------------------------------


def release(session: Session, actor: Actor, run: MatchRun, *, confirmed: bool = False) -> list[Pairing]:
    """Propose the pairings of a run to both sides, who have until `reply_by` to answer.

    Where the result stands in public notice first, their days to reply begin only after it. What other
    runs of the round proposed is superseded. Organizations that get nothing are told what would have changed
    it; while there are any, `confirmed` says that the facilitator has seen so.
    """
    require(actor, "pairing:release")
    one = session.get_one(Round, run.round_id)
    require_phase(one, RoundStatus.MATCHING)
    if run.what_if:
        raise NotNow(Message("what-if-released", "A what-if is only for looking at: it cannot be released."))
    if run.released:
        raise NotNow(Message("run-released", "The pairings of this run have been released already."))
    if run.status is not MatchRunStatus.DONE:
        raise NotNow(Message("run-not-done", "Only the pairings of a run that is done can be released."))
    if (changed := what_changed(session, one, run)) is not None:
        raise NotNow(
            Message("run-outdated", "The round has changed since this run. {what} Match again.", what=changed)
        )
    left = left_with_nothing(one, result_of(session, run))
    if left and not confirmed:
        raise BadInput.one(
            "confirmed",
            Message(
                "release-unconfirmed",
                "Organizations that would leave with nothing: {count}, among them {name}. "
                "Confirm that you have seen this.",
                count=len(left),
                name=left[0].organization.name,
            ),
        )
    _supersede_others(session, actor, one, run)
    moment = now()
    reply_by = None if RoundStatus.NOTICE.value in one.phases else reply_deadline(one)
    released = queries.proposed_by(session, run)
    for pairing in released:
        pairing.released, pairing.reply_by = moment, reply_by
        pairing.version += 1
        advance(
            session,
            actor,
            pairing,
            PAIRING,
            "release",
            round=one.uid,
            amounts=[{"amount": sum_.amount, "unit": sum_.unit} for sum_ in queries.amounts_of(pairing)],
            reply_by=reply_by.isoformat() if reply_by else None,
        )
    run.released = moment
    session.add(run)
    record(
        session,
        actor,
        "match_run.release",
        run,
        round=one.uid,
        pairings=len(released),
        left_with_nothing=[alarm.organization.id for alarm in left],
    )
    telling.tell_released(session, one, run)
    return released


def reply_deadline(one: Round) -> datetime:
    """The end of the day, in the round's zone, until which both sides may answer, if they may from now on."""
    zone = ZoneInfo(one.time_zone)
    day = now().astimezone(zone).date() + timedelta(days=rounds.preset_of(one).process.reply_days)
    return datetime.combine(day, time(23, 59, 59), zone)


def _supersede_others(session: Session, actor: Actor, one: Round, run: MatchRun) -> None:
    """Earlier results give way: their runs are superseded, what they proposed or released is dropped."""
    why = Message("newer-released", "A newer result of the round was released.")
    for pairing in queries.open_pairings_of_others(session, one, run):
        pairing.reason = str(why)
        pairing.version += 1
        advance(session, actor, pairing, PAIRING, "drop", reason=str(why), round=one.uid, run=run.uid)
    for other in queries.results(session, one):
        if other.key != run.key:
            other.note = stored(why)
            advance(session, actor, other, MATCH_RUN, "supersede", round=one.uid, by=run.uid)
