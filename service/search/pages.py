"""Pages of searching: results as one types, saved searches and pins, stopping a digest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it
from pydantic import ValidationError

from matching.profiles import Side
from matching.vocabulary import default_vocabulary
from service.errors import BadInput, NotNow
from service.i18n import number_text
from service.permissions import may, require
from service.search import actions, queries
from service.search.models import QUERY_CHARACTERS, Asked, Deadline, Digest, Sort
from service.search.ranking import SCHEMES
from service.templating import LANGUAGE_NAMES
from service.web import Asking, Form, Reading, Writing, briefly, language_of, page, see_other, site_of
from service.web import limit as limit_rate

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sqlmodel import Session

    from service.listings.models import Listing
    from service.permissions import Actor
    from service.search.queries import Results
    from service.web import Site

router = APIRouter(prefix="/search", include_in_schema=False)

PAGE = 20
OPTIONS = 12
"""How many codes a filter offers at first."""
_LISTS = tuple(SCHEMES)
_SINGLE = ("organization", "currency", "amount_from", "amount_to", "deadline")
_PLAIN = ("side", *_SINGLE, "sort")


def asked_for(params: Any) -> Asked:
    """The query in an address. What makes no sense in it is left out: an old link still finds something."""
    given: dict[str, Any] = {"q": " ".join((params.get("q") or "").split())[:QUERY_CHARACTERS]}
    vocabulary = default_vocabulary()
    for name, scheme in SCHEMES.items():
        known = queries.LANGUAGES if name == "language" else vocabulary.codes(scheme)
        given[name] = [code for code in dict.fromkeys(params.getlist(name)) if code in known][:PAGE]
    for name in _PLAIN:
        if value := (params.get(name) or "").strip():
            try:
                Asked.model_validate({name: value})
            except ValidationError:
                continue
            given[name] = value
    if given.get("currency") and given["currency"] not in vocabulary.codes("currencies"):
        del given["currency"]
    return Asked.model_validate(given)


def addresses(asked: Asked) -> Callable[..., str]:
    """Gives the address of a search with some of it changed; None takes something away."""
    given = asked.model_dump(mode="json", exclude_defaults=True)

    def address(**changes: Any) -> str:
        fields = {name: value for name, value in {**given, **changes}.items() if value not in (None, "", [])}
        return "/search?" + urlencode(fields, doseq=True)

    return address


@router.get("")
async def results(request: Request, session: Reading, actor: Asking) -> Response:
    """What fits, as one types; everything that is open where nothing was typed."""
    asked = asked_for(request.query_params)
    cursor = request.query_params.get("cursor", "")[:40]
    site = site_of(request)

    def search() -> Results:
        try:
            return queries.search(session, site, asked.q, asked.filters, limit=PAGE, cursor=cursor)
        except BadInput:
            return queries.search(session, site, asked.q, asked.filters, limit=PAGE)

    found = await to_thread.run_sync(search, limiter=site.searching)
    return await briefly(request, _results, request, session, actor, asked, found, is_first=not cursor)


def _results(
    request: Request, session: Session, actor: Actor, asked: Asked, found: Results, *, is_first: bool
) -> Response:
    address = addresses(asked)
    return page(
        request,
        actor,
        "search/results.html",
        asked=asked,
        found=found,
        facets=_shown_facets(asked, found.facets, language_of(request, actor)),
        chips=_chips(asked),
        pinned=queries.pinned(session, actor, [hit.listing.key for hit in found.items]),
        here=address(),
        older=address(cursor=found.next) if found.next else "",
        is_first=is_first,
        address=address,
        active=sum(len(getattr(asked, name)) for name in _LISTS)
        + sum(bool(getattr(asked, name)) for name in _SINGLE),
        keep={
            name: value
            for name, value in (("q", asked.q), ("side", asked.side), ("sort", asked.sort))
            if value
        },
        clear=addresses(Asked(q=asked.q, side=asked.side, sort=asked.sort))(),
        currencies=[code for code, _ in found.facets["currency"]],
        sorts=list(Sort),
        deadlines=list(Deadline),
        schemes=SCHEMES,
        may_save=may(actor, "search:save"),
    )


def _shown_facets(
    asked: Asked, facets: Mapping[str, list[tuple[str, int]]], language: str
) -> dict[str, list[tuple[str, str, str, bool]]]:
    """By filter: code, label, count, whether it is chosen; chosen ones stay even where they leave nothing."""
    label = default_vocabulary().label
    shown = {}
    for name, scheme in SCHEMES.items():
        chosen = getattr(asked, name)
        counted = dict(facets.get(name, ()))
        codes = [*chosen, *(code for code in counted if code not in chosen)]
        shown[name] = [
            (
                code,
                LANGUAGE_NAMES[code] if name == "language" else label(scheme, code, language),
                number_text(counted.get(code, 0), language),
                code in chosen,
            )
            for code in codes[: max(OPTIONS, len(chosen))]
        ]
    return shown


def _chips(asked: Asked) -> list[tuple[str, str, str]]:
    """What is filtered by: filter, code, and the address without it."""
    chips, address = [], addresses(asked)
    for name in _LISTS:
        chosen = getattr(asked, name)
        chips += [(name, code, address(**{name: [c for c in chosen if c != code]})) for code in chosen]
    for name in _SINGLE:
        if value := getattr(asked, name):
            chips.append((name, str(value), address(**{name: None})))
    return chips


# Saved searches and pins ------------------------------------------------------------------------------


@router.get("/saved")
def saved(request: Request, session: Reading, actor: Asking) -> Response:
    """One's saved searches and pins."""
    require(actor, "search:save")
    return _saved_page(request, session, actor)


