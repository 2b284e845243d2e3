"""Writing needs and offers: draft, change, copy, publish, renew, withdraw, fulfil, discard, expire."""

from __future__ import annotations

import hmac
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import MONEY, Side
from matching.text import LANGUAGES
from matching.vocabulary import default_vocabulary
from service.accounts.queries import emails_of_editors
from service.db import now, writing
from service.errors import BadInput, Changed, FieldProblem, NotNow
from service.events import advance, record
from service.jobs import promise, promise_together
from service.listings import queries
from service.listings.models import (
    DAYS_OPEN,
    LISTING,
    REMIND_DAYS,
    Attachment,
    Inquiry,
    Listing,
    ListingStatus,
    ListingTag,
    Unsaved,
)
from service.listings.reading import language_of_text
from service.mail import send
from service.organizations import queries as organizations
from service.organizations.models import Organization, OrganizationStatus
from service.permissions import SYSTEM_ACTOR, require
from service.texts import MISSING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from service.jobs import Work
    from service.listings.reading import Draft
    from service.permissions import Actor

OVER = Message("listing-over", "This is fulfilled and stays as it is. Copy it to use it again.")
MOST_UNSAVED = 100_000
"""Characters of a form that are kept as typed."""
TAGGED = ("themes", "groups", "goals", "languages")


# Drafts and changes -----------------------------------------------------------------------------------


def save_draft(session: Session, actor: Actor, organization: Organization, draft: Draft) -> Listing:
    """Begin a need or offer for an organization. Raises BadInput with every problem."""
    require(actor, "listing:create", organization.key)
    values = _sound_values(session, draft)
    if "title" not in values:
        raise BadInput.one("title", MISSING)
    return create(session, actor, organization, draft.side, values)


def create(
    session: Session, actor: Actor, organization: Organization, side: Side, values: Mapping[str, Any]
) -> Listing:
    """A draft with values that have been read already."""
    listing = Listing(side=side, organization_id=organization.key, title=values["title"])
    _apply(listing, values)
    session.add(listing)
    session.flush()
    _retag(session, listing)
    record(session, actor, "listing.draft", listing, side=str(side), organization=organization.uid)
    return listing


def change(
    session: Session, actor: Actor, listing: Listing, draft: Draft, version: int | None = None
) -> Listing:
    """Take in what was typed. What is published stays fit to be, and others see the change at once.

    Raises BadInput with every problem; Changed where `version` is not the listing's any more; NotNow where
    it is over.
    """
    require(actor, "listing:edit", listing.organization_id)
    if version is not None and version != listing.version:
        raise Changed
    if listing.status is ListingStatus.FULFILLED:
        raise NotNow(OVER)
    revise(session, actor, listing, _sound_values(session, draft))
    session.execute(delete(Unsaved).where(col(Unsaved.listing_id) == listing.key, *_own(actor)))
    return listing


def revise(session: Session, actor: Actor, listing: Listing, values: Mapping[str, Any]) -> Listing:
    """Put values that have been read already in the place of the listing's, as `change` does."""
    before = {name: getattr(listing, name) for name in values}
    _apply(listing, values)
    if listing.status is ListingStatus.PUBLISHED:
        listing.expires = listing.expires or queries.today() + timedelta(days=DAYS_OPEN)
        if problems := publishing_problems(listing):
            raise BadInput(problems)
    changed = sorted(name for name, value in before.items() if getattr(listing, name) != value)
    if not changed:
        return listing
    listing.version += 1
    session.add(listing)
    _retag(session, listing)
    record(session, actor, "listing.change", listing, fields=changed, organization=_owner(session, listing))
    if listing.status is ListingStatus.PUBLISHED:
        _tell_index(session, listing)
    return listing


def _owner(session: Session, listing: Listing) -> str:
    return queries.organization_of(session, listing).uid


def _own(actor: Actor) -> list[Any]:
    return [col(Unsaved.user_id) == actor.user_id]


def _sound_values(session: Session, draft: Draft) -> dict[str, Any]:
    """All values of a draft. Raises BadInput with every problem of it."""
    values = draft.values()
    if vetoes := values.get("strings", {}).get("vetoes"):
        found, missing = queries.organizations_named(session, vetoes)
        values["strings"] = {**values["strings"], "vetoes": found}
        if missing:
            draft.problems.append(FieldProblem("vetoes", unknown_organization(missing[0])))
    language = draft.fields.get("language")
    if language is not None:
        values["language_chosen"] = language in LANGUAGES
        if language in LANGUAGES:
            values["language"] = language
    if draft.problems:
        raise BadInput(draft.problems)
    return values


def unknown_organization(name: str) -> Message:
    """What is said about the name of an organization that is not here."""
    return Message("organization-unknown-here", "There is no organization “{name}” here.", name=name)


