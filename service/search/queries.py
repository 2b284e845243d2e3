"""Finding: by words in any language, by filters, for an organization, like another listing.

Only what everybody sees is ever found, whoever asks: open listings of organizations that may act. The index
proposes; each hit is read from the database under the same condition before it is shown.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import Session, col, select

from matching.assembly import lines_meet
from matching.candidates import profile_vectors, semantic_feature
from matching.features import TrackRecord, evidence, shared
from matching.features import nearness as nearness_of_places
from matching.messages import Message, Term
from matching.profiles import Side
from matching.rules import Rules
from matching.screening import pair_refusal
from matching.vocabulary import default_vocabulary
from service.accounts.consents import allows
from service.accounts.models import ConsentPurpose
from service.errors import BadInput, FieldProblem, NotFound
from service.listings import queries as listings
from service.listings.cards import public_cards
from service.listings.models import Listing, ListingStatus
from service.organizations import queries as organizations
from service.organizations.models import Organization
from service.paging import make_cursor, read_cursor
from service.search.index import SearchIndex
from service.search.models import Asked, Filters, Pin, SavedSearch, Sort
from service.search.ranking import CURSOR_STEP, FLOOR, SCHEMES, Found, find

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray
    from sqlmodel.sql.expression import SelectOfScalar

    from matching.profiles import Profile
    from service.listings.cards import Card, Maker
    from service.permissions import Actor
    from service.search.meaning import Meant
    from service.search.snapshot import Snapshot
    from service.web import Site

BEST_SHOWN = 0.99
CLOSE = 0.6
"""From which shown score on closeness in meaning is a reason."""
PROPOSALS = 40
"""How many of the nearest are looked at for each own listing."""
SUGGESTION_FLOOR = 0.2
MOST_REASONS = 5


@dataclass(frozen=True, slots=True)
class Hit:
    """A listing that was found. `score` in [0, 1); None where no words were searched for."""

    listing: Listing | Card
    organization: Organization | Maker
    score: float | None = None
    reasons: tuple[Message, ...] = ()


@dataclass(frozen=True, slots=True)
class Results:
    """One page of what was found, how much there is, and by filter the codes it has with their counts."""

    items: list[Hit]
    total: int
    facets: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    next: str | None = None
    currency: str = ""
    """In which sums were compared, where a filter by amount names no currency."""
    by_words: bool = False
    """Whether words and concepts alone were compared, since the model is still being loaded."""


def index_of(site: Site) -> SearchIndex:
    """The index of this process."""
    with _MAKING:
        if site.search is None:
            site.search = SearchIndex(site.engine)
    index: SearchIndex = site.search
    return index


_MAKING = threading.Lock()


def warm(site: Site) -> None:
    """Load what searches and pages need, in the background; meanwhile words and concepts are compared."""

    def load() -> None:
        for name in site.templates.list_templates(extensions=["html"]):
            site.templates.get_template(name)
        index.warm()

    index = index_of(site)
    index.is_warming = True
    threading.Thread(target=load, daemon=True).start()


def is_warming(site: Site) -> bool:
    """Whether what searching needs is being loaded."""
    return site.search is not None and bool(site.search.is_warming)


# Searching --------------------------------------------------------------------------------------------


def search(
    session: Session,
    site: Site,
    q: str,
    filters: Filters,
    *,
    limit: int = 20,
    cursor: str | None = None,
    wait: bool = False,
) -> Results:
    """What fits words and filters. All see the same: what is public.

    While the model is still being loaded, words and concepts alone are compared, unless one will `wait`.
    Raises BadInput for codes that nobody knows and for a cursor that was never given out.
    """
    check(filters)
    after = read_cursor(cursor) if cursor else None
    index = index_of(site)
    found = find(session, index, q, filters, wait=wait)
    hits = _page(session, index, found, after, limit)
    if hits is None:
        index.forget()
        found = find(session, index, q, filters, wait=wait)
        hits = _page(session, index, found, after, limit) or []
    start = found.start(after)
    more = start + limit < len(found.rows)
    last = found.snapshot.ids[found.rows[start + limit - 1]] if more else 0
    return Results(
        items=hits,
        total=len(found.rows),
        facets=found.facets,
        next=make_cursor(int(last) * CURSOR_STEP + min(start + limit, CURSOR_STEP - 1)) if more else None,
        currency=found.currency,
        by_words=found.meant is not None and found.meant.vector is None,
    )


def check(filters: Filters) -> None:
    """Raise BadInput for codes that nobody knows, all of them at once."""
    vocabulary = default_vocabulary()
    problems = []
    for name, scheme in SCHEMES.items():
        known = LANGUAGES if name == "language" else vocabulary.codes(scheme)
        problems += [
            FieldProblem(name, Message("code-not-known", "There is no “{word}” to filter by.", word=code))
            for code in getattr(filters, name)
            if code not in known
        ]
    if filters.currency and filters.currency not in vocabulary.codes("currencies"):
        problems.append(
            FieldProblem(
                "currency",
                Message("code-not-known", "There is no “{word}” to filter by.", word=filters.currency),
            )
        )
    if problems:
        raise BadInput(problems)


_WRITTEN_IN = {
    "zh-Hans": Message("close-in-zh-hans", "Close in meaning, written in Simplified Chinese"),
    "zh-Hant": Message("close-in-zh-hant", "Close in meaning, written in Traditional Chinese"),
    "en": Message("close-in-en", "Close in meaning, written in English"),
    "ru": Message("close-in-ru", "Close in meaning, written in Russian"),
    "es": Message("close-in-es", "Close in meaning, written in Spanish"),
}
LANGUAGES = tuple(_WRITTEN_IN)


def _page(
    session: Session, index: SearchIndex, found: Found, after: int | None, limit: int
) -> list[Hit] | None:
    """The hits after a cursor; None where the database knows better than the index."""
    start = found.start(after)
    rows = found.rows[start : start + limit].tolist()
    numbers = found.snapshot.ids[rows].tolist()
    there = public_cards(session, numbers)
    if len(there) < len(numbers):
        return None
    meant = found.meant
    if meant is None or found.scores is None:
        return [Hit(*there[number]) for number in numbers]
    if meant.vector is None:
        return [Hit(*there[number], None, _why(index, number, meant)) for number in numbers]
    return [
        Hit(*there[number], score, _why(index, number, meant, score))
        for number, score in zip(numbers, shown_scores(found.scores[rows]), strict=True)
    ]


def confirmed(session: Session, numbers: Iterable[int]) -> dict[int, tuple[Listing, Organization]]:
    """Those of the listings that everybody sees, with their organizations."""
    day = listings.today()
    wanted = (
        select(Listing, Organization)
        .join(Organization, col(Organization.id) == col(Listing.organization_id))
        .where(col(Listing.id).in_(list(numbers)), listings.open_on(day), organizations.acting(day))
    )
    return {listing.key: (listing, organization) for listing, organization in session.exec(wanted)}


def shown_scores(scores: NDArray[np.float64]) -> list[float]:
    """Scores as people see them, in [0, .99]."""
    shown: list[float] = np.round(np.minimum(BEST_SHOWN, semantic_feature(scores)), 4).tolist()
    return shown


def _same(scheme: str, code: str) -> Message:
    """What a listing has that was asked for."""
    term = Term(scheme, code)
    if scheme == "themes":
        return Message("search-theme", "Theme: {term}", term=term)
    if scheme == "groups":
        return Message("search-group", "For: {term}", term=term)
    if scheme == "places":
        return Message("search-place", "Place: {term}", term=term)
    return Message("search-kind", "Resource: {term}", term=term)


def _why(index: SearchIndex, number: int, meant: Meant, score: float | None = None) -> tuple[Message, ...]:
    """Why a listing was found: concepts and words that were typed, then closeness in meaning."""
    about = index.concepts_of(number)
    reasons = [
        _same(scheme, shared)
        for scheme in ("themes", "groups", "places", "kinds")
        for shared in sorted(
            meant.concepts.get(scheme, frozenset()) & about[scheme]
            | {named for found, named in meant.named if found == scheme and named in about[scheme]}
        )[:2]
    ]
    own = index.words_of(number)
    words = [typed for word, typed in meant.words.items() if index.word_number(word) in own]
    if words:
        reasons.append(Message("search-words", "Has the words: {words}", words=", ".join(words[:4])))
    if score is not None and (score >= CLOSE or not reasons):
        language = index.language_of(number)
        same = language == meant.language or language not in _WRITTEN_IN
        reasons.append(
            Message("similar-meaning", "Texts close in meaning") if same else _WRITTEN_IN[language]
        )
    return tuple(reasons[:MOST_REASONS])


# For an organization ----------------------------------------------------------------------------------


def for_you(session: Session, site: Site, actor: Actor, *, side: Side, limit: int = 5) -> list[Hit]:
    """Needs (or offers) that fit what the actor's organizations offer (or need), the best first.

    Own listings are those that are open, else drafts. Pairs that could never be are left out: strings
    attached, conflicts of interest, nothing given that is needed. Empty where there is nothing of one's own,
    and for those who have turned personal suggestions off.
    """
    if not allows(session, actor.user_id, ConsentPurpose.RECOMMENDATIONS):
        return []
    other = Side.OFFER if side is Side.NEED else Side.NEED
    mine = listings.mine(session, actor, other)
    day = listings.today()
    own = [one for one in mine if listings.is_open(one, day)] or [
        one for one in mine if one.status is ListingStatus.DRAFT and one.title
    ]
    own = own[:OWN_LISTINGS]
    if not own:
        return []
    index = index_of(site)
    snapshot = index.current(session)
    profiles = listings.profiles_of(session, own)
    theirs = snapshot.is_offer if side is Side.OFFER else ~snapshot.is_offer
    theirs = theirs & ~snapshot.of(one.organization_id for one in own)
    near: list[tuple[float, int, int]] = []
    for place, one in enumerate(own):
        nearness = _nearness_of(session, index, snapshot, one, offers=side is Side.OFFER)
        near += [(float(nearness[row]), int(snapshot.ids[row]), place) for row in _nearest(nearness, theirs)]
    pairs = confirmed(session, {number for _, number, _ in near})
    seen: dict[int, Profile] = {}
    hits: dict[int, Hit] = {}
    for score, number, place in sorted(near, key=lambda one: (-one[0], -one[1], one[2])):
        if len(hits) == limit:
            break
        if number in hits or number not in pairs:
            continue
        if number not in seen:
            seen[number] = listings.profile_of(session, *pairs[number])
        profile, ours = seen[number], profiles[place]
        need, offer = (profile, ours) if side is Side.NEED else (ours, profile)
        if pair_refusal(need, offer, _RULES) is None and lines_meet(need, offer, _RULES):
            (shown,) = shown_scores(np.array([score]))
            hits[number] = Hit(*pairs[number], shown, evidence(need, offer, shown, _NO_RECORD))
    return list(hits.values())


OWN_LISTINGS = 20
"""How many of one's own listings suggestions come from."""
_RULES = Rules()
_NO_RECORD = TrackRecord(())


