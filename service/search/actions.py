"""Changing what searching keeps: vectors of listings, saved searches and their digests, pins."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from sqlalchemy import exists, func
from sqlmodel import Session, col, delete, select

from matching.candidates import profile_vectors
from matching.embedding import default_embedder
from matching.messages import Message
from matching.text import content_tokens
from matching.vocabulary import default_vocabulary
from service import mail
from service.accounts.consents import allows
from service.accounts.models import ConsentPurpose, User, UserStatus
from service.accounts.proofs import sign, unsign
from service.db import now, reading, writing
from service.errors import BadInput, NotNow
from service.listings import queries as listings
from service.listings.models import Listing, ListingStatus
from service.permissions import require
from service.search import queries
from service.search.models import (
    MOST_PINS,
    MOST_SAVED,
    NAME_CHARACTERS,
    Asked,
    Digest,
    Embedding,
    Pin,
    SavedSearch,
    Sort,
)
from service.texts import MISSING, tidy

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sqlalchemy import ColumnElement

    from matching.profiles import Profile
    from service.jobs import Work
    from service.permissions import Actor

BATCH = 64
"""How many listings are encoded at once when the index is rebuilt."""
MOST_WORDS = 400
MOST_SENT = 10
"""How many new results one digest names."""
MOST_REMEMBERED = 1000
"""Of how many listings a saved search remembers that they were shown."""
STOPS_FOR = timedelta(days=400)
"""How long the link in a digest stops it."""
_EVERY = {Digest.DAILY: timedelta(hours=23), Digest.WEEKLY: timedelta(days=7) - timedelta(hours=1)}
_MENTIONED = ("themes", "groups", "places")


# Vectors ----------------------------------------------------------------------------------------------


def embed_listings(work: Work, *, listings: Sequence[str]) -> None:
    """The job that follows published changes: encode the listings, and keep that where it is still new."""
    with reading(work.engine) as session:
        changed = col(Listing.uid).in_(listings), col(Listing.revision) > 0
        wanted = session.exec(select(Listing.id).where(*changed, _without_vector())).all()
    _embed(work, wanted)


def reindex(work: Work) -> None:
    """Encode every published listing that has no vector of its revision and of the model in use."""
    with reading(work.engine) as session:
        published = col(Listing.status) == ListingStatus.PUBLISHED
        found = select(Listing.id).where(published, _without_vector()).order_by(col(Listing.id))
        wanted = session.exec(found).all()
    for start in range(0, len(wanted), BATCH):
        _embed(work, wanted[start : start + BATCH])
        work.progress(min(1.0, (start + BATCH) / len(wanted)))


def _without_vector() -> ColumnElement[bool]:
    """Listings whose revision has no vector of the model in use."""
    return ~exists().where(
        col(Embedding.listing_id) == col(Listing.id),
        col(Embedding.revision) == col(Listing.revision),
        col(Embedding.model) == default_embedder().name,
    )


def _embed(work: Work, wanted: Sequence[int | None]) -> None:
    """Encode with no transaction open; then write what has not changed meanwhile, and drop what is older."""
    with reading(work.engine) as session:
        found = session.exec(select(Listing).where(col(Listing.id).in_(wanted))).all()
        profiles = [listings.profile_of(session, one) for one in found]
    if not found:
        return
    embedder = default_embedder()
    vectors, languages = profile_vectors(profiles, embedder)
    rows = {
        listing.key: Embedding(
            listing_id=listing.key,
            model=embedder.name,
            revision=listing.revision,
            language=language,
            vector=vector.astype("<f4").tobytes(),
            words=words_of(profile),
            concepts=concepts_of(profile),
        )
        for listing, profile, vector, language in zip(found, profiles, vectors, languages, strict=True)
    }
    with writing(work.engine) as session:
        current = select(Listing).where(col(Listing.id).in_(rows), _without_vector())
        kept = [rows[one.key] for one in session.exec(current) if rows[one.key].revision == one.revision]
        session.add_all(kept)
        session.flush()
        if kept:
            older = col(Embedding.id) < min(row.key for row in kept)
            numbers = [row.listing_id for row in kept]
            session.execute(delete(Embedding).where(col(Embedding.listing_id).in_(numbers), older))


def words_of(profile: Profile) -> list[str]:
    """The words by which it is found: of title, text and the organization's name, each once."""
    found = [*content_tokens(profile.full_text), *content_tokens(profile.organization.name)]
    return list(dict.fromkeys(word[:60] for word in found))[:MOST_WORDS]


