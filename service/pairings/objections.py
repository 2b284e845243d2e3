"""Objections during public notice: raised by anybody with evidence, decided with reasons and consequences."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, cast
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.text import detect_language
from service.accounts.checks import clean_name, email_problem, name_problem, refuse
from service.accounts.queries import emails_with_role, fold_email
from service.db import now
from service.errors import BadInput, NotAllowed, NotFound, NotNow
from service.events import advance, record
from service.mail import send
from service.organizations import evidence
from service.pairings import notice, overrides, telling
from service.pairings.actions import reply_deadline
from service.pairings.inputs import refused_now
from service.pairings.models import (
    OBJECTION,
    OBJECTION_CHARACTERS,
    PAIRING,
    REMARK_CHARACTERS,
    Consequence,
    Objection,
    Pairing,
    PairingStatus,
)
from service.permissions import Role, require
from service.reviews.blinding import Curtain
from service.rounds import queries as rounds
from service.rounds.actions import advance_phase, step_back
from service.rounds.models import Application, ApplicationStatus, Round, RoundStatus
from service.rounds.phases import is_over, require_phase
from service.rounds.steps import take_step
from service.texts import MISSING, tidy, too_long
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from service.permissions import Actor

MOST_FILES = 5
FILES_MANY = Message("files-many", "Hand in at most {most} files.", most=MOST_FILES)
PER_ADDRESS, PER_EMAIL = "20/hour", "5/hour"
"""How often one may object from one network address, and under one e-mail address."""
DECIDED_IN = (RoundStatus.NOTICE, RoundStatus.MATCHING)
"""An upheld objection takes the round back to matching, where others may still wait."""
REWORK = timedelta(days=7)
"""How long matching is open anew where its planned end has passed."""


# Raising ----------------------------------------------------------------------------------------------


def raise_objection(
    session: Session,
    actor: Actor,
    one: Round,
    *,
    name: str,
    email: str,
    text: str,
    pairing: str = "",
    files: Sequence[tuple[str, bytes]] = (),
    data_dir: Path,
    language: str,
) -> Objection:
    """Say that the result, or one pairing of it (its uid), is wrong. `files`: name and content of each.

    Anybody may, until the notice ends. Who raised it is seen by facilitators only; they get a mail, and so
    does whoever raised it.
    """
    require(actor, "objection:raise")
    require_phase(one, RoundStatus.NOTICE)
    if not notice.takes_objections(session, one):
        raise NotNow(Message("notice-over", "The time to object is over."))
    refuse(
        name=name_problem(name),
        email=email_problem(email),
        text=_text_problem(text, OBJECTION_CHARACTERS),
        file=FILES_MANY if len(files) > MOST_FILES else None,
    )
    about = _line(session, one, pairing) if pairing else None
    kinds = [evidence.recognise(content) for _, content in files]
    kept = tidy(text)
    objection = Objection(
        round_id=one.key,
        pairing_id=about.pairing.key if about else None,
        name=clean_name(name),
        email=fold_email(email),
        text=kept,
        language=detect_language(kept),
        evidence=[
            {
                "filename": evidence.shown_name(filename, kind),
                "media_type": kind,
                "size": len(content),
                "sha256": evidence.keep(data_dir, content),
            }
            for (filename, content), kind in zip(files, kinds, strict=True)
        ],
        reply_language=language,
        raised_by=actor.user_id,
    )
    session.add(objection)
    session.flush()
    record(
        session,
        actor,
        "objection.raise",
        objection,
        round=one.uid,
        pairing=about.pairing.uid if about else "",
        evidence=[file["sha256"] for file in objection.evidence],
    )
    told: dict[str, Any] = {"round": one.title, "uid": one.uid, "about": _title(about)}
    send(session, objection.email, "objection-received", language, text=kept, **told)
    for address, spoken in emails_with_role(session, Role.FACILITATOR):
        send(session, address, "objection-raised", spoken, **told)
    return objection


def _text_problem(text: str, most: int) -> Message | None:
    kept = tidy(text)
    if not kept:
        return MISSING
    return too_long(most) if len(kept) > most else None


def _line(session: Session, one: Round, uid: str) -> notice.Proposed:
    for line in notice.lines(session, one):
        if line.pairing.uid == uid and line.pairing.status in notice.SHOWN:
            return line
    raise BadInput.one("pairing", Message("choose-listed", "Choose from the list."))


def _title(about: notice.Proposed | None) -> str:
    return f"{about.need.title} – {about.offer.title}" if about else ""


def piece_of_evidence(session: Session, actor: Actor, uid: str, number: int) -> dict[str, Any]:
    """One file of an objection, for those who decide it. Raises NotFound."""
    files = notice.objection(session, actor, uid).evidence
    if not 1 <= number <= len(files):
        raise NotFound
    return files[number - 1]


def holds_content(session: Session, sha256: str) -> bool:
    """Whether an objection refers to a content; for `evidence.HOLDERS`."""
    wanted = cast(col(Objection.evidence), String).contains(sha256, autoescape=True)
    return session.exec(select(Objection.id).where(wanted).limit(1)).first() is not None


# Deciding ---------------------------------------------------------------------------------------------


def dismiss(
    session: Session, actor: Actor, one: Round, uid: str, reason: str, *, names_nobody: bool = False
) -> Objection:
    """Decide that the result stands; the reason is published."""
    objection = _to_decide(session, actor, one, uid)
    kept = _published(objection, reason, names_nobody=names_nobody)
    return _decide(session, actor, one, objection, "dismiss", kept)


def uphold(
    session: Session,
    actor: Actor,
    one: Round,
    uid: str,
    follows: Consequence,
    reason: str,
    *,
    names_nobody: bool = False,
) -> Objection:
    """Decide that the result is wrong; the reason is published and the round goes back to matching.

    What follows is decided with it: the pairing is dropped and cannot come again, one of its sides is
    declined with all its pairings, or the result is worked on again. It then stands in notice anew.
    """
    objection = _to_decide(session, actor, one, uid)
    kept = _published(objection, reason, names_nobody=names_nobody)
    pairing = session.get(Pairing, objection.pairing_id) if objection.pairing_id else None
    if pairing is None and follows is not Consequence.REWORK:
        raise BadInput.one(
            "follows",
            Message(
                "follows-pairing", "This objection is about the result as a whole: no pairing can be dropped."
            ),
        )
    objection.follows = follows
    _decide(session, actor, one, objection, "uphold", kept, follows=follows.value)
    if one.status is RoundStatus.NOTICE:
        matching = rounds.phase_of(session, one, RoundStatus.MATCHING)
        step_back(session, actor, one, kept, ends=now() + REWORK if is_over(matching, now()) else None)
    if pairing is not None:
        _follow(session, actor, one, pairing, follows, kept)
    return objection


def confirm(session: Session, actor: Actor, one: Round) -> Round:
    """Confirm the result after its notice and move the round on.

    Raises NotNow while the notice lasts, which is everybody's right, or while an objection is not decided.
    """
    require(actor, "objection:decide")
    require_phase(one, RoundStatus.NOTICE)
    return advance_phase(session, actor, one)


def confirmed(session: Session, actor: Actor, one: Round) -> None:
    """The notice is over and the result stands: both sides are told, and their days to reply count from now.

    Whoever was barred meanwhile, or owes reports where the round asks for them, is declined with the reason.
    For `phases.AFTER_LEAVING`.
    """
    _decline_refused(session, actor, one)
    standing = [line for line in notice.lines(session, one) if line.pairing.status in notice.SHOWN]
    until = reply_deadline(one)
    for line in standing:
        if line.pairing.status is PairingStatus.RELEASED:
            line.pairing.reply_by = until
            line.pairing.version += 1
            session.add(line.pairing)
    record(
        session,
        actor,
        "round.confirm",
        one,
        round=one.uid,
        pairings=[line.pairing.uid for line in standing],
        reply_by=until.isoformat(),
    )
    telling.tell_confirmed(session, one, standing, until)


def _decline_refused(session: Session, actor: Actor, one: Round) -> None:
    standing = [line for line in notice.lines(session, one) if line.pairing.status in notice.SHOWN]
    sides = {line.need.uid: (line.need, line.pairing.need_id) for line in standing}
    sides |= {line.offer.uid: (line.offer, line.pairing.offer_id) for line in standing}
    refused = refused_now(session, one, [listing for listing, _ in sides.values()])
    for uid, reason in sorted(refused.items()):
        _decline(session, actor, one, sides[uid][1], say(reason, one.language))


def _to_decide(session: Session, actor: Actor, one: Round, uid: str) -> Objection:
    objection = notice.objection(session, actor, uid, lock=True)
    if objection.round_id != one.key:
        raise NotFound
    require_phase(one, DECIDED_IN)
    if objection.pairing_id:
        [line] = notice.lines(session, one, {objection.pairing_id})
        if {line.needing.key, line.giving.key} & set(actor.memberships):
            raise NotAllowed(
                Message(
                    "own-objection", "It concerns an organization of yours, so somebody else must decide."
                )
            )
    return objection


def _published(objection: Objection, reason: str, *, names_nobody: bool) -> str:
    """A reason that everybody may read. Raises BadInput where it seems to say who objected.

    `names_nobody`: somebody has looked, and it does not; names are ordinary words too.
    """
    refuse(reason=_text_problem(reason, REMARK_CHARACTERS))
    kept = tidy(reason)
    if not names_nobody and Curtain([objection.name]).over(kept) != kept:
        raise BadInput.one(
            "reason",
            Message(
                "reason-personal",
                "The reason is published, and it seems to say who objected, or an address. "
                "Take that out, or confirm that it names nobody.",
            ),
        )
    return kept


def _decide(
    session: Session, actor: Actor, one: Round, objection: Objection, step: str, reason: str, **details: str
) -> Objection:
    advance(session, actor, objection, OBJECTION, step, reason=reason, round=one.uid, **details)
    objection.reason, objection.decided_by, objection.decided = reason, actor.user_id, now()
    objection.version += 1
    send(
        session,
        objection.email,
        "objection-decided",
        objection.reply_language,
        round=one.title,
        uid=one.uid,
        step=step,
        reason=reason,
    )
    return objection


def _follow(
    session: Session, actor: Actor, one: Round, pairing: Pairing, follows: Consequence, reason: str
) -> None:
    match follows:
        case Consequence.DROP:
            _drop(session, actor, one, pairing, reason)
            overrides.exclude(session, actor, one, pairing, reason)
        case Consequence.DECLINE_NEED:
            _decline(session, actor, one, pairing.need_id, reason)
        case Consequence.DECLINE_OFFER:
            _decline(session, actor, one, pairing.offer_id, reason)
        case Consequence.REWORK:
            pass


def _drop(session: Session, actor: Actor, one: Round, pairing: Pairing, reason: str) -> None:
    pairing.reason = reason
    pairing.version += 1
    advance(session, actor, pairing, PAIRING, "drop", reason=reason, round=one.uid)


def _decline(session: Session, actor: Actor, one: Round, application_id: int, reason: str) -> None:
    """Decline one side, and drop everything that the result gives it."""
    application = session.get_one(Application, application_id)
    if application.status in (ApplicationStatus.SHORTLISTED, ApplicationStatus.WAITLISTED):
        take_step(session, actor, one, application, "unlist", reason=reason, tell=False)
    take_step(session, actor, one, application, "decline", reason=reason)
    open_ones = select(Pairing).where(
        (col(Pairing.need_id) == application_id) | (col(Pairing.offer_id) == application_id),
        col(Pairing.status).in_(notice.SHOWN),
    )
    for pairing in session.exec(open_ones).all():
        if "drop" in PAIRING.possible(pairing.status):
            _drop(session, actor, one, pairing, reason)
