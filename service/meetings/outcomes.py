"""What came of meetings: asked after the forum and after half a year, and the forum in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from itsdangerous import BadData, URLSafeSerializer
from sqlmodel import Session, col, func, select

from matching.messages import Message
from matching.profiles import Side
from service.accounts.models import User, UserStatus
from service.accounts.queries import actor_of, members_of
from service.db import now, writing
from service.errors import BadInput, NotFound, NotNow
from service.events import record
from service.i18n import date_text
from service.mail import send
from service.meetings import actions, forum, queries
from service.meetings.models import (
    REMARK_CHARACTERS,
    Meeting,
    MeetingPlan,
    MeetingStatus,
    Outcome,
    OutcomeAsked,
    OutcomeLabel,
)
from service.pairings.models import Pairing, PairingStatus
from service.permissions import Role, require
from service.rounds.models import Round, RoundStatus
from service.rounds.phases import require_phase
from service.states import unfitting
from service.texts import tidy, too_long

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from service.jobs import Work
    from service.meetings.queries import Encounter
    from service.organizations.models import Organization
    from service.permissions import Actor
    from service.settings import Settings

SIX_MONTHS = timedelta(days=182)
ASK_WITHIN = timedelta(days=90)
"""Nobody is asked by mail longer after the time than this."""
_SALT = "meetings.outcome"
_ACCEPTED = (PairingStatus.MUTUAL, PairingStatus.MET, PairingStatus.AGREED)
_HIDDEN = (PairingStatus.PROPOSED, PairingStatus.DROPPED)


def give(
    session: Session,
    actor: Actor,
    one: Round,
    encounter: Encounter,
    asked: OutcomeAsked,
    label: OutcomeLabel,
    text: str = "",
    side: Side | None = None,
) -> Outcome:
    """Say what came of a meeting; saying it again replaces it.

    A meeting that nobody has marked yet is thereby held, unless there was no contact.
    """
    actions.require_side(actor, encounter)
    require_phase(one, (*actions.HAPPENING, RoundStatus.CLOSED))
    meeting = encounter.meeting
    spoken_for = encounter.own_side(actor) or side
    if spoken_for is None:
        raise BadInput.one("side", Message("side-needed", "Say for which side."))
    if len(text) > REMARK_CHARACTERS:
        raise BadInput.one("text", too_long(REMARK_CHARACTERS))
    if meeting.status is MeetingStatus.CANCELLED:
        raise NotNow(unfitting(meeting.status))
    if meeting.starts > now():
        raise NotNow(Message("meeting-ahead", "This meeting has not begun yet."))
    if asked is OutcomeAsked.SIX_MONTHS and meeting.starts + SIX_MONTHS > now():
        raise NotNow(Message("outcome-early", "This is asked six months after the meeting."))
    if meeting.status is MeetingStatus.SCHEDULED and label is not OutcomeLabel.NO_CONTACT:
        forum.hold(session, actor, one, encounter)
    kept = session.exec(
        select(Outcome).where(
            Outcome.meeting_id == meeting.key, Outcome.side == spoken_for, Outcome.asked == asked
        )
    ).first() or Outcome(meeting_id=meeting.key, side=spoken_for, asked=asked, label=label)
    kept.label, kept.text, kept.user_id = label, tidy(text), actor.user_id
    kept.version += 1
    session.add(kept)
    session.flush()
    record(
        session,
        actor,
        "outcome.give",
        kept,
        round=one.uid,
        meeting=meeting.uid,
        side=spoken_for.value,
        asked=asked.value,
        label=label.value,
    )
    return kept


def of_meetings(
    session: Session, listed: Iterable[Encounter]
) -> dict[tuple[int, Side, OutcomeAsked], Outcome]:
    """What was said of these meetings, by meeting, side and time."""
    keys = [encounter.kept.key for encounter in listed if encounter.kept is not None]
    found = session.exec(select(Outcome).where(col(Outcome.meeting_id).in_(keys)))
    return {(one.meeting_id, Side(one.side), OutcomeAsked(one.asked)): one for one in found}


def due(encounter: Encounter) -> OutcomeAsked | None:
    """What a side is to be asked about a meeting now, if anything."""
    kept = encounter.kept
    if kept is None or kept.status in (MeetingStatus.CANCELLED, MeetingStatus.MISSED) or kept.starts > now():
        return None
    return OutcomeAsked.SIX_MONTHS if kept.starts + SIX_MONTHS <= now() else OutcomeAsked.NOW


def to_give(session: Session, actor: Actor) -> list[tuple[Encounter, OutcomeAsked]]:
    """The meetings of which the actor's organizations have not said what came of them, in all rounds."""
    own = queries.visible_to(actor).where(
        col(Meeting.status).in_([MeetingStatus.SCHEDULED, MeetingStatus.HELD]), col(Meeting.starts) <= now()
    )
    if not actor.memberships:
        return []
    pairings = [meeting.pairing_id for meeting in session.exec(own)]
    listed = queries.in_time(queries.encounters(session, col(Pairing.id).in_(pairings)))
    said = of_meetings(session, listed)
    return [
        (encounter, asked)
        for encounter in listed
        if (side := encounter.own_side(actor)) is not None
        and (asked := due(encounter)) is not None
        and (encounter.meeting.key, side, asked) not in said
    ]


# By mail ----------------------------------------------------------------------------------------------


def key_for(secret: str, user: str, round_uid: str, asked: OutcomeAsked) -> str:
    """The key in a mail with which its reader answers without signing in."""
    return str(URLSafeSerializer(secret, salt=_SALT).dumps([user, round_uid, asked.value]))


