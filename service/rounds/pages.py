"""Pages of rounds: the list, one round, a new one.

Later slices show their part of a round's page without being imported here: each callable in
`app.state.round_sections` gets (session, actor, round) and gives a template and its values, or None.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.rules import load_preset
from service.db import now
from service.errors import BadInput, NotNow
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import may, require
from service.rounds import (
    actions,
    calendar_pages,
    forms,
    phases,
    queries,
    ruleforms,
    settings,
    showing,
    suggesting,
)
from service.rounds.models import RoundStatus
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
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/rounds", include_in_schema=False)


@router.get("")
def all_of_them(request: Request, session: Reading, actor: Asking) -> Response:
    """Which rounds take applications, which are under way, which are over; drafts for those who run them."""
    found = queries.listed(session, actor)
    plans, moment = queries.plans_of(session, found), now()
    return page(
        request,
        actor,
        "rounds/list.html",
        shelves=queries.shelves(found),
        clocks={one.uid: phases.clock(one, plans[one.key], moment) for one in found},
        hosts=queries.hosts_of(session, found),
        drafts=may(actor, "round:run"),
    )


router.include_router(calendar_pages.router)
router.include_router(settings.router)


# Beginning --------------------------------------------------------------------------------------------


@router.get("/new")
def new(request: Request, session: Reading, actor: Asking) -> Response:
    """The form for a new round."""
    signed_in(actor)
    require(actor, "round:run")
    return _new(request, session, actor, typed_before(request, session))


@router.get("/themes")
def themes(request: Request, session: Reading, actor: Asking, most: int = suggesting.MOST_THEMES) -> Response:
    """What open needs have in common that nobody carries: themes for the next talk."""
    signed_in(actor)
    found = suggesting.themes(session, actor, request.app.state.carried_needs(session))
    return page(
        request,
        actor,
        "rounds/themes.html",
        found=found[: max(1, most)],
        total=len(found),
        examples=suggesting.examples(session, actor, found),
    )


@router.post("/new")
def create(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Begin a round as a draft; its times and rules come next."""
    signed_in(actor)
    try:
        one = actions.create(session, actor, forms.new_of(typed))
    except BadInput as error:
        problems = problems_by_field(error)
        return _new(request, session, actor, typed, status=error.status, problems=problems)
    return see_other(f"/rounds/{one.uid}/settings?part=phases&done=created")


def _new(
    request: Request,
    session: Session,
    actor: Actor,
    typed: Typed,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    language = language_of(request, actor)
    if not typed.fields:
        typed = Typed({"preset": ["monthly-talk"], "time_zone": [actor.time_zone]}, {})
    return page(
        request,
        actor,
        "rounds/new.html",
        status=status,
        typed=typed,
        problems=problems or {},
        presets=[load_preset(name) for name in forms.preset_choices()],
        own_presets=queries.own_presets(session, actor),
        **forms.choices(session, actor, language),
    )


# One round --------------------------------------------------------------------------------------------


@router.get("/{uid}")
def overview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One round: what it is about, where it stands, what one may do now."""
    return _overview(
        request, session, actor, queries.get(session, actor, uid), typed_before(request, session)
    )


def _overview(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    plan = queries.plan_of(session, one)
    clock = phases.clock(one, plan, now())
    runs = may(actor, "round:run")
    language = language_of(request, actor)
    shown = [section(session, actor, one) for section in getattr(request.app.state, "round_sections", ())]
    return page(
        request,
        actor,
        "rounds/overview.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        host=queries.hosts_of(session, [one]).get(one.host_id or 0),
        plan=plan,
        clock=clock,
        preset_title=load_preset(one.preset).title[language],
        rules=ruleforms.sentences(one, language).values(),
        figures=showing.figures(session, one),
        action=showing.action_for(actor, one, clock),
        obstacle=actions.obstacle(session, one) if runs else None,
        back=phases.back_to(one) if runs else None,
        runs=runs,
        over=one.status in (RoundStatus.CLOSED, RoundStatus.CANCELLED),
        sections=[section for section in shown if section is not None],
    )


# Moving on --------------------------------------------------------------------------------------------


@router.post("/{uid}/advance")
def advance(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """On to the next phase."""
    return _move(request, session, actor, uid, typed, "advance", actions.advance_phase)


@router.post("/{uid}/back")
def back(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Back to an earlier phase, with a reason."""

    def step(session: Session, actor: Actor, one: Round) -> None:
        ends = forms.moment_of(typed, "ends", one.time_zone)
        actions.step_back(session, actor, one, typed.text("back-reason"), ends=ends)

    return _move(request, session, actor, uid, typed, "back", step)


@router.post("/{uid}/cancel")
def cancel(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Call it off, with a reason."""

    def step(session: Session, actor: Actor, one: Round) -> None:
        actions.cancel(session, actor, one, typed.text("cancel-reason"))

    return _move(request, session, actor, uid, typed, "cancel", step)


def _move(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed,
    name: str,
    step: Callable[[Session, Actor, Round], object],
) -> Response:
    signed_in(actor)
    one = queries.get(session, actor, uid, lock=True)
    try:
        step(session, actor, one)
    except BadInput as error:
        session.refresh(one)
        problems = problems_by_field(error, {"reason": f"{name}-reason"})
        return _overview(request, session, actor, one, typed, status=error.status, problems=problems)
    except NotNow as error:
        problems = {"phase": error.message}
        return _overview(request, session, actor, one, typed, status=error.status, problems=problems)
    return see_other(f"/rounds/{uid}?done=round-{name}")
