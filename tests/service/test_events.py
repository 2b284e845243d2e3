"""The log: complete, chained, and one chain for all writers."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import delete, update
from sqlmodel import col, select

from service.accounts.models import USER, User, UserStatus
from service.db import reading, writing
from service.errors import BadInput, NotNow
from service.events import FIRST, Event, advance, broken_links, history, record
from service.permissions import SYSTEM_ACTOR, Actor

if TYPE_CHECKING:
    from enum import StrEnum

    from sqlalchemy import Engine

pytestmark = pytest.mark.usefixtures("database_url")


@dataclass
class Subject:
    uid: str
    status: StrEnum | None = None


def _record(engine: Engine, count: int, **details: Any) -> None:
    for number in range(count):
        with writing(engine) as session:
            record(session, Actor(uid="someone"), "thing.happened", Subject(f"s{number}"), **details)


def _record_and_fail(engine: Engine) -> None:
    with writing(engine) as session:
        record(session, SYSTEM_ACTOR, "thing.failed", Subject("s"))
        raise RuntimeError


def _broken(engine: Engine) -> list[int | None]:
    with reading(engine) as session:
        return [event.id for event in broken_links(session)]


def test_chain_begins_with_zeros_and_holds(engine: Engine) -> None:
    _record(engine, 3, text="桥 🌉", amount=12, nested={"b": [1.5, None], "a": True})
    with reading(engine) as session:
        events = session.exec(select(Event).order_by(col(Event.id))).all()
    assert events[0].previous_hash == FIRST
    assert [event.previous_hash for event in events[1:]] == [event.hash for event in events[:-1]]
    assert _broken(engine) == []


@pytest.mark.parametrize("change", [{"reason": "nicer"}, {"actor": "else"}, {"details": {"text": "other"}}])
def test_changed_entry_is_found(engine: Engine, change: dict[str, Any]) -> None:
    _record(engine, 3, text="as it was")
    with writing(engine) as session:
        session.execute(update(Event).where(col(Event.id) == 2).values(**change))
    assert _broken(engine) == [2]


def test_missing_entry_is_found(engine: Engine) -> None:
    _record(engine, 3)
    with writing(engine) as session:
        session.execute(delete(Event).where(col(Event.id) == 2))
    assert _broken(engine) == [3]


def test_concurrent_writers_keep_one_chain(engine: Engine) -> None:
    threads = [threading.Thread(target=_record, args=(engine, 15)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as session:
        assert len(session.exec(select(Event)).all()) == 90
    assert _broken(engine) == []


def test_event_of_a_failed_transaction_leaves_no_gap(engine: Engine) -> None:
    _record(engine, 1)
    with pytest.raises(RuntimeError):
        _record_and_fail(engine)
    _record(engine, 1)
    assert _broken(engine) == []
    with reading(engine) as session:
        assert {event.name for event in session.exec(select(Event))} == {"thing.happened"}


def test_advance_moves_and_records_who_why_and_between_what(engine: Engine) -> None:
    user = User(email="a@example.org", name="A", status=UserStatus.ACTIVE)
    with writing(engine) as session:
        session.add(user)
        session.flush()
        advance(session, Actor(uid="boss"), user, USER, "close", reason=" asked for it ", ticket=7)
    with reading(engine) as session:
        event = history(session, user.uid)[0]
        assert session.exec(select(User)).one().status is UserStatus.CLOSED
    assert (event.actor, event.name, event.subject_kind) == ("boss", "user.close", "user")
    assert event.reason == "asked for it"
    assert event.details == {"before": "active", "after": "closed", "ticket": 7}


def test_refused_step_changes_and_records_nothing(engine: Engine) -> None:
    user = User(email="a@example.org", name="A", status=UserStatus.ACTIVE)
    with writing(engine) as session:
        session.add(user)
        session.flush()
        with pytest.raises(NotNow):
            advance(session, SYSTEM_ACTOR, user, USER, "confirm")
        with pytest.raises(BadInput):
            advance(session, SYSTEM_ACTOR, user, USER, "close", reason="  ")
    assert user.status is UserStatus.ACTIVE
    with reading(engine) as session:
        assert history(session, user.uid) == []
