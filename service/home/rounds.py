"""What waits in rounds for those who run them: phases whose time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from service.db import now
from service.home.todo import Todo
from service.permissions import may
from service.rounds.models import Round, RoundPhase
from service.rounds.phases import NAMES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.permissions import Actor


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """The rounds to move on, those that wait longest first."""
    if not may(actor, "round:run"):
        return
    overdue = (
        select(Round)
        .join(RoundPhase, col(RoundPhase.round_id) == col(Round.id))
        .where(col(RoundPhase.phase) == col(Round.status), col(RoundPhase.ends) < now())
        .order_by(col(RoundPhase.ends))
    )
    for one in session.exec(overdue):
        yield Todo(
            "clock",
            Message(
                "home-overdue",
                "“{title}”: the time of the phase “{phase}” is over.",
                title=one.title,
                phase=NAMES[one.status],
            ),
            f"/rounds/{one.uid}",
            Message("home-move-on", "Move on"),
        )
