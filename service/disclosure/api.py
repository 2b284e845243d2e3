"""/api/v1/cooperations: what is public of signed cooperations, for everybody's programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from service.disclosure import queries, register
from service.disclosure.exports import KINDS, Format, export, filename
from service.disclosure.models import LICENCE, DisclosureOut, RegisterOut, Wanted
from service.web import Asking, Reading, language_of, limit, site_of

router = APIRouter(prefix="/api/v1/cooperations", tags=["cooperations"])

EXPORTS = "30/minute"
"""How often one address may fetch everything."""
_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, in the form that was asked for.",
        "content": {kind.media_type: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS.values()},
    }
}


@router.get("")
def list_cooperations(
    request: Request, session: Reading, actor: Asking, wanted: Annotated[Wanted, Query()]
) -> RegisterOut:
    """Signed cooperations, a page at a time, with how many there are by year, sectors, theme, place, round, state."""
    return register.as_out(session, wanted, language_of(request, actor))


@router.get("/export/{format}", response_class=StreamingResponse, responses=_FILES)
def export_cooperations(
    request: Request, format: Format, wanted: Annotated[Wanted, Query()]  # noqa: A002 — its name in the address
) -> StreamingResponse:
    """All that the register finds, in an open format: 360Giving, OCDS (purchases), tables, graph, JSON-LD."""
    return exported(request, format, wanted)


def exported(request: Request, format_: Format, wanted: Wanted) -> StreamingResponse:
    """The file as it is written; what is wrong with the request is said before it begins."""
    limit(request, EXPORTS, "export", request.client.host if request.client else "")
    register.chosen(wanted)
    site = site_of(request)
    return StreamingResponse(
        export(site.engine, format_, site.settings.public_url, wanted),
        media_type=KINDS[format_].media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename(format_)}"',
            "Link": f'<{LICENCE}>; rel="license"',
        },
    )


@router.get("/{uid}")
def get_cooperation(session: Reading, uid: str) -> DisclosureOut:
    """All that is public of one cooperation."""
    return queries.get(session, uid)
