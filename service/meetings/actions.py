"""Writing the timetable: its frame, who can come when, making it, placing by hand, release, cancelling."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from matching import meetings as library
from matching.messages import Message
from service.db import now
from service.errors import BadInput, FieldProblem, NotFound, NotNow
from service.events import advance, record
from service.jobs import JobStatus, promise
from service.meetings import queries
from service.meetings.models import (
    MEETING,
    REMARK_CHARACTERS,
    Availability,
    Meeting,
    MeetingPlan,
    MeetingStatus,
)
from service.pairings.models import Pairing
from service.permissions import may, require
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import is_over, of_round, require_phase
from service.rounds.queries import phase_of
from service.texts import said, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.meetings.queries import Encounter
    from service.meetings.shapes import PlanIn
    from service.organizations.models import Organization
    from service.permissions import Actor

PLANNING = (RoundStatus.MATCHING, RoundStatus.NOTICE, RoundStatus.CHOOSING, RoundStatus.MEETING)
HAPPENING = (RoundStatus.MEETING, RoundStatus.SIGNING, RoundStatus.DELIVERING)
TELL_AFTER = timedelta(seconds=30)
"""Changes within this time are told in one mail."""


def plan_phase(one: Round) -> None:
    """Raise NotNow unless the timetable can be worked on."""
    if RoundStatus.MEETING not in of_round(one):
        raise NotNow(
            Message("no-meetings", "This round has no phase for meetings. Add it in the round's settings.")
        )
    require_phase(one, (RoundStatus.MEETING, *PLANNING))


# The frame --------------------------------------------------------------------------------------------


def slots(given: PlanIn, time_zone: str) -> list[datetime]:
    """When each slot begins: one after the other from the start, none of them in a break."""
    zone, length = ZoneInfo(time_zone), timedelta(minutes=given.minutes)

    def at(clock: str) -> datetime:
        return datetime.combine(given.day, time.fromisoformat(clock), zone).astimezone(UTC)

    moment = at(given.start)
    breaks = [(at(one.at), at(one.at) + timedelta(minutes=one.minutes)) for one in given.breaks]
    found: list[datetime] = []
    while len(found) < given.slots:
        if ends := [end for begin, end in breaks if begin < moment + length and moment < end]:
            moment = max(ends)
            continue
        found.append(moment)
        moment += length + timedelta(minutes=given.pause)
    return found


def set_plan(session: Session, actor: Actor, one: Round, given: PlanIn) -> MeetingPlan:
    """Lay down slots and tables. Meetings keep their time and table; what lies outside is placed anew.

    Once the timetable is released nothing may fall outside, and both sides are told what has changed.
    """
    require(actor, "meeting:plan")
    plan_phase(one)
    tables = [tidy(name) for name in given.tables]
    moments = slots(given, one.time_zone)
    _check_frame(given, tables, moments[-1].astimezone(ZoneInfo(one.time_zone)))
    plan = queries.plan_of(session, one, lock=True) or MeetingPlan(round_id=one.key)
    begins = [slot.isoformat() for slot in moments]
    kept = session.exec(
        select(Meeting).where(Meeting.round_id == one.key, Meeting.status == MeetingStatus.SCHEDULED)
    ).all()
    outside = [
        meeting
        for meeting in kept
        if meeting.starts.isoformat() not in begins or meeting.table >= len(tables)
    ]
    if outside and plan.released:
        raise NotNow(
            Message(
                "plan-outside",
                "The timetable is released, and {count} of its meetings would lie outside. Move them first.",
                count=len(outside),
            )
        )
    for meeting in outside:
        session.delete(meeting)
    for meeting in kept:
        if meeting not in outside and (
            given.minutes != plan.slot_minutes or tables[meeting.table] != queries.table_name(plan, meeting)
        ):
            changed(plan, meeting)
    plan.frame = given.model_dump(mode="json")
    plan.slots, plan.slot_minutes, plan.tables = begins, given.minutes, tables
    plan.version += 1
    session.add(plan)
    session.flush()
    record(
        session,
        actor,
        "meeting_plan.set",
        plan,
        round=one.uid,
        slots=len(begins),
        tables=len(tables),
        minutes=given.minutes,
        starts=begins[0],
        outside=len(outside),
    )
    tell(session, one, plan)
    return plan


def _check_frame(given: PlanIn, tables: list[str], last: datetime) -> None:
    problems = []
    if len(set(tables)) < len(tables) or "" in tables:
        problems.append(FieldProblem("tables", Message("tables-same", "Give each table a name of its own.")))
    midnight = datetime.combine(given.day + timedelta(days=1), time.min, last.tzinfo)
    if last + timedelta(minutes=given.minutes) > midnight:
        problems.append(
            FieldProblem("slots", Message("slots-long", "So many slots do not fit into one day."))
        )
    if problems:
        raise BadInput(problems)


def set_availability(
    session: Session, actor: Actor, one: Round, organization: Organization, absent: Iterable[datetime]
) -> Availability:
    """Say in which slots an organization cannot come; by its editors or by a facilitator."""
    require(actor, "meeting:report", organization.key)
    plan_phase(one)
    if not may(actor, "meeting:plan") and is_over(phase_of(session, one, RoundStatus.MEETING), now()):
        raise NotNow(Message("meetings-over", "The time of the meetings is over."))
    if not queries.takes_part(session, one, organization):
        raise NotFound
    plan = queries.get_plan(session, one)
    wanted, begins = set(absent), queries.slots_of(plan)
    if unknown := [moment.isoformat() for moment in wanted if moment not in begins]:
        raise BadInput.one(
            "absent",
            Message("slot-unknown", "There is no slot that begins at {moment}.", moment=min(unknown)),
        )
    kept = session.exec(
        select(Availability).where(
            Availability.round_id == one.key, Availability.organization_id == organization.key
        )
    ).first() or Availability(round_id=one.key, organization_id=organization.key)
    kept.absent = [slot for slot, moment in zip(plan.slots, begins, strict=True) if moment in wanted]
    kept.version += 1
    session.add(kept)
    session.flush()
    record(
        session,
        actor,
        "availability.set",
        kept,
        round=one.uid,
        organization=organization.uid,
        absent=len(wanted),
    )
    return kept


# Making and changing the timetable --------------------------------------------------------------------


def request_timetable(session: Session, actor: Actor, one: Round) -> MeetingPlan:
    """Have the timetable made by a job; asked twice, it is made once."""
    require(actor, "meeting:plan")
    plan_phase(one)
    plan = queries.get_plan(session, one, lock=True)
    if not session.exec(select(Pairing.id).where(queries.to_meet(one)).limit(1)).first():
        raise NotNow(Message("nobody-to-meet", "No pairing of this round is ready to meet yet."))
    running = queries.job_of(session, plan)
    if running is not None and running.status in (JobStatus.PROMISED, JobStatus.RUNNING):
        return plan
    plan.job = promise(session, "make_timetable", round=one.uid, asked_by=actor.uid).uid
    session.add(plan)
    record(session, actor, "meeting_plan.request", plan, round=one.uid)
    return plan


def place(
    session: Session,
    actor: Actor,
    one: Round,
    pairing: str,
    wanted: library.Place,
    *,
    swap: bool = False,
) -> Meeting:
    """Put a pairing's meeting where a facilitator wants it. Raises BadInput on `place` with every clash.

    `swap`: the meeting that is there takes the place that this one leaves.
    """
    require(actor, "meeting:plan")
    plan_phase(one)
    plan = queries.get_plan(session, one, lock=True)
    listed = {encounter.pairing.uid: encounter for encounter in queries.of_the_round(session, one)}
    encounter = listed.get(pairing) or _not_to_meet_yet(session, one, pairing)
    if encounter is None or encounter.pairing.status in queries.FALLEN:
        raise BadInput.one("pairing", Message("no-pairing", "This pairing is not to meet."))
    listed[pairing] = encounter
    found = queries.problem(session, one, plan, list(listed.values()), now())
    left = found.places.get(pairing)
    places = {**found.places, pairing: wanted}
    moved = [encounter]
    in_the_way = [uid for uid, there in found.places.items() if there == wanted and uid != pairing]
    if swap and in_the_way and left is not None:
        places[in_the_way[0]] = left
        moved.append(listed[in_the_way[0]])
    _check_places(session, one, plan, found, places, moved)
    for changed in moved:
        _put(session, actor, one, plan, changed, places[changed.pairing.uid])
    tell(session, one, plan)
    return session.exec(select(Meeting).where(Meeting.pairing_id == encounter.pairing.key)).one()


def _not_to_meet_yet(session: Session, one: Round, pairing: str) -> Encounter | None:
    """A pairing that both sides have not accepted yet may use a place that has become free."""
    wanted = (col(Pairing.round_id) == one.key, col(Pairing.uid) == pairing)
    return next(iter(queries.encounters(session, *wanted)), None)


def _check_places(
    session: Session,
    one: Round,
    plan: MeetingPlan,
    found: queries.Problem,
    places: dict[str, library.Place],
    moved: Iterable[Encounter],
) -> None:
    """Raise BadInput with everything that clashes about the moved ones."""
    meetings = {meeting.id: meeting for meeting in found.meetings}
    frame = queries.for_hands(found, plan, now())
    told: list[Message] = []
    for encounter in moved:
        uid, kept = encounter.pairing.uid, encounter.kept
        if kept is not None and kept.is_past:
            told.append(Message("meeting-past", "This meeting has taken place, or has been missed."))
            continue
        meetings.setdefault(uid, encounter.as_meeting())
        told += [clash.message for clash in library.verify(meetings.values(), frame, places, only=uid)]
    if told:
        raise BadInput([FieldProblem("place", named(session, one, message)) for message in told])


def named(session: Session, one: Round, message: Message) -> Message:
    """A sentence of the library with the organizations' names in it."""
    listed = queries.encounters(session, col(Pairing.round_id) == one.key)
    return queries.with_names(message, queries.names_of(listed))


