"""Meetings as iCalendar: one event a meeting, in the round's zone, for people and for calendars that follow.

An invitation goes to one reader and names nobody else's address. What is downloaded or followed is
published; a change is a request with a higher SEQUENCE, a cancellation has METHOD CANCEL.
"""

from __future__ import annotations

from datetime import date, timedelta
from email.utils import parseaddr
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, vCalAddress, vUri
from itsdangerous import BadData, URLSafeSerializer

from matching.messages import Message
from service.db import now
from service.errors import NotFound
from service.meetings import queries
from service.meetings.models import MeetingStatus
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.meetings.models import MeetingPlan
    from service.meetings.queries import Encounter
    from service.rounds.models import Round
    from service.settings import Settings

Method = Literal["PUBLISH", "REQUEST", "CANCEL"]
MEDIA_TYPE = "text/calendar"
_YEAR = timedelta(days=366)
_REFRESH = timedelta(minutes=15)
_SALT = "meetings.feed"


def feed_key(secret: str, one: Round, organization: str) -> str:
    """The key in the address under which an organization's calendar can be followed without signing in."""
    return str(URLSafeSerializer(secret, salt=_SALT).dumps([one.uid, organization]))


def of_key(secret: str, key: str) -> tuple[str, str]:
    """The round's and the organization's uid. Raises NotFound where the key is not ours."""
    try:
        one, organization = URLSafeSerializer(secret, salt=_SALT).loads(key)
    except (BadData, ValueError) as error:
        raise NotFound from error
    return one, organization


def written(
    settings: Settings,
    one: Round,
    plan: MeetingPlan,
    listed: Iterable[Encounter],
    language: str,
    *,
    method: Method = "PUBLISH",
    to: str = "",
) -> str:
    """A calendar of meetings; `to`: the address of the one who is invited."""
    calendar = Calendar()
    calendar.add("prodid", "-//Qiao//Meetings//EN")
    calendar.add("version", "2.0")
    calendar.add("method", method)
    if method == "PUBLISH":
        calendar.add("x-wr-calname", one.title)
        calendar.add("refresh-interval", _REFRESH, parameters={"value": "DURATION"})
        calendar.add("x-published-ttl", _REFRESH)
    days = []
    for encounter in listed:
        days.append(encounter.meeting.starts.date())
        calendar.add_component(_event(settings, one, plan, encounter, language, to))
    if days:
        first, last = min(days), max(days)
        calendar.add_missing_timezones(
            first_date=date(first.year, 1, 1) - _YEAR, last_date=date(last.year, 12, 31) + _YEAR
        )
    return str(calendar.to_ical(), "utf-8")


def _event(
    settings: Settings, one: Round, plan: MeetingPlan, encounter: Encounter, language: str, to: str
) -> Event:
    meeting = encounter.meeting
    event = Event()
    event.add("uid", f"{meeting.uid}@{urlsplit(settings.public_url).hostname or 'qiao'}")
    event.add("dtstamp", now())
    event.add("dtstart", meeting.starts.astimezone(ZoneInfo(one.time_zone)))
    event.add("duration", queries.length_of(plan))
    event.add("sequence", meeting.sequence)
    cancelled = meeting.status is MeetingStatus.CANCELLED
    event.add("status", "CANCELLED" if cancelled else "CONFIRMED")
    event.add("summary", " – ".join(party.organization.name for party in encounter.parties))
    table = Message("at-table", "Table {table}", table=queries.table_name(plan, meeting))
    event.add("location", ", ".join(part for part in (say(table, language), one.venue) if part))
    event.add("description", _description(one, encounter, language))
    address = f"{settings.public_url}/meetings/{meeting.uid}"
    event.add("url", vUri(address))
    name, mail = parseaddr(settings.mail_from)
    organizer = vCalAddress(f"MAILTO:{mail}")
    organizer.params["CN"] = name or "Qiao"
    event.add("organizer", organizer)
    if to:
        attendee = vCalAddress(f"MAILTO:{to}")
        attendee.params.update({"ROLE": "REQ-PARTICIPANT", "PARTSTAT": "NEEDS-ACTION", "RSVP": "FALSE"})
        event.add("attendee", attendee)
    return event


def _description(one: Round, encounter: Encounter, language: str) -> str:
    """What the round is, what the meeting is about, and why these two."""
    lines = [one.title, ""]
    for side, party in (
        (Message("side-need", "Need"), encounter.need),
        (Message("side-offer", "Offer"), encounter.offer),
    ):
        lines.append(f"{say(side, language)}: {party.listing.title} ({party.organization.name})")
    if encounter.reasons:
        lines += ["", *(f"• {say(reason, language)}" for reason in encounter.reasons)]
    return "\n".join(lines)
