"""Writing rounds: begin one, change its facts, times and rules, move it from phase to phase."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, select

from matching.messages import Message
from matching.rules import load_preset, merged, preset_names
from matching.text import detect_language
from service.accounts.queries import emails_of_editors
from service.db import now
from service.errors import BadInput, Changed, FieldProblem, NotFound, NotNow
from service.events import advance, record
from service.mail import send
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.permissions import require
from service.rounds import calendar, checks, queries, ruling
from service.rounds.models import (
    REMARK_CHARACTERS,
    ROUND,
    TITLE_CHARACTERS,
    ApplicationStatus,
    OwnPreset,
    Round,
    RoundPhase,
    RoundStatus,
)
from service.rounds.phases import (
    AFTER_LEAVING,
    BACK,
    BEFORE_LEAVING,
    NAMES,
    STEPS,
    back_to,
    following,
    has_reached,
    is_over,
)
from service.rounds.shapes import PhaseIn, RoundIn
from service.texts import MISSING, said, tidy

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from service.permissions import Actor

_FACTS = ("title", "summary", "language", "themes", "time_zone", "venue", "calendar", "automatic")


# Beginning and changing -------------------------------------------------------------------------------


def create(session: Session, actor: Actor, given: RoundIn, *, synthetic: bool = False) -> Round:
    """Begin a round as a draft, from a preset of the house or one of one's own."""
    require(actor, "round:run")
    own = session.exec(select(OwnPreset).where(OwnPreset.uid == given.preset)).first()
    if own is not None:
        given = given.model_copy(
            update={
                "preset": own.preset,
                "phases": given.phases or own.phases,
                "rules": merged(own.rules, given.rules),
            }
        )
    if given.preset not in preset_names():
        raise BadInput.one("preset", Message("preset-unknown", "Choose one of the presets in the list."))
    given = _understood(session, actor, given, None)
    one = Round(title=given.title, preset=given.preset, created_by=actor.user_id, synthetic=synthetic)
    _take(session, actor, one, given)
    one.rules = given.rules
    one.phases = list(given.phases or load_preset(given.preset).process.phases)
    session.add(one)
    session.flush()
    _keep_plan(session, one, given.plan)
    told = {"named": one.title, "preset": one.preset, "themes": one.themes}
    record(session, actor, "round.create", one, reason=given.reason, round=one.uid, **told)
    return one


def edit(session: Session, actor: Actor, uid: str, given: RoundIn, *, version: int | None = None) -> Round:
    """Replace the facts, times and rules of a round. Raises Changed where it is no longer at `version`.

    Once matching has begun, other rules need a reason; what was changed stands in the log before and after.
    """
    one = queries.get(session, actor, uid, lock=True)
    require(actor, "round:run")
    if version is not None and one.version != version:
        raise Changed
    if one.status in (RoundStatus.CLOSED, RoundStatus.CANCELLED):
        raise NotNow(Message("round-over", "This round is over."))
    given = _understood(session, actor, given, one)
    plan = queries.plan_of(session, one)
    before = queries.as_given(session, one)
    differing = ruling.changes(one.preset, one.rules, given.rules)
    if differing and has_reached(one, RoundStatus.MATCHING) and not given.reason.strip():
        raise BadInput.one(
            "reason",
            Message("rules-reason", "Matching has begun. Give a reason for changing the rules now."),
        )
    _take(session, actor, one, given)
    one.phases, one.rules = list(given.phases or one.phases), given.rules
    _keep_plan(session, one, given.plan, plan)
    after = queries.as_given(session, one)
    facts = [fact for fact in (*_FACTS, "host", "phases") if getattr(before, fact) != getattr(after, fact)]
    times = _times_changed(before.plan, after.plan)
    if not (facts or differing or times):
        return one
    one.version += 1
    session.add(one)
    reason = given.reason.strip()
    if facts:
        record(session, actor, "round.edit", one, round=one.uid, fields=facts)
    if times:
        record(session, actor, "round.plan", one, round=one.uid, times=times)
    if differing:
        record(session, actor, "round.change_rules", one, round=one.uid, reason=reason, rules=differing)
    return one


def keep_preset(session: Session, actor: Actor, one: Round, name: str) -> OwnPreset:
    """Keep a round's phases and rules under a name, to begin others with; the same name takes the new rules.

    Funds stay behind: they name offers of this round.
    """
    require(actor, "round:run")
    kept = tidy(name)[:TITLE_CHARACTERS]
    if not any(character.isalnum() for character in kept):
        raise BadInput.one("name", MISSING)
    found = session.exec(select(OwnPreset).where(OwnPreset.name == kept)).first()
    own = found or OwnPreset(name=kept, preset=one.preset, created_by=actor.user_id)
    own.preset, own.phases = one.preset, list(one.phases)
    own.rules = {key: value for key, value in one.rules.items() if key != "budgets"}
    session.add(own)
    session.flush()
    record(session, actor, "round_preset.keep", own, round=one.uid, named=kept)
    return own


