"""Reviews as JSON: for reviewers their own, for facilitators assignment, scores and the shortlist."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from service.permissions import require
from service.reviews import actions, assigning, deciding, queries, showing
from service.reviews.models import (  # noqa: TC001 — FastAPI reads them
    AssignmentIn,
    ConflictIn,
    PairIn,
    ReviewerIn,
    ReviewIn,
    SayIn,
    ShortlistIn,
    VerdictIn,
    WhyIn,
)
from service.reviews.showing import (  # noqa: TC001
    ConflictOut,
    CutOut,
    HeldOut,
    OwnReviewOut,
    PlanOut,
    RemarkOut,
    ReviewerOut,
    ReviewOut,
    StandingsOut,
)
from service.rounds import queries as rounds
from service.web import Asking, Reading, Writing, etag, language_of, require_match

router = APIRouter(prefix="/api/v1", tags=["reviews"])

Uid = Annotated[str, Path(max_length=32, description="The review's id.")]
RoundUid = Annotated[str, Path(max_length=32, description="The round's id.")]
ReviewerUid = Annotated[str, Path(max_length=32, description="The id of the reviewer in the round.")]
Number = Annotated[int | None, Query(ge=0, le=10_000, description="How many; none: all that pass.")]


# One's own reviews ------------------------------------------------------------------------------------


@router.get("/reviews")
def list_reviews(session: Reading, actor: Asking) -> list[ReviewOut]:
    """The caller's own reviews, what is to be written first."""
    return showing.review_list(session, actor)


@router.get("/reviews/{uid}")
def get_review(
    uid: Uid, request: Request, response: Response, session: Reading, actor: Asking
) -> OwnReviewOut:
    """One review with what it is about. Before that, confirm that there is no conflict of interest."""
    review = queries.get(session, actor, uid)
    response.headers["ETag"] = etag(review.version)
    return showing.own_review(session, actor, review, language_of(request, actor))


@router.post("/reviews/{uid}/no-conflict")
def confirm_no_conflict(uid: Uid, request: Request, session: Writing, actor: Asking) -> OwnReviewOut:
    """Say that nothing ties one to the applicant, as far as one can tell."""
    review = actions.confirm_no_conflict(session, actor, queries.get(session, actor, uid, lock=True))
    return showing.own_review(session, actor, review, language_of(request, actor))


@router.put("/reviews/{uid}")
def write_review(
    uid: Uid, given: ReviewIn, request: Request, response: Response, session: Writing, actor: Asking
) -> OwnReviewOut:
    """Keep points and comment as far as they go, or hand it in. `If-Match` guards against lost edits."""
    review = queries.get(session, actor, uid, lock=True)
    require_match(request, review.version)
    write = actions.submit if given.submit else actions.save
    review = write(session, actor, review, given.scores, given.comment)
    response.headers["ETag"] = etag(review.version)
    return showing.own_review(session, actor, review, language_of(request, actor))


@router.post("/reviews/{uid}/recuse", status_code=204)
def recuse(uid: Uid, given: WhyIn, session: Writing, actor: Asking) -> None:
    """Step back because of a conflict of interest."""
    actions.recuse(session, actor, queries.get(session, actor, uid, lock=True), given.reason)


@router.post("/reviews/{uid}/remarks", status_code=201)
def remark(uid: Uid, given: SayIn, session: Writing, actor: Asking) -> list[RemarkOut]:
    """Say something to the other reviewers of the application; the whole discussion comes back."""
    review = queries.get(session, actor, uid)
    actions.remark(session, actor, queries.application_of(session, review), given.text)
    return showing.remark_list(session, actor, review)


# For facilitators -------------------------------------------------------------------------------------


@router.post("/reviews/{uid}/reopen", status_code=204)
def reopen(uid: Uid, given: WhyIn, session: Writing, actor: Asking) -> None:
    """Let a reviewer change what is handed in; they are told why."""
    actions.reopen(session, actor, queries.get(session, actor, uid, lock=True), given.reason)


@router.post("/reviews/{uid}/withdraw", status_code=204)
def withdraw(uid: Uid, given: WhyIn, session: Writing, actor: Asking) -> None:
    """Take an application from a reviewer."""
    assigning.take(session, actor, queries.get(session, actor, uid, lock=True), given.reason)


@router.get("/rounds/{uid}/reviewers")
def list_reviewers(uid: RoundUid, session: Reading, actor: Asking) -> list[ReviewerOut]:
    """The reviewers of a round and how far each is."""
    one = rounds.get(session, actor, uid)
    require(actor, "review:assign")
    return showing.reviewer_list(session, one)


@router.post("/rounds/{uid}/reviewers", status_code=201)
def add_reviewer(uid: RoundUid, given: ReviewerIn, session: Writing, actor: Asking) -> list[ReviewerOut]:
    """Let somebody review in a round."""
    one = rounds.get(session, actor, uid, lock=True)
    assigning.add_reviewer(session, actor, one, given)
    return showing.reviewer_list(session, one)


