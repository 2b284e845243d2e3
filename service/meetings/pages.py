"""Pages of meetings for those who meet: their schedule, when they can come, one meeting, what came of it.

`app.state.round_sections` shows `section_of_round` on a round's page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from matching.messages import Message
from service.db import now
from service.errors import BadInput, FieldProblem, NotFound
from service.meetings import actions, calendars, desk, forum, outcomes, queries
from service.meetings.models import MeetingStatus, OutcomeAsked, OutcomeLabel
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import may, require
from service.rounds import queries as rounds
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import of_round
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    language_of,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from service.meetings.models import MeetingPlan, Outcome
    from service.meetings.queries import Encounter
    from service.organizations.models import Organization
    from service.permissions import Actor

router = APIRouter(include_in_schema=False)
router.include_router(desk.router)


def section_of_round(session: Session, actor: Actor, one: Round) -> tuple[str, dict[str, Any]] | None:
    """What a round's page shows of meetings: one's next ones, or how far the timetable is."""
    if not actor.signed_in or RoundStatus.MEETING not in of_round(one):
        return None
    plan = queries.plan_of(session, one)
    ahead = [
        encounter
        for encounter in (queries.of_actor(session, actor, one) if plan else [])
        if encounter.meeting.status is MeetingStatus.SCHEDULED and encounter.meeting.starts > now()
    ]
    if plan is None or not (ahead or may(actor, "meeting:plan")):
        return None
    return "meetings/of_round.html", {"round": one, "plan": plan, "ahead": ahead, "actor": actor}


# One's schedule ---------------------------------------------------------------------------------------


@router.get("/rounds/{uid}/meetings")
def meetings(
    request: Request, session: Reading, actor: Asking, uid: str, move: str = "", organization: str = ""
) -> Response:
    """For facilitators the timetable, for others their own schedule."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    if may(actor, "meeting:plan") and not organization:
        return desk.timetable(request, session, actor, one, move=move[:32])
    return _schedule(request, session, actor, one, organization[:32])


def _schedule(request: Request, session: Session, actor: Actor, one: Round, wanted: str) -> Response:
    """The meetings of the actor's organizations; of any organization for facilitators."""
    settings = site_of(request).settings
    plan, listed = queries.plan_of(session, one), queries.of_the_round(session, one)
    taking_part = queries.organizations_of(listed)
    own = [
        organization
        for key, organization in taking_part.items()
        if (organization.uid == wanted and may(actor, "meeting:plan"))
        or (not wanted and key in actor.memberships)
    ]
    seen = queries.of_actor(session, actor, one)
    return page(
        request,
        actor,
        "meetings/schedule.html",
        round=one,
        plan=plan,
        schedules=[
            {
                "organization": organization,
                "meetings": [encounter for encounter in seen if encounter.side_of(organization.key)],
                "absent": queries.absences(session, one).get(organization.key),
                "feed": calendars.feed_key(settings.secret, one, organization.uid),
                "may_report": may(actor, "meeting:report", organization.key),
            }
            for organization in own
        ],
        public_url=settings.public_url,
        to_say=[encounter for encounter, _ in outcomes.to_give(session, actor) if encounter in seen],
        **_shown(plan),
    )


def _shown(plan: MeetingPlan | None) -> dict[str, Any]:
    """What templates ask about single meetings."""
    return {
        "moment": now(),
        "length": queries.length_of(plan) if plan else None,
        "table": lambda encounter: queries.table_name(plan, encounter.meeting) if plan else "",
        "why_cancelled": queries.why_cancelled,
        "outcome_labels": list(OutcomeLabel),
    }


