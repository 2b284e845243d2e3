"""Nothing is lost or done twice when workers and web servers are killed with SIGKILL, whenever that is."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlmodel import Session, col, select

from service.accounts.queries import SESSION_COOKIE
from service.db import reading, writing
from service.events import Event, broken_links
from service.jobs import Job, JobStatus
from service.pairings import actions
from service.pairings.models import MatchRun, MatchRunStatus, Pairing
from tests.journeys.killing import PATIENCE, free_port, processes, wait_for_answer
from tests.service.conftest import *  # noqa: F403 — the fixtures of a running application
from tests.service.pairings.conftest import talk

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine

    from tests.journeys.killing import Processes
    from tests.service.conftest import SignInAs
    from tests.service.pairings.conftest import Talk

__all__ = ["processes", "talk"]

WORKERS_KILLED = {"sqlite": 40, "postgresql": 8}
WEBS_KILLED = 12
KILLED_PER_RUN = 4
"""A job is given up after six attempts, which is another story."""
IN_FLIGHT = (MatchRunStatus.QUEUED, MatchRunStatus.RUNNING)


def _press(engine: Engine, talk: Talk) -> MatchRun:
    with writing(engine) as session:
        return actions.request_match(session, talk.facilitator, session.merge(talk.round, load=False))


def _wait(engine: Engine, met: Callable[[Session], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with reading(engine) as session:
            if met(session):
                return
        time.sleep(0.05)
    pytest.fail("it never came to that")


def _status(session: Session, run: MatchRun) -> MatchRunStatus:
    return session.exec(select(MatchRun.status).where(MatchRun.id == run.key)).one()


def _nothing_wrong(engine: Engine) -> None:
    """Whatever was killed: no half results, nothing twice, the log unbroken."""
    with reading(engine) as session:
        assert list(broken_links(session)) == []
        for run in session.exec(select(MatchRun)):
            pairs = Counter(
                session.exec(select(Pairing.need_id, Pairing.offer_id).where(Pairing.run_id == run.key)).all()
            )
            assert set(pairs.values()) <= {1}
            finished = select(Event).where(Event.name == "match_run.finish", Event.subject == run.uid)
            ends = len(session.exec(finished).all())
            whole = run.status in (MatchRunStatus.DONE, MatchRunStatus.SUPERSEDED)
            assert (len(pairs), ends) == ((3, 1) if whole else (0, 0)), run.status


@pytest.mark.usefixtures("database_url")
def test_killed_workers_leave_every_run_done_once(engine: Engine, talk: Talk, processes: Processes) -> None:
    rng = random.Random(20261126)
    killed, pressed = 0, 0
    while killed < WORKERS_KILLED[engine.dialect.name]:
        run = _press(engine, talk)
        pressed += 1
        for _ in range(KILLED_PER_RUN):
            with processes.running("worker"):
                time.sleep(rng.uniform(0.0, 1.6))
            killed += 1
            _nothing_wrong(engine)
        with processes.running("worker"):
            _wait(engine, lambda session, run=run: _status(session, run) not in IN_FLIGHT)
        with reading(engine) as session:
            assert _status(session, run) is MatchRunStatus.DONE
    _nothing_wrong(engine)
    with reading(engine) as session:
        assert len(session.exec(select(MatchRun)).all()) == pressed
        waiting = select(Job).where(Job.name == "match_round", col(Job.status) == JobStatus.FAILED)
        assert session.exec(waiting).all() == []


def test_killed_web_server_has_done_what_it_said_and_nothing_by_halves(
    engine: Engine, talk: Talk, processes: Processes, client: TestClient, sign_in: SignInAs
) -> None:
    rng = random.Random(7)
    key = sign_in(client, talk.user).cookies[SESSION_COOKIE]
    acknowledged = set()
    for _ in range(WEBS_KILLED):
        port = free_port()
        with (
            processes.running(f"web {port}") as web,
            httpx.Client(base_url=f"http://127.0.0.1:{port}", cookies={SESSION_COOKIE: key}) as browser,
        ):
            wait_for_answer(browser)
            end = time.monotonic() + rng.uniform(0.05, 0.6)
            with suppress(httpx.HTTPError):
                while time.monotonic() < end:
                    answer = browser.post(f"/rounds/{talk.round.uid}/match", timeout=PATIENCE)
                    assert answer.status_code == 303, answer.text
                    acknowledged.add(answer.headers["location"].rpartition("/")[2].partition("?")[0])
                    if rng.random() < 0.3:
                        os.kill(web, signal.SIGKILL)
        _nothing_wrong(engine)
    with processes.running("worker"):
        _wait(engine, lambda session: not session.exec(_in_flight()).all())
    _nothing_wrong(engine)
    with reading(engine) as session:
        made = {run.uid for run in session.exec(select(MatchRun))}
        assert acknowledged <= made
        assert acknowledged


def _in_flight() -> object:
    return select(MatchRun).where(col(MatchRun.status).in_(IN_FLIGHT))
