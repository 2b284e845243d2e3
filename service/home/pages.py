"""The front page: for newcomers what this is, for others their home."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from matching.profiles import Side
from service.home import queries
from service.web import Asking, Reading, page, site_of

router = APIRouter(include_in_schema=False)


@router.get("/")
def front(request: Request, session: Reading, actor: Asking) -> Response:
    """The front page."""
    figures = queries.figures(session, actor)
    if not actor.signed_in:
        newest = queries.latest(session, Side.NEED)
        return page(request, actor, "home/newcomer.html", figures=figures, latest=newest)
    own = queries.home(session, site_of(request), actor)
    return page(request, actor, "home/home.html", figures=figures, home=own)
