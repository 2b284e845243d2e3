"""Pages of what an organization's giving became: on screen, as a table and as a document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter, Request
from fastapi.responses import Response

from service.organizations import queries as organizations
from service.organizations.desk import signed_in
from service.reports import giving
from service.reports.giving_pdf import as_pdf
from service.reports.giving_table import as_csv
from service.web import Asking, Reading, language_of, page

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.organizations.models import Organization
    from service.permissions import Actor

router = APIRouter(include_in_schema=False)


def _whose(session: Session, actor: Actor, wanted: str) -> Organization | None:
    """The organization that is asked for, else the first of one's own. Raises NotFound."""
    signed_in(actor)
    if wanted:
        return organizations.inside(session, actor, wanted[:32])
    return next(iter(organizations.mine(session, actor)), None)


def _year(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) == 4 else None


@router.get("/giving")
def shown(
    request: Request, session: Reading, actor: Asking, organization: str = "", year: str = ""
) -> Response:
    """What the giving of one of one's organizations became."""
    whose = _whose(session, actor, organization)
    return page(
        request,
        actor,
        "reports/giving.html",
        giving=giving.giving(session, whose, _year(year)) if whose else None,
        own=organizations.mine(session, actor),
        valuations=giving.VALUATIONS,
    )


@router.get("/giving.csv")
def table(request: Request, session: Reading, actor: Asking, organization: str, year: str = "") -> Response:
    """The same as a table."""
    whose = _whose(session, actor, organization or "-")
    assert whose is not None  # noqa: S101 — NotFound otherwise
    found = giving.giving(session, whose, _year(year))
    return Response(
        as_csv(found, language_of(request, actor)),
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": 'attachment; filename="giving.csv"',
            "Cache-Control": "private, no-store",
        },
    )


@router.get("/giving.pdf")
def document(
    request: Request, session: Reading, actor: Asking, organization: str, year: str = ""
) -> Response:
    """The same as a document to pass on."""
    whose = _whose(session, actor, organization or "-")
    assert whose is not None  # noqa: S101 — NotFound otherwise
    found = giving.giving(session, whose, _year(year))
    return Response(
        as_pdf(found, language_of(request, actor)),
        media_type="application/pdf",
        headers={
            "Content-Disposition": 'inline; filename="giving.pdf"',
            "Cache-Control": "private, no-store",
        },
    )
