"""Runs migrations; alembic reads this file."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, text
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from service import events, idempotency, jobs
from service.accounts import models as accounts
from service.agreements import models as agreements
from service.choices import models as choices
from service.db import SQLITE_BUSY_SECONDS, UtcDateTime, make_engine
from service.funding import models as funding
from service.listings import models as listings
from service.meetings import models as meetings
from service.network import models as network
from service.organizations import models as organizations
from service.pairings import models as pairings
from service.reports import models as reports
from service.reviews import models as reviews
from service.rounds import models as rounds
from service.search import models as search
from service.settings import Settings
from service.webhooks import models as webhooks

_LOCK = 7_134_902
_PATIENCE_SECONDS = 600
"""How long one waits on SQLite for another that migrates: on a busy machine longer than any request would."""
_TABLES = (
    events,
    idempotency,
    jobs,
    accounts,
    organizations,
    listings,
    search,
    webhooks,
    rounds,
    reviews,
    pairings,
    choices,
    meetings,
    agreements,
    funding,
    reports,
    network,
)


def _ours(_object: Any, name: str | None, kind: str, _reflected: bool, _other: Any) -> bool:  # noqa: FBT001 — alembic calls it so
    """The queue's own tables are not ours to change."""
    return not (kind == "table" and name is not None and name.startswith("huey_"))


def _written(kind: str, thing: Any, _context: Any) -> str | Literal[False]:
    """How a column's type is written in a migration, where that is not alembic's way."""
    if kind == "type" and isinstance(thing, UtcDateTime):
        return "UtcDateTime()"
    if kind == "type" and isinstance(thing, AutoString):
        return f"sa.String(length={thing.length})" if thing.length else "sa.String()"
    return False


def _run() -> None:
    engine = context.config.attributes.get("engine")
    if engine is None:
        engine = make_engine(Settings.from_environment().ready().database_url)
    with engine.execution_options(writing=True).connect() as connection:
        if connection.dialect.name == "sqlite":
            _wait_at_most(connection, _PATIENCE_SECONDS)
        with (
            connection.begin()
        ):  # from what is read of the state to the last step, so that nobody comes between
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            context.configure(
                connection=connection,
                target_metadata=SQLModel.metadata,
                render_as_batch=True,
                compare_type=True,
                include_object=context.config.attributes.get("include_object", _ours),
                render_item=_written,
            )
            context.run_migrations()
        if connection.dialect.name == "sqlite":
            _wait_at_most(connection, SQLITE_BUSY_SECONDS)


def _wait_at_most(connection: Connection, seconds: float) -> None:
    """For the lock, before the transaction begins."""
    below: Any = connection.connection.dbapi_connection
    below.execute(f"PRAGMA busy_timeout = {int(seconds * 1000)}")


_run()
