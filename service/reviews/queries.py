"""Reading reviews. Blindness is decided here and nowhere else: faces show a `BlindApplication`, never a row.

Where the round reviews blind, a reviewer learns nothing of whose an application is, and of other reviewers
only their numbers; what others have written is seen only after one's own review is handed in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, func, select

from matching.messages import Message
from service.accounts.models import User
from service.accounts.queries import members_of
from service.db import now
from service.errors import NotFound, NotNow
from service.listings import queries as listings
from service.listings.models import Attachment, Listing
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.permissions import Actor, Role, require
from service.reviews.blinding import Curtain
from service.reviews.conflicts import grounds
from service.reviews.models import (
    ClearedFile,
    Conflict,
    Remark,
    Review,
    ReviewStatus,
    RoundReviewer,
)
from service.reviews.scoring import REVIEWED
from service.rounds import queries as rounds
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.phases import is_over

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from sqlmodel.sql.expression import SelectOfScalar


def visible_to(actor: Actor) -> SelectOfScalar[Review]:
    """One's own reviews; all of them for staff."""
    return select(Review) if actor.is_staff else select(Review).where(col(Review.user_id) == actor.user_id)


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Review:
    """One review. Raises NotFound."""
    wanted = visible_to(actor).where(Review.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def round_of(session: Session, review: Review) -> Round:
    """The round that a review belongs to."""
    return session.get_one(Round, application_of(session, review).round_id)


def application_of(session: Session, review: Review) -> Application:
    """The application that a review is about."""
    return session.get_one(Application, review.application_id)


def deadline(session: Session, one: Round) -> datetime | None:
    """Until when reviews are taken in; None: as long as the phase lasts."""
    phase = rounds.phase_of(session, one, RoundStatus.REVIEWING)
    return phase.ends if phase else None


def takes_reviews(session: Session, one: Round) -> bool:
    """Whether reviews are taken in just now."""
    phase = rounds.phase_of(session, one, RoundStatus.REVIEWING)
    return one.status is RoundStatus.REVIEWING and not is_over(phase, now())


# What a reviewer sees ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class BlindFile:
    """A file of an application; under blind review with a name that says nothing."""

    number: int
    filename: str
    media_type: str
    sha256: str


@dataclass(frozen=True, slots=True)
class BlindApplication:
    """An application as its reviewers see it. `applicant` is None where the review is blind."""

    title: str
    text: str
    language: str
    applicant: Organization | None
    kind: str
    themes: list[str]
    groups: list[str]
    goals: list[str]
    places: list[str]
    languages: list[str]
    lines: list[dict[str, Any]]
    beneficiaries: int | None
    starts: Any
    ends: Any
    answers: tuple[tuple[str, str], ...]
    """Question and answer."""
    files: tuple[BlindFile, ...]
    withheld: int
    """Files that nobody has cleared of names yet."""
    conceal: Callable[[str], str]
    """Takes the applicant out of a text, where the review is blind."""


def as_reviewer(user: User) -> Actor:
    """The person as one who only reviews, for what is written to them."""
    return Actor(uid=user.uid, user_id=user.key, roles=frozenset({Role.REVIEWER}), language=user.language)


def is_blind(one: Round) -> bool:
    """Whether reviewers must not know whose an application is."""
    return rounds.preset_of(one).process.blind_review


def opened(session: Session, actor: Actor, review: Review) -> BlindApplication:
    """What the reviewer may read. Raises NotNow until they say they have no conflict, or where they do."""
    check_fit(session, review)
    if review.clear is None and (review.user_id == actor.user_id or not actor.is_staff):
        raise NotNow(Message("conflict-first", "Say first whether you have a conflict of interest."))
    return shown(session, actor, review.application_id)


def check_fit(session: Session, review: Review) -> None:
    """Raise NotNow where the review was taken from the reviewer, or a conflict of interest has come up."""
    if review.status in (ReviewStatus.RECUSED, ReviewStatus.WITHDRAWN):
        raise NotNow(Message("review-gone", "This review is no longer yours."))
    application = session.get_one(Application, review.application_id)
    known = grounds(session, session.get_one(Round, application.round_id), [review.user_id])
    if known.between(review.user_id, application.organization_id):
        raise NotNow(
            Message(
                "review-conflict", "You have a conflict of interest here, so somebody else will review it."
            )
        )


def shown(session: Session, actor: Actor, application_id: int) -> BlindApplication:
    """An application for a reviewer's eyes; staff see whose it is."""
    application = session.get_one(Application, application_id)
    one = session.get_one(Round, application.round_id)
    listing = session.get_one(Listing, application.listing_id)
    organization = session.get_one(Organization, application.organization_id)
    blind = is_blind(one) and not actor.is_staff
    conceal = _curtain(session, organization).over if blind else str
    attached = listings.attachments(session, listing)
    cleared = cleared_files(session, application)
    open_ones = [file for file in attached if file.key in cleared or not blind]
    return BlindApplication(
        title=conceal(listing.title),
        text=conceal(listing.text),
        language=listing.language,
        applicant=None if blind else organization,
        kind=organization.kind,
        **{name: getattr(listing, name) for name in _SHOWN},
        answers=tuple((question, conceal(answer)) for question, answer in application.answers.items()),
        files=tuple(
            BlindFile(
                number, _plain_name(number, file) if blind else file.filename, file.media_type, file.sha256
            )
            for number, file in enumerate(open_ones, 1)
        ),
        withheld=len(attached) - len(open_ones),
        conceal=conceal,
    )


_SHOWN = ("themes", "groups", "goals", "places", "languages", "lines", "beneficiaries", "starts", "ends")


def _curtain(session: Session, organization: Organization) -> Curtain:
    numbers = [one.number for one in organizations.identifiers(session, organization)]
    people = [user.name for user, _ in members_of(session, organization.key)]
    return Curtain([organization.name, *organization.other_names], people, [*numbers, organization.uid])


def cleared_files(session: Session, application: Application) -> set[int]:
    """The numbers of the files in which a facilitator has found no name."""
    looked_into = select(ClearedFile.attachment_id).where(ClearedFile.application_id == application.key)
    return set(session.exec(looked_into))


def _plain_name(number: int, file: Attachment) -> str:
    return f"file-{number}.{file.filename.rsplit('.', 1)[-1]}"


# One's own reviews ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mine:
    """A review in a reviewer's own list."""

    review: Review
    round: Round
    title: str
    """Concealed where the round is blind."""
    language: str
    deadline: datetime | None
    open: bool
    """Whether it can be written now."""


def mine(session: Session, actor: Actor) -> list[Mine]:
    """The actor's reviews of all rounds: what is to be written first, what was taken away last."""
    own = session.exec(select(Review).where(Review.user_id == (actor.user_id or 0)).order_by(col(Review.id)))
    found = []
    known: dict[int, tuple[datetime | None, bool]] = {}
    for review in own:
        application = session.get_one(Application, review.application_id)
        one = session.get_one(Round, application.round_id)
        if one.key not in known:
            known[one.key] = (deadline(session, one), takes_reviews(session, one))
        seen = shown(session, actor, application.key)
        found.append(Mine(review, one, seen.title, seen.language, *known[one.key]))
    order = [ReviewStatus.ASSIGNED, ReviewStatus.SUBMITTED, ReviewStatus.RECUSED, ReviewStatus.WITHDRAWN]
    return sorted(
        found,
        key=lambda one: (
            order.index(one.review.status),
            -one.round.key,
            one.deadline is None,
            one.review.key,
        ),
    )


def to_write(session: Session, actor: Actor) -> list[tuple[Round, int]]:
    """The rounds that wait for reviews of the actor's, and how many."""
    counted = (
        select(Round, func.count())
        .join(Application, col(Application.round_id) == col(Round.id))
        .join(Review, col(Review.application_id) == col(Application.id))
        .where(
            Review.user_id == (actor.user_id or 0),
            Review.status == ReviewStatus.ASSIGNED,
            Round.status == RoundStatus.REVIEWING,
        )
        .group_by(col(Round.id))
        .order_by(col(Round.id))
    )
    return [(one, count) for one, count in session.exec(counted) if takes_reviews(session, one)]


# What the others say ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Judgement:
    """Another reviewer's review, under their number."""

    number: int
    scores: dict[str, int]
    raw: float
    comment: str
    language: str


@dataclass(frozen=True, slots=True)
class Said:
    """A remark; `number` of the reviewer who made it, None for a facilitator; `name` for staff only."""

    uid: str
    number: int | None
    own: bool
    name: str
    text: str
    language: str
    at: datetime


def others(session: Session, actor: Actor, review: Review) -> list[Judgement] | None:
    """What the other reviewers have handed in; None until one's own review is."""
    if review.status is not ReviewStatus.SUBMITTED and not actor.is_staff:
        return None
    application = session.get_one(Application, review.application_id)
    seen = shown(session, actor, application.key)
    numbers = numbers_of(session, application.round_id)
    found = session.exec(
        select(Review)
        .where(
            Review.application_id == application.key,
            Review.status == ReviewStatus.SUBMITTED,
            Review.id != review.id,
        )
        .order_by(col(Review.id))
    )
    return [
        Judgement(
            numbers.get(one.user_id, 0), one.scores, one.raw or 0.0, seen.conceal(one.comment), one.language
        )
        for one in found
    ]


def remarks(session: Session, actor: Actor, application: Application) -> list[Said]:
    """The discussion of an application, the oldest first; the caller knows that the actor takes part."""
    numbers = numbers_of(session, application.round_id)
    conceal = shown(session, actor, application.key).conceal
    found = session.exec(
        select(Remark).where(Remark.application_id == application.key).order_by(col(Remark.id))
    ).all()
    people = {one.key: one.name for one in _people(session, {one.user_id for one in found})}
    reviewing = set(session.exec(select(Review.user_id).where(Review.application_id == application.key)))
    return [
        Said(
            uid=one.uid,
            number=numbers.get(one.user_id or 0) if one.user_id in reviewing else None,
            own=one.user_id == actor.user_id,
            name=people.get(one.user_id or 0, "") if actor.is_staff else "",
            text=conceal(one.text),
            language=one.language,
            at=one.created,
        )
        for one in found
    ]


def numbers_of(session: Session, round_id: int) -> dict[int, int]:
    """By user: their number among the reviewers of a round."""
    found = session.exec(select(RoundReviewer).where(RoundReviewer.round_id == round_id))
    return {one.user_id: one.number for one in found}


def _people(session: Session, ids: Iterable[int | None]) -> list[User]:
    return list(session.exec(select(User).where(col(User.id).in_([one for one in ids if one is not None]))))


# For facilitators -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Person:
    """A reviewer of a round with their load and what keeps them from some applications."""

    reviewer: RoundReviewer
    user: User
    written: int
    waiting: int
    recused: int
    barred: int
    """How many of the applications under review they must not judge."""


def reviewers(session: Session, one: Round) -> list[tuple[RoundReviewer, User]]:
    """The reviewers of a round, by number; those who have left come too."""
    found = (
        select(RoundReviewer, User)
        .join(User, col(User.id) == col(RoundReviewer.user_id))
        .where(RoundReviewer.round_id == one.key)
        .order_by(col(RoundReviewer.number))
    )
    return list(session.exec(found))


def reviewer(session: Session, actor: Actor, one: Round, uid: str) -> tuple[RoundReviewer, User]:
    """One reviewer of a round, for facilitators. Raises NotFound."""
    require(actor, "review:assign")
    found = next((pair for pair in reviewers(session, one) if pair[0].uid == uid), None)
    if found is None:
        raise NotFound
    return found


def under_review(session: Session, one: Round) -> list[tuple[Application, Listing, Organization]]:
    """The needs that are or were under review, by number, with what they are about and whose they are."""
    found = (
        select(Application, Listing, Organization)
        .join(Listing, col(Listing.id) == col(Application.listing_id))
        .join(Organization, col(Organization.id) == col(Application.organization_id))
        .where(
            Application.round_id == one.key,
            Application.side == "need",
            col(Application.status).in_(REVIEWED),
        )
        .order_by(col(Application.id))
    )
    return list(session.exec(found))


def application_in(session: Session, one: Round, uid: str) -> Application:
    """One of the applications under review in a round. Raises NotFound."""
    found = next((three[0] for three in under_review(session, one) if three[0].uid == uid), None)
    if found is None:
        raise NotFound
    return found


def titles(session: Session, one: Round) -> dict[str, str]:
    """By uid: the titles of the applications under review."""
    return {application.uid: listing.title for application, listing, _ in under_review(session, one)}


def reviews_of(session: Session, application_ids: Iterable[int]) -> list[Review]:
    """The reviews of some applications, the oldest first."""
    wanted = select(Review).where(col(Review.application_id).in_(list(application_ids)))
    return list(session.exec(wanted.order_by(col(Review.id))))


def people(session: Session, one: Round) -> list[Person]:
    """The reviewers of a round and how far each is."""
    applications = [application for application, _, _ in under_review(session, one)]
    found = reviewers(session, one)
    known = grounds(session, one, [user.key for _, user in found])
    reviews = reviews_of(session, [application.key for application in applications])

    def counted(user_id: int, status: ReviewStatus) -> int:
        return sum(review.user_id == user_id and review.status is status for review in reviews)

    return [
        Person(
            reviewer=person,
            user=user,
            written=counted(user.key, ReviewStatus.SUBMITTED),
            waiting=counted(user.key, ReviewStatus.ASSIGNED),
            recused=counted(user.key, ReviewStatus.RECUSED),
            barred=sum(
                known.between(user.key, application.organization_id) is not None
                for application in applications
            ),
        )
        for person, user in found
    ]


def declared(session: Session, one: Round) -> list[tuple[Conflict, User, Organization]]:
    """Conflicts of interest that somebody has stated about the reviewers of a round and its applicants."""
    applicants = select(Application.organization_id).where(Application.round_id == one.key)
    found = (
        select(Conflict, User, Organization)
        .join(User, col(User.id) == col(Conflict.user_id))
        .join(Organization, col(Organization.id) == col(Conflict.organization_id))
        .join(RoundReviewer, col(RoundReviewer.user_id) == col(User.id))
        .where(RoundReviewer.round_id == one.key, col(Conflict.organization_id).in_(applicants))
        .order_by(col(Conflict.id))
    )
    return list(session.exec(found))
