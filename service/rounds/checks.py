"""What is asked of a round's facts, phases and times before they are kept."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

from matching.messages import Message
from matching.rules import PHASES
from matching.vocabulary import default_vocabulary
from service.errors import FieldProblem
from service.rounds.calendar import countries
from service.rounds.models import RoundStatus
from service.rounds.phases import NAMES, NEEDED
from service.texts import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from service.rounds.models import Round
    from service.rounds.shapes import PhaseIn, RoundIn

MOST_YEARS = 20
"""How far from now a phase may lie."""
FAR = Message("moment-far", "This lies too far from today. Check the year.")


def problems(given: RoundIn) -> Iterator[FieldProblem]:
    """Everything wrong with the facts of a round besides its rules."""
    if not any(character.isalnum() for character in given.title):
        yield FieldProblem("title", MISSING)
    if given.time_zone not in available_timezones():
        yield FieldProblem("time_zone", Message("time-zone-unknown", "Choose a time zone of the list."))
    if given.calendar and given.calendar.upper() not in countries():
        yield FieldProblem("calendar", Message("country-unknown", "Choose a country of the list."))
    if unknown := [theme for theme in given.themes if theme not in default_vocabulary().codes("themes")]:
        yield FieldProblem(
            "themes", Message("theme-unknown", "There is no theme “{theme}”.", theme=unknown[0])
        )
    yield from _phase_problems(given.phases)
    yield from plan_problems(given.plan, given.phases or PHASES)


def _phase_problems(phases: Sequence[str]) -> Iterator[FieldProblem]:
    if not phases:
        return
    missing = [phase for phase in NEEDED if phase.value not in phases]
    if missing:
        yield FieldProblem(
            "phases",
            Message("phase-needed", "No round can do without the phase “{phase}”.", phase=NAMES[missing[0]]),
        )
    elif list(phases) != [phase for phase in PHASES if phase in phases]:
        yield FieldProblem(
            "phases", Message("phase-order", "Name each phase once, in the order in which they follow.")
        )


def plan_problems(plan: Sequence[PhaseIn], phases: Sequence[str]) -> Iterator[FieldProblem]:
    """Times that contradict each other: an end before the beginning, a phase before the one it follows."""
    planned: dict[str, PhaseIn] = {one.phase: one for one in plan}
    earlier: datetime | None = None
    for phase in phases:
        one = planned.get(phase)
        if one is None:
            continue
        for field, moment in (("starts", one.starts), ("ends", one.ends)):
            if moment is None:
                continue
            if is_far(moment):
                yield FieldProblem(f"{field}-{phase}", FAR)
            elif earlier is not None and moment < earlier:
                yield FieldProblem(
                    f"{field}-{phase}",
                    Message("moment-before", "This lies before something that comes earlier in the round."),
                )
            else:
                earlier = moment


def is_far(moment: datetime) -> bool:
    """Whether a moment lies further from now than any phase may."""
    return abs(moment - datetime.now(UTC)) > timedelta(days=366 * MOST_YEARS)


def zone(time_zone: str) -> ZoneInfo:
    """A time zone by its name; UTC for a name that is none."""
    return ZoneInfo(time_zone if time_zone in available_timezones() else "UTC")


def in_zone(moment: datetime | None, time_zone: str) -> datetime | None:
    """A moment as UTC; one without a zone is meant in `time_zone`."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone(time_zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return moment.replace(tzinfo=UTC)


def end_of(day: date, time_zone: str) -> datetime:
    """The last minute of a day in a zone."""
    return datetime.combine(day, time(23, 59), zone(time_zone)).astimezone(UTC)


def changed_phases(one: Round, phases: Sequence[str]) -> Message | None:
    """Why a round cannot have these phases now: what it has been through stays."""
    order = list(PHASES)
    if one.status is RoundStatus.DRAFT or list(phases) == one.phases:
        return None
    if one.status.value not in order:
        return Message("round-over", "This round is over.")
    reached = order.index(one.status.value)
    before = [phase for phase in one.phases if order.index(phase) <= reached]
    if before != [phase for phase in phases if order.index(phase) <= reached]:
        return Message("phases-passed", "Phases that the round has reached already cannot be changed.")
    return None
