"""The facilitator's pages: slots and tables, the timetable, the day, the forum in numbers and on paper."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response
from pydantic import ValidationError

from matching.meetings import Place, slots_needed
from matching.messages import Message
from service.db import now
from service.errors import BadInput, FieldProblem, NotFound, NotNow
from service.jobs import JobStatus
from service.meetings import actions, forum, outcomes, queries, showing
from service.meetings.models import MOST_TABLES, OutcomeAsked, OutcomeLabel
from service.meetings.shapes import PlanIn
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import RoundStatus
from service.rounds.queries import phase_of
from service.web import (
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    language_of,
    page,
    see_other,
    typed_before,
)
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from service.meetings.models import MeetingPlan
    from service.meetings.queries import Encounter
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(include_in_schema=False)

SPARE_TABLES = 1.15
"""Tables beside those that are just enough, so that late wishes find a place."""
FEWEST_SLOTS = 6
BREAKS = 3
"""How many breaks the form offers."""


def _round(session: Session, actor: Actor, uid: str) -> Round:
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    require(actor, "meeting:plan")
    return one


def number(typed: Typed, field: str) -> int | None:
    """A whole number of a form."""
    text = typed.text(field).strip()
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 6 else None


# Slots and tables -------------------------------------------------------------------------------------


@router.get("/rounds/{uid}/meetings/plan")
def plan_form(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Day, slots, breaks and tables, with what would be enough."""
    one = _round(session, actor, uid)
    return _plan_form(request, session, actor, one, typed_before(request, session))