def discard_preset(session: Session, actor: Actor, uid: str) -> None:
    """Discard a preset of one's own; rounds that began with it keep their rules. Raises NotFound."""
    require(actor, "round:run")
    own = session.exec(select(OwnPreset).where(OwnPreset.uid == uid)).first()
    if own is None:
        raise NotFound
    record(session, actor, "round_preset.discard", own, named=own.name)
    session.delete(own)


def _understood(session: Session, actor: Actor, given: RoundIn, one: Round | None) -> RoundIn:
    """What is given, tidied, with moments that know their zone. Raises BadInput with all that is wrong."""
    plan = [
        PhaseIn(
            phase=phase.phase,
            starts=checks.in_zone(phase.starts, given.time_zone),
            ends=checks.in_zone(phase.ends, given.time_zone),
        )
        for phase in given.plan
    ]
    texts = {name: tidy(getattr(given, name)) for name in ("title", "summary", "venue", "reason")}
    kept = {"plan": plan, "calendar": given.calendar.upper(), "rules": ruling.tidied(given.rules)}
    given = given.model_copy(update={**texts, **kept})
    problems = [*checks.problems(given), *ruling.problems(given.preset, given.rules)]
    if given.host and _host(session, actor, given.host) is None:
        problems.append(FieldProblem("host", Message("host-unknown", "Choose an organization of the list.")))
    if one is not None and given.phases and (reason := checks.changed_phases(one, given.phases)):
        problems.append(FieldProblem("phases", reason))
    if problems:
        raise BadInput(problems)
    return given


def _take(session: Session, actor: Actor, one: Round, given: RoundIn) -> None:
    for fact in _FACTS:
        setattr(one, fact, getattr(given, fact))
    one.language = given.language or detect_language(f"{given.title}\n{given.summary}")
    host = _host(session, actor, given.host)
    one.host_id = host.key if host else None


def _host(session: Session, actor: Actor, uid: str) -> Organization | None:
    found = organizations.visible_to(actor).where(Organization.uid == uid)
    return session.exec(found).first()


def _keep_plan(
    session: Session, one: Round, plan: Iterable[PhaseIn], kept: dict[str, RoundPhase] | None = None
) -> None:
    """A row for each phase the round has; a new end means that people have not been reminded of it."""
    rows = dict(kept or {})
    for phase in [phase for phase in rows if phase not in one.phases]:
        session.delete(rows.pop(phase))
    for phase in one.phases:
        rows.setdefault(phase, RoundPhase(round_id=one.key, phase=phase))
    for given in plan:
        if given.phase in rows:
            row = rows[given.phase]
            row.reminded = row.reminded if row.ends == given.ends else None
            row.starts, row.ends = given.starts, given.ends
    session.add_all(rows.values())
    session.flush()


def _times_changed(before: Iterable[PhaseIn], after: Iterable[PhaseIn]) -> dict[str, list[str | None]]:
    def told(plan: Iterable[PhaseIn]) -> dict[str, str | None]:
        return {
            f"{one.phase}.{name}": moment.isoformat() if moment else None
            for one in plan
            for name, moment in (("starts", one.starts), ("ends", one.ends))
        }

    old, new = told(before), told(after)
    return {key: [old.get(key), new.get(key)] for key in sorted({*old, *new}) if old.get(key) != new.get(key)}


# Moving on --------------------------------------------------------------------------------------------


def obstacle(session: Session, one: Round) -> Message | None:
    """What stands in the way of the next phase; None where nothing does."""
    target = following(one)
    if target is None:
        return Message("round-over", "This round is over.")
    if one.status is RoundStatus.DRAFT and (reason := _not_ready(session, one)):
        return reason
    phase = queries.plan_of(session, one).get(one.status.value)
    if one.status is RoundStatus.NOTICE and phase and phase.ends and not is_over(phase, now()):
        return Message(
            "notice-runs",
            "The result stands in public notice until {day}; nothing goes on before.",
            day=phase.ends.astimezone(checks.zone(one.time_zone)).date(),
        )
    reasons = (check(session, one) for check in BEFORE_LEAVING.get(one.status, ()))
    return next((reason for reason in reasons if reason is not None), None)


