"""The public result page of a round: what is proposed, how to object, what was decided; confirmation."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.messages import Message
from service.accounts.queries import fold_email, own
from service.errors import BadInput, NotFound
from service.organizations.desk import problems_by_field, sent, signed_in
from service.organizations.evidence import read
from service.pairings import notice, objections
from service.pairings.models import OBJECTION_CHARACTERS, Consequence
from service.permissions import may
from service.reviews import criteria, scoring
from service.rounds import actions as rounds_actions
from service.rounds import queries as rounds
from service.rounds.models import RoundStatus
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    client_address,
    language_of,
    limit,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlmodel import Session

    from service.pairings.models import Objection
    from service.permissions import Actor
    from service.rounds.models import Round

router = APIRouter(prefix="/rounds/{uid}/notice", include_in_schema=False)


@router.get("")
def shown(request: Request, session: Reading, actor: Asking, uid: str, pairing: str = "") -> Response:
    """The result, during the notice and after it."""
    one = rounds.get(session, actor, uid)
    typed = typed_before(request, session)
    return _page(request, session, actor, one, typed if typed.fields else _prefilled(session, actor, pairing))


def _prefilled(session: Session, actor: Actor, pairing: str) -> Typed:
    fields = {"pairing": [pairing]}
    if actor.signed_in:
        person = own(session, actor)
        fields |= {"name": [person.name], "email": [person.email]}
    return Typed(fields, {})


def _page(
    request: Request,
    session: Session,
    actor: Actor,
    one: Round,
    typed: Typed = NOTHING_TYPED,
    *,
    status: int = 200,
    problems: Mapping[str, Message] | None = None,
) -> Response:
    decides = may(actor, "objection:decide")
    reviewed = RoundStatus.REVIEWING.value in one.phases
    standing = one.status is RoundStatus.NOTICE
    return page(
        request,
        actor,
        "pairings/notice.html",
        status=status,
        typed=typed,
        problems=problems or {},
        round=one,
        notice=notice.notice_of(session, one),
        decides=decides,
        raised=notice.objections(session, actor, one) if decides else [],
        obstacle=rounds_actions.obstacle(session, one) if decides and standing else None,
        decidable=one.status in objections.DECIDED_IN,
        weights=scoring.criteria_of(one) if reviewed else {},
        marks=rounds.preset_of(one).process.pass_marks if reviewed else (),
        label=criteria.label,
        most=OBJECTION_CHARACTERS,
        most_files=objections.MOST_FILES,
        most_bytes=site_of(request).settings.upload_bytes,
    )


@router.post("/objections")
def raise_objection(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Object, signed in or not."""
    one = rounds.get(session, actor, uid)
    limit(request, objections.PER_ADDRESS, "objection", client_address(request))
    limit(request, objections.PER_EMAIL, "objection", fold_email(typed.text("email")))
    settings = site_of(request).settings
    uploads = [file for file in typed.files.get("files", ()) if file.filename]
    try:
        if len(uploads) > objections.MOST_FILES:
            raise BadInput.one("files", objections.FILES_MANY)
        objections.raise_objection(
            session,
            actor,
            one,
            name=typed.text("name"),
            email=typed.text("email"),
            text=typed.text("text"),
            pairing=typed.text("pairing"),
            files=[(file.filename or "", read(file.file, settings.upload_bytes)) for file in uploads],
            data_dir=settings.data_dir,
            language=language_of(request, actor),
        )
    except BadInput as error:
        problems = problems_by_field(error, {"file": "files"})
        return _page(request, session, actor, one, typed, status=422, problems=problems)
    return see_other(f"/rounds/{uid}/notice?done=objection-raised")


@router.post("/objections/{objection}/{step}")
def decide(
    request: Request, session: Writing, actor: Asking, uid: str, objection: str, step: str, typed: Form
) -> Response:
    """Uphold or dismiss an objection, with the reason that is published."""
    signed_in(actor)
    one = rounds.get(session, actor, uid, lock=True)
    reason, looked = typed.text(f"reason-{objection}"), typed.text(f"names_nobody-{objection}") == "yes"
    steps: dict[str, Callable[[], Objection]] = {
        "dismiss": lambda: objections.dismiss(session, actor, one, objection, reason, names_nobody=looked),
        "uphold": lambda: objections.uphold(
            session, actor, one, objection, _follows(typed, objection), reason, names_nobody=looked
        ),
    }
    if step not in steps:
        raise NotFound
    try:
        steps[step]()
    except BadInput as error:
        renamed = {"reason": f"reason-{objection}", "follows": f"follows-{objection}"}
        return _page(
            request, session, actor, one, typed, status=422, problems=problems_by_field(error, renamed)
        )
    return see_other(f"/rounds/{uid}/notice?done=objection-decided")


def _follows(typed: Typed, objection: str) -> Consequence:
    chosen = typed.text(f"follows-{objection}")
    if chosen not in set(Consequence):
        raise BadInput.one("follows", Message("choose-one", "Choose one from the list."))
    return Consequence(chosen)


@router.get("/objections/{objection}/evidence/{number}")
def evidence(
    request: Request, session: Reading, actor: Asking, uid: str, objection: str, number: int
) -> Response:
    """A file that was handed in with an objection, for those who decide it."""
    signed_in(actor)
    rounds.get(session, actor, uid)
    return sent(request, objections.piece_of_evidence(session, actor, objection, number))


@router.post("/confirm")
def confirm(session: Writing, actor: Asking, uid: str) -> Response:
    """Confirm the result and move the round on."""
    signed_in(actor)
    one = rounds.get(session, actor, uid, lock=True)
    objections.confirm(session, actor, one)
    return see_other(f"/rounds/{uid}/notice?done=result-confirmed")
