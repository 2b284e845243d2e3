"""Needs and offers as JSON.

What is typed is read as forms and spreadsheets are read, so `"28万元"` is as good as `280000` and `"CNY"`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response

from matching.profiles import Side
from service.errors import BadInput, FieldProblem
from service.listings import actions, queries, requests, threads
from service.listings.models import (  # noqa: TC001 — FastAPI reads them
    InquiryOut,
    ListingChange,
    ListingIn,
    ListingOut,
    ListingStatus,
    ReasonIn,
    RemarkIn,
    RequestIn,
    RequestOut,
)
from service.listings.reading import Draft
from service.listings.showing import inquiry_out, out, requests_out
from service.organizations import queries as organizations
from service.paging import Cursor, Limit, PieceOut
from service.permissions import require
from service.web import Asking, Reading, Writing, etag, require_match

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.listings.models import Listing
    from service.permissions import Actor

router = APIRouter(prefix="/api/v1/listings", tags=["listings"])

Uid = Annotated[str, Path(max_length=32, description="The listing's id.")]
Code = Annotated[str, Query(max_length=60, description="A code of the vocabulary.")]

_STRINGS = {
    "places": "only_places",
    "groups": "only_groups",
    "themes": "only_themes",
    "organization_kinds": "only_organization_kinds",
    "languages": "only_languages",
    "verified": "only_verified",
}
"""How the reader calls the conditions that the API calls otherwise."""


def _written(value: Any) -> str:
    """A value of JSON as a person would write it."""
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list():
            return ";".join(value)
        case float() if value == int(value):
            return str(int(value))
        case _:
            return str(value)


def _draft(given: ListingChange, side: Side) -> Draft:
    typed = given.model_dump(exclude_unset=True, exclude={"side", "organization", "lines", "strings"})
    fields = {name: _written(value) for name, value in typed.items()}
    if "strings" in given.model_fields_set:
        fields |= {
            _STRINGS.get(name, name): _written(value) for name, value in given.strings.model_dump().items()
        }
    lines = None
    if "lines" in given.model_fields_set:
        lines = [{name: _written(value) for name, value in line.model_dump().items()} for line in given.lines]
    return Draft(side, fields, lines)


def _as_given(error: BadInput) -> BadInput:
    """The problems under the names that the API has for its fields."""
    names = {column: f"strings.{name}" for name, column in _STRINGS.items()}
    names |= {name: f"strings.{name}" for name in ("min_rating", "min_beneficiaries", "vetoes")}
    return BadInput(
        [
            FieldProblem(
                names.get(
                    one.field,
                    one.field.replace("-", ".", 2) if one.field.startswith("lines-") else one.field,
                ),
                one.message,
            )
            for one in error.problems
        ]
    )


def _shown(session: Session, actor: Actor, response: Response, listing: Listing) -> ListingOut:
    response.headers["ETag"] = etag(listing.version)
    return out(session, actor, [listing])[0]


# Requests and questions by their own ids, before the addresses that begin with a listing's --------------


@router.get("/requests")
def list_requests(
    session: Reading,
    actor: Asking,
    box: Annotated[
        Literal["sent", "received"], Query(description="Whose turn it is to answer.")
    ] = "received",
) -> list[RequestOut]:
    """The requests that the caller's organizations have sent or got, those still waiting first."""
    return requests_out(session, queries.requests(session, actor, sent=box == "sent"))


@router.post("/requests/{request_uid}/accept")
def accept_request(
    request_uid: Annotated[str, Path(max_length=32)], given: RemarkIn, session: Writing, actor: Asking
) -> RequestOut:
    """Say yes to a request; `text` may be empty."""
    found = queries.request(session, actor, request_uid, lock=True)
    return requests_out(session, [requests.accept(session, actor, found, given.text)])[0]


@router.post("/requests/{request_uid}/decline")
def decline_request(
    request_uid: Annotated[str, Path(max_length=32)], given: ReasonIn, session: Writing, actor: Asking
) -> RequestOut:
    """Say no to a request, with a reason."""
    found = queries.request(session, actor, request_uid, lock=True)
    return requests_out(session, [requests.decline(session, actor, found, given.reason)])[0]


@router.post("/requests/{request_uid}/withdraw")
def withdraw_request(
    request_uid: Annotated[str, Path(max_length=32)], session: Writing, actor: Asking
) -> RequestOut:
    """Take back a request that still waits."""
    found = queries.request(session, actor, request_uid, lock=True)
    return requests_out(session, [requests.withdraw(session, actor, found)])[0]


@router.post("/questions/{question_uid}/answer")
def answer_question(
    question_uid: Annotated[str, Path(max_length=32)], given: RemarkIn, session: Writing, actor: Asking
) -> InquiryOut:
    """Answer a question about one's listing; everybody who sees the listing sees it."""
    inquiry, listing = queries.inquiry(session, actor, question_uid)
    return inquiry_out(threads.answer(session, actor, inquiry, listing, given.text))


# Listings ---------------------------------------------------------------------------------------------


