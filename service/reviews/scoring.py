"""Scores of a round: weighted by criterion, before and after normalisation, against the mark of each size."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.profiles import Side
from matching.reviewing import Habit, Score, normalise
from service.listings.models import Listing
from service.organizations.models import Organization
from service.reviews.models import MOST_POINTS, Review, ReviewStatus, RoundReviewer
from service.rounds.models import Application, ApplicationStatus
from service.rounds.queries import preset_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matching.rules import Process
    from service.rounds.models import Round

REVIEWED = (
    ApplicationStatus.ELIGIBLE,
    ApplicationStatus.SHORTLISTED,
    ApplicationStatus.WAITLISTED,
    ApplicationStatus.DECLINED,
)
"""The statuses in which an application is, or has been, under review."""
APART = 25.0
"""Reviews of one application that differ by more points are worth a discussion."""


def criteria_of(one: Round) -> Mapping[str, int]:
    """Weights by criterion; a round without criteria has one overall impression."""
    return preset_of(one).process.criteria or {"overall": 100}


def weighted(criteria: Mapping[str, int], scores: Mapping[str, int]) -> float:
    """The score from 0 to 100; a criterion without points counts as 0."""
    return sum(weight * scores.get(code, 0) for code, weight in criteria.items()) / MOST_POINTS


def missing(criteria: Mapping[str, int], scores: Mapping[str, int]) -> list[str]:
    """The criteria that have no points yet."""
    return [code for code in criteria if code not in scores]


def mark_for(process: Process, amount: int | None, currency: str) -> int | None:
    """The least score that an application asking for so much needs; None: the round sets no mark.

    The first class that its sum fits into; a sum in another currency belongs to the class without a limit,
    or, where there is none, to the last.
    """
    for one in process.pass_marks:
        limit = one.up_to
        if limit is None or ((amount or 0) <= limit.amount and (limit.unit == currency or not amount)):
            return one.mark
    return process.pass_marks[-1].mark if process.pass_marks else None


@dataclass(frozen=True, slots=True)
class Scored:
    """A review that was handed in."""

    review: Review
    number: int
    """Of the reviewer in the round."""
    after: float


@dataclass(frozen=True, slots=True)
class Standing:
    """How an application stands: its scores before and after normalisation, and the mark it needs."""

    application: Application
    listing: Listing
    organization: Organization
    reviews: tuple[Scored, ...]
    open: int
    """Reviews that are still to be written."""
    before: float | None
    after: float | None
    mark: int | None

    @property
    def passes(self) -> bool:
        """Whether its normalised score reaches its mark."""
        return self.after is not None and round(self.after, 2) >= (self.mark or 0)

    @property
    def apart(self) -> float:
        """By how much its reviews differ, normalised."""
        points = [one.after for one in self.reviews]
        return max(points) - min(points) if points else 0.0

    @property
    def contested(self) -> bool:
        """Whether its reviewers see it so differently that they should talk."""
        return self.apart > APART

    def by_criterion(self, criteria: Mapping[str, int]) -> dict[str, float]:
        """The mean points of each criterion."""
        return {
            code: sum(one.review.scores.get(code, 0) for one in self.reviews) / len(self.reviews)
            for code in criteria
            if self.reviews
        }


@dataclass(frozen=True, slots=True)
class Standings:
    """All applications under review, the best first, and how each reviewer scores, by number."""

    rows: tuple[Standing, ...]
    habits: Mapping[int, Habit]


def standings(session: Session, one: Round) -> Standings:
    """Where all applications of a round stand by what has been handed in so far."""
    process = preset_of(one).process
    applications = list(
        session.exec(
            select(Application, Listing, Organization)
            .join(Listing, col(Listing.id) == col(Application.listing_id))
            .join(Organization, col(Organization.id) == col(Application.organization_id))
            .where(
                Application.round_id == one.key,
                Application.side == Side.NEED,
                col(Application.status).in_(REVIEWED),
            )
            .order_by(col(Application.id))
        )
    )
    reviewers = session.exec(select(RoundReviewer).where(RoundReviewer.round_id == one.key))
    numbers = {reviewer.user_id: reviewer.number for reviewer in reviewers}
    handed_in, waiting = defaultdict[int, list[Review]](list), defaultdict[int, int](int)
    for review in _reviews(session, [application.key for application, _, _ in applications]):
        if review.status is ReviewStatus.SUBMITTED:
            handed_in[review.application_id].append(review)
        elif review.status is ReviewStatus.ASSIGNED:
            waiting[review.application_id] += 1
    found = normalise(
        Score(str(review.application_id), str(review.user_id), review.raw or 0.0)
        for reviews in handed_in.values()
        for review in reviews
    )
    after = {(score.application, score.reviewer): score.points for score in found.scores}
    rows = [
        Standing(
            application=application,
            listing=listing,
            organization=organization,
            reviews=tuple(
                Scored(
                    review, numbers.get(review.user_id, 0), after[str(application.key), str(review.user_id)]
                )
                for review in handed_in[application.key]
            ),
            open=waiting[application.key],
            before=found.before.get(str(application.key)),
            after=found.after.get(str(application.key)),
            mark=mark_for(process, listing.budget, listing.currency),
        )
        for application, listing, organization in applications
    ]
    rows.sort(key=lambda row: (-(row.after if row.after is not None else -1), row.application.key))
    habits = {numbers.get(int(user), 0): habit for user, habit in found.habits.items()}
    return Standings(tuple(rows), dict(sorted(habits.items())))


def _reviews(session: Session, application_ids: list[int]) -> list[Review]:
    wanted = select(Review).where(col(Review.application_id).in_(application_ids))
    return list(session.exec(wanted.order_by(col(Review.id))))