@router.get("/rounds/{uid}/meetings/availability/{organization}")
def availability_form(
    request: Request, session: Reading, actor: Asking, uid: str, organization: str
) -> Response:
    """In which slots an organization can come."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    found = organizations.inside(session, actor, organization)
    require(actor, "meeting:report", found.key)
    if not queries.takes_part(session, one, found):
        raise NotFound
    return _availability(request, session, actor, one, found, typed_before(request, session))


def _availability(
    request: Request, session: Session, actor: Actor, one: Round, organization: Organization, typed: Typed
) -> Response:
    plan = queries.get_plan(session, one)
    absent = queries.absences(session, one).get(organization.key, [])
    return page(
        request,
        actor,
        "meetings/availability.html",
        round=one,
        organization=organization,
        slots=list(zip(plan.slots, queries.slots_of(plan), strict=True)),
        length=queries.length_of(plan),
        coming=typed.texts("coming") if typed.fields else [slot for slot in plan.slots if slot not in absent],
    )


@router.post("/rounds/{uid}/meetings/availability/{organization}")
def set_availability(session: Writing, actor: Asking, uid: str, organization: str, typed: Form) -> Response:
    """Say in which slots an organization can come."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    found = organizations.inside(session, actor, organization)
    plan = queries.get_plan(session, one)
    coming = set(typed.texts("coming"))
    absent = [
        moment for slot, moment in zip(plan.slots, queries.slots_of(plan), strict=True) if slot not in coming
    ]
    actions.set_availability(session, actor, one, found, absent)
    whose = "" if found.key in actor.memberships else f"organization={found.uid}&"
    return see_other(f"/rounds/{uid}/meetings?{whose}done=saved")


# What came of it: before the addresses that begin with a meeting ---------------------------------------


@router.get("/meetings/outcome/{key}")
def outcome_form(request: Request, session: Reading, key: str) -> Response:
    """What came of one's meetings, from the link in a mail, without signing in."""
    actor, one, asked = outcomes.of_key(session, site_of(request).settings.secret, key)
    return _outcome_form(request, session, actor, one, asked, key)


