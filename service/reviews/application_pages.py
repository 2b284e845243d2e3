"""Pages of the facilitators' desk about one application: its reviews, discussion, files, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from service.errors import BadInput, NotFound
from service.listings import queries as listings
from service.organizations.desk import problems_by_field
from service.reviews import actions, assigning, criteria, deciding, queries, scoring
from service.reviews.checks import chosen
from service.reviews.conflicts import SAID, grounds
from service.reviews.desk import round_reviewed
from service.reviews.models import MOST_POINTS, VerdictStep
from service.rounds import asking, screening
from service.rounds.models import APPLICATION, RoundStatus
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
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

router = APIRouter(prefix="/rounds/{uid}/reviews", include_in_schema=False)


@router.get("/applications/{application}")
def application(request: Request, session: Reading, actor: Asking, uid: str, application: str) -> Response:
    """One application with its reviews, discussion and files, and what can be decided by hand."""
    one = round_reviewed(session, actor, uid)
    return _application(request, session, actor, one, application, typed_before(request, session))


def _application(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    application: str,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    standing = next(
        (row for row in scoring.standings(session, one).rows if row.application.uid == application), None
    )
    if standing is None:
        raise NotFound
    kept = standing.application
    people = queries.reviewers(session, one)
    known = grounds(session, one, [user.key for _, user in people])
    reviews = queries.reviews_of(session, [kept.key])
    held = {review.user_id for review in reviews if review.status in assigning.HELD}
    between = {user.key: known.between(user.key, kept.organization_id) for _, user in people}
    steps = [step for step in VerdictStep if step.value in APPLICATION.possible(kept.status)]
    return page(
        request,
        actor,
        "reviews/application.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        standing=standing,
        seen=queries.shown(session, actor, kept.key),
        reviews=reviews,
        people={user.key: (person, user) for person, user in people},
        normalised={scored.review.key: scored.after for scored in standing.reviews},
        free=[
            (person, user)
            for person, user in people
            if person.left is None and user.key not in held and not between[user.key]
        ],
        barred=[(person, user, SAID[ground]) for person, user in people if (ground := between[user.key])],
        weights=scoring.criteria_of(one),
        label=criteria.label,
        question_label=asking.label,
        most=MOST_POINTS,
        remarks=queries.remarks(session, actor, kept),
        files=listings.attachments(session, standing.listing),
        cleared=queries.cleared_files(session, kept),
        blind=queries.is_blind(one),
        steps=steps,
        not_theirs=screening.conflict(session, actor, kept),
        reviewing=one.status is RoundStatus.REVIEWING,
        by_hand=one.status in deciding.BY_HAND,
    )


def _on_application(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    application: str,
    typed: Typed,
    do: Callable[[Round], object],
    done: str,
    renamed: dict[str, str] | None = None,
) -> Response:
    """Do something; what is wrong with it is shown on the application's page, with what was typed."""
    one = round_reviewed(session, actor, uid, lock=True)
    try:
        do(one)
    except BadInput as error:
        problems = problems_by_field(error, renamed)
        return _application(request, session, actor, one, application, typed, status=422, problems=problems)
    return see_other(f"/rounds/{uid}/reviews/applications/{application}?done={done}")


@router.post("/applications/{application}/reviewers")
def give(
    request: Request, session: Writing, actor: Asking, uid: str, application: str, typed: Form
) -> Response:
    """Give the application to a reviewer by hand."""

    def do(one: Round) -> object:
        person = chosen(typed.text("reviewer"), "reviewer")
        return assigning.give(session, actor, one, application, person, typed.text("give_reason"))

    return _on_application(
        request, session, actor, uid, application, typed, do, "saved", {"reason": "give_reason"}
    )


@router.post("/applications/{application}/reviews/{review}/{step}")
def change_review(
    request: Request,
    session: Writing,
    actor: Asking,
    uid: str,
    application: str,
    review: str,
    step: str,
    typed: Form,
) -> Response:
    """Take a review from its reviewer, or open it again."""
    field = f"{step}-{review}"

    def do(one: Round) -> object:
        found = queries.get(session, actor, review, lock=True)
        if queries.application_in(session, one, application).key != found.application_id:
            raise NotFound
        if step == "withdraw":
            return assigning.take(session, actor, found, typed.text(field))
        if step == "reopen":
            return actions.reopen(session, actor, found, typed.text(field))
        raise NotFound

    return _on_application(request, session, actor, uid, application, typed, do, "saved", {"reason": field})


@router.post("/applications/{application}/remarks")
def remark(
    request: Request, session: Writing, actor: Asking, uid: str, application: str, typed: Form
) -> Response:
    """Say something to the reviewers."""

    def do(one: Round) -> object:
        found = queries.application_in(session, one, application)
        return actions.remark(session, actor, found, typed.text("text"))

    return _on_application(request, session, actor, uid, application, typed, do, "sent")


@router.post("/applications/{application}/verdict")
def decide(
    request: Request, session: Writing, actor: Asking, uid: str, application: str, typed: Form
) -> Response:
    """Decide the application by hand."""

    def do(one: Round) -> object:
        step = VerdictStep(chosen(typed.text("step"), "step", VerdictStep))
        return deciding.decide(session, actor, one, application, step, typed.text("reason"))

    return _on_application(request, session, actor, uid, application, typed, do, "saved")


@router.post("/applications/{application}/files/{file}/{what}")
def clear_file(
    request: Request,
    session: Writing,
    actor: Asking,
    uid: str,
    application: str,
    file: str,
    what: str,
    typed: Form,
) -> Response:
    """Say that a file names nobody, or take that back."""

    def do(one: Round) -> None:
        found = queries.application_in(session, one, application)
        actions.clear_file(session, actor, found, file, cleared=what == "clear")

    return _on_application(request, session, actor, uid, application, typed, do, "saved")
