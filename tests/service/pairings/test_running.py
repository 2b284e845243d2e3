"""The match button: one run at a time, done once, cancelled cleanly, never over a round that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from matching.matcher import verify
from service.db import now, writing
from service.events import Event, advance, broken_links, history
from service.jobs import LEASE, MOST_ATTEMPTS, Job, JobStatus, Work
from service.pairings import actions, queries, running
from service.pairings.models import MATCH_RUN, MatchRun, MatchRunStatus, Pairing, PairingStatus
from service.pairings.showing import result_of
from service.permissions import SYSTEM_ACTOR
from tests.service.pairings.conftest import matched, withdrawn

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi.testclient import TestClient
    from sqlalchemy import Engine
    from sqlmodel import Session

    from service.accounts.models import User
    from service.jobs import Jobs
    from service.web import Site
    from tests.service.pairings.conftest import Talk


@pytest.fixture
def pressed(session: Session, talk: Talk) -> MatchRun:
    """The button, pressed once."""
    run = actions.request_match(session, talk.facilitator, talk.round)
    session.commit()
    return run


def test_a_run_pairs_needs_with_the_offers_that_fit_them(
    database_url: str, session: Session, talk: Talk, pressed: MatchRun, jobs: Jobs
) -> None:
    jobs.run_all()
    session.refresh(pressed)
    assert pressed.status is MatchRunStatus.DONE
    found = {(need.title, offer.title): row for row, need, offer in queries.pairings_of(session, pressed)}
    title = {name: listing.title for name, listing in talk.listings.items()}
    assert set(found) == {
        (title["meals"], title["fund"]),
        (title["trees"], title["nursery"]),
        (title["film"], title["studio"]),
    }
    meals = found[title["meals"], title["fund"]]
    assert meals.status is PairingStatus.PROPOSED
    assert meals.need_id == talk.applications["meals"].key
    assert meals.gifts[0]["quantity"] == {"amount": 50_000_00, "unit": "CNY"}
    assert sum(meals.parts.values()) == pytest.approx(meals.score)
    assert [event.name for event in history(session, pressed.uid)] == [
        "match_run.request",
        "match_run.start",
        "match_run.finish",
    ]
    assert all(event.details["round"] == talk.round.uid for event in history(session, pressed.uid))


def test_a_kept_result_is_shown_as_it_was_found_without_running_again(
    session: Session, talk: Talk, jobs: Jobs
) -> None:
    withdrawn(session, talk, "film")
    run = matched(session, talk, jobs)
    matching = result_of(session, run)
    assert verify(matching) == []
    assert len(matching.pairings) == 2
    assert [one.profile.title for one in matching.idle] == [talk.listings["studio"].title]
    assert matching.idle[0].reason.code == "no-fitting-need"
    assert matching.certificate.gap == run.certificate["gap"]
    assert matching.rules.as_of is not None
    assert matching.rules.preset == "monthly-talk"


def test_pressing_twice_starts_one_run(session: Session, talk: Talk, pressed: MatchRun, jobs: Jobs) -> None:
    assert actions.request_match(session, talk.facilitator, talk.round).uid == pressed.uid
    session.commit()
    assert len(session.exec(select(MatchRun)).all()) == 1
    assert len(session.exec(select(Job).where(Job.name == "match_round")).all()) == 1


def test_a_job_that_is_delivered_twice_writes_its_pairings_once(
    engine: Engine, site: Site, session: Session, pressed: MatchRun, jobs: Jobs
) -> None:
    work = Work(engine, site.settings, site, pressed.job)
    running.match_round(work, uid=pressed.uid)
    running.match_round(work, uid=pressed.uid)
    jobs.run_all()
    assert len(session.exec(select(Pairing)).all()) == 3
    names = session.exec(select(Event.name).where(col(Event.subject) == pressed.uid)).all()
    assert names.count("match_run.finish") == 1
    assert list(broken_links(session)) == []


def test_a_run_whose_round_changed_meanwhile_is_superseded_and_proposes_nothing(
    session: Session, talk: Talk, pressed: MatchRun, jobs: Jobs
) -> None:
    withdrawn(session, talk, "film")
    session.commit()
    jobs.run_all()
    session.refresh(pressed)
    assert pressed.status is MatchRunStatus.SUPERSEDED
    assert pressed.note["code"] == "run-superseded"
    assert pressed.note["params"]["what"]["message"]["params"]["title"] == talk.listings["film"].title
    assert session.exec(select(Pairing)).all() == []


def test_cancelling_stops_the_solver_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
    engine: Engine,
    session: Session,
    talk: Talk,
    pressed: MatchRun,
    jobs: Jobs,
) -> None:
    """The facilitator cancels while the matcher is between two stages."""
    told: list[str] = []
    before = running.Progress.__call__

    def cancelling(self: running.Progress, stage: str, share: float) -> None:
        told.append(stage)
        if stage == "allocating":
            actions.cancel(session, talk.facilitator, session.get_one(MatchRun, pressed.key))
            session.commit()
        before(self, stage, share)

    monkeypatch.setattr(running.Progress, "__call__", cancelling)
    jobs.run_all()
    session.refresh(pressed)
    assert told[-1] == "allocating", "nothing went on after that"
    assert pressed.status is MatchRunStatus.CANCELLED
    assert pressed.result == {}
    assert session.exec(select(Pairing)).all() == []


def test_a_run_whose_worker_is_lost_every_time_has_failed_and_says_why(
    database_url: str,
    engine: Engine,
    session: Session,
    talk: Talk,
    pressed: MatchRun,
    jobs: Jobs,
    as_user: Callable[[User], TestClient],
) -> None:
    with writing(engine) as there:
        advance(there, SYSTEM_ACTOR, there.merge(pressed), MATCH_RUN, "start", round=talk.round.uid)
        lost = {"status": JobStatus.RUNNING, "alive": now() - LEASE * 2, "attempts": MOST_ATTEMPTS - 1}
        there.execute(update(Job).where(col(Job.uid) == pressed.job).values(**lost))
    jobs.sweep()
    session.refresh(pressed)
    assert pressed.status is MatchRunStatus.RUNNING, "it is tried once more"
    session.commit()
    with writing(engine) as there:
        last = lost | {"attempts": MOST_ATTEMPTS}
        there.execute(update(Job).where(col(Job.uid) == pressed.job).values(**last))
    jobs.sweep()
    session.expire_all()
    assert (pressed.status, pressed.note["code"]) == (MatchRunStatus.FAILED, "run-given-up")
    assert pressed.finished is not None
    failed = history(session, pressed.uid)[-1]
    assert (failed.name, failed.reason) == ("match_run.fail", "its worker was lost")
    session.commit()
    page = as_user(talk.user).get(f"/rounds/{talk.round.uid}/match/{pressed.uid}").text
    assert "broke off each time it was tried" in page
    assert "its worker was lost" in page
    assert actions.request_match(session, talk.facilitator, talk.round).uid != pressed.uid


def test_a_run_that_breaks_off_every_time_has_failed(
    session: Session, pressed: MatchRun, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setitem(jobs.handlers, "match_round", broken)
    for _ in range(MOST_ATTEMPTS):
        session.execute(update(Job).values(due=now()))
        session.commit()
        jobs.run_all()
    session.refresh(pressed)
    assert pressed.status is MatchRunStatus.FAILED
    assert pressed.log[-1]["text"] == "RuntimeError: out of memory"
