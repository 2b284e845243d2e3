"""The phases of a round: which it has, which it is in, what they allow, when they end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.errors import NotNow
from service.rounds.models import RoundStatus

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

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


def require_phase(one: Round, allowed: RoundStatus | Iterable[RoundStatus]) -> None:
    """Raise NotNow, saying which phase it is and in which one this can be done."""
    wanted = (allowed,) if isinstance(allowed, RoundStatus) else tuple(allowed)
    if one.status in wanted:
        return
    possible = [phase for phase in wanted if phase in of_round(one)] or list(wanted)
    raise NotNow(
        Message(
            "wrong-phase",
            "This round is in the phase “{phase}”. This can be done in the phase “{allowed}” only.",
            phase=NAMES[one.status],
            allowed=NAMES[possible[0]],
        )
    )
