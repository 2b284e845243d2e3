"""What waits in rounds: for those who apply, and for those who screen."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlmodel import Session, col, select

from matching.messages import Message
from service.home.todo import Todo
from service.permissions import may
from service.rounds import applications
from service.rounds.models import Appeal, AppealStatus, Application, ApplicationStatus, Round
from service.rounds.queries import applications_visible_to
from service.rounds.screening import SCREENED_IN

if TYPE_CHECKING:
    from collections.abc import Iterator

    from service.permissions import Actor


def waiting(session: Session, actor: Actor) -> Iterator[Todo]:
    """What the actor has to do about applications, the most pressing first."""
    if may(actor, "application:screen"):
        yield from _to_decide(session)
    yield from _to_submit(session, actor)


def _to_decide(session: Session) -> Iterator[Todo]:
    appealed = (
        select(Appeal, Application)
        .where(Appeal.status == AppealStatus.RAISED, col(Application.id) == col(Appeal.application_id))
        .order_by(col(Appeal.id))
    )
    found = session.exec(appealed).all()
    entries = {one.application.key: one for one in applications.behind(session, [one for _, one in found])}
    for _, application in found:
        yield Todo(
            "flag",
            Message(
                "home-appeal",
                "{organization} appeals about “{title}”.",
                organization=entries[application.key].organization.name,
                title=entries[application.key].listing.title,
            ),
            f"/applications/{application.uid}#appeal",
            Message("home-decide", "Decide"),
        )
    submitted = (
        select(Round, func.count())
        .where(
            col(Application.round_id) == col(Round.id),
            col(Application.status) == ApplicationStatus.SUBMITTED,
            col(Round.status).in_(SCREENED_IN),
        )
        .group_by(col(Round.id))
        .order_by(col(Round.id))
    )
    for one, count in session.exec(submitted):
        yield Todo(
            "shield",
            Message(
                "home-screen", "Applications to screen in “{round}”: {count}.", round=one.title, count=count
            ),
            f"/rounds/{one.uid}/applications?status=submitted",
            Message("home-screen-action", "Screen"),
        )


def _to_submit(session: Session, actor: Actor) -> Iterator[Todo]:
    own = applications_visible_to(actor).where(
        col(Application.organization_id).in_(list(actor.memberships)),
        col(Application.status).in_([ApplicationStatus.DRAFT, ApplicationStatus.INELIGIBLE]),
    )
    for entry in applications.behind(session, session.exec(own.order_by(col(Application.id)))):
        application = entry.application
        one = session.get_one(Round, application.round_id)
        last = applications.deadline(session, one, application)
        if not may(actor, "application:submit", application.organization_id) or applications.not_taken_in(
            session, one, application
        ):
            continue
        returned = application.status is ApplicationStatus.INELIGIBLE
        told = {"title": entry.listing.title, "round": one.title}
        if last is None:
            message = (
                Message("home-returned", "“{title}” was returned in “{round}”. Mend and submit it.", **told)
                if returned
                else Message("home-unsubmitted", "“{title}” is not submitted to “{round}” yet.", **told)
            )
        else:
            day = applications.day_in(one, last)
            message = (
                Message(
                    "home-returned-by",
                    "“{title}” was returned in “{round}”. Mend and submit it by {day}.",
                    **told,
                    day=day,
                )
                if returned
                else Message(
                    "home-unsubmitted-by",
                    "“{title}” is not submitted to “{round}” yet; you can until {day}.",
                    **told,
                    day=day,
                )
            )
        yield Todo("edit", message, f"/applications/{application.uid}", Message("home-go-on", "Go on"))
