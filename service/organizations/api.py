"""Organizations as JSON."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from service.organizations import actions, decisions, queries
from service.organizations.models import (
    DecisionIn,
    OrganizationChange,
    OrganizationIn,
    OrganizationOut,
    OrganizationStatus,
    QuestionIn,
    QuestionOut,
)
from service.paging import Cursor, Limit, PieceOut, piece
from service.web import Asking, Reading, Writing, etag, require_match

router = APIRouter(prefix="/api/v1/organizations", tags=["organizations"])

Uid = Annotated[str, Path(max_length=32, description="The organization's id.")]


@router.get("")
def list_organizations(
    session: Reading,
    actor: Asking,
    q: Annotated[str, Query(max_length=200, description="Part of a name, in any script.")] = "",
    kind: Annotated[str, Query(max_length=20, description="A code of organization_kinds.")] = "",
    status: Annotated[OrganizationStatus | None, Query()] = None,
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[OrganizationOut]:
    """The organizations that the caller may see, the newest first."""
    wanted = queries.directory(actor, q=q, kind=kind, status=status)
    found = piece(session, wanted, queries.ROW, cursor=cursor, limit=limit)
    return PieceOut(items=queries.out(session, actor, found.items), next=found.next)


@router.post("", status_code=201)
def register_organization(
    given: OrganizationIn, response: Response, session: Writing, actor: Asking
) -> OrganizationOut:
    """Register an organization; it waits to be verified. `Idempotency-Key` makes it safe to try again."""
    organization = actions.register(session, actor, given)
    response.headers["Location"] = f"/api/v1/organizations/{organization.uid}"
    response.headers["ETag"] = etag(organization.version)
    return queries.out(session, actor, [organization])[0]


@router.get("/{uid}")
def get_organization(uid: Uid, response: Response, session: Reading, actor: Asking) -> OrganizationOut:
    """One organization, with the `ETag` that an edit needs."""
    organization = queries.get(session, actor, uid)
    response.headers["ETag"] = etag(organization.version)
    return queries.out(session, actor, [organization])[0]


@router.patch("/{uid}")
def change_organization(
    uid: Uid,
    change: OrganizationChange,
    request: Request,
    response: Response,
    session: Writing,
    actor: Asking,
) -> OrganizationOut:
    """Change some facts of an organization; what is left out stays. `If-Match` guards against lost edits."""
    organization = queries.get(session, actor, uid, lock=True)
    require_match(request, organization.version)
    given = queries.as_given(session, organization).model_copy(update=_changed(change))
    organization = actions.edit(session, actor, uid, given)
    response.headers["ETag"] = etag(organization.version)
    return queries.out(session, actor, [organization])[0]


@router.post("/{uid}/decisions")
def decide(
    uid: Uid, given: DecisionIn, response: Response, session: Writing, actor: Asking
) -> OrganizationOut:
    """Verify, decline, suspend, reinstate, bar, or lift a bar; for facilitators."""
    organization = decisions.decide(session, actor, uid, given.step, reason=given.reason, until=given.until)
    response.headers["ETag"] = etag(organization.version)
    return queries.out(session, actor, [organization])[0]


@router.get("/{uid}/questions")
def list_questions(uid: Uid, session: Reading, actor: Asking) -> list[QuestionOut]:
    """What facilitators asked before deciding, and the answers; for members and facilitators."""
    organization = queries.inside(session, actor, uid)
    return [QuestionOut.of(question) for question in queries.questions_of(session, organization)]


@router.post("/{uid}/questions", status_code=201)
def ask(uid: Uid, given: QuestionIn, session: Writing, actor: Asking) -> QuestionOut:
    """Ask an organization something before deciding; for facilitators."""
    return QuestionOut.of(decisions.ask(session, actor, uid, given.text))


@router.post("/{uid}/questions/{question}/answer")
def answer(
    uid: Uid,
    question: Annotated[str, Path(max_length=32, description="The question's id.")],
    given: QuestionIn,
    session: Writing,
    actor: Asking,
) -> QuestionOut:
    """Answer a question; for the organization's owners and editors."""
    return QuestionOut.of(actions.answer(session, actor, uid, question, given.text))


def _changed(change: OrganizationChange) -> dict[str, Any]:
    return {name: getattr(change, name) for name in change.model_fields_set}
