"""Pages of match runs: the button, how far a run is, its certificate, its pairings, the release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.profiles import Side
from service.db import now
from service.organizations.desk import signed_in
from service.pairings import actions, queries
from service.pairings.inputs import what_changed
from service.pairings.showing import result_of
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import RoundStatus
from service.web import Asking, Form, Reading, Writing, page, see_other
from service.wording import restored

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.pairings.models import MatchRun
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/rounds/{uid}", include_in_schema=False)


@router.get("/match")
def overview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The match of a round: what goes in, the button, the runs so far."""
    one = _round(session, actor, uid)
    runs = queries.runs(session, actor, one)
    running = next((run for run in runs if run.status in queries.IN_FLIGHT and not run.what_if), None)
    return page(
        request,
        actor,
        "pairings/match.html",
        round=one,
        runs=runs,
        sides=[(side, len(rounds.in_the_match(session, one, side))) for side in Side],
        running=running,
        matching=one.status is RoundStatus.MATCHING,
        **(_progress(running) if running else {}),
    )


@router.post("/match")
def start(session: Writing, actor: Asking, uid: str) -> Response:
    """Press the button."""
    one = _round(session, actor, uid)
    run = actions.request_match(session, actor, one)
    return see_other(f"/rounds/{uid}/match/{run.uid}")


@router.get("/match/{run_uid}")
def shown(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """One run: how far it is, or what it found."""
    one, run = _run(session, actor, uid, run_uid)
    done = bool(run.certificate)
    return page(
        request,
        actor,
        "pairings/run.html",
        round=one,
        run=run,
        matching=result_of(session, run) if done else None,
        rows=queries.pairings_of(session, run),
        changed=what_changed(session, one, run) if done and not run.released else None,
        restored=restored,
        **_progress(run),
    )


@router.get("/match/{run_uid}/progress")
def progress(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """How far a run is, for the page to ask again and again."""
    one, run = _run(session, actor, uid, run_uid)
    response = page(request, actor, "pairings/progress.html", round=one, run=run, **_progress(run))
    if run.status not in queries.IN_FLIGHT:
        response.headers["HX-Redirect"] = f"/rounds/{uid}/match/{run_uid}"
    return response


@router.post("/match/{run_uid}/cancel")
def cancel(session: Writing, actor: Asking, uid: str, run_uid: str) -> Response:
    """Stop a run."""
    _, run = _run(session, actor, uid, run_uid, lock=True)
    actions.cancel(session, actor, run)
    return see_other(f"/rounds/{uid}/match")


@router.post("/match/{run_uid}/release")
def release(session: Writing, actor: Asking, uid: str, run_uid: str, typed: Form) -> Response:
    """Propose the pairings to both sides."""
    _, run = _run(session, actor, uid, run_uid, lock=True)
    actions.release(session, actor, run, confirmed=bool(typed.text("confirmed")))
    return see_other(f"/rounds/{uid}/match/{run_uid}?done=released")


def _round(session: Session, actor: Actor, uid: str) -> Round:
    """The round, for facilitators."""
    signed_in(actor)
    one = rounds.get(session, actor, uid)
    require(actor, "match:run")
    return one


def _run(
    session: Session, actor: Actor, uid: str, run_uid: str, *, lock: bool = False
) -> tuple[Round, MatchRun]:
    one = _round(session, actor, uid)
    return one, queries.run(session, actor, run_uid, one=one, lock=lock)


def _progress(run: MatchRun) -> dict[str, Any]:
    waits = run.started or run.created
    return {"elapsed": ((run.finished or now()) - waits).total_seconds()}
