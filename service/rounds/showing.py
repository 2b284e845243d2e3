"""What a round's page says to each reader: the one thing to do now, the numbers that matter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import func
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.permissions import may
from service.rounds.models import Application, ApplicationStatus, RoundStatus
from service.rounds.phases import of_round

if TYPE_CHECKING:
    from service.permissions import Actor
    from service.rounds.models import Round
    from service.rounds.phases import Clock

_S = RoundStatus
_RUNNING = {
    _S.DRAFT: ("settings", Message("round-prepare", "Prepare it")),
    _S.OPEN: ("applications", Message("round-see-applications", "Look at the applications")),
    _S.SCREENING: ("applications", Message("round-screen", "Screen the applications")),
    _S.REVIEWING: ("reviews", Message("round-reviews", "Go to the reviews")),
    _S.MATCHING: ("match", Message("round-match", "Match")),
    _S.NOTICE: ("notice", Message("round-notice", "Go to the public notice")),
    _S.CHOOSING: ("live", Message("round-steer", "Steer the choosing")),
    _S.MEETING: ("meetings", Message("round-meetings", "Go to the meetings")),
    _S.SIGNING: ("signing", Message("round-signing", "Go to the signing")),
}
"""For those who run it: where the work of the phase is done."""
_TAKING_PART = {
    _S.CHOOSING: ("choices", Message("round-choose", "Choose")),
    _S.MEETING: ("meetings", Message("round-my-meetings", "See your meetings")),
    _S.SIGNING: ("signing", Message("round-sign", "Go to the signing")),
}
_EVERYBODY = {_S.NOTICE: ("notice", Message("round-see-notice", "See the result"))}
_APPLY = Message("round-apply", "Take part")


def action_for(actor: Actor, one: Round, clock: Clock) -> tuple[Message, str] | None:
    """The one thing that this reader comes for in the present phase: its name and its address."""
    home = f"/rounds/{one.uid}"
    if may(actor, "round:run"):
        found = _RUNNING.get(one.status)
    elif one.status is RoundStatus.OPEN and not clock.is_over:
        if not actor.signed_in:
            return Message("round-sign-in", "Sign in to take part"), f"/accounts/sign-in?next={home}/apply"
        if not actor.memberships:
            return Message("round-register", "Register an organization to take part"), "/organizations/new"
        found = ("apply", _APPLY)
    else:
        found = (_TAKING_PART if actor.memberships else {}).get(one.status) or _EVERYBODY.get(one.status)
    return None if found is None else (found[1], f"{home}/{found[0]}")


def figures(session: Session, one: Round) -> list[tuple[int, Message]]:
    """How many take part, and with what; drafts and what was withdrawn do not count."""
    gone = (ApplicationStatus.DRAFT, ApplicationStatus.WITHDRAWN)
    taking_part = (
        select(Application.side, func.count(), func.count(func.distinct(col(Application.organization_id))))
        .where(Application.round_id == one.key, col(Application.status).not_in(gone))
        .group_by(col(Application.side))
    )
    counted = {Side(side): (number, owners) for side, number, owners in session.exec(taking_part)}
    if not counted:
        return []
    needs, offers = (counted.get(side, (0, 0)) for side in Side)
    shown = [
        (needs[0], Message("round-needs", "Needs")),
        (offers[0], Message("round-offers", "Offers")),
        (needs[1], Message("round-seeking", "Organizations with a need")),
        (offers[1], Message("round-giving", "Organizations with an offer")),
    ]
    if RoundStatus.REVIEWING in of_round(one):
        shortlisted = select(func.count()).where(
            Application.round_id == one.key, col(Application.status) == ApplicationStatus.SHORTLISTED
        )
        if number := session.exec(shortlisted).one():
            shown.append((number, Message("round-shortlisted", "Applications on the shortlist")))
    return shown