@router.put("/rounds/{uid}/reviewers/{reviewer}")
def change_reviewer(
    uid: RoundUid, reviewer: ReviewerUid, given: ReviewerIn, session: Writing, actor: Asking
) -> list[ReviewerOut]:
    """Change how much a reviewer takes, what they read and know; `user` stays who it is."""
    one = rounds.get(session, actor, uid)
    assigning.change_reviewer(session, actor, one, reviewer, given)
    return showing.reviewer_list(session, one)


@router.post("/rounds/{uid}/reviewers/{reviewer}/remove")
def remove_reviewer(
    uid: RoundUid, reviewer: ReviewerUid, given: WhyIn, session: Writing, actor: Asking
) -> list[ReviewerOut]:
    """Let a reviewer go; what is handed in stays."""
    one = rounds.get(session, actor, uid)
    assigning.remove_reviewer(session, actor, one, reviewer, given.reason)
    return showing.reviewer_list(session, one)


@router.get("/rounds/{uid}/conflicts")
def list_conflicts(uid: RoundUid, session: Reading, actor: Asking) -> list[ConflictOut]:
    """Conflicts of interest that somebody has stated; those by membership come by themselves."""
    one = rounds.get(session, actor, uid)
    require(actor, "review:assign")
    return showing.conflict_list(session, one)


@router.post("/rounds/{uid}/reviewers/{reviewer}/conflicts", status_code=201)
def declare_conflict(
    uid: RoundUid, reviewer: ReviewerUid, given: ConflictIn, session: Writing, actor: Asking
) -> list[ConflictOut]:
    """State that a reviewer must not judge an organization; what they had of it is recused."""
    one = rounds.get(session, actor, uid)
    assigning.declare_conflict(session, actor, one, reviewer, given.organization, given.reason)
    return showing.conflict_list(session, one)


@router.get("/rounds/{uid}/reviews")
def list_held(uid: RoundUid, session: Reading, actor: Asking) -> list[HeldOut]:
    """All reviews of a round."""
    one = rounds.get(session, actor, uid)
    require(actor, "review:assign")
    return showing.held_list(session, one)


@router.get("/rounds/{uid}/assignment")
def preview_assignment(uid: RoundUid, request: Request, session: Reading, actor: Asking) -> PlanOut:
    """Who would review what: loads even, conflicts of interest impossible, what was assigned kept."""
    one = rounds.get(session, actor, uid)
    made = assigning.plan(session, actor, one)
    return showing.plan_out(made, queries.titles(session, one), language_of(request, actor))


@router.post("/rounds/{uid}/assignment")
def assign(
    uid: RoundUid, given: AssignmentIn, request: Request, reading: Reading, session: Writing, actor: Asking
) -> PlanOut:
    """Assign as previewed; refused with 409 where something has changed since."""
    one = rounds.get(reading, actor, uid)
    made = assigning.plan(reading, actor, one)
    assigning.check_plan(made, given.plan)
    assigning.carry_out(session, actor, one, made, partial=given.partial)
    return showing.plan_out(made, queries.titles(session, one), language_of(request, actor))


@router.post("/rounds/{uid}/assignment/pairs", status_code=201)
def assign_by_hand(uid: RoundUid, given: PairIn, session: Writing, actor: Asking) -> list[HeldOut]:
    """Give one application to one reviewer by hand."""
    one = rounds.get(session, actor, uid)
    assigning.give(session, actor, one, given.application, given.reviewer, given.reason)
    return showing.held_list(session, one)


@router.get("/rounds/{uid}/scores")
def scores(uid: RoundUid, session: Reading, actor: Asking) -> StandingsOut:
    """Where all applications stand, before and after normalisation."""
    one = rounds.get(session, actor, uid)
    require(actor, "review:assign")
    return showing.standings_out(session, one)


@router.get("/rounds/{uid}/shortlist")
def preview_shortlist(uid: RoundUid, session: Reading, actor: Asking, number: Number = None) -> CutOut:
    """Where the line would fall."""
    return showing.cut_out(deciding.cut(session, actor, rounds.get(session, actor, uid), number))


@router.post("/rounds/{uid}/shortlist")
def shortlist(uid: RoundUid, given: ShortlistIn, session: Writing, actor: Asking) -> CutOut:
    """Decide as previewed; applicants are told by mail."""
    one = rounds.get(session, actor, uid)
    line = deciding.shortlist(
        session,
        actor,
        one,
        given.number,
        decline_reason=given.decline_reason,
        fingerprint=given.plan,
    )
    return showing.cut_out(line)


@router.post("/rounds/{uid}/applications/{application}/verdict")
def decide(
    uid: RoundUid,
    application: Annotated[str, Path(max_length=32, description="The application's id.")],
    given: VerdictIn,
    session: Writing,
    actor: Asking,
) -> StandingsOut:
    """Decide one application by hand."""
    one = rounds.get(session, actor, uid)
    deciding.decide(session, actor, one, application, given.step, given.reason)
    return showing.standings_out(session, one)
