"""Requests outside any round: an organization asks for an offer, or offers itself to a need.

A request waits for a reply until a day; at most three of an organization wait at once. Whether its time is
over is a predicate; a job makes it a status and tells both sides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlmodel import Session, col, select

from matching.messages import Message
from matching.text import detect_language
from service.accounts.queries import emails_of_editors
from service.db import now, writing
from service.errors import BadInput, NotFound, NotNow
from service.events import advance, record
from service.i18n import date_text
from service.listings import actions, queries
from service.listings.models import (
    MOST_PENDING,
    REPLY_WORKING_DAYS,
    REQUEST,
    Listing,
    Request,
    RequestStatus,
)
from service.listings.threads import remark
from service.mail import send
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.permissions import SYSTEM_ACTOR, require
from service.texts import MISSING
from service.working_days import after_working_days

if TYPE_CHECKING:
    from service.jobs import Work
    from service.permissions import Actor


def send_request(
    session: Session,
    actor: Actor,
    listing: Listing,
    sender: str,
    text: str,
    own_listing: str = "",
) -> Request:
    """Ask the organization behind an open listing on behalf of one's own organization (`sender`, its uid)."""
    if not sender:
        raise BadInput.one("organization", MISSING)
    organization = organizations.get(session, actor, sender, lock=True)
    require(actor, "request:send", organization.key)
    kept = remark(text)
    if not queries.is_open(listing, queries.today()):
        raise NotNow(Message("listing-closed", "This is not open any more."))
    if organization.key == listing.organization_id:
        raise NotNow(Message("request-own", "This is your own organization's."))
    if reason := actions.standing_in_the_way(organization):
        raise NotNow(reason)
    _check_waiting(session, organization, listing)
    request = Request(
        listing_id=listing.key,
        from_organization_id=organization.key,
        to_organization_id=listing.organization_id,
        own_listing_id=_own_listing(session, actor, organization, own_listing),
        text=kept,
        language=detect_language(kept),
        reply_by=after_working_days(queries.today(), REPLY_WORKING_DAYS),
        sent_by=actor.user_id,
    )
    session.add(request)
    session.flush()
    record(session, actor, "request.send", request, listing=listing.uid, organization=organization.uid)
    _tell(session, request, listing, request.to_organization_id, "listing-request", text=kept)
    return request


def _check_waiting(session: Session, organization: Organization, listing: Listing) -> None:
    if queries.pending(session, organization.key) >= MOST_PENDING:
        raise NotNow(
            Message(
                "requests-waiting",
                "Your organization has {most} requests waiting for a reply, and no more are allowed at once. "
                "Wait for a reply or withdraw one.",
                most=MOST_PENDING,
            )
        )
    twice = select(Request.id).where(
        Request.from_organization_id == organization.key,
        Request.listing_id == listing.key,
        queries.waiting_on(queries.today()),
    )
    if session.exec(twice).first() is not None:
        raise NotNow(Message("request-twice", "Your organization has already sent a request about this."))


def _own_listing(session: Session, actor: Actor, organization: Organization, uid: str) -> int | None:
    if not uid:
        return None
    own = queries.get(session, actor, uid)
    if own.organization_id != organization.key or not queries.is_open(own, queries.today()):
        raise BadInput.one(
            "own_listing",
            Message("listing-not-own", "Choose a published need or offer of your organization."),
        )
    return own.key


def accept(session: Session, actor: Actor, request: Request, text: str = "") -> Request:
    """Say yes; both sides then see whom to write to."""
    return _answer(session, actor, request, "accept", text)


def decline(session: Session, actor: Actor, request: Request, reason: str) -> Request:
    """Say no, with a reason that the sender reads."""
    return _answer(session, actor, request, "decline", remark(reason, "reason"))


def _answer(session: Session, actor: Actor, request: Request, step: str, text: str) -> Request:
    require(actor, "request:answer", request.to_organization_id)
    kept = remark(text, "reply") if text.strip() else ""
    if request.status is RequestStatus.PENDING and not queries.is_waiting(request, queries.today()):
        raise NotNow(Message("request-lapsed", "The time to reply is over. The sender may ask again."))
    listing = session.get_one(Listing, request.listing_id)
    advance(session, actor, request, REQUEST, step, reason=kept, listing=listing.uid)
    request.reply, request.answered = kept, now()
    request.version += 1
    template = "listing-request-accepted" if step == "accept" else "listing-request-declined"
    _tell(session, request, listing, request.from_organization_id, template, text=kept)
    return request


def withdraw(session: Session, actor: Actor, request: Request) -> Request:
    """Take a request back that still waits."""
    if request.from_organization_id not in actor.memberships and not actor.is_staff:
        raise NotFound
    require(actor, "request:send", request.from_organization_id)
    listing = session.get_one(Listing, request.listing_id)
    advance(session, actor, request, REQUEST, "withdraw", listing=listing.uid)
    request.version += 1
    _tell(session, request, listing, request.to_organization_id, "listing-request-withdrawn")
    return request


def _tell(
    session: Session,
    request: Request,
    listing: Listing,
    organization_id: int,
    template: str,
    *,
    text: str = "",
) -> None:
    sender = session.get_one(Organization, request.from_organization_id)
    receiver = session.get_one(Organization, request.to_organization_id)
    for email, language in emails_of_editors(session, organization_id):
        send(
            session,
            email,
            template,
            language,
            title=listing.title,
            uid=request.uid,
            sender=sender.name,
            receiver=receiver.name,
            text=text,
            day=date_text(request.reply_by, language),
        )


def lapse_requests(work: Work) -> None:
    """The job that ends requests nobody answered in time, and reminds the day before."""
    day = queries.today()
    with writing(work.engine) as session:
        waiting = session.exec(
            select(Request, Listing).where(
                col(Request.listing_id) == col(Listing.id),
                col(Request.status) == RequestStatus.PENDING,
                col(Request.reply_by) <= after_working_days(day, 1),
            )
        ).all()
        for request, listing in waiting:
            if request.reply_by < day:
                advance(session, SYSTEM_ACTOR, request, REQUEST, "lapse")
                request.version += 1
                for side in (request.from_organization_id, request.to_organization_id):
                    _tell(session, request, listing, side, "listing-request-lapsed")
            elif not request.reminded:
                request.reminded = True
                session.add(request)
                _tell(session, request, listing, request.to_organization_id, "listing-request-reminder")
