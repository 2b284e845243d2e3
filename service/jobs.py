"""Work promised in the transaction that makes it necessary, and done outside any transaction.

A job is a row: it is there if and only if the change it follows from is. huey carries its id to a worker as
soon as that transaction has been committed; a sweeper carries it again if it got lost on the way. A handler
may therefore run twice and must not mind.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import JSON, Column, delete, event, update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Field, Session, SQLModel, col, select

from service.db import UtcDateTime, now, public_id, reading, status_column, writing

if TYPE_CHECKING:
    from huey import Huey
    from sqlalchemy import Engine

    from service.settings import Settings

log = structlog.get_logger(__name__)

MOST_ATTEMPTS = 6
LEASE = timedelta(minutes=1)
"""A running job without a sign of life for so long is thought lost with its worker."""
SWEEP_SECONDS = 5
REDELIVER = timedelta(seconds=15)
"""A delivered job that nobody has begun after so long is delivered again."""
MOST_TOGETHER = 64
"""How many things one job is about at most, where several are done at once."""
KEPT = timedelta(days=7)
"""How long a job that is done stays in the table."""


class JobStatus(StrEnum):
    """Promised, being done, done, or given up."""

    PROMISED = "promised"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class Job(SQLModel, table=True):
    """One piece of work: the name of its handler, what it is about, how far it is."""

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(default_factory=public_id, max_length=32, unique=True)
    name: str = Field(max_length=60, index=True)
    payload: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    status: JobStatus = Field(
        default=JobStatus.PROMISED, sa_column=status_column(JobStatus, name="job_status")
    )
    attempts: int = 0
    promised: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    due: datetime = Field(default_factory=now, sa_type=UtcDateTime, index=True)
    delivered: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started: datetime | None = Field(default=None, sa_type=UtcDateTime)
    alive: datetime | None = Field(default=None, sa_type=UtcDateTime)
    """When its worker last gave a sign of life."""
    finished: datetime | None = Field(default=None, sa_type=UtcDateTime)
    progress: float = 0.0
    error: str = ""


def promise(session: Session, name: str, *, due: datetime | None = None, **payload: Any) -> Job:
    """Promise that the handler `name` will be called with `payload`, not before `due`."""
    moment = now()
    at_once = due is None or due <= moment
    job = Job(name=name, payload=payload, due=due or moment, delivered=moment if at_once else None)
    session.add(job)
    session.flush()
    if at_once:
        session.info.setdefault("promised", []).append(job.uid)
    return job


def promise_together(session: Session, name: str, **more: str) -> Job:
    """As `promise`, but a job of that name that still waits takes it over: each value joins a list there."""
    waits = (
        select(Job)
        .where(col(Job.name) == name, col(Job.status) == JobStatus.PROMISED, col(Job.attempts) == 0)
        .order_by(col(Job.id).desc())
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    job = session.exec(waits).first()
    if job is None or any(len(job.payload[key]) >= MOST_TOGETHER for key in more):
        return promise(session, name, due=None, **{key: [value] for key, value in more.items()})
    job.payload = {key: [*job.payload[key], value] for key, value in more.items()}
    session.add(job)
    return job


@dataclass(frozen=True, slots=True)
class Work:
    """What a handler gets: the means to read and write, and a way to tell how far it is."""

    engine: Engine
    settings: Settings
    site: Any
    job: str

    def progress(self, share: float) -> None:
        """Say how much of the work is done, in [0, 1]."""
        with writing(self.engine) as session:
            session.execute(update(Job).where(col(Job.uid) == self.job).values(progress=share))


Handler = Callable[..., None]
"""Called with a `Work` and the payload by name."""
Mourner = Callable[..., None]
"""Called when a job is given up, in that transaction: the session, `error`, and the payload by name."""


@dataclass
class Jobs:
    """Delivers jobs to their handlers: in this process, or in a `qiao worker` beside it."""

    engine: Engine
    settings: Settings
    handlers: dict[str, Handler]
    site: Any = None
    timers: list[tuple[timedelta, str]] = field(default_factory=list)
    """Jobs promised again and again: how often, and the handler's name."""
    mourners: dict[str, Mourner] = field(default_factory=dict)
    """By the job's name: what says that it will not be done any more."""

    def __post_init__(self) -> None:
        self.huey = _make_huey(self.settings)
        self._carry = self.huey.task(name="run_job")(self.run)
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._in_hand: set[str] = set()

    def deliver(self, uid: str) -> None:
        """Hand a promised job to whichever worker is next."""
        self._carry(uid)

    def queue_answers(self) -> bool:
        """Whether the queue can be asked for its length."""
        try:
            self.huey.storage.queue_size()
        except _queue_errors():
            log.exception("queue does not answer")
            return False
        return True

    def deliver_after_commit(self) -> None:
        """From now on until `stop`, hand over what a session has promised as soon as it commits."""
        if not event.contains(Session, "after_commit", self._committed):
            event.listen(Session, "after_commit", self._committed)
            event.listen(Session, "after_rollback", self._forget)

    def _forget(self, session: Session) -> None:
        """What was promised in a transaction that failed was never promised."""
        if not session.in_nested_transaction():
            session.info.pop("promised", None)

    def _committed(self, session: Session) -> None:
        """The queue may fail here: the change stands, and the sweeper delivers."""
        if session.in_nested_transaction() or getattr(session.get_bind(), "url", None) != self.engine.url:
            return
        try:
            for uid in session.info.pop("promised", []):
                self.deliver(uid)
        except _queue_errors():
            log.exception("delivery left to the sweeper")

    def run(self, uid: str) -> None:
        """Do one job, unless somebody else does or has."""
        job = self._take(uid)
        if job is None:
            return
        self._in_hand.add(uid)
        structlog.contextvars.bind_contextvars(job=job.name, job_uid=uid)
        try:
            self.handlers[job.name](Work(self.engine, self.settings, self.site, uid), **job.payload)
        except Exception as error:
            log.exception("job failed", attempt=job.attempts)
            self._put_back(job, f"{type(error).__name__}: {error}")
        else:
            with writing(self.engine) as session:
                session.execute(
                    update(Job)
                    .where(col(Job.uid) == uid)
                    .values(status=JobStatus.DONE, finished=now(), progress=1.0, error="")
                )
        finally:
            self._in_hand.discard(uid)
            structlog.contextvars.unbind_contextvars("job", "job_uid")

    def _take(self, uid: str) -> Job | None:
        """The job, now ours; None where it is not due, or somebody else took it first."""
        moment = now()
        with writing(self.engine) as session:
            taken = session.execute(
                update(Job)
                .where(col(Job.uid) == uid, col(Job.status) == JobStatus.PROMISED, col(Job.due) <= moment)
                .values(
                    status=JobStatus.RUNNING, started=moment, alive=moment, attempts=col(Job.attempts) + 1
                )
                .returning(col(Job.id))
            ).all()
            return session.exec(select(Job).where(Job.uid == uid)).one() if taken else None

    def _put_back(self, job: Job, error: str) -> None:
        with writing(self.engine) as session:
            mine = session.exec(select(Job).where(Job.uid == job.uid).with_for_update()).one()
            self._try_again_or_give_up(session, mine, error, due=now() + timedelta(seconds=2**mine.attempts))

    def _try_again_or_give_up(self, session: Session, job: Job, error: str, due: datetime) -> None:
        """Promise a job again that broke off; after too many attempts it is given up, and that is said."""
        job.error, job.delivered, job.due = error[:2000], None, due
        session.add(job)
        if job.attempts < MOST_ATTEMPTS:
            job.status = JobStatus.PROMISED
            return
        job.status, job.finished = JobStatus.FAILED, now()
        if mourner := self.mourners.get(job.name):
            mourner(session, error=job.error, **job.payload)

    def sweep(self) -> int:
        """Deliver again what is due and was not done; how many."""
        moment = now()
        with writing(self.engine) as session:
            broken = select(Job).where(col(Job.status) == JobStatus.RUNNING, col(Job.alive) < moment - LEASE)
            for job in session.exec(broken.with_for_update(skip_locked=True)).all():
                self._try_again_or_give_up(session, job, "its worker was lost", due=job.due)
            lost = session.exec(
                select(Job)
                .where(
                    Job.status == JobStatus.PROMISED,
                    col(Job.due) <= moment,
                    col(Job.delivered).is_(None) | (col(Job.delivered) < moment - REDELIVER),
                )
                .order_by(col(Job.id))
                .limit(500)
            ).all()
            for job in lost:
                job.delivered = moment
                session.add(job)
            uids = [job.uid for job in lost]
        for uid in uids:
            self.deliver(uid)
        return len(uids)

    def renew_timers(self) -> None:
        """Promise each timed job whose last time is done and long enough ago; it keeps its row."""
        for interval, name in self.timers:
            with reading(self.engine) as session:
                if not _is_over(_last(session, name), interval):
                    continue
            with writing(self.engine) as session:
                last = _last(session, name)
                if last is None:
                    promise(session, name)
                elif _is_over(last, interval):
                    last.status, last.attempts, last.progress = JobStatus.PROMISED, 0, 0.0
                    last.promised = last.due = now()
                    last.delivered = None
                    session.add(last)

    def run_all(self) -> int:
        """Do everything that is due, here and now, and what follows from it; how many jobs were done."""
        done = 0
        while uids := self._due():
            for uid in uids:
                self.run(uid)
            done += len(uids)
        return done

    def _due(self) -> list[str]:
        with reading(self.engine) as session:
            waiting = select(Job.uid).where(Job.status == JobStatus.PROMISED, col(Job.due) <= now())
            return list(session.exec(waiting.order_by(col(Job.id))))

    def start(self, workers: int = 1) -> None:
        """Work in threads of this process until `stop`."""
        self._stopping.clear()
        self.deliver_after_commit()
        for loop in [self._consume] * workers + [self._watch]:
            thread = threading.Thread(target=loop, daemon=True, name=loop.__name__)
            thread.start()
            self._threads.append(thread)

    def stop(self) -> None:
        """Let the threads finish what they are doing."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(timeout=10)
        self._threads.clear()
        if event.contains(Session, "after_commit", self._committed):
            event.remove(Session, "after_commit", self._committed)
            event.remove(Session, "after_rollback", self._forget)
        self.huey.storage.close()

    def _consume(self) -> None:
        from huey.exceptions import HueyException

        while not self._stopping.is_set():
            try:
                task = self.huey.dequeue()
                if task is not None:
                    self.huey.execute(task)
                    continue
            except (ValueError, HueyException):
                log.exception("delivery that is not ours was dropped")
                continue
            except _outages():
                log.exception("worker waits for the queue")
                self._stopping.wait(SWEEP_SECONDS)
            self._stopping.wait(0.1)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            try:
                self.keep_alive()
                self.renew_timers()
                self.sweep()
            except _outages():
                log.exception("sweeper waits for the database")
            self._stopping.wait(SWEEP_SECONDS)

    def keep_alive(self) -> None:
        """Say of each job in hand that its worker lives."""
        if in_hand := list(self._in_hand):
            with writing(self.engine) as session:
                session.execute(update(Job).where(col(Job.uid).in_(in_hand)).values(alive=now()))


def _last(session: Session, name: str) -> Job | None:
    return session.exec(select(Job).where(Job.name == name).order_by(col(Job.id).desc()).limit(1)).first()


def _is_over(job: Job | None, interval: timedelta) -> bool:
    """Whether a timed job has not been promised yet, or its last time is over and long enough ago."""
    return job is None or (
        job.status in (JobStatus.DONE, JobStatus.FAILED) and job.promised <= now() - interval
    )


def clear_done(work: Work) -> None:
    """The job that deletes what was done long ago."""
    with writing(work.engine) as session:
        session.execute(
            delete(Job).where(col(Job.status) == JobStatus.DONE, col(Job.finished) < now() - KEPT)
        )


def _queue_errors() -> tuple[type[Exception], ...]:
    """What a queue may raise: SQLite's errors, and PostgreSQL's where its driver is installed."""
    from importlib.util import find_spec

    if find_spec("psycopg") is None:
        return (sqlite3.Error,)
    import psycopg

    return (sqlite3.Error, psycopg.Error)


def _outages() -> tuple[type[Exception], ...]:
    """What passes by itself: the worker waits and goes on."""
    return (*_queue_errors(), SQLAlchemyError)


def _make_huey(settings: Settings) -> Huey:
    """The queue: a file beside the SQLite database, or tables in PostgreSQL."""
    from huey import SqliteHuey
    from huey.serializer import SignedSerializer

    serializer = SignedSerializer(secret=settings.secret)
    if settings.database_url.startswith("sqlite"):
        file = settings.data_dir / "queue.db"
        return SqliteHuey("qiao", filename=str(file), timeout=15, results=False, serializer=serializer)
    from huey import PostgresHuey

    dsn = settings.database_url.replace("postgresql+psycopg://", "postgresql://", 1)
    return PostgresHuey("qiao", dsn=dsn, results=False, serializer=serializer)
