"""/api/v1/cooperations: what is public of signed cooperations, for everybody's programs."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse

from service.disclosure import queries, register
from service.disclosure.downloads import download
from service.disclosure.exports import KINDS, Format
from service.disclosure.models import (  # noqa: TC001 — FastAPI reads them
    DisclosureOut,
    RegisterOut,
    Wanted,
)
from service.web import Asking, Reading, language_of

router = APIRouter(prefix="/api/v1/cooperations", tags=["cooperations"])

_FILES: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The file, in the form that was asked for.",
        "content": {
            kind.media_type: {"schema": {"type": "string", "format": "binary"}} for kind in KINDS.values()
        },
    }
}


@router.get("")
def list_cooperations(
    request: Request, session: Reading, actor: Asking, wanted: Annotated[Wanted, Query()]
) -> RegisterOut:
    """Signed cooperations, a page at a time, with how many there are of each year, theme and so on."""
    return register.as_out(session, wanted, language_of(request, actor))


@router.get("/export/{format}", response_class=StreamingResponse, responses=_FILES)
def export_cooperations(
    request: Request,
    format: Format,  # noqa: A002 — its name in the address
    wanted: Annotated[Wanted, Query()],
) -> StreamingResponse:
    """All that the register finds, in an open format: 360Giving, OCDS (purchases), tables, graph, JSON-LD."""
    return download(request, format, wanted)


@router.get("/{uid}")
def get_cooperation(session: Reading, uid: str) -> DisclosureOut:
    """All that is public of one cooperation."""
    return queries.get(session, uid)
