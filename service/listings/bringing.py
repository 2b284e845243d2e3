"""Pages that bring needs and offers in and out as spreadsheets."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from matching.profiles import Side
from matching.reading.columns import PROFILES
from service.audit.words import label
from service.errors import BadInput, NotNow
from service.listings import actions, importing, queries
from service.listings.models import ImportStatus
from service.organizations.desk import chosen_organization, problems_by_field, signed_in, uploaded
from service.permissions import may, require
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


@router.get("/import")
def upload_form(request: Request, session: Reading, actor: Asking) -> Response:
    """Choose a file, or go on with one."""
    signed_in(actor)
    return _upload_form(request, session, actor, typed_before(request, session))


def _upload_form(
    request: Request,
    session: Session,
    actor: Actor,
    typed: Typed,
    **values: Any,
) -> Response:
    return page(
        request,
        actor,
        "listings/import.html",
        typed=typed,
        **values,
        organizations=queries.importable_organizations(session, actor),
        imports=[one for one in queries.imports(session, actor) if one.status is not ImportStatus.DISCARDED],
        endings=sorted(ENDINGS),
        upload_bytes=site_of(request).settings.upload_bytes,
    )


@router.post("/import")
def upload(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Take the file in and show what is in it."""
    signed_in(actor)
    try:
        organization = chosen_organization(session, actor, typed)
        require(actor, "listing:import", organization.key)
        name, content = uploaded(request, typed)
        kept = importing.upload(
            session, actor, organization, filename=name, content=content, side=typed.text("side")
        )
    except BadInput as error:
        problems = problems_by_field(error)
        return _upload_form(request, session, actor, typed, status=422, problems=problems)
    return see_other(f"/listings/import/{kept.uid}")


@router.get("/import/template.xlsx")
def template(request: Request, actor: Asking) -> Response:
    """An empty spreadsheet with instructions, in the reader's language."""
    return download(importing.template(language_of(request, actor)), XLSX, "qiao-template.xlsx")


@router.get("/import/{uid}")
def preview(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """What can be taken, what has to be mended, how far the import is."""
    signed_in(actor)
    return _preview(request, session, actor, uid)


def _preview(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    **values: Any,
) -> Response:
    kept = queries.import_(session, actor, uid)
    organization = queries.organization_by_id(session, kept.organization_id)
    looked = importing.preview(session, kept) if kept.status is ImportStatus.MENDING else None
    compared = importing.compare(session, kept, looked) if looked else []
    return page(
        request,
        actor,
        "listings/preview.html",
        **values,
        kept=kept,
        organization=organization,
        looked=looked,
        compared=compared,
        states=Counter(one.state.value for one in compared),
        label=label,
        shown_rows=SHOWN_ROWS,
        headings=headings(PROFILES, language_of(request, actor)) if looked else [],
        may_publish=may(actor, "listing:publish", kept.organization_id)
        and actions.standing_in_the_way(organization) is None,
        obstacle=actions.standing_in_the_way(organization),
        progress_share=queries.progress_of(session, kept),
        made=queries.imported(session, kept) if kept.status is ImportStatus.DONE else [],
    )


@router.get("/import/{uid}/progress")
def progress(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """How far the import is, for the page to ask again and again."""
    signed_in(actor)
    kept = queries.import_(session, actor, uid)
    response = page(
        request,
        actor,
        "listings/import_progress.html",
        kept=kept,
        progress_share=queries.progress_of(session, kept),
    )
    if kept.status is ImportStatus.DONE:
        response.headers["HX-Redirect"] = f"/listings/import/{uid}?done=imported"
    return response


@router.post("/import/{uid}")
def mend(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep what was mended; then look again, or take what can be taken."""
    signed_in(actor)
    kept = queries.import_(session, actor, uid, lock=True)
    wanted = typed.text("do")
    if wanted == "discard":
        importing.discard(session, actor, kept)
        return see_other("/listings/import?done=deleted")
    importing.mend(session, actor, kept, {name: values[0] for name, values in typed.fields.items()})
    if wanted != "apply":
        return see_other(f"/listings/import/{uid}?done=saved")
    try:
        importing.start(session, actor, kept, publish=typed.text("publish") == "yes")
    except (BadInput, NotNow) as error:
        message = error.problems[0].message if isinstance(error, BadInput) else error.message
        return _preview(request, session, actor, uid, status=error.status, problems={"apply": message})
    return see_other(f"/listings/import/{uid}")


@router.get("/export.{ending}")
def export(session: Reading, actor: Asking, ending: str, side: str = "") -> Response:
    """One's own listings as a workbook (xlsx), or as CSV files in a ZIP (zip)."""
    signed_in(actor)
    wanted = Side(side) if side in set(Side) else None
    kind = "xlsx" if ending == "xlsx" else "zip"
    found = queries.mine(session, actor, wanted)
    if not found:
        return see_other("/listings/mine")
    media_type = XLSX if kind == "xlsx" else "application/zip"
    return download(importing.export(session, found, kind), media_type, f"qiao-listings.{kind}")
