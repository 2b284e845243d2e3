"""Pages of the facilitators' desk: reviewers, conflicts, assignment, scores, shortlist."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from matching.text import LANGUAGES
from service.accounts.queries import users_with_role
from service.errors import BadInput
from service.listings.editing import options
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import Role, require
from service.reviews import assigning, deciding, queries, scoring
from service.reviews.checks import chosen
from service.reviews.models import MOST_APPLICATIONS, ReviewerIn, ReviewStatus
from service.rounds import queries as rounds
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

    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/rounds/{uid}/reviews", include_in_schema=False)


def round_reviewed(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Round:
    """A round whose reviews the actor may assign."""
    signed_in(actor)
    one = rounds.get(session, actor, uid, lock=lock)
    require(actor, "review:assign")
    return one


# Reviewers and progress -------------------------------------------------------------------------------


@router.get("")
def overview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """Who reviews, how far each reviewer and each application is, which conflicts are known."""
    one = round_reviewed(session, actor, uid)
    return _overview(request, session, actor, one, typed_before(request, session))


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
    people = queries.people(session, one)
    here = {person.user.key for person in people if person.reviewer.left is None}
    rows = queries.under_review(session, one)
    reviews = queries.reviews_of(session, [application.key for application, _, _ in rows])
    process = rounds.preset_of(one).process
    counts = {
        application.key: {
            each: sum(
                review.application_id == application.key and review.status is each for review in reviews
            )
            for each in ReviewStatus
        }
        for application, _, _ in rows
    }
    return page(
        request,
        actor,
        "reviews/desk.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        people=people,
        candidates=[user for user in users_with_role(session, Role.REVIEWER) if user.key not in here],
        rows=rows,
        counts=counts,
        asked=process.reviews,
        blind=process.blind_review,
        deadline=queries.deadline(session, one),
        conflicts=queries.declared(session, one),
        editable=one.status in assigning.BEFORE_OR_DURING,
        reviewing=one.status is RoundStatus.REVIEWING,
        themes=options("themes", language_of(request, actor)),
        most=MOST_APPLICATIONS,
    )


def reviewer_of(typed: Typed, ending: str = "") -> ReviewerIn:
    """What a form says of a reviewer; `ending`: what its fields' names end in. Raises BadInput."""
    most = typed.text(f"most{ending}").strip() or str(MOST_APPLICATIONS)
    if not (most.isdecimal() and len(most) < 5 and 1 <= int(most) <= 1000):
        raise BadInput.one("most", Message("most-range", "Write a whole number from 1 to 1000."))
    return ReviewerIn(
        user=typed.text("user")[:254],
        most=int(most),
        languages=[code for code in typed.texts(f"languages{ending}") if code in LANGUAGES],
        themes=[code[:60] for code in typed.texts(f"themes{ending}")[:40]],
    )


def _on_overview(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed,
    do: Callable[[Round], object],
    done: str,
    renamed: dict[str, str] | None = None,
) -> Response:
    """Do something; what is wrong with it is shown on the overview, with what was typed."""
    one = round_reviewed(session, actor, uid, lock=True)
    try:
        do(one)
    except BadInput as error:
        problems = problems_by_field(error, renamed)
        return _overview(request, session, actor, one, typed, status=422, problems=problems)
    return see_other(f"/rounds/{uid}/reviews?done={done}")


