"""Pages of a reviewer: one's reviews, the question about conflicts, the application beside the score form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.errors import BadInput, NotFound
from service.organizations.desk import problems_by_field, signed_in
from service.organizations.evidence import path_of
from service.reviews import actions, application_pages, criteria, desk, queries, scoring
from service.reviews.models import MOST_POINTS, ReviewStatus
from service.rounds import asking
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    file_to_save,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.permissions import Actor
    from service.reviews.models import Review

router = APIRouter(include_in_schema=False)
router.include_router(desk.router)
router.include_router(application_pages.router)

WRITTEN = (ReviewStatus.ASSIGNED, ReviewStatus.SUBMITTED)


@router.get("/reviews")
def mine(request: Request, session: Reading, actor: Asking) -> Response:
    """All reviews of one's own by round, with how many are done and until when."""
    signed_in(actor)
    found = queries.mine(session, actor)
    by_round: dict[str, list[queries.Mine]] = {}
    for one in found:
        by_round.setdefault(one.round.uid, []).append(one)
    return page(
        request,
        actor,
        "reviews/mine.html",
        groups=[
            {
                "round": rows[0].round,
                "deadline": rows[0].deadline,
                "open": rows[0].open,
                "rows": rows,
                "done": sum(row.review.status is ReviewStatus.SUBMITTED for row in rows),
                "all": sum(row.review.status in WRITTEN for row in rows),
            }
            for rows in by_round.values()
        ],
    )


@router.get("/reviews/{uid}")
def review(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One review: first the question about conflicts of interest, then application and score form."""
    signed_in(actor)
    found = queries.get(session, actor, uid)
    if found.user_id != actor.user_id:
        one, application = queries.round_of(session, found), queries.application_of(session, found)
        return see_other(f"/rounds/{one.uid}/reviews/applications/{application.uid}")
    return _page(request, session, actor, found, typed_before(request, session))


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    found: Review,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    queries.check_fit(session, found)
    one = queries.round_of(session, found)
    shared: dict[str, Any] = {
        "status": status,
        "problems": problems or {},
        "review": found,
        "round": one,
        "seen": queries.shown(session, actor, found.application_id),
        "blind": queries.is_blind(one),
        "deadline": queries.deadline(session, one),
        "open": queries.takes_reviews(session, one),
        "question_label": asking.label,
    }
    if found.clear is None:
        return page(request, actor, "reviews/conflict.html", typed=typed, **shared)
    weights = scoring.criteria_of(one)
    kept = {criteria.field_of(code): [str(points)] for code, points in found.scores.items()}
    typed = Typed({**kept, "comment": [found.comment], **typed.fields}, {})
    others = queries.others(session, actor, found)
    application = queries.application_of(session, found)
    return page(
        request,
        actor,
        "reviews/review.html",
        typed=typed,
        weights=weights,
        label=criteria.label,
        field_of=criteria.field_of,
        help=criteria.HELP,
        most=MOST_POINTS,
        total=scoring.weighted(weights, _points(typed, weights)),
        others=others,
        remarks=None if others is None else queries.remarks(session, actor, application),
        **shared,
    )


@router.post("/reviews/{uid}/no-conflict")
def confirm_no_conflict(session: Writing, actor: Asking, uid: str) -> Response:
    """Say that there is no conflict of interest."""
    signed_in(actor)
    actions.confirm_no_conflict(session, actor, queries.get(session, actor, uid, lock=True))
    return see_other(f"/reviews/{uid}")


@router.post("/reviews/{uid}/recuse")
def recuse(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Step back, with the reason."""
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    try:
        actions.recuse(session, actor, found, typed.text("reason"))
    except BadInput as error:
        return _page(request, session, actor, found, typed, status=422, problems=problems_by_field(error))
    return see_other("/reviews?done=recused")


def _points(typed: Typed, weights: Mapping[str, int]) -> dict[str, int]:
    """Points by criterion; what is not a number counts as not given yet."""
    texts = {code: typed.text(criteria.field_of(code)).strip() for code in weights}
    return {code: int(text) for code, text in texts.items() if text.isdecimal() and len(text) < 4}


@router.post("/reviews/{uid}/draft")
def autosave(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep what is typed, as it is typed."""
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    weights = scoring.criteria_of(queries.round_of(session, found))
    actions.save(session, actor, found, _points(typed, weights), typed.text("comment"))
    return Response(status_code=204)


@router.post("/reviews/{uid}")
def write(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep a review, or hand it in."""
    signed_in(actor)
    found = queries.get(session, actor, uid, lock=True)
    scores = _points(typed, scoring.criteria_of(queries.round_of(session, found)))
    submits = typed.text("do") == "submit"
    try:
        (actions.submit if submits else actions.save)(session, actor, found, scores, typed.text("comment"))
    except BadInput as error:
        return _page(request, session, actor, found, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/reviews/{uid}?done={'review-submitted' if submits else 'saved'}")


@router.post("/reviews/{uid}/remarks")
def remark(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Say something to the other reviewers."""
    signed_in(actor)
    found = queries.get(session, actor, uid)
    try:
        actions.remark(session, actor, queries.application_of(session, found), typed.text("text"))
    except BadInput as error:
        return _page(request, session, actor, found, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/reviews/{uid}?done=sent#discussion")


@router.get("/reviews/{uid}/files/{number}")
def file(request: Request, session: Reading, actor: Asking, uid: str, number: int) -> Response:
    """A file of the application, under a name that says nothing where the review is blind."""
    signed_in(actor)
    found = queries.opened(session, actor, queries.get(session, actor, uid))
    wanted = next((one for one in found.files if one.number == number), None)
    if wanted is None:
        raise NotFound
    return file_to_save(path_of(site_of(request).settings.data_dir, wanted.sha256), wanted)
