"""What the front page and the home pages show, gathered from the slices below."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select

from matching.messages import Message
from matching.profiles import Side
from matching.vocabulary import default_vocabulary
from service.accounts.consents import allows
from service.accounts.models import ConsentPurpose
from service.home import agreeing, applying, choosing, funding, matching, meeting, reporting, rounds
from service.home.todo import Todo
from service.listings import queries as listings
from service.listings.models import REMIND_DAYS, Inquiry, InquiryStatus, Listing, ListingStatus
from service.organizations import queries as organizations
from service.organizations.models import Organization, OrganizationStatus, Question, QuestionStatus
from service.pairings import notice
from service.permissions import may
from service.reviews import queries as reviews
from service.search import queries as search

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from service.permissions import Actor
    from service.web import Site

SUGGESTIONS = 5
LATEST = 4
OWN = 6
FIGURES_LAST = 60.0
"""Seconds for which the public numbers are kept."""
DRAFTS = 3
"""How many drafts the list of what waits names."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The numbers that matter, as everybody sees them."""

    needs: int
    offers: int
    organizations: int
    waiting: int = 0
    """Organizations to verify; for facilitators."""


@dataclass(frozen=True, slots=True)
class Card:
    """A listing on a card that nobody has searched for."""

    listing: Listing
    organization: Organization
    score: float | None = None
    reasons: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Home:
    """What one person's home shows. `kind`: facilitator, ngo, company, or new (acts for nobody yet)."""

    kind: str
    publishes: bool
    todo: tuple[Todo, ...]
    recommended: Sequence[Card | search.Hit]
    personal: bool
    """Whether what is recommended was chosen for the person, and not just the newest."""
    listings: tuple[Listing, ...]
    organizations: tuple[Organization, ...]


def figures(session: Session, actor: Actor) -> Figures:
    """How many needs and offers are open and how many organizations may act, as of at most a minute ago."""
    waiting = 0
    if may(actor, "organization:verify"):
        waiting = organizations.counts(session, actor).get(OrganizationStatus.REGISTERED, 0)
    return replace(_counted(session), waiting=waiting)


_kept: WeakKeyDictionary[Engine, tuple[float, Figures]] = WeakKeyDictionary()


def _counted(session: Session) -> Figures:
    """The public numbers; counting them for every visit would be most of the front page's work."""
    engine = session.connection().engine
    moment, kept = _kept.get(engine, (-FIGURES_LAST, None))
    if kept is not None and monotonic() - moment < FIGURES_LAST:
        return kept
    counted = select(Listing.side, func.count()).where(listings.public(listings.today()))
    sides = {Side(side): count for side, count in session.exec(counted.group_by(col(Listing.side)))}
    acting = select(func.count()).where(organizations.acting(organizations.today()))
    found = Figures(sides.get(Side.NEED, 0), sides.get(Side.OFFER, 0), session.exec(acting).one())
    _kept[engine] = (monotonic(), found)
    return found


def latest(session: Session, side: Side, most: int = LATEST) -> list[Card]:
    """The newest listings that everybody sees; by number, which needs no sorting of them all."""
    newest = (
        select(Listing, Organization)
        .join(Organization, col(Organization.id) == col(Listing.organization_id))
        .where(col(Listing.side) == side, listings.public(listings.today()))
        .order_by(col(Listing.id).desc())
        .limit(most)
    )
    return [Card(listing, organization) for listing, organization in session.exec(newest)]


def home(session: Session, site: Site, actor: Actor) -> Home:
    """The home of somebody who is signed in."""
    own = organizations.mine(session, actor)
    mine = listings.mine(session, actor)
    kind = kind_of(actor, own)
    personal = kind in ("ngo", "company") and allows(session, actor.user_id, ConsentPurpose.RECOMMENDATIONS)
    side = Side.OFFER if kind == "ngo" else Side.NEED
    recommended: Sequence[Card | search.Hit] = (
        search.for_you(session, site, actor, side=side, limit=SUGGESTIONS)
        if personal
        else latest(session, side)
    )
    return Home(
        kind=kind,
        publishes=any(may(actor, "listing:create", organization.key) for organization in own),
        todo=tuple(_todo(session, actor, own, mine)),
        recommended=recommended,
        personal=personal,
        listings=tuple(mine[:OWN]),
        organizations=tuple(own),
    )


def kind_of(actor: Actor, own: Sequence[Organization]) -> str:
    """Which of the homes is the actor's: by the role, else by the sector of the first organization."""
    if actor.is_staff:
        return "facilitator"
    if not own:
        return "new"
    sector = default_vocabulary().attribute("organization_kinds", own[0].kind, "sector")
    return "ngo" if sector == "society" else "company"


def _todo(
    session: Session, actor: Actor, own: Sequence[Organization], mine: Sequence[Listing]
) -> Iterator[Todo]:
    """What waits for the actor, the most pressing first."""
    yield from choosing.waiting(session, actor)
    yield from meeting.waiting(session, actor)
    yield from funding.waiting(session, actor)
    yield from agreeing.waiting(session, actor)
    yield from reporting.waiting(session, actor)
    yield from matching.waiting(session, actor)
    yield from rounds.waiting(session, actor)
    yield from applying.waiting(session, actor)
    yield from _requests(session, actor)
    yield from _objections(session, actor)
    yield from _reviews(session, actor)
    yield from _questions(session, actor, own, mine)
    yield from _organizations(session, actor, own)
    yield from _listings(actor, mine)


