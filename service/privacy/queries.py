"""All that is kept of a person, to take along."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select as rows_of
from sqlmodel import col, or_, select

from service.accounts.consents import consents
from service.accounts.models import AccountOut, Invitation
from service.accounts.queries import own
from service.db import now
from service.events import Event
from service.privacy.holdings import BOOKKEEPING, SECRET, Holding, columns, held

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from service.permissions import Actor


def taken_along(session: Session, actor: Actor) -> dict[str, Any]:
    """All that is kept of the actor, table by table, and what the log says she did: ready for JSON.

    Of rows that are about others she gets only that she handled them. Proofs (hashes, keys) are left out.
    """
    user = own(session, actor)
    kept: dict[str, list[dict[str, Any]]] = {}
    for table, column in columns():
        whole = held(table, column) is not Holding.HANDLED
        query = rows_of(table).where(column == user.key).order_by(table.c.id)
        found = [_told(dict(row), column.name, whole=whole) for row in session.execute(query).mappings()]
        if found:
            kept.setdefault(table.name, []).extend(found)
    invited = select(Invitation).where(Invitation.email == user.email)
    if got := [one.model_dump(mode="json", include=_INVITED) for one in session.exec(invited)]:
        kept["invitations received"] = got
    done = select(Event).where(or_(Event.actor == user.uid, Event.subject == user.uid))
    log = [
        event.model_dump(mode="json", include={"at", "name", "subject_kind", "subject", "reason", "details"})
        for event in session.exec(done.order_by(col(Event.id)))
    ]
    return {
        "exported": now().isoformat(),
        "account": AccountOut.of(user).model_dump(mode="json"),
        "consents": {purpose.value: given for purpose, given in consents(session, actor).items()},
        "kept": kept,
        "log": log,
    }


_INVITED = {"uid", "organization_name", "email", "role", "created", "expires", "status"}


def _told(row: Mapping[str, Any], because: str, *, whole: bool) -> dict[str, Any]:
    names = [name for name in row if name not in SECRET] if whole else list(BOOKKEEPING)
    told = {name: row[name] for name in names if name in row and name not in ("id", "version")}
    return {"as": because} | {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in told.items()
    }