def concepts_of(profile: Profile) -> dict[str, list[str]]:
    """The codes that its text mentions; what it states itself is taken from the listing."""
    mentioned = default_vocabulary().concepts(profile.full_text)
    return {scheme: sorted(mentioned.get(scheme, ())) for scheme in _MENTIONED}


# Saved searches ---------------------------------------------------------------------------------------


def save_search(
    session: Session,
    actor: Actor,
    asked: Asked,
    *,
    name: str = "",
    digest: Digest = Digest.WEEKLY,
    shown: Sequence[str] = (),
) -> SavedSearch:
    """Keep a search. `shown`: uids of what it finds now, which no digest needs to tell."""
    require(actor, "search:save")
    queries.check(asked.filters)
    if actor.user_id is None:
        raise NotNow(Message("person-needed", "Only a person can do this."))
    count = select(func.count()).where(col(SavedSearch.user_id) == actor.user_id)
    if session.exec(count).one() >= MOST_SAVED:
        raise NotNow(
            Message(
                "saved-too-many",
                "You have {most} saved searches. Delete one that you no longer need.",
                most=MOST_SAVED,
            )
        )
    kept = SavedSearch(
        user_id=actor.user_id,
        name=_named(name) or _named(asked.q) or "—",
        query=asked.model_dump(mode="json", exclude_defaults=True),
        digest=digest,
        last_sent=now(),
        shown=list(shown)[:MOST_REMEMBERED],
    )
    session.add(kept)
    session.flush()
    return kept


def _named(name: str) -> str:
    return " ".join(tidy(name).split())[:NAME_CHARACTERS]


def change_saved(
    session: Session, actor: Actor, uid: str, *, name: str | None = None, digest: Digest | None = None
) -> SavedSearch:
    """Another name, or another frequency. Raises NotFound, BadInput for an empty name."""
    require(actor, "search:save")
    kept = queries.saved_search(session, actor, uid)
    if name is not None:
        if not (named := _named(name)):
            raise BadInput.one("name", MISSING)
        kept.name = named
    if digest is not None:
        kept.digest = digest
    kept.version += 1
    session.add(kept)
    return kept


def delete_saved(session: Session, actor: Actor, uid: str) -> SavedSearch:
    """Forget a saved search; what is given back can be saved again."""
    require(actor, "search:save")
    kept = queries.saved_search(session, actor, uid)
    session.delete(kept)
    return kept


def stop_key(secret: str, kept: SavedSearch) -> str:
    """The word in a digest's link by which it is stopped, signed in or not."""
    return sign(secret, "digest", kept.uid)


def stopped_by(session: Session, secret: str, key: str) -> SavedSearch:
    """The saved search that a link in a digest stops. Raises NotNow where the link is not ours or too old."""
    (uid,) = unsign(secret, "digest", key, STOPS_FOR)
    found = session.exec(select(SavedSearch).where(SavedSearch.uid == uid)).first()
    if found is None:
        raise NotNow(Message("saved-gone", "This saved search has been deleted; no more mail will come."))
    return found


def stop_digest(session: Session, secret: str, key: str) -> SavedSearch:
    """Send no more digests of a saved search."""
    kept = stopped_by(session, secret, key)
    kept.digest = Digest.NEVER
    kept.version += 1
    session.add(kept)
    return kept


# Digests ----------------------------------------------------------------------------------------------


