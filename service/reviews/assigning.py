"""Who reviews what: reviewers of a round, conflicts of interest, assignment by the optimiser and by hand."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, func, select

from matching.messages import Message
from matching.reviewing import Reviewed, Reviewer, assign
from matching.text import LANGUAGES
from matching.vocabulary import default_vocabulary
from service.accounts.models import User, UserStatus
from service.accounts.queries import fold_email
from service.db import now
from service.errors import BadInput, NotFound, NotNow
from service.events import advance, record
from service.i18n import moment_text
from service.mail import send
from service.organizations.models import Organization
from service.permissions import Role, require
from service.reviews import queries
from service.reviews.checks import reason_of
from service.reviews.conflicts import SAID, grounds
from service.reviews.models import REVIEW, Conflict, Review, ReviewerIn, ReviewStatus, RoundReviewer
from service.reviews.scoring import REVIEWED
from service.rounds import queries as rounds
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from service.rounds.phases import require_phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from service.permissions import Actor

BEFORE_OR_DURING = (RoundStatus.REVIEWING, RoundStatus.DRAFT, RoundStatus.OPEN, RoundStatus.SCREENING)
"""While reviewers of a round can be added, changed and removed."""
HELD = (ReviewStatus.ASSIGNED, ReviewStatus.SUBMITTED)
TAKEN_AWAY = (ReviewStatus.RECUSED, ReviewStatus.WITHDRAWN)


# Reviewers --------------------------------------------------------------------------------------------


def add_reviewer(session: Session, actor: Actor, one: Round, given: ReviewerIn) -> RoundReviewer:
    """Let somebody with the role of a reviewer review in a round; somebody who had left comes back."""
    require(actor, "review:assign")
    require_phase(one, BEFORE_OR_DURING)
    _check(given)
    user = _person(session, given.user)
    if queries.is_blind(one) and {Role.FACILITATOR, Role.ADMINISTRATOR} & {*user.roles}:
        raise BadInput.one(
            "user",
            Message("reviewer-not-blind", "Facilitators see who applied, so they cannot review blind here."),
        )
    mine = select(RoundReviewer).where(RoundReviewer.round_id == one.key)
    found = session.exec(mine.where(RoundReviewer.user_id == user.key)).first()
    if found is not None and found.left is None:
        raise BadInput.one("user", Message("reviewer-twice", "This person reviews here already."))
    if found is None:
        last = session.exec(
            select(func.max(RoundReviewer.number)).where(RoundReviewer.round_id == one.key)
        ).one()
        found = RoundReviewer(round_id=one.key, user_id=user.key, number=(last or 0) + 1)
    found.left = None
    found.most, found.languages, found.themes = given.most, given.languages, given.themes
    session.add(found)
    session.flush()
    record(session, actor, "reviewer.add", found, round=one.uid, user=user.uid, most=found.most)
    return found


def change_reviewer(session: Session, actor: Actor, one: Round, uid: str, given: ReviewerIn) -> RoundReviewer:
    """Change how much a reviewer takes, what they read and know."""
    found, user = queries.reviewer(session, actor, one, uid)
    require_phase(one, BEFORE_OR_DURING)
    check_here(found)
    _check(given)
    found.most, found.languages, found.themes = given.most, given.languages, given.themes
    found.version += 1
    session.add(found)
    record(
        session,
        actor,
        "reviewer.change",
        found,
        round=one.uid,
        user=user.uid,
        most=found.most,
        languages=found.languages,
        themes=found.themes,
    )
    return found


def remove_reviewer(session: Session, actor: Actor, one: Round, uid: str, reason: str) -> RoundReviewer:
    """Let a reviewer go; what they have not handed in is theirs no longer, what they have stays."""
    found, user = queries.reviewer(session, actor, one, uid)
    require_phase(one, BEFORE_OR_DURING)
    kept = reason_of(reason)
    check_here(found)
    for review in _held_by(session, one, user.key):
        if review.status is ReviewStatus.ASSIGNED:
            review.reason = kept
            advance(session, actor, review, REVIEW, "withdraw", reason=kept, round=one.uid)
    found.left = now()
    session.add(found)
    record(session, actor, "reviewer.remove", found, reason=kept, round=one.uid, user=user.uid)
    return found


def check_here(person: RoundReviewer) -> None:
    """Raise NotNow where a reviewer has left the round."""
    if person.left is not None:
        raise NotNow(Message("reviewer-left", "This person does not review here any more."))


def _check(given: ReviewerIn) -> None:
    themes = default_vocabulary().codes("themes")
    if not set(given.languages) <= set(LANGUAGES):
        raise BadInput.one("languages", Message("choose-listed", "Choose from the list."))
    if not set(given.themes) <= set(themes):
        raise BadInput.one("themes", Message("choose-listed", "Choose from the list."))


def _person(session: Session, wanted: str) -> User:
    by = User.uid if "@" not in wanted else User.email
    found = session.exec(select(User).where(by == (fold_email(wanted)))).first()
    if found is None or found.status is not UserStatus.ACTIVE or Role.REVIEWER not in found.roles:
        raise BadInput.one(
            "user",
            Message(
                "reviewer-unknown",
                "Choose somebody who has the role of a reviewer. An administrator gives that role.",
            ),
        )
    return found


def _held_by(session: Session, one: Round, user_id: int) -> list[Review]:
    wanted = (
        select(Review)
        .join(Application, col(Application.id) == col(Review.application_id))
        .where(Application.round_id == one.key, Review.user_id == user_id, col(Review.status).in_(HELD))
        .order_by(col(Review.id))
    )
    return list(session.exec(wanted))


# Conflicts of interest --------------------------------------------------------------------------------


def declare_conflict(
    session: Session, actor: Actor, one: Round, uid: str, organization: str, reason: str
) -> Conflict:
    """State, as a facilitator, that a reviewer must not judge an organization (its uid or name)."""
    _, user = queries.reviewer(session, actor, one, uid)
    kept = reason_of(reason)
    found = session.exec(
        select(Organization).where(
            (col(Organization.uid) == organization) | (col(Organization.name) == organization)
        )
    ).first()
    if found is None:
        raise BadInput.one("organization", Message("choose-listed", "Choose from the list."))
    return note_conflict(session, actor, user, found, kept, round=one.uid)


def note_conflict(
    session: Session, actor: Actor, user: User, organization: Organization, reason: str, **details: str
) -> Conflict:
    """Write a conflict down; what the person had of that organization's in rounds under review is recused."""
    known = select(Conflict).where(Conflict.user_id == user.key, Conflict.organization_id == organization.key)
    conflict = session.exec(known).first()
    if conflict is None:
        conflict = Conflict(
            user_id=user.key, organization_id=organization.key, reason=reason, declared_by=actor.user_id
        )
        session.add(conflict)
        session.flush()
        record(
            session,
            actor,
            "conflict.declare",
            conflict,
            reason=reason,
            user=user.uid,
            organization=organization.uid,
            **details,
        )
    touched = (
        select(Review, Round)
        .join(Application, col(Application.id) == col(Review.application_id))
        .join(Round, col(Round.id) == col(Application.round_id))
        .where(
            Review.user_id == user.key,
            Application.organization_id == organization.key,
            Round.status == RoundStatus.REVIEWING,
            col(Review.status).in_(HELD),
        )
    )
    for review, one in session.exec(touched).all():
        _recuse(session, actor, review, one, reason)
    return conflict