def _saved_page(request: Request, session: Session, actor: Actor, **more: Any) -> Response:
    kept = [(one, queries.asked_of(one)) for one in queries.saved(session, actor)]
    undo = asked_for(request.query_params) if request.query_params.get("done") == "search-deleted" else None
    return page(
        request,
        actor,
        "search/saved.html",
        saved=[(one, asked, addresses(asked)(), _chips(asked)) for one, asked in kept],
        pins=[hit for _, hit in queries.pins(session, actor)],
        digests=list(Digest),
        undo=undo if undo is not None and "name" in request.query_params else None,
        undo_name=request.query_params.get("name", "")[:120],
        undo_digest=request.query_params.get("digest", ""),
        schemes=SCHEMES,
        **more,
    )


@router.post("/saved")
def save(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Keep a search, or bring back one that was just deleted."""
    require(actor, "search:save")
    limit_rate(request, "60/hour", "save-search", actor.uid)
    asked = asked_for(_Params(typed.fields))
    digest = typed.text("digest")
    shown = queries.now_found(session, site_of(request), asked)
    try:
        actions.save_search(
            session,
            actor,
            asked,
            name=typed.text("name") or _described(asked, language_of(request, actor)),
            digest=Digest(digest) if digest in list(Digest) else Digest.WEEKLY,
            shown=shown,
        )
    except NotNow as error:
        return _saved_page(request, session, actor, refused=error.message)
    return see_other("/search/saved?done=search-saved")


class _Params:
    """The fields of a form, read as an address is."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self.fields = fields

    def get(self, name: str) -> str:
        """The first value of a field."""
        return (self.fields.get(name) or [""])[0]

    def getlist(self, name: str) -> list[str]:
        """All values of a field."""
        return self.fields.get(name, [])


def _described(asked: Asked, language: str) -> str:
    """A name for a search that has none: its words, else the first things it filters by."""
    vocabulary = default_vocabulary()
    codes = [
        vocabulary.label(scheme, code, language)
        for name, scheme in SCHEMES.items()
        if name != "language"
        for code in getattr(asked, name)
    ]
    return asked.q or ", ".join(codes[:3])


@router.post("/saved/{uid}")
def change(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Another name or frequency."""
    require(actor, "search:save")
    digest = typed.text("digest")
    try:
        actions.change_saved(
            session,
            actor,
            uid,
            name=typed.text("name") if "name" in typed.fields else None,
            digest=Digest(digest) if digest in list(Digest) else None,
        )
    except BadInput as error:
        return _saved_page(request, session, actor, refused=error.problems[0].message)
    return see_other("/search/saved?done=saved")


@router.post("/saved/{uid}/delete")
def delete(session: Writing, actor: Asking, uid: str) -> Response:
    """Forget a saved search; the notice offers to bring it back."""
    require(actor, "search:save")
    gone = actions.delete_saved(session, actor, uid)
    query = actions.address_query(queries.asked_of(gone))
    more = urlencode({"done": "search-deleted", "name": gone.name, "digest": str(gone.digest)})
    return see_other(f"/search/saved?{more}&{query}")


@router.get("/stop")
def stop_form(request: Request, session: Reading, actor: Asking, key: str = "") -> Response:
    """Where the link in a digest leads: one button, so that no mail scanner stops anything."""
    kept = actions.stopped_by(session, site_of(request).settings.secret, key)
    return page(request, actor, "search/stop.html", saved=kept, key=key, stopped=kept.digest == Digest.NEVER)


@router.post("/stop")
def stop(request: Request, session: Writing, actor: Asking, typed: Form) -> Response:
    """Send no more digests of a saved search."""
    kept = actions.stop_digest(session, site_of(request).settings.secret, typed.text("key"))
    return page(request, actor, "search/stop.html", saved=kept, key="", stopped=True)


@router.post("/pins/{uid}")
def pin(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Pin a listing, and back to where one was."""
    require(actor, "search:pin")
    actions.pin(session, actor, uid)
    return _back(typed.text("back"), "pinned")


@router.post("/pins/{uid}/remove")
def unpin(session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Take a pin away, and back to where one was."""
    require(actor, "search:pin")
    actions.unpin(session, actor, uid)
    return _back(typed.text("back"), "unpinned")


def _back(where: str, done: str) -> Response:
    where = where if where.startswith(("/search", "/listings/")) else "/search/saved"
    return see_other(f"{where}{'&' if '?' in where else '?'}done={done}")


def section_of_listing(
    site: Site,
) -> Callable[[Session, Actor, Listing], tuple[str, dict[str, Any]]]:
    """What a listing's page shows of searching: a pin, and similar listings."""

    def section(session: Session, actor: Actor, listing: Listing) -> tuple[str, dict[str, Any]]:
        return "search/of_listing.html", {
            "listing": listing,
            "similar": queries.similar(session, site, listing, 4),
            "pinned": bool(queries.pinned(session, actor, [listing.key])),
            "may_pin": may(actor, "search:pin"),
            "is_need": listing.side == Side.NEED,
        }

    return section
