"""Writing reviews: no conflict of interest, points and comment, recusal, reopening, discussion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from matching.messages import Message
from matching.text import detect_language
from service.accounts.models import User
from service.db import now
from service.errors import BadInput, FieldProblem, NotAllowed, NotFound, NotNow
from service.events import advance, record
from service.listings import queries as listings
from service.listings.models import Listing
from service.mail import send
from service.organizations.models import Organization
from service.permissions import require
from service.reviews import queries
from service.reviews.assigning import check_here, note_conflict
from service.reviews.checks import comment_of, points_of, reason_of
from service.reviews.criteria import field_of
from service.reviews.models import (
    COMMENT_CHARACTERS,
    REVIEW,
    ClearedFile,
    Remark,
    Review,
    ReviewStatus,
)
from service.reviews.scoring import criteria_of, missing, weighted
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.phases import require_phase
from service.texts import tidy

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.permissions import Actor


# By the reviewer --------------------------------------------------------------------------------------


def confirm_no_conflict(session: Session, actor: Actor, review: Review) -> Review:
    """Say that nothing ties one to the applicant, as far as one can tell; only then is it shown."""
    one = _own(session, actor, review)
    queries.check_fit(session, review)
    if review.clear is None:
        review.clear = now()
        session.add(review)
        record(session, actor, "review.confirm_no_conflict", review, round=one.uid)
    return review


def recuse(session: Session, actor: Actor, review: Review, reason: str) -> Review:
    """Step back because of a conflict of interest; the pair is impossible from now on."""
    one = _own(session, actor, review)
    kept = reason_of(reason)
    REVIEW.after(review.status, "recuse", kept)
    application = session.get_one(Application, review.application_id)
    note_conflict(
        session,
        actor,
        session.get_one(User, review.user_id),
        session.get_one(Organization, application.organization_id),
        kept,
        round=one.uid,
    )
    return review


def save(session: Session, actor: Actor, review: Review, scores: Mapping[str, int], comment: str) -> Review:
    """Keep what has been typed so far, however incomplete."""
    one = _own(session, actor, review)
    _check_open(session, one, review)
    if len(comment) > COMMENT_CHARACTERS:
        comment_of(comment)
    review.scores = points_of(criteria_of(one), scores)
    review.comment = tidy(comment)
    session.add(review)
    return review


def submit(session: Session, actor: Actor, review: Review, scores: Mapping[str, int], comment: str) -> Review:
    """Hand a review in. Raises BadInput with every criterion without points, or without a comment."""
    one = _own(session, actor, review)
    _check_open(session, one, review)
    criteria = criteria_of(one)
    points = points_of(criteria, scores)
    problems = [
        FieldProblem(field_of(code), Message("points-missing", "Give points here."))
        for code in missing(criteria, points)
    ]
    try:
        kept = comment_of(comment)
    except BadInput as error:
        problems += error.problems
    if problems:
        raise BadInput(problems)
    review.scores, review.comment, review.language = points, kept, detect_language(kept)
    review.raw, review.submitted = weighted(criteria, points), now()
    review.version += 1
    return advance(
        session, actor, review, REVIEW, "submit", round=one.uid, scores=points, raw=round(review.raw, 2)
    )


def _own(session: Session, actor: Actor, review: Review) -> Round:
    """The review's round, for the reviewer whose it is, while the round is under review."""
    require(actor, "review:submit")
    if review.user_id != actor.user_id:
        raise NotAllowed
    one = queries.round_of(session, review)
    require_phase(one, RoundStatus.REVIEWING)
    return one


def _check_open(session: Session, one: Round, review: Review) -> None:
    queries.check_fit(session, review)
    if review.status is ReviewStatus.SUBMITTED:
        raise NotNow(
            Message("review-in", "This review is handed in. A facilitator can open it again, with a reason.")
        )
    if review.clear is None:
        raise NotNow(Message("conflict-first", "Say first whether you have a conflict of interest."))
    if not queries.takes_reviews(session, one):
        raise NotNow(
            Message("review-late", "The time for reviews is over. Ask a facilitator to move its end.")
        )


# Discussion -------------------------------------------------------------------------------------------


def remark(session: Session, actor: Actor, application: Application, text: str) -> Remark:
    """Say something to the reviewers of an application: as one who has handed in, or as facilitator."""
    one = session.get_one(Round, application.round_id)
    require_phase(one, RoundStatus.REVIEWING)
    if not actor.is_staff:
        require(actor, "review:submit")
        review = session.exec(
            select(Review).where(Review.application_id == application.key, Review.user_id == actor.user_id)
        ).first()
        if review is None:
            raise NotFound
        queries.check_fit(session, review)
        if review.status is not ReviewStatus.SUBMITTED:
            raise NotNow(Message("review-first", "Hand your own review in first; the discussion follows it."))
    else:
        require(actor, "review:assign")
    kept = comment_of(text, "text")
    said = Remark(
        application_id=application.key, user_id=actor.user_id, text=kept, language=detect_language(kept)
    )
    session.add(said)
    session.flush()
    record(session, actor, "review.remark", said, round=one.uid, application=application.uid)
    return said


# By the facilitator -----------------------------------------------------------------------------------


def reopen(session: Session, actor: Actor, review: Review, reason: str) -> Review:
    """Let a reviewer who is still there change a review that is handed in, and tell them why."""
    require(actor, "review:assign")
    one = queries.round_of(session, review)
    require_phase(one, RoundStatus.REVIEWING)
    for reviewing, user in queries.reviewers(session, one):
        if user.key == review.user_id:
            check_here(reviewing)
    review.reason = reason_of(reason)
    review.version += 1
    advance(
        session,
        actor,
        review,
        REVIEW,
        "reopen",
        reason=review.reason,
        round=one.uid,
        scores=review.scores,
        raw=review.raw,
    )
    review.submitted = review.raw = review.normalised = None
    person = session.get_one(User, review.user_id)
    seen = queries.shown(session, queries.as_reviewer(person), review.application_id)
    send(
        session,
        person.email,
        "review-reopened",
        person.language,
        round=one.title,
        reason=seen.conceal(review.reason),
        uid=review.uid,
    )
    return review


def clear_file(
    session: Session, actor: Actor, application: Application, attachment: str, *, cleared: bool
) -> None:
    """Say that a file names nobody, so that blind reviewers may open it; or take that back."""
    require(actor, "review:assign")
    one = session.get_one(Round, application.round_id)
    listing = session.get_one(Listing, application.listing_id)
    file = next((one for one in listings.attachments(session, listing) if one.uid == attachment), None)
    if file is None:
        raise NotFound
    mark = session.exec(
        select(ClearedFile).where(
            ClearedFile.application_id == application.key, ClearedFile.attachment_id == file.key
        )
    ).first()
    if cleared and mark is None:
        session.add(
            ClearedFile(application_id=application.key, attachment_id=file.key, cleared_by=actor.user_id)
        )
    elif not cleared and mark is not None:
        session.delete(mark)
    else:
        return
    name = "application.clear_file" if cleared else "application.withhold_file"
    record(session, actor, name, application, round=one.uid, file=file.uid, sha256=file.sha256)
