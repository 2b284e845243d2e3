"""Pages of needs and offers: one's own, one of them, the service mall, questions and requests.

Later slices show their part of a listing's page without being imported here: each callable in
`app.state.listing_sections` gets (session, actor, listing) and gives a template and its values; those in
`app.state.listing_ends` stand at the end of the form, where one goes on from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import Response  # noqa: TC002 — FastAPI reads it

from service.errors import BadInput, NotNow
from service.listings import actions, bringing, editing, queries, requests, showing, threads
from service.listings.editing import options
from service.listings.models import LISTING, MOST_PENDING, REPLY_WORKING_DAYS, ListingStatus
from service.organizations.desk import problems_by_field, signed_in
from service.paging import Cursor  # noqa: TC001 — FastAPI reads it
from service.permissions import may
from service.web import (
    NOTHING_TYPED,
    Asking,
    Form,
    Reading,
    Typed,
    Writing,
    briefly,
    language_of,
    limit,
    page,
    see_other,
    site_of,
    typed_before,
)

if TYPE_CHECKING:
    from sqlmodel import Session

    from service.listings.models import Listing
    from service.organizations.models import Organization
    from service.permissions import Actor

router = APIRouter(prefix="/listings", include_in_schema=False)


# Lists ------------------------------------------------------------------------------------------------


@router.get("")
def all_of_them() -> Response:
    """Needs and offers are found by searching."""
    return see_other("/search")


@router.get("/mine")
def mine(request: Request, session: Reading, actor: Asking) -> Response:
    """All listings of one's organizations, with what one may do next."""
    signed_in(actor)
    found = queries.mine(session, actor)
    return page(
        request,
        actor,
        "listings/mine.html",
        listings=found,
        owners=queries.owners_of(session, found),
        organizations=queries.editable_organizations(session, actor),
        open_questions=queries.open_inquiries(session, found),
        waiting=sum(
            queries.is_waiting(one, queries.today()) for one in queries.requests(session, actor, sent=False)
        ),
        completeness=showing.completeness,
        is_open=lambda listing: queries.is_open(listing, queries.today()),
    )


@router.get("/mall")
def mall(
    request: Request,
    session: Reading,
    actor: Asking,
    kind: str = "",
    theme: str = "",
    place: str = "",
    q: str = "",
    cursor: Cursor = None,
) -> Response:
    """Services, training and venues that organizations offer each other."""
    language = language_of(request, actor)
    asked: dict[str, Any] = {"kind": kind[:60], "theme": theme[:60], "place": place[:60]}
    found = queries.mall(session, actor, **asked, words=q[:200], cursor=cursor)
    asked["q"] = q[:200]
    owners = queries.owners_of(session, found.items)
    return page(
        request,
        actor,
        "listings/mall.html",
        hits=[{"listing": one, "organization": owners[one.organization_id]} for one in found.items],
        **asked,
        older="/listings/mall?" + urlencode({**asked, "cursor": found.next}) if found.next else "",
        kinds=[(code, label) for code, label in options("kinds", language) if code in queries.MALL_KINDS],
        themes=options("themes", language),
    )


def section_of_organization(
    session: Session, actor: Actor, organization: Organization
) -> tuple[str, dict[str, Any]]:
    """What an organization's public profile shows of its needs and offers."""
    return "listings/of_organization.html", {
        "hits": [
            {"listing": listing, "organization": organization}
            for listing in queries.of_organization(session, actor, organization)
        ]
    }


router.include_router(bringing.router)
router.include_router(editing.router)


# Requests ---------------------------------------------------------------------------------------------


@router.get("/requests")
def request_list(request: Request, session: Reading, actor: Asking) -> Response:
    """The requests that one's organizations have got and sent."""
    signed_in(actor)
    boxes = {
        "received": queries.requests(session, actor, sent=False),
        "sent": queries.requests(session, actor, sent=True),
    }
    everything = [*boxes["received"], *boxes["sent"]]
    return page(
        request,
        actor,
        "listings/requests.html",
        boxes=boxes,
        **showing.behind(session, everything),
        shown_status=lambda one: queries.shown_status(one, queries.today()),
    )


