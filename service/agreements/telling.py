"""Who is told what about an agreement: one promise in the transaction, mail to the parties by a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sqlmodel import Session, col, select

from service.accounts.models import User
from service.accounts.queries import members_of
from service.agreements import queries
from service.agreements.models import Agreement
from service.db import writing
from service.jobs import promise
from service.mail import send
from service.permissions import Role

if TYPE_CHECKING:
    from service.jobs import Work
    from service.permissions import Actor

News = Literal[
    "drafted", "comment", "signing", "reverted", "in-force",
    "suspended", "resumed", "completed", "terminated", "abandoned",
]  # fmt: skip


def tell(session: Session, actor: Actor, agreement: Agreement, news: News, text: str = "") -> None:
    """Promise mail to everybody who acts for a party, but not to whoever did it."""
    promise(session, "tell_agreement", agreement=agreement.uid, news=news, by=actor.uid, text=text)


def tell_agreement(work: Work, *, agreement: str, news: News, by: str, text: str) -> None:
    """The job behind `tell`."""
    with writing(work.engine) as session:
        found = session.exec(select(Agreement).where(col(Agreement.uid) == agreement)).one()
        author = session.exec(select(User).where(col(User.uid) == by)).first()
        bound = queries.parties(session, found)
        told: dict[str, str] = {}
        for one in bound:
            for user, place in members_of(session, one.organization.key):
                if place.role is not Role.VIEWER and user.uid != by:
                    told[user.email] = user.language
        for email, language in told.items():
            send(
                session,
                email,
                f"agreement-{news}",
                language,
                uid=found.uid,
                number=found.number,
                title=found.title,
                author=author.name if author else "",
                parties=[one.organization.name for one in bound],
                text=text,
            )
