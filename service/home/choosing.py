"""What waits in rounds for those who choose and sign."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.choices import queries
from service.home.todo import Todo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlmodel import Session

    from service.permissions import Actor


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """Pairings to answer and to sign, by round."""
    for one in queries.waiting(session, actor) if actor.memberships else ():
        here = f"/rounds/{one.round.uid}"
        if one.to_answer:
            yield Todo(
                "handshake",
                Message(
                    "home-choices",
                    "In “{round}” pairings wait for your answer: {count}.",
                    round=one.round.title,
                    count=one.to_answer,
                ),
                f"{here}/choices" if one.has_phase else f"{here}/signing",
                Message("home-choose", "Choose"),
            )
        if one.to_sign:
            yield Todo(
                "edit",
                Message(
                    "home-signing",
                    "In “{round}” cooperations are ready to be signed: {count}.",
                    round=one.round.title,
                    count=one.to_sign,
                ),
                f"{here}/signing",
                Message("home-sign", "Sign"),
            )