@router.get("")
def list_listings(
    session: Reading,
    actor: Asking,
    side: Annotated[Side | None, Query()] = None,
    organization: Annotated[str, Query(max_length=32, description="The organization's id.")] = "",
    status: Annotated[ListingStatus | None, Query()] = None,
    theme: Code = "",
    kind: Code = "",
    place: Code = "",
    cursor: Cursor = None,
    limit: Limit = 20,
) -> PieceOut[ListingOut]:
    """Needs and offers that the caller may see, the newest first. To search by meaning: `/api/v1/search`."""
    found = queries.listed(
        session,
        actor,
        side=side,
        organization=organization,
        status=status,
        theme=theme,
        kind=kind,
        place=place,
        cursor=cursor,
        limit=limit,
    )
    return PieceOut(items=out(session, actor, found.items), next=found.next)


@router.post("", status_code=201)
def create_listing(given: ListingIn, response: Response, session: Writing, actor: Asking) -> ListingOut:
    """Begin a need or offer as a draft. `Idempotency-Key` makes it safe to try again."""
    require(actor, "listing:create", _organization_key(session, actor, given.organization))
    organization = organizations.get(session, actor, given.organization)
    try:
        listing = actions.save_draft(session, actor, organization, _draft(given, given.side))
    except BadInput as error:
        raise _as_given(error) from error
    response.headers["Location"] = f"/api/v1/listings/{listing.uid}"
    return _shown(session, actor, response, listing)


def _organization_key(session: Session, actor: Actor, uid: str) -> int | None:
    """The number of an organization; None where nobody is signed in, so that this is said first."""
    return organizations.get(session, actor, uid).key if actor.signed_in else None


@router.get("/{uid}")
def get_listing(uid: Uid, response: Response, session: Reading, actor: Asking) -> ListingOut:
    """One need or offer, with the `ETag` that an edit needs."""
    return _shown(session, actor, response, queries.get(session, actor, uid))


@router.patch("/{uid}")
def change_listing(
    uid: Uid, change: ListingChange, request: Request, response: Response, session: Writing, actor: Asking
) -> ListingOut:
    """Change some fields; what is left out stays. `If-Match` guards against lost edits."""
    listing = queries.get(session, actor, uid, lock=True)
    require(actor, "listing:edit", listing.organization_id)
    require_match(request, listing.version)
    try:
        actions.change(session, actor, listing, _draft(change, Side(listing.side)))
    except BadInput as error:
        raise _as_given(error) from error
    return _shown(session, actor, response, listing)


@router.delete("/{uid}", status_code=204)
def discard_listing(uid: Uid, request: Request, session: Writing, actor: Asking) -> None:
    """Delete a draft that was never published."""
    listing = queries.get(session, actor, uid, lock=True)
    require(actor, "listing:edit", listing.organization_id)
    require_match(request, listing.version)
    actions.discard(session, actor, listing)


@router.post("/{uid}/publish")
def publish_listing(uid: Uid, response: Response, session: Writing, actor: Asking) -> ListingOut:
    """Show a draft to everybody. The organization must be verified, and neither suspended nor barred."""
    listing = queries.get(session, actor, uid, lock=True)
    return _shown(session, actor, response, actions.publish(session, actor, listing))


@router.post("/{uid}/withdraw")
def withdraw_listing(
    uid: Uid, given: ReasonIn, response: Response, session: Writing, actor: Asking
) -> ListingOut:
    """Take it back, with a reason; nobody else sees it any more."""
    listing = queries.get(session, actor, uid, lock=True)
    return _shown(session, actor, response, actions.withdraw(session, actor, listing, given.reason))


@router.post("/{uid}/renew")
def renew_listing(uid: Uid, response: Response, session: Writing, actor: Asking) -> ListingOut:
    """Keep it open for another 90 days from today, also after it has expired."""
    listing = queries.get(session, actor, uid, lock=True)
    return _shown(session, actor, response, actions.renew(session, actor, listing))


@router.post("/{uid}/fulfil")
def fulfil_listing(uid: Uid, response: Response, session: Writing, actor: Asking) -> ListingOut:
    """Say that it has been met."""
    listing = queries.get(session, actor, uid, lock=True)
    return _shown(session, actor, response, actions.fulfil(session, actor, listing))


@router.post("/{uid}/copy", status_code=201)
def copy_listing(uid: Uid, response: Response, session: Writing, actor: Asking) -> ListingOut:
    """A new draft like this one, without its dates."""
    made = actions.copy(session, actor, queries.get(session, actor, uid))
    response.headers["Location"] = f"/api/v1/listings/{made.uid}"
    return _shown(session, actor, response, made)


@router.get("/{uid}/questions")
def list_questions(uid: Uid, session: Reading, actor: Asking) -> list[InquiryOut]:
    """Questions about it with their answers, the oldest first."""
    listing = queries.get(session, actor, uid)
    return [inquiry_out(one) for one in queries.inquiries(session, actor, listing)]


@router.post("/{uid}/questions", status_code=201)
def ask_question(uid: Uid, given: RemarkIn, session: Writing, actor: Asking) -> InquiryOut:
    """Ask about it; its editors are told."""
    return inquiry_out(threads.ask(session, actor, queries.get(session, actor, uid, lock=True), given.text))


@router.post("/{uid}/requests", status_code=201)
def send_request(uid: Uid, given: RequestIn, session: Writing, actor: Asking) -> RequestOut:
    """Ask for an offer, or offer oneself to a need. Three of an organization may wait for a reply at once."""
    require(actor, "request:send", _organization_key(session, actor, given.organization))
    listing = queries.get(session, actor, uid)
    sent = requests.send_request(session, actor, listing, given.organization, given.text, given.own_listing)
    return requests_out(session, [sent])[0]
