"""Meetings as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Path, Request

from service.db import now
from service.errors import SignInNeeded
from service.meetings import actions, forum, outcomes, queries, showing
from service.meetings.models import OutcomeAsked  # noqa: TC001 — FastAPI reads it
from service.meetings.shapes import (
    AvailabilityIn,
    AvailabilityOut,
    MeetingOut,
    MissedIn,
    OutcomeIn,
    OutcomeOut,
    PlaceIn,
    PlanIn,
    PlanOut,
    ProposalOut,
    ReasonIn,
    SummaryOut,
    TimetableOut,
)
from service.organizations import queries as organizations
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import Round
from service.web import Asking, Reading, Writing, language_of

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.meetings.queries import Encounter
    from service.permissions import Actor

router = APIRouter(prefix="/api/v1", tags=["meetings"])

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]
MeetingUid = Annotated[str, Path(max_length=32, description="The meeting's id.")]
PairingUid = Annotated[str, Path(max_length=32, description="The pairing's id.")]
OrganizationUid = Annotated[str, Path(max_length=32, description="The organization's id.")]


def _of_round(session: Session, actor: Actor, uid: str) -> Round:
    """The round, for somebody who is signed in."""
    found = rounds.get(session, actor, uid)
    if not actor.signed_in:
        raise SignInNeeded
    return found


def _one(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> tuple[Round, Encounter]:
    if not actor.signed_in:
        raise SignInNeeded
    found = queries.get(session, actor, uid, lock=lock)
    return session.get_one(Round, found.pairing.round_id), found


def _shown(request: Request, session: Session, actor: Actor, uid: str) -> MeetingOut:
    one, found = _one(session, actor, uid)
    return showing.meeting(one, queries.get_plan(session, one), found, language_of(request, actor))


# The timetable of a round -----------------------------------------------------------------------------


@router.get("/rounds/{uid}/meetings")
def list_meetings(uid: Uid, request: Request, session: Reading, actor: Asking) -> list[MeetingOut]:
    """The meetings of the caller's organizations once the timetable is released; for facilitators all."""
    one = _of_round(session, actor, uid)
    plan = queries.plan_of(session, one)
    if plan is None:
        return []
    listed = queries.of_actor(session, actor, one)
    return showing.meetings(one, plan, listed, language_of(request, actor))


@router.get("/rounds/{uid}/meetings/plan")
def get_plan(uid: Uid, session: Reading, actor: Asking) -> PlanOut:
    """Slots and tables; moments in UTC, `frame` in the round's zone."""
    one = _of_round(session, actor, uid)
    return showing.frame(one, queries.get_plan(session, one))


@router.put("/rounds/{uid}/meetings/plan")
def set_plan(uid: Uid, given: PlanIn, session: Writing, actor: Asking) -> PlanOut:
    """Lay down slots and tables. Meetings keep time and table; those outside are placed anew."""
    one = _of_round(session, actor, uid)
    return showing.frame(one, actions.set_plan(session, actor, one, given))


@router.post("/rounds/{uid}/meetings/timetable", status_code=202)
def make_timetable(uid: Uid, request: Request, session: Writing, actor: Asking) -> TimetableOut:
    """Have the timetable made. Meetings placed by hand, held or begun stay where they are."""
    one = _of_round(session, actor, uid)
    plan = actions.request_timetable(session, actor, one)
    listed = queries.of_the_round(session, one)
    return showing.certificate(session, plan, listed, language_of(request, actor))


@router.get("/rounds/{uid}/meetings/timetable")
def get_timetable(uid: Uid, request: Request, session: Reading, actor: Asking) -> TimetableOut:
    """How far the solving is, how good the timetable is, who has no place and why."""
    one = _of_round(session, actor, uid)
    require(actor, "meeting:plan")
    plan, listed = queries.get_plan(session, one), queries.of_the_round(session, one)
    return showing.certificate(session, plan, listed, language_of(request, actor))


@router.post("/rounds/{uid}/meetings/release")
def release_timetable(uid: Uid, session: Writing, actor: Asking) -> PlanOut:
    """Show the timetable to both sides and tell them by mail; from then on also of each change."""
    one = _of_round(session, actor, uid)
    return showing.frame(one, actions.release(session, actor, one))


@router.put("/rounds/{uid}/meetings/pairings/{pairing_uid}/place")
def place_meeting(
    uid: Uid, pairing_uid: PairingUid, given: PlaceIn, request: Request, session: Writing, actor: Asking
) -> MeetingOut:
    """Put the meeting of a pairing where it shall be; every clash is named, and nothing changes then."""
    one = _of_round(session, actor, uid)
    require(actor, "meeting:plan")
    wanted = queries.place_at(queries.get_plan(session, one), given.starts, given.table)
    made = actions.place(session, actor, one, pairing_uid, wanted, swap=given.swap)
    return _shown(request, session, actor, made.uid)


@router.delete("/rounds/{uid}/meetings/pairings/{pairing_uid}/place")
def unpin_meeting(
    uid: Uid, pairing_uid: PairingUid, request: Request, session: Writing, actor: Asking
) -> MeetingOut:
    """Let the next solve move a meeting that was placed by hand."""
    one = _of_round(session, actor, uid)
    require(actor, "meeting:plan")
    found = queries.of_pairing(session, one, pairing_uid)
    return _shown(request, session, actor, actions.unpin(session, actor, one, found).uid)


