"""Reviews as the API shows them: to reviewers what the blind rule leaves, to facilitators everything."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from service.reviews import queries
from service.reviews.criteria import label
from service.reviews.models import MOST_POINTS, Review, ReviewStatus
from service.reviews.scoring import criteria_of, standings, weighted
from service.wording import say

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor
    from service.reviews.assigning import Plan
    from service.reviews.deciding import Cut
    from service.reviews.scoring import Standing
    from service.rounds.models import Application, Round


class CriterionOut(BaseModel):
    """What is scored, from 0 to `most`, and how much it counts in a hundred."""

    code: str
    label: str
    weight: int
    most: int = MOST_POINTS


class ReviewOut(BaseModel):
    """One's own review as a list shows it; nothing in it says whose the application is."""

    id: str
    round: str
    title: str
    language: str
    status: ReviewStatus
    no_conflict_confirmed: bool
    deadline: datetime | None
    open: bool


class AnswerOut(BaseModel):
    """What the round asked and what was answered."""

    question: str
    answer: str


class BlindOut(BaseModel):
    """An application as its reviewers see it; `applicant` only where the review is not blind."""

    title: str
    text: str
    language: str
    applicant: str | None
    kind: str
    themes: list[str]
    groups: list[str]
    goals: list[str]
    places: list[str]
    lines: list[dict[str, Any]]
    beneficiaries: int | None
    starts: date | None
    ends: date | None
    answers: list[AnswerOut]
    files: list[str]
    withheld: int


class JudgementOut(BaseModel):
    """What another reviewer has handed in, under their number."""

    reviewer: int
    scores: dict[str, int]
    score: float
    comment: str


class RemarkOut(BaseModel):
    """A remark; `reviewer` is the number of who made it, none for a facilitator."""

    id: str
    reviewer: int | None
    own: bool
    text: str
    language: str
    at: datetime


class OwnReviewOut(BaseModel):
    """One's own review with what it is about; `others` and `remarks` once it is handed in."""

    id: str
    round: str
    status: ReviewStatus
    criteria: list[CriterionOut]
    scores: dict[str, int]
    comment: str
    score: float
    reason: str
    application: BlindOut
    others: list[JudgementOut] | None
    remarks: list[RemarkOut] | None
    version: int


class ReviewerOut(BaseModel):
    """A reviewer of a round, for facilitators."""

    id: str
    number: int
    user: str
    name: str
    most: int
    languages: list[str]
    themes: list[str]
    left: datetime | None
    written: int
    waiting: int
    recused: int
    conflicts: int


class ConflictOut(BaseModel):
    """A stated conflict of interest."""

    id: str
    user: str
    organization: str
    reason: str
    created: datetime


class PairOut(BaseModel):
    """An application and a reviewer of the round, by id."""

    application: str
    reviewer: str


class PlanOut(BaseModel):
    """An assignment as it would be made; `missing` says in words what stands in the way of the rest."""

    plan: str
    added: list[PairOut]
    dropped: list[PairOut]
    conflicted: list[str]
    missing: list[str]
    loads: dict[str, int]


class HeldOut(BaseModel):
    """A review as facilitators see it."""

    id: str
    application: str
    reviewer: int
    user: str
    status: ReviewStatus
    scores: dict[str, int]
    comment: str
    raw: float | None
    submitted: datetime | None
    reason: str


class StandingOut(BaseModel):
    """Where an application stands: scores before and after normalisation, and the mark of its size."""

    application: str
    title: str
    organization: str
    status: str
    reviews: int
    open: int
    before: float | None
    after: float | None
    mark: int | None
    passes: bool
    apart: float
    place: int | None


class HabitOut(BaseModel):
    """How a reviewer scores: points above the others, and spread as a share of the usual one."""

    reviewer: int
    reviews: int
    leniency: float
    spread: float


class StandingsOut(BaseModel):
    """All applications under review, the best first, and the habits that were taken out."""

    standings: list[StandingOut]
    habits: list[HabitOut]


class CutOut(BaseModel):
    """Who would be shortlisted, wait or be declined; ids of applications, the best first."""

    plan: str
    shortlist: list[str]
    waiting: list[str]
    declined: list[str]
    unscored: list[str]
    listed: int
    open: int


def review_list(session: Session, actor: Actor) -> list[ReviewOut]:
    """The actor's own reviews."""
    return [
        ReviewOut(
            id=one.review.uid,
            round=one.round.title,
            title=one.title,
            language=one.language,
            status=one.review.status,
            no_conflict_confirmed=one.review.clear is not None,
            deadline=one.deadline,
            open=one.open,
        )
        for one in queries.mine(session, actor)
    ]


