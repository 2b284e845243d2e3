"""Rounds as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from service.paging import Cursor, Limit, PieceOut, piece
from service.rounds import actions, queries
from service.rounds.models import RoundStatus  # noqa: TC001 — FastAPI reads it
from service.rounds.shapes import RoundChange, RoundIn, RoundOut, StepIn  # noqa: TC001
from service.web import Asking, Reading, Writing, etag, require_match

router = APIRouter(prefix="/api/v1/rounds", tags=["rounds"])

Uid = Annotated[str, Path(max_length=32, description="The round's id.")]


@router.get("")
def list_rounds(
    session: Reading,
    actor: Asking,
    status: Annotated[RoundStatus | None, Query(description="The phase a round is in.")] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[RoundOut]:
    """The rounds that the caller may see, the newest first; drafts are seen by facilitators."""
    wanted = queries.in_status(actor, status)
    found = piece(session, wanted, queries.ROW, cursor=cursor, limit=limit)
    return PieceOut(items=queries.out(session, found.items), next=found.next)


@router.post("", status_code=201)
def create_round(given: RoundIn, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Begin a round as a draft; for facilitators. `Idempotency-Key` makes it safe to try again."""
    one = actions.create(session, actor, given)
    response.headers["Location"] = f"/api/v1/rounds/{one.uid}"
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.get("/{uid}")
def get_round(uid: Uid, response: Response, session: Reading, actor: Asking) -> RoundOut:
    """One round, with the `ETag` that an edit needs."""
    one = queries.get(session, actor, uid)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.patch("/{uid}")
def change_round(
    uid: Uid, change: RoundChange, request: Request, response: Response, session: Writing, actor: Asking
) -> RoundOut:
    """Change some facts of a round; what is left out stays. `If-Match` guards against lost edits.

    `rules` replaces all keys that were put over the preset; `plan` changes the phases it names.
    """
    one = queries.get(session, actor, uid, lock=True)
    require_match(request, one.version)
    given = queries.as_given(session, one).model_copy(update=_changed(change))
    one = actions.edit(session, actor, uid, given)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.post("/{uid}/advance")
def advance_round(uid: Uid, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Move a round on to its next phase, or say what stands in the way (409)."""
    one = actions.advance_phase(session, actor, queries.get(session, actor, uid, lock=True))
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.post("/{uid}/back")
def step_back(uid: Uid, given: StepIn, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Go back to an earlier phase, with a reason."""
    one = queries.get(session, actor, uid, lock=True)
    actions.step_back(session, actor, one, given.reason, ends=given.ends)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


@router.post("/{uid}/cancel")
def cancel_round(uid: Uid, given: StepIn, response: Response, session: Writing, actor: Asking) -> RoundOut:
    """Call a round off, with a reason; all who have applied are told."""
    one = queries.get(session, actor, uid, lock=True)
    actions.cancel(session, actor, one, given.reason)
    response.headers["ETag"] = etag(one.version)
    return queries.out(session, [one])[0]


def _changed(change: RoundChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in change.model_fields_set}