def _put(
    session: Session,
    actor: Actor,
    one: Round,
    plan: MeetingPlan,
    encounter: Encounter,
    wanted: library.Place,
) -> None:
    """Place one meeting by hand, with its entry in the log."""
    starts = queries.slots_of(plan)[wanted.slot]
    meeting = encounter.kept
    if meeting is None:
        meeting = Meeting(
            round_id=one.key, pairing_id=encounter.pairing.key, starts=starts, table=wanted.table
        )
    elif meeting.status is MeetingStatus.CANCELLED:
        advance(session, actor, meeting, MEETING, "restore", round=one.uid)
        meeting.reason = ""
    before = {"starts": meeting.starts.isoformat(), "table": queries.table_name(plan, meeting)}
    if meeting.id is not None:
        changed(plan, meeting)
    meeting.starts, meeting.table, meeting.by_hand = starts, wanted.table, True
    session.add(meeting)
    session.flush()
    record(
        session,
        actor,
        "meeting.place",
        meeting,
        round=one.uid,
        pairing=encounter.pairing.uid,
        **{f"{name}_before": value for name, value in before.items()},
        starts=starts.isoformat(),
        table=plan.tables[wanted.table],
    )


def unpin(session: Session, actor: Actor, one: Round, encounter: Encounter) -> Meeting:
    """Let the next solve move a meeting that was placed by hand."""
    require(actor, "meeting:plan")
    plan_phase(one)
    meeting = encounter.meeting
    meeting.by_hand = False
    meeting.version += 1
    session.add(meeting)
    record(session, actor, "meeting.unpin", meeting, round=one.uid)
    return meeting


