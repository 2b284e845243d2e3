"""What facilitators decide about organizations: verification, screening, flags, suspension, bars."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import select

from matching.messages import Message
from service.accounts.queries import emails_of_editors
from service.db import now
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.events import advance, record
from service.mail import send
from service.organizations.checks import remark
from service.organizations.models import (
    FLAG,
    ORGANIZATION,
    SPONSOR_SECTORS,
    Concern,
    DecisionStep,
    Flag,
    FlagLevel,
    FlagRisk,
    FlagStatus,
    FlagStep,
    Organization,
    OrganizationStatus,
    Question,
    ScreeningDecision,
)
from service.organizations.queries import flags_of, get, may_act, sector_of, today
from service.permissions import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from sqlmodel import Session

    from service.permissions import Actor


PERMISSIONS: Mapping[str, str] = {
    DecisionStep.VERIFY: "organization:verify",
    DecisionStep.DECLINE: "organization:verify",
    DecisionStep.SUSPEND: "organization:suspend",
    DecisionStep.REINSTATE: "organization:suspend",
    DecisionStep.BAR: "organization:bar",
    DecisionStep.LIFT: "organization:bar",
}
"""By step: what somebody needs to decide it."""


def ask(session: Session, actor: Actor, uid: str, text: str) -> Question:
    """Ask an organization something before deciding; its editors get it by mail."""
    organization = get(session, actor, uid)
    require(actor, "organization:verify", organization.key)
    question = Question(organization_id=organization.key, text=remark(text), asked_by=actor.user_id)
    session.add(question)
    session.flush()
    record(session, actor, "question.ask", question, organization=organization.uid)
    for email, language in emails_of_editors(session, organization.key):
        send(
            session,
            email,
            "organization_question",
            language,
            organization=organization.name,
            uid=organization.uid,
            question=question.text,
        )
    return question


# Whether it may act ------------------------------------------------------------------------------------


def decide(
    session: Session,
    actor: Actor,
    uid: str,
    step: DecisionStep,
    *,
    reason: str = "",
    until: date | None = None,
) -> Organization:
    """Take one of the steps below."""
    match step:
        case DecisionStep.VERIFY:
            return verify(session, actor, uid)
        case DecisionStep.DECLINE:
            return decline(session, actor, uid, reason)
        case DecisionStep.SUSPEND:
            return suspend(session, actor, uid, reason)
        case DecisionStep.REINSTATE:
            return reinstate(session, actor, uid, reason)
        case DecisionStep.BAR:
            return bar(session, actor, uid, until, reason)
        case DecisionStep.LIFT:
            return lift(session, actor, uid, reason)


def verify(session: Session, actor: Actor, uid: str) -> Organization:
    """Let an organization act. Raises NotNow while a red flag is undecided or a sponsor is not screened."""
    organization = _to_decide(session, actor, uid, DecisionStep.VERIFY)
    if organization.screening.get("decision") == ScreeningDecision.REFUSED:
        raise NotNow(Message("screening-refused", "The screening refused this organization as a sponsor."))
    if is_sponsor(organization) and not organization.screening:
        raise NotNow(
            Message(
                "screening-first", "Record the sponsor screening first: this organization may give money."
            )
        )
    if any(flag.level is FlagLevel.RED and is_open(flag) for flag in flags_of(session, organization)):
        raise NotNow(Message("flags-first", "Decide the open red flags of this organization first."))
    return _decide(session, actor, organization, "verify")


def decline(session: Session, actor: Actor, uid: str, reason: str) -> Organization:
    """Refuse to verify, with the reason that the organization is told."""
    organization = _to_decide(session, actor, uid, DecisionStep.DECLINE)
    return _decide(session, actor, organization, "decline", remark(reason, "reason"))


def suspend(session: Session, actor: Actor, uid: str, reason: str) -> Organization:
    """Stop an organization from acting, until it is reinstated."""
    organization = _to_decide(session, actor, uid, DecisionStep.SUSPEND)
    kept = remark(reason, "reason")
    _settle(session, actor, organization)
    return _decide(session, actor, organization, "suspend", kept)


def reinstate(session: Session, actor: Actor, uid: str, reason: str) -> Organization:
    """Let a suspended organization act again."""
    organization = _to_decide(session, actor, uid, DecisionStep.REINSTATE)
    return _decide(session, actor, organization, "reinstate", remark(reason, "reason"))


def bar(session: Session, actor: Actor, uid: str, until: date | None, reason: str) -> Organization:
    """Keep an organization from acting up to and including a day; it is over by itself the day after."""
    organization = _to_decide(session, actor, uid, DecisionStep.BAR)
    if until is None:
        raise BadInput.one("until", Message("bar-date-missing", "Say until when the bar lasts."))
    if until < today():
        raise BadInput.one("until", Message("bar-date-past", "This day is over. Choose a later one."))
    kept = remark(reason, "reason")
    _settle(session, actor, organization)
    organization.barred_until = until
    return _decide(session, actor, organization, "bar", kept, until=until.isoformat())


def lift(session: Session, actor: Actor, uid: str, reason: str) -> Organization:
    """End a bar before its day."""
    organization = _to_decide(session, actor, uid, DecisionStep.LIFT)
    kept = remark(reason, "reason")
    organization = _decide(session, actor, organization, "lift", kept)
    organization.barred_until = None
    return organization


def is_sponsor(organization: Organization) -> bool:
    """Whether organizations of its sector give money, and are therefore screened."""
    return sector_of(organization.kind) in SPONSOR_SECTORS


def is_open(flag: Flag) -> bool:
    """Whether nobody has decided the flag yet."""
    return flag.status in (FlagStatus.OPEN, FlagStatus.ESCALATED)


def _to_decide(session: Session, actor: Actor, uid: str, step: str) -> Organization:
    organization = get(session, actor, uid, lock=True)
    require(actor, PERMISSIONS.get(step, "organization:verify"), organization.key)
    if organization.key in actor.memberships:
        raise NotAllowed(
            Message("own-organization", "You belong to this organization, so somebody else must decide.")
        )
    return organization


def _settle(session: Session, actor: Actor, organization: Organization) -> None:
    """Write down that a bar is over, where it is, so that the next step can be taken."""
    if organization.status is OrganizationStatus.BARRED and may_act(organization, today()):
        ended = str(organization.barred_until)
        organization.barred_until = None
        advance(session, actor, organization, ORGANIZATION, "lift", reason=ended)


def _decide(
    session: Session, actor: Actor, organization: Organization, step: str, reason: str = "", **details: str
) -> Organization:
    advance(session, actor, organization, ORGANIZATION, step, reason=reason, **details)
    organization.version += 1
    for email, language in emails_of_editors(session, organization.key):
        send(
            session,
            email,
            "organization_decision",
            language,
            organization=organization.name,
            uid=organization.uid,
            step=step,
            reason=reason,
            until=details.get("until", ""),
        )
    return organization


# Sponsors ----------------------------------------------------------------------------------------------


def screen(
    session: Session,
    actor: Actor,
    uid: str,
    *,
    concerns: Iterable[Concern],
    decision: ScreeningDecision,
    reason: str,
) -> Organization:
    """Write down what a sponsor was found to do, what was decided and why."""
    organization = _to_decide(session, actor, uid, "screen")
    kept = remark(reason, "reason")
    found = [concern for concern in Concern if concern in set(concerns)]
    organization.screening = {
        "concerns": [concern.value for concern in found],
        "decision": decision.value,
        "reason": kept,
        "at": now().date().isoformat(),
    }
    organization.version += 1
    session.add(organization)
    record(
        session,
        actor,
        "organization.screen",
        organization,
        reason=kept,
        decision=decision.value,
        concerns=[concern.value for concern in found],
    )
    return organization


# Flags -------------------------------------------------------------------------------------------------


def raise_flag(
    session: Session, actor: Actor, uid: str, *, level: FlagLevel, risk: FlagRisk, text: str
) -> Flag:
    """Note something adverse; only facilitators see it."""
    organization = get(session, actor, uid)
    require(actor, "organization:flag", organization.key)
    flag = Flag(
        organization_id=organization.key,
        level=level,
        risk=risk,
        text=remark(text),
        raised_by=actor.user_id,
    )
    session.add(flag)
    session.flush()
    record(session, actor, "flag.raise", flag, organization=organization.uid, level=level.value)
    return flag


def judge(session: Session, actor: Actor, uid: str, flag: str, step: FlagStep, reason: str = "") -> Flag:
    """Take one of the steps below."""
    match step:
        case FlagStep.ESCALATE:
            return escalate(session, actor, uid, flag)
        case FlagStep.DISMISS:
            return dismiss(session, actor, uid, flag, reason)
        case FlagStep.CONFIRM:
            return confirm(session, actor, uid, flag, reason)


def escalate(session: Session, actor: Actor, uid: str, flag: str) -> Flag:
    """Hand a flag on: somebody other than who raised it must now decide."""
    return advance(session, actor, _flag(session, actor, uid, flag), FLAG, "escalate", organization=uid)


def dismiss(session: Session, actor: Actor, uid: str, flag: str, reason: str) -> Flag:
    """Decide that there is nothing in a flag, and say why."""
    return _judge(session, actor, uid, flag, "dismiss", reason)


def confirm(session: Session, actor: Actor, uid: str, flag: str, reason: str) -> Flag:
    """Decide that a flag is right. A red one is a bad record from now on, and must have been escalated."""
    return _judge(session, actor, uid, flag, "confirm", reason)


def _judge(session: Session, actor: Actor, uid: str, flag: str, step: str, reason: str) -> Flag:
    found = _flag(session, actor, uid, flag)
    kept = remark(reason, "reason")
    escalated = found.status is FlagStatus.ESCALATED
    if step == "confirm" and found.level is FlagLevel.RED and found.status is FlagStatus.OPEN:
        raise NotNow(Message("escalate-first", "Escalate a red flag first, so that a second person decides."))
    if escalated and actor.user_id is not None and found.raised_by == actor.user_id:
        raise NotAllowed(
            Message("second-person", "You raised this flag, so somebody else must decide it now.")
        )
    found.reason = kept
    return advance(session, actor, found, FLAG, step, reason=kept, organization=uid)


def _flag(session: Session, actor: Actor, uid: str, flag: str) -> Flag:
    organization = get(session, actor, uid)
    require(actor, "organization:flag", organization.key)
    found = session.exec(
        select(Flag).where(Flag.uid == flag, Flag.organization_id == organization.key).with_for_update()
    ).first()
    if found is None:
        raise NotFound
    if organization.key in actor.memberships:
        raise NotAllowed(
            Message("own-organization", "You belong to this organization, so somebody else must decide.")
        )
    return found
