"""Reading applications closer: their deadlines, what comes next, the screening desk, appeals and history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import func
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.accounts.models import User
from service.accounts.queries import emails_of_editors
from service.db import now
from service.errors import NotFound
from service.events import Event
from service.listings.models import Listing
from service.organizations.models import Organization
from service.rounds import phases
from service.rounds.models import (
    Appeal,
    AppealStatus,
    Application,
    ApplicationStatus,
    ApplicationUnsaved,
    Round,
    RoundStatus,
)
from service.rounds.queries import applications_visible_to, phase_of, preset_of, visible_to

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

DECIDED_AGAINST = ("application.return", "application.decline")
"""Decisions that an organization may appeal against, as the log calls them."""
APPEALED_IN = (
    RoundStatus.OPEN,
    RoundStatus.SCREENING,
    RoundStatus.REVIEWING,
    RoundStatus.MATCHING,
    RoundStatus.NOTICE,
)
"""The phases in which an appeal can change anything."""
_A = ApplicationStatus


# Deadlines ----------------------------------------------------------------------------------------------


def screens(one: Round) -> bool:
    """Whether somebody looks at what is submitted; else what fits the rules is eligible at once."""
    return RoundStatus.SCREENING in phases.of_round(one)


def apply_by(session: Session, one: Round) -> datetime | None:
    """Until when an application is taken in; None: as long as the phase lasts."""
    phase = phase_of(session, one, RoundStatus.OPEN)
    return phase.ends if phase else None


def resubmit_by(session: Session, one: Round) -> datetime | None:
    """Until when what was returned is taken in again: the end of screening, else that of applying."""
    phase = phase_of(session, one, RoundStatus.SCREENING)
    return (phase.ends if phase else None) or apply_by(session, one)


def deadline(session: Session, one: Round, application: Application) -> datetime | None:
    """Until when this application can be submitted."""
    return resubmit_by(session, one) if application.status is _A.INELIGIBLE else apply_by(session, one)


def not_taken_in(session: Session, one: Round, application: Application) -> Message | None:
    """Why this cannot be submitted now, whatever it says; None where it can."""
    return _closed(session, one, again=application.status is _A.INELIGIBLE)


def closed_for_new(session: Session, one: Round) -> Message | None:
    """Why nothing new is taken in; None where it is."""
    return _closed(session, one, again=False)


def _closed(session: Session, one: Round, *, again: bool) -> Message | None:
    if again and not preset_of(one).process.resubmission:
        return Message("no-resubmission", "In this round, what was returned cannot be submitted again.")
    allowed = (RoundStatus.OPEN, RoundStatus.SCREENING) if again else (RoundStatus.OPEN,)
    if one.status is RoundStatus.DRAFT:
        return Message("round-not-open", "This round is not open yet.")
    if one.status not in allowed:
        return Message("applying-over", "Nothing more is taken in: this round is in a later phase.")
    last = resubmit_by(session, one) if again else apply_by(session, one)
    if last is not None and last < now():
        return Message("deadline-passed", "The deadline was {day}.", day=day_in(one, last))
    return None


def day_in(one: Round, moment: datetime) -> date:
    """The day of a moment where the round takes place."""
    return moment.astimezone(ZoneInfo(one.time_zone)).date()


def what_next(session: Session, one: Round, application: Application) -> Message:
    """What comes next for an application, whoever's turn it is."""
    if one.status is RoundStatus.CANCELLED:
        return Message("next-cancelled", "The round was cancelled. Nothing more happens here.")
    closed = not_taken_in(session, one, application)
    last = deadline(session, one, application)
    match application.status:
        case _A.DRAFT if closed:
            return Message("next-too-late", "It was not submitted. {why}", why=closed)
        case _A.DRAFT if last:
            return Message("next-draft-by", "Submit it by {day}.", day=day_in(one, last))
        case _A.DRAFT:
            return Message("next-draft", "Submit it when it is complete.")
        case _A.SUBMITTED:
            return Message("next-submitted", "A facilitator checks it. You will hear by mail either way.")
        case _A.INELIGIBLE if open_appeal(session, application):
            return Message("next-appealed", "Your appeal waits for a decision. You will hear by mail.")
        case _A.INELIGIBLE if closed is None and last:
            return Message(
                "next-returned-by",
                "Mend what the reason says and submit it again by {day}, or appeal.",
                day=day_in(one, last),
            )
        case _A.INELIGIBLE if closed is None:
            return Message("next-returned", "Mend what the reason says and submit it again, or appeal.")
        case _A.INELIGIBLE | _A.DECLINED:
            return _after_refusal(session, one, application)
        case _A.WAITLISTED:
            return Message("next-waitlisted", "It moves up as soon as a place becomes free.")
        case _A.WITHDRAWN if closed is None:
            return Message("next-withdrawn", "It takes no part. You may apply again.")
        case _A.WITHDRAWN:
            return Message("next-withdrawn-over", "It takes no part in this round.")
    return _taking_part(one, application)