def release(session: Session, actor: Actor, one: Round) -> MeetingPlan:
    """Show the timetable to both sides and tell them by mail. Raises NotNow while something in it clashes."""
    require(actor, "meeting:plan")
    plan_phase(one)
    plan = queries.get_plan(session, one, lock=True)
    if plan.released:
        raise NotNow(Message("plan-released", "The timetable is released already."))
    listed = queries.of_the_round(session, one)
    found = queries.problem(session, one, plan, listed, now())
    if not found.places:
        raise NotNow(Message("plan-empty", "No meeting has a place yet. Make the timetable first."))
    if clashes := queries.clashes(found):
        raise NotNow(named(session, one, clashes[0].message))
    plan.released = now()
    plan.version += 1
    session.add(plan)
    record(session, actor, "meeting_plan.release", plan, round=one.uid, meetings=len(found.places))
    tell(session, one, plan)
    return plan


def cancel(session: Session, actor: Actor, one: Round, encounter: Encounter, reason: str) -> Meeting:
    """Call a meeting off, with a reason that the other side reads; by a facilitator or either side."""
    require_side(actor, encounter)
    reason = said(reason, "reason", REMARK_CHARACTERS)
    require_phase(one, (RoundStatus.MEETING, *PLANNING, *HAPPENING))
    plan, meeting = queries.get_plan(session, one, lock=True), encounter.meeting
    side = encounter.own_side(actor)
    advance(
        session, actor, meeting, MEETING, "cancel", reason=reason, round=one.uid, side=side and side.value
    )
    meeting.reason, meeting.by_hand = reason, False
    changed(plan, meeting)
    session.add(meeting)
    tell(session, one, plan)
    return meeting


def require_side(actor: Actor, encounter: Encounter) -> None:
    """Raise unless the actor may report for one of the sides, or for all as a facilitator."""
    keys = [party.organization.key for party in encounter.parties]
    if not any(may(actor, "meeting:report", key) for key in keys):
        require(actor, "meeting:report", keys[0])


def changed(plan: MeetingPlan, meeting: Meeting) -> None:
    """Note that people have to be told of a change, once the timetable is released."""
    meeting.version += 1
    if plan.released:
        meeting.sequence += 1


def tell(session: Session, one: Round, plan: MeetingPlan) -> None:
    """Promise the mail about everything that people have not been told of yet."""
    if plan.released:
        promise(session, "tell_meetings", due=now() + TELL_AFTER, round=one.uid)
