"""The screening desk: what is submitted is accepted, returned with reasons, declined; appeals are decided."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matching.messages import Message
from service.accounts.queries import members_of, users_with_role
from service.db import now
from service.errors import BadInput, NotAllowed
from service.events import advance
from service.listings import queries as listing_queries
from service.listings.models import Listing
from service.permissions import Role, may, require
from service.rounds.applications import (
    APPEALED_IN,
    closed_for_new,
    last_refusal,
    may_appeal,
    open_appeal,
)
from service.rounds.applying import WITHDRAWN_IN, remark
from service.rounds.checking import check, fits, restored_findings
from service.rounds.models import (
    APPEAL,
    APPLICATION,
    REMARK_CHARACTERS,
    Appeal,
    Application,
    ApplicationStatus,
    Round,
    RoundStatus,
)
from service.rounds.phases import require_phase
from service.rounds.steps import mail_editors, take_step
from service.texts import said
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlmodel import Session

    from service.permissions import Actor
    from service.rounds.checking import Finding

SCREENED_IN = (RoundStatus.OPEN, RoundStatus.SCREENING)
DECLINED_IN = (*SCREENED_IN, RoundStatus.MATCHING)


def accept(
    session: Session, actor: Actor, one: Round, application: Application, reason: str = ""
) -> Application:
    """Let it take part. Where a rule is not met, only with a reason, which the log keeps."""
    _require_desk(session, actor, application)
    require_phase(one, SCREENED_IN)
    kept = said(reason, "reason", REMARK_CHARACTERS)
    unmet = [finding.rule for finding in _look(session, one, application) if finding.refuses]
    if unmet and not kept:
        raise BadInput.one(
            "reason",
            Message(
                "accept-although", "A rule is not met. Say why it is accepted all the same, or return it."
            ),
        )
    return take_step(session, actor, one, application, "accept", reason=kept, unmet=unmet)


def accept_fitting(
    session: Session, actor: Actor, one: Round, applications: Iterable[Application]
) -> tuple[list[Application], list[Application]]:
    """Accept those that meet every rule now and are as they were submitted; which, and which were left."""
    require(actor, "application:screen")
    require_phase(one, SCREENED_IN)
    taken, left = [], []
    for application in applications:
        listing = session.get_one(Listing, application.listing_id)
        same = listing.revision == application.revision
        waits = application.status is ApplicationStatus.SUBMITTED
        ours = conflict(session, actor, application) is not None
        if waits and same and not ours and fits(_look(session, one, application)):
            taken.append(take_step(session, actor, one, application, "accept", together=True))
        else:
            left.append(application)
    return taken, left


def return_(session: Session, actor: Actor, one: Round, application: Application, reason: str) -> Application:
    """Give it back with the reason; it may be mended and submitted again where the round allows it."""
    _require_desk(session, actor, application)
    require_phase(one, SCREENED_IN)
    return take_step(session, actor, one, application, "return", reason=remark(reason, "reason"))


def decline(session: Session, actor: Actor, one: Round, application: Application, reason: str) -> Application:
    """Take out, with the reason, what was accepted by mistake or at once by the rules."""
    _require_desk(session, actor, application)
    require_phase(one, DECLINED_IN)
    return take_step(session, actor, one, application, "decline", reason=remark(reason, "reason"))


def decide_appeal(
    session: Session,
    actor: Actor,
    one: Round,
    application: Application,
    appeal: Appeal,
    *,
    uphold: bool,
    reason: str,
) -> Appeal:
    """Uphold an appeal, which reinstates an application that is out, or dismiss it; both with a reason.

    What was mended meanwhile stays where it is. Whoever took the decision does not judge the appeal as long
    as somebody else can.
    """
    _require_desk(session, actor, application)
    if own := _own_decision(session, actor, application):
        raise NotAllowed(own)
    if uphold:
        require_phase(one, APPEALED_IN)
    kept = remark(reason, "reason")
    step = "uphold" if uphold else "dismiss"
    advance(session, actor, appeal, APPEAL, step, reason=kept, round=one.uid, application=application.uid)
    appeal.reason, appeal.decided_by, appeal.decided = kept, actor.user_id, now()
    appeal.version += 1
    if uphold and "reinstate" in APPLICATION.possible(application.status):
        take_step(session, actor, one, application, "reinstate", reason=kept, appeal=appeal.uid)
    else:
        told = {"step": step, "reason": kept}
        mail_editors(session, one, application, "appeal-decided", lambda _language: told)
    return appeal


def steps_open_to(
    session: Session, actor: Actor, one: Round, application: Application
) -> tuple[frozenset[str], Message | None]:
    """What the actor may do with an application now, for pages to offer; why somebody else decides."""
    organization, status = application.organization_id, application.status
    submits, screens = may(actor, "application:submit", organization), may(actor, "application:screen")
    offered = {
        "withdraw": submits and one.status in WITHDRAWN_IN and "withdraw" in APPLICATION.possible(status),
        "again": submits and status is ApplicationStatus.WITHDRAWN and closed_for_new(session, one) is None,
        "appeal": may(actor, "application:appeal", organization) and may_appeal(session, one, application),
        "accept": screens and one.status in SCREENED_IN and status is ApplicationStatus.SUBMITTED,
        "decline": screens
        and one.status in DECLINED_IN
        and status in (ApplicationStatus.ELIGIBLE, ApplicationStatus.WAITLISTED),
        "decide": screens and open_appeal(session, application) is not None,
    }
    steps = frozenset(name for name, possible in offered.items() if possible)
    decisions = steps & {"accept", "decline", "decide"}
    if decisions and (why := conflict(session, actor, application)):
        return steps - decisions, why
    if "decide" in steps and (why := _own_decision(session, actor, application)):
        return steps - {"decide"}, why
    return steps, None


def prefilled_reason(application: Application, language: str) -> str:
    """The rules that were not met, as a reason to begin with, in the applicant's language."""
    sentences = [
        " ".join(
            say(message, language) for message in (finding.reason, finding.remedy) if message is not None
        )
        for finding in restored_findings(application.findings)
        if finding.refuses
    ]
    return "\n".join(sentences)


def _look(session: Session, one: Round, application: Application) -> tuple[Finding, ...]:
    listing = session.get_one(Listing, application.listing_id)
    organization = listing_queries.organization_of(session, listing)
    return check(session, one, listing, organization, besides=application.key)


def _require_desk(session: Session, actor: Actor, application: Application) -> None:
    """Raise unless the actor may screen and does not belong to the organization, if somebody else can."""
    require(actor, "application:screen")
    if why := conflict(session, actor, application):
        raise NotAllowed(why)


def conflict(session: Session, actor: Actor, application: Application) -> Message | None:
    """Why the actor does not decide about an application; None where they may, or nobody else can."""
    if application.organization_id in actor.memberships and _others(session, actor, application):
        return Message(
            "own-application", "You belong to this organization. Another facilitator decides about it."
        )
    return None


def _own_decision(session: Session, actor: Actor, application: Application) -> Message | None:
    decision = last_refusal(session, application)
    if decision is not None and decision.actor == actor.uid and _others(session, actor, application):
        return Message(
            "appeal-own-decision", "You took this decision yourself. Another facilitator decides the appeal."
        )
    return None


def _others(session: Session, actor: Actor, application: Application) -> bool:
    """Whether somebody else can decide about an application, who does not belong to its organization."""
    not_they = {actor.user_id, *(user.key for user, _ in members_of(session, application.organization_id))}
    return any(
        user.key not in not_they
        for role in (Role.FACILITATOR, Role.ADMINISTRATOR)
        for user in users_with_role(session, role)
    )
