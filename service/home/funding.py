"""What waits for somebody about the money of agreements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.funding import turns
from service.funding.showing import address_of, sentence
from service.home.todo import Todo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from service.permissions import Actor

MOST = 5
"""How many are named; the rest stand under /money."""
PICTURES = {
    turns.TurnKind.ANSWER_BREACH: "flag",
    turns.TurnKind.DECIDE_BREACH: "flag",
    turns.TurnKind.DECIDE_APPEAL: "flag",
}


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """What is due first comes first."""
    if not (actor.memberships or actor.is_staff):
        return
    listed = turns.waiting_for(session, actor)
    for turn in listed[:MOST]:
        yield Todo(
            PICTURES.get(turn.kind, "money"),
            Message("home-money", "{title}: {what}", title=turn.book.agreement.title, what=sentence(turn)),
            address_of(turn),
            Message("home-show", "Show"),
        )
    if len(listed) > MOST:
        yield Todo(
            "money",
            Message("home-money-more", "More that waits in agreements: {count}.", count=len(listed) - MOST),
            "/money",
            Message("home-show", "Show"),
        )
