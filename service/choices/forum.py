"""The hall: the facilitator steers it, organizations check in, codes are given out and revoked."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlmodel import Session, select

from matching.messages import Message
from service.choices import presence, queries
from service.choices.lapsing import lapse_all
from service.choices.models import LIVE_STAGE, NOTICE_CHARACTERS, Attendance, LiveStage, LiveStatus, StageIn
from service.choices.next_in_line import look_for_next
from service.db import now
from service.errors import BadInput, NotFound, NotNow
from service.events import advance, record
from service.organizations.models import Organization
from service.permissions import require
from service.rounds import queries as rounds
from service.rounds.models import Application, Round, RoundStatus
from service.rounds.phases import NAMES, has_reached
from service.texts import tidy

if TYPE_CHECKING:
    from service.permissions import Actor


def require_forum(one: Round) -> None:
    """Raise NotNow unless people may come together for this round: it is open and not being delivered."""
    if not has_reached(one, RoundStatus.OPEN) or has_reached(one, RoundStatus.DELIVERING):
        raise NotNow(
            Message(
                "no-forum",
                "This round is in the phase “{phase}”: nobody comes together for it now.",
                phase=NAMES[one.status],
            )
        )


def stage_of(session: Session, one: Round) -> LiveStage:
    """The stage, held by this transaction; a new one where nothing was live yet."""
    session.exec(select(Round.id).where(Round.id == one.key).with_for_update()).one()
    return queries.stage(session, one) or LiveStage(round_id=one.key)


def steer(session: Session, actor: Actor, one: Round, given: StageIn) -> LiveStage:
    """Change what is going on in the hall: its step, who is shown, the notice, the countdown."""
    require(actor, "forum:steer")
    require_forum(one)
    stage = stage_of(session, one)
    fields = given.model_fields_set
    changes: dict[str, str] = {}
    if given.notice is not None and "notice" in fields:
        changes["notice"] = stage.notice = tidy(given.notice)[:NOTICE_CHARACTERS]
    if given.spotlight is not None:
        shown = _shown(session, one, given.spotlight)
        stage.spotlight_id = shown.key if shown else None
        changes["spotlight"] = given.spotlight
    if given.minutes is not None:
        stage.ends = now() + timedelta(minutes=given.minutes) if given.minutes else None
        changes["ends"] = stage.ends.isoformat() if stage.ends else ""
    stage.version += 1
    session.add(stage)
    session.flush()
    if given.step is not None:
        _take_step(session, actor, one, stage, given, changes)
    elif changes:
        record(session, actor, "live_stage.change", stage, round=one.uid, **changes)
    return stage


def _take_step(
    session: Session, actor: Actor, one: Round, stage: LiveStage, given: StageIn, changes: dict[str, str]
) -> None:
    state = queries.choosing(session, one)
    if given.step == "choose" and state.over is not None:
        raise NotNow(state.over)
    advance(
        session,
        actor,
        stage,
        LIVE_STAGE,
        given.step or "",
        reason=tidy(given.reason),
        round=one.uid,
        **changes,
    )


def _shown(session: Session, one: Round, uid: str) -> Application | None:
    if not uid:
        return None
    found = session.exec(select(Application).where(Application.uid == uid, rounds.matchable(one))).first()
    if found is None:
        raise BadInput.one("spotlight", Message("spotlight-unknown", "Choose an application of this round."))
    return found


def close(session: Session, actor: Actor, one: Round) -> int:
    """Close the choosing: whatever both sides have not answered lapses; how many."""
    require(actor, "forum:steer")
    state = queries.choosing(session, one)
    if state.over is not None:
        raise NotNow(state.over)
    stage = stage_of(session, one)
    if stage.status is not LiveStatus.ENDED:
        session.add(stage)
        session.flush()
        advance(session, actor, stage, LIVE_STAGE, "end", round=one.uid)
        stage.version += 1
    state = queries.choosing(session, one)
    lapsed = lapse_all(session, actor, state)
    record(session, actor, "round.close_choosing", one, round=one.uid, lapsed=lapsed)
    if lapsed:
        look_for_next(session, state)
    return lapsed


# Who is there -------------------------------------------------------------------------------------------


def check_in(session: Session, actor: Actor, one: Round, organization: Organization) -> Attendance:
    """Mark an organization present: by hand, or by a phone that came with its code."""
    require_forum(one)
    by_code = organization.key in actor.memberships and not actor.signed_in
    if not by_code:
        require(actor, "forum:steer")
    there = _place(session, one, organization)
    if there.checked_in is None:
        there.checked_in, there.checked_in_by = now(), actor.user_id
        there.version += 1
        session.add(there)
        session.flush()
        record(
            session,
            actor,
            "attendance.check_in",
            there,
            round=one.uid,
            organization=organization.uid,
            by_code=by_code,
        )
    return there


def check_out(session: Session, actor: Actor, one: Round, organization: Organization) -> None:
    """Take back that an organization is present."""
    require(actor, "forum:steer")
    there = presence.attendance(session, one, organization.key)
    if there is None or there.checked_in is None:
        return
    there.checked_in = there.checked_in_by = None
    there.version += 1
    session.add(there)
    record(session, actor, "attendance.check_out", there, round=one.uid, organization=organization.uid)


def revoke_code(session: Session, actor: Actor, one: Round, organization: Organization) -> Attendance:
    """Give an organization a new code; phones that came in with the old one are turned away."""
    require(actor, "forum:steer")
    there = _place(session, one, organization)
    there.code += 1
    there.version += 1
    session.add(there)
    session.flush()
    record(session, actor, "attendance.revoke_code", there, round=one.uid, organization=organization.uid)
    return there


def _place(session: Session, one: Round, organization: Organization) -> Attendance:
    session.exec(select(Organization.id).where(Organization.id == organization.key).with_for_update()).one()
    found = presence.attendance(session, one, organization.key)
    if found is None:
        belongs = session.exec(
            select(Application.id)
            .where(Application.round_id == one.key, Application.organization_id == organization.key)
            .limit(1)
        ).first()
        if belongs is None:
            raise NotFound
        found = Attendance(round_id=one.key, organization_id=organization.key)
    return found
