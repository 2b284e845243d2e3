"""What comes of the reviews: shortlist and waiting list by pass mark and number, declines, all with mails."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.events import record
from service.permissions import require
from service.reviews.checks import reason_of
from service.reviews.criteria import label
from service.reviews.models import VerdictStep
from service.reviews.scoring import criteria_of, standings
from service.rounds import queries as rounds
from service.rounds.models import APPLICATION, Application, ApplicationStatus, RoundStatus
from service.rounds.phases import require_phase
from service.rounds.screening import conflict
from service.rounds.steps import mail_editors, take_step
from service.wording import say

if TYPE_CHECKING:
    from service.permissions import Actor
    from service.reviews.scoring import Standing
    from service.rounds.models import Round

_A = ApplicationStatus
BY_HAND = (RoundStatus.REVIEWING, RoundStatus.MATCHING)
"""While one application can be decided by hand: a place may become free when the match is made already."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Who would be shortlisted, who would wait and who would be declined, each the best first."""

    fingerprint: str
    shortlist: tuple[Standing, ...]
    waiting: tuple[Standing, ...]
    declined: tuple[Standing, ...]
    """Below their mark."""
    unscored: tuple[Standing, ...]
    """Nobody has handed in a review; they stay as they are."""
    listed: int
    """How many are on the shortlist already."""
    open: int
    """Reviews of them that are still to be written."""


def cut(session: Session, actor: Actor, one: Round, number: int | None = None) -> Cut:
    """Where the line falls: the best of those that reach their mark, `number` with those already listed."""
    require(actor, "review:assign")
    rows = standings(session, one).rows
    listed = sum(row.application.status is _A.SHORTLISTED for row in rows)
    asked = [row for row in rows if row.application.status in (_A.ELIGIBLE, _A.WAITLISTED)]
    passing = [row for row in asked if row.passes]
    places = len(passing) if number is None else max(0, number - listed)
    below = [row for row in asked if row.after is not None and not row.passes]
    told = [
        [row.application.uid, row.application.status.value, row.after and round(row.after, 6), row.mark]
        for row in rows
    ]
    return Cut(
        fingerprint=hashlib.sha256(json.dumps([told, number]).encode()).hexdigest(),
        shortlist=tuple(passing[:places]),
        waiting=tuple(passing[places:]),
        declined=tuple(below),
        unscored=tuple(row for row in asked if row.after is None),
        listed=listed,
        open=sum(row.open for row in asked),
    )


def shortlist(
    session: Session,
    actor: Actor,
    one: Round,
    number: int | None = None,
    *,
    decline_reason: str = "",
    fingerprint: str = "",
) -> Cut:
    """Decide as `cut` shows; with a reason, those below their mark are declined too.

    Raises NotNow where scores have changed since `fingerprint` was looked at.
    """
    require(actor, "review:assign")
    one = rounds.get(session, actor, one.uid, lock=True)
    require_phase(one, RoundStatus.REVIEWING)
    line = cut(session, actor, one, number)
    if fingerprint and fingerprint != line.fingerprint:
        raise NotNow(
            Message("cut-old", "Scores have changed since you looked. Look at the new proposal first.")
        )
    kept = reason_of(decline_reason, "decline_reason") if decline_reason.strip() else ""
    for row in line.shortlist:
        _decide(session, actor, one, row, "shortlist")
    for place, row in enumerate(line.waiting, 1):
        row.application.place = place
        if row.application.status is _A.ELIGIBLE:
            _decide(session, actor, one, row, "waitlist")
        else:
            _keep_score(session, row)
    for row in line.declined if kept else ():
        _decide(session, actor, one, row, "decline", reason=kept)
    record(
        session,
        actor,
        "round.shortlist",
        one,
        reason=kept,
        round=one.uid,
        number=number,
        shortlisted=len(line.shortlist),
        waiting=len(line.waiting),
        declined=len(line.declined) if kept else 0,
    )
    return line


