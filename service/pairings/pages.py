"""Pages of match runs: the button, how far a run is, what it found, its certificate, its release."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.profiles import Side
from service.db import now
from service.errors import BadInput, NotNow
from service.organizations.desk import problems_by_field
from service.pairings import (
    actions,
    deciding_pages,
    file_pages,
    overrides,
    pairing_pages,
    queries,
    showing,
    trying_pages,
)
from service.pairings.alarms import left_with_nothing
from service.pairings.deciding_pages import decided
from service.pairings.finding import facilitated, run_of
from service.pairings.inputs import what_changed
from service.pairings.models import MatchRunStatus
from service.pairings.trying import suggested
from service.pairings.trying_pages import tried_words
from service.results.pictures import ribbons
from service.results.words import (
    LIMITS,
    PARTS,
    certificate_rows,
    given_by_kind,
    limit_name,
    names_of,
    ordered_parts,
)
from service.rounds import queries as rounds
from service.rounds.models import RoundStatus
from service.web import NOTHING_TYPED, Asking, Form, Reading, Writing, language_of, page, see_other
from service.wording import restored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.pairings.models import MatchRun
    from service.permissions import Actor
    from service.rounds.models import Round
    from service.web import Typed

MOST_LIMITS = 8
FEW_NEEDS = 40
"""Up to so many needs, who goes with whom is drawn at once; beyond, it is folded away."""

router = APIRouter(prefix="/rounds/{uid}", include_in_schema=False)
router.include_router(trying_pages.router)
router.include_router(deciding_pages.router)


@router.get("/match")
def overview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The match of a round: what goes in, the button, what was decided by hand, the runs so far."""
    return _overview(request, session, actor, uid)


def _overview(
    request: Request, session: Session, actor: Actor, uid: str, refused: Message | None = None
) -> Response:
    one = facilitated(session, actor, uid)
    runs = queries.runs(session, actor, one)
    running = next((run for run in runs if run.status in queries.IN_FLIGHT and not run.what_if), None)
    language = language_of(request, actor)
    return page(
        request,
        actor,
        "pairings/match.html",
        status=NotNow.status if refused else 200,
        refused=refused,
        round=one,
        runs=[(run, tried_words(one, run.changes, language)) for run in runs],
        numbers=queries.numbers(session, one),
        sides=[len(rounds.in_the_match(session, one, side)) for side in Side],
        running=running,
        matching=one.status is RoundStatus.MATCHING,
        restored=restored,
        **decided(session, one),
        **(_progress(session, running) if running else {}),
    )


@router.post("/match")
def start(request: Request, session: Writing, actor: Asking, uid: str) -> Response:
    """Press the button."""
    one = facilitated(session, actor, uid)
    try:
        run = actions.request_match(session, actor, one)
    except NotNow as error:
        return _overview(request, session, actor, uid, error.message)
    return see_other(f"/rounds/{uid}/match/{run.uid}")


@router.get("/match/{run_uid}")
def shown(
    request: Request,
    session: Reading,
    actor: Asking,
    uid: str,
    run_uid: str,
    q: str = "",
    part: int = 1,
    view: str = "table",
) -> Response:
    """One run: how far it is, or what it found, as a table or as a board."""
    return _shown(request, session, actor, uid, run_uid, q=q[:200], part=part, view=view)


