"""The job that makes the timetable: read, solve with no transaction open, keep it if nothing changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.errors import Infeasible
from matching.messages import Message
from service.accounts.models import User
from service.accounts.queries import actor_of
from service.db import now, reading, writing
from service.errors import Unavailable
from service.events import advance, record
from service.meetings import actions, queries
from service.meetings.models import MEETING, Meeting, MeetingStatus
from service.permissions import SYSTEM_ACTOR, Actor
from service.rounds.models import Round
from service.wording import stored

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matching.meetings import Timetable
    from service.jobs import Work
    from service.meetings.models import MeetingPlan
    from service.meetings.queries import Encounter, Problem

TRIES = 3
"""How often it begins again because somebody changed something meanwhile."""


def make_timetable(work: Work, *, round: str, asked_by: str) -> None:  # noqa: A002 — as it is said everywhere
    """The job behind `actions.request_timetable`."""
    from matching.meetings import timetable

    for _ in range(TRIES):
        moment = now()
        with reading(work.engine) as session:
            one, plan = _round(session, round, lock=False)
            problem = queries.problem(session, one, plan, queries.of_the_round(session, one), moment)
        try:
            found: Timetable | Infeasible = timetable(
                problem.meetings, problem.frame, progress=lambda share: work.progress(0.9 * share)
            )
        except Infeasible as error:
            found = error
        with writing(work.engine) as session:
            one, plan = _round(session, round)
            listed = queries.of_the_round(session, one)
            if queries.problem(session, one, plan, listed, moment) == problem:
                _keep(session, _asker(session, asked_by), one, plan, listed, problem, found)
                return
    raise Unavailable(Message("timetable-overtaken", "The round kept changing while its timetable was made."))


def _round(session: Session, uid: str, *, lock: bool = True) -> tuple[Round, MeetingPlan]:
    one = session.exec(select(Round).where(Round.uid == uid)).one()
    return one, queries.get_plan(session, one, lock=lock)


def _asker(session: Session, uid: str) -> Actor:
    user = session.exec(select(User).where(User.uid == uid)).first()
    return actor_of(session, user) if user else SYSTEM_ACTOR


def _keep(
    session: Session,
    actor: Actor,
    one: Round,
    plan: MeetingPlan,
    listed: Sequence[Encounter],
    problem: Problem,
    found: Timetable | Infeasible,
) -> None:
    """Write the meetings where they are now, and the certificate."""
    if isinstance(found, Infeasible):
        plan.certificate = {"clashes": [stored(one) for one in found.remedies]}
        session.add(plan)
        record(
            session, actor, "meeting_plan.find_infeasible", plan, round=one.uid, clashes=len(found.remedies)
        )
        return
    begins, taking_part = queries.slots_of(plan), {meeting.id for meeting in problem.meetings}
    moved: list[str] = []
    for encounter in listed:
        uid, meeting = encounter.pairing.uid, encounter.kept
        if uid not in taking_part or problem.places.get(uid) == found.places.get(uid):
            continue
        moved.append(uid)
        if (place := found.places.get(uid)) is None:
            _give_up(session, actor, one, plan, encounter)
        elif meeting is None:
            session.add(
                Meeting(
                    round_id=one.key,
                    pairing_id=encounter.pairing.key,
                    starts=begins[place.slot],
                    table=place.table,
                )
            )
        else:
            if meeting.status is MeetingStatus.CANCELLED:
                advance(session, actor, meeting, MEETING, "restore", round=one.uid)
            meeting.starts, meeting.table = begins[place.slot], place.table
            actions.changed(plan, meeting)
            session.add(meeting)
    plan.certificate = _certificate(found)
    session.add(plan)
    record(
        session,
        actor,
        "meeting_plan.solve",
        plan,
        round=one.uid,
        **{name: plan.certificate[name] for name in ("meetings", "placed", "objective", "bound", "stage")},
        changed=moved,
    )
    actions.tell(session, one, plan)


def _give_up(session: Session, actor: Actor, one: Round, plan: MeetingPlan, encounter: Encounter) -> None:
    """Take the place of a meeting away; people who have been told of it are told that it is cancelled."""
    meeting = encounter.meeting
    if not plan.released:
        session.delete(meeting)
        return
    call_off(session, actor, one, plan, encounter)


def call_off(session: Session, actor: Actor, one: Round, plan: MeetingPlan, encounter: Encounter) -> None:
    """Cancel a meeting that nobody has cancelled: the reason follows from how things stand."""
    meeting = encounter.meeting
    reason = str(queries.why_cancelled(encounter))
    advance(session, actor, meeting, MEETING, "cancel", reason=reason, round=one.uid)
    actions.changed(plan, meeting)
    session.add(meeting)


def _certificate(found: Timetable) -> dict[str, Any]:
    made = found.certificate
    return {
        "meetings": made.meetings,
        "placed": made.placed,
        "objective": made.objective,
        "bound": made.bound,
        "stage": made.stage,
        "waits": made.waits,
        "table_changes": made.table_changes,
        "seconds": round(made.seconds, 2),
        "remedies": [stored(one) for one in made.remedies],
        "unplaced": {
            one.meeting: {
                "reason": stored(one.reason),
                "remedies": [stored(remedy) for remedy in one.remedies],
            }
            for one in found.unplaced
        },
    }


def cancel_fallen(work: Work) -> None:
    """The job that cancels meetings whose pairing was declined, dropped or lapsed, and tells both sides."""
    from service.pairings.models import Pairing

    with writing(work.engine) as session:
        found = queries.encounters(
            session, col(Meeting.status) == MeetingStatus.SCHEDULED, col(Pairing.status).in_(queries.FALLEN)
        )
        for encounter in found:
            one = session.get_one(Round, encounter.pairing.round_id)
            plan = queries.get_plan(session, one, lock=True)
            call_off(session, SYSTEM_ACTOR, one, plan, encounter)
            actions.tell(session, one, plan)