def decide(
    session: Session, actor: Actor, one: Round, uid: str, step: VerdictStep, reason: str
) -> Application:
    """Decide one application by hand, with the reason; the waiting list closes up behind it.

    Raises NotAllowed where the actor belongs to its organization and somebody else can decide.
    """
    require(actor, "review:assign")
    one = rounds.get(session, actor, one.uid, lock=True)
    require_phase(one, BY_HAND)
    kept = reason_of(reason)
    row = next((row for row in standings(session, one).rows if row.application.uid == uid), None)
    if row is None:
        raise NotFound
    if why := conflict(session, actor, row.application):
        raise NotAllowed(why)
    APPLICATION.after(row.application.status, step.value, kept)
    if step is VerdictStep.WAITLIST:
        row.application.place = len(_waiting(session, one)) + 1
    _decide(session, actor, one, row, step.value, reason=kept)
    _close_up(session, one)
    return row.application


def call_up(session: Session, actor: Actor, one: Round, reason: str) -> Application:
    """Shortlist the first on the waiting list. Raises NotNow where nobody waits."""
    require(actor, "review:assign")
    waiting = _waiting(session, one)
    if not waiting:
        raise NotNow(Message("nobody-waits", "Nobody is on the waiting list."))
    return decide(session, actor, one, waiting[0].uid, VerdictStep.SHORTLIST, reason)


def _waiting(session: Session, one: Round) -> list[Application]:
    wanted = select(Application).where(
        Application.round_id == one.key, Application.status == ApplicationStatus.WAITLISTED
    )
    return list(session.exec(wanted.order_by(col(Application.place), col(Application.id))))


def _close_up(session: Session, one: Round) -> None:
    session.flush()
    for place, application in enumerate(_waiting(session, one), 1):
        application.place = place
        session.add(application)


def _keep_score(session: Session, row: Standing) -> None:
    """Write down by which scores it is decided, so that the decision can be defended later."""
    row.application.score = row.after
    session.add(row.application)
    for one in row.reviews:
        one.review.normalised = one.after
        session.add(one.review)


def _decide(
    session: Session,
    actor: Actor,
    one: Round,
    row: Standing,
    step: str,
    *,
    reason: str = "",
) -> None:
    application = row.application
    _keep_score(session, row)
    application.place = application.place if step == "waitlist" else None
    unlisted = step == VerdictStep.UNLIST
    take_step(
        session,
        actor,
        one,
        application,
        step,
        reason=reason,
        tell=unlisted,
        score=None if row.after is None else round(row.after, 2),
        before_normalisation=None if row.before is None else round(row.before, 2),
        mark=row.mark,
        place=application.place,
    )
    if not unlisted:
        _tell_outcome(session, one, row, step)


def _tell_outcome(session: Session, one: Round, row: Standing, step: str) -> None:
    """The outcome to the applicant's editors; scores and comments, unnamed, where the round tells them."""
    criteria = criteria_of(one)
    tells = rounds.preset_of(one).process.tell_scores and row.after is not None
    mail_editors(
        session,
        one,
        row.application,
        "review-outcome",
        lambda language: {
            "step": step,
            "reason": row.application.reason,
            "place": row.application.place,
            "score": round(row.after, 1) if tells and row.after is not None else None,
            "mark": row.mark,
            "criteria": [
                [say(label(code), language), round(points, 1)]
                for code, points in (row.by_criterion(criteria) if tells else {}).items()
            ],
            "comments": [one.review.comment for one in row.reviews] if tells else [],
        },
    )


def number_of(text: str) -> int | None:
    """How many shall be shortlisted, as typed; empty: all that pass. Raises BadInput."""
    if not text.strip():
        return None
    if not (text.strip().isdecimal() and len(text.strip()) < 6):
        raise BadInput.one("number", Message("not-whole", "Write a whole number."))
    return int(text)
