"""The phases of a round: which it has, which it is in, what they allow, when they end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import NotNow
from service.rounds.models import ROUND, RoundStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlmodel import Session

    from service.permissions import Actor
    from service.rounds.models import Round, RoundPhase

NAMES = {
    RoundStatus.DRAFT: Message("phase-draft", "Draft"),
    RoundStatus.OPEN: Message("phase-open", "Applying"),
    RoundStatus.SCREENING: Message("phase-screening", "Screening"),
    RoundStatus.REVIEWING: Message("phase-reviewing", "Reviewing"),
    RoundStatus.MATCHING: Message("phase-matching", "Matching"),
    RoundStatus.NOTICE: Message("phase-notice", "Public notice"),
    RoundStatus.CHOOSING: Message("phase-choosing", "Choosing"),
    RoundStatus.MEETING: Message("phase-meeting", "Meeting"),
    RoundStatus.SIGNING: Message("phase-signing", "Signing"),
    RoundStatus.DELIVERING: Message("phase-delivering", "Delivering"),
    RoundStatus.CLOSED: Message("phase-closed", "Closed"),
    RoundStatus.CANCELLED: Message("phase-cancelled", "Cancelled"),
}
EXPLAINED = {
    RoundStatus.OPEN: Message(
        "phase-open-help", "Organizations enter their needs and offers; the rules are checked as they do."
    ),
    RoundStatus.SCREENING: Message(
        "phase-screening-help",
        "Facilitators look at each application and accept it or return it with reasons.",
    ),
    RoundStatus.REVIEWING: Message(
        "phase-reviewing-help", "Reviewers score the projects; the best go on the shortlist."
    ),
    RoundStatus.MATCHING: Message(
        "phase-matching-help", "Pairs are found by the rules, looked through and released."
    ),
    RoundStatus.NOTICE: Message(
        "phase-notice-help", "The result is public, and anybody may object with evidence."
    ),
    RoundStatus.CHOOSING: Message("phase-choosing-help", "Both sides of each pairing say yes or no."),
    RoundStatus.MEETING: Message("phase-meeting-help", "Those who chose each other meet at set times."),
    RoundStatus.SIGNING: Message("phase-signing-help", "Agreements are signed."),
    RoundStatus.DELIVERING: Message(
        "phase-delivering-help", "What was agreed is carried out, paid and reported."
    ),
}
"""What happens in each phase."""
STEPS = {
    RoundStatus.OPEN: "open",
    RoundStatus.SCREENING: "screen",
    RoundStatus.REVIEWING: "review",
    RoundStatus.MATCHING: "match",
    RoundStatus.NOTICE: "notice",
    RoundStatus.CHOOSING: "choose",
    RoundStatus.MEETING: "meet",
    RoundStatus.SIGNING: "sign",
    RoundStatus.DELIVERING: "deliver",
    RoundStatus.CLOSED: "close",
}
"""The step of the lifecycle that leads into each phase."""
BACK = {
    RoundStatus.SCREENING: "reopen",
    RoundStatus.REVIEWING: "reopen",
    RoundStatus.MATCHING: "review_again",
    RoundStatus.NOTICE: "match_again",
}
"""The step back that each phase has; never without a reason."""
NEEDED = (RoundStatus.OPEN, RoundStatus.MATCHING, RoundStatus.SIGNING)
"""What no round can do without."""
REMIND_BEFORE = timedelta(days=2)
REMIND_SHARE = 4
"""In short phases people are reminded when a quarter of the time is left."""

Obstacle = Callable[["Session", "Round"], "Message | None"]
BEFORE_LEAVING: dict[RoundStatus, list[Obstacle]] = {}
"""What later slices want done before a phase is left; `worker.py` puts it here."""
AFTER_LEAVING: dict[RoundStatus, list[Callable[[Session, Actor, Round], None]]] = {}
"""What later slices do once a phase was left for the next one, by hand or by its planned end."""


def of_round(one: Round) -> list[RoundStatus]:
    """The phases that a round goes through, in order, without draft and the end."""
    return [RoundStatus(phase) for phase in one.phases]


def following(one: Round) -> RoundStatus | None:
    """The phase after the present one; None where the round is over."""
    order = [RoundStatus.DRAFT, *of_round(one), RoundStatus.CLOSED]
    if one.status not in order or one.status is RoundStatus.CLOSED:
        return None
    return order[order.index(one.status) + 1]


def has_reached(one: Round, phase: RoundStatus) -> bool:
    """Whether a round is in that phase or beyond it, whether or not it has it."""
    order = list(STEPS)
    return one.status in order and order.index(one.status) >= order.index(phase)


def is_over(phase: RoundPhase | None, moment: datetime) -> bool:
    """Whether the time of a phase has passed, though nobody may have moved the round on yet."""
    return phase is not None and phase.ends is not None and phase.ends < moment


def back_to(one: Round) -> RoundStatus | None:
    """Where the step back from the present phase leads; None where there is none."""
    if one.status not in BACK:
        return None
    target = next(step.target for step in ROUND.steps if step.name == BACK[one.status])
    return target if target in of_round(one) else None


@dataclass(frozen=True, slots=True)
class Clock:
    """What is now, until when, and what comes then."""

    phase: RoundStatus
    began: datetime | None
    ends: datetime | None
    is_over: bool
    next: RoundStatus | None
    left: timedelta | None
    """How long it still lasts; negative once it is over."""
    reminds: datetime | None
    """From when on people are told that it ends soon."""


def clock(one: Round, plan: Mapping[str, RoundPhase], moment: datetime) -> Clock:
    """The clock of a round at a moment; `plan` holds its phases' times."""
    phase = plan.get(one.status.value)
    ends = phase.ends if phase else None
    began = (phase.began or phase.starts) if phase else None
    lead = (
        REMIND_BEFORE if began is None or ends is None else min(REMIND_BEFORE, (ends - began) / REMIND_SHARE)
    )
    return Clock(
        phase=one.status,
        began=began,
        ends=ends,
        is_over=is_over(phase, moment),
        next=following(one),
        left=None if ends is None else ends - moment,
        reminds=None if ends is None else ends - lead,
    )


def require_phase(one: Round, allowed: RoundStatus | Iterable[RoundStatus]) -> None:
    """Raise NotNow, saying which phase it is and in which ones this can be done."""
    if why := wrong_phase(one, (allowed,) if isinstance(allowed, RoundStatus) else tuple(allowed)):
        raise NotNow(why)


def wrong_phase(one: Round, allowed: Sequence[RoundStatus]) -> Message | None:
    """Why something cannot be done in a round's present phase; None where it can."""
    if one.status in allowed:
        return None
    order = list(NAMES)
    possible = sorted([phase for phase in allowed if phase in of_round(one)] or allowed, key=order.index)
    if len(possible) > 1:
        return Message(
            "wrong-phase",
            "This round is in the phase “{phase}”. This can be done in these phases: {allowed}.",
            phase=NAMES[one.status],
            allowed=_named(possible),
        )
    return Message(
        "wrong-phase",
        "This round is in the phase “{phase}”. This can be done in the phase “{allowed}” only.",
        phase=NAMES[one.status],
        allowed=NAMES[possible[0]],
    )


def _named(listed: Sequence[RoundStatus]) -> Message:
    """Phases one after the other, as a language lists them."""
    first, *others = (NAMES[phase] for phase in listed)
    for name in others:
        first = Message("listed", "{first}, {next}", first=first, next=name)
    return first
