"""What waits for somebody about agreements: to sign, to answer a remark, to draft what was matched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from service.agreements import queries
from service.agreements.models import Agreement, AgreementStatus, Comment
from service.home.todo import Todo
from service.permissions import may

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.permissions import Actor

MOST = 5
"""How many agreements are named for each reason."""


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """The most pressing first."""
    if not actor.memberships:
        return
    yield from _to_sign(session, actor)
    yield from _remarks(session, actor)
    yield from _to_draft(session, actor)


def _to_sign(session: Session, actor: Actor) -> Iterator[Todo]:
    found = session.exec(queries.listed(actor, status=AgreementStatus.SIGNING).order_by(queries.ROW)).all()
    bound = queries.parties_of(session, found)
    unsigned = [
        one
        for one in found
        if any(
            party.signature is None for party in queries.own_parties(actor, bound[one.key], "agreement:sign")
        )
    ]
    for one in unsigned[:MOST]:
        yield Todo(
            "edit",
            Message("home-sign", "The agreement “{title}” waits for your signature.", title=one.title),
            f"/agreements/{one.uid}",
            Message("home-to-sign", "Sign"),
        )


def _remarks(session: Session, actor: Actor) -> Iterator[Todo]:
    """Drafts with remarks of others that nobody has dealt with."""
    own = [key for key in actor.memberships if may(actor, "agreement:draft", key)]
    open_ones = select(Comment.agreement_id).where(
        col(Comment.resolved).is_(None),
        col(Comment.organization_id).is_(None) | col(Comment.organization_id).not_in(own),
    )
    drafts = queries.listed(actor, status=AgreementStatus.DRAFT).where(col(Agreement.id).in_(open_ones))
    found = session.exec(drafts.order_by(queries.ROW).limit(MOST))
    for one in found if own else ():
        yield Todo(
            "chat",
            Message("home-remark", "Somebody has a remark on the agreement “{title}”.", title=one.title),
            f"/agreements/{one.uid}/text#comments",
            Message("home-answer", "Answer"),
        )


def _to_draft(session: Session, actor: Actor) -> Iterator[Todo]:
    undrafted = len(queries.undrafted(session, actor)) + len(queries.undrafted_requests(session, actor))
    if undrafted:
        yield Todo(
            "handshake",
            Message(
                "home-undrafted",
                "Agreements to draft of what both sides have chosen: {count}.",
                count=undrafted,
            ),
            "/agreements",
            Message("home-draft", "Draft"),
        )
