"""Pages on which facilitators bring in cooperations that were signed elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response

from matching.reading.columns import COOPERATIONS
from service.errors import BadInput
from service.funding import earlier
from service.organizations import queries as organizations
from service.organizations.desk import problems_by_field, signed_in, uploaded
from service.permissions import require
from service.spreadsheets import ENDINGS, headings
from service.web import (
    XLSX,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    download,
    language_of,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.permissions import Actor

router = APIRouter(include_in_schema=False)

SHOWN_ROWS = 50


@router.get("/agreements/import")
def upload_form(request: Request, session: Reading, actor: Asking) -> Response:
    """Choose a file."""
    signed_in(actor)
    return _form(request, actor, typed_before(request, session))


def _form(request: Request, actor: Actor, typed: Typed, **values: Any) -> Response:
    require(actor, "agreement:bring")
    return page(
        request,
        actor,
        "funding/earlier.html",
        typed=typed,
        endings=sorted(ENDINGS),
        most_rows=earlier.MOST_ROWS,
        upload_bytes=site_of(request).settings.upload_bytes,
        **values,
    )


@router.post("/agreements/import")
def upload(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Take the file in and show what is in it."""
    signed_in(actor)
    try:
        name, content = uploaded(request, typed)
        kept = earlier.upload(session, actor, filename=name, content=content, source=typed.text("source"))
    except BadInput as error:
        return _form(request, actor, typed, status=422, problems=problems_by_field(error))
    return see_other(f"/agreements/import/{kept.uid}")


@router.get("/agreements/import/template.xlsx")
def template(request: Request, actor: Asking) -> Response:
    """An empty spreadsheet with instructions, in the reader's language."""
    return download(earlier.template(language_of(request, actor)), XLSX, "qiao-cooperations.xlsx")


@router.get("/agreements/import/{uid}")
def preview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What can be brought in, what is here already, and what has to be mended."""
    signed_in(actor)
    return _preview(request, session, actor, uid)


def _preview(request: Request, session: Session, actor: Actor, uid: str, **values: Any) -> Response:
    kept = earlier.sheet(session, actor, uid)
    looked = earlier.look(session, actor, kept)
    shown = looked.ready[:SHOWN_ROWS]
    named = {party for one in shown for party in (one.funder, one.implementer, *one.partners)}
    return page(
        request,
        actor,
        "funding/earlier_preview.html",
        kept=kept,
        looked=looked,
        shown=shown,
        names={one.uid: one.name for one in organizations.by_uids(session, actor, named)},
        headings=headings(COOPERATIONS, language_of(request, actor)),
        **values,
    )


@router.post("/agreements/import/{uid}")
def decide(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep what was mended; then look again, bring in what can be brought in, or throw the file away."""
    signed_in(actor)
    kept = earlier.sheet(session, actor, uid, lock=True)
    wanted = typed.text("do")
    if wanted == "discard":
        earlier.discard(session, actor, kept)
        return see_other("/agreements/import?done=deleted")
    earlier.mend(session, actor, kept, {name: values[0] for name, values in typed.fields.items()})
    if wanted != "bring":
        return see_other(f"/agreements/import/{uid}?done=saved")
    try:
        earlier.bring(session, actor, kept, earlier.look(session, actor, kept))
    except BadInput as error:
        return _preview(request, session, actor, uid, status=422, problems=problems_by_field(error))
    return see_other("/agreements?done=imported")
