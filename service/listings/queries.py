"""Reading needs and offers. Every path starts at `visible_to`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, true
from sqlmodel import Session, col, select

from matching.messages import Quantity
from matching.profiles import Profile, ResourceLine, Side, Strings
from service.db import now
from service.errors import NotFound
from service.jobs import Job
from service.listings.models import (
    Attachment,
    Import,
    Inquiry,
    InquiryStatus,
    Listing,
    ListingStatus,
    ListingTag,
    Request,
    RequestStatus,
    Unsaved,
)
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.paging import Piece, piece
from service.permissions import Role, may

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from sqlmodel.sql.expression import SelectOfScalar

    from matching.profiles import Organization as OrganizationFacts
    from service.permissions import Actor


def today() -> date:
    """The day by which deadlines are counted (UTC)."""
    return now().date()


def is_open(listing: Listing, day: date) -> bool:
    """Whether it is published and has not expired on that day."""
    return listing.status is ListingStatus.PUBLISHED and (listing.expires is None or listing.expires >= day)


@lru_cache(2)
def open_on(day: date) -> ColumnElement[bool]:
    """`is_open` as a condition on `listing`; kept for the day, for all pages ask it."""
    return and_(
        col(Listing.status) == ListingStatus.PUBLISHED,
        or_(col(Listing.expires).is_(None), col(Listing.expires) >= day),
    )


@lru_cache(2)
def public(day: date) -> ColumnElement[bool]:
    """What everybody sees: open listings of organizations that may act."""
    acts = (
        exists()
        .where(col(Organization.id) == col(Listing.organization_id), organizations.acting(day))
        .correlate(Listing)
    )
    return and_(open_on(day), acts)


def seen_by(actor: Actor) -> ColumnElement[bool]:
    """The condition behind `visible_to`."""
    if actor.is_staff:
        return true()
    if not actor.memberships:
        return public(today())
    return or_(public(today()), col(Listing.organization_id).in_(list(actor.memberships)))


def visible_to(actor: Actor) -> SelectOfScalar[Listing]:
    """The listings an actor may see: what is public, those of one's own organizations, all for staff."""
    return select(Listing).where(seen_by(actor))


