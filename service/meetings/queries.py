"""Reading meetings: who meets whom and why, the timetable, one's own schedule. Starts at `visible_to`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, exists, or_, true
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from matching import meetings as library
from matching.messages import Message
from matching.profiles import Side
from service.choices.models import Attendance
from service.errors import BadInput, NotFound
from service.jobs import Job
from service.listings.models import Listing
from service.meetings.models import Availability, Meeting, MeetingPlan, MeetingStatus
from service.organizations.models import Organization
from service.pairings.models import Pairing, PairingStatus
from service.permissions import may
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.phases import of_round
from service.wording import restored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlmodel.sql.expression import SelectOfScalar

    from service.permissions import Actor

FALLEN = (PairingStatus.DECLINED, PairingStatus.LAPSED, PairingStatus.DROPPED)
"""The meetings of such pairings fall through."""
WORTH = 100
"""What a meeting is worth beside how well the two fit, in per cent: two meetings beat any single one."""


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`: both sides see a meeting once the timetable is released."""
    if actor.is_staff:
        return true()
    own = exists().where(
        col(Pairing.id) == col(Meeting.pairing_id),
        col(Application.id).in_([col(Pairing.need_id), col(Pairing.offer_id)]),
        col(Application.organization_id).in_(list(actor.memberships)),
    )
    released = exists().where(
        col(MeetingPlan.round_id) == col(Meeting.round_id), col(MeetingPlan.released).is_not(None)
    )
    return and_(own, released)