def own_review(session: Session, actor: Actor, review: Review, language: str) -> OwnReviewOut:
    """A review with what it is about, as far as its reader may see that."""
    seen = queries.opened(session, actor, review)
    one = queries.round_of(session, review)
    criteria = criteria_of(one)
    others = queries.others(session, actor, review)
    return OwnReviewOut(
        id=review.uid,
        round=one.title,
        status=review.status,
        criteria=[
            CriterionOut(code=code, label=say(label(code), language), weight=weight)
            for code, weight in criteria.items()
        ],
        scores=review.scores,
        comment=review.comment,
        score=weighted(criteria, review.scores),
        reason=seen.conceal(review.reason),
        application=BlindOut(
            applicant=seen.applicant.name if seen.applicant else None,
            answers=[AnswerOut(question=question, answer=answer) for question, answer in seen.answers],
            files=[file.filename for file in seen.files],
            **{name: getattr(seen, name) for name in _PLAIN},
        ),
        others=None
        if others is None
        else [
            JudgementOut(reviewer=one.number, scores=one.scores, score=one.raw, comment=one.comment)
            for one in others
        ],
        remarks=None if others is None else remark_list(session, actor, review),
        version=review.version,
    )


_PLAIN = [name for name in BlindOut.model_fields if name not in {"applicant", "answers", "files"}]


def remark_list(session: Session, actor: Actor, review: Review) -> list[RemarkOut]:
    """The discussion that a review takes part in."""
    application = queries.application_of(session, review)
    return [
        RemarkOut(
            id=one.uid,
            reviewer=one.number,
            own=one.own,
            text=one.text,
            language=one.language,
            at=one.at,
        )
        for one in queries.remarks(session, actor, application)
    ]


def reviewer_list(session: Session, one: Round) -> list[ReviewerOut]:
    """The reviewers of a round, for facilitators."""
    return [
        ReviewerOut(
            id=person.reviewer.uid,
            number=person.reviewer.number,
            user=person.user.uid,
            name=person.user.name,
            most=person.reviewer.most,
            languages=person.reviewer.languages,
            themes=person.reviewer.themes,
            left=person.reviewer.left,
            written=person.written,
            waiting=person.waiting,
            recused=person.recused,
            conflicts=person.barred,
        )
        for person in queries.people(session, one)
    ]


def conflict_list(session: Session, one: Round) -> list[ConflictOut]:
    """The stated conflicts of interest of a round's reviewers and applicants."""
    return [
        ConflictOut(
            id=conflict.uid,
            user=user.uid,
            organization=organization.uid,
            reason=conflict.reason,
            created=conflict.created,
        )
        for conflict, user, organization in queries.declared(session, one)
    ]


def plan_out(made: Plan, titles: dict[str, str], language: str) -> PlanOut:
    """An assignment; `titles` by the applications' ids."""
    return PlanOut(
        plan=made.fingerprint,
        added=[PairOut(application=application, reviewer=reviewer) for application, reviewer in made.added],
        dropped=[
            PairOut(application=application, reviewer=reviewer) for application, reviewer in made.dropped
        ],
        conflicted=list(made.conflicted),
        missing=[say(message, language, titles) for message in made.missing],
        loads=dict(made.loads),
    )


def held_list(session: Session, one: Round, application: Application | None = None) -> list[HeldOut]:
    """The reviews of a round, or of one application, for facilitators."""
    found = [three[0] for three in queries.under_review(session, one)]
    by_key = {each.key: each.uid for each in found if application is None or each.key == application.key}
    numbers = queries.numbers_of(session, one.key)
    names = {user.key: user.uid for _, user in queries.reviewers(session, one)}
    return [
        HeldOut(
            id=review.uid,
            application=by_key[review.application_id],
            reviewer=numbers.get(review.user_id, 0),
            user=names.get(review.user_id, ""),
            status=review.status,
            scores=review.scores,
            comment=review.comment,
            raw=review.raw,
            submitted=review.submitted,
            reason=review.reason,
        )
        for review in queries.reviews_of(session, by_key)
    ]


def standings_out(session: Session, one: Round) -> StandingsOut:
    """Where all applications of a round stand."""
    found = standings(session, one)
    return StandingsOut(
        standings=[_standing(row) for row in found.rows],
        habits=[
            HabitOut(reviewer=number, reviews=habit.reviews, leniency=habit.leniency, spread=habit.spread)
            for number, habit in found.habits.items()
        ],
    )


def _standing(row: Standing) -> StandingOut:
    return StandingOut(
        application=row.application.uid,
        title=row.listing.title,
        organization=row.organization.name,
        status=row.application.status.value,
        reviews=len(row.reviews),
        open=row.open,
        before=row.before,
        after=row.after,
        mark=row.mark,
        passes=row.passes,
        apart=row.apart,
        place=row.application.place,
    )


def cut_out(line: Cut) -> CutOut:
    """Where the line falls, by ids."""
    return CutOut(
        plan=line.fingerprint,
        listed=line.listed,
        open=line.open,
        **{
            name: [row.application.uid for row in getattr(line, name)]
            for name in ("shortlist", "waiting", "declined", "unscored")
        },
    )