def similar(session: Session, site: Site, listing: Listing, limit: int = 4) -> list[Hit]:
    """Other open listings of the same side that are much like this one."""
    index = index_of(site)
    snapshot = index.current(session)
    offers = listing.side == Side.OFFER
    nearness = _nearness_of(session, index, snapshot, listing, offers=offers)
    same = snapshot.is_offer if offers else ~snapshot.is_offer
    rows = _nearest(nearness, same & (snapshot.ids != listing.key), limit, FLOOR)
    numbers = snapshot.ids[rows].tolist()
    there = public_cards(session, numbers)
    ours = index.themes_and_groups(listing)
    places = frozenset(listing.places or listings.organization_of(session, listing).places)
    hits = []
    for number, score in zip(numbers, shown_scores(nearness[rows]), strict=True):
        if number in there:
            card, maker = there[number]
            near = nearness_of_places(places, frozenset(card.places or maker.places))
            reasons = shared(ours, index.themes_and_groups(card), score, near)
            hits.append(Hit(card, maker, score, tuple(reasons)))
    return hits


def _nearness_of(
    session: Session, index: SearchIndex, snapshot: Snapshot, listing: Listing, *, offers: bool
) -> NDArray[np.float64]:
    """How near every offer (or need) is to a listing, in meaning and in themes and groups.

    A listing that has no vector yet, such as a draft, is encoded here.
    """
    kept = index.raw_vector(listing.key) if listing.status is not ListingStatus.DRAFT else None
    if kept is None:
        vectors, languages = profile_vectors([listings.profile_of(session, listing)], index.embedder)
        kept = vectors[0], languages[0]
    nearness = snapshot.nearness(*kept, sides=(offers,)).astype(np.float64)
    for scheme in ("themes", "groups"):
        if codes := getattr(listing, scheme):
            numbers = [index.code_number(scheme, code) for code in sorted(codes)]
            nearness += 0.05 * snapshot.having(snapshot.meant, numbers)
    return nearness