def of_key(session: Session, secret: str, key: str) -> tuple[Actor, Round, OutcomeAsked]:
    """Who answers with a key, in which round, about when. Raises NotFound.

    It opens nothing else, and no more than its reader may do still.
    """
    try:
        user_uid, round_uid, asked = URLSafeSerializer(secret, salt=_SALT).loads(key)
    except (BadData, ValueError) as error:
        raise NotFound from error
    user = session.exec(select(User).where(User.uid == user_uid, User.status == UserStatus.ACTIVE)).first()
    one = session.exec(select(Round).where(Round.uid == round_uid)).first()
    if user is None or one is None:
        raise NotFound
    return actor_of(session, user), one, OutcomeAsked(asked)


def ask_outcomes(work: Work) -> None:
    """The job that asks by mail once the last slot of a forum is over, and once more after six months."""
    moment = now()
    with writing(work.engine) as session:
        found = session.exec(
            select(MeetingPlan, Round)
            .join(Round, col(Round.id) == col(MeetingPlan.round_id))
            .where(col(MeetingPlan.released).is_not(None), col(Round.status) != RoundStatus.CANCELLED)
            .where(col(MeetingPlan.asked_now).is_(None) | col(MeetingPlan.asked_later).is_(None))
        ).all()
        for plan, one in found:
            ended = queries.ends_of(plan)
            if plan.asked_now is None and ended <= moment:
                plan.asked_now = moment
                if moment < ended + ASK_WITHIN:
                    _ask(session, work.settings, one, OutcomeAsked.NOW)
            if plan.asked_later is None and ended + SIX_MONTHS <= moment:
                plan.asked_later = moment
                if moment < ended + SIX_MONTHS + ASK_WITHIN:
                    _ask(session, work.settings, one, OutcomeAsked.SIX_MONTHS)
            session.add(plan)


def _ask(session: Session, settings: Settings, one: Round, asked: OutcomeAsked) -> None:
    listed = [
        encounter for encounter in queries.in_time(queries.of_the_round(session, one)) if encounter.stands
    ]
    said = of_meetings(session, listed)
    for organization in queries.organizations_of(listed).values():
        own = [
            encounter
            for encounter in listed
            if (side := encounter.side_of(organization.key))
            and (encounter.meeting.key, side, asked) not in said
        ]
        if own:
            _ask_organization(session, settings, one, organization, own, asked)


def _ask_organization(
    session: Session,
    settings: Settings,
    one: Round,
    organization: Organization,
    own: Sequence[Encounter],
    asked: OutcomeAsked,
) -> None:
    for user, membership in members_of(session, organization.key):
        if membership.role is Role.VIEWER or user.status is not UserStatus.ACTIVE:
            continue
        send(
            session,
            user.email,
            "meetings-outcome",
            user.language,
            title=one.title,
            organization=organization.name,
            later=asked is OutcomeAsked.SIX_MONTHS,
            meetings=[
                {
                    "day": date_text(encounter.meeting.starts.date(), user.language),
                    "name": encounter.other(organization.key).organization.name,
                }
                for encounter in own
            ],
            key=key_for(settings.secret, user.uid, one.uid, asked),
        )


# In numbers -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Summary:
    """A forum in numbers. `goals` of the field: 40 to 60 % accepted, two meetings each, 80 % held."""

    pairings: int
    accepted: int
    meetings: int
    held: int
    missed: int
    cancelled: int
    per_organization: dict[int, int]
    organizations: dict[int, Organization]
    labels: dict[OutcomeAsked, Counter[OutcomeLabel]]

    @property
    def accepted_share(self) -> float | None:
        """Of the pairings that both sides were shown: how many both wanted."""
        return self.accepted / self.pairings if self.pairings else None

    @property
    def held_share(self) -> float | None:
        """Of the meetings that were to take place by now: how many did."""
        begun = self.held + self.missed
        return self.held / begun if begun else None

    @property
    def with_two(self) -> int:
        """How many organizations have two meetings or more."""
        return sum(count >= 2 for count in self.per_organization.values())

    @property
    def without(self) -> list[Organization]:
        """Organizations that leave without any meeting."""
        return [one for key, one in self.organizations.items() if not self.per_organization.get(key)]


def summary(session: Session, actor: Actor, one: Round) -> Summary:
    """How the forum went; for facilitators."""
    require(actor, "meeting:plan")
    counted = dict(
        session.exec(
            select(Pairing.status, func.count())
            .where(Pairing.round_id == one.key)
            .group_by(col(Pairing.status))
        ).all()
    )
    listed = queries.of_the_round(session, one)
    statuses = Counter(encounter.kept.status for encounter in listed if encounter.kept is not None)
    meetings = Counter(
        party.organization.key for encounter in listed if encounter.stands for party in encounter.parties
    )
    said = of_meetings(session, listed)
    labels: dict[OutcomeAsked, Counter[OutcomeLabel]] = {asked: Counter() for asked in OutcomeAsked}
    for (_, _, asked), outcome in said.items():
        labels[asked][OutcomeLabel(outcome.label)] += 1
    return Summary(
        pairings=sum(count for status, count in counted.items() if status not in _HIDDEN),
        accepted=sum(counted.get(status, 0) for status in _ACCEPTED),
        meetings=sum(statuses.values()),
        held=statuses[MeetingStatus.HELD],
        missed=statuses[MeetingStatus.MISSED],
        cancelled=statuses[MeetingStatus.CANCELLED],
        per_organization=dict(meetings),
        organizations=queries.organizations_of(listed),
        labels=labels,
    )