@router.get("/rounds/{uid}/meetings/availability/{organization_uid}")
def get_availability(
    uid: Uid, organization_uid: OrganizationUid, session: Reading, actor: Asking
) -> AvailabilityOut:
    """The slots in which an organization cannot come; for its members and facilitators."""
    one = _of_round(session, actor, uid)
    organization = organizations.inside(session, actor, organization_uid)
    absent = queries.absences(session, one).get(organization.key, [])
    return AvailabilityOut.model_validate({"organization": organization.uid, "absent": absent})


@router.put("/rounds/{uid}/meetings/availability/{organization_uid}")
def set_availability(
    uid: Uid, organization_uid: OrganizationUid, given: AvailabilityIn, session: Writing, actor: Asking
) -> AvailabilityOut:
    """Say in which slots an organization cannot come; this replaces what was said before."""
    one = _of_round(session, actor, uid)
    organization = organizations.get(session, actor, organization_uid)
    kept = actions.set_availability(session, actor, one, organization, given.absent)
    return AvailabilityOut.model_validate({"organization": organization.uid, "absent": kept.absent})


@router.get("/rounds/{uid}/meetings/free")
def list_free_places(uid: Uid, session: Reading, actor: Asking) -> list[ProposalOut]:
    """Who could use the places that missed and cancelled meetings have left, the best first."""
    one = _of_round(session, actor, uid)
    require(actor, "meeting:plan")
    plan = queries.get_plan(session, one)
    return [
        ProposalOut(
            pairing=encounter.pairing.uid,
            need=encounter.need.organization.name,
            offer=encounter.offer.organization.name,
            starts=queries.slots_of(plan)[free.place.slot],
            table=plan.tables[free.place.table],
        )
        for free in forum.free_places(session, one, plan, now())
        for encounter in free.proposals
    ]


@router.get("/rounds/{uid}/meetings/summary")
def get_summary(uid: Uid, session: Reading, actor: Asking) -> SummaryOut:
    """The forum in numbers, and what came of it."""
    one = _of_round(session, actor, uid)
    found = outcomes.summary(session, actor, one)
    return SummaryOut(
        pairings=found.pairings,
        accepted=found.accepted,
        accepted_share=found.accepted_share,
        meetings=found.meetings,
        held=found.held,
        missed=found.missed,
        cancelled=found.cancelled,
        held_share=found.held_share,
        organizations=len(found.organizations),
        with_two=found.with_two,
        without=[one.uid for one in found.without],
        outcomes={asked: dict(labels) for asked, labels in found.labels.items()},
    )


# One meeting ------------------------------------------------------------------------------------------


@router.get("/meetings/{meeting_uid}")
def get_meeting(meeting_uid: MeetingUid, request: Request, session: Reading, actor: Asking) -> MeetingOut:
    """One meeting, for both its sides and facilitators."""
    return _shown(request, session, actor, meeting_uid)


@router.post("/meetings/{meeting_uid}/cancel")
def cancel_meeting(
    meeting_uid: MeetingUid, given: ReasonIn, request: Request, session: Writing, actor: Asking
) -> MeetingOut:
    """Call a meeting off, with a reason that the other side reads."""
    one, found = _one(session, actor, meeting_uid, lock=True)
    actions.cancel(session, actor, one, found, given.reason)
    return _shown(request, session, actor, meeting_uid)


@router.post("/meetings/{meeting_uid}/held")
def mark_held(meeting_uid: MeetingUid, request: Request, session: Writing, actor: Asking) -> MeetingOut:
    """Say that a meeting took place."""
    one, found = _one(session, actor, meeting_uid, lock=True)
    forum.hold(session, actor, one, found)
    return _shown(request, session, actor, meeting_uid)


@router.post("/meetings/{meeting_uid}/missed")
def mark_missed(
    meeting_uid: MeetingUid, given: MissedIn, request: Request, session: Writing, actor: Asking
) -> MeetingOut:
    """Say which side did not come."""
    one, found = _one(session, actor, meeting_uid, lock=True)
    forum.miss(session, actor, one, found, given.missed_by)
    return _shown(request, session, actor, meeting_uid)


@router.post("/meetings/{meeting_uid}/restore")
def restore_meeting(meeting_uid: MeetingUid, request: Request, session: Writing, actor: Asking) -> MeetingOut:
    """Take back that a meeting was missed."""
    one, found = _one(session, actor, meeting_uid, lock=True)
    forum.restore(session, actor, one, found)
    return _shown(request, session, actor, meeting_uid)


@router.put("/meetings/{meeting_uid}/outcomes/{asked}")
def give_outcome(
    meeting_uid: MeetingUid, asked: OutcomeAsked, given: OutcomeIn, session: Writing, actor: Asking
) -> OutcomeOut:
    """Say what came of a meeting: now, or six months later."""
    one, found = _one(session, actor, meeting_uid, lock=True)
    kept = outcomes.give(session, actor, one, found, asked, given.label, given.text, given.side)
    return OutcomeOut(meeting=meeting_uid, side=kept.side, asked=kept.asked, label=kept.label, text=kept.text)