def revoke_conflict(session: Session, actor: Actor, one: Round, uid: str, reason: str) -> None:
    """Take back a conflict that was stated by mistake."""
    require(actor, "review:assign")
    kept = reason_of(reason)
    found = next((three for three in queries.declared(session, one) if three[0].uid == uid), None)
    if found is None:
        raise NotFound
    conflict, user, organization = found
    record(
        session,
        actor,
        "conflict.revoke",
        conflict,
        reason=kept,
        round=one.uid,
        user=user.uid,
        organization=organization.uid,
    )
    session.delete(conflict)


def _recuse(session: Session, actor: Actor, review: Review, one: Round, reason: str) -> None:
    review.reason = reason
    advance(session, actor, review, REVIEW, "recuse", reason=reason, round=one.uid)


# Assignment -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the assignment of a round follows from; ids are uids of applications and reviewers."""

    applications: tuple[Reviewed, ...]
    reviewers: tuple[Reviewer, ...]
    conflicts: frozenset[tuple[str, str]]
    done: frozenset[tuple[str, str]]
    kept: frozenset[tuple[str, str]]
    conflicted: tuple[str, ...]
    """Reviews that somebody has in spite of a conflict which came up later."""

    def fingerprint(self) -> str:
        """A hash of it all, equal exactly where the same assignment comes out."""
        rows = [[one.id, one.reviews, one.language, sorted(one.themes)] for one in self.applications]
        people = [[one.id, one.most, sorted(one.languages), sorted(one.themes)] for one in self.reviewers]
        pairs = [sorted(part) for part in (self.conflicts, self.done, self.kept)]
        return hashlib.sha256(json.dumps([rows, people, pairs, sorted(self.conflicted)]).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Plan:
    """An assignment as it would be made."""

    fingerprint: str
    added: tuple[tuple[str, str], ...]
    dropped: tuple[tuple[str, str], ...]
    conflicted: tuple[str, ...]
    missing: tuple[Message, ...]
    loads: Mapping[str, int]
    """By reviewer, once it is made."""
    before: Mapping[str, int]


def plan(session: Session, actor: Actor, one: Round) -> Plan:
    """Work out who should review what. Reads only; a round of 300 applications takes about a second."""
    require(actor, "review:assign")
    require_phase(one, RoundStatus.REVIEWING)
    inputs = _inputs(session, one)
    found = assign(
        inputs.applications,
        inputs.reviewers,
        conflicts=inputs.conflicts,
        done=inputs.done,
        kept=inputs.kept,
    )
    return Plan(
        fingerprint=inputs.fingerprint(),
        added=found.added,
        dropped=found.dropped,
        conflicted=inputs.conflicted,
        missing=found.missing,
        loads=found.loads(),
        before=Counter(reviewer for _, reviewer in inputs.done | inputs.kept),
    )


def _inputs(session: Session, one: Round) -> Inputs:
    asked = rounds.preset_of(one).process.reviews
    found = queries.under_review(session, one)
    people = [(person, user) for person, user in queries.reviewers(session, one) if person.left is None]
    known = grounds(session, one, [user.key for _, user in people])
    by_user = {user.key: person.uid for person, user in people}
    by_application = {application.key: application for application, _, _ in found}
    conflicts = {
        (application.uid, person.uid)
        for application, _, _ in found
        for person, user in people
        if known.between(user.key, application.organization_id)
    }
    done, kept, conflicted = set(), set(), []
    for review in queries.reviews_of(session, by_application):
        application = by_application[review.application_id]
        pair = (application.uid, by_user.get(review.user_id, f"left:{review.user_id}"))
        if review.status in TAKEN_AWAY:
            conflicts.add(pair)
        elif pair in conflicts:
            conflicted.append(review.uid)
        elif (
            review.status is ReviewStatus.SUBMITTED
            or review.scores
            or review.comment
            or application.status is not ApplicationStatus.ELIGIBLE
        ):
            done.add(pair)
        else:
            kept.add(pair)
    return Inputs(
        applications=tuple(
            Reviewed(
                id=application.uid,
                reviews=asked if application.status is ApplicationStatus.ELIGIBLE else 0,
                language=listing.language,
                themes=frozenset(listing.themes),
            )
            for application, listing, _ in found
        ),
        reviewers=tuple(
            Reviewer(
                id=person.uid,
                most=person.most,
                languages=frozenset(person.languages),
                themes=frozenset(person.themes),
            )
            for person, _ in people
        ),
        conflicts=frozenset(conflicts),
        done=frozenset(done),
        kept=frozenset(kept),
        conflicted=tuple(conflicted),
    )


def check_plan(made: Plan, looked_at: str) -> None:
    """Raise NotNow where another plan was looked at; empty: none was."""
    if looked_at and looked_at != made.fingerprint:
        raise NotNow(_PLAN_OLD)


_PLAN_OLD = Message("plan-old", "Something has changed since this was worked out. Look at the new proposal.")


def carry_out(session: Session, actor: Actor, one: Round, made: Plan, *, partial: bool = False) -> Plan:
    """Assign as planned. Raises NotNow where the round has changed, or, unless `partial`, it falls short."""
    require(actor, "review:assign")
    one = rounds.get(session, actor, one.uid, lock=True)
    require_phase(one, RoundStatus.REVIEWING)
    if _inputs(session, one).fingerprint() != made.fingerprint:
        raise NotNow(_PLAN_OLD)
    if made.missing and not partial:
        raise NotNow(
            Message(
                "reviewers-missing",
                "Some applications would get too few reviewers. Add reviewers, or assign what is possible.",
            )
        )
    applications = {application.uid: application for application, _, _ in queries.under_review(session, one)}
    people = {person.uid: user for person, user in queries.reviewers(session, one)}
    by_pair = {
        (review.application_id, review.user_id): review
        for review in queries.reviews_of(session, [application.key for application in applications.values()])
    }
    for review in [review for review in by_pair.values() if review.uid in made.conflicted]:
        application = session.get_one(Application, review.application_id)
        ground = grounds(session, one, [review.user_id]).between(review.user_id, application.organization_id)
        _recuse(session, actor, review, one, str(SAID[ground]) if ground else "")
    for uid, person in made.dropped:
        review = by_pair[applications[uid].key, people[person].key]
        record(session, actor, "review.unassign", review, round=one.uid, application=uid, reviewer=person)
        session.delete(review)
    for uid, person in made.added:
        _new(session, actor, one, applications[uid], people[person], by="optimiser")
    record(
        session,
        actor,
        "round.assign_reviews",
        one,
        round=one.uid,
        added=len(made.added),
        dropped=len(made.dropped),
        recused=len(made.conflicted),
        plan=made.fingerprint,
    )
    _tell(session, one, (people[person] for _, person in made.added))
    return made


def give(session: Session, actor: Actor, one: Round, application: str, reviewer: str, reason: str) -> Review:
    """Assign one application to one reviewer by hand. A conflict of interest makes it impossible."""
    person, user = queries.reviewer(session, actor, one, reviewer)
    require_phase(one, RoundStatus.REVIEWING)
    kept = reason_of(reason)
    wanted = select(Application).where(
        Application.round_id == one.key,
        Application.uid == application,
        Application.side == "need",
        col(Application.status).in_(REVIEWED),
    )
    found = session.exec(wanted).first()
    if found is None:
        raise BadInput.one("application", Message("choose-listed", "Choose from the list."))
    check_here(person)
    if ground := grounds(session, one, [user.key]).between(user.key, found.organization_id):
        raise NotNow(Message("pair-conflict", "This pair is impossible. {why}", why=SAID[ground]))
    pair = select(Review).where(Review.application_id == found.key, Review.user_id == user.key)
    review = session.exec(pair.with_for_update()).first()
    if review is None:
        review = _new(session, actor, one, found, user, by="hand", reason=kept)
    elif review.status in HELD:
        raise NotNow(Message("pair-there", "This reviewer has this application already."))
    else:
        advance(session, actor, review, REVIEW, "assign_again", reason=kept, round=one.uid)
        review.clear, review.reason = None, ""
    _tell(session, one, [user])
    return review


def take(session: Session, actor: Actor, review: Review, reason: str) -> Review:
    """Take an application from a reviewer by hand; what they wrote counts no longer."""
    require(actor, "review:assign")
    one = queries.round_of(session, review)
    require_phase(one, RoundStatus.REVIEWING)
    review.reason = reason_of(reason)
    return advance(session, actor, review, REVIEW, "withdraw", reason=review.reason, round=one.uid)


def _new(
    session: Session,
    actor: Actor,
    one: Round,
    application: Application,
    user: User,
    *,
    by: str,
    reason: str = "",
) -> Review:
    review = Review(application_id=application.key, user_id=user.key)
    session.add(review)
    session.flush()
    record(
        session,
        actor,
        "review.assign",
        review,
        reason=reason,
        round=one.uid,
        application=application.uid,
        reviewer=user.uid,
        by=by,
    )
    return review


def _tell(session: Session, one: Round, users: Iterable[User]) -> None:
    """A mail to each reviewer who has got something, however much it is."""
    until = queries.deadline(session, one)
    for number, count in Counter(user.key for user in users).items():
        person = session.get_one(User, number)
        send(
            session,
            person.email,
            "review-assigned",
            person.language,
            round=one.title,
            count=count,
            deadline=moment_text(until, person.language, one.time_zone) if until else "",
        )