def _not_ready(session: Session, one: Round) -> Message | None:
    """Why a draft cannot be opened yet."""
    if ruling.problems(one.preset, one.rules):
        return Message("rules-invalid", "Its rules cannot be used as they are. Mend them first.")
    phase = queries.plan_of(session, one).get(RoundStatus.OPEN.value)
    if RoundStatus.SCREENING.value in one.phases and (phase is None or phase.ends is None):
        return Message(
            "end-needed",
            "Say until when organizations may apply: screening follows, and everybody needs the deadline.",
        )
    if is_over(phase, now()):
        return Message("end-passed", "The time to apply is over already. Move its end first.")
    return None


def advance_phase(session: Session, actor: Actor, one: Round) -> Round:
    """Move a round on to the next phase that it has. Raises NotNow with what stands in the way."""
    require(actor, "round:run")
    target = following(one)
    if reason := obstacle(session, one):
        raise NotNow(reason)
    if target is None:
        raise NotNow(Message("round-over", "This round is over."))
    left = one.status
    advance(session, actor, one, ROUND, STEPS[target], round=one.uid)
    _begin(session, actor, one)
    one.version += 1
    for do in AFTER_LEAVING.get(left, ()):
        do(session, actor, one)
    return one


def _begin(session: Session, actor: Actor, one: Round) -> None:
    """Note when a phase began. Public notice lasts its working days, counted from the day after."""
    phase = queries.plan_of(session, one).get(one.status.value)
    if phase is None:
        return
    moment = now()
    phase.began, phase.reminded = moment, None
    days = queries.preset_of(one).process.notice_working_days
    if one.status is RoundStatus.NOTICE and days:
        today = moment.astimezone(checks.zone(one.time_zone)).date()
        least = checks.end_of(calendar.calendar_of(session, one.calendar).after(today, days), one.time_zone)
        if phase.ends is None or phase.ends < least:
            phase.ends = least
            times = {"notice.ends": [None, least.isoformat()]}
            record(session, actor, "round.plan", one, round=one.uid, times=times)
    session.add(phase)


def step_back(
    session: Session, actor: Actor, one: Round, reason: str, *, ends: datetime | None = None
) -> Round:
    """Go back to an earlier phase, with a reason; `ends`: until when it is open anew.

    A phase whose time has passed takes nothing in, so it needs a new end to be of use. Times of later phases
    that lie before that end hold no longer: a round that moves on by itself would rush through them.
    """
    require(actor, "round:run")
    reason = said(reason, "reason", REMARK_CHARACTERS)
    target = back_to(one)
    if target is None:
        raise NotNow(
            Message("no-way-back", "From the phase “{phase}” there is no way back.", phase=NAMES[one.status])
        )
    phase = queries.plan_of(session, one).get(target.value)
    ends = checks.in_zone(ends, one.time_zone)
    if ends is not None and ends <= now():
        raise BadInput.one("ends", Message("end-past", "Choose a moment that is still to come."))
    if ends is not None and checks.is_far(ends):
        raise BadInput.one("ends", checks.FAR)
    if ends is None and is_over(phase, now()):
        raise BadInput.one(
            "ends", Message("end-needed-again", "The time of that phase has passed. Say until when it lasts.")
        )
    details = {} if ends is None else {"ends": ends.isoformat()}
    advance(session, actor, one, ROUND, BACK[one.status], reason=reason, round=one.uid, **details)
    if phase is not None and ends is not None:
        phase.ends = ends
        if outrun := _outrun(session, one, target, ends):
            record(session, actor, "round.plan", one, round=one.uid, times=outrun)
    _begin(session, actor, one)
    one.version += 1
    return one


def _outrun(session: Session, one: Round, phase: RoundStatus, ends: datetime) -> dict[str, list[str | None]]:
    """Take away the planned times after a phase that lie before its end; what they were, for the log."""
    taken: dict[str, list[str | None]] = {}
    later = one.phases[one.phases.index(phase.value) + 1 :]
    for row in queries.plan_of(session, one).values():
        for name in ("starts", "ends"):
            moment = getattr(row, name)
            if row.phase in later and moment is not None and moment < ends:
                setattr(row, name, None)
                taken[f"{row.phase}.{name}"] = [moment.isoformat(), None]
    return taken


def cancel(session: Session, actor: Actor, one: Round, reason: str) -> Round:
    """Call a round off, with a reason that all who have applied are told."""
    require(actor, "round:run")
    reason = said(reason, "reason", REMARK_CHARACTERS)
    advance(session, actor, one, ROUND, "cancel", reason=reason, round=one.uid)
    one.version += 1
    taking_part = {
        application.organization_id
        for application in queries.applications_of(session, one)
        if application.status is not ApplicationStatus.WITHDRAWN
    }
    for organization in sorted(taking_part):
        for email, language in emails_of_editors(session, organization):
            send(
                session,
                email,
                "round_cancelled",
                language,
                title=one.title,
                uid=one.uid,
                reason=reason,
            )
    return one
