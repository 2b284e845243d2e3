"""Listings and requests as the API shows them, and how complete a listing is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from service.listings.models import (
    Inquiry,
    InquiryOut,
    LineOut,
    Listing,
    ListingOut,
    MoneyOut,
    OwnerOut,
    Request,
    RequestOut,
)
from service.listings.queries import is_insider, owners_of, shown_status, today
from service.organizations.models import Organization

if TYPE_CHECKING:
    from collections.abc import Iterable

    from service.permissions import Actor

HUNDREDTHS = 100


def _line_out(stored: dict[str, Any]) -> LineOut:
    def whole(name: str) -> float:
        amount: int = stored[name] or 0
        return amount / HUNDREDTHS

    worth = stored["worth"]
    return LineOut(
        kind=stored["kind"],
        unit=stored["unit"],
        critical=stored["critical"],
        worth=MoneyOut(amount=worth["amount"] / HUNDREDTHS, unit=worth["unit"]) if worth else None,
        cheque_max=None if stored["cheque_max"] is None else whole("cheque_max"),
        **{name: whole(name) for name in ("amount", "minimum", "labour", "overhead", "cheque_min")},
    )


def out(session: Session, actor: Actor, listings: Iterable[Listing]) -> list[ListingOut]:
    """Listings as the API shows them; the caller has taken them from `visible_to`.

    Whom an offer never wants to be paired with is shown to insiders only.
    """
    found = list(listings)
    owners = owners_of(session, found)
    return [
        ListingOut(
            id=listing.uid,
            organization=OwnerOut(
                id=owners[listing.organization_id].uid,
                name=owners[listing.organization_id].name,
                kind=owners[listing.organization_id].kind,
            ),
            lines=[_line_out(line) for line in listing.lines],
            completeness=completeness(listing)[0],
            strings={
                name: value
                for name, value in listing.strings.items()
                if name != "vetoes" or is_insider(actor, listing)
            },
            **{name: getattr(listing, name) for name in _SHOWN},
        )
        for listing in found
    ]


_SHOWN = [
    name
    for name in ListingOut.model_fields
    if name not in {"id", "organization", "lines", "completeness", "strings"}
]


def requests_out(session: Session, found: Iterable[Request]) -> list[RequestOut]:
    """Requests as the API shows them; one whose time is over is shown as lapsed."""
    shown = list(found)
    listings = dict(
        session.exec(
            select(Listing.id, Listing.uid).where(col(Listing.id).in_({one.listing_id for one in shown}))
        ).all()
    )
    numbers = {one.from_organization_id for one in shown} | {one.to_organization_id for one in shown}
    owners = dict(
        session.exec(select(Organization.id, Organization.uid).where(col(Organization.id).in_(numbers))).all()
    )
    return [
        RequestOut(
            id=one.uid,
            listing=listings[one.listing_id],
            from_organization=owners[one.from_organization_id],
            to_organization=owners[one.to_organization_id],
            status=shown_status(one, today()),
            text=one.text,
            reply=one.reply,
            reply_by=one.reply_by,
            created=one.created,
            answered=one.answered,
        )
        for one in shown
    ]


# How complete -----------------------------------------------------------------------------------------

ENOUGH_TEXT = 80
"""Characters of a text that says something; a Chinese one counts twice."""


def _weight(listing: Listing) -> int:
    return len(listing.text) * (2 if listing.language.startswith("zh") else 1)


def completeness(listing: Listing) -> tuple[float, list[tuple[Message, int]]]:
    """How much of what makes a listing findable is there, in [0, 1], and what is missing, with its step."""
    is_need = listing.side == Side.NEED
    wanted = [
        (bool(listing.lines), Message("more-lines", "What exactly, and how much"), 2),
        (
            len(listing.text) >= ENOUGH_TEXT
            or (listing.language[:2] == "zh" and 2 * len(listing.text) >= ENOUGH_TEXT),
            Message("more-text", "A few sentences about it"),
            1,
        ),
        (bool(listing.themes), Message("more-themes", "Its themes"), 1),
        (bool(listing.groups), Message("more-groups", "Whom it is for"), 1),
        (bool(listing.places), Message("more-places", "Where it takes place"), 3),
        (bool(listing.starts or listing.ends), Message("more-dates", "When it takes place"), 3),
        (bool(listing.languages), Message("more-languages", "The languages you can work in"), 3),
        (
            bool(listing.beneficiaries) if is_need else bool(listing.most_projects),
            Message("more-beneficiaries", "How many people it reaches")
            if is_need
            else Message("more-projects", "How many projects it is for"),
            1 if is_need else 3,
        ),
    ]
    there = sum(one for one, _, _ in wanted)
    return there / len(wanted), [(label, step) for one, label, step in wanted if not one]


def inquiry_out(inquiry: Inquiry) -> InquiryOut:
    """A question as the API shows it."""
    shown = {name: getattr(inquiry, name) for name in InquiryOut.model_fields if name != "id"}
    return InquiryOut(id=inquiry.uid, **shown)


def behind(session: Session, found: Iterable[Request]) -> dict[str, Any]:
    """The listings and organizations that requests are about, by number."""
    shown = list(found)
    listings = {one.listing_id for one in shown} | {one.own_listing_id for one in shown}
    owners = {one.from_organization_id for one in shown} | {one.to_organization_id for one in shown}
    return {
        "listings": {
            one.key: one
            for one in session.exec(select(Listing).where(col(Listing.id).in_(listings - {None})))
        },
        "owners": {
            one.key: one for one in session.exec(select(Organization).where(col(Organization.id).in_(owners)))
        },
    }