def _requests(session: Session, actor: Actor) -> Iterator[Todo]:
    day = listings.today()
    waiting = [one for one in listings.requests(session, actor, sent=False) if listings.is_waiting(one, day)]
    senders = organizations.by_ids(session, actor, {one.from_organization_id for one in waiting})
    for one in sorted(waiting, key=lambda request: request.reply_by):
        if may(actor, "request:answer", one.to_organization_id) and one.from_organization_id in senders:
            yield Todo(
                "inbox",
                Message(
                    "home-request",
                    "{organization} asks you for cooperation. Please answer by {day}.",
                    organization=senders[one.from_organization_id].name,
                    day=one.reply_by,
                ),
                f"/listings/requests/{one.uid}",
                Message("home-answer", "Answer"),
            )


def _reviews(session: Session, actor: Actor) -> Iterator[Todo]:
    for one, count in reviews.to_write(session, actor):
        yield Todo(
            "star",
            Message("home-reviews", "Reviews to write for “{title}”: {count}.", title=one.title, count=count),
            "/reviews",
            Message("home-review", "Review"),
        )


def _objections(session: Session, actor: Actor) -> Iterator[Todo]:
    for one, count in notice.to_decide(session) if may(actor, "objection:decide") else ():
        yield Todo(
            "flag",
            Message(
                "home-objections", "Objections to decide in “{title}”: {count}.", title=one.title, count=count
            ),
            f"/rounds/{one.uid}/notice#objections",
            Message("home-decide", "Decide"),
        )


def _questions(
    session: Session, actor: Actor, own: Sequence[Organization], mine: Sequence[Listing]
) -> Iterator[Todo]:
    answering = {one.key: one for one in mine if may(actor, "listing:answer", one.organization_id)}
    asked = (
        select(Inquiry)
        .where(col(Inquiry.listing_id).in_(list(answering)), col(Inquiry.status) == InquiryStatus.OPEN)
        .order_by(col(Inquiry.id))
    )
    for question in session.exec(asked):
        listing = answering[question.listing_id]
        yield Todo(
            "chat",
            Message("home-question", "Somebody asks about “{title}”.", title=listing.title),
            f"/listings/{listing.uid}#questions",
            Message("home-answer", "Answer"),
        )
    editable = {one.key: one for one in own if may(actor, "organization:edit", one.key)}
    verifying = select(Question).where(
        col(Question.organization_id).in_(list(editable)), col(Question.status) == QuestionStatus.OPEN
    )
    for one in session.exec(verifying):
        organization = editable[one.organization_id]
        yield Todo(
            "chat",
            Message(
                "home-verification-question",
                "A facilitator has a question about {organization}.",
                organization=organization.name,
            ),
            f"/organizations/{organization.uid}/verification#questions",
            Message("home-answer", "Answer"),
        )


def _organizations(session: Session, actor: Actor, own: Sequence[Organization]) -> Iterator[Todo]:
    if may(actor, "organization:verify"):
        if waiting := organizations.counts(session, actor).get(OrganizationStatus.REGISTERED, 0):
            yield Todo(
                "shield",
                Message("home-desk", "Organizations that wait to be verified: {count}.", count=waiting),
                "/organizations/desk",
                Message("home-verify", "Verify"),
            )
        if flags := len(organizations.open_flags(session, actor)):
            yield Todo(
                "flag",
                Message("home-flags", "Flags that wait for a decision: {count}.", count=flags),
                "/organizations/desk#flags",
                Message("home-decide", "Decide"),
            )
    elif not own:
        yield Todo(
            "building",
            Message("home-register", "Register the organization for which you want to publish."),
            "/organizations/new",
            Message("home-register-action", "Register an organization"),
        )
    for organization in own:
        if organization.status is OrganizationStatus.REGISTERED:
            yield Todo(
                "shield",
                Message(
                    "home-unverified",
                    "{organization} waits to be verified. A registration number and evidence speed it up.",
                    organization=organization.name,
                ),
                f"/organizations/{organization.uid}/verification",
                Message("home-complete", "Complete it"),
            )


def _listings(actor: Actor, mine: Sequence[Listing]) -> Iterator[Todo]:
    day = listings.today()
    own = [one for one in mine if may(actor, "listing:edit", one.organization_id)]
    for listing in own:
        ends = listing.expires
        if ends and listing.status is ListingStatus.PUBLISHED and ends <= day + timedelta(days=REMIND_DAYS):
            yield Todo(
                "clock",
                Message("home-expires", "“{title}” is open until {day}.", title=listing.title, day=ends),
                f"/listings/{listing.uid}",
                Message("home-renew", "Renew"),
            )
    drafts = [one for one in own if one.status is ListingStatus.DRAFT]
    for listing in drafts[:DRAFTS]:
        yield Todo(
            "edit",
            Message("home-draft", "“{title}” is a draft still.", title=listing.title),
            f"/listings/{listing.uid}/edit",
            Message("home-go-on", "Go on"),
        )
