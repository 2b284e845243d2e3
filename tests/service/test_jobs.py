"""Jobs: promised with the change they follow from, done at least once, given up in the end."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import update
from sqlmodel import Session, col, select

from service.db import now, reading, writing
from service.jobs import (
    KEPT,
    LEASE,
    MOST_ATTEMPTS,
    MOST_TOGETHER,
    Job,
    Jobs,
    JobStatus,
    Work,
    clear_done,
    promise,
    promise_together,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from service.settings import Settings

PATIENCE = 20


@pytest.fixture
def calls() -> list[str]:
    return []


@pytest.fixture
def jobs(engine: Engine, settings: Settings, calls: list[str]) -> Iterator[Jobs]:
    def note(_work: Work, *, word: str) -> None:
        calls.append(word)

    def fail(_work: Work, *, word: str) -> None:
        calls.append(word)
        raise RuntimeError("no luck")

    def note_all(_work: Work, *, words: list[str]) -> None:
        calls.extend(words)

    jobs = Jobs(engine, settings, {"note": note, "fail": fail, "note_all": note_all})
    yield jobs
    jobs.stop()


def _only(engine: Engine) -> Job:
    with reading(engine) as session:
        return session.exec(select(Job)).one()


def _change(engine: Engine, **values: Any) -> None:
    with writing(engine) as session:
        session.execute(update(Job).values(**values))


def _wait_for(calls: list[str], *words: str) -> None:
    until = time.monotonic() + PATIENCE
    while sorted(calls) != sorted(words):
        assert time.monotonic() < until, calls
        time.sleep(0.02)


@pytest.mark.usefixtures("database_url")
def test_job_promised_in_a_committed_transaction_is_done_at_once(
    engine: Engine, jobs: Jobs, calls: list[str]
) -> None:
    jobs.start(workers=2)
    with writing(engine) as session:
        for word in "abcdefgh":
            promise(session, "note", word=word)
    _wait_for(calls, *"abcdefgh")
    jobs.stop()
    with reading(engine) as session:
        assert {job.status for job in session.exec(select(Job))} == {JobStatus.DONE}


def test_what_is_promised_together_waits_in_one_job_until_it_is_begun(
    engine: Engine, jobs: Jobs, calls: list[str]
) -> None:
    def together(*words: str) -> set[str]:
        with writing(engine) as session:
            return {promise_together(session, "note_all", words=word).uid for word in words}

    (first,) = together("a", "b") | together("c")
    jobs.run(first)
    assert calls == ["a", "b", "c"]
    (second,) = together("d")
    assert second != first
    many = together(*map(str, range(MOST_TOGETHER)))
    assert second in many
    assert len(many) == 2
    jobs.run_all()
    assert calls == ["a", "b", "c", "d", *map(str, range(MOST_TOGETHER))]


def test_job_promised_in_a_rolled_back_transaction_is_never_done(
    engine: Engine, jobs: Jobs, calls: list[str]
) -> None:
    jobs.deliver_after_commit()
    with Session(engine) as session:
        promise(session, "note", word="never")
        session.rollback()
        session.commit()
    assert jobs.huey.storage.queue_size() == 0
    assert jobs.sweep() == 0
    assert jobs.run_all() == 0
    assert calls == []


def test_promise_in_a_savepoint_is_delivered_only_by_the_commit(engine: Engine, jobs: Jobs) -> None:
    jobs.deliver_after_commit()
    with writing(engine) as session:
        with session.begin_nested():
            promise(session, "note", word="once")
        assert jobs.huey.storage.queue_size() == 0
    assert jobs.huey.storage.queue_size() == 1


def test_commit_in_another_database_delivers_nothing_here(
    engine: Engine, jobs: Jobs, tmp_path_factory: pytest.TempPathFactory
) -> None:
    from sqlmodel import SQLModel

    from service.db import make_engine

    other = make_engine(f"sqlite:///{tmp_path_factory.mktemp('other') / 'other.db'}")
    SQLModel.metadata.create_all(other)
    jobs.deliver_after_commit()
    with writing(other) as session:
        promise(session, "note", word="elsewhere")
    assert jobs.huey.storage.queue_size() == 0
    assert engine.url != other.url
    other.dispose()


def test_lost_delivery_is_swept(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    with writing(engine) as session:
        promise(session, "note", word="lost")
    assert jobs.sweep() == 0, "it may still be on its way"
    _change(engine, delivered=now() - timedelta(minutes=1))
    assert jobs.sweep() == 1
    jobs.start()
    _wait_for(calls, "lost")


def test_job_that_is_due_later_waits(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    with writing(engine) as session:
        job = promise(session, "note", due=now() + timedelta(hours=1), word="later")
    jobs.run(job.uid)
    assert jobs.run_all() == 0
    _change(engine, due=now())
    assert jobs.run_all() == 1
    assert calls == ["later"]


@pytest.mark.usefixtures("database_url")
def test_job_of_a_killed_worker_is_done_by_another(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    with writing(engine) as session:
        promise(session, "note", word="again")
    _change(engine, status=JobStatus.RUNNING, attempts=1, started=now(), alive=now())
    assert jobs.sweep() == 0
    _change(engine, alive=now() - LEASE - timedelta(seconds=1))
    assert jobs.sweep() == 1
    jobs.run_all()
    assert calls == ["again"]
    assert _only(engine).attempts == 2


def test_job_that_kills_every_worker_is_given_up(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    with writing(engine) as session:
        promise(session, "note", word="poison")
    _change(engine, status=JobStatus.RUNNING, attempts=MOST_ATTEMPTS, alive=now() - LEASE * 2)
    assert jobs.sweep() == 0
    assert _only(engine).status is JobStatus.FAILED
    assert calls == []


def test_long_job_keeps_its_lease(engine: Engine, jobs: Jobs) -> None:
    seen: list[int] = []

    def long(work: Work) -> None:
        _change(engine, alive=now() - LEASE * 2)
        jobs.keep_alive()
        seen.append(jobs.sweep())
        work.progress(0.5)
        seen.append(int(_only(engine).progress * 10))

    jobs.handlers["long"] = long
    with writing(engine) as session:
        promise(session, "long")
    jobs.run_all()
    assert seen == [0, 5]
    assert _only(engine).status is JobStatus.DONE


def test_failing_job_backs_off_and_is_given_up(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    with writing(engine) as session:
        promise(session, "fail", word="x")
    waits = []
    while (job := _only(engine)).status is JobStatus.PROMISED:
        _change(engine, due=now())
        before = now()
        assert jobs.run_all() == 1
        waits.append((_only(engine).due - before).total_seconds())
    assert len(calls) == MOST_ATTEMPTS
    assert waits == sorted(waits)
    assert waits[-1] >= 2**MOST_ATTEMPTS
    assert job.status is JobStatus.FAILED
    assert job.error == "RuntimeError: no luck"


def test_unknown_job_fails_with_its_name(engine: Engine, jobs: Jobs) -> None:
    with writing(engine) as session:
        promise(session, "nobody-does-this")
    jobs.run_all()
    assert "nobody-does-this" in _only(engine).error


@pytest.mark.usefixtures("database_url")
def test_two_workers_never_do_the_same_job(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    with writing(engine) as session:
        uids = [promise(session, "note", word=str(number)).uid for number in range(20)]
    threads = [threading.Thread(target=lambda: [jobs.run(uid) for uid in uids]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(calls, key=int) == [str(number) for number in range(20)]


def test_timer_keeps_one_row_and_comes_again(engine: Engine, jobs: Jobs, calls: list[str]) -> None:
    jobs.handlers["tick"] = lambda _work: calls.append("tick")
    jobs.timers.append((timedelta(hours=1), "tick"))
    for _ in range(3):
        jobs.renew_timers()
        jobs.run_all()
    assert calls == ["tick"]
    _change(engine, promised=now() - timedelta(hours=2))
    jobs.renew_timers()
    jobs.run_all()
    assert calls == ["tick", "tick"]
    assert _only(engine).attempts == 1


def test_what_was_done_long_ago_is_cleared(engine: Engine, jobs: Jobs, settings: Settings) -> None:
    with writing(engine) as session:
        for word in "ab":
            promise(session, "note", word=word)
        promise(session, "fail", word="kept")
    jobs.run_all()
    with writing(engine) as session:
        first = select(Job.id).where(Job.name == "note").limit(1).scalar_subquery()
        session.execute(update(Job).where(col(Job.id) == first).values(finished=now() - KEPT * 2))
    clear_done(Work(engine, settings, None, ""))
    with reading(engine) as session:
        assert [job.name for job in session.exec(select(Job).order_by(col(Job.id)))] == ["note", "fail"]


def test_queue_that_cannot_be_reached_leaves_the_change_standing(
    engine: Engine, jobs: Jobs, calls: list[str], settings: Settings
) -> None:
    jobs.deliver_after_commit()
    jobs.huey.storage.close()
    (settings.data_dir / "queue.db").rename(settings.data_dir / "away.db")
    (settings.data_dir / "queue.db").mkdir()
    with writing(engine) as session:
        promise(session, "note", word="kept")
    assert not jobs.queue_answers()
    jobs.run_all()
    assert calls == ["kept"]


def test_message_of_a_stranger_in_the_queue_is_not_trusted(
    engine: Engine, jobs: Jobs, calls: list[str], settings: Settings
) -> None:
    stranger = Jobs(engine, settings.model_copy(update={"secret": "another"}), {})
    with writing(engine) as session:
        job = promise(session, "note", word="real")
    stranger.deliver(job.uid)
    jobs.start()
    jobs.deliver(job.uid)
    _wait_for(calls, "real")
