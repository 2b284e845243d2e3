"""The job behind the match button: the matcher runs outside any transaction, its result is kept as a whole.

It may be delivered twice, killed at any moment and begun anew: pairings are written together with the step
that ends the run, and only by whoever still finds it running. While it works, what it tells of its progress
doubles as the question whether somebody has cancelled it.
"""

from __future__ import annotations

from time import monotonic
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, update
from sqlmodel import Session, col, select

from matching.errors import Infeasible, MatchingError
from matching.matcher import match
from matching.messages import Message
from service.db import now, public_id, reading, writing
from service.events import advance
from service.pairings import queries
from service.pairings.alarms import left_with_nothing
from service.pairings.inputs import cooperations_in, profiles_in, rules_of, what_changed
from service.pairings.models import MATCH_RUN, MatchRun, MatchRunStatus, Pairing, PairingStatus
from service.pairings.showing import result_of
from service.permissions import SYSTEM_ACTOR
from service.results.keeping import kept_certificate, kept_findings, kept_pairing
from service.results.running import checked, done_share
from service.rounds.models import Round
from service.wording import stored

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from matching.outcome import Matching
    from service.jobs import Work

TOLD_EVERY = 0.3
"""Seconds between two entries of progress; also how soon a run notices that it was cancelled."""


class Stopped(Exception):
    """The run is not to go on: it was cancelled, or somebody else has finished it."""


class Progress:
    """Writes down how far a run is. Raises Stopped where it is not running any more."""

    def __init__(self, engine: Engine, run: MatchRun) -> None:
        self._engine = engine
        self._run = run.key
        self._told = 0.0
        self._stage = ""
        self.log: list[dict[str, Any]] = list(run.log)

    def __call__(self, stage: str, share: float) -> None:
        """Told by the matcher."""
        if stage == self._stage and monotonic() - self._told < TOLD_EVERY:
            return
        if stage != self._stage:
            self.log.append({"at": now().isoformat(), "stage": stage, "text": ""})
        self._stage, self._told = stage, monotonic()
        mine = col(MatchRun.id) == self._run, col(MatchRun.status) == MatchRunStatus.RUNNING
        with writing(self._engine) as session:
            told = session.execute(
                update(MatchRun)
                .where(*mine)
                .values(stage=stage, share=done_share(stage, share), log=self.log)
            )
        if not told.rowcount:  # type: ignore[attr-defined]  # the result of an UPDATE
            raise Stopped


def match_round(work: Work, *, uid: str) -> None:
    """Match what a run has kept as its input, and keep what comes of it."""
    with writing(work.engine) as session:
        run = queries.run(session, SYSTEM_ACTOR, uid, lock=True)
        if run.status not in queries.IN_FLIGHT:
            return
        one = session.get_one(Round, run.round_id)
        advance(session, SYSTEM_ACTOR, run, MATCH_RUN, "start", round=one.uid)
        run.started = run.started or now()
    progress = Progress(work.engine, run)
    try:
        found: Matching | MatchingError = _matched(work.engine, run, one, progress)
    except Stopped:
        return
    except MatchingError as error:
        found = error
    with writing(work.engine) as session:
        run = queries.run(session, SYSTEM_ACTOR, uid, lock=True)
        if run.status is MatchRunStatus.RUNNING:
            run.log = progress.log
            _finish(session, run, one, found)


def _matched(engine: Engine, run: MatchRun, one: Round, progress: Progress) -> Matching:
    profiles = profiles_in(run)
    earlier = None
    if run.previous_id is not None:
        with reading(engine) as session:
            earlier = result_of(session, session.get_one(MatchRun, run.previous_id))
    return checked(
        match(
            [profile for profile in profiles if profile.side == "need"],
            [profile for profile in profiles if profile.side == "offer"],
            rules_of(one, run.rules),
            cooperations=cooperations_in(run),
            earlier=earlier,
            progress=progress,
        )
    )


def _finish(session: Session, run: MatchRun, one: Round, found: Matching | MatchingError) -> None:
    """End a run with what came of it; what no longer fits the round is not proposed."""
    run.finished, run.share = now(), 1.0
    step, details = "finish", dict[str, Any]()
    if (changed := what_changed(session, one, run)) is not None:
        step = "supersede"
        run.note = stored(
            Message("run-superseded", "While the match ran, the round changed. {what}", what=changed)
        )
    elif isinstance(found, Infeasible):
        step = "find_infeasible"
        run.note = stored(found.message)
        run.remedies = [stored(remedy) for remedy in found.remedies]
    elif isinstance(found, MatchingError):
        step = "fail"
        run.note = stored(found.message)
        run.log = [*run.log, {"at": now().isoformat(), "stage": run.stage, "text": str(found)}]
    else:
        run.certificate = kept_certificate(found.certificate)
        run.result = kept_findings(found)
        run.leaving = len(left_with_nothing(one, found))
        details = {"pairings": len(found.pairings), "gap": found.certificate.gap}
        if run.what_if:
            run.result["pairings"] = [kept_pairing(pairing) for pairing in found.pairings]
        elif found.pairings:
            session.execute(insert(Pairing), list(_rows(session, run, found)))
    advance(session, SYSTEM_ACTOR, run, MATCH_RUN, step, round=one.uid, **details)


def give_up(session: Session, *, error: str, uid: str) -> None:
    """Say that a run has failed because its job was given up: its worker was lost, or it broke off."""
    run = session.exec(select(MatchRun).where(MatchRun.uid == uid).with_for_update()).first()
    if run is None or run.status not in queries.IN_FLIGHT:
        return
    run.finished = now()
    run.note = stored(
        Message(
            "run-given-up",
            "The run broke off each time it was tried and was given up. Start it again; if it breaks off "
            "again, tell whoever looks after this installation.",
        )
    )
    run.log = [*run.log, {"at": now().isoformat(), "stage": run.stage, "text": error}]
    one = session.get_one(Round, run.round_id)
    advance(session, SYSTEM_ACTOR, run, MATCH_RUN, "fail", reason=error, round=one.uid)


def _rows(session: Session, run: MatchRun, found: Matching) -> Any:
    """The pairings as rows, for one statement."""
    applications = queries.applications_by_listing(session, run.round_id)
    moment = now()
    for pairing in found.pairings:
        values = kept_pairing(pairing)
        yield values | {
            "uid": public_id(),
            "created": moment,
            "version": 1,
            "round_id": run.round_id,
            "run_id": run.key,
            "need_id": applications[values.pop("need")],
            "offer_id": applications[values.pop("offer")],
            "status": PairingStatus.PROPOSED,
            "reason": "",
        }