def send_digests(work: Work) -> None:
    """The job that mails new results of saved searches: one mail for each, and none where nothing is new."""
    moment = now()
    with reading(work.engine) as session:
        waiting = [
            uid
            for uid, digest, last in session.exec(
                select(SavedSearch.uid, SavedSearch.digest, SavedSearch.last_sent)
                .join(User, col(User.id) == col(SavedSearch.user_id))
                .where(col(SavedSearch.digest) != Digest.NEVER, col(User.status) == UserStatus.ACTIVE)
                .order_by(col(SavedSearch.id))
            )
            if last is None or last <= moment - _EVERY[Digest(digest)]
        ]
    for place, uid in enumerate(waiting):
        _send_digest(work, uid, moment)
        if place % BATCH == BATCH - 1:
            work.progress(place / len(waiting))


def _send_digest(work: Work, uid: str, moment: datetime) -> None:
    with reading(work.engine) as session:
        kept = session.exec(select(SavedSearch).where(SavedSearch.uid == uid)).first()
        if kept is None or not allows(session, kept.user_id, ConsentPurpose.DIGESTS):
            return
        asked = queries.asked_of(kept)
        newest = asked.filters.model_copy(update={"sort": Sort.NEWEST})
        since = (kept.last_sent or kept.created).date()
        known = set(kept.shown)
        found = queries.search(session, work.site, asked.q, newest, limit=100, wait=True)
        fresh = [
            hit
            for hit in found.items
            if hit.listing.uid not in known
            and (hit.listing.published is None or hit.listing.published >= since)
        ]
    with writing(work.engine) as session:
        current = session.exec(select(SavedSearch).where(SavedSearch.uid == uid).with_for_update()).first()
        if current is None or current.last_sent != kept.last_sent or current.digest is Digest.NEVER:
            return  # deleted, stopped, or sent by somebody else meanwhile
        user = session.get_one(User, current.user_id)
        still = queries.confirmed(session, [hit.listing.key for hit in fresh])
        fresh = [hit for hit in fresh if hit.listing.key in still]
        current.last_sent = moment
        if fresh:
            uids = [hit.listing.uid for hit in fresh]
            current.shown = [*current.shown, *uids][-MOST_REMEMBERED:]
            mail.send(
                session,
                user.email,
                "search_digest",
                user.language,
                name=current.name,
                count=len(fresh),
                results=[
                    {
                        "title": hit.listing.title,
                        "organization": hit.organization.name,
                        "uid": hit.listing.uid,
                    }
                    for hit in fresh[:MOST_SENT]
                ],
                query=address_query(asked),
                stop=stop_key(work.settings.secret, current),
            )
        session.add(current)


def address_query(asked: Asked) -> str:
    """A query as it stands in an address."""
    fields = asked.model_dump(mode="json", exclude_defaults=True)
    return urlencode(fields, doseq=True)


# Pins -------------------------------------------------------------------------------------------------


def pin(session: Session, actor: Actor, uid: str) -> Listing:
    """Pin a listing that one sees; a second time changes nothing. Raises NotFound."""
    require(actor, "search:pin")
    listing = listings.get(session, actor, uid)
    if actor.user_id is None:
        raise NotNow(Message("person-needed", "Only a person can do this."))
    if queries.pinned(session, actor, [listing.key]):
        return listing
    count = select(func.count()).where(col(Pin.user_id) == actor.user_id)
    if session.exec(count).one() >= MOST_PINS:
        raise NotNow(Message("pins-too-many", "You have {most} pins. Take one away first.", most=MOST_PINS))
    session.add(Pin(user_id=actor.user_id, listing_id=listing.key))
    session.flush()
    return listing


def unpin(session: Session, actor: Actor, uid: str) -> None:
    """Take a pin away, also from a listing that is no longer shown."""
    require(actor, "search:pin")
    listing = session.exec(select(Listing.id).where(Listing.uid == uid)).first()
    if listing is not None:
        session.execute(delete(Pin).where(col(Pin.user_id) == actor.user_id, col(Pin.listing_id) == listing))