def _apply(listing: Listing, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(listing, name, value)
    if not listing.language_chosen:
        listing.language = language_of_text(listing.title, listing.text)
    sums = [(line["amount"], line["unit"]) for line in listing.lines if line["kind"] == MONEY]
    listing.budget, listing.currency = max(sums, default=(None, ""))


def _retag(session: Session, listing: Listing) -> None:
    """Keep the words by which it is filtered and counted; a place counts for those that contain it."""
    vocabulary = default_vocabulary()
    wanted = {(scheme, code) for scheme in TAGGED for code in getattr(listing, scheme)}
    wanted |= {("kinds", line["kind"]) for line in listing.lines}
    for place in listing.places:
        wanted |= {("places", code) for code in (place, *vocabulary.ancestors("places", place))}
    session.execute(delete(ListingTag).where(col(ListingTag.listing_id) == listing.key))
    if wanted:
        session.execute(
            insert(ListingTag),
            [{"listing_id": listing.key, "scheme": scheme, "code": code} for scheme, code in sorted(wanted)],
        )


def _tell_index(session: Session, listing: Listing) -> None:
    """A new revision, and the promise that the index follows."""
    listing.revision += 1
    session.add(listing)
    promise_together(session, "embed_listings", listings=listing.uid)


def keep_unsaved(
    session: Session, actor: Actor, listing: Listing, step: int, fields: Mapping[str, list[str]]
) -> bool:
    """Keep what somebody has typed into a step of the form, right or wrong, until they save it.

    False: it is more than is kept.
    """
    require(actor, "listing:edit", listing.organization_id)
    length = sum(len(name) + len(value) for name, values in fields.items() for value in values)
    if actor.user_id is None or length > MOST_UNSAVED:
        return False
    kept = queries.unsaved(session, actor, listing, step) or Unsaved(
        listing_id=listing.key, user_id=actor.user_id, step=step
    )
    kept.fields = {name: list(values) for name, values in fields.items()}
    kept.at = now()
    session.add(kept)
    return True


def forget_unsaved(session: Session, actor: Actor, listing: Listing) -> None:
    """Go back to what was saved."""
    session.execute(delete(Unsaved).where(col(Unsaved.listing_id) == listing.key, *_own(actor)))


COPIED = (
    "side",
    "organization_id",
    "title",
    "text",
    "language",
    "language_chosen",
    "lines",
    "strings",
    "beneficiaries",
    "most_projects",
    "budget",
    "currency",
    "places",
    *TAGGED,
)


def copy(session: Session, actor: Actor, listing: Listing) -> Listing:
    """A new draft with everything of an own listing but its dates, files, questions and history."""
    require(actor, "listing:create", listing.organization_id)
    made = Listing(**{name: getattr(listing, name) for name in COPIED}, copied_from=listing.uid)
    session.add(made)
    session.flush()
    _retag(session, made)
    record(session, actor, "listing.copy", made, of=listing.uid, organization=_owner(session, listing))
    return made


def discard(session: Session, actor: Actor, listing: Listing) -> None:
    """Delete a draft that nobody else has ever seen."""
    require(actor, "listing:edit", listing.organization_id)
    if listing.status is not ListingStatus.DRAFT or listing.revision:
        raise NotNow(Message("not-a-draft", "Only a draft can be deleted; withdraw what was published."))
    record(
        session,
        actor,
        "listing.discard",
        listing,
        title=listing.title,
        organization=_owner(session, listing),
    )
    for kind in (Unsaved, ListingTag, Attachment, Inquiry):
        session.execute(delete(kind).where(col(kind.listing_id) == listing.key))
    session.delete(listing)


# Publishing -------------------------------------------------------------------------------------------


def publishing_problems(listing: Listing) -> list[FieldProblem]:
    """What is missing before it can be published."""
    problems = []
    if not listing.title:
        problems.append(FieldProblem("title", MISSING))
    if not listing.lines:
        problems.append(
            FieldProblem(
                "lines", Message("lines-missing", "Say at least one thing that is needed or offered.")
            )
        )
    return problems


def standing_in_the_way(organization: Organization) -> Message | None:
    """Why an organization may not publish today; None where it may."""
    if organizations.may_act(organization, queries.today()):
        return None
    match organization.status:
        case OrganizationStatus.REGISTERED:
            return Message(
                "not-verified",
                "Your organization has not been verified yet. This stays a draft; publish it as soon as a "
                "facilitator has verified the organization.",
            )
        case OrganizationStatus.DECLINED:
            return Message(
                "verification-declined",
                "The verification of your organization was declined. This stays a draft; see the reason on "
                "the organization's page and apply again.",
            )
        case OrganizationStatus.BARRED if organization.barred_until:
            return Message(
                "organization-barred",
                "Your organization is barred until {until}. This stays a draft.",
                until=organization.barred_until,
            )
        case _:
            return Message("organization-suspended", "Your organization is suspended. This stays a draft.")


def publish(session: Session, actor: Actor, listing: Listing) -> Listing:
    """Show it to everybody. Raises NotNow where the organization may not, BadInput for what is missing."""
    require(actor, "listing:publish", listing.organization_id)
    if reason := standing_in_the_way(queries.organization_of(session, listing)):
        raise NotNow(reason)
    if problems := publishing_problems(listing):
        raise BadInput(problems)
    day = queries.today()
    advance(session, actor, listing, LISTING, "publish", organization=_owner(session, listing))
    listing.published = day
    if listing.expires is None or listing.expires < day:
        listing.expires = day + timedelta(days=DAYS_OPEN)
    listing.version += 1
    _tell_index(session, listing)
    return listing


def withdraw(session: Session, actor: Actor, listing: Listing, reason: str) -> Listing:
    """Take it back; nobody else sees it any more. A reason is needed and told to its editors."""
    require(actor, "listing:withdraw", listing.organization_id)
    _end(session, actor, listing, "withdraw", reason)
    if listing.organization_id not in actor.memberships:
        for email, language in emails_of_editors(session, listing.organization_id):
            send(
                session,
                email,
                "listing-withdrawn",
                language,
                title=listing.title,
                uid=listing.uid,
                reason=reason.strip(),
            )
    return listing


def fulfil(session: Session, actor: Actor, listing: Listing) -> Listing:
    """Say that it has been met."""
    require(actor, "listing:edit", listing.organization_id)
    return _end(session, actor, listing, "fulfil")


def _end(session: Session, actor: Actor, listing: Listing, step: str, reason: str = "") -> Listing:
    advance(session, actor, listing, LISTING, step, reason=reason, organization=_owner(session, listing))
    listing.version += 1
    _tell_index(session, listing)
    if listing.status in (ListingStatus.WITHDRAWN, ListingStatus.FULFILLED):
        promise(session, "leave_rounds", listing=listing.uid)
    return listing


def renew(session: Session, actor: Actor, listing: Listing) -> Listing:
    """Keep it open for the usual time from today, also after it has expired."""
    require(actor, "listing:publish", listing.organization_id)
    if reason := standing_in_the_way(queries.organization_of(session, listing)):
        raise NotNow(reason)
    expires = queries.today() + timedelta(days=DAYS_OPEN)
    advance(
        session,
        actor,
        listing,
        LISTING,
        "renew",
        until=expires.isoformat(),
        organization=_owner(session, listing),
    )
    listing.expires = max(expires, listing.expires or expires)
    listing.reminded = None
    listing.version += 1
    _tell_index(session, listing)
    return listing


# What time alone brings -------------------------------------------------------------------------------


def expire_due(work: Work) -> None:
    """The job that marks as expired what nobody sees any more already, and tells its editors."""
    day = queries.today()
    with writing(work.engine) as session:
        due = session.exec(
            select(Listing).where(Listing.status == ListingStatus.PUBLISHED, col(Listing.expires) < day)
        ).all()
        for listing in due:
            _end(session, SYSTEM_ACTOR, listing, "expire")
            _mail_editors(session, work.settings.secret, listing, "listing-expired")


def remind_expiring(work: Work) -> None:
    """The job that reminds editors, once for each expiry, with a link that renews."""
    day = queries.today()
    with writing(work.engine) as session:
        soon = session.exec(
            select(Listing).where(
                queries.open_on(day),
                col(Listing.expires) <= day + timedelta(days=REMIND_DAYS),
                col(Listing.reminded).is_(None) | (col(Listing.reminded) != col(Listing.expires)),
            )
        ).all()
        for listing in soon:
            listing.reminded = listing.expires
            session.add(listing)
            _mail_editors(session, work.settings.secret, listing, "listing-expiring")


def _mail_editors(session: Session, secret: str, listing: Listing, template: str) -> None:
    from service.i18n import date_text

    key = renewal_key(secret, listing)
    for email, language in emails_of_editors(session, listing.organization_id):
        send(
            session,
            email,
            template,
            language,
            title=listing.title,
            uid=listing.uid,
            key=key,
            day=date_text(listing.expires, language) if listing.expires else "",
        )


def renewal_key(secret: str, listing: Listing) -> str:
    """What a renewal link carries; worthless once the listing has been renewed."""
    content = f"renew:{listing.uid}:{listing.expires}"
    return hmac.new(secret.encode(), content.encode(), "sha256").hexdigest()[:40]


def check_renewal(session: Session, secret: str, uid: str, key: str) -> Listing:
    """The listing that a link out of a mail renews. Raises NotFound, or NotNow where the link is spent."""
    listing = queries.get(session, SYSTEM_ACTOR, uid, lock=True)
    if not hmac.compare_digest(renewal_key(secret, listing), key):
        raise NotNow(Message("renewal-spent", "This link has been used already, or is not complete."))
    return listing


def renew_by_link(session: Session, secret: str, uid: str, key: str) -> Listing:
    """Renew with the link out of a mail, signed in or not."""
    return renew(session, SYSTEM_ACTOR, check_renewal(session, secret, uid, key))
