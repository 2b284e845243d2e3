"""Asks for something that must be refused, and looks at why and whether anything has changed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import event

from service.errors import BadInput, ServiceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlmodel import Session


def codes(answer: Any) -> list[str]:
    """What an answer of the API says is wrong: the codes of its fields, or of the whole."""
    said = answer.json()
    return [one["code"] for one in said["errors"]] if "errors" in said else [said["code"]]


def refused(code: str, act: Callable[..., object], *given: Any, **more: Any) -> None:
    """The use case is refused, with this code for the whole or for a field, and with words."""
    with pytest.raises(ServiceError) as why:
        act(*given, **more)
    error = why.value
    said = [one.message for one in error.problems] if isinstance(error, BadInput) else [error.message]
    assert code in [one.code for one in said]
    assert all(str(one).strip() for one in said)


@contextmanager
def nothing_written(session: Session) -> Iterator[None]:
    """What is done in it writes nothing, nor leaves anything to write: a page that says why is committed."""
    session.flush()
    written: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if not statement.lstrip().upper().startswith(("SELECT", "PRAGMA")):
            written.append(statement)

    connection = session.connection()
    event.listen(connection, "before_cursor_execute", note)
    try:
        yield
        session.flush()
    finally:
        event.remove(connection, "before_cursor_execute", note)
    assert written == []
