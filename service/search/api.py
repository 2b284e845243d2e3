"""Searching as JSON; saved searches and pins."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

from anyio import to_thread
from fastapi import APIRouter, Path, Query, Request, Response

from matching.profiles import Side  # noqa: TC001 — FastAPI reads it
from service.organizations.models import NAME_CHARACTERS
from service.permissions import require
from service.search import actions, queries
from service.search.models import (
    QUERY_CHARACTERS,
    Code,
    Deadline,
    Filters,
    HitOut,
    PinOut,
    SavedSearchChange,
    SavedSearchIn,
    SavedSearchOut,
    SearchOut,
    Sort,
)
from service.web import Asking, Reading, Writing, language_of, site_of
from service.web import limit as limit_rate
from service.wording import say

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.permissions import Actor
    from service.search.models import SavedSearch
    from service.search.queries import Hit

router = APIRouter(prefix="/api/v1/search", tags=["search"])

Uid = Annotated[str, Path(max_length=32)]
Most = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Codes = Annotated[
    list[Code], Query(max_length=20, description="Codes; results have one of them. Repeat it for several.")
]
Sum = Annotated[float | None, Query(ge=0, le=1e12, allow_inf_nan=False, description="Whole units.")]


def _hits(hits: Iterable[Hit], language: str) -> list[HitOut]:
    return [
        HitOut(
            id=hit.listing.uid,
            title=hit.listing.title,
            language=hit.listing.language,
            score=hit.score,
            reasons=[say(reason, language) for reason in hit.reasons],
        )
        for hit in hits
    ]


@router.get("", response_model=SearchOut)
async def search(
    request: Request,
    session: Reading,
    actor: Asking,
    q: Annotated[
        str,
        Query(
            max_length=QUERY_CHARACTERS,
            description="Words in any language; empty: everything, the newest first.",
            examples=["agua potable rural"],
        ),
    ] = "",
    side: Annotated[Side | None, Query(description="Needs or offers; both where it is left out.")] = None,
    theme: Codes = [],  # noqa: B006
    group: Codes = [],  # noqa: B006
    kind: Codes = [],  # noqa: B006
    place: Codes = [],  # noqa: B006
    language: Codes = [],  # noqa: B006
    organization_kind: Codes = [],  # noqa: B006
    organization: Annotated[
        str,
        Query(max_length=NAME_CHARACTERS, description="Words of an organization's name, in any script."),
    ] = "",
    currency: Annotated[
        str, Query(max_length=3, description="Of the amounts; sums are not converted.", examples=["CNY"])
    ] = "",
    amount_from: Sum = None,
    amount_to: Sum = None,
    deadline: Annotated[Deadline | None, Query(description="Open for so many days at most.")] = None,
    sort: Sort = Sort.BEST,
    cursor: Annotated[str | None, Query(max_length=40, description="`next` of the page before.")] = None,
    limit: Most = 20,
) -> Response:
    """Find needs and offers in any language, with reasons in the reader's.

    Only open listings of verified organizations are found. Reasons come in the language that
    `Accept-Language` asks for.
    """
    filters = Filters(
        side=side,
        theme=theme,
        group=group,
        kind=kind,
        place=place,
        language=language,
        organization_kind=organization_kind,
        organization=organization,
        currency=currency,
        amount_from=amount_from,
        amount_to=amount_to,
        deadline=deadline,
        sort=sort,
    )
    site = site_of(request)
    results = await to_thread.run_sync(
        partial(queries.search, session, site, q, filters, limit=limit, cursor=cursor), limiter=site.searching
    )
    reader = language_of(request, actor)
    found = SearchOut(
        items=_hits(results.items, reader),
        next=results.next,
        total=results.total,
        facets={
            name: [{"code": code, "count": count} for code, count in counted]
            for name, counted in results.facets.items()
        },
        currency=results.currency or None,
        by_words=results.by_words,
    )
    return Response(  # written here, since the framework would do so in one thread more
        found.model_dump_json(), media_type="application/json", headers={"Content-Language": reader}
    )


@router.get("/for-you")
def suggestions(
    request: Request,
    session: Reading,
    actor: Asking,
    side: Annotated[Side, Query(description="Needs that fit your offers, or offers that fit your needs.")],
    limit: Most = 10,
) -> list[HitOut]:
    """What fits your organizations' own open listings (or drafts, where none is open)."""
    require(actor, "search:save")
    found = queries.for_you(session, site_of(request), actor, side=side, limit=limit)
    return _hits(found, language_of(request, actor))


# Saved searches ---------------------------------------------------------------------------------------


def _saved_out(kept: SavedSearch) -> SavedSearchOut:
    return SavedSearchOut(
        id=kept.uid,
        name=kept.name,
        query=queries.asked_of(kept),
        digest=kept.digest,
        last_sent=kept.last_sent,
        created=kept.created,
    )


@router.get("/saved")
def list_saved(session: Reading, actor: Asking) -> list[SavedSearchOut]:
    """Your saved searches, the newest first."""
    require(actor, "search:save")
    return [_saved_out(one) for one in queries.saved(session, actor)]


@router.post("/saved", status_code=201)
def save(request: Request, session: Writing, actor: Asking, given: SavedSearchIn) -> SavedSearchOut:
    """Keep a search; what is new in it is mailed as often as you say."""
    require(actor, "search:save")
    limit_saving(request, actor)
    shown = queries.now_found(session, site_of(request), given.query)
    kept = actions.save_search(session, actor, given.query, name=given.name, digest=given.digest, shown=shown)
    return _saved_out(kept)


def limit_saving(request: Request, actor: Actor) -> None:
    """Bound how often one person saves."""
    limit_rate(request, "60/hour", "save-search", actor.uid)


@router.get("/saved/{uid}")
def show_saved(session: Reading, actor: Asking, uid: Uid) -> SavedSearchOut:
    """One saved search."""
    require(actor, "search:save")
    return _saved_out(queries.saved_search(session, actor, uid))


@router.patch("/saved/{uid}")
def change_saved(session: Writing, actor: Asking, uid: Uid, given: SavedSearchChange) -> SavedSearchOut:
    """Another name or frequency."""
    return _saved_out(actions.change_saved(session, actor, uid, name=given.name, digest=given.digest))


@router.delete("/saved/{uid}", status_code=204)
def delete_saved(session: Writing, actor: Asking, uid: Uid) -> Response:
    """Forget a saved search."""
    actions.delete_saved(session, actor, uid)
    return Response(status_code=204)


# Pins -------------------------------------------------------------------------------------------------


@router.get("/pins")
def list_pins(session: Reading, actor: Asking) -> list[PinOut]:
    """What you have pinned and is still open, the newest pin first."""
    require(actor, "search:pin")
    return [
        PinOut(id=hit.listing.uid, title=hit.listing.title, language=hit.listing.language, pinned=pin.created)
        for pin, hit in queries.pins(session, actor)
    ]


@router.put("/pins/{uid}", status_code=204)
def pin(session: Writing, actor: Asking, uid: Uid) -> Response:
    """Pin a listing."""
    actions.pin(session, actor, uid)
    return Response(status_code=204)


@router.delete("/pins/{uid}", status_code=204)
def unpin(session: Writing, actor: Asking, uid: Uid) -> Response:
    """Take a pin away."""
    actions.unpin(session, actor, uid)
    return Response(status_code=204)
