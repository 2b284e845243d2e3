"""The database: SQLite in a file by default, PostgreSQL through one URL; the same models on both.

Readers begin a deferred transaction, writers begin it with the write lock (`BEGIN IMMEDIATE`): two writers
that had both read first would otherwise both fail.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from anyio import CapacityLimiter, to_thread
from sqlalchemy import Column, DateTime, Engine, Enum, TypeDecorator, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlmodel import Field, Session, SQLModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from enum import StrEnum

    from sqlalchemy import Connection, Dialect

SQLITE_BUSY_SECONDS = 15
MOST_WRITERS = 8
"""Requests of one process that write to PostgreSQL at the same time; to SQLite one does."""
SQLModel.metadata.naming_convention = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
}
"""Migrations can change only what has a name; CHECKs are named where they are written."""


class UtcDateTime(TypeDecorator[datetime]):
    """A moment: aware in Python, UTC in both databases."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """Take only moments that know their zone."""
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """SQLite gives naive moments back, which are UTC; PostgreSQL gives them in its own zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)

    def __repr__(self) -> str:
        return "UtcDateTime()"


def status_column(statuses: type[StrEnum], *, name: str, nullable: bool = False) -> Column[Any]:
    """A column that holds the values of an enum and nothing else; `name` is that of its CHECK."""
    kind = Enum(
        statuses,
        native_enum=False,
        values_callable=lambda enum: [member.value for member in enum],
        create_constraint=True,
        length=20,
        name=name,
    )
    return Column(kind, nullable=nullable, index=True)


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def public_id() -> str:
    """A new id that may be shown: never guessed, never used again."""
    return uuid4().hex


class Row(SQLModel):
    """What every table has: a number for joins, an id for the world, a version against lost edits."""

    id: int | None = Field(default=None, primary_key=True)
    uid: str = Field(default_factory=public_id, max_length=32, unique=True, index=True)
    created: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    version: int = Field(default=1)

    @property
    def key(self) -> int:
        """The row's number, once it has been written."""
        if self.id is None:
            raise ValueError(f"{type(self).__name__} has not been written yet")
        return self.id


def make_engine(url: str) -> Engine:
    """The engine for a database URL, with the pragmas and transactions described above."""
    if url.startswith("postgresql://"):
        url = url.replace("postgresql://", "postgresql+psycopg://", 1)
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    engine = create_engine(
        url,
        connect_args={"timeout": SQLITE_BUSY_SECONDS, "check_same_thread": False},
        pool_size=40,  # kept, for a new connection reads the whole schema and costs more than most requests
        max_overflow=-1,  # nobody waits for one
    )

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        start = "BEGIN IMMEDIATE" if options.get("writing") else "BEGIN"
        if not options.get("at_once"):
            connection.exec_driver_sql(start)
            return
        file: Any = connection.connection.dbapi_connection
        file.execute("PRAGMA busy_timeout = 0")
        try:
            connection.exec_driver_sql(start)
        finally:
            file.execute(f"PRAGMA busy_timeout = {1000 * SQLITE_BUSY_SECONDS}")

    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that only reads; nothing it does is kept, what it found may be used afterwards."""
    with Session(engine, expire_on_commit=False) as session:
        yield session


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session whose work is kept as a whole, or not at all."""
    with Session(engine.execution_options(writing=True), expire_on_commit=False) as session:
        yield session
        session.commit()


class Turns:
    """Lets few requests write at a time; the others wait in the order in which they came, and hold no thread.

    If they waited for the database's lock in threads, soon all threads would, and none would be left for the
    one that has the lock. So beginning, which waits for writers of other processes, and committing have
    threads of their own. In a file here, whose lock is mostly free, both are done on the spot where nothing
    is to be waited for: a turn that changes threads lasts as long as all that the loop does meanwhile.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine.execution_options(writing=True)
        self._is_near = engine.dialect.name == "sqlite"
        self._free = 1 if self._is_near else MOST_WRITERS
        self._waiting: deque[Future[None]] = deque()
        self._lock = threading.Lock()
        self._threads = CapacityLimiter(inf)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Session]:
        """As `writing`, when it is one's turn."""
        mine = self._line_up()
        try:
            await asyncio.shield(asyncio.wrap_future(mine))
            with Session(self._engine, expire_on_commit=False) as session:
                await self._begin(session)
                yield session
                if self._is_near and not session.info.get("promised"):
                    session.commit()
                else:
                    await to_thread.run_sync(session.commit, limiter=self._threads)
        finally:
            self._pass_on(mine)

    async def _begin(self, session: Session) -> None:
        """With the lock: at once if it is free, else in a thread that waits for it."""
        if self._is_near:
            try:
                session.connection(execution_options={"at_once": True})
            except OperationalError:
                session.rollback()
            else:
                return
        await to_thread.run_sync(session.connection, limiter=self._threads)

    def _line_up(self) -> Future[None]:
        mine: Future[None] = Future()
        with self._lock:
            if self._free:
                self._free -= 1
                mine.set_result(None)
            else:
                self._waiting.append(mine)
        return mine

    def _pass_on(self, mine: Future[None]) -> None:
        """To whoever is next; who gave up before it was their turn only leaves the line."""
        with self._lock:
            if not mine.done():
                self._waiting.remove(mine)
            elif self._waiting:
                self._waiting.popleft().set_result(None)
            else:
                self._free += 1
