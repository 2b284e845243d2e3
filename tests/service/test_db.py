"""Transactions: whole or not at all, many at a time, moments in UTC."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from anyio import to_thread
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, StatementError
from sqlmodel import Session, col, select

from service.accounts.models import User
from service.db import Turns, make_engine, now, reading, writing
from service.jobs import Job
from service.web import Writing  # noqa: TC001 — FastAPI reads the annotation at run time
from tests.house import run_apart

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastapi import FastAPI
    from sqlalchemy import Engine

pytestmark = pytest.mark.usefixtures("database_url")


def _add(engine: Engine, *, after: Callable[[], object] = lambda: None, **values: Any) -> None:
    with writing(engine) as session:
        session.add(Job(**values))
        session.flush()
        after()


def _execute(engine: Engine, statement: str) -> None:
    with writing(engine) as session:
        session.execute(text(statement))


def test_400_concurrent_read_then_write_transactions_all_succeed(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Job(name="counter"))

    def read_then_write(_number: int) -> None:
        with writing(engine) as session:
            job = session.exec(select(Job).with_for_update()).one()
            job.attempts += 1
            session.add(job)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(read_then_write, range(400)))
    with reading(engine) as session:
        assert session.exec(select(Job)).one().attempts == 400


def test_readers_are_not_held_up_by_a_writer(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(Job(name="first"))
    written, go_on = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with writing(engine) as session:
            session.add(Job(name="second"))
            session.flush()
            written.set()
            go_on.wait(10)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert written.wait(10)
    with reading(engine) as session:
        assert [job.name for job in session.exec(select(Job))] == ["first"]
    go_on.set()
    thread.join()


def test_failed_transaction_keeps_nothing(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        _add(engine, name="gone", after=lambda: 1 / 0)
    with reading(engine) as session:
        assert session.exec(select(Job)).all() == []


def test_reader_keeps_nothing(engine: Engine) -> None:
    with reading(engine) as session:
        session.add(Job(name="gone"))
        session.flush()
    with reading(engine) as session:
        assert session.exec(select(Job)).all() == []


def test_status_outside_the_enum_is_refused_by_the_database(engine: Engine) -> None:
    _add(engine, name="x")
    with pytest.raises(IntegrityError):
        _execute(engine, "UPDATE job SET status = 'nonsense'")


def test_dangling_reference_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError):
        _execute(engine, "INSERT INTO listing_tag (listing_id, scheme, code) VALUES (999, 'themes', 'x')")


def test_moment_comes_back_in_utc_whatever_zone_it_had(engine: Engine) -> None:
    shanghai = datetime(2026, 3, 1, 8, 30, 15, 123456, tzinfo=timezone(timedelta(hours=8)))
    with writing(engine) as session:
        if engine.dialect.name == "postgresql":
            session.execute(text("SET TIME ZONE 'Asia/Shanghai'"))
        session.add(Job(name="x", due=shanghai))
        session.flush()
        session.expire_all()
        due = session.exec(select(Job)).one().due
    assert due == shanghai
    assert due.isoformat() == "2026-03-01T00:30:15.123456+00:00"


def test_moment_without_a_zone_is_refused(engine: Engine) -> None:
    with pytest.raises(StatementError, match="time zone"):
        _add(engine, name="x", due=datetime(2026, 3, 1))  # noqa: DTZ001


def test_texts_of_all_scripts_survive(engine: Engine) -> None:
    name = "桥 𠮷𡘙 Ёлка ñandú 👩‍👩‍👧 عربى"
    with writing(engine) as session:
        session.add(User(email="x@example.org", name=name))
    with reading(engine) as session:
        assert session.exec(select(User)).one().name == name


def test_public_ids_differ_and_row_numbers_stay_inside(engine: Engine) -> None:
    users = [User(email=f"{number}@example.org", name="x") for number in range(3)]
    with pytest.raises(ValueError, match="not been written"):
        _ = users[0].key
    with writing(engine) as session:
        session.add_all(users)
    assert len({user.uid for user in users}) == 3
    assert all(user.key and user.version == 1 and user.created <= now() for user in users)
    assert users[0].created.tzinfo is UTC


def test_engine_takes_the_plain_postgresql_address() -> None:
    assert make_engine("postgresql://u:p@h/d").url.drivername == "postgresql+psycopg"


async def _write(turns: Turns, name: str, before: Callable[[], Any]) -> None:
    async with turns.writing() as session:
        await to_thread.run_sync(lambda: (before(), session.add(Job(name=name)), session.flush()))


def test_writers_take_turns_in_their_order_and_one_that_gives_up_or_fails_holds_up_nobody(
    engine: Engine,
) -> None:
    turns = Turns(engine)
    turns._free = 1
    free = threading.Event()

    def fail() -> None:
        raise ValueError

    async def everybody() -> list[Any]:
        writers = [asyncio.create_task(_write(turns, "first", free.wait))]
        for name, before in (
            ("fails", fail),
            ("gives up", lambda: None),
            *[(f"{n}", lambda: None) for n in range(5)],
        ):
            writers.append(asyncio.create_task(_write(turns, name, before)))
            await asyncio.sleep(0.01)
        writers[2].cancel()
        free.set()
        return await asyncio.gather(*writers, return_exceptions=True)

    ends = run_apart(everybody())
    assert [type(end) for end in ends[1:3]] == [ValueError, asyncio.CancelledError]
    with reading(engine) as session:
        assert session.exec(select(Job.name).order_by(col(Job.id))).all() == ["first", *"01234"]
    run_apart(asyncio.wait_for(_write(turns, "later", lambda: None), 5))


def test_turn_begins_with_the_lock_and_nobody_else_waits_until_another_process_gives_it(
    engine: Engine,
) -> None:
    if engine.dialect.name != "sqlite":
        pytest.skip("rows are locked there, not the database")
    turns, entered = Turns(engine), asyncio.Event()

    async def enter() -> None:
        async with turns.writing():
            entered.set()

    async def wait(other: Session) -> bool:
        waiting = asyncio.create_task(enter())
        await asyncio.sleep(0.2)
        early = entered.is_set()
        other.rollback()
        await waiting
        return early

    with Session(engine.execution_options(writing=True)) as other:
        other.connection()
        assert run_apart(asyncio.wait_for(wait(other), 5)) is False
    assert entered.is_set()


def test_200_requests_write_at_once_and_all_are_answered(app: FastAPI, engine: Engine) -> None:
    @app.post("/written/{name}")
    def write(session: Writing, name: str) -> str:
        session.add(Job(name=name))
        session.flush()
        time.sleep(0.005)
        return name

    names = [f"{number}" for number in range(200)]
    with TestClient(app) as client, ThreadPoolExecutor(len(names)) as phones:
        answers = list(phones.map(lambda name: client.post(f"/written/{name}").status_code, names))
    assert set(answers) == {200}
    with reading(engine) as session:
        assert sorted(session.exec(select(Job.name))) == sorted(names)
