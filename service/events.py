"""What happened: an append-only log in which each entry carries the hash of the one before.

`advance` is the one door through which a status changes: it takes the step, checks the reason and records
who did it. A changed or missing entry breaks the chain, which `broken_links` finds.
"""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from sqlalchemy import JSON, Column, text
from sqlmodel import Field, Session, SQLModel, col, select

from service.db import UtcDateTime, now

if TYPE_CHECKING:
    from collections.abc import Iterator
    from enum import StrEnum

    from service.lifecycle import Lifecycle
    from service.permissions import Actor

_CHAIN_LOCK = 7_134_901
FIRST = "0" * 64


class Event(SQLModel, table=True):
    """One entry of the log. `subject` is the table and uid of what it happened to."""

    id: int | None = Field(default=None, primary_key=True)
    at: datetime = Field(default_factory=now, sa_type=UtcDateTime)
    actor: str = Field(max_length=64, index=True)
    """uid of the person, or `system`."""
    name: str = Field(max_length=80, index=True)
    subject_kind: str = Field(max_length=40)
    subject: str = Field(max_length=32, index=True)
    reason: str = ""
    details: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    previous_hash: str = Field(max_length=64)
    hash: str = Field(max_length=64, unique=True)

    def digest(self) -> str:
        """SHA-256 over the entry and the hash of the one before."""
        content = [
            self.previous_hash,
            self.at.isoformat(),
            self.actor,
            self.name,
            self.subject_kind,
            self.subject,
            self.reason,
            self.details,
        ]
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(canonical.encode()).hexdigest()


_LAST_HASH = select(Event.hash).order_by(col(Event.id).desc()).limit(1)


class Thing(Protocol):
    """Something with a status and an id that may be shown."""

    uid: str
    status: Any


Noun = TypeVar("Noun", bound=Thing)


def record(
    session: Session, actor: Actor, name: str, thing: Any, *, reason: str = "", **details: Any
) -> Event:
    """Add an entry about `thing` to the log, in the same transaction as what it tells of."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _CHAIN_LOCK})
    last = session.exec(_LAST_HASH).first()
    event = Event(
        actor=actor.uid,
        name=name,
        subject_kind=type(thing).__name__.lower(),
        subject=thing.uid,
        reason=reason.strip(),
        details=details,
        previous_hash=last or FIRST,
        hash="",
    )
    event.hash = event.digest()
    session.add(event)
    session.flush()
    return event


def advance(
    session: Session,
    actor: Actor,
    thing: Noun,
    lifecycle: Lifecycle[Any],
    step: str,
    *,
    reason: str = "",
    **details: Any,
) -> Noun:
    """Take a step of the thing's lifecycle and record it. Raises NotNow, or BadInput for a missing reason."""
    before: StrEnum = thing.status
    thing.status = lifecycle.after(before, step, reason)
    session.add(thing)
    record(
        session,
        actor,
        f"{lifecycle.noun}.{step}",
        thing,
        reason=reason,
        before=str(before),
        after=str(thing.status),
        **details,
    )
    return thing


def history(session: Session, subject: str) -> list[Event]:
    """All that happened to one thing, oldest first."""
    return list(session.exec(select(Event).where(Event.subject == subject).order_by(col(Event.id))))


def links(session: Session) -> Iterator[tuple[Event, bool]]:
    """Every entry from the first to the last, and whether it and its link to the one before are sound."""
    previous = FIRST
    for event in session.exec(select(Event).order_by(col(Event.id)).execution_options(yield_per=1000)):
        yield event, event.previous_hash == previous and event.hash == event.digest()
        previous = event.hash


def broken_links(session: Session) -> Iterator[Event]:
    """Entries whose hash, or whose link to the entry before, is not what it must be."""
    return (event for event, sound in links(session) if not sound)
