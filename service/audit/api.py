"""/api/v1/audit: the log for programs of those who may read it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime  # noqa: TC002 — FastAPI reads it

from service.audit import queries
from service.audit.models import CHECKS, ChainOut, EntryOut, WhoOut
from service.paging import Cursor, Limit, PieceOut
from service.web import Asking, Reading, language_of
from service.web import limit as limit_rate
from service.wording import say

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])


@router.get("")
def list_entries(
    request: Request,
    session: Reading,
    actor: Asking,
    subject: Annotated[str, Query(max_length=32, description="Id of what it is about, or names.")] = "",
    kind: Annotated[
        str, Query(max_length=80, description="`listing` for all about listings, or one: `listing.publish`.")
    ] = "",
    by: Annotated[
        str, Query(max_length=254, description="Who did it: an id, an address, part of a name, or `system`.")
    ] = "",
    since: Annotated[AwareDatetime | None, Query(description="The first moment that is meant.")] = None,
    until: Annotated[AwareDatetime | None, Query(description="The first moment no longer meant.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[EntryOut]:
    """What happened, the newest first; for facilitators and administrators."""
    wanted = queries.Wanted(subject=subject, kind=kind, actor=by, since=since, until=until)
    found = queries.trail(session, actor, wanted, cursor=cursor, limit=limit)
    language = language_of(request, actor)
    shown = [_out(entry, language) for entry in queries.entries(session, found.items)]
    return PieceOut(items=shown, next=found.next)


@router.get("/chain")
def check_chain(request: Request, session: Reading, actor: Asking) -> ChainOut:
    """Look at the whole log: whether each entry is what it was, and follows the one before."""
    limit_rate(request, CHECKS, "audit", actor.uid)
    found = queries.chain(session, actor)
    return ChainOut(entries=found.entries, last=found.last, broken=[event.hash for event in found.broken])


def _out(entry: queries.Entry, language: str) -> EntryOut:
    event, who = entry.event, entry.who
    return EntryOut(
        id=event.hash,
        at=event.at,
        who=WhoOut(id=event.actor, name=who if isinstance(who, str) else say(who, language)),
        name=event.name,
        kind=event.subject_kind,
        subject=event.subject,
        title=entry.title,
        text=say(entry.said, language),
        reason=event.reason,
        before=entry.before,
        after=entry.after,
        details=event.details,
        previous=event.previous_hash,
        sound=entry.sound,
    )