def _plan_form(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    typed: Typed,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    plan, listed = queries.plan_of(session, one), queries.of_the_round(session, one)
    suggested = _suggested(session, one, listed)
    if not typed.fields:
        typed = Typed(_as_typed(PlanIn.model_validate(plan.frame)) if plan else suggested, {})
    wanted = [encounter.as_meeting() for encounter in listed]
    tables = len(_tables(typed)) or 1
    return page(
        request,
        actor,
        "meetings/plan.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        plan=plan,
        pairings=len(wanted),
        busiest=slots_needed(wanted, len(wanted) or 1),
        needed=slots_needed(wanted, tables),
        tables=tables,
        breaks=BREAKS,
    )


def _suggested(session: Session, one: Round, listed: Sequence[Encounter]) -> dict[str, list[str]]:
    """A frame that is enough for the pairings there are, on the first day of the meetings."""
    wanted = [encounter.as_meeting() for encounter in listed]
    slots = max(slots_needed(wanted, len(wanted) or 1), FEWEST_SLOTS if len(wanted) > FEWEST_SLOTS else 1)
    tables = min(MOST_TABLES, round(SPARE_TABLES * -(-len(wanted) // slots) + 0.49) or 1)
    phase = phase_of(session, one, RoundStatus.MEETING)
    begins = queries.in_zone(phase.starts if phase and phase.starts else now(), one)
    return {
        "day": [begins.date().isoformat()],
        "start": ["09:00"],
        "slots": [str(slots)],
        "minutes": ["20"],
        "pause": ["5"],
        "tables": ["\n".join(str(number) for number in range(1, tables + 1))],
    }


def _as_typed(given: PlanIn) -> dict[str, list[str]]:
    typed = {name: [str(getattr(given, name))] for name in ("day", "start", "slots", "minutes", "pause")}
    for place, one in enumerate(given.breaks):
        typed |= {f"at-{place}": [one.at], f"for-{place}": [str(one.minutes)]}
    return {**typed, "tables": ["\n".join(given.tables)]}


def _tables(typed: Typed) -> list[str]:
    return [name for line in typed.text("tables").splitlines() if (name := line.strip())]


def _plan_in(typed: Typed) -> PlanIn:
    """What was typed, checked as the API checks it. Raises BadInput by the form's fields."""
    breaks = {
        place: {"at": at, "minutes": minutes or 30}
        for place in range(BREAKS)
        for at, minutes in [[typed.text(f"{name}-{place}").strip() for name in ("at", "for")]]
        if at or minutes
    }
    given: dict[str, Any] = {name: typed.text(name).strip() for name in ("day", "start", "slots", "minutes")}
    given |= {
        "pause": typed.text("pause").strip() or 0,
        "breaks": [*breaks.values()],
        "tables": _tables(typed),
    }
    try:
        return PlanIn.model_validate(given)
    except ValidationError as error:
        fields: dict[str, Message] = {}
        for one in error.errors():
            name = str(one["loc"][0])
            if name == "breaks":
                name = f"{'at' if one['loc'][-1] == 'at' else 'for'}-{[*breaks][int(one['loc'][1])]}"
            fields.setdefault(name, _WRONG.get(name, _WRONG["for-0"]))
        raise BadInput([FieldProblem(name, message) for name, message in fields.items()]) from error


_WRONG = {
    "day": Message("plan-day", "Choose the day of the meetings."),
    "start": Message("plan-start", "Write the time as 09:00."),
    "slots": Message("plan-slots", "Use a whole number from 1 to 200."),
    "minutes": Message("plan-minutes", "A meeting lasts from 15 to 240 minutes."),
    "pause": Message("plan-pause", "Use a whole number of minutes up to 120."),
    "tables": Message(
        "plan-tables", "Name at least one table and at most 500, with up to 40 characters each."
    ),
    "for-0": Message("plan-break", "Write the beginning as 12:00 and a length from 5 to 600 minutes."),
}


@router.post("/rounds/{uid}/meetings/plan")
def set_plan(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Lay down slots and tables."""
    one = _round(session, actor, uid)
    try:
        actions.set_plan(session, actor, one, _plan_in(typed))
    except BadInput as error:
        problems = problems_by_field(error)
        return _plan_form(request, session, actor, one, typed, status=error.status, problems=problems)
    except NotNow as error:
        problems = {"slots": error.message}
        return _plan_form(request, session, actor, one, typed, status=error.status, problems=problems)
    return see_other(f"/rounds/{uid}/meetings?done=saved")


# The timetable ----------------------------------------------------------------------------------------


def timetable(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    *,
    move: str = "",
    status: int = 200,
    problems: Sequence[Message] = (),
) -> Response:
    """Slots by tables, who has no place and why, and how good it is."""
    plan, listed = queries.plan_of(session, one), queries.of_the_round(session, one)
    if plan is None:
        return page(request, actor, "meetings/timetable.html", round=one, plan=None, pairings=len(listed))
    language, moment, names = language_of(request, actor), now(), queries.names_of(listed)
    found = queries.problem(session, one, plan, listed, moment)
    moving = next(
        (
            encounter
            for encounter in listed
            if encounter.pairing.uid == move and (encounter.kept is None or not encounter.kept.is_past)
        ),
        None,
    )
    by_slot = queries.clashes_by_slot(found, plan, moving, moment) if moving else []
    answered = queries.absences(session, one)
    return page(
        request,
        actor,
        "meetings/timetable.html",
        status=status,
        round=one,
        plan=plan,
        pairings=len(listed),
        certificate=showing.certificate(session, plan, listed, language),
        solving=_solving(session, plan),
        grid=_grid(plan, listed),
        slots=queries.slots_of(plan),
        length=queries.length_of(plan),
        begun=queries.begun(plan, moment),
        clashes=[queries.with_names(clash.message, names) for clash in queries.clashes(found)],
        waiting=[encounter for encounter in listed if encounter.waits],
        called_off=[
            one for one in queries.in_time(listed) if one.meeting.status == "cancelled" and not one.waits
        ],
        moving=moving,
        moving_from=found.places.get(move),
        by_slot=[[queries.with_names(message, names) for message in told] for told in by_slot],
        problems=[queries.with_names(message, names) for message in problems],
        silent=[
            organization
            for key, organization in queries.organizations_of(listed).items()
            if key not in answered
        ],
    )


def _solving(session: Session, plan: MeetingPlan) -> float | None:
    """How far the job is that makes the timetable; None where none is under way."""
    job = queries.job_of(session, plan)
    under_way = job is not None and job.status in (JobStatus.PROMISED, JobStatus.RUNNING)
    return job.progress if job is not None and under_way else None


def _grid(plan: MeetingPlan, listed: Sequence[Encounter]) -> dict[tuple[int, int], Encounter]:
    """By slot and table: who meets there."""
    return {
        (slot, encounter.meeting.table): encounter
        for encounter in listed
        if encounter.stands and (slot := queries.slot_number(plan, encounter.meeting)) is not None
    }


@router.post("/rounds/{uid}/meetings/timetable")
def make_timetable(session: Writing, actor: Asking, uid: str) -> Response:
    """Have the timetable made."""
    actions.request_timetable(session, actor, _round(session, actor, uid))
    return see_other(f"/rounds/{uid}/meetings")


@router.get("/rounds/{uid}/meetings/progress")
def progress(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """How far it is, for the page to ask again and again; once done, the page is loaded anew."""
    one = _round(session, actor, uid)
    share = _solving(session, queries.get_plan(session, one))
    response = page(request, actor, "meetings/progress.html", round=one, share=share)
    if share is None:
        response.headers["HX-Refresh"] = "true"
    return response


@router.get("/rounds/{uid}/meetings/places/{pairing}")
def places(request: Request, session: Reading, actor: Asking, uid: str, pairing: str) -> Response:
    """For the page's script: by slot, what would clash if this meeting were there."""
    one = _round(session, actor, uid)
    plan, listed = queries.get_plan(session, one), queries.of_the_round(session, one)
    moving = next((encounter for encounter in listed if encounter.pairing.uid == pairing), None)
    if moving is None:
        raise NotFound
    moment, language, names = now(), language_of(request, actor), queries.names_of(listed)
    found = queries.problem(session, one, plan, listed, moment)
    by_slot = queries.clashes_by_slot(found, plan, moving, moment)
    return JSONResponse([[say(message, language, names) for message in told] for told in by_slot])


@router.post("/rounds/{uid}/meetings/place")
def place(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Put a meeting into a slot and to a table; every clash is named."""
    one = _round(session, actor, uid)
    pairing, slot, table = typed.text("pairing"), number(typed, "slot"), number(typed, "table")
    wanted = Place(-1 if slot is None else slot, -1 if table is None else table)
    try:
        actions.place(session, actor, one, pairing, wanted, swap=typed.text("swap") == "yes")
    except BadInput as error:
        session.rollback()
        told = [problem.message for problem in error.problems]
        return timetable(request, session, actor, one, move=pairing, status=422, problems=told)
    back = typed.text("back")
    return see_other(
        f"/rounds/{uid}/meetings/today" if back == "today" else f"/rounds/{uid}/meetings#timetable"
    )


@router.post("/rounds/{uid}/meetings/unpin")
def unpin(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Let the next solve move a meeting."""
    one = _round(session, actor, uid)
    actions.unpin(session, actor, one, queries.of_pairing(session, one, typed.text("pairing")))
    return see_other(f"/rounds/{uid}/meetings#timetable")


@router.post("/rounds/{uid}/meetings/release")
def release(request: Request, session: Writing, actor: Asking, uid: str) -> Response:
    """Show the timetable to both sides and tell them."""
    one = _round(session, actor, uid)
    try:
        actions.release(session, actor, one)
    except NotNow as error:
        return timetable(request, session, actor, one, status=error.status, problems=[error.message])
    return see_other(f"/rounds/{uid}/meetings?done=released")


# The day ----------------------------------------------------------------------------------------------


@router.get("/rounds/{uid}/meetings/today")
def today(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What is on now, who is there, what took place, and who could use a free place."""
    one = _round(session, actor, uid)
    plan, moment = queries.get_plan(session, one), now()
    listed = queries.in_time(queries.of_the_round(session, one))
    slots = queries.slots_of(plan)
    begun = queries.begun(plan, moment)
    return page(
        request,
        actor,
        "meetings/today.html",
        round=one,
        plan=plan,
        slots=slots,
        length=queries.length_of(plan),
        running=begun - 1 if begun and moment < slots[begun - 1] + queries.length_of(plan) else None,
        begun=begun,
        by_slot={
            number: [
                encounter
                for encounter in listed
                if encounter.meeting.starts == starts
                and not (encounter.waits or encounter.meeting.status == "cancelled")
            ]
            for number, starts in enumerate(slots)
        },
        present=queries.present(session, one),
        free=forum.free_places(session, one, plan, moment),
        table=lambda encounter: queries.table_name(plan, encounter.meeting),
    )


# In numbers and on paper ------------------------------------------------------------------------------


@router.get("/rounds/{uid}/meetings/summary")
def summary(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The forum in numbers, and what came of it."""
    one = _round(session, actor, uid)
    found = outcomes.summary(session, actor, one)
    listed = queries.in_time(queries.of_the_round(session, one))
    return page(
        request,
        actor,
        "meetings/summary.html",
        round=one,
        plan=queries.plan_of(session, one),
        found=found,
        labels=list(OutcomeLabel),
        asked=list(OutcomeAsked),
        remarks=[
            (encounter, outcome)
            for encounter in listed
            for (meeting, _, _), outcome in outcomes.of_meetings(session, listed).items()
            if meeting == encounter.meeting.key and outcome.text
        ],
    )


@router.get("/rounds/{uid}/meetings/print")
def on_paper(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The plan, a card for each table, a sheet for each organization."""
    one = _round(session, actor, uid)
    plan = queries.get_plan(session, one)
    listed = [
        encounter for encounter in queries.in_time(queries.of_the_round(session, one)) if encounter.stands
    ]
    return page(
        request,
        actor,
        "meetings/print.html",
        round=one,
        plan=plan,
        slots=queries.slots_of(plan),
        length=queries.length_of(plan),
        grid=_grid(plan, listed),
        sheets=[
            (organization, [encounter for encounter in listed if encounter.side_of(organization.key)])
            for organization in queries.organizations_of(listed).values()
        ],
        table=lambda encounter: queries.table_name(plan, encounter.meeting),
    )
