"""What waits for facilitators in the matching of their rounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.home.todo import Todo
from service.pairings import queries
from service.pairings.models import MatchRunStatus
from service.permissions import may

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from service.permissions import Actor


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """Results to be looked at and released, and runs that came to nothing."""
    for one, run in queries.newest_runs(session) if may(actor, "match:run") else ():
        if run.released is not None or run.status in queries.IN_FLIGHT:
            continue
        if run.status is not MatchRunStatus.DONE:
            message = Message(
                "home-match-failed", "The match of “{round}” came to no result.", round=one.title
            )
        elif run.leaving:
            message = Message(
                "home-match-alarm",
                "The match of “{round}” is done. Organizations that would leave with nothing: {count}.",
                round=one.title,
                count=run.leaving,
            )
        else:
            message = Message(
                "home-match-done",
                "The match of “{round}” is done and waits to be released.",
                round=one.title,
            )
        yield Todo(
            "handshake", message, f"/rounds/{one.uid}/match/{run.uid}", Message("home-look", "Look at it")
        )