def _after_refusal(session: Session, one: Round, application: Application) -> Message:
    if open_appeal(session, application):
        return Message("next-appealed", "Your appeal waits for a decision. You will hear by mail.")
    if may_appeal(session, one, application):
        return Message("next-refused", "You may appeal, once, and say why the decision is wrong.")
    return Message(
        "next-nothing", "Nothing more happens to it in this round. You may enter it into another one."
    )


def _taking_part(one: Round, application: Application) -> Message:
    if phases.has_reached(one, RoundStatus.MATCHING):
        return Message("next-in-round", "It takes part. The round's page says how far the round is.")
    reviewed = RoundStatus.REVIEWING in phases.of_round(one) and application.side == Side.NEED
    if reviewed and application.status is _A.ELIGIBLE:
        return Message("next-review", "It fits the rules. Reviewers read it next.")
    return Message("next-match", "It takes part in the matching. You will hear by mail what comes of it.")


# Appeals and history ------------------------------------------------------------------------------------


def appeals_of(session: Session, application: Application) -> list[Appeal]:
    """The appeals about an application, the oldest first."""
    own = select(Appeal).where(Appeal.application_id == application.key)
    return list(session.exec(own.order_by(col(Appeal.id))))


def open_appeal(session: Session, application: Application) -> Appeal | None:
    """The appeal that waits for a decision."""
    return next((one for one in appeals_of(session, application) if one.status is AppealStatus.RAISED), None)


def appeal(session: Session, application: Application, uid: str) -> Appeal:
    """One appeal of an application that the caller may see. Raises NotFound."""
    for one in appeals_of(session, application):
        if one.uid == uid:
            return one
    raise NotFound


def last_refusal(session: Session, application: Application) -> Event | None:
    """The last decision against an application: who took it, when and why."""
    taken = select(Event).where(Event.subject == application.uid, col(Event.name).in_(DECIDED_AGAINST))
    return session.exec(taken.order_by(col(Event.id).desc()).limit(1)).first()


def may_appeal(session: Session, one: Round, application: Application) -> bool:
    """Whether a decision against it stands against which nobody has appealed yet."""
    refusal = last_refusal(session, application)
    return (
        application.status in (_A.INELIGIBLE, _A.DECLINED)
        and one.status in APPEALED_IN
        and refusal is not None
        and not any(appeal.created > refusal.at for appeal in appeals_of(session, application))
    )


def history_of(session: Session, application: Application) -> list[tuple[Event, str]]:
    """What happened to an application and its appeals, the oldest first, and who did it."""
    about = [application.uid, *(one.uid for one in appeals_of(session, application))]
    found = list(session.exec(select(Event).where(col(Event.subject).in_(about)).order_by(col(Event.id))))
    people = select(User.uid, User.name).where(col(User.uid).in_({event.actor for event in found}))
    names = dict(session.exec(people).all())
    return [(event, names.get(event.actor, "")) for event in found]