def visible_to(actor: Actor) -> SelectOfScalar[Meeting]:
    """The meetings an actor may see."""
    return select(Meeting).where(seen_by(actor))


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Encounter:
    """One meeting with everything around it. Raises NotFound."""
    wanted = visible_to(actor).where(Meeting.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return next(iter(encounters(session, col(Pairing.id) == found.pairing_id)))


# Who meets whom ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Party:
    """One side of a pairing."""

    application: Application
    listing: Listing
    organization: Organization


@dataclass(frozen=True, slots=True)
class Encounter:
    """A pairing with both its sides, and its meeting where it has one."""

    pairing: Pairing
    need: Party
    offer: Party
    kept: Meeting | None

    @property
    def meeting(self) -> Meeting:
        """The meeting of an encounter that has one."""
        if self.kept is None:
            raise ValueError("this pairing has no meeting")
        return self.kept

    @property
    def parties(self) -> tuple[Party, Party]:
        """The side that needs and the side that offers."""
        return self.need, self.offer

    @property
    def stands(self) -> bool:
        """Whether it takes up a slot and a table."""
        if self.kept is None:
            return False
        scheduled = self.kept.status is MeetingStatus.SCHEDULED and self.pairing.status not in FALLEN
        return scheduled or self.kept.status is MeetingStatus.HELD

    @property
    def waits(self) -> bool:
        """Whether it is to have a place and has none, or lost it for want of room."""
        return self.pairing.status not in FALLEN and (
            self.kept is None or (self.kept.status is MeetingStatus.CANCELLED and not self.kept.reason)
        )

    def as_meeting(self) -> library.Meeting:
        """What the library knows of it."""
        need, offer = (party.organization.uid for party in self.parties)
        fit = min(max(self.pairing.score, 0.0), 1.0)
        return library.Meeting(self.pairing.uid, (need, offer), WORTH + round(100 * fit))

    @property
    def reasons(self) -> list[Message]:
        """Why these two fit."""
        return [restored(one) for one in self.pairing.evidence]

    def side_of(self, organization: int) -> Side | None:
        """The side that an organization is on."""
        sides = ((Side.NEED, self.need), (Side.OFFER, self.offer))
        return next((side for side, party in sides if party.organization.key == organization), None)

    def own_side(self, actor: Actor) -> Side | None:
        """The side that the actor may speak for as a member."""
        keys = [party.organization.key for party in self.parties]
        own = [key for key in keys if key in actor.memberships and may(actor, "meeting:report", key)]
        return self.side_of(own[0]) if own else None

    def other(self, organization: int) -> Party:
        """The side that is not this organization's."""
        return self.offer if self.need.organization.key == organization else self.need


def encounters(session: Session, *conditions: ColumnElement[bool]) -> list[Encounter]:
    """Pairings with their sides and meetings, by number, with one statement."""
    needs, offers = aliased(Application), aliased(Application)
    sought, given = aliased(Listing), aliased(Listing)
    seeking, giving = aliased(Organization), aliased(Organization)
    wanted = (
        select(Pairing, needs, sought, seeking, offers, given, giving, Meeting)  # type: ignore[call-overload]
        .join(needs, col(needs.id) == col(Pairing.need_id))
        .join(sought, col(sought.id) == col(needs.listing_id))
        .join(seeking, col(seeking.id) == col(needs.organization_id))
        .join(offers, col(offers.id) == col(Pairing.offer_id))
        .join(given, col(given.id) == col(offers.listing_id))
        .join(giving, col(giving.id) == col(offers.organization_id))
        .outerjoin(Meeting, col(Meeting.pairing_id) == col(Pairing.id))
        .where(*conditions)
        .order_by(col(Pairing.id))
    )
    return [
        Encounter(pairing, Party(*need), Party(*offer), meeting)
        for pairing, *sides, meeting in session.exec(wanted)
        for need, offer in ((sides[:3], sides[3:]),)
    ]


def to_meet_statuses(one: Round) -> tuple[PairingStatus, ...]:
    """Which pairings of a round are to meet: those that both sides want, else those that were released."""
    both_want = (PairingStatus.MUTUAL, PairingStatus.MET)
    return both_want if RoundStatus.CHOOSING in of_round(one) else (*both_want, PairingStatus.RELEASED)


def to_meet(one: Round) -> ColumnElement[bool]:
    """The condition on `pairing` for having a meeting."""
    return and_(col(Pairing.round_id) == one.key, col(Pairing.status).in_(to_meet_statuses(one)))


def of_the_round(session: Session, one: Round) -> list[Encounter]:
    """All that are to meet, and all that have a meeting."""
    has_one = and_(col(Pairing.round_id) == one.key, col(Meeting.id).is_not(None))
    return encounters(session, or_(to_meet(one), has_one))


def of_pairing(session: Session, one: Round, uid: str) -> Encounter:
    """A pairing that has a meeting. Raises NotFound."""
    found = encounters(session, col(Pairing.round_id) == one.key, col(Pairing.uid) == uid)
    if not found or found[0].kept is None:
        raise NotFound
    return found[0]


def of_actor(session: Session, actor: Actor, one: Round) -> list[Encounter]:
    """The meetings of the actor's organizations, or for staff all, in the order of time."""
    found = session.exec(visible_to(actor).where(Meeting.round_id == one.key)).all()
    listed = encounters(session, col(Pairing.id).in_([meeting.pairing_id for meeting in found]))
    return in_time(listed)


def of_own(session: Session, actor: Actor, one: Round) -> list[Encounter]:
    """As `of_actor`, but also for staff only the meetings of organizations that they belong to."""
    own = set(actor.memberships)
    return [
        encounter
        for encounter in of_actor(session, actor, one)
        if own & {party.organization.key for party in encounter.parties}
    ]


def of_feed(session: Session, uid: str, organization: str) -> tuple[Round, MeetingPlan, list[Encounter]]:
    """What the calendar of one organization contains: nothing before the release. Raises NotFound."""
    one = session.exec(select(Round).where(Round.uid == uid)).first()
    plan = plan_of(session, one) if one else None
    if one is None or plan is None:
        raise NotFound
    listed = in_time(of_the_round(session, one)) if plan.released else []
    own = [
        encounter
        for encounter in listed
        if organization in (party.organization.uid for party in encounter.parties)
    ]
    return one, plan, own


def in_time(listed: Iterable[Encounter]) -> list[Encounter]:
    """Those that have a meeting, by time and table."""
    held = [one for one in listed if one.kept is not None]
    return sorted(held, key=lambda one: (one.meeting.starts, one.meeting.table, one.pairing.key))


def organizations_of(listed: Iterable[Encounter]) -> dict[int, Organization]:
    """Every organization among them, by number, in the order of their names."""
    found = {party.organization.key: party.organization for one in listed for party in one.parties}
    return dict(sorted(found.items(), key=lambda item: (item[1].name.casefold(), item[0])))


def names_of(listed: Iterable[Encounter]) -> dict[str, str]:
    """What the library's sentences call organizations: by uid, their names."""
    return {one.uid: one.name for one in organizations_of(listed).values()}


def why_cancelled(encounter: Encounter) -> Message | str:
    """What is said of a cancelled meeting: what somebody wrote, or what the service had to do."""
    if encounter.meeting.reason:
        return encounter.meeting.reason
    if encounter.pairing.status in FALLEN:
        return Message("cancelled-fallen", "The two sides do not go on together.")
    return Message("cancelled-no-place", "There is no place for it in the new timetable.")


# The frame --------------------------------------------------------------------------------------------


def plan_of(session: Session, one: Round, *, lock: bool = False) -> MeetingPlan | None:
    """The frame of a round's timetable, once somebody has made one."""
    wanted = select(MeetingPlan).where(MeetingPlan.round_id == one.key)
    if lock:
        wanted = wanted.with_for_update().execution_options(populate_existing=True)
    return session.exec(wanted).first()


def get_plan(session: Session, one: Round, *, lock: bool = False) -> MeetingPlan:
    """As `plan_of`. Raises NotFound."""
    found = plan_of(session, one, lock=lock)
    if found is None:
        raise NotFound
    return found


def slots_of(plan: MeetingPlan) -> list[datetime]:
    """When each slot begins."""
    return [datetime.fromisoformat(slot) for slot in plan.slots]


def length_of(plan: MeetingPlan) -> timedelta:
    """How long a meeting lasts."""
    return timedelta(minutes=plan.slot_minutes)


def ends_of(plan: MeetingPlan) -> datetime:
    """When the last slot is over."""
    return slots_of(plan)[-1] + length_of(plan)


def in_zone(moment: datetime, one: Round) -> datetime:
    """A moment as the clocks of the round show it."""
    return moment.astimezone(ZoneInfo(one.time_zone))


def begun(plan: MeetingPlan, moment: datetime) -> int:
    """How many slots have begun."""
    return sum(slot <= moment for slot in slots_of(plan))


def slot_number(plan: MeetingPlan, meeting: Meeting) -> int | None:
    """The position of a meeting's slot."""
    starts = meeting.starts.isoformat()
    return plan.slots.index(starts) if starts in plan.slots else None


def table_name(plan: MeetingPlan, meeting: Meeting) -> str:
    """What a meeting's table is called."""
    return plan.tables[meeting.table] if meeting.table < len(plan.tables) else ""


def place_at(plan: MeetingPlan, starts: datetime, table: str) -> library.Place:
    """A slot by its beginning and a table by its name, as positions. Raises BadInput."""
    begins = slots_of(plan)
    if starts not in begins or table not in plan.tables:
        raise BadInput.one("place", Message("no-place", "There is no such slot or table."))
    return library.Place(begins.index(starts), plan.tables.index(table))


def absences(session: Session, one: Round) -> dict[int, list[str]]:
    """By organization: the beginnings of the slots in which it cannot come."""
    found = session.exec(select(Availability).where(Availability.round_id == one.key))
    return {row.organization_id: row.absent for row in found}


def takes_part(session: Session, one: Round, organization: Organization) -> bool:
    """Whether an organization has brought something into the round."""
    brought = select(Application.id).where(
        Application.round_id == one.key, Application.organization_id == organization.key
    )
    return session.exec(brought.limit(1)).first() is not None


def present(session: Session, one: Round) -> set[int]:
    """The organizations that have checked in at the forum."""
    checked_in = select(Attendance.organization_id).where(
        Attendance.round_id == one.key, col(Attendance.checked_in).is_not(None)
    )
    return set(session.exec(checked_in))


# As the library sees it -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Problem:
    """What is to be placed, into what, and where each meeting is now."""

    meetings: tuple[library.Meeting, ...]
    frame: library.Frame
    places: Mapping[str, library.Place]


def problem(
    session: Session, one: Round, plan: MeetingPlan, listed: Sequence[Encounter], moment: datetime
) -> Problem:
    """The timetable as a problem: by pairing's uid. What is cancelled or fell through takes no part.

    Meetings that were placed by hand, took place or have begun are fixed; once people have been told where
    the others are, those stay too unless moving them gains something.
    """
    by_key = {key: organization.uid for key, organization in organizations_of(listed).items()}
    index = {slot: number for number, slot in enumerate(plan.slots)}
    places, fixed, wanted = {}, {}, []
    for encounter in listed:
        kept, uid = encounter.kept, encounter.pairing.uid
        if not (encounter.stands or encounter.waits):
            continue
        wanted.append(encounter.as_meeting())
        if kept is None or encounter.waits:
            continue
        if (slot := index.get(kept.starts.isoformat())) is not None:
            places[uid] = library.Place(slot, kept.table)
            if kept.by_hand or kept.status is not MeetingStatus.SCHEDULED or kept.starts <= moment:
                fixed[uid] = places[uid]
    frame = library.Frame(
        slots=len(plan.slots),
        tables=tuple(plan.tables),
        absent={
            by_key[key]: frozenset(index[slot] for slot in absent if slot in index)
            for key, absent in absences(session, one).items()
            if key in by_key
        },
        fixed=fixed,
        before=places if plan.released else {},
        over=begun(plan, moment),
    )
    return Problem(tuple(wanted), frame, places)


def clashes(found: Problem, only: str | None = None) -> list[library.Clash]:
    """What is wrong with the timetable as it stands, or with one meeting in it.

    That something is over is nothing wrong.
    """
    as_is = library.Frame(slots=found.frame.slots, tables=found.frame.tables, absent=found.frame.absent)
    return list(library.verify(found.meetings, as_is, found.places, only=only))


def for_hands(found: Problem, plan: MeetingPlan, moment: datetime) -> library.Frame:
    """What a meeting that is placed by hand must fit into: nothing stays but what is over."""
    return library.Frame(
        slots=found.frame.slots,
        tables=found.frame.tables,
        absent=found.frame.absent,
        before=found.places,
        over=begun(plan, moment - length_of(plan)),
    )


def clashes_by_slot(
    found: Problem, plan: MeetingPlan, encounter: Encounter, moment: datetime
) -> list[list[Message]]:
    """What would clash in each slot if the meeting were there, at whichever table."""
    uid, spare = encounter.pairing.uid, len(plan.tables)
    frame = replace(for_hands(found, plan, moment), tables=(*plan.tables, ""))
    meetings = {meeting.id: meeting for meeting in found.meetings} | {uid: encounter.as_meeting()}
    return [
        [
            clash.message
            for clash in library.verify(
                meetings.values(), frame, {**found.places, uid: library.Place(slot, spare)}, only=uid
            )
        ]
        for slot in range(len(plan.slots))
    ]


def with_names(message: Message, names: Mapping[str, str]) -> Message:
    """A sentence of the library with the organizations' names in place of their ids."""
    params = {
        name: names.get(value, value) if isinstance(value, str) else value
        for name, value in message.params.items()
    }
    return Message(message.code, message.template, **params)


def job_of(session: Session, plan: MeetingPlan) -> Job | None:
    """The job that makes the timetable, or made it last."""
    return session.exec(select(Job).where(Job.uid == plan.job)).first() if plan.job else None