def _outcome_form(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    asked: OutcomeAsked,
    key: str,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    listed = _asked_about(session, actor, one)
    said: dict[str, Outcome] = {
        encounter.meeting.uid: outcome
        for encounter in listed
        for (meeting, side, when), outcome in outcomes.of_meetings(session, [encounter]).items()
        if (meeting, side, when) == (encounter.meeting.key, encounter.own_side(actor), asked)
    }
    return page(
        request,
        actor,
        "meetings/outcome.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        asked=asked,
        key=key,
        outcome_labels=list(OutcomeLabel),
        meetings=[
            (encounter, encounter.other(next(iter(_own(actor, encounter)))), said.get(encounter.meeting.uid))
            for encounter in listed
        ],
    )


def _own(actor: Actor, encounter: Encounter) -> list[int]:
    keys = [party.organization.key for party in encounter.parties]
    return [key for key in keys if key in actor.memberships]


def _asked_about(session: Session, actor: Actor, one: Round) -> list[Encounter]:
    return [
        encounter
        for encounter in queries.of_own(session, actor, one)
        if encounter.own_side(actor) and outcomes.due(encounter)
    ]


@router.post("/meetings/outcome/{key}")
def give_outcomes(request: Request, session: Writing, key: str, typed: Form) -> Response:
    """Take in what came of one or several meetings."""
    actor, one, asked = outcomes.of_key(session, site_of(request).settings.secret, key)
    problems: list[FieldProblem] = []
    for encounter in _asked_about(session, actor, one):
        uid = encounter.meeting.uid
        if not typed.text(f"label-{uid}"):
            continue
        try:
            label = _label(typed, f"label-{uid}")
            outcomes.give(session, actor, one, encounter, asked, label, typed.text(f"text-{uid}"))
        except BadInput as error:
            problems += [
                FieldProblem(one.field if one.field.endswith(uid) else f"{one.field}-{uid}", one.message)
                for one in error.problems
            ]
    if problems:
        session.rollback()
        told = problems_by_field(BadInput(problems))
        return _outcome_form(request, session, actor, one, asked, key, typed, status=422, problems=told)
    return see_other(f"/meetings/outcome/{key}?done=outcome-given")


# One meeting ------------------------------------------------------------------------------------------


@router.get("/meetings/{uid}.ics")
def calendar_entry(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One meeting for a calendar."""
    signed_in(actor)
    found = queries.get(session, actor, uid)
    one = session.get_one(Round, found.pairing.round_id)
    return _calendar(request, actor, one, queries.get_plan(session, one), [found])


@router.get("/meetings/feed/{key}.ics")
def feed(request: Request, session: Reading, actor: Asking, key: str) -> Response:
    """An organization's meetings, for calendars that follow the address; the key is the permission."""
    round_uid, organization = calendars.of_key(site_of(request).settings.secret, key)
    one, plan, listed = queries.of_feed(session, round_uid, organization)
    return _calendar(request, actor, one, plan, listed)


def _calendar(
    request: Request, actor: Actor, one: Round, plan: MeetingPlan, listed: Sequence[Encounter]
) -> Response:
    text = calendars.written(site_of(request).settings, one, plan, listed, language_of(request, actor))
    headers = {"Content-Disposition": 'attachment; filename="meetings.ics"', "Cache-Control": "private"}
    return Response(
        text, media_type=f"{calendars.MEDIA_TYPE}; charset=utf-8; method=PUBLISH", headers=headers
    )


@router.get("/meetings/{uid}")
def meeting(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One meeting: with whom, about what, why, when and where; and what one may do about it."""
    signed_in(actor)
    return _meeting(request, session, actor, uid, typed_before(request, session))


def _meeting(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    found = queries.get(session, actor, uid)
    one = session.get_one(Round, found.pairing.round_id)
    plan = queries.get_plan(session, one)
    side, due = found.own_side(actor), outcomes.due(found)
    said = outcomes.of_meetings(session, [found])
    return page(
        request,
        actor,
        "meetings/meeting.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        plan=plan,
        found=found,
        side=side,
        due=due,
        said=said.get((found.meeting.key, side, due)) if side and due else None,
        may_report=any(may(actor, "meeting:report", party.organization.key) for party in found.parties),
        **_shown(plan),
    )


@router.post("/meetings/{uid}/{step}")
def report(request: Request, session: Writing, actor: Asking, uid: str, step: str, typed: Form) -> Response:
    """Cancel a meeting, say that it took place or who did not come, take that back, say what came of it."""
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    one = session.get_one(Round, found.pairing.round_id)
    try:
        match step:
            case "cancel":
                actions.cancel(session, actor, one, found, typed.text("reason"))
            case "held":
                forum.hold(session, actor, one, found)
            case "missed":
                forum.miss(session, actor, one, found, _missing(typed))
            case "restore":
                forum.restore(session, actor, one, found)
            case "outcome":
                asked = outcomes.due(found) or OutcomeAsked.NOW
                outcomes.give(session, actor, one, found, asked, _label(typed, "label"), typed.text("text"))
            case _:
                raise NotFound
    except BadInput as error:
        session.rollback()
        return _meeting(request, session, actor, uid, typed, status=422, problems=problems_by_field(error))
    if typed.text("back") == "today":
        return see_other(f"/rounds/{one.uid}/meetings/today#{uid}")
    done = {"cancel": "meeting-cancelled", "outcome": "outcome-given"}.get(step, "saved")
    return see_other(f"/meetings/{uid}?done={done}")


def _missing(typed: Typed) -> Any:
    chosen = typed.text("missed_by")
    if chosen not in ("need", "offer", "both"):
        raise BadInput.one("missed_by", Message("missed-by", "Say who did not come."))
    return chosen


def _label(typed: Typed, field: str) -> OutcomeLabel:
    try:
        return OutcomeLabel(typed.text(field))
    except ValueError as error:
        raise BadInput.one(field, Message("outcome-label", "Choose what came of it.")) from error
