"""Long lists a piece at a time: a cursor says after which row the next piece begins.

Rows are ordered by their number, the newest first, so that what is added meanwhile neither repeats nor hides
anything. A cursor is opaque and holds nothing secret; what may be seen is decided by the query.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Generic, Protocol, TypeVar

from fastapi import Query
from pydantic import BaseModel

from matching.messages import Message
from service.errors import BadInput

if TYPE_CHECKING:
    from sqlmodel import Session
    from sqlmodel.sql.expression import SelectOfScalar

MOST = 100
_LARGEST = 2**63 - 1


class _Numbered(Protocol):
    id: int | None


Item = TypeVar("Item", bound=_Numbered)
Out = TypeVar("Out")

Cursor = Annotated[
    str | None, Query(max_length=40, description="`next` of the piece before; leave it out for the first.")
]
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at most.")]


@dataclass(frozen=True, slots=True)
class Piece(Generic[Item]):
    """Some rows, and the cursor of the piece that follows (None: that was all)."""

    items: list[Item]
    next: str | None


class PieceOut(BaseModel, Generic[Out]):
    """Some of a list, and where it goes on."""

    items: list[Out]
    next: str | None = None
    """Give it as `cursor` for what follows; null: that was all."""


def piece(
    session: Session,
    rows: SelectOfScalar[Item],
    id_column: Any,
    *,
    cursor: str | None = None,
    limit: int = 20,
    oldest_first: bool = False,
) -> Piece[Item]:
    """The rows after `cursor`, by `id_column` (the `col(Table.id)` of what is selected).

    Raises BadInput for a cursor that we did not make.
    """
    if cursor:
        last = read_cursor(cursor)
        rows = rows.where(id_column > last if oldest_first else id_column < last)
    rows = rows.order_by(id_column if oldest_first else id_column.desc()).limit(limit + 1)
    found = list(session.exec(rows))
    more = len(found) > limit
    found = found[:limit]
    return Piece(found, make_cursor(found[-1].id or 0) if more else None)


def make_cursor(number: int) -> str:
    """A cursor for what follows the row with this number."""
    return base64.urlsafe_b64encode(str(number).encode()).decode().rstrip("=")


def read_cursor(cursor: str) -> int:
    """The number in a cursor. Raises BadInput for what is none."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
    except ValueError as error:
        raise _not_ours() from error
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(_LARGEST)) and int(text) <= _LARGEST):
        raise _not_ours()
    return int(text)


def _not_ours() -> BadInput:
    return BadInput.one("cursor", Message("cursor-unknown", "This cursor is not one that was given out."))