def _shown(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    run_uid: str,
    typed: Typed = NOTHING_TYPED,
    *,
    q: str = "",
    part: int = 1,
    view: str = "table",
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    one, run = run_of(session, actor, uid, run_uid)
    if not run.certificate:
        return _without_result(request, session, actor, one, run)
    matching = showing.result_of(session, run)
    found = showing.carried(session, one, run, matching, q.strip())
    number = max(1, part)
    language = language_of(request, actor)
    before, after = showing.pages_of(
        found, number, lambda to: f"?{urlencode({'q': q, 'view': view, 'part': to})}"
    )
    done = run.status is MatchRunStatus.DONE
    return page(
        request,
        actor,
        "pairings/board.html" if view == "board" else "pairings/run.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        run=run,
        numbers=queries.numbers(session, one),
        matching=matching,
        carried=found[(number - 1) * showing.PER_PAGE : number * showing.PER_PAGE],
        count=len(found),
        before=before,
        after=after,
        q=q,
        view=view,
        alarms=left_with_nothing(one, matching),
        restored=restored,
        changed=what_changed(session, one, run) if done and not run.released else None,
        adjustable=done and not run.released and not run.what_if and one.status is RoundStatus.MATCHING,
        tried=tried_words(one, run.changes, language),
        tried_words=lambda changes: tried_words(one, changes, language),
        applications=queries.application_uids(session, one),
        **_drawing(),
        **decided(session, one),
    )


def _without_result(request: Request, session: Session, actor: Actor, one: Round, run: MatchRun) -> Response:
    """The page of a run that is on its way, or has come to nothing."""
    language = language_of(request, actor)
    remedies = [restored(remedy) for remedy in run.remedies]
    return page(
        request,
        actor,
        "pairings/unfinished.html",
        round=one,
        run=run,
        numbers=queries.numbers(session, one),
        note=restored(run.note) if run.note else None,
        remedies=[
            (remedy, deciding_pages.override_of(session, one, remedy), suggested(one, remedy))
            for remedy in remedies
        ],
        tried=tried_words(one, run.changes, language),
        tried_words=lambda changes: tried_words(one, changes, language),
        **_progress(session, run),
    )


def _drawing() -> dict[str, Any]:
    return {"parts": PARTS, "ordered_parts": ordered_parts, "few": FEW_NEEDS}


@router.get("/match/{run_uid}/certificate")
def certificate(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """How good a result provably is, what limits it, and what exactly it was computed from."""
    one, run = run_of(session, actor, uid, run_uid)
    if not run.certificate:
        return see_other(f"/rounds/{uid}/match/{run_uid}")
    matching = showing.result_of(session, run)
    language = language_of(request, actor)
    names = names_of(matching, language)
    prices = list(matching.certificate.prices.items())[:MOST_LIMITS]
    carried_needs = {pairing.need.id for pairing in matching.pairings}
    return page(
        request,
        actor,
        "pairings/certificate.html",
        round=one,
        run=run,
        numbers=queries.numbers(session, one),
        matching=matching,
        certificate=matching.certificate,
        carried_needs=len(carried_needs),
        used_offers=len({pairing.offer.id for pairing in matching.pairings}),
        kinds=given_by_kind(matching),
        limits=[
            (limit_name(rule, key, matching, names, language), price)
            for (rule, key), price in prices
            if rule in LIMITS
        ],
        rows=certificate_rows(matching, language, names, limits=False)[1:],
        flow=ribbons(matching),
        weights=[
            (part, matching.rules.weights.need.get(part, 0.0), matching.rules.weights.offer.get(part, 0.0))
            for part in PARTS
            if part in matching.rules.weights.need
        ],
        by_hand=queries.set_by_hand_after(session, one, run),
        tried=tried_words(one, run.changes, language),
        **_drawing(),
    )


@router.get("/match/{run_uid}/progress")
def progress(request: Request, session: Reading, actor: Asking, uid: str, run_uid: str) -> Response:
    """How far a run is, for the page to ask again and again."""
    one, run = run_of(session, actor, uid, run_uid)
    response = page(request, actor, "pairings/progress.html", round=one, run=run, **_progress(session, run))
    if run.status not in queries.IN_FLIGHT:
        response.headers["HX-Redirect"] = f"/rounds/{uid}/match/{run_uid}"
    return response


@router.post("/match/{run_uid}/cancel")
def cancel(session: Writing, actor: Asking, uid: str, run_uid: str) -> Response:
    """Stop a run."""
    _, run = run_of(session, actor, uid, run_uid, lock=True)
    actions.cancel(session, actor, run)
    return see_other(f"/rounds/{uid}/match")


@router.post("/match/{run_uid}/release")
def release(
    request: Request, session: Writing, actor: Asking, uid: str, run_uid: str, typed: Form
) -> Response:
    """Propose the pairings to both sides."""
    _, run = run_of(session, actor, uid, run_uid, lock=True)
    try:
        actions.release(session, actor, run, confirmed=bool(typed.text("confirmed")))
    except BadInput as error:
        problems = problems_by_field(error)
        return _shown(request, session, actor, uid, run_uid, typed, status=error.status, problems=problems)
    return see_other(f"/rounds/{uid}/match/{run_uid}?done=released")


@router.post("/match/{run_uid}/decide")
def decide(
    request: Request, session: Writing, actor: Asking, uid: str, run_uid: str, typed: Form
) -> Response:
    """Pin or exclude a pair of the result, or set its amount by hand."""
    one, _ = run_of(session, actor, uid, run_uid)
    view = "board" if typed.text("view") == "board" else "table"
    try:
        made = overrides.override(
            session,
            actor,
            one,
            deciding_pages.kind_of(typed),
            typed.text("need"),
            typed.text("offer"),
            reason=typed.text("reason"),
            amount=typed.text("amount"),
            language=language_of(request, actor),
        )
    except (BadInput, NotNow) as error:
        problems = problems_by_field(error) if isinstance(error, BadInput) else {"reason": error.message}
        return _shown(
            request, session, actor, uid, run_uid, typed, view=view, status=error.status, problems=problems
        )
    return see_other(f"/rounds/{uid}/match/{run_uid}?view={view}&done={made.kind.value}")


@router.post("/match/{run_uid}/try")
def try_remedy(session: Writing, actor: Asking, uid: str, run_uid: str, typed: Form) -> Response:
    """See what would come of a remedy."""
    _, run = run_of(session, actor, uid, run_uid)
    tried = actions.try_remedy(session, actor, run, typed.text("about"))
    return see_other(f"/rounds/{uid}/match/{tried.uid}")


router.include_router(file_pages.router)
router.include_router(pairing_pages.router)


def _progress(session: Session, run: MatchRun) -> dict[str, Any]:
    begun = run.started or run.created
    return {
        "elapsed": ((run.finished or now()) - begun).total_seconds(),
        "job": queries.job_of(session, run),
    }