def unsaved(session: Session, actor: Actor, application: Application) -> ApplicationUnsaved | None:
    """What the actor has typed into the form and not saved."""
    return session.exec(
        select(ApplicationUnsaved).where(
            ApplicationUnsaved.application_id == application.key,
            ApplicationUnsaved.user_id == actor.user_id,
        )
    ).first()


# Lists --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """An application with what stands behind it."""

    application: Application
    listing: Listing
    organization: Organization
    appealed: bool = False

    @property
    def changed(self) -> bool:
        """Whether its listing is no longer what was submitted."""
        return self.application.revision > 0 and self.listing.revision != self.application.revision

    @property
    def unmet(self) -> list[str]:
        """Codes of the rules that were not met when it was submitted."""
        return [one["rule"] for one in self.application.findings if one["refuses"]]


ROW = col(Application.id)
"""What lists of applications are cut into pieces by."""


def wanted(
    actor: Actor,
    one: Round,
    *,
    status: ApplicationStatus | None = None,
    side: Side | None = None,
) -> SelectOfScalar[Application]:
    """The applications to a round that the actor may see, as far as they are asked for."""
    found = applications_visible_to(actor).where(Application.round_id == one.key)
    if status is not None:
        found = found.where(Application.status == status)
    return found if side is None else found.where(Application.side == side)


def entries(
    session: Session, actor: Actor, one: Round, *, status: Iterable[ApplicationStatus] = tuple(_A)
) -> list[Entry]:
    """The applications to a round that the actor may see, those submitted first at the top."""
    found = session.exec(
        wanted(actor, one)
        .where(col(Application.status).in_(list(status)))
        .order_by(col(Application.submitted).is_(None), col(Application.submitted), col(Application.id))
    )
    return behind(session, found)


def behind(session: Session, found: Iterable[Application]) -> list[Entry]:
    """Applications with their listings, organizations, and whether an appeal waits."""
    shown = list(found)
    listings = select(Listing).where(col(Listing.id).in_({one.listing_id for one in shown}))
    owners = select(Organization).where(col(Organization.id).in_({one.organization_id for one in shown}))
    appealed = select(Appeal.application_id).where(
        col(Appeal.application_id).in_([one.key for one in shown]), Appeal.status == AppealStatus.RAISED
    )
    by_listing = {listing.key: listing for listing in session.exec(listings)}
    by_owner = {organization.key: organization for organization in session.exec(owners)}
    waiting = set(session.exec(appealed))
    return [
        Entry(one, by_listing[one.listing_id], by_owner[one.organization_id], one.key in waiting)
        for one in shown
    ]


def counts(session: Session, actor: Actor, one: Round) -> dict[ApplicationStatus, int]:
    """How many applications of a round the actor sees in each status."""
    visible = applications_visible_to(actor).where(Application.round_id == one.key).subquery()
    counted = select(visible.c.status, func.count()).group_by(visible.c.status)
    return {ApplicationStatus(status): count for status, count in session.exec(counted)}


def of_listing(session: Session, actor: Actor, listing: Listing) -> list[tuple[Round, Application]]:
    """The rounds that a listing is entered into, the newest first."""
    visible = applications_visible_to(actor).where(Application.listing_id == listing.key)
    found = list(session.exec(visible.order_by(col(Application.id).desc())))
    rounds = select(Round).where(col(Round.id).in_({one.round_id for one in found}))
    by_id = {one.key: one for one in session.exec(rounds)}
    return [(by_id[one.round_id], one) for one in found]


def open_rounds(session: Session, actor: Actor) -> list[Round]:
    """The rounds that take applications in now, the newest first."""
    running = visible_to(actor).where(Round.status == RoundStatus.OPEN)
    found = session.exec(running.order_by(col(Round.id).desc()).limit(50)).all()
    return [one for one in found if closed_for_new(session, one) is None]


def language_of_editors(session: Session, application: Application) -> str:
    """The language in which an organization's first editor reads; English where it has none."""
    return next((language for _, language in emails_of_editors(session, application.organization_id)), "en")