def _nearest(
    nearness: NDArray[np.float64],
    among: NDArray[np.bool_],
    most: int = PROPOSALS,
    floor: float = SUGGESTION_FLOOR,
) -> list[int]:
    """The nearest rows, best first, none below the floor."""
    rows = np.flatnonzero(among & (nearness >= floor))
    order = np.lexsort((-rows, -np.round(nearness[rows], 6)))
    return [int(row) for row in rows[order[:most]]]


# Saved searches and pins ------------------------------------------------------------------------------


def saved_visible_to(actor: Actor) -> SelectOfScalar[SavedSearch]:
    """One's own saved searches; nobody else's, whoever one is."""
    return select(SavedSearch).where(col(SavedSearch.user_id) == (actor.user_id or 0))


def saved(session: Session, actor: Actor) -> list[SavedSearch]:
    """One's own saved searches, the newest first."""
    return list(session.exec(saved_visible_to(actor).order_by(col(SavedSearch.id).desc())))


def saved_search(session: Session, actor: Actor, uid: str) -> SavedSearch:
    """One saved search. Raises NotFound."""
    found = session.exec(saved_visible_to(actor).where(SavedSearch.uid == uid)).first()
    if found is None:
        raise NotFound
    return found


def pins(session: Session, actor: Actor) -> list[tuple[Pin, Hit]]:
    """What one has pinned and everybody still sees, the newest pin first."""
    wanted = (
        select(Pin, Listing, Organization)
        .join(Listing, col(Listing.id) == col(Pin.listing_id))
        .join(Organization, col(Organization.id) == col(Listing.organization_id))
        .where(col(Pin.user_id) == (actor.user_id or 0), listings.public(listings.today()))
        .order_by(col(Pin.id).desc())
    )
    return [(pin, Hit(listing, organization)) for pin, listing, organization in session.exec(wanted)]


def pinned(session: Session, actor: Actor, numbers: Sequence[int]) -> frozenset[int]:
    """Those of the listings (by number) that one has pinned."""
    if not actor.signed_in or not numbers:
        return frozenset()
    mine = select(Pin.listing_id).where(
        col(Pin.user_id) == actor.user_id, col(Pin.listing_id).in_(list(numbers))
    )
    return frozenset(session.exec(mine))


def asked_of(saved: SavedSearch) -> Asked:
    """The query of a saved search."""
    return Asked.model_validate(saved.query)


def now_found(session: Session, site: Site, asked: Asked) -> list[str]:
    """uids of the newest listings that a search finds now, which no digest needs to tell."""
    newest = asked.filters.model_copy(update={"sort": Sort.NEWEST})
    found = search(session, site, asked.q, newest, limit=NOW_FOUND, wait=True)
    return [hit.listing.uid for hit in found.items]


NOW_FOUND = 200
