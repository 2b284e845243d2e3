"""What waits for somebody about meetings: the next one, when they can come, what came of it, a timetable."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from service.db import now
from service.home.todo import Todo
from service.i18n import moment_text
from service.meetings import outcomes, queries
from service.meetings.models import Meeting, MeetingPlan, MeetingStatus
from service.pairings.models import Pairing
from service.permissions import may
from service.rounds.models import Round, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.permissions import Actor

SOON = timedelta(days=7)
MOST = 3
"""How many meetings and outcomes are named."""


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """The most pressing first."""
    if actor.memberships:
        yield from _next(session, actor)
        yield from _outcomes(session, actor)
        yield from _availability(session, actor)
    if may(actor, "meeting:plan"):
        yield from _timetables(session)


def _next(session: Session, actor: Actor) -> Iterator[Todo]:
    moment = now()
    ahead = queries.visible_to(actor).where(
        col(Meeting.status) == MeetingStatus.SCHEDULED,
        col(Meeting.starts) > moment,
        col(Meeting.starts) <= moment + SOON,
    )
    pairings = [meeting.pairing_id for meeting in session.exec(ahead)]
    listed = queries.in_time(queries.encounters(session, col(Pairing.id).in_(pairings)))
    own = [encounter for encounter in listed if encounter.own_side(actor)]
    for encounter in own[:MOST]:
        one = session.get_one(Round, encounter.pairing.round_id)
        mine = next(party for party in encounter.parties if party.organization.key in actor.memberships)
        yield Todo(
            "calendar",
            Message(
                "home-meeting",
                "You meet {organization} on {moment}, by the clocks of the forum.",
                organization=encounter.other(mine.organization.key).organization.name,
                moment=moment_text(encounter.meeting.starts, actor.language, one.time_zone),
            ),
            f"/meetings/{encounter.meeting.uid}",
            Message("home-show", "Show"),
        )


def _outcomes(session: Session, actor: Actor) -> Iterator[Todo]:
    for encounter, _ in outcomes.to_give(session, actor)[:MOST]:
        mine = next(party for party in encounter.parties if party.organization.key in actor.memberships)
        yield Todo(
            "chat",
            Message(
                "home-outcome",
                "What came of your meeting with {organization}?",
                organization=encounter.other(mine.organization.key).organization.name,
            ),
            f"/meetings/{encounter.meeting.uid}#outcome",
            Message("home-answer", "Answer"),
        )


def _availability(session: Session, actor: Actor) -> Iterator[Todo]:
    """Organizations that are to meet and have not said when they can, until the timetable is out."""
    planned = session.exec(
        select(Round)
        .join(MeetingPlan, col(MeetingPlan.round_id) == col(Round.id))
        .where(col(MeetingPlan.released).is_(None))
        .where(col(Round.status).in_([RoundStatus.CHOOSING, RoundStatus.MEETING]))
        .order_by(col(Round.id))
    )
    for one in planned:
        said = queries.absences(session, one)
        for key, organization in queries.organizations_of(queries.of_the_round(session, one)).items():
            if key in actor.memberships and may(actor, "meeting:report", key) and key not in said:
                yield Todo(
                    "calendar",
                    Message(
                        "home-availability",
                        "When can {organization} come to “{title}”?",
                        organization=organization.name,
                        title=one.title,
                    ),
                    f"/rounds/{one.uid}/meetings/availability/{organization.uid}",
                    Message("home-answer", "Answer"),
                )


def _timetables(session: Session) -> Iterator[Todo]:
    """Rounds whose pairings are ready to meet and whose timetable is not out yet."""
    found = session.exec(
        select(Round)
        .outerjoin(MeetingPlan, col(MeetingPlan.round_id) == col(Round.id))
        .where(col(MeetingPlan.released).is_(None), col(Round.status) == RoundStatus.MEETING)
        .order_by(col(Round.id))
    )
    for one in found:
        if session.exec(select(Pairing.id).where(queries.to_meet(one)).limit(1)).first() is not None:
            yield Todo(
                "calendar",
                Message("home-timetable", "The timetable of “{title}” is not out yet.", title=one.title),
                f"/rounds/{one.uid}/meetings",
                Message("home-plan", "Plan"),
            )
