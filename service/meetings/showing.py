"""Meetings as the API gives them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from service.jobs import JobStatus
from service.meetings import queries
from service.meetings.shapes import (
    MeetingOut,
    PartyOut,
    PlanIn,
    PlanOut,
    SaidOut,
    SlotOut,
    TimetableOut,
    UnplacedOut,
)
from service.wording import restored, say

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.meetings.models import MeetingPlan
    from service.meetings.queries import Encounter, Party
    from service.rounds.models import Round


def said(message: Message, language: str, names: Mapping[str, str]) -> SaidOut:
    """A sentence in the reader's language."""
    return SaidOut(code=message.code, text=say(message, language, names))


def party(one: Party) -> PartyOut:
    """One side of a meeting."""
    return PartyOut(
        organization=one.organization.uid,
        name=one.organization.name,
        listing=one.listing.uid,
        title=one.listing.title,
    )


def meetings(one: Round, plan: MeetingPlan, listed: Iterable[Encounter], language: str) -> list[MeetingOut]:
    """Those of the encounters that have a meeting."""
    return [meeting(one, plan, encounter, language) for encounter in queries.in_time(listed)]


def meeting(one: Round, plan: MeetingPlan, encounter: Encounter, language: str) -> MeetingOut:
    """Who meets whom, when, where and why."""
    kept, cancelled = encounter.meeting, encounter.meeting.status.value == "cancelled"
    reason = queries.why_cancelled(encounter) if cancelled else ""
    slot = queries.slot_number(plan, kept)
    return MeetingOut(
        id=kept.uid,
        round=one.uid,
        pairing=encounter.pairing.uid,
        status=kept.status,
        starts=kept.starts,
        ends=kept.starts + queries.length_of(plan),
        time_zone=one.time_zone,
        slot=None if slot is None else slot + 1,
        table=queries.table_name(plan, kept),
        need=party(encounter.need),
        offer=party(encounter.offer),
        why=[said(reason, language, {}) for reason in encounter.reasons],
        by_hand=kept.by_hand,
        sequence=kept.sequence,
        missed_by=kept.missed_by,
        reason=reason if isinstance(reason, str) else say(reason, language),
    )


def frame(one: Round, plan: MeetingPlan) -> PlanOut:
    """The frame of a timetable."""
    length = queries.length_of(plan)
    return PlanOut(
        round=one.uid,
        time_zone=one.time_zone,
        frame=PlanIn.model_validate(plan.frame),
        slots=[
            SlotOut(number=number, starts=starts, ends=starts + length)
            for number, starts in enumerate(queries.slots_of(plan), 1)
        ],
        tables=plan.tables,
        released=plan.released,
    )


def certificate(
    session: Session, plan: MeetingPlan, listed: Iterable[Encounter], language: str
) -> TimetableOut:
    """How far the solving is, how good what it found is, and who has no place and why."""
    listed = list(listed)
    job, names, kept = queries.job_of(session, plan), queries.names_of(listed), plan.certificate
    explained: Mapping[str, Any] = kept.get("unplaced", {})

    def sentences(stored: Iterable[Mapping[str, Any]]) -> list[SaidOut]:
        return [said(restored(one), language, names) for one in stored]

    numbers = ("meetings", "placed", "objective", "bound", "stage", "waits", "table_changes", "seconds")
    return TimetableOut(
        status="none" if job is None else job.status.value,
        progress=0.0 if job is None else 1.0 if job.status is JobStatus.DONE else job.progress,
        **{name: kept[name] for name in numbers if name in kept},
        clashes=sentences(kept.get("clashes", ())),
        remedies=sentences(kept.get("remedies", ())),
        unplaced=[
            UnplacedOut(
                pairing=encounter.pairing.uid,
                need=encounter.need.organization.name,
                offer=encounter.offer.organization.name,
                reason=next(iter(sentences([why["reason"]])), None) if why else None,
                remedies=sentences(why["remedies"]) if why else [],
            )
            for encounter in listed
            if encounter.waits
            for why in (explained.get(encounter.pairing.uid),)
        ],
    )