def get(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Listing:
    """One listing; raises NotFound where there is none, or none that the actor may see.

    `lock`: nobody else may change it until this transaction ends.
    """
    wanted = visible_to(actor).where(col(Listing.uid) == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def by_ids(session: Session, actor: Actor, ids: Iterable[int]) -> dict[int, Listing]:
    """By number: those of the listings that the actor may see."""
    found = session.exec(visible_to(actor).where(col(Listing.id).in_(list(ids))))
    return {listing.key: listing for listing in found}


def organization_of(session: Session, listing: Listing) -> Organization:
    """Whose listing it is."""
    return session.get_one(Organization, listing.organization_id)


def is_insider(actor: Actor, listing: Listing) -> bool:
    """Whether the actor sees what only members and facilitators see."""
    return actor.is_staff or listing.organization_id in actor.memberships


def organizations_named(session: Session, names: Iterable[str]) -> tuple[list[str], list[str]]:
    """uids of the organizations with these uids or names, and what is neither."""
    wanted = list(names)
    found = session.exec(
        select(Organization.uid, Organization.name).where(
            or_(col(Organization.uid).in_(wanted), col(Organization.name).in_(wanted))
        )
    ).all()
    known = {word for pair in found for word in pair}
    return sorted({uid for uid, _ in found}), [name for name in wanted if name not in known]


def names_of_organizations(session: Session) -> frozenset[str]:
    """Names and uids of all organizations."""
    found = session.exec(select(Organization.uid, Organization.name)).all()
    return frozenset(word for pair in found for word in pair)


# As the library sees it -------------------------------------------------------------------------------


def line_of(stored: dict[str, Any]) -> ResourceLine:
    """A stored resource line."""
    worth = stored.get("worth")
    return ResourceLine(**{**stored, "worth": Quantity(worth["amount"], worth["unit"]) if worth else None})


def strings_of(stored: dict[str, Any]) -> Strings:
    """Stored strings; what is not stored is as by default."""
    fields: dict[str, Any] = {
        name: frozenset(value) if isinstance(value, list) else value for name, value in stored.items()
    }
    return Strings(**fields)


def profile_of(session: Session, listing: Listing, organization: Organization | None = None) -> Profile:
    """The listing as `matching` sees it; ids are uids."""
    return _profile(listing, organizations.facts(session, organization or organization_of(session, listing)))


def profiles_of(session: Session, listings: Sequence[Listing]) -> list[Profile]:
    """Listings as `matching` sees them, with the same few statements however many they are."""
    facts = organizations.facts_of(session, owners_of(session, listings).values())
    return [_profile(listing, facts[listing.organization_id]) for listing in listings]


def _profile(listing: Listing, organization: OrganizationFacts) -> Profile:
    return Profile(
        id=listing.uid,
        side=Side(listing.side),
        title=listing.title,
        text=listing.text,
        organization=organization,
        lines=tuple(line_of(line) for line in listing.lines),
        themes=frozenset(listing.themes),
        groups=frozenset(listing.groups),
        goals=frozenset(listing.goals),
        places=frozenset(listing.places),
        languages=frozenset(listing.languages),
        starts=listing.starts,
        ends=listing.ends,
        published=listing.published,
        expires=listing.expires,
        beneficiaries=listing.beneficiaries,
        strings=strings_of(listing.strings),
        most_projects=listing.most_projects,
        preferences=tuple(listing.preferences),
        synthetic=listing.synthetic,
    )


# Lists ------------------------------------------------------------------------------------------------


def mine(session: Session, actor: Actor, side: Side | None = None) -> list[Listing]:
    """The listings of the actor's organizations, the newest first."""
    if not actor.memberships:
        return []
    own = visible_to(actor).where(col(Listing.organization_id).in_(list(actor.memberships)))
    if side is not None:
        own = own.where(col(Listing.side) == side)
    return list(session.exec(own.order_by(col(Listing.id).desc()).limit(500)))


def editable_organizations(session: Session, actor: Actor) -> list[Organization]:
    """The organizations for which the actor may write needs and offers."""
    return [
        organization
        for organization in organizations.mine(session, actor)
        if actor.memberships[organization.key] in (Role.EDITOR, Role.OWNER)
    ]


def importable_organizations(session: Session, actor: Actor) -> list[Organization]:
    """The organizations whose spreadsheets the actor may import: one's own; all of them for staff."""
    if not may(actor, "listing:import"):
        return editable_organizations(session, actor)
    everyone = organizations.visible_to(actor).order_by(col(Organization.name)).limit(1000)
    return list(session.exec(everyone))


def of_organization(session: Session, actor: Actor, organization: Organization) -> list[Listing]:
    """The open listings of an organization that everybody sees."""
    found = visible_to(actor).where(Listing.organization_id == organization.key, public(today()))
    return list(session.exec(found.order_by(col(Listing.id).desc()).limit(100)))


def tagged(scheme: str, codes: Iterable[str]) -> ColumnElement[bool]:
    """Listings that have one of the words."""
    return exists().where(
        col(ListingTag.listing_id) == col(Listing.id),
        col(ListingTag.scheme) == scheme,
        col(ListingTag.code).in_(list(codes)),
    )


def listed(
    session: Session,
    actor: Actor,
    *,
    side: Side | None = None,
    organization: str = "",
    status: ListingStatus | None = None,
    theme: str = "",
    kind: str = "",
    place: str = "",
    cursor: str | None = None,
    limit: int = 50,
) -> Piece[Listing]:
    """One page of listings, the newest first."""
    wanted = visible_to(actor)
    if side is not None:
        wanted = wanted.where(col(Listing.side) == side)
    if organization:
        wanted = wanted.where(
            exists().where(
                col(Organization.id) == col(Listing.organization_id), col(Organization.uid) == organization
            )
        )
    if status is not None:
        wanted = wanted.where(col(Listing.status) == status)
    for scheme, code in (("themes", theme), ("kinds", kind), ("places", place)):
        if code:
            wanted = wanted.where(tagged(scheme, [code]))
    return piece(session, wanted, col(Listing.id), cursor=cursor, limit=limit)


MALL_KINDS = ("services", "training", "venue", "staff", "media")
MALL_ORGANIZATIONS = ("ngo", "association", "business", "academia", "finance", "media")


def mall(
    session: Session,
    actor: Actor,
    *,
    kind: str = "",
    theme: str = "",
    place: str = "",
    words: str = "",
    cursor: str | None = None,
) -> Piece[Listing]:
    """Offers of services, training, venues and the like that one can ask for directly."""
    wanted = select(Listing).where(
        seen_by(actor),
        public(today()),
        col(Listing.side) == Side.OFFER,
        col(Organization.id) == col(Listing.organization_id),
        col(Organization.kind).in_(MALL_ORGANIZATIONS),
        tagged("kinds", [kind] if kind in MALL_KINDS else MALL_KINDS),
    )
    if theme:
        wanted = wanted.where(tagged("themes", [theme]))
    if place:
        wanted = wanted.where(tagged("places", [place]))
    if words.strip():
        like = f"%{words.strip().lower()}%"
        wanted = wanted.where(
            or_(func.lower(col(Listing.title)).like(like), func.lower(col(Listing.text)).like(like))
        )
    return piece(session, wanted, col(Listing.id), cursor=cursor)


def published_ids(session: Session) -> dict[int, int]:
    """Number and revision of every listing that everybody sees; what an index has to hold."""
    found = session.exec(select(Listing.id, Listing.revision).where(public(today())))
    return {number: revision for number, revision in found if number is not None}


def is_purchase(listing: Listing, organization: Organization) -> bool:
    """Whether a public body buys a service: its need asks for services and names a budget."""
    kinds = {line["kind"] for line in listing.lines}
    return (
        listing.side == Side.NEED
        and organization.kind == "government"
        and bool(kinds & {"services", "training", "staff"})
    )


# What belongs to a listing ----------------------------------------------------------------------------


def attachments(session: Session, listing: Listing) -> list[Attachment]:
    """Its files, the oldest first."""
    own = select(Attachment).where(Attachment.listing_id == listing.key)
    return list(session.exec(own.order_by(col(Attachment.id))))


def holds_attachment(session: Session, sha256: str) -> bool:
    """Whether a listing refers to a content; for `evidence.HOLDERS`."""
    return session.exec(select(Attachment.id).where(Attachment.sha256 == sha256).limit(1)).first() is not None


def attachment(session: Session, actor: Actor, uid: str) -> Attachment:
    """One file of a listing that the actor may see. Raises NotFound."""
    found = session.exec(
        select(Attachment)
        .join(Listing, col(Listing.id) == col(Attachment.listing_id))
        .where(Attachment.uid == uid, seen_by(actor))
    ).first()
    if found is None:
        raise NotFound
    return found


def inquiries(session: Session, actor: Actor, listing: Listing) -> list[Inquiry]:
    """Questions about it: the answered ones; one's own and, for insiders, all."""
    wanted = select(Inquiry).where(Inquiry.listing_id == listing.key)
    if not is_insider(actor, listing):
        wanted = wanted.where(
            or_(
                col(Inquiry.status) == InquiryStatus.ANSWERED,
                col(Inquiry.asked_by) == actor.user_id if actor.signed_in else false(),
            )
        )
    return list(session.exec(wanted.order_by(col(Inquiry.id))))


def inquiry(session: Session, actor: Actor, uid: str) -> tuple[Inquiry, Listing]:
    """One question and its listing. Raises NotFound."""
    found = session.exec(
        select(Inquiry, Listing)
        .where(col(Inquiry.listing_id) == col(Listing.id))
        .where(Inquiry.uid == uid, seen_by(actor))
    ).first()
    if found is None or found[0] not in inquiries(session, actor, found[1]):
        raise NotFound
    return found[0], found[1]


def unsaved(session: Session, actor: Actor, listing: Listing, step: int) -> Unsaved | None:
    """What the actor has typed into a step of the form and not saved."""
    return session.exec(
        select(Unsaved).where(
            Unsaved.listing_id == listing.key, Unsaved.user_id == actor.user_id, Unsaved.step == step
        )
    ).first()


# Requests ---------------------------------------------------------------------------------------------


def is_waiting(request: Request, day: date) -> bool:
    """Whether it can still be answered on that day."""
    return request.status is RequestStatus.PENDING and request.reply_by >= day


def waiting_on(day: date) -> ColumnElement[bool]:
    """`is_waiting` as a condition on `listing_request`."""
    return and_(col(Request.status) == RequestStatus.PENDING, col(Request.reply_by) >= day)


def requests_visible_to(actor: Actor) -> SelectOfScalar[Request]:
    """Requests sent by or to one's organizations; all of them for staff."""
    if actor.is_staff:
        return select(Request)
    own = list(actor.memberships)
    return select(Request).where(
        or_(col(Request.from_organization_id).in_(own), col(Request.to_organization_id).in_(own))
    )


def request(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Request:
    """One request. Raises NotFound."""
    wanted = requests_visible_to(actor).where(Request.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def requests(session: Session, actor: Actor, *, sent: bool) -> list[Request]:
    """The requests that one's organizations have sent, or got; those still waiting first."""
    side = Request.from_organization_id if sent else Request.to_organization_id
    own = requests_visible_to(actor).where(col(side).in_(list(actor.memberships)))
    found = list(session.exec(own.order_by(col(Request.id).desc()).limit(200)))
    return sorted(found, key=lambda one: not is_waiting(one, today()))


def pending(session: Session, organization_id: int) -> int:
    """How many requests an organization has waiting for a reply."""
    counted = select(func.count()).where(
        col(Request.from_organization_id) == organization_id, waiting_on(today())
    )
    return session.exec(counted).one()


# Imports ----------------------------------------------------------------------------------------------


def imports_visible_to(actor: Actor) -> SelectOfScalar[Import]:
    """The imports of one's organizations; all of them for staff."""
    if actor.is_staff:
        return select(Import)
    return select(Import).where(col(Import.organization_id).in_(list(actor.memberships)))


def import_(session: Session, actor: Actor, uid: str, *, lock: bool = False) -> Import:
    """One import. Raises NotFound."""
    wanted = imports_visible_to(actor).where(Import.uid == uid)
    found = session.exec(wanted.with_for_update() if lock else wanted).first()
    if found is None:
        raise NotFound
    return found


def imports(session: Session, actor: Actor) -> list[Import]:
    """The actor's imports, the newest first."""
    return list(session.exec(imports_visible_to(actor).order_by(col(Import.id).desc()).limit(20)))


def imported(session: Session, kept: Import) -> list[Listing]:
    """The listings that an import has made."""
    made = select(Listing).where(
        Listing.organization_id == kept.organization_id, col(Listing.source).startswith(f"{kept.uid}:")
    )
    return list(session.exec(made.order_by(col(Listing.id))))


def progress_of(session: Session, kept: Import) -> float:
    """How much of an import's work is done, in [0, 1]."""
    share = session.exec(select(Job.progress).where(Job.uid == kept.job)).first()
    return share or 0.0


def owners_of(session: Session, listings: Iterable[Listing]) -> dict[int, Organization]:
    """By number: the organizations behind listings that were found."""
    wanted = {listing.organization_id for listing in listings}
    found = session.exec(select(Organization).where(col(Organization.id).in_(wanted)))
    return {organization.key: organization for organization in found}


def shown_status(request: Request, day: date) -> RequestStatus:
    """Its status as of a day, also before the job has come round."""
    if request.status is RequestStatus.PENDING and not is_waiting(request, day):
        return RequestStatus.LAPSED
    return request.status


def names_by_uid(session: Session, uids: Iterable[str]) -> list[tuple[str, str]]:
    """uid and name of organizations, by name."""
    if not (wanted := list(uids)):
        return []
    found = session.exec(select(Organization.uid, Organization.name).where(col(Organization.uid).in_(wanted)))
    return sorted(((uid, name) for uid, name in found), key=lambda pair: pair[1])


def organization_by_id(session: Session, number: int) -> Organization:
    """The organization behind something that the caller has found."""
    return session.get_one(Organization, number)


def open_inquiries(session: Session, listings: Iterable[Listing]) -> dict[int, int]:
    """By the number of a listing: how many questions about it wait for an answer."""
    counted = (
        select(Inquiry.listing_id, func.count())
        .where(
            col(Inquiry.listing_id).in_([listing.key for listing in listings]),
            col(Inquiry.status) == InquiryStatus.OPEN,
        )
        .group_by(col(Inquiry.listing_id))
    )
    return dict(session.exec(counted).all())
