"""/network and /numbers: the graph of cooperations on screen, whom to introduce, the city in numbers."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from matching.vocabulary import default_vocabulary
from service.disclosure import register
from service.disclosure.models import LICENCE, LICENCE_NAME, Wanted
from service.disclosure.speaking import speaker
from service.errors import BadInput, NotFound, NotNow
from service.network import actions, queries, showing
from service.network.models import IntroductionIn
from service.network.pictures import LINKS, png
from service.organizations.desk import problems_by_field, signed_in
from service.permissions import may
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    language_of,
    page,
    see_other,
    typed_before,
)
from service.wording import restored

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlmodel import Session

    from matching.messages import Message
    from service.permissions import Actor

router = APIRouter(include_in_schema=False)

Year = Annotated[int | None, Query(ge=1949, le=2200)]
Number = Annotated[int, Query(alias="page", ge=1, le=100_000)]


@router.get("/network")
def network(
    request: Request, session: Reading, actor: Asking, until: Year = None, link: str = ""
) -> Response:
    """Who has signed with whom, and what that says about the city."""
    drawn = queries.snapshot(session)
    figures = drawn.figures if drawn else None
    kinds = default_vocabulary().codes("organization_kinds")
    return page(
        request,
        actor,
        "network/network.html",
        drawn=drawn,
        figures=figures,
        names=queries.named(session, queries.mentioned(figures)) if figures else {},
        kinds=kinds,
        cells={frozenset(pair["kinds"]): pair for pair in figures["matrix"]} if figures else {},
        years=showing.years_of(figures) if figures else [],
        until=until,
        link=link if link in LINKS else "",
        link_types=default_vocabulary().codes("link_types"),
        introduces=may(actor, "network:introduce"),
        joined=lambda one, other: frozenset((one, other)),
    )


@router.get("/network/pictures/{name}.{ending}")
def picture(
    request: Request,
    session: Reading,
    actor: Asking,
    name: str,
    ending: str,
    until: Year = None,
    link: str = "",
) -> Response:
    """A picture to show or to keep, as SVG or PNG."""
    drawn = queries.snapshot(session, layout=name == "graph")
    if drawn is None or name not in showing.PICTURES or ending not in ("svg", "png"):
        raise NotFound
    language = language_of(request, actor)
    svg = showing.picture(
        session, drawn, name, language, until=until, link=link if link in LINKS and link else None
    )
    headers = {
        "Content-Disposition": f'inline; filename="{name}.{ending}"',
        "Cache-Control": "public, max-age=300",
        "Vary": "Accept-Encoding, Cookie",
    }
    if ending == "png":
        return Response(png(svg), media_type="image/png", headers=headers)
    content = svg.encode()
    if "gzip" in request.headers.get("accept-encoding", ""):
        content, headers["Content-Encoding"] = gzip.compress(content, 6), "gzip"
    return Response(content, media_type="image/svg+xml", headers=headers)


@router.get("/network/organizations")
def all_of_them(
    request: Request, session: Reading, actor: Asking, sort: str = "partners", number: Number = 1
) -> Response:
    """Every organization of the graph as a table: the picture for those who cannot see it."""
    drawn = queries.snapshot(session, layout=True)
    sort = sort if sort in showing.SORTS else showing.SORTS[0]
    found, pages = showing.standings(session, drawn, sort=sort, page=number) if drawn else ([], 1)
    return page(
        request,
        actor,
        "network/organizations.html",
        found=found,
        pages=pages,
        number=number,
        sort=sort,
        sorts=showing.SORTS,
    )


@router.get("/network/organizations/{uid}")
def organization(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One organization in the graph: with whom it has signed, what it holds together."""
    drawn = queries.snapshot(session, layout=True)
    found = showing.partners(session, drawn, uid) if drawn else None
    if found is None:
        raise NotFound
    node, others = found
    return page(
        request,
        actor,
        "network/organization.html",
        node=node,
        others=others,
        organization=queries.named(session, [uid])[uid],
    )


# Introducing ------------------------------------------------------------------------------------------


@router.get("/network/introductions")
def introductions(request: Request, session: Reading, actor: Asking, across: str = "") -> Response:
    """Who would probably sign with whom; for facilitators."""
    signed_in(actor)
    return _introductions(request, session, actor, typed_before(request, session), across=across == "yes")


@router.post("/network/introductions")
def introduce(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Introduce two organizations to each other."""
    signed_in(actor)
    across = typed.text("across") == "yes"
    try:
        given = IntroductionIn(
            organizations=[typed.text("one"), typed.text("other")], note=typed.text("note")[:1000]
        )
        actions.introduce(session, actor, given)
    except (BadInput, NotNow) as error:
        problems = problems_by_field(error) if isinstance(error, BadInput) else {"note": error.message}
        return _introductions(
            request, session, actor, typed, across=across, problems=problems, status=error.status
        )
    return see_other(f"/network/introductions?done=introduced{'&across=yes' if across else ''}")


def _introductions(
    request: Request,
    session: Session,
    actor: Actor,
    typed: Typed = NOTHING_TYPED,
    *,
    across: bool,
    problems: Mapping[str, Message] | None = None,
    status: int = 200,
) -> Response:
    return page(
        request,
        actor,
        "network/introductions.html",
        status=status,
        ties=queries.ties(session, actor, across=across),
        across=across,
        typed=typed,
        problems=problems or {},
        restored=restored,
    )


# The city in numbers ----------------------------------------------------------------------------------


@router.get("/numbers")
def numbers(request: Request, session: Reading, actor: Asking) -> Response:
    """What all cooperations come to, for everybody."""
    language = language_of(request, actor)
    drawn = queries.snapshot(session)
    return page(
        request,
        actor,
        "network/numbers.html",
        quantity=speaker(language),
        city=queries.city(session),
        stages=queries.funnel(session),
        facets=register.facets(session, Wanted(), language),
        drawn=drawn,
        years=drawn.figures["years"][::-1] if drawn else [],
        licence=(LICENCE_NAME, LICENCE),
    )
