"""At the forum: which meetings took place, who did not come, and who could use a place that became free."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col

from matching import meetings as library
from matching.messages import Message
from service.db import now
from service.errors import NotNow
from service.events import advance
from service.meetings import actions, queries
from service.meetings.models import MEETING, Meeting, MeetingStatus
from service.pairings.models import PAIRING, Pairing, PairingStatus
from service.permissions import require
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import require_phase

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from service.meetings.models import MeetingPlan
    from service.meetings.queries import Encounter
    from service.meetings.shapes import Missing
    from service.permissions import Actor

MOST_PROPOSALS = 5
_OPEN = (PairingStatus.RELEASED, PairingStatus.PROPOSED)
"""Pairings of which not both sides have said yes: the next best for a free place."""


def hold(session: Session, actor: Actor, one: Round, encounter: Encounter) -> Meeting:
    """Say that a meeting took place; its pairing has met."""
    meeting = _begun(session, actor, one, encounter)
    advance(session, actor, meeting, MEETING, "hold", round=one.uid)
    meeting.version += 1
    pairing = encounter.pairing
    if "meet" in PAIRING.possible(pairing.status):
        advance(session, actor, pairing, PAIRING, "meet", round=one.uid)
    return meeting


def miss(session: Session, actor: Actor, one: Round, encounter: Encounter, missed_by: Missing) -> Meeting:
    """Say which side did not come."""
    meeting = _begun(session, actor, one, encounter)
    advance(session, actor, meeting, MEETING, "miss", round=one.uid, missed_by=missed_by)
    meeting.missed_by = missed_by
    meeting.version += 1
    return meeting


def restore(session: Session, actor: Actor, one: Round, encounter: Encounter) -> Meeting:
    """Take back that a meeting was missed; by a facilitator."""
    require(actor, "meeting:plan")
    meeting = encounter.meeting
    if meeting.status is not MeetingStatus.MISSED:
        raise NotNow(Message("not-missed", "Only a meeting that was missed can be taken back."))
    advance(session, actor, meeting, MEETING, "restore", round=one.uid)
    meeting.missed_by = ""
    meeting.version += 1
    plan = queries.get_plan(session, one, lock=True)
    found = queries.problem(session, one, plan, queries.of_the_round(session, one), now())
    for clash in queries.clashes(found, encounter.pairing.uid):
        raise NotNow(actions.named(session, one, clash.message))
    return meeting


def _begun(session: Session, actor: Actor, one: Round, encounter: Encounter) -> Meeting:
    actions.require_side(actor, encounter)
    require_phase(one, (*actions.HAPPENING, RoundStatus.CLOSED))
    plan = queries.get_plan(session, one, lock=True)
    meeting = encounter.meeting
    if not plan.released or meeting.starts > now():
        raise NotNow(Message("meeting-ahead", "This meeting has not begun yet."))
    return meeting


# Places that became free ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Free:
    """A place that a meeting left, and the pairings that could use it, the best first."""

    left: Encounter
    place: library.Place
    proposals: tuple[Encounter, ...]


def free_places(session: Session, one: Round, plan: MeetingPlan, moment: datetime) -> list[Free]:
    """Of meetings that were missed or cancelled and whose slot is not over: the places nobody has yet.

    Proposed are first pairings that have no place, then those that not both sides have accepted, of
    organizations that are there and free; those whose partner is missing come before others.
    """
    listed = queries.encounters(session, col(Pairing.round_id) == one.key)
    standing = [encounter for encounter in listed if encounter.stands]
    lost = [
        encounter
        for encounter in queries.in_time(listed)
        if encounter.meeting.status in (MeetingStatus.MISSED, MeetingStatus.CANCELLED)
        and encounter.meeting.starts + queries.length_of(plan) > moment
        and queries.slot_number(plan, encounter.meeting) is not None
        and encounter.meeting.table < len(plan.tables)
    ]
    found: list[Free] = []
    for left in lost:
        meeting = left.meeting
        there = [
            other
            for other in standing
            if other is not left
            and (other.meeting.starts, other.meeting.table) == (meeting.starts, meeting.table)
        ]
        slot = queries.slot_number(plan, meeting)
        if there or slot is None or any(free.place == library.Place(slot, meeting.table) for free in found):
            continue
        place = library.Place(slot, meeting.table)
        found.append(Free(left, place, tuple(_proposals(session, one, plan, listed, left, place))))
    return found


def _proposals(
    session: Session,
    one: Round,
    plan: MeetingPlan,
    listed: Sequence[Encounter],
    left: Encounter,
    place: library.Place,
) -> list[Encounter]:
    starts = queries.slots_of(plan)[place.slot]
    present, absent = queries.present(session, one), queries.absences(session, one)
    busy = {
        party.organization.key
        for encounter in listed
        for party in encounter.parties
        if encounter.stands and encounter.meeting.starts == starts
    }
    away = busy | _missing(listed, starts)
    waiting_to_meet = {party.organization.key for party in left.parties if party.organization.key not in away}

    def free(organization: int) -> bool:
        return (
            organization not in away
            and (not present or organization in present)
            and starts.isoformat() not in absent.get(organization, ())
        )

    both_want = queries.to_meet_statuses(one)
    possible = [
        encounter
        for encounter in listed
        if encounter is not left
        and encounter.kept is None
        and encounter.pairing.status in (*both_want, *_OPEN)
        and all(free(party.organization.key) for party in encounter.parties)
    ]
    return sorted(
        possible,
        key=lambda encounter: (
            encounter.pairing.status not in both_want,
            not any(party.organization.key in waiting_to_meet for party in encounter.parties),
            -encounter.pairing.score,
            encounter.pairing.key,
        ),
    )[:MOST_PROPOSALS]


def _missing(listed: Sequence[Encounter], starts: datetime) -> set[int]:
    """Who did not come to a meeting in this slot."""
    found = set()
    for encounter in listed:
        kept = encounter.kept
        if kept is not None and kept.status is MeetingStatus.MISSED and kept.starts == starts:
            if kept.missed_by in ("need", "both"):
                found.add(encounter.need.organization.key)
            if kept.missed_by in ("offer", "both"):
                found.add(encounter.offer.organization.key)
    return found
