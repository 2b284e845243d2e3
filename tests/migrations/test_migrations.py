"""Migrations: up, down, up again, and in step with the models, on both databases."""

from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, inspect
from sqlmodel import SQLModel

import service.app
from service import db
from service.db import make_engine
from service.migrations import downgrade, is_current, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine


@pytest.fixture
def empty(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


def _tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names()) - {"alembic_version"}


def test_migrations_make_what_the_models_say(empty: Engine) -> None:
    assert service.app.create_app
    upgrade(empty)
    with empty.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert _tables(empty) == set(SQLModel.metadata.tables)


def test_migrations_go_down_to_nothing_and_up_again(empty: Engine) -> None:
    upgrade(empty)
    downgrade(empty, "base")
    assert _tables(empty) == set()
    upgrade(empty)
    assert _tables(empty) == set(SQLModel.metadata.tables)


def test_database_knows_whether_it_is_up_to_date(empty: Engine) -> None:
    assert not is_current(empty)
    upgrade(empty, "0001")
    assert not is_current(empty)
    upgrade(empty)
    assert is_current(empty)
    upgrade(empty)
    assert is_current(empty)


def test_checks_are_part_of_the_migrations(empty: Engine) -> None:
    upgrade(empty)
    found = {one["name"] for table in _tables(empty) for one in inspect(empty).get_check_constraints(table)}
    assert {"job_status", "user_status", "organization_status", "listing_status"} <= found


def test_all_steps_are_one_transaction_so_that_nobody_comes_between(empty: Engine) -> None:
    commits = []
    event.listen(empty, "commit", commits.append)
    upgrade(empty)
    assert is_current(empty)
    assert len(commits) == 1


def test_several_processes_may_upgrade_at_once(empty: Engine) -> None:
    url = empty.url.render_as_string(hide_password=False)
    code = "from service.db import make_engine; from service.migrations import upgrade"
    code += f"; upgrade(make_engine({url!r}))"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(3)]
    assert [process.wait(180) for process in processes] == [0, 0, 0]
    assert _tables(empty) == set(SQLModel.metadata.tables)


def test_upgrade_waits_for_another_longer_than_requests_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "SQLITE_BUSY_SECONDS", 0.1)
    engine = make_engine(f"sqlite:///{tmp_path / 'qiao.db'}")
    held, free = threading.Event(), threading.Event()

    def hold() -> None:
        with db.writing(engine) as session:
            session.connection()
            held.set()
            free.wait()

    with ThreadPoolExecutor(2) as pool:
        pool.submit(hold)
        held.wait()
        upgrading = pool.submit(upgrade, engine)
        with pytest.raises(TimeoutError):
            upgrading.result(0.6)
        free.set()
        upgrading.result(180)
    assert _tables(engine) == set(SQLModel.metadata.tables)