@router.post("/reviewers")
def add_reviewer(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Let somebody review."""
    return _on_overview(
        request,
        session,
        actor,
        uid,
        typed,
        lambda one: assigning.add_reviewer(session, actor, one, reviewer_of(typed)),
        "reviewer-added",
    )


@router.post("/reviewers/{reviewer}")
def change_reviewer(
    request: Request, session: Writing, actor: Asking, uid: str, reviewer: str, typed: Form
) -> Response:
    """Change how much a reviewer takes, what they read and know."""
    ending = f"-{reviewer}"
    return _on_overview(
        request,
        session,
        actor,
        uid,
        typed,
        lambda one: assigning.change_reviewer(session, actor, one, reviewer, reviewer_of(typed, ending)),
        "saved",
        {name: f"{name}{ending}" for name in ("most", "languages", "themes")},
    )


@router.post("/reviewers/{reviewer}/remove")
def remove_reviewer(
    request: Request, session: Writing, actor: Asking, uid: str, reviewer: str, typed: Form
) -> Response:
    """Let a reviewer go, with the reason."""
    field = f"reason-{reviewer}"
    return _on_overview(
        request,
        session,
        actor,
        uid,
        typed,
        lambda one: assigning.remove_reviewer(session, actor, one, reviewer, typed.text(field)),
        "left",
        {"reason": field},
    )


@router.post("/conflicts")
def declare_conflict(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """State a conflict of interest."""

    def declare(one: Round) -> object:
        person = chosen(typed.text("reviewer"), "reviewer")
        organization, reason = typed.text("organization"), typed.text("conflict_reason")
        return assigning.declare_conflict(session, actor, one, person, organization, reason)

    renamed = {"reason": "conflict_reason"}
    return _on_overview(request, session, actor, uid, typed, declare, "conflict-declared", renamed)


@router.post("/conflicts/{conflict}/revoke")
def revoke_conflict(
    request: Request, session: Writing, actor: Asking, uid: str, conflict: str, typed: Form
) -> Response:
    """Take a conflict back that was stated by mistake."""
    field = f"revoke-{conflict}"
    return _on_overview(
        request,
        session,
        actor,
        uid,
        typed,
        lambda one: assigning.revoke_conflict(session, actor, one, conflict, typed.text(field)),
        "saved",
        {"reason": field},
    )


# Assignment -------------------------------------------------------------------------------------------


@router.get("/assignment")
def preview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """The assignment as it would be made."""
    one = round_reviewed(session, actor, uid)
    made = assigning.plan(session, actor, one)
    titles = queries.titles(session, one)
    rows = queries.under_review(session, one)
    people = {person.uid: (person, user) for person, user in queries.reviewers(session, one)}
    by_application: dict[str, list[Any]] = {}
    for application, reviewer in made.added:
        by_application.setdefault(application, []).append(people[reviewer])
    return page(
        request,
        actor,
        "reviews/assignment.html",
        round=one,
        made=made,
        titles=titles,
        rows=rows,
        people=people,
        new=by_application,
        most_load=max(made.loads.values(), default=1),
    )


@router.post("/assignment")
def assign(reading: Reading, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Assign as previewed. It is worked out before the writing begins, so that nobody waits for it."""
    one = round_reviewed(reading, actor, uid)
    made = assigning.plan(reading, actor, one)
    assigning.check_plan(made, typed.text("plan"))
    assigning.carry_out(session, actor, one, made, partial=typed.text("partial") == "yes")
    return see_other(f"/rounds/{uid}/reviews?done=reviews-assigned")


# Scores and shortlist ---------------------------------------------------------------------------------


@router.get("/scores")
def scores(
    request: Request, session: Reading, actor: Asking, uid: str, number: str = "", cut: str = ""
) -> Response:
    """Where all applications stand, before and after normalisation; with `cut` also where the line falls."""
    one = round_reviewed(session, actor, uid)
    typed = typed_before(request, session)
    shown = typed if typed.fields else Typed({"number": [number]}, {})
    return _scores(request, session, actor, one, shown, previews=bool(cut))


def _scores(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    typed: Typed,
    *,
    previews: bool,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    found = scoring.standings(session, one)
    wrong = dict(problems or {})
    line = None
    try:
        number = deciding.number_of(typed.text("number"))
        line = deciding.cut(session, actor, one, number) if previews else None
    except BadInput as error:
        wrong |= problems_by_field(error)
        status = error.status
    return page(
        request,
        actor,
        "reviews/scores.html",
        status=status,
        typed=typed,
        problems=wrong,
        round=one,
        standings=found,
        line=line,
        marks=rounds.preset_of(one).process.pass_marks,
        reviewing=one.status is RoundStatus.REVIEWING,
        by_hand=one.status in deciding.BY_HAND,
        waiting=[row for row in found.rows if row.application.status == "waitlisted"],
    )


@router.post("/shortlist")
def shortlist(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Decide as previewed."""
    one = round_reviewed(session, actor, uid)
    declines = typed.text("decline") == "yes"
    try:
        if declines and not typed.text("decline_reason").strip():
            raise BadInput.one("decline_reason", Message("reason-needed", "Please give a reason."))
        deciding.shortlist(
            session,
            actor,
            one,
            deciding.number_of(typed.text("number")),
            decline_reason=typed.text("decline_reason") if declines else "",
            fingerprint=typed.text("plan"),
        )
    except BadInput as error:
        return _scores(
            request,
            session,
            actor,
            one,
            typed,
            previews=True,
            status=422,
            problems=problems_by_field(error),
        )
    return see_other(f"/rounds/{uid}/reviews/scores?done=shortlisted")


@router.post("/call-up")
def call_up(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Shortlist the first on the waiting list."""
    one = round_reviewed(session, actor, uid)
    try:
        deciding.call_up(session, actor, one, typed.text("call_reason"))
    except BadInput as error:
        problems = problems_by_field(error, {"reason": "call_reason"})
        return _scores(request, session, actor, one, typed, previews=False, status=422, problems=problems)
    return see_other(f"/rounds/{uid}/reviews/scores?done=shortlisted")
