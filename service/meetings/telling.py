"""What both sides are told by mail: their meetings and every change, with entries for calendars."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from service.accounts.queries import emails_of_editors
from service.db import writing
from service.i18n import moment_text
from service.mail import send
from service.meetings import calendars, queries
from service.meetings.models import Meeting, MeetingStatus
from service.pairings.models import Pairing
from service.rounds.models import Round
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence

    from service.jobs import Work
    from service.meetings.models import MeetingPlan
    from service.meetings.queries import Encounter
    from service.organizations.models import Organization
    from service.settings import Settings


def tell_meetings(work: Work, *, round: str) -> None:  # noqa: A002 — as it is said everywhere
    """The job that tells everybody what they have not been told of yet; running it twice tells it once."""
    with writing(work.engine) as session:
        one = session.exec(select(Round).where(Round.uid == round)).one()
        plan = queries.get_plan(session, one, lock=True)
        untold = queries.in_time(
            queries.encounters(
                session,
                col(Pairing.round_id) == one.key,
                col(Meeting.sequence) != col(Meeting.told),
            )
        )
        of_interest = [encounter for encounter in untold if _concerns(encounter)]
        for organization in queries.organizations_of(of_interest).values():
            own = [encounter for encounter in of_interest if encounter.side_of(organization.key)]
            _tell(session, work.settings, one, plan, organization, own)
        for encounter in untold:
            encounter.meeting.told = encounter.meeting.sequence
            session.add(encounter.meeting)


def _concerns(encounter: Encounter) -> bool:
    """A cancellation concerns those who had been told of the meeting; one that is over concerns nobody."""
    meeting = encounter.meeting
    return meeting.status is MeetingStatus.SCHEDULED or (
        meeting.status is MeetingStatus.CANCELLED and meeting.told >= 0
    )


def _tell(
    session: Session,
    settings: Settings,
    one: Round,
    plan: MeetingPlan,
    organization: Organization,
    own: Sequence[Encounter],
) -> None:
    """One mail to each editor of one organization."""
    for email, language in emails_of_editors(session, organization.key):
        send(
            session,
            email,
            "meetings",
            language,
            files=[_file(settings, one, plan, encounter, language, email) for encounter in own],
            title=one.title,
            uid=one.uid,
            organization=organization.name,
            zone=one.time_zone,
            first=all(encounter.meeting.told < 0 for encounter in own),
            meetings=[_line(one, plan, organization, encounter, language) for encounter in own],
            feed=calendars.feed_key(settings.secret, one, organization.uid),
        )


def _line(
    one: Round, plan: MeetingPlan, organization: Organization, encounter: Encounter, language: str
) -> dict[str, Any]:
    meeting, other = encounter.meeting, encounter.other(organization.key)
    cancelled = meeting.status is MeetingStatus.CANCELLED
    reason = queries.why_cancelled(encounter) if cancelled else ""
    return {
        "what": "cancelled" if cancelled else "new" if meeting.told < 0 else "changed",
        "moment": moment_text(meeting.starts, language, one.time_zone),
        "table": queries.table_name(plan, meeting),
        "name": other.organization.name,
        "title": other.listing.title,
        "reason": reason if isinstance(reason, str) else say(reason, language),
    }


def _file(
    settings: Settings, one: Round, plan: MeetingPlan, encounter: Encounter, language: str, email: str
) -> tuple[str, str, str]:
    """The entry of one meeting, which calendars add, change or remove."""
    meeting = encounter.meeting
    method: calendars.Method = "CANCEL" if meeting.status is MeetingStatus.CANCELLED else "REQUEST"
    text = calendars.written(settings, one, plan, [encounter], language, method=method, to=email)
    return f"{meeting.uid[:8]}.ics", f"{calendars.MEDIA_TYPE}; method={method}", text