@router.get("/requests/{uid}")
def request_page(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """One request, and what one may do about it."""
    signed_in(actor)
    return _request_page(request, session, actor, uid, typed_before(request, session))


def _request_page(
    request: Request,
    session: Session,
    actor: Actor,
    uid: str,
    typed: Typed,
    **values: Any,
) -> Response:
    found = queries.request(session, actor, uid)
    return page(
        request,
        actor,
        "listings/request.html",
        typed=typed,
        **values,
        found=found,
        **showing.behind(session, [found]),
        status_shown=queries.shown_status(found, queries.today()),
        may_answer=may(actor, "request:answer", found.to_organization_id),
        may_withdraw=may(actor, "request:send", found.from_organization_id),
    )


@router.post("/requests/{uid}/{step}")
def answer_request(
    request: Request, session: Writing, actor: Asking, uid: str, step: str, typed: Form
) -> Response:
    """Accept, decline or withdraw a request."""
    signed_in(actor)
    found = queries.request(session, actor, uid, lock=True)
    try:
        match step:
            case "accept":
                requests.accept(session, actor, found, typed.text("reply"))
            case "decline":
                requests.decline(session, actor, found, typed.text("reason"))
            case "withdraw":
                requests.withdraw(session, actor, found)
            case _:
                return see_other(f"/listings/requests/{uid}")
    except BadInput as error:
        problems = problems_by_field(error)
        return _request_page(request, session, actor, uid, typed, status=422, problems=problems)
    done = {"accept": "accepted", "decline": "declined", "withdraw": "withdrawn"}[step]
    return see_other(f"/listings/requests/{uid}?done=request-{done}")


# One listing ------------------------------------------------------------------------------------------


@router.get("/{uid}")
async def detail(request: Request, session: Reading, actor: Asking, uid: str) -> Response:
    """A need or offer with its questions, and what one may do about it.

    To look for what is like a draft takes the model, and longer.
    """

    def shown() -> Response:
        return _detail(request, session, actor, listing, typed_before(request, session))

    listing = await briefly(request, queries.get, session, actor, uid)
    if actor.is_staff or listing.status is ListingStatus.DRAFT:
        return await run_in_threadpool(shown)
    return await briefly(request, shown)


def _detail(
    request: Request,
    session: Session,
    actor: Actor,
    listing: Listing,
    typed: Typed = NOTHING_TYPED,
    **values: Any,
) -> Response:
    organization = queries.organization_of(session, listing)
    senders = [one for one in queries.editable_organizations(session, actor) if one.key != organization.key]
    share, missing = showing.completeness(listing)
    return page(
        request,
        actor,
        "listings/detail.html",
        typed=typed,
        **values,
        listing=listing,
        organization=organization,
        strings=queries.strings_of(listing.strings),
        vetoed=[name for _, name in queries.names_by_uid(session, listing.strings.get("vetoes", []))],
        attachments=queries.attachments(session, listing),
        inquiries=queries.inquiries(session, actor, listing),
        is_open=queries.is_open(listing, queries.today()),
        is_purchase=queries.is_purchase(listing, organization),
        insider=queries.is_insider(actor, listing),
        steps=LISTING.possible(listing.status),
        senders=senders,
        own_listings=[
            one
            for one in queries.mine(session, actor)
            if one.side != listing.side and queries.is_open(one, queries.today())
        ],
        most_pending=MOST_PENDING,
        reply_days=REPLY_WORKING_DAYS,
        share=share,
        missing=[(label, f"/listings/{listing.uid}/edit?step={step}") for label, step in missing],
        sections=[
            section(session, actor, listing) for section in getattr(request.app.state, "listing_sections", ())
        ],
    )


@router.post("/{uid}/withdraw")
def withdraw(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Take it back, with a reason."""
    signed_in(actor)
    listing = queries.get(session, actor, uid, lock=True)
    try:
        actions.withdraw(session, actor, listing, typed.text("reason"))
    except BadInput as error:
        problems = problems_by_field(error)
        return _detail(request, session, actor, listing, typed, status=422, problems=problems)
    return see_other(f"/listings/{uid}?done=withdrawn")


@router.post("/{uid}/fulfil")
def fulfil(session: Writing, actor: Asking, uid: str) -> Response:
    """Say that it has been met."""
    signed_in(actor)
    actions.fulfil(session, actor, queries.get(session, actor, uid, lock=True))
    return see_other(f"/listings/{uid}?done=fulfilled")


@router.post("/{uid}/discard")
def discard(session: Writing, actor: Asking, uid: str) -> Response:
    """Delete a draft."""
    signed_in(actor)
    actions.discard(session, actor, queries.get(session, actor, uid, lock=True))
    return see_other("/listings/mine?done=deleted")


@router.get("/{uid}/renew")
def renew_form(request: Request, session: Reading, actor: Asking, uid: str, key: str = "") -> Response:
    """Where the link in a reminder leads: one button, so that no mail scanner renews anything."""
    listing = actions.check_renewal(session, site_of(request).settings.secret, uid, key)
    return page(request, actor, "listings/renew.html", listing=listing, key=key)


@router.post("/{uid}/renew")
def renew(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Keep it open for longer, with the link out of a mail or signed in."""
    if key := typed.text("key"):
        listing = actions.renew_by_link(session, site_of(request).settings.secret, uid, key)
        return page(request, actor, "listings/renew.html", listing=listing, key="")
    signed_in(actor)
    actions.renew(session, actor, queries.get(session, actor, uid, lock=True))
    return see_other(f"/listings/{uid}?done=renewed")


@router.post("/{uid}/questions")
def ask(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Ask about it."""
    signed_in(actor)
    limit(request, "20/hour", "ask", actor.uid)
    listing = queries.get(session, actor, uid, lock=True)
    try:
        threads.ask(session, actor, listing, typed.text("question"))
    except BadInput as error:
        problems = problems_by_field(error)
        return _detail(request, session, actor, listing, typed, status=422, problems=problems)
    return see_other(f"/listings/{uid}?done=asked#questions")


@router.post("/{uid}/questions/{question}")
def answer(
    request: Request, session: Writing, actor: Asking, uid: str, question: str, typed: Form
) -> Response:
    """Answer a question."""
    signed_in(actor)
    inquiry, listing = queries.inquiry(session, actor, question)
    try:
        threads.answer(session, actor, inquiry, listing, typed.text(f"answer-{question}"))
    except BadInput as error:
        problems = problems_by_field(error, {"answer": f"answer-{question}"})
        return _detail(request, session, actor, listing, typed, status=422, problems=problems)
    return see_other(f"/listings/{uid}?done=answered#questions")


@router.post("/{uid}/requests")
def send_request(request: Request, session: Writing, actor: Asking, uid: str, typed: Form) -> Response:
    """Send a request about it."""
    signed_in(actor)
    listing = queries.get(session, actor, uid)
    try:
        sent = requests.send_request(
            session,
            actor,
            listing,
            typed.text("organization"),
            typed.text("text"),
            typed.text("own_listing"),
        )
    except BadInput as error:
        problems = problems_by_field(error)
        return _detail(request, session, actor, listing, typed, status=422, problems=problems)
    except NotNow as error:
        problems = {"request": error.message}
        return _detail(request, session, actor, listing, typed, status=error.status, problems=problems)
    return see_other(f"/listings/requests/{sent.uid}?done=request-sent")
