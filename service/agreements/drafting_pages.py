"""Pages of drafting: kind, languages and further parties chosen for one, or everything that waits at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request, Response

from matching.messages import Message
from service.agreements import drafting
from service.agreements.models import AgreementKind
from service.agreements.pages import PARTY_UNKNOWN
from service.errors import BadInput, FieldProblem
from service.listings import queries as listings
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, signed_in
from service.pairings import queries as pairings
from service.rounds import queries as rounds
from service.web import Asking, Form, Reading, Typed, Writing, page, see_other, typed_before

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlmodel import Session

    from service.permissions import Actor

router = APIRouter(include_in_schema=False)

Chosen = Annotated[list[str], Query(max_length=50, default_factory=list)]


@router.post("/agreements")
def draft_round(session: Writing, actor: Asking, typed: Form) -> Response:
    """Draft all that is agreed in a round, one agreement for each need."""
    signed_in(actor)
    uid = typed.text("round")
    drafting.round_of(session, actor, rounds.get(session, actor, uid))
    return see_other(f"/rounds/{uid}?done=created")


@router.post("/agreements/undrafted")
def draft_all(session: Writing, actor: Asking) -> Response:
    """Draft everything both sides want and nobody has drafted, one agreement for each need."""
    signed_in(actor)
    drafting.mine(session, actor)
    return see_other("/agreements?done=created")


@router.get("/agreements/new")
def new(request: Request, session: Reading, actor: Asking, pairing: Chosen, asked: str = "") -> Response:
    """Choose kind, languages and further parties of what shall be drafted; all is filled in already."""
    signed_in(actor)
    return _form(request, session, actor, pairing, asked, typed_before(request, session))


@router.post("/agreements/new")
def draft(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Draft from pairings of one need, or from an accepted request."""
    signed_in(actor)
    chosen, asked = typed.texts("pairing"), typed.text("asked")
    try:
        wanted = _wanted(session, actor, typed)
        if asked:
            one = listings.request(session, actor, asked, lock=True)
            made = drafting.from_request(session, actor, one, wanted)
        else:
            given = [pairings.get(session, actor, uid) for uid in chosen]
            made = drafting.from_pairings(session, actor, given, wanted)
    except BadInput as error:
        session.rollback()
        return _form(request, session, actor, chosen, asked, typed, problems_by_field(error))
    return see_other(f"/agreements/{made.uid}?done=created")


def _form(
    request: Request,
    session: Session,
    actor: Actor,
    chosen: Sequence[str],
    asked: str,
    typed: Typed,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    if asked:
        basis = drafting.basis_of_request(session, actor, listings.request(session, actor, asked))
    else:
        basis = drafting.basis(session, actor, [pairings.get(session, actor, uid) for uid in chosen])
    return page(
        request,
        actor,
        "agreements/new.html",
        status=422 if problems else 200,
        basis=basis,
        kinds=list(AgreementKind),
        chosen=chosen,
        asked=asked,
        typed=typed if typed.fields else {"kind": basis.kind.value, "language": basis.language},
        problems=problems or {},
    )


def _wanted(session: Session, actor: Actor, typed: Typed) -> drafting.Wanted:
    """What was chosen, with organizations found by their names. Raises BadInput."""
    wrong: list[FieldProblem] = []

    def found(field: str, name: str) -> str:
        one = organizations.called(session, actor, name)
        if one is None and name.strip():
            wrong.append(FieldProblem(field, PARTY_UNKNOWN))
        return one.uid if one else ""

    kind = typed.text("kind")
    if kind and kind not in set(AgreementKind):
        wrong.append(FieldProblem("kind", Message("choose-one", "Choose one from the list.")))
    supervisor, operator = (found(name, typed.text(name)) for name in ("supervisor", "operator"))
    partners = [found("partners", name) for name in typed.text("partners").splitlines() if name.strip()]
    if wrong:
        raise BadInput(wrong)
    return drafting.Wanted(
        AgreementKind(kind) if kind else None,
        typed.text("language"),
        typed.text("second_language"),
        supervisor,
        operator,
        tuple(partners),
    )
