"""What time does to rounds: facilitators are told that a phase ends soon; the next may begin by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from service.accounts.queries import emails_with_role
from service.db import now, writing
from service.i18n import moment_text
from service.mail import send
from service.permissions import SYSTEM_ACTOR, Role
from service.rounds import actions
from service.rounds.models import Round, RoundPhase, RoundStatus
from service.rounds.phases import NAMES, clock, following
from service.wording import say

if TYPE_CHECKING:
    from service.jobs import Work


def _running(session: Session) -> list[tuple[Round, RoundPhase]]:
    """The rounds whose present phase has an end, with that phase; nobody else changes them meanwhile."""
    found = session.exec(
        select(Round, RoundPhase)
        .where(
            col(RoundPhase.round_id) == col(Round.id),
            col(RoundPhase.phase) == col(Round.status),
            col(RoundPhase.ends).is_not(None),
        )
        .order_by(col(Round.id))
        .with_for_update(of=Round)
    )
    return list(found)


def remind_phases(work: Work) -> None:
    """The job that tells facilitators, once for each end of a phase, that it comes soon.

    Organizations that have a draft are told by `applying.remind_applicants`.
    """
    moment = now()
    with writing(work.engine) as session:
        for one, phase in _running(session):
            reminds = clock(one, {phase.phase: phase}, moment).reminds
            if phase.reminded is not None or phase.ends is None or reminds is None:
                continue
            if reminds <= moment < phase.ends:
                phase.reminded = moment
                session.add(phase)
                _tell(session, one, phase)


def _tell(session: Session, one: Round, phase: RoundPhase) -> None:
    next_phase = following(one)
    assert phase.ends is not None  # noqa: S101 — only phases that end are told of
    for email, language in emails_with_role(session, Role.FACILITATOR):
        send(
            session,
            email,
            "round_phase_ends",
            language,
            title=one.title,
            uid=one.uid,
            phase=say(NAMES[one.status], language),
            next=say(NAMES[next_phase], language) if next_phase else "",
            day=moment_text(phase.ends, language, one.time_zone),
            zone=one.time_zone,
            automatic=one.automatic,
        )


def advance_phases(work: Work) -> None:
    """The job that begins the next phase of rounds that want it, where the time of one is over.

    Where something stands in the way nothing happens, and the round is shown as overdue. The last step, to
    close a round, is left to people.
    """
    moment = now()
    with writing(work.engine) as session:
        for one, phase in _running(session):
            if not one.automatic or phase.ends is None or phase.ends >= moment:
                continue
            if following(one) is not RoundStatus.CLOSED and actions.obstacle(session, one) is None:
                actions.advance_phase(session, SYSTEM_ACTOR, one)
